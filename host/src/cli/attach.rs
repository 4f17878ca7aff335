//! `baton attach`.

use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use baton::{AttachRequest, Baton};
use serde_json::{Value, json};

use super::args::{Attach, Format};
use super::failure::Failure;
use super::output::{attached_json, counted, files, named, sized, step_json, warnings_json};
use super::progress::Talk;
use super::settings::{Settings, verifying_key};
use super::sink::{print_json, say};

pub(crate) fn run(settings: &Settings, args: Attach) -> Result<(), Failure> {
    let Attach {
        selector,
        at,
        only,
        clean,
        on_conflict,
        require_signed,
        dry_run,
        look_up,
        strict,
    } = args;
    settings.check_pinned(require_signed.as_ref())?;
    let mut settings = settings.clone();
    settings.options.require_signed = require_signed.as_ref().map(verifying_key).transpose()?;
    let settings = &settings;
    let scope = settings.scope(selector, look_up, strict.strict)?;
    let request = AttachRequest {
        scope,
        only,
        clean,
        on_conflict: on_conflict.into(),
        dry_run,
    };
    let baton = settings.reader()?;
    if dry_run && !at.exists() {
        // An empty directory shows what would be done to one that is not there.
        let stand_in = std::env::temp_dir().join(format!("baton-dry-run-{}", std::process::id()));
        std::fs::create_dir(&stand_in).with_context(|| format!("{} cannot be made", stand_in.display()))?;
        let shown = transfer(settings, &baton, &stand_in, request);
        std::fs::remove_dir(&stand_in)
            .with_context(|| format!("{} cannot be removed", stand_in.display()))?;
        return shown;
    }
    transfer(settings, &baton, &at, request)
}

fn transfer(settings: &Settings, baton: &Baton, at: &Path, request: AttachRequest) -> Result<(), Failure> {
    let started = Instant::now();
    let mut talk = Talk::new("attaching", request.dry_run);
    let report = baton.attach(at, request, &mut talk);
    talk.end();
    let took = started.elapsed();
    match (report?, settings.format) {
        (None, Format::Text) => {
            talk.print_steps();
            say(&format!(
                "would attach {}, {}",
                files(talk.planned_files),
                sized(talk.planned_bytes)
            ));
        }
        (None, Format::Json) => print_json(&json!({
            "dry_run": true,
            "files": talk.planned_files,
            "bytes": talk.planned_bytes,
            "steps": talk.steps.iter().map(step_json).collect::<Value>(),
            "warnings": warnings_json(&talk.warnings),
        })),
        (Some(report), Format::Json) => print_json(&attached_json(&report, &talk.warnings, took)),
        (Some(report), Format::Text) => {
            let from: Vec<String> = report.builds.iter().map(named).collect();
            let from = if from.is_empty() {
                String::new()
            } else {
                format!(" from {}", from.join(", "))
            };
            let removed = match report.removed {
                0 => String::new(),
                removed => format!(", {} removed", counted(removed)),
            };
            say(&format!(
                "attached {}, {}{from}; {} new with {}, {} fetched{removed}; {:.1} s",
                files(report.files),
                sized(report.bytes),
                counted(report.new_files),
                sized(report.new_bytes),
                sized(report.fetched_bytes),
                took.as_secs_f64()
            ));
        }
    }
    Ok(())
}

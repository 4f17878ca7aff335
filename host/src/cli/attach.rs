//! `baton attach`.

use std::time::Instant;

use baton::AttachRequest;
use serde_json::{Value, json};

use super::args::{Attach, Format};
use super::failure::Failure;
use super::output::{
    action_name, attached_json, counted, escaped, files, named, print, print_json, say, sized, step_json, warnings_json,
};
use super::progress::Talk;
use super::settings::Settings;

pub(crate) fn run(settings: &Settings, args: Attach) -> Result<(), Failure> {
    let Attach { selector, at, only, clean, on_conflict, dry_run, look_up } = args;
    let scope = settings.scope(selector, look_up)?;
    let request = AttachRequest { scope, only, clean, on_conflict: on_conflict.into(), dry_run };
    let baton = settings.reader()?;
    let started = Instant::now();
    let mut talk = Talk::new("attaching", dry_run);
    let report = baton.attach(&at, request, &mut talk);
    talk.end();
    let took = started.elapsed();
    match (report?, settings.format) {
        (None, Format::Text) => {
            for step in &talk.steps {
                print(&format!("{:8} {:>10} {}", action_name(step), sized(step.bytes), escaped(&step.path)));
            }
            say(&format!("would attach {}, {}", files(talk.planned_files), sized(talk.planned_bytes)));
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
            let from = if from.is_empty() { String::new() } else { format!(" from {}", from.join(", ")) };
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

//! `baton persist`.

use std::time::Instant;

use baton::PersistRequest;
use serde_json::{Value, json};

use super::args::{Format, Persist};
use super::failure::Failure;
use super::output::{counted, files, named, persisted_json, sized, step_json, warnings_json};
use super::progress::Talk;
use super::settings::{Settings, signing_key};
use super::sink::{print, print_json, say};

pub(crate) fn run(settings: &Settings, args: Box<Persist>) -> Result<(), Failure> {
    let Persist {
        paths,
        name,
        root,
        if_no_files,
        special_files,
        on_conflict,
        sign,
        dry_run,
        build,
    } = *args;
    let mut settings = settings.clone();
    settings.options.sign = sign.as_ref().map(signing_key).transpose()?;
    let settings = &settings;
    let context = settings.context(&build.into())?.into();
    let request = PersistRequest {
        name,
        paths,
        if_no_files: if_no_files.into(),
        special_files: special_files.into(),
        on_conflict: on_conflict.into(),
        context,
        dry_run,
    };
    let baton = if dry_run {
        settings.looker()?
    } else {
        settings.writer()?
    };
    let started = Instant::now();
    let mut talk = Talk::new("persisting", dry_run);
    let report = baton.persist(&root, request, &mut talk);
    talk.end();
    let took = started.elapsed();
    match (report?, settings.format) {
        (None, Format::Text) => {
            talk.print_steps();
            say(&format!(
                "would persist {}, {}",
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
        (Some(report), Format::Json) => print_json(&persisted_json(&report, &talk.warnings, took)),
        (Some(report), Format::Text) => {
            let repeated = if report.repeated {
                " (it was there already)"
            } else {
                ""
            };
            say(&format!(
                "persisted {} as {}{repeated}: {}, {}; {} new with {}, {} stored; {:.1} s",
                report.build.artifact,
                named(&report.build),
                files(report.files),
                sized(report.bytes),
                counted(report.new_files),
                sized(report.new_bytes),
                sized(report.stored_bytes),
                took.as_secs_f64()
            ));
            print(&report.build.selector);
        }
    }
    Ok(())
}

//! `baton persist`.

use std::time::Instant;

use baton_host::Problem;
use baton_host::persist::{PersistRequest, StoredAgain};

use super::args::{Format, Persist};
use super::failure::Failure;
use super::json;
use super::output::{counted, files, named, sized, warn};
use super::paths::below;
use super::progress::{DryRun, Talk};
use super::settings::{Settings, signing_key};
use super::sink::{note, print, print_json};

pub(crate) fn run(settings: &Settings, args: Persist) -> Result<(), Failure> {
    let Persist {
        paths,
        name,
        root,
        if_no_files,
        special_files,
        on_conflict,
        sign,
        repair,
        dry_run,
        context,
    } = args;
    settings.check_pinned(sign.as_ref())?;
    let paths = paths
        .iter()
        .map(|path| below(&root, path))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|wrong| Failure::usage(&wrong))?;
    let mut settings = settings.clone();
    settings.options.sign = sign.as_ref().map(signing_key).transpose()?;
    let settings = &settings;
    let context = settings.context(&context.values)?;
    let mut warnings: Vec<Problem> = settings.warn_of_store(&context).into_iter().collect();
    warn(&warnings);
    let mut request = PersistRequest::new(paths, context.into())
        .name(name)
        .if_no_files(if_no_files.into())
        .special_files(special_files.into())
        .on_conflict(on_conflict.into());
    request.repair = repair;
    if dry_run {
        let plan = settings.looker()?.plan_persist(&root, &request)?;
        let dry_run = DryRun {
            verb: "persist",
            format: settings.format,
            warnings,
        };
        dry_run.show(plan)?;
        return Ok(());
    }
    let started = Instant::now();
    let mut talk = Talk::new("persisting");
    let report = settings.writer()?.persist(&root, &request, &mut talk);
    talk.end();
    let took = started.elapsed();
    warnings.append(&mut talk.warnings);
    match (report?, settings.format) {
        (report, Format::Json) => print_json(&json::Persisted::new(&report, &warnings, took)),
        (report, Format::Text) => {
            let repeated = match (report.repeated, report.repaired) {
                (_, true) => " (it was damaged, and is repaired)",
                (true, false) => " (already persisted)",
                (false, false) => "",
            };
            note(&format!(
                "persisted {} as {}{repeated}: {}, {}; {} new with {}, {} stored{}; {:.1} s",
                report.build.artifact,
                named(&report.build),
                files(report.files),
                sized(report.bytes),
                counted(report.new_files),
                sized(report.new_bytes),
                sized(report.stored_bytes),
                again(&report.stored_again),
                took.as_secs_f64()
            ));
            print(&report.build.selector);
        }
    }
    Ok(())
}

/// Returns what was stored again, and why.
fn again(again: &StoredAgain) -> String {
    let reasons = [
        (again.lost_bytes, "because it was missing or damaged"),
        (
            again.sparse_bytes,
            "because the build uses little of where it lay",
        ),
        (
            again.condemned_bytes,
            "because a prune is about to delete where it lay",
        ),
    ];
    let shown = |(bytes, why): &(u64, &str)| format!(", {} of it again {why}", sized(*bytes));
    reasons
        .iter()
        .filter(|(bytes, _)| *bytes > 0)
        .map(shown)
        .collect()
}

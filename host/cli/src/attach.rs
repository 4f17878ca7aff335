//! `baton attach`.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use baton_host::{AttachRequest, Attached, Baton, Build, Error, PluginError, Problem};

use super::args::{Attach, Format, IfNoBuild};
use super::failure::Failure;
use super::output::{attached_json, counted, files, named, sized, warn};
use super::progress::{DryRun, Talk};
use super::settings::{Settings, verifying_key};
use super::sink::{note, print_json};

pub(crate) fn run(settings: &Settings, args: Attach) -> Result<(), Failure> {
    let Attach {
        selector,
        at,
        only,
        clean,
        strip,
        flatten,
        if_no_build,
        on_conflict,
        require_signed,
        dry_run,
        look_up,
        having,
        strict,
    } = args;
    settings.check_pinned(require_signed.as_ref())?;
    let mut settings = settings.clone();
    settings.options.require_signed = require_signed.as_ref().map(verifying_key).transpose()?;
    let settings = &settings;
    let mut scope = settings.scope(selector, look_up, strict.strict)?;
    scope.having = having.having;
    let request = AttachRequest {
        scope,
        only,
        clean,
        strip,
        flatten,
        on_conflict: on_conflict.into(),
        dry_run,
    };
    // A store that does not exist yet has no build.
    let baton = match if_no_build {
        IfNoBuild::Error => settings.reader()?,
        IfNoBuild::Warn | IfNoBuild::Ignore => settings.looker()?,
    };
    let failure = match attach(settings, &baton, &at, request) {
        Err(failure) => failure,
        Ok(()) => return Ok(()),
    };
    match (no_build(&failure), if_no_build) {
        (Some(problem), IfNoBuild::Warn) => nothing_attached(settings, &[problem]),
        (Some(_), IfNoBuild::Ignore) => nothing_attached(settings, &[]),
        _ => return Err(failure),
    }
    Ok(())
}

/// Returns the problem of a failure that says that there is no build.
fn no_build(failure: &Failure) -> Option<Problem> {
    match failure {
        Failure::Run(Error::Plugin(PluginError::NothingMatched(problem)))
            if !matches!(problem.code.as_str(), "nothing-selected" | "through-symlink") =>
        {
            Some(problem.clone())
        }
        _ => None,
    }
}

/// Reports that there was nothing to attach, which the user allowed.
fn nothing_attached(settings: &Settings, warnings: &[Problem]) {
    warn(warnings);
    match settings.format {
        Format::Text => note("attached nothing: no build was found"),
        Format::Json => {
            let nothing = Attached {
                builds: Vec::new(),
                files: 0,
                directories: 0,
                symlinks: 0,
                bytes: 0,
                new_files: 0,
                new_bytes: 0,
                fetched_bytes: 0,
                removed: 0,
            };
            print_json(&attached_json(&nothing, warnings, Duration::ZERO));
        }
    }
}

fn attach(settings: &Settings, baton: &Baton, at: &Path, request: AttachRequest) -> Result<(), Failure> {
    // A dangling symlink exists, and no directory can be created in its place.
    if request.dry_run && at.symlink_metadata().is_err() {
        // A missing target is planned as an empty directory.
        let stand_in = std::env::temp_dir().join(format!("baton-dry-run-{}", std::process::id()));
        std::fs::create_dir(&stand_in).with_context(|| format!("cannot create {}", stand_in.display()))?;
        let shown = transfer(settings, baton, &stand_in, request);
        std::fs::remove_dir(&stand_in)
            .with_context(|| format!("{} cannot be removed", stand_in.display()))?;
        return shown;
    }
    transfer(settings, baton, at, request)
}

fn transfer(settings: &Settings, baton: &Baton, at: &Path, request: AttachRequest) -> Result<(), Failure> {
    let started = Instant::now();
    let dry_run = request.dry_run.then_some(DryRun {
        verb: "attach",
        format: settings.format,
        warnings: Vec::new(),
    });
    let mut talk = Talk::new("attaching", dry_run);
    let report = baton.attach(at, request, &mut talk);
    talk.end();
    let took = started.elapsed();
    match (report?, settings.format) {
        // The dry run was printed when its plan was complete.
        (None, _) => {}
        (Some(report), Format::Json) => print_json(&attached_json(&report, &talk.warnings, took)),
        (Some(report), Format::Text) => {
            let from = from(&report.builds);
            let removed = match report.removed {
                0 => String::new(),
                removed => format!(", {} removed", counted(removed)),
            };
            note(&format!(
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

/// Names the builds, each once: the layers of a workspace are often of a few builds.
fn from(builds: &[Build]) -> String {
    const SHOWN: usize = 5;
    let mut names: Vec<String> = Vec::new();
    for name in builds.iter().map(named) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    match names.get(..SHOWN).zip(names.len().checked_sub(SHOWN)) {
        Some((shown, more)) if more > 0 => format!(
            " from {} and {} more builds",
            shown.join(", "),
            counted(more as u64)
        ),
        _ if names.is_empty() => String::new(),
        _ => format!(" from {}", names.join(", ")),
    }
}

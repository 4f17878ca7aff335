//! `baton attach`.

use std::path::Path;
use std::time::{Duration, Instant};

use baton_host::attach::{AttachRequest, Attached};
use baton_host::builds::Build;
use baton_host::{Baton, Error, PluginError, Problem};

use super::args::{Attach, Format, IfNoBuild};
use super::failure::Failure;
use super::json;
use super::output::{counted, files, named, sized, warn};
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
    let mut request = AttachRequest::new(scope).on_conflict(on_conflict.into());
    request.only = only;
    request.clean = clean;
    request.strip = strip;
    request.flatten = flatten;
    // A store that does not exist yet has no build.
    let baton = match if_no_build {
        IfNoBuild::Error => settings.reader()?,
        IfNoBuild::Warn | IfNoBuild::Ignore => settings.looker()?,
    };
    let attached = match dry_run {
        true => plan(settings, &baton, &at, &request),
        false => transfer(settings, &baton, &at, &request),
    };
    let failure = match attached {
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
            print_json(&json::Attached::new(
                &Attached::default(),
                warnings,
                Duration::ZERO,
            ));
        }
    }
}

fn plan(settings: &Settings, baton: &Baton, at: &Path, request: &AttachRequest) -> Result<(), Failure> {
    let dry_run = DryRun {
        verb: "attach",
        format: settings.format,
        warnings: Vec::new(),
    };
    dry_run.show(baton.plan_attach(at, request)?)?;
    Ok(())
}

fn transfer(settings: &Settings, baton: &Baton, at: &Path, request: &AttachRequest) -> Result<(), Failure> {
    let started = Instant::now();
    let mut talk = Talk::new("attaching");
    let report = baton.attach(at, request, &mut talk);
    talk.end();
    let took = started.elapsed();
    match (report?, settings.format) {
        (report, Format::Json) => print_json(&json::Attached::new(&report, &talk.warnings, took)),
        (report, Format::Text) => {
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

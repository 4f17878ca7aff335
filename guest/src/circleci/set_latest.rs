//! Sets the variable with the number of the latest build, for jobs that still read it.
//!
//! The API has no conditional write: if two jobs set the variable at once, the last one wins, and the API never shows the
//! whole value. So the checks come first, and a warning says which of them were impossible.

use super::find::{Matches, find};
use super::send::Client;
use super::source::Source;
use crate::context::Context;
use crate::error::{Error, Problem, Result, warning};
use crate::lookup::Scope;
use crate::ports::Http;

/// The API shows so many characters of a value, at its end.
const SHOWN: usize = 4;
/// In front of them.
const MASK: &str = "xxxx";

/// The request to set the variable.
#[derive(Debug, Clone, Default)]
pub struct SetLatest {
    /// Of which project.
    pub source: Source,
    /// The variable's name.
    pub variable: String,
    /// Its value: the number of a build.
    pub number: u64,
    /// The value of the variable when this job began, if it had one.
    pub seen: Option<u64>,
    /// Whether to set it even if that moves it backwards.
    pub force: bool,
    /// The build that asks.
    pub context: Context,
}

/// The result of setting the variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatestSet {
    /// Warnings about checks that were impossible.
    pub warnings: Vec<Problem>,
    /// The value before, masked as the API shows it. Absent: there was none.
    pub before: Option<String>,
}

/// Sets the variable, unless that is known to move it backwards.
pub fn set_latest(http: &impl Http, request: &SetLatest) -> Result<LatestSet> {
    check_variable(&request.variable)?;
    let client = Client {
        http,
        source: &request.source,
    };
    let mut warnings = Vec::new();
    let mut before = None;
    if !request.force {
        if let Some(seen) = request.seen.filter(|seen| *seen > request.number) {
            return Err(backwards(request, &format!("it said {seen} when this job began")));
        }
        before = client.variable(&request.variable)?.map(|variable| variable.value);
        if let Some(masked) = &before {
            check_masked(request, masked, &mut warnings)?;
        }
        check_with_api(&client, request, &mut warnings)?;
    }
    client.set_variable(&request.variable, &request.number.to_string())?;
    Ok(LatestSet { warnings, before })
}

/// Compares with what the API shows: the end of the value, and all of it where it is short.
fn check_masked(request: &SetLatest, masked: &str, warnings: &mut Vec<Problem>) -> Result<()> {
    let shown = masked.strip_prefix(MASK).unwrap_or(masked);
    let Ok(end) = shown.parse::<u64>() else {
        let message = format!(
            "{} is set, and the API hides its value: cannot tell whether this moves it backwards",
            request.variable
        );
        warnings.push(warning("previous-unknown", message, &request.variable));
        return Ok(());
    };
    // At least this, whatever stands before it.
    if end > request.number {
        return Err(backwards(request, &format!("the API shows {masked}")));
    }
    if shown.len() >= SHOWN {
        let message = format!(
            "the API shows only {masked} of {}: cannot tell whether this moves it backwards",
            request.variable
        );
        warnings.push(warning("previous-unknown", message, &request.variable));
    }
    Ok(())
}

/// Compares with the newest successful job of this name on this branch: one of a newer pipeline has set the variable, or
/// is about to.
fn check_with_api(
    client: &Client<'_, impl Http>,
    request: &SetLatest,
    warnings: &mut Vec<Problem>,
) -> Result<()> {
    let context = &request.context;
    let mut unknown = |why: &str| {
        let message = format!("cannot tell whether a newer build is already the latest: {why}");
        warnings.push(warning("newest-unknown", message, &request.variable));
    };
    let (job, own) = own(client, request);
    let (Some(job), Some(branch)) = (job, &context.branch) else {
        unknown("the runner does not say which job and branch this is");
        return Ok(());
    };
    let scope = Scope {
        selector: format!("latest@{branch}"),
        jobs: vec![job],
        context: context.clone(),
        ..Scope::default()
    };
    let newest = match find(client, &scope) {
        Ok(Matches::First(mut candidates)) => candidates
            .next(client)
            .map(|newest| newest.ok_or_else(|| (candidates.is_exhaustive(), candidates.nothing(&scope)))),
        Ok(Matches::All(_)) => return Err(Error::internal("latest means several jobs")),
        Err(error) => Err(error),
    };
    let newest = match newest {
        Ok(Ok(newest)) if newest.number != request.number => newest,
        // This very build; or none at all has succeeded so far.
        Ok(Ok(_) | Err((true, _))) => return Ok(()),
        Ok(Err((false, error))) | Err(error) => {
            unknown(&error.to_string());
            return Ok(());
        }
    };
    let backwards = |pipeline: &str| {
        let why = format!(
            "{}{pipeline} on branch {branch} is newer than build:{}",
            newest.shown(),
            request.number
        );
        Err(backwards(request, &why))
    };
    match (newest.pipeline, own) {
        (Some(of_newest), Ok(own)) if (of_newest, newest.number) > (own, request.number) => {
            backwards(&format!(" of pipeline {of_newest}"))
        }
        (Some(_), Ok(_)) => Ok(()),
        // Numbers alone say it for all but a rerun of an old pipeline.
        _ if newest.number > request.number => backwards(""),
        (None, _) => {
            unknown(&format!(
                "the API does not say the pipeline of {}",
                newest.shown()
            ));
            Ok(())
        }
        (Some(_), Err(why)) => {
            unknown(&why);
            Ok(())
        }
    }
}

/// Returns the name of the job whose number is to be set, and its pipeline's number, or why that is not known. The runner
/// tells of the job that runs; any other one is asked for.
fn own(client: &Client<'_, impl Http>, request: &SetLatest) -> (Option<String>, Result<u64, String>) {
    let context = &request.context;
    let (name, workflow) = if context.number == Some(request.number) {
        if let Some(run) = context.run {
            return (context.job.clone(), Ok(run));
        }
        (context.job.clone(), context.workflow.clone())
    } else {
        match client.job(request.number) {
            Ok(job) => (Some(job.name), job.latest_workflow.map(|it| it.id)),
            Err(error) => return (context.job.clone(), Err(error.to_string())),
        }
    };
    let Some(workflow) = workflow else {
        let why = format!("the workflow of build:{} is unknown", request.number);
        return (name, Err(why));
    };
    let pipeline = client.workflow(&workflow).map(|it| it.pipeline_number);
    (name, pipeline.map_err(|error| error.to_string()))
}

fn backwards(request: &SetLatest, why: &str) -> Error {
    let message = format!(
        "{} is not set to {}, which would move it backwards: {why}",
        request.variable, request.number
    );
    Error::stale("latest-moved-on", message, &request.variable)
}

/// Checks the name of a variable: what CircleCI and a shell take.
fn check_variable(name: &str) -> Result<()> {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if begins && plain && name.len() <= 200 {
        return Ok(());
    }
    let message = "a variable's name has letters, digits and `_`, and does not begin with a digit";
    Err(Error::invalid("wrong-variable", message, name))
}

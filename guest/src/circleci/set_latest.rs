//! Sets the variable that says which build is the latest, as people did before a look-up could tell.
//!
//! The API takes any value, from anybody, without a condition: the last writer wins, and nobody sees the value in full
//! again. So what can be known beforehand is asked beforehand, and what cannot be known is said.

use super::find::{Found, find};
use super::send::Client;
use super::{Source, check_variable};
use crate::context::Context;
use crate::error::{Error, Problem, Result, warning};
use crate::lookup::Scope;
use crate::ports::Http;

/// The API shows so many characters of a value, at its end.
const SHOWN: usize = 4;
/// In front of them.
const MASK: &str = "xxxx";

/// What is to be set.
#[derive(Debug, Clone, Default)]
pub struct SetLatest {
    /// Of which project.
    pub source: Source,
    /// The variable's name.
    pub variable: String,
    /// Its value: the number of a build.
    pub number: u64,
    /// What the variable said when this job began, if it said anything.
    pub seen: Option<u64>,
    /// Whether to set it even if that moves it backwards.
    pub force: bool,
    /// Which build this is.
    pub context: Context,
}

/// What was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatestSet {
    /// What could not be known.
    pub warnings: Vec<Problem>,
    /// What the API shows of the value before, masked. Absent: there was none.
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
            "{} is set, and the API hides all of its value: whether this moves it backwards is not known",
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
            "the API shows only {masked} of {}: whether this moves it backwards is not known",
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
        let message = format!("whether a newer build is the latest already is not known: {why}");
        warnings.push(warning("newest-unknown", message, &request.variable));
    };
    let (Some(job), Some(branch)) = (&context.job, &context.branch) else {
        unknown("the runner does not say which job and branch this is");
        return Ok(());
    };
    let scope = Scope {
        selector: format!("latest@{branch}"),
        jobs: vec![job.clone()],
        context: context.clone(),
        ..Scope::default()
    };
    let newest = match find(client, &scope) {
        Ok(Found::First(mut candidates)) => candidates.next(client),
        Ok(Found::All(_)) => Ok(None),
        Err(error) => Err(error),
    };
    let newest = match newest {
        Ok(Some(newest)) if newest.number != request.number => newest,
        Ok(_) => return Ok(()),
        Err(error) => {
            unknown(&error.to_string());
            return Ok(());
        }
    };
    let own = match (context.run, &context.workflow) {
        (Some(run), _) => Some(run),
        (None, Some(workflow)) => client.workflow(workflow).ok().map(|it| it.pipeline_number),
        (None, None) => None,
    };
    let newer = match (newest.pipeline, own) {
        (Some(newest_pipeline), Some(own)) => (newest_pipeline, newest.number) > (own, request.number),
        _ => newest.number > request.number,
    };
    if newer {
        let why = format!(
            "{} of pipeline {} on branch {branch} is newer than build:{}",
            newest.shown(),
            newest.pipeline.unwrap_or_default(),
            request.number
        );
        return Err(backwards(request, &why));
    }
    Ok(())
}

fn backwards(request: &SetLatest, why: &str) -> Error {
    let message = format!(
        "{} is not set to {}, which would move it backwards: {why}",
        request.variable, request.number
    );
    Error::stale("latest-moved-on", message, &request.variable)
}

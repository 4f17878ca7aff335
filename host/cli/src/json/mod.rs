//! The values that `--format json` prints. Each field is described in docs/reference/json.md, and docs/reference/json.schema.json
//! is generated from these types. The fields are in alphabetical order, and so is the output.

mod build;
mod channels;
mod doctor;
mod local;
mod lookup;
mod rows;
#[cfg(test)]
mod schema;
mod transfer;
mod upkeep;

#[cfg(test)]
use schemars::JsonSchema;
use serde::Serialize;

use baton_host::{Problem, shortened};

use crate::sink::MESSAGE_BYTES_MAX;

pub(crate) use build::{Build, Order, builds};
pub(crate) use channels::{Channels, Event, History, Moved};
pub(crate) use doctor::{Check, Component, Doctor, Field, Missing};
pub(crate) use local::{LocalJob, LocalPlan, LocalRun, LocalStep, LocalTests, LocalWorkflow, PlannedJob};
pub(crate) use lookup::{Artifacts, Builds, Change, ChangeKind, Diff, Entry, Latest, LatestSet, Show, Sums};
pub(crate) use rows::Rows;
pub(crate) use transfer::{Attached, DryRun, Persisted, Step};
pub(crate) use upkeep::{Decision, Finding, Grant, Limits, Policy, Prune, Removed, Verified};

/// A message of a command that did not fail because of it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Warning {
    /// One of the codes in docs/reference/errors.md.
    code: String,
    /// One sentence without a final period.
    message: String,
    /// The path or value concerned.
    subject: String,
}

/// Returns warnings, cut as messages are.
pub(crate) fn warnings(warnings: &[Problem]) -> Vec<Warning> {
    let cut = |text: &str| shortened(text, MESSAGE_BYTES_MAX).into_owned();
    let warning = |it: &Problem| Warning {
        code: it.code.clone(),
        message: cut(&it.message),
        subject: cut(&it.subject),
    };
    warnings.iter().map(warning).collect()
}

/// The output of a command that fails, instead of its result.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Failed<'a> {
    pub(crate) error: ErrorShown<'a>,
}

/// Why a command failed.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct ErrorShown<'a> {
    /// The causes, outermost first.
    pub(crate) causes: &'a [String],
    /// One of the codes in docs/reference/errors.md.
    pub(crate) code: &'a str,
    /// The remedy.
    pub(crate) hint: Option<&'a str>,
    /// The kind of the error, which decides the exit code.
    pub(crate) kind: &'a str,
    /// One sentence without a final period.
    pub(crate) message: &'a str,
    /// The path, key or value concerned, or empty.
    pub(crate) subject: &'a str,
}

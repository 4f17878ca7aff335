//! `baton persist` and `baton attach`.

use std::time::Duration;

#[cfg(test)]
use schemars::JsonSchema;
use serde::Serialize;

use baton_host::Problem;
use baton_host::transfer::StepKind;

use super::{Build, Warning, builds, warnings};

/// The result of `baton persist`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Persisted {
    /// The first build whose tree served as a base.
    base: Option<Build>,
    build: Build,
    bytes: u64,
    directories: u64,
    files: u64,
    new_bytes: u64,
    new_files: u64,
    /// Whether what it had persisted was damaged, so that its record was replaced.
    repaired: bool,
    /// Whether this build had persisted the same files before.
    repeated: bool,
    seconds: f64,
    stored_again: StoredAgain,
    stored_bytes: u64,
    symlinks: u64,
    warnings: Vec<Warning>,
}

/// The bytes that were stored although the store had them, by the reason.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct StoredAgain {
    condemned_bytes: u64,
    lost_bytes: u64,
    sparse_bytes: u64,
}

impl Persisted {
    pub(crate) fn new(
        report: &baton_host::persist::Persisted,
        about: &[Problem],
        took: Duration,
    ) -> Persisted {
        Persisted {
            base: report.base.as_ref().map(Build::from),
            build: Build::from(&report.build),
            bytes: report.bytes,
            directories: report.directories,
            files: report.files,
            new_bytes: report.new_bytes,
            new_files: report.new_files,
            repaired: report.repaired,
            repeated: report.repeated,
            seconds: took.as_secs_f64(),
            stored_again: StoredAgain {
                condemned_bytes: report.stored_again.condemned_bytes,
                lost_bytes: report.stored_again.lost_bytes,
                sparse_bytes: report.stored_again.sparse_bytes,
            },
            stored_bytes: report.stored_bytes,
            symlinks: report.symlinks,
            warnings: warnings(about),
        }
    }
}

/// The result of `baton attach`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Attached {
    /// The layers, in the order in which they were merged.
    builds: Vec<Build>,
    bytes: u64,
    directories: u64,
    fetched_bytes: u64,
    files: u64,
    new_bytes: u64,
    new_files: u64,
    removed: u64,
    seconds: f64,
    symlinks: u64,
    warnings: Vec<Warning>,
}

impl Attached {
    pub(crate) fn new(report: &baton_host::attach::Attached, about: &[Problem], took: Duration) -> Attached {
        Attached {
            builds: builds(&report.builds),
            bytes: report.bytes,
            directories: report.directories,
            fetched_bytes: report.fetched_bytes,
            files: report.files,
            new_bytes: report.new_bytes,
            new_files: report.new_files,
            removed: report.removed,
            seconds: took.as_secs_f64(),
            symlinks: report.symlinks,
            warnings: warnings(about),
        }
    }
}

/// The plan of a persist or an attach. `S` is a list of [`Step`].
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct DryRun<S> {
    pub(crate) bytes: u64,
    /// True.
    pub(crate) dry_run: bool,
    pub(crate) files: u64,
    /// In path order.
    pub(crate) steps: S,
    pub(crate) warnings: Vec<Warning>,
}

/// The step of a plan for one path.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Step {
    action: Action,
    bytes: u64,
    files: u64,
    path: String,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
enum Action {
    Store,
    Create,
    Replace,
    Compare,
    Remove,
}

impl From<baton_host::transfer::Step> for Step {
    fn from(step: baton_host::transfer::Step) -> Step {
        let action = match step.action {
            StepKind::Store => Action::Store,
            StepKind::Create => Action::Create,
            StepKind::Replace => Action::Replace,
            StepKind::Compare => Action::Compare,
            StepKind::Remove => Action::Remove,
        };
        Step {
            action,
            bytes: step.bytes,
            files: step.files,
            path: step.path,
        }
    }
}

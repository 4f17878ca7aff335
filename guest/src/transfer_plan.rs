//! A plan: what a transfer will do, before it does it. The same shape for persist and attach.

use serde::{Deserialize, Serialize};

use crate::error::Problem;
use crate::record::Record;
use crate::scratch_list::ScratchList;

/// Some MiB of work.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// For the worker.
    pub payload: Vec<u8>,
    /// The number of files.
    pub files: u64,
    /// The number of bytes.
    pub bytes: u64,
}

/// The kind of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepKind {
    /// Persist: it is read, and stored as far as the store does not have it.
    Store,
    /// Attach: nothing exists at the path.
    Create,
    /// Attach: something else exists at the path.
    Replace,
    /// Attach: a file of the same size exists at the path.
    Compare,
    /// Attach: `clean` takes it away.
    Remove,
}

/// One step, for a dry run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The kind.
    pub action: StepKind,
    /// Where.
    pub path: String,
    /// 1, or how many files and symlinks are in a directory that is removed.
    pub files: u64,
    /// The size of a file, or the sum of those in a directory that is removed.
    pub bytes: u64,
}

/// A plan, ready to be run.
#[derive(Debug, Default)]
pub struct Planned {
    /// The work, in order.
    pub tasks: Vec<Task>,
    /// For each worker.
    pub shared: Vec<u8>,
    /// For `finish`.
    pub rest: Vec<u8>,
    /// The number of files.
    pub files: u64,
    /// The sum of their sizes.
    pub bytes: u64,
    /// For a dry run, in path order.
    pub steps: ScratchList<Step>,
    /// Warnings for the user.
    pub warnings: Vec<Problem>,
    /// Attach: the builds that the selector means.
    pub builds: Vec<Record>,
    /// Attach: whether another build may replace them if their bytes turn out to be damaged.
    pub may_fall_back: bool,
}

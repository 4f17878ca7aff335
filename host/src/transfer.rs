//! Transfers: their plans, their steps and their progress. Persisting, attaching and verifying are transfers.

use crate::bindings as wit;
use crate::build::Build;
use crate::instance::Paged;
use crate::mirror::{Convert, mirror};
use crate::plugin_error::{Damage, Problem};

mirror! {
    /// The effect of a transfer on one path.
    pub enum StepKind = transfer::Action {
        /// Persist: the file is read, and stored as far as the store does not have it.
        Store,
        /// Attach: nothing exists at the path.
        Create,
        /// Attach: something else exists at the path, and is replaced.
        Replace,
        /// Attach: a file of the same size exists. Its digest decides whether it is replaced.
        Compare,
        /// Attach: the path is removed by a clean.
        Remove,
    }
}

mirror! {
    /// One step of a planned transfer.
    pub struct Step = transfer::Step {
        /// The effect.
        action: StepKind,
        /// The path, relative to the root or the target.
        path: String,
        /// 1, or the number of files and symlinks in a directory that is removed.
        files: u64,
        /// The size of a file in bytes, or the sum of those in a directory that is removed.
        bytes: u64,
    }
}

/// The steps of a planned transfer, in path order. They are read a page at a time.
pub type Steps = Paged<Step>;

/// A transfer that was planned and not run: a dry run.
#[derive(Debug)]
#[non_exhaustive]
pub struct Plan {
    /// Its size.
    pub totals: Totals,
    /// Each path that it would touch.
    pub steps: Steps,
}

/// The size of a transfer, known before it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// The number of files. For a verify, of packs.
    pub files: u64,
    /// The sum of their sizes in bytes. 0 if nobody knows it: plain artifacts of CircleCI.
    pub bytes: u64,
    /// The builds that are attached or verified.
    pub builds: Vec<Build>,
    /// Notes for the user.
    pub warnings: Vec<Problem>,
}

/// One finished task of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Done {
    /// The number of its files.
    pub files: u64,
    /// The sum of their sizes in bytes.
    pub bytes: u64,
}

/// Receives the progress of a transfer, on the calling thread. Every method defaults to doing nothing; `&mut ()` ignores all
/// of it.
pub trait Progress {
    /// Called once if another attach uses the directory and this one waits for it.
    fn waiting(&mut self) {}

    /// Called when the bytes of the latest build turn out to be damaged, before the attach starts again with another build.
    fn fell_back(&mut self, damage: &Damage) {
        let _ = damage;
    }

    /// Called when the transfer was planned, before it changes anything.
    fn planned(&mut self, totals: &Totals) {
        let _ = totals;
    }

    /// Called after each task, some MiB of work.
    fn done(&mut self, done: Done) {
        let _ = done;
    }
}

/// Ignores all progress.
impl Progress for () {}

impl Totals {
    pub(crate) fn of(planned: &wit::transfer::Planned) -> Totals {
        Totals {
            files: planned.files,
            bytes: planned.bytes,
            builds: planned.builds.clone().convert(),
            warnings: planned.warnings.clone().convert(),
        }
    }
}

impl Done {
    pub(crate) fn of(task: &wit::transfer::Task) -> Done {
        Done {
            files: task.files,
            bytes: task.bytes,
        }
    }
}

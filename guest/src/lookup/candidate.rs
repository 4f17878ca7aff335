//! The newest build of one counter, and what keeps it from being the answer.

use crate::build_id::DatedBuild;
use crate::counter::Rank;
use crate::error::{Error, Problem};
use crate::record::Record;

/// The newest builds of one counter.
pub(super) struct Candidate {
    /// The newest complete build: a record for each node. Empty where there is none.
    pub records: Vec<Record>,
    /// The error that another job of the same run matches equally well.
    pub(super) ambiguous: Option<Error>,
    /// The newest build of which nodes are missing, if it is newer than `records`.
    pub incomplete: Option<Incomplete>,
    /// The damage that ends a strict search, or the first that was passed over.
    pub(super) damage: Option<Error>,
    /// Warnings about damaged builds that were passed over.
    pub(super) skipped: Vec<Problem>,
    pub(super) rank: Rank,
}

impl Candidate {
    /// Returns what it takes to compare the build with others.
    pub(super) fn dated(&self) -> Option<DatedBuild> {
        DatedBuild::of(&self.records)
    }
}

/// Of so many missing nodes the numbers are given.
const NODES_SHOWN: usize = 8;

/// A build of which nodes are missing.
pub(super) struct Incomplete {
    pub(super) records: Vec<Record>,
}

impl Incomplete {
    /// Returns the build whose nodes are these so far. There is at least one.
    pub(super) fn new(records: Vec<Record>) -> Incomplete {
        Incomplete { records }
    }

    /// Returns which nodes are missing: `node 1 of 3`.
    pub(super) fn missing(&self) -> String {
        let total = self.records.first().map_or(0, |record| record.node.total);
        let is_there = |index: &u32| self.records.iter().any(|record| record.node.index == *index);
        let missing: Vec<String> = (0..total)
            .filter(|index| !is_there(index))
            .map(|index| index.to_string())
            .collect();
        let shown = missing.get(..NODES_SHOWN).unwrap_or(&missing).join(", ");
        match missing.len() {
            1 => format!("node {shown} of {total}"),
            count if count > NODES_SHOWN => {
                format!("nodes {shown} and {} more of {total}", count - NODES_SHOWN)
            }
            _ => format!("nodes {shown} of {total}"),
        }
    }

    pub(super) fn job(&self) -> String {
        let job = self.records.first().and_then(|record| record.job.as_deref());
        job.map_or_else(String::new, |job| format!(" of {job}"))
    }

    /// Says which nodes are missing, and what one that has nothing says.
    pub(super) fn what_is_missing(&self) -> String {
        format!(
            "{}{} did not persist; a node that has nothing to persist says so with --if-no-files ignore",
            self.missing(),
            self.job()
        )
    }
}

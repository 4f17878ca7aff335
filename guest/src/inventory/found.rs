//! A record with its keys, and the records of each build.

use std::iter::Peekable;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::ports::Scratch;
use crate::record::Record;
use crate::scratch_list::{Items, ScratchList};

/// A record and its keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoredRecord {
    /// The record.
    pub record: Record,
    /// The keys under which it lies, and those of the revisions that it superseded. First the key by which it was read.
    pub keys: Vec<String>,
}

impl StoredRecord {
    /// Returns the keys under which the record does not lie, though it lies under the one that is written last.
    pub(crate) fn missing(&self) -> Vec<String> {
        let own = self.record.keys().into_iter().chain(self.record.layer_key());
        let missing = own.filter(|own| !self.keys.contains(own) && self.is_complete());
        missing.collect()
    }

    /// Returns whether it lies under the key that is written last.
    pub(super) fn is_complete(&self) -> bool {
        self.record
            .keys()
            .last()
            .is_some_and(|last| self.keys.contains(last))
    }
}

/// Returns the records of each build, in the order of a survey.
pub fn by_build<'s>(records: &ScratchList<StoredRecord>, scratch: &'s dyn Scratch) -> ByBuild<'s> {
    ByBuild(records.items(scratch).peekable())
}

/// The records of one build after the other.
pub struct ByBuild<'s>(Peekable<Items<'s, StoredRecord>>);

impl Iterator for ByBuild<'_> {
    type Item = Result<Vec<StoredRecord>>;

    fn next(&mut self) -> Option<Result<Vec<StoredRecord>>> {
        let first = match self.0.next()? {
            Ok(first) => first,
            Err(error) => return Some(Err(error)),
        };
        let build = first.record.build_id().all_attempts();
        let is_of_it = |found: &StoredRecord| {
            (&found.record.project, &found.record.artifact) == (&first.record.project, &first.record.artifact)
                && found.record.build_id().all_attempts() == build
        };
        let mut nodes = Vec::new();
        while let Some(next) = self.0.next_if(|next| next.as_ref().map_or(true, is_of_it)) {
            match next {
                Ok(found) => nodes.push(found),
                Err(error) => return Some(Err(error)),
            }
        }
        nodes.insert(0, first);
        Some(Ok(nodes))
    }
}

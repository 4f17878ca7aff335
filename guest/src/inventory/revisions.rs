//! The records of each node of a build, and those that a newer revision superseded.

use serde::{Deserialize, Serialize};

use super::found::StoredRecord;
use crate::build_id::BuildId;
use crate::error::Result;
use crate::scratch_list::ScratchWriter;

/// A record and its place among all. Compared by that alone.
#[derive(Serialize, Deserialize)]
pub(super) struct RankedRecord {
    project: String,
    artifact: String,
    build: BuildId,
    number: u64,
    found: StoredRecord,
}

impl RankedRecord {
    pub(super) fn new(number: u64, found: StoredRecord) -> RankedRecord {
        RankedRecord {
            project: found.record.project.clone(),
            artifact: found.record.artifact.clone(),
            build: found.record.build_id().all_attempts(),
            number,
            found,
        }
    }

    fn build(&self) -> (&str, &str, &BuildId) {
        (&self.project, &self.artifact, &self.build)
    }

    pub(super) fn is_same_node(&self, other: &RankedRecord) -> bool {
        let node = |ranked: &RankedRecord| (ranked.found.record.node, ranked.found.record.order);
        self.build() == other.build() && node(self) == node(other)
    }
}

impl Ord for RankedRecord {
    fn cmp(&self, other: &RankedRecord) -> std::cmp::Ordering {
        let place = |ranked: &RankedRecord| {
            let record = &ranked.found.record;
            (record.node, record.order, record.revision, ranked.number)
        };
        let build = self.build().cmp(&other.build());
        build.then_with(|| place(self).cmp(&place(other)))
    }
}

impl PartialOrd for RankedRecord {
    fn partial_cmp(&self, other: &RankedRecord) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for RankedRecord {
    fn eq(&self, other: &RankedRecord) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for RankedRecord {}

/// Passes on the records of one node, but those that a newer revision superseded under every key: nothing answers them any
/// more, and their files may go. Their keys are the newer one's.
pub(super) fn keep_newest(
    revisions: &mut Vec<RankedRecord>,
    kept: &mut ScratchWriter<'_, StoredRecord>,
) -> Result<()> {
    let complete = revisions.iter().filter(|ranked| ranked.found.is_complete());
    let newest = complete.map(|ranked| ranked.found.record.revision).max();
    let is_superseded =
        |ranked: &RankedRecord| newest.is_some_and(|newest| ranked.found.record.revision < newest);
    let (superseded, newest): (Vec<RankedRecord>, Vec<RankedRecord>) =
        revisions.drain(..).partition(is_superseded);
    let mut more: Vec<String> = superseded
        .into_iter()
        .flat_map(|ranked| ranked.found.keys)
        .collect();
    for RankedRecord { mut found, .. } in newest {
        found.keys.append(&mut more);
        kept.push(&found)?;
    }
    Ok(())
}

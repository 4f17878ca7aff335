//! The records of each node of a build, and those that a newer revision superseded.

use serde::{Deserialize, Serialize};

use super::found::Found;
use crate::build_id::BuildId;
use crate::error::Result;
use crate::scratch_list::Spool;

/// A record and its place among all. Compared by that alone.
#[derive(Serialize, Deserialize)]
pub(super) struct Sited {
    project: String,
    artifact: String,
    build: BuildId,
    number: u64,
    found: Found,
}

impl Sited {
    pub(super) fn new(number: u64, found: Found) -> Sited {
        Sited {
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

    pub(super) fn is_same_node(&self, other: &Sited) -> bool {
        let node = |sited: &Sited| (sited.found.record.node, sited.found.record.order);
        self.build() == other.build() && node(self) == node(other)
    }
}

impl Ord for Sited {
    fn cmp(&self, other: &Sited) -> std::cmp::Ordering {
        let place = |sited: &Sited| {
            let record = &sited.found.record;
            (record.node, record.order, record.revision, sited.number)
        };
        let build = self.build().cmp(&other.build());
        build.then_with(|| place(self).cmp(&place(other)))
    }
}

impl PartialOrd for Sited {
    fn partial_cmp(&self, other: &Sited) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Sited {
    fn eq(&self, other: &Sited) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Sited {}

/// Passes on the records of one node, but those that a newer revision resited under every key: nothing answers them any
/// more, and their files may go. Their keys are the newer one's.
pub(super) fn keep_newest(revisions: &mut Vec<Sited>, kept: &mut Spool<'_, Found>) -> Result<()> {
    let complete = revisions.iter().filter(|sited| sited.found.is_complete());
    let newest = complete.map(|sited| sited.found.record.revision).max();
    let is_resited = |sited: &Sited| newest.is_some_and(|newest| sited.found.record.revision < newest);
    let (resited, newest): (Vec<Sited>, Vec<Sited>) = revisions.drain(..).partition(is_resited);
    let mut more: Vec<String> = resited.into_iter().flat_map(|sited| sited.found.keys).collect();
    for Sited { mut found, .. } in newest {
        found.keys.append(&mut more);
        kept.push(&found)?;
    }
    Ok(())
}

//! The decision of a mover, and the checks that several moves share.

use crate::build_id::{BuildId, DatedBuild};
use crate::error::{Error, Problem, Result};
use crate::event::Action;
use crate::record::Record;

/// The decision of a mover. The other fields of the event follow from the request.
pub(super) struct MoveDecision {
    pub(super) action: Action,
    pub(super) records: Vec<Record>,
    pub(super) held: bool,
    pub(super) newest: Option<DatedBuild>,
    pub(super) back: Option<u64>,
    pub(super) previous: Option<BuildId>,
    pub(super) warnings: Vec<Problem>,
}

pub(super) fn dated(records: &[Record]) -> Result<DatedBuild> {
    DatedBuild::of(records).ok_or_else(|| Error::internal("a build of no record"))
}

/// Checks that a build is neither of a fork nor of a pull request: anyone may open one.
pub(super) fn check_trust(records: &[Record], allow_fork: bool) -> Result<()> {
    match records.iter().find(|record| !record.trusted() && !allow_fork) {
        None => Ok(()),
        Some(record) => {
            let message = format!(
                "{} built this, and a channel accepts no such build by default",
                record.origin()
            );
            Err(Error::invalid(
                "untrusted-build",
                message,
                &record.build_id().to_string(),
            ))
        }
    }
}

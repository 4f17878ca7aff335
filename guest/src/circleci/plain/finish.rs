//! The end of a download: what was stored twice under one path is the same, and everything gets its name.

use std::collections::HashMap;

use super::super::job::Job;
use super::task::{Outcome, Rest};
use crate::attach::{self, Attached};
use crate::error::{Error, Result};
use crate::id::Digest;
use crate::ports::{Files, Scratch};

/// The report of a download.
#[derive(Debug)]
pub struct Downloaded {
    /// The report as of any attach. It names no builds.
    pub attached: Attached,
    /// Whose artifacts they are.
    pub jobs: Vec<Job>,
    /// The project's slug.
    pub project: String,
}

/// Gives everything its name.
pub fn finish(
    files: &impl Files,
    scratch: &dyn Scratch,
    rest: &[u8],
    outcomes: &[Vec<u8>],
) -> Result<Downloaded> {
    let rest: Rest = crate::wire::read(rest)?;
    let mut first: HashMap<&str, (u32, Digest)> = HashMap::new();
    let (mut files_written, mut bytes_written, mut fetched) = (0, 0, 0);
    // A worker's last outcome, of `close`, is empty.
    for outcome in outcomes.iter().filter(|outcome| !outcome.is_empty()) {
        let Outcome { part, bytes, digest } = crate::wire::read(outcome)?;
        let of = rest
            .parts
            .get(part as usize)
            .ok_or_else(|| Error::internal("an outcome of no part"))?;
        fetched += bytes;
        match first.get(of.path.as_str()) {
            None => {
                first.insert(&of.path, (part, digest));
                files_written += 1;
                bytes_written += bytes;
            }
            Some((_, same)) if *same == digest => {}
            Some((other, _)) => return Err(conflict(&rest, *other, part)),
        }
    }
    let attached = attach::finish(files, scratch, &crate::wire::write(&rest.attach)?, &[])?;
    Ok(Downloaded {
        attached: Attached {
            bytes: bytes_written,
            new_files: files_written,
            new_bytes: bytes_written,
            fetched_bytes: fetched,
            ..attached
        },
        jobs: rest.jobs,
        project: rest.project,
    })
}

/// Removes everything that a run with this `rest` has staged.
pub fn abandon(files: &impl Files, rest: &[u8]) -> Result<()> {
    let rest: Rest = crate::wire::read(rest)?;
    attach::abandon(files, &crate::wire::write(&rest.attach)?)
}

/// Returns the error for two artifacts with one path and different bytes, as for two jobs of a workspace.
fn conflict(rest: &Rest, one: u32, other: u32) -> Error {
    let name = |part: u32| {
        let part = rest.parts.get(part as usize);
        let job = part.and_then(|part| rest.jobs.get(part.job as usize));
        match (job, part) {
            (Some(job), Some(part)) => format!("{} node {}", job.shown(), part.node),
            _ => "another".to_owned(),
        }
    };
    let path = rest.parts.get(one as usize).map_or("", |part| part.path.as_str());
    let message = format!(
        "two nodes or jobs stored different bytes under one path: {} and {}",
        name(one),
        name(other)
    );
    Error::conflict("path-conflict", message, path)
}

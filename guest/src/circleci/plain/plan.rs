//! Plans a download: the artifacts, and the path of each.

use std::collections::BTreeMap;

use super::super::artifacts::Artifact;
use super::super::job::Job;
use super::super::source::Source;
use super::task::{Part, Rest, Shared, TaskIn};
use crate::attach::{self, Attach};
use crate::error::{Error, Result};
use crate::id::Digest;
use crate::path;
use crate::ports::{Files, Scratch, Time};
use crate::transfer_plan::{Planned, Task};
use crate::tree::{Content, Entry, Location};
use crate::workspace::OnConflict;

/// A plan, and the jobs that the request means.
#[derive(Debug)]
pub struct PlannedDownload {
    /// The plan. It names no builds: these jobs have no records.
    pub planned: Planned,
    /// Whose artifacts they are.
    pub jobs: Vec<Job>,
}

/// A possible source of one path's bytes: job, artifact.
type Offers<'a> = BTreeMap<&'a str, Vec<(usize, &'a Artifact)>>;

/// Compares the paths of artifacts with the directory, and makes each a task.
pub fn plan(
    files: &impl Files,
    scratch: &dyn Scratch,
    source: &Source,
    stored: &[(Job, Vec<Artifact>)],
    request: &Attach,
) -> Result<PlannedDownload> {
    let offers = offers(stored);
    let entries = tree_of(offers.keys().copied())?;
    let compared = attach::plan_downloads(files, scratch, request, entries)?;
    let jobs: Vec<Job> = stored.iter().map(|(job, _)| job.clone()).collect();
    let mut planned = Planned {
        files: compared.rest.files,
        steps: compared.steps,
        warnings: compared.warnings,
        ..Planned::default()
    };
    if request.dry_run {
        return Ok(PlannedDownload { planned, jobs });
    }
    let mut rest = Rest {
        jobs,
        project: source.project.clone(),
        attach: compared.rest,
        parts: Vec::new(),
    };
    for download in &compared.downloads {
        let all = offers
            .get(download.path.as_str())
            .map(Vec::as_slice)
            .unwrap_or_default();
        // The newest comes last. Where it wins, nobody needs the others.
        let needed = match request.on_conflict {
            OnConflict::Newest => all.get(all.len().saturating_sub(1)..).unwrap_or_default(),
            OnConflict::Fail => all,
        };
        for (at, (job, artifact)) in needed.iter().enumerate() {
            let part = rest.parts.len() as u32;
            // All except the last are only compared with it, and are removed with the staging directory.
            let staged = match at + 1 == needed.len() {
                true => download.staged.clone(),
                false => format!("{}/f/other-{part}", place(&rest.attach, &download.staged)?),
            };
            let payload = crate::wire::write(&TaskIn {
                part,
                path: download.path.clone(),
                url: artifact.url.clone(),
                staged,
            })?;
            planned.tasks.push(Task {
                payload,
                files: u64::from(at == 0),
                bytes: 0,
            });
            rest.parts.push(Part {
                path: download.path.clone(),
                job: *job as u32,
                node: artifact.node,
            });
        }
    }
    planned.shared = crate::wire::write(&Shared {
        source: source.clone(),
    })?;
    planned.rest = crate::wire::write(&rest)?;
    let jobs = rest.jobs;
    Ok(PlannedDownload { planned, jobs })
}

/// Returns the staging directory that a staged file is in.
fn place<'a>(rest: &'a attach::Rest, staged: &str) -> Result<&'a str> {
    let mut staging_dirs = rest.staging_dirs.iter();
    staging_dirs
        .find(|place| path::is_below(staged, place))
        .map(String::as_str)
        .ok_or_else(|| Error::internal("a staged file is in no staging directory"))
}

/// Returns the entries of a tree of artifacts, for a list: sizes and digests are not known.
pub fn entries(stored: &[(Job, Vec<Artifact>)]) -> Result<Vec<Entry>> {
    tree_of(offers(stored).keys().copied())
}

fn offers(stored: &[(Job, Vec<Artifact>)]) -> Offers<'_> {
    let mut offers = Offers::new();
    for (number, (_, artifacts)) in stored.iter().enumerate() {
        for artifact in artifacts {
            offers.entry(&artifact.path).or_default().push((number, artifact));
        }
    }
    for all in offers.values_mut() {
        all.sort_by_key(|(job, artifact)| (*job, artifact.node));
    }
    offers
}

/// Returns paths as a tree, and refuses those that a tree refuses: a path that leaves the directory, and one below a
/// file.
fn tree_of<'a>(paths: impl Iterator<Item = &'a str>) -> Result<Vec<Entry>> {
    let mut contents: BTreeMap<String, bool> = BTreeMap::new();
    for path in paths {
        if let Some(fault) = path::fault(path) {
            let message = format!("an artifact has a path that no file may have: {fault}");
            return Err(Error::invalid("wrong-artifact-path", message, path));
        }
        let clash = || {
            let message = "an artifact lies below the path of another one, which is a file";
            Error::invalid("wrong-artifact-path", message, path)
        };
        if contents.insert(path.to_owned(), false) == Some(true) {
            return Err(clash());
        }
        let mut dir = path::parent(path);
        while !dir.is_empty() {
            match contents.insert(dir.to_owned(), true) {
                None => dir = path::parent(dir),
                Some(true) => break,
                Some(false) => return Err(clash()),
            }
        }
    }
    let mut entries: Vec<Entry> = contents
        .into_iter()
        .map(|(path, is_dir)| entry(path, is_dir))
        .collect();
    entries.sort_by(|a, b| path::compare(&a.path, &b.path));
    Ok(entries)
}

fn entry(path: String, is_dir: bool) -> Entry {
    let file = Content::File {
        size: 0,
        digest: Digest::of(b""),
        location: Location::Empty,
    };
    Entry {
        path,
        bits: if is_dir { 0o755 } else { 0o644 },
        modified: Time::default(),
        content: if is_dir { Content::Directory } else { file },
    }
}

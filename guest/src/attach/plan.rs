//! What an attach will do: the merged tree, compared with what is there, cut into tasks by pack.

use std::collections::BTreeMap;

use super::compare::{ChunkKey, Compared, Comparing};
use super::coverage::{self, Coverage};
use super::layout::{Layout, lay_out};
use super::{ChunkIn, Piece, PieceTarget, TaskIn};
use crate::error::{Error, Problem, Result};
use crate::glob::Selection;
use crate::id::PackId;
use crate::lookup::{self, Opened, Scope};
use crate::path;
use crate::plan::{Planned, Task};
use crate::ports::{Files, Store};
use crate::tree::{Entry, Tree};
use crate::workspace::{self, Merged, OnConflict};

/// A task is closed by the chunk that gives it this much to write.
const TASK_BYTES: u64 = 16 << 20;
/// Nor does it grow beyond this many files.
const TASK_FILES: usize = 2048;

/// What is to be attached.
#[derive(Debug, Clone)]
pub struct Attach {
    /// What is meant.
    pub scope: Scope,
    /// Only these files, or all.
    pub only: Vec<String>,
    /// Whether to remove what the artifact covers and does not have.
    pub clean: bool,
    /// What becomes of the directories in the artifact's paths.
    pub layout: Layout,
    /// What is done where layers disagree.
    pub on_conflict: OnConflict,
    /// Whether to look only.
    pub dry_run: bool,
}

/// Compares a tree with the directory, and decides what each worker will do.
pub fn plan(store: &impl Store, files: &impl Files, request: &Attach) -> Result<Planned> {
    // What is no pattern must not cost a look-up, unless it may be a path of the artifact.
    check_only(&request.only, true)?;
    let Opened { layers, mut warnings } = lookup::open(store, &request.scope)
        .or_else(|error| check_only(&request.only, false).and(Err(error)))?;
    let merged = workspace::merge(&layers, request.on_conflict)?;
    let coverage = match request.clean {
        true => {
            let trees = layers.iter().map(|(_, tree)| tree);
            let prefixes = coverage::prefixes(&merged, request.layout);
            Some(Coverage::of(trees, wanted(request, &merged)?, prefixes)?)
        }
        false => None,
    };
    let merged = select(request, merged, &mut warnings)?;
    let (merged, left_out) = lay_out(merged, request, true)?;
    let tree = |layer: usize| {
        let found = layers.get(layer).map(|(_, tree)| Some(tree));
        found.ok_or_else(|| Error::internal("an entry of no layer"))
    };
    let compared = compare(files, request, coverage.as_ref(), &merged, tree)?;
    let builds: Vec<_> = layers
        .iter()
        .filter_map(|(layer, _)| layer.record.clone())
        .collect();
    let Compared {
        mut rest,
        chunks,
        packs,
        steps,
        warnings: noticed,
        ..
    } = compared;
    rest.builds.clone_from(&builds);
    let mut planned = Planned {
        files: rest.files,
        bytes: rest.bytes,
        may_fall_back: request.scope.may_fall_back(),
        builds,
        warnings: warnings.into_iter().chain(noticed).chain(left_out).collect(),
        steps,
        ..Planned::default()
    };
    if !request.dry_run {
        planned.tasks = tasks(chunks, &packs)?;
        planned.rest = crate::wire::write(&rest)?;
    }
    Ok(planned)
}

/// Compares files of which nothing but the paths is known, and which are to be written whole. `entries` are as a tree
/// would have them: in path order, each with its parent.
pub(crate) fn plan_downloads(
    files: &impl Files,
    request: &Attach,
    entries: Vec<Entry>,
    warnings: &mut Vec<Problem>,
) -> Result<Compared> {
    let merged: Vec<Merged> = entries
        .into_iter()
        .map(|entry| Merged { entry, layer: 0 })
        .collect();
    let coverage = match request.clean {
        true => {
            let prefixes = coverage::prefixes(&merged, request.layout);
            Some(Coverage::of_paths(&merged, wanted(request, &merged)?, prefixes))
        }
        false => None,
    };
    let merged = select(request, merged, warnings)?;
    let (merged, left_out) = lay_out(merged, request, false)?;
    let mut compared = compare(files, request, coverage.as_ref(), &merged, |_| Ok(None))?;
    warnings.append(&mut compared.warnings);
    warnings.extend(left_out);
    Ok(compared)
}

/// Refuses what is no pattern, where every path exists that is written like one, or none.
fn check_only(only: &[String], paths_exist: bool) -> Result<()> {
    if only.is_empty() {
        return Ok(());
    }
    Selection::parse(only, |_| Ok::<_, Error>(paths_exist)).map(|_| ())
}

/// Returns what `--only` selects of the artifact.
fn wanted(request: &Attach, merged: &[Merged]) -> Result<Option<Selection>> {
    if request.only.is_empty() {
        return Ok(None);
    }
    let there = |path: &str| merged.binary_search_by(|merged| path::compare(&merged.entry.path, path));
    Selection::parse(&request.only, |path| Ok::<_, Error>(there(path).is_ok())).map(Some)
}

/// Keeps what is wanted.
fn select(request: &Attach, merged: Vec<Merged>, warnings: &mut Vec<Problem>) -> Result<Vec<Merged>> {
    if request.only.is_empty() {
        return Ok(merged);
    }
    let (merged, told) = workspace::only(merged, &request.only)?;
    warnings.extend(told);
    Ok(merged)
}

/// Compares what is merged with what exists, and makes the staging directories. `tree` gives the tree of a layer.
fn compare<'a>(
    files: &impl Files,
    request: &Attach,
    coverage: Option<&Coverage>,
    merged: &[Merged],
    tree: impl Fn(usize) -> Result<Option<&'a Tree>>,
) -> Result<Compared> {
    let mut comparing = Comparing::new(files, request, coverage)?;
    for Merged { entry, layer } in merged {
        comparing.entry(entry, tree(*layer)?)?;
    }
    comparing.finish(merged)
}

/// Cuts the chunks into tasks: each of one pack, each of some MiB.
fn tasks(chunks: BTreeMap<ChunkKey, ChunkIn>, packs: &[PackId]) -> Result<Vec<Task>> {
    let mut tasks = Vec::new();
    let mut open = Vec::new();
    let (mut files, mut bytes) = (0, 0);
    let mut chunks = chunks.into_iter().peekable();
    while let Some(((pack, _), chunk)) = chunks.next() {
        let mut pieces = chunk.pieces.into_iter().peekable();
        // A chunk of very many files is cut as well, and fetched again by each task that has some of them.
        while pieces.peek().is_some() {
            let room = TASK_FILES.saturating_sub(files as usize).max(1);
            let part: Vec<Piece> = pieces.by_ref().take(room).collect();
            for piece in &part {
                // The first part counts the file.
                let counts = !matches!(piece.target, PieceTarget::Part { at } if at > 0);
                files += u64::from(counts);
                bytes += u64::from(piece.length);
            }
            open.push(ChunkIn {
                pieces: part,
                ..chunk
            });
            let ends = pieces.peek().is_none() && chunks.peek().is_none_or(|((next, _), _)| *next != pack);
            if ends || bytes >= TASK_BYTES || files >= TASK_FILES as u64 {
                let payload = crate::wire::write(&TaskIn {
                    pack: pack.and_then(|pack| packs.get(pack as usize)).copied(),
                    chunks: std::mem::take(&mut open),
                })?;
                tasks.push(Task {
                    payload,
                    files,
                    bytes,
                });
                (files, bytes) = (0, 0);
            }
        }
    }
    Ok(tasks)
}

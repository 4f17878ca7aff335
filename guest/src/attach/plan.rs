//! What an attach will do: the merged tree, compared with what is there, cut into tasks by pack.

use std::collections::{HashMap, HashSet};

use super::compare::{Compared, Comparing, PieceIn, check_name_differs};
use super::coverage::{self, Coverage, Prefixes};
use super::layout::{Layout, Merged, lay_out};
use super::{ChunkIn, PieceTarget, TaskIn, staging};
use crate::error::{Error, Result};
use crate::glob::Selection;
use crate::id::PackId;
use crate::lookup::{self, Layer, Resolved, Scope};
use crate::plan::{Planned, Task};
use crate::ports::{Files, Scratch, Store};
use crate::spool::{Sorter, Spooled};
use crate::tree::{Entries, Entry, Located};
use crate::workspace::{Merge, OnConflict, Only};

/// A task is closed by the chunk that gives it this much to write.
const TASK_BYTES: u64 = 16 << 20;
/// Nor does it grow beyond this many files.
const TASK_FILES: u64 = 2048;
/// Nor beyond this many bytes of paths, so that a task is one page.
const TASK_PAYLOAD_BYTES: usize = 900 << 10;

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
pub fn plan(
    store: &impl Store,
    files: &impl Files,
    scratch: &dyn Scratch,
    request: &Attach,
) -> Result<Planned> {
    // What is no pattern must not cost a look-up, unless it may be a path of the artifact.
    let asked = check_only(&request.only, true)?;
    let attempt = |resolved: &Resolved| {
        let seen = survey(store, &resolved.layers, request, &asked)?;
        let open = || Merge::open(store, &resolved.layers, request.on_conflict);
        let mut merge = open()?;
        let mut next = || {
            let located = merge.next_entry()?;
            Ok(located.map(|Located { entry, table }| Merged {
                entry,
                table: Some(table),
            }))
        };
        let compared = compare(files, scratch, request, seen, &mut next)?;
        let places = compared.rest.places.clone();
        let planned = (|| {
            if compared.folds_case {
                let (mut merge, mut names) = (open()?, HashMap::new());
                while let Some(Located { entry, .. }) = merge.next_entry()? {
                    check_name_differs(&mut names, &entry.path)?;
                }
            }
            tasks(scratch, compared)
        })();
        if planned.is_err() {
            // Nobody abandons what has no plan. A failure here would only hide the one that led to it.
            drop(staging::clear(files, &places));
        }
        planned
    };
    let ((compared, tasks), resolved) = match lookup::intact(store, &request.scope, attempt) {
        Err(Error::NothingMatched(nothing)) => {
            // That a pattern is none is more to know than that there is no build.
            check_only(&request.only, false)?;
            return Err(Error::NothingMatched(nothing));
        }
        planned => planned?,
    };
    let record = |layer: &Layer| layer.record.clone();
    let builds: Vec<_> = resolved.layers.iter().filter_map(record).collect();
    let Compared {
        mut rest,
        steps,
        warnings,
        ..
    } = compared;
    rest.builds.clone_from(&builds);
    let mut planned = Planned {
        files: rest.files,
        bytes: rest.bytes,
        may_fall_back: request.scope.may_fall_back(),
        builds,
        warnings: resolved.warnings.into_iter().chain(warnings).collect(),
        steps,
        ..Planned::default()
    };
    if !request.dry_run {
        planned.tasks = tasks;
        planned.rest = crate::wire::write(&rest)?;
    }
    Ok(planned)
}

/// What has to be known of an artifact before its entries are compared.
struct Seen {
    /// The paths that exist among those that are written like patterns.
    there: HashSet<String>,
    layers: Vec<coverage::Layer>,
    prefixes: Prefixes,
}

/// Looks through the trees for that, where it is needed: without `--clean` and `--only` no entry is read for it.
fn survey(store: &impl Store, layers: &[Layer], request: &Attach, asked: &HashSet<String>) -> Result<Seen> {
    let mut seen = Seen {
        there: HashSet::new(),
        layers: Vec::new(),
        prefixes: Prefixes::new(request.layout),
    };
    for layer in layers {
        if !request.clean && asked.is_empty() {
            break;
        }
        let mut entries = Entries::open(store, &layer.tree)?;
        let mut covering = coverage::Layer {
            covers: entries.covers().to_vec(),
            ..coverage::Layer::default()
        };
        let is_needed = covering.covers.is_empty() || seen.prefixes.is_asked();
        if !asked.is_empty() || (request.clean && is_needed) {
            while let Some(Located { entry, .. }) = entries.next_entry()? {
                seen.there.extend(asked.get(&entry.path).cloned());
                seen.prefixes.see(&entry);
                covering.see(&entry);
            }
        }
        seen.layers.push(covering);
    }
    Ok(seen)
}

/// Compares files of which nothing but the paths is known, and which are to be written whole. `entries` are as a tree
/// would have them: in path order, each with its parent.
pub(crate) fn plan_downloads<'s>(
    files: &impl Files,
    scratch: &'s dyn Scratch,
    request: &Attach,
    entries: Vec<Entry>,
) -> Result<Compared<'s>> {
    let mut seen = Seen {
        there: entries.iter().map(|entry| entry.path.clone()).collect(),
        layers: vec![coverage::Layer::default()],
        prefixes: Prefixes::new(request.layout),
    };
    for entry in &entries {
        seen.prefixes.see(entry);
        seen.layers.iter_mut().for_each(|layer| layer.see(entry));
    }
    let paths: Vec<String> = entries.iter().map(|entry| entry.path.clone()).collect();
    let mut entries = entries.into_iter().map(|entry| Merged { entry, table: None });
    let compared = compare(files, scratch, request, seen, &mut || Ok(entries.next()))?;
    if compared.folds_case {
        let mut names = HashMap::new();
        let differ = paths
            .iter()
            .try_for_each(|path| check_name_differs(&mut names, path));
        if differ.is_err() {
            drop(staging::clear(files, &compared.rest.places));
        }
        differ?;
    }
    Ok(compared)
}

/// Refuses what is no pattern, where every path exists that is written like one, or none. Returns these paths.
fn check_only(only: &[String], paths_exist: bool) -> Result<HashSet<String>> {
    let mut asked = HashSet::new();
    if only.is_empty() {
        return Ok(asked);
    }
    Selection::parse(only, |path| {
        asked.insert(path.to_owned());
        Ok::<_, Error>(paths_exist)
    })?;
    Ok(asked)
}

/// Compares what is merged and wanted with what exists, and makes the staging directories.
fn compare<'s>(
    files: &impl Files,
    scratch: &'s dyn Scratch,
    request: &Attach,
    seen: Seen,
    next: &mut dyn FnMut() -> Result<Option<Merged>>,
) -> Result<Compared<'s>> {
    let mut only = Only::new(&request.only, |path| seen.there.contains(path))?;
    let wanted = only.selection().cloned();
    let coverage = match request.clean {
        true => Some(Coverage::of(&seen.layers, wanted, seen.prefixes.into_found())?),
        false => None,
    };
    let mut comparing = Comparing::new(files, scratch, request, coverage.as_ref())?;
    let streams = request.layout.keeps_paths();
    let mut known = true;
    // Other paths have another order, so all of them have to be there before the first is compared.
    let mut all = Vec::new();
    while let Some(merged) = next()? {
        known &= merged.table.is_some();
        let (path, content) = (merged.entry.path.clone(), merged.entry.content.clone());
        only.take((&path, &content), merged, &mut |merged| match streams {
            true => comparing.entry(&merged.entry, merged.table.as_deref()),
            false => {
                all.push(merged);
                Ok(())
            }
        })?;
    }
    let mut warnings = only.end()?;
    let (laid_out, left_out) = lay_out(all, request, known && !streams)?;
    for merged in laid_out {
        comparing.entry(&merged.entry, merged.table.as_deref())?;
    }
    let compared = comparing.finish()?;
    warnings.extend(compared.warnings);
    warnings.extend(left_out);
    Ok(Compared { warnings, ..compared })
}

/// Cuts the pieces, sorted by chunk, into tasks: each of one pack, each of some MiB.
fn tasks<'s>(scratch: &'s dyn Scratch, compared: Compared<'s>) -> Result<(Compared<'s>, Vec<Task>)> {
    let Compared { pieces, packs, .. } = compared;
    let mut cutting = Cutting {
        scratch,
        packs: &packs,
        pack: None,
        open: Vec::new(),
        payload_bytes: 0,
        task: Task::default(),
        tasks: Vec::new(),
    };
    for piece in pieces.sorted()? {
        cutting.push(piece?)?;
    }
    cutting.end()?;
    let tasks = cutting.tasks;
    let compared = Compared {
        pieces: Sorter::new(scratch),
        packs,
        ..compared
    };
    Ok((compared, tasks))
}

struct Cutting<'a> {
    scratch: &'a dyn Scratch,
    packs: &'a [PackId],
    pack: Option<PackId>,
    open: Vec<ChunkIn>,
    payload_bytes: usize,
    task: Task,
    tasks: Vec<Task>,
}

impl Cutting<'_> {
    fn push(&mut self, next: PieceIn) -> Result<()> {
        let PieceIn {
            pack,
            offset,
            length,
            raw_length,
            piece,
            ..
        } = next;
        let pack = pack.and_then(|pack| self.packs.get(pack as usize)).copied();
        let joins = |chunk: &ChunkIn| chunk.offset == offset;
        if pack != self.pack || (self.task.bytes >= TASK_BYTES && !self.open.last().is_some_and(joins)) {
            self.end()?;
        }
        self.pack = pack;
        // The first part counts the file.
        let counts = !matches!(piece.target, PieceTarget::Part { at } if at > 0);
        self.task.files += u64::from(counts);
        self.task.bytes += u64::from(piece.length);
        self.payload_bytes += piece.bytes();
        match self.open.last_mut().filter(|chunk| joins(chunk)) {
            // Two trees may speak of one pack; an honest one never gives two lengths for one place.
            Some(chunk) if (chunk.length, chunk.raw_length) != (length, raw_length) => {
                let message = format!("two trees give different lengths for the chunk at {offset}");
                let key = pack.map(|pack| crate::keys::pack(&pack)).unwrap_or_default();
                return Err(Error::damaged(&key, message));
            }
            Some(chunk) => chunk.pieces.push(piece),
            None => self.open.push(ChunkIn {
                offset,
                length,
                raw_length,
                pieces: vec![piece],
            }),
        }
        // A chunk of very many files is cut as well, and fetched again by each task that has some of them.
        if self.task.files >= TASK_FILES || self.payload_bytes >= TASK_PAYLOAD_BYTES {
            self.end()?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if self.open.is_empty() {
            return Ok(());
        }
        self.payload_bytes = 0;
        let payload = crate::wire::write(&TaskIn {
            pack: self.pack,
            chunks: Spooled::of(self.scratch, self.open.drain(..))?,
        })?;
        self.tasks.push(Task {
            payload,
            ..std::mem::take(&mut self.task)
        });
        Ok(())
    }
}

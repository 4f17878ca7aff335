//! What an attach will do: the merged tree, compared with what is there, cut into tasks by pack.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{ChunkIn, Commit, Compare, Piece, PieceTarget, Rest, TaskIn, staging};
use crate::error::{Error, Result, escaped};
use crate::glob::Selection;
use crate::id::PackId;
use crate::lookup::{self, Opened, Scope};
use crate::path;
use crate::persist::STAGING;
use crate::plan::{Action, Planned, Step, Task};
use crate::ports::{DirEntry, Edit, Files, Kind, Open, Store};
use crate::tree::{Content, Entry, Place, Tree};
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
    /// Whether to remove what the tree does not have.
    pub clean: bool,
    /// What is done where layers disagree.
    pub on_conflict: OnConflict,
    /// Whether to look only.
    pub dry_run: bool,
}

/// Compares a tree with the directory, and decides what each worker will do.
pub fn plan(store: &impl Store, files: &impl Files, request: &Attach) -> Result<Planned> {
    let only = match request.only.as_slice() {
        [] => None,
        patterns => Some(Selection::parse(patterns).map_err(|e| crate::persist::glob_error(&e))?),
    };
    let Opened { layers, warnings } = lookup::open(store, &request.scope)?;
    let mut merged = workspace::merge(&layers, request.on_conflict)?;
    let mut spared = HashSet::new();
    if let Some(only) = &only {
        if request.clean {
            spared = merged.iter().map(|merged| merged.entry.path.clone()).collect();
        }
        merged = workspace::only(merged, only);
        if merged.is_empty() {
            let message = "no file of the tree matches";
            return Err(Error::nothing_matched(
                "no-files",
                message,
                &request.only.join(" "),
            ));
        }
    }
    if !request.dry_run {
        staging::abandon(files)?;
    }
    let mut comparing = Comparing {
        files,
        request,
        open: Vec::new(),
        make: Vec::new(),
        chunks: BTreeMap::new(),
        pack_numbers: HashMap::new(),
        packs: Vec::new(),
        steps: Vec::new(),
        spared,
        staged: 0,
        rest: Rest::default(),
    };
    comparing.rest.builds = layers
        .iter()
        .filter_map(|(layer, _)| layer.record.clone())
        .collect();
    comparing.enter(String::new(), Standing::Existing(""))?;
    for Merged { entry, layer } in &merged {
        let (_, tree) = layers
            .get(*layer)
            .ok_or_else(|| Error::internal("an entry of no layer"))?;
        comparing.entry(entry, tree)?;
    }
    while !comparing.open.is_empty() {
        comparing.leave();
    }
    let mut planned = comparing.finish(&merged);
    if let Ok(planned) = &mut planned {
        planned.may_fall_back = request.scope.may_fall_back();
        planned.builds = layers.into_iter().filter_map(|(layer, _)| layer.record).collect();
        planned.warnings = warnings;
    }
    if planned.is_err() && !request.dry_run {
        // Nobody abandons what has no plan. A failure here would only hide the one that led to it.
        drop(staging::abandon(files));
    }
    planned
}

/// A directory of the tree while its entries are compared.
struct Dir {
    path: String,
    state: State,
}

enum State {
    /// It is there, with these entries that the tree has not named yet.
    Existing(HashMap<Vec<u8>, DirEntry>),
    /// It is built under this name.
    New(String),
}

/// Where a directory that is entered stands.
enum Standing<'a> {
    Existing(&'a str),
    New(String),
}

/// Key of a chunk among all that are needed: pack and offset, so that neighbours follow each other. Empty files are
/// pieces of a chunk in no pack.
type ChunkKey = (Option<u32>, u64);

struct Comparing<'a, F> {
    files: &'a F,
    request: &'a Attach,
    open: Vec<Dir>,
    /// Staged directories to make, parents first.
    make: Vec<String>,
    chunks: BTreeMap<ChunkKey, ChunkIn>,
    pack_numbers: HashMap<PackId, u32>,
    packs: Vec<PackId>,
    steps: Vec<Step>,
    /// What the artifact has, where only some of it is wanted: `clean` leaves it alone.
    spared: HashSet<String>,
    staged: u32,
    rest: Rest,
}

impl<F: Files> Comparing<'_, F> {
    fn enter(&mut self, path: String, place: Standing<'_>) -> Result<()> {
        let state = match place {
            Standing::New(staged) => State::New(staged),
            Standing::Existing(dir) => {
                let entries = self.files.entries(dir)?;
                let named = entries.into_iter().map(|entry| (entry.name.clone(), entry));
                let mut names: HashMap<Vec<u8>, DirEntry> = named.collect();
                if dir.is_empty() {
                    names.remove(STAGING.as_bytes());
                }
                State::Existing(names)
            }
        };
        self.open.push(Dir { path, state });
        Ok(())
    }

    /// Leaves the innermost directory: what the tree did not name there goes with `clean`.
    fn leave(&mut self) {
        let Some(Dir {
            path: dir,
            state: State::Existing(left),
        }) = self.open.pop()
        else {
            return;
        };
        if !self.request.clean {
            return;
        }
        let mut names: Vec<_> = left.into_values().collect();
        names.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        for entry in names {
            // What is not UTF-8 cannot be named to the file system here; it stays, as everything stays without `clean`.
            if let Ok(name) = String::from_utf8(entry.name) {
                let path = path::join(&dir, &name);
                if self.spared.contains(&path) {
                    continue;
                }
                self.step(Action::Remove, &path, entry.size);
                self.rest.clean.push(path);
            }
        }
    }

    fn step(&mut self, action: Action, path: &str, bytes: u64) {
        if self.request.dry_run {
            self.steps.push(Step {
                action,
                path: path.to_owned(),
                bytes,
            });
        }
    }

    fn stage(&mut self, part: &str) -> String {
        self.staged += 1;
        format!("{STAGING}/{part}/{}", self.staged)
    }

    fn entry(&mut self, entry: &Entry, tree: &Tree) -> Result<()> {
        if entry.path == STAGING {
            let message = "the tree has an entry that an attach needs for itself";
            return Err(Error::invalid("reserved-name", message, &entry.path));
        }
        let parent = path::parent(&entry.path);
        while self.open.last().is_some_and(|dir| dir.path != parent) {
            self.leave();
        }
        let name = path::file_name(&entry.path);
        let Some(Dir { state, .. }) = self.open.last_mut() else {
            return Err(Error::internal("an entry of a checked tree has no directory"));
        };
        let (there, inside) = match state {
            State::Existing(names) => (names.remove(name.as_bytes()), None),
            State::New(staged) => (None, Some(path::join(staged, name))),
        };
        match &entry.content {
            Content::Directory => self.directory(entry, there, inside),
            Content::Symlink(target) => self.symlink(entry, target, there, inside),
            Content::File { .. } => self.file(entry, tree, there, inside),
        }
    }

    fn directory(&mut self, entry: &Entry, there: Option<DirEntry>, inside: Option<String>) -> Result<()> {
        self.rest.directories += 1;
        self.rest
            .directories_apply
            .push((entry.path.clone(), entry.bits, entry.modified));
        if let Some(there) = there.as_ref().filter(|there| there.kind == Kind::Directory) {
            if there.bits & 0o300 != 0o300 {
                self.rest
                    .closed
                    .push((entry.path.clone(), there.bits & 0o777, there.modified));
            }
            return self.enter(entry.path.clone(), Standing::Existing(&entry.path));
        }
        self.step(
            if there.is_some() {
                Action::Replace
            } else {
                Action::Create
            },
            &entry.path,
            0,
        );
        let staged = match inside {
            Some(staged) => staged,
            None => {
                let staged = self.stage(staging::TREES);
                self.rest.moves.push((staged.clone(), entry.path.clone()));
                staged
            }
        };
        if there.is_some() {
            // A directory cannot be renamed over a file.
            self.rest.in_the_way.push(entry.path.clone());
        }
        self.make.push(staged.clone());
        self.enter(entry.path.clone(), Standing::New(staged))
    }

    fn symlink(
        &mut self,
        entry: &Entry,
        target: &str,
        there: Option<DirEntry>,
        inside: Option<String>,
    ) -> Result<()> {
        self.rest.symlinks += 1;
        if there.as_ref().is_some_and(|there| {
            there.kind == Kind::Symlink
                && there.target == target.as_bytes()
                && there.modified == entry.modified
        }) {
            return Ok(());
        }
        self.make_way(entry, there.as_ref())?;
        self.step(
            if there.is_some() {
                Action::Replace
            } else {
                Action::Create
            },
            &entry.path,
            0,
        );
        let staged = match inside {
            Some(staged) => staged,
            None => {
                let staged = self.stage(staging::FILES);
                self.rest.moves.push((staged.clone(), entry.path.clone()));
                staged
            }
        };
        self.rest.links.push((staged, target.to_owned(), entry.modified));
        Ok(())
    }

    /// A directory does not silently give way to a file.
    fn make_way(&mut self, entry: &Entry, there: Option<&DirEntry>) -> Result<()> {
        if there.is_none_or(|there| there.kind != Kind::Directory) {
            return Ok(());
        }
        if !self.request.clean {
            let message =
                "a directory is where the tree has a file or a symlink, and attach keeps what is there";
            return Err(Error::invalid("directory-in-the-way", message, &entry.path));
        }
        self.rest.in_the_way.push(entry.path.clone());
        Ok(())
    }

    fn file(
        &mut self,
        entry: &Entry,
        tree: &Tree,
        there: Option<DirEntry>,
        inside: Option<String>,
    ) -> Result<()> {
        let Content::File { size, digest, place } = &entry.content else {
            return Ok(());
        };
        self.rest.files += 1;
        self.rest.bytes += size;
        self.make_way(entry, there.as_ref())?;
        let large = matches!(place, Place::Slices(_));
        let compared = there
            .as_ref()
            .is_some_and(|there| there.kind == Kind::File && there.size == *size);
        let action = match (&there, compared) {
            (None, _) => Action::Create,
            (Some(_), true) => Action::Compare,
            (Some(_), false) => Action::Replace,
        };
        self.step(action, &entry.path, *size);
        let in_new_directory = inside.is_some();
        let staged = inside.unwrap_or_else(|| self.stage(staging::FILES));
        let mut compare = None;
        if large || !in_new_directory {
            let commit = self.rest.commits.len() as u32;
            compare = compared.then(|| Compare {
                commit,
                path: entry.path.clone(),
            });
            self.rest.commits.push(Commit {
                staged: staged.clone(),
                path: (!in_new_directory).then(|| entry.path.clone()),
                bits: entry.bits,
                modified: entry.modified,
                large,
                compared,
                attributes_differ: there
                    .is_some_and(|there| (there.bits, there.modified) != (entry.bits, entry.modified)),
            });
        }
        let whole = PieceTarget::Whole {
            bits: entry.bits,
            modified: entry.modified,
        };
        let piece = |start, length, digest, target| Piece {
            staged: staged.clone(),
            start,
            length,
            digest,
            target,
            compare: compare.clone(),
        };
        match place {
            Place::Empty => self
                .chunks
                .entry((None, 0))
                .or_default()
                .pieces
                .push(piece(0, 0, *digest, whole)),
            Place::Bundle { chunk, offset } => {
                self.need(tree, *chunk, piece(*offset, *size as u32, *digest, whole))?;
            }
            Place::Slices(runs) => {
                let mut at = 0;
                for number in Tree::slices(runs) {
                    let chunk = tree.chunk(number)?;
                    let digest = chunk
                        .digest
                        .ok_or_else(|| Error::internal("a checked slice has no digest"))?;
                    let length = chunk.raw_length;
                    self.need(tree, number, piece(0, length, digest, PieceTarget::Part { at }))?;
                    at += u64::from(length);
                }
            }
        }
        Ok(())
    }

    fn need(&mut self, tree: &Tree, number: u32, piece: Piece) -> Result<()> {
        let chunk = tree.chunk(number)?;
        let id = tree
            .packs
            .get(chunk.pack as usize)
            .ok_or_else(|| Error::internal("a chunk of no pack"))?;
        let packs = &mut self.packs;
        let pack = *self.pack_numbers.entry(*id).or_insert_with(|| {
            packs.push(*id);
            packs.len() as u32 - 1
        });
        let needed = self
            .chunks
            .entry((Some(pack), chunk.offset))
            .or_insert_with(|| ChunkIn {
                offset: chunk.offset,
                length: chunk.length,
                raw_length: chunk.raw_length,
                pieces: Vec::new(),
            });
        // Two trees may speak of one pack; an honest one never gives two lengths for one place.
        if (needed.length, needed.raw_length) != (chunk.length, chunk.raw_length) {
            let message = format!(
                "two trees give different lengths for the chunk at {}",
                chunk.offset
            );
            return Err(Error::damaged(&crate::keys::pack(id), message));
        }
        needed.pieces.push(piece);
        Ok(())
    }

    /// Makes the staging directory and everything that workers expect in it, and cuts the tasks.
    fn finish(mut self, merged: &[Merged]) -> Result<Planned> {
        let mut planned = Planned {
            files: self.rest.files,
            bytes: self.rest.bytes,
            ..Planned::default()
        };
        if self.request.dry_run {
            self.steps.sort_by(|a, b| path::compare(&a.path, &b.path));
            planned.steps = self.steps;
            return Ok(planned);
        }
        staging::make(self.files)?;
        if self.files.entries(&STAGING.to_uppercase()).is_ok() {
            check_names_differ(merged)?;
        }
        for dir in &self.make {
            self.files.edit(Edit::MakeDirectory(dir))?;
        }
        for commit in self.rest.commits.iter().filter(|commit| commit.large) {
            self.files.open(&commit.staged, Open::Create)?;
        }
        planned.tasks = tasks(self.chunks, &self.packs)?;
        planned.rest = crate::wire::write(&self.rest)?;
        Ok(planned)
    }
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

/// On a file system that does not tell upper from lower case, two names of a tree may be one: neither may be lost.
fn check_names_differ(merged: &[Merged]) -> Result<()> {
    let mut seen = HashMap::from([(STAGING.to_owned(), STAGING)]);
    for Merged { entry, .. } in merged {
        if let Some(other) = seen.insert(entry.path.to_lowercase(), &entry.path) {
            let message = format!("this file system does not tell it from {}", escaped(other));
            return Err(Error::invalid("names-collide", message, &entry.path));
        }
    }
    Ok(())
}

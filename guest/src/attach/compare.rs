//! The merged tree against what is there, a directory at a time: what is made, written, renamed and removed.

use std::collections::{BTreeMap, HashMap};

use super::coverage::Coverage;
use super::finish::{changed_dirs, check_sealed};
use super::open::{Dir, State};
use super::sweep::Sweep;
use super::{Attach, ChunkIn, Commit, Compare, Piece, PieceTarget, Rest, staging};
use crate::error::{Error, Problem, Result};
use crate::id::PackId;
use crate::path;
use crate::persist::STAGING;
use crate::plan::{Action, Step};
use crate::ports::{DirEntry, Edit, File, Files, Kind, Open};
use crate::tree::{Content, Entry, Place, Tree};
use crate::workspace::Merged;

/// Key of a chunk among all that are needed: pack and offset, so that neighbours follow each other. Empty files are
/// pieces of a chunk in no pack.
pub(super) type ChunkKey = (Option<u32>, u64);

/// What a comparison came to.
pub(crate) struct Compared {
    pub(crate) rest: Rest,
    pub(super) chunks: BTreeMap<ChunkKey, ChunkIn>,
    pub(super) packs: Vec<PackId>,
    /// Files without a tree, and where each is to be written.
    pub(crate) downloads: Vec<Download>,
    /// For a dry run, in path order.
    pub(crate) steps: Vec<Step>,
    /// What a person should know.
    pub(crate) warnings: Vec<Problem>,
}

/// A file of which nothing but the path is known.
pub(crate) struct Download {
    pub(crate) path: String,
    /// In the staging directory. It is not there yet.
    pub(crate) staged: String,
}

pub(super) struct Comparing<'a, F> {
    pub(super) files: &'a F,
    pub(super) request: &'a Attach,
    /// What `clean` may remove. Absent: nothing.
    pub(super) coverage: Option<&'a Coverage>,
    pub(super) open: Vec<Dir>,
    /// Staged directories to make, parents first.
    pub(super) make: Vec<String>,
    pub(super) chunks: BTreeMap<ChunkKey, ChunkIn>,
    pub(super) pack_numbers: HashMap<PackId, u32>,
    pub(super) packs: Vec<PackId>,
    pub(super) downloads: Vec<Download>,
    pub(super) steps: Vec<Step>,
    pub(super) warnings: Vec<Problem>,
    pub(super) sweep: Sweep<'a, F>,
    pub(super) staged: u32,
    pub(super) rest: Rest,
}

impl<'a, F: Files> Comparing<'a, F> {
    /// Begins at the top of the directory.
    pub(super) fn new(
        files: &'a F,
        request: &'a Attach,
        coverage: Option<&'a Coverage>,
    ) -> Result<Comparing<'a, F>> {
        let mut comparing = Comparing {
            files,
            request,
            coverage,
            open: Vec::new(),
            make: Vec::new(),
            chunks: BTreeMap::new(),
            pack_numbers: HashMap::new(),
            packs: Vec::new(),
            downloads: Vec::new(),
            steps: Vec::new(),
            warnings: Vec::new(),
            sweep: Sweep::new(files, coverage),
            staged: 0,
            rest: Rest::default(),
        };
        let root = files
            .entry("")?
            .ok_or_else(|| Error::internal("the granted directory has no entry"))?;
        comparing.enter(String::new(), &root)?;
        Ok(comparing)
    }

    pub(super) fn step(&mut self, action: Action, path: &str, files: u64, bytes: u64) {
        if self.request.dry_run {
            self.steps.push(Step {
                action,
                path: path.to_owned(),
                files,
                bytes,
            });
        }
    }

    /// Compares the next entry. Without a tree, nothing but its path and kind is known.
    pub(super) fn entry(&mut self, entry: &Entry, tree: Option<&Tree>) -> Result<()> {
        let parent = path::parent(&entry.path);
        if entry.path == staging::place_in(parent) {
            let message = "the tree has an entry that an attach needs for itself";
            return Err(Error::invalid("reserved-name", message, &entry.path));
        }
        while self.open.last().is_some_and(|dir| dir.path != parent) {
            self.leave()?;
        }
        let Some(Dir { state, .. }) = self.open.last_mut() else {
            return Err(Error::internal("an entry of a checked tree has no directory"));
        };
        let (there, inside) = match state {
            State::Existing(left) => (left.take(self.files, &entry.path)?, None),
            State::New(staged) => (None, Some(path::join(staged, path::file_name(&entry.path)))),
        };
        match (&entry.content, tree) {
            (Content::Directory, _) => self.directory(entry, tree.is_some(), there, inside),
            (Content::Symlink(target), _) => self.symlink(entry, target, there, inside),
            (Content::File { .. }, Some(tree)) => self.file(entry, tree, there, inside),
            (Content::File { .. }, None) => self.download(entry, there, inside),
        }
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
        if let Some(there) = there.as_ref().filter(|there| there.kind != Kind::Directory) {
            self.replaceable(entry, there)?;
        }
        let staged = self.made_at(&entry.path, there.as_ref(), inside, staging::FILES);
        self.rest.links.push((staged, target.to_owned(), entry.modified));
        Ok(())
    }

    /// Returns where what is new, or replaces what is there, is made: inside its new parent, or in `part` of staging, to be
    /// moved from there.
    pub(super) fn made_at(
        &mut self,
        path: &str,
        there: Option<&DirEntry>,
        inside: Option<String>,
        part: &str,
    ) -> String {
        let action = there.map_or(Action::Create, |_| Action::Replace);
        self.step(action, path, 1, 0);
        inside.unwrap_or_else(|| {
            let staged = self.stage(part);
            self.rest.moves.push((staged.clone(), path.to_owned()));
            staged
        })
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
        let attributes_differ = there
            .as_ref()
            .is_some_and(|there| (there.bits, there.modified) != (entry.bits, entry.modified));
        // The attributes of a file with several names are those of all of them, and another user's cannot be set.
        let compared = there.as_ref().is_some_and(|there| {
            there.kind == Kind::File
                && there.size == *size
                && !(attributes_differ && (there.standing.shared || there.standing.foreign))
        });
        let fixed = there.as_ref().is_some_and(|there| there.standing.fixed);
        if let Some(there) = there
            .as_ref()
            .filter(|there| there.kind != Kind::Directory && !compared)
        {
            self.replaceable(entry, there)?;
        }
        let action = match (&there, compared) {
            (None, _) => Action::Create,
            (Some(_), true) => Action::Compare,
            (Some(_), false) => Action::Replace,
        };
        self.step(action, &entry.path, 1, *size);
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
                size: *size,
                large,
                compared,
                attributes_differ,
                fixed,
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

    /// Takes a file of which nothing is known: whatever is there, it is written anew, as its owner's umask has it.
    fn download(&mut self, entry: &Entry, there: Option<DirEntry>, inside: Option<String>) -> Result<()> {
        self.rest.files += 1;
        self.make_way(entry, there.as_ref())?;
        if let Some(there) = there.as_ref().filter(|there| there.kind != Kind::Directory) {
            self.replaceable(entry, there)?;
        }
        let staged = self.made_at(&entry.path, there.as_ref(), inside, staging::FILES);
        self.downloads.push(Download {
            path: entry.path.clone(),
            staged,
        });
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

    /// Leaves all directories, and makes the staging directories and everything that workers expect in them.
    pub(super) fn finish(mut self, merged: &[Merged]) -> Result<Compared> {
        while !self.open.is_empty() {
            self.leave()?;
        }
        self.sweep.check_names()?;
        self.warnings.extend(self.sweep.warnings());
        let Sweep { found, opened, .. } = self.sweep;
        for removal in &found {
            if self.request.dry_run {
                self.steps.push(Step {
                    action: Action::Remove,
                    path: removal.path.clone(),
                    files: removal.files,
                    bytes: removal.bytes,
                });
            }
        }
        self.rest.clean = found;
        // Inner ones were found first, and parents come first here.
        self.rest.directories_apply.extend(opened.iter().rev().cloned());
        self.rest.closed.extend(opened.into_iter().rev());
        self.steps.sort_by(|a, b| path::compare(&a.path, &b.path));
        if !self.request.dry_run {
            let certain = self.rest.commits.iter().filter(|commit| !commit.compared);
            check_sealed(&self.rest, &changed_dirs(&self.rest, certain))?;
            let made = make(self.files, &self.rest, &self.make, merged);
            if made.is_err() {
                // Nobody abandons what has no plan. A failure here would only hide the one that led to it.
                drop(staging::clear(self.files, &self.rest.places));
            }
            made?;
        }
        Ok(Compared {
            rest: self.rest,
            chunks: self.chunks,
            packs: self.packs,
            downloads: self.downloads,
            steps: self.steps,
            warnings: self.warnings,
        })
    }
}

/// Makes the staging directories, the new directories, and the large files, of which several workers write parts.
fn make(files: &impl Files, rest: &Rest, directories: &[String], merged: &[Merged]) -> Result<()> {
    for place in &rest.places {
        staging::make(files, place)?;
        let (dir, name) = (path::parent(place), path::file_name(place).to_uppercase());
        if files.entry(&path::join(dir, &name))?.is_some() {
            check_names_differ(merged)?;
        }
    }
    let edits: Vec<_> = directories.iter().map(|dir| Edit::MakeDirectory(dir)).collect();
    files.edits(&edits)?;
    for commit in rest.commits.iter().filter(|commit| commit.large) {
        // All of it is a hole for now, and what nobody writes remains one.
        files.open(&commit.staged, Open::Create)?.set_size(commit.size)?;
    }
    Ok(())
}

/// On a file system that does not tell upper from lower case, two names of a tree may be one: neither may be lost.
fn check_names_differ(merged: &[Merged]) -> Result<()> {
    let mut seen = HashMap::from([(STAGING.to_owned(), STAGING)]);
    for Merged { entry, .. } in merged {
        if let Some(other) = seen.insert(entry.path.to_lowercase(), &entry.path) {
            let message = format!("this file system does not tell it from {other}");
            return Err(Error::invalid("names-collide", message, &entry.path));
        }
    }
    Ok(())
}

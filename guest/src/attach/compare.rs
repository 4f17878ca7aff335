//! The merged tree against what is there, a directory at a time: what is made, written, renamed and removed.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Attach, ChunkIn, Commit, Compare, Piece, PieceTarget, Rest, staging};
use crate::error::{Error, Result};
use crate::id::PackId;
use crate::path;
use crate::persist::STAGING;
use crate::plan::{Action, Step};
use crate::ports::{DirEntry, Edit, File, Files, Kind, Open};
use crate::tree::{Content, Entry, Place, Tree};
use crate::workspace::Merged;

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
}

/// A file of which nothing but the path is known.
pub(crate) struct Download {
    pub(crate) path: String,
    /// In the staging directory. It is not there yet.
    pub(crate) staged: String,
}

pub(super) struct Comparing<'a, F> {
    files: &'a F,
    request: &'a Attach,
    open: Vec<Dir>,
    /// Staged directories to make, parents first.
    make: Vec<String>,
    chunks: BTreeMap<ChunkKey, ChunkIn>,
    pack_numbers: HashMap<PackId, u32>,
    packs: Vec<PackId>,
    downloads: Vec<Download>,
    steps: Vec<Step>,
    /// What the artifact has, where only some of it is wanted: `clean` leaves it alone.
    spared: HashSet<String>,
    staged: u32,
    rest: Rest,
}

impl<'a, F: Files> Comparing<'a, F> {
    /// Begins at the top of the directory.
    pub(super) fn new(
        files: &'a F,
        request: &'a Attach,
        spared: HashSet<String>,
    ) -> Result<Comparing<'a, F>> {
        let mut comparing = Comparing {
            files,
            request,
            open: Vec::new(),
            make: Vec::new(),
            chunks: BTreeMap::new(),
            pack_numbers: HashMap::new(),
            packs: Vec::new(),
            downloads: Vec::new(),
            steps: Vec::new(),
            spared,
            staged: 0,
            rest: Rest::default(),
        };
        comparing.enter(String::new(), Standing::Existing(""))?;
        Ok(comparing)
    }

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

    /// Compares the next entry. Without a tree, nothing but its path and kind is known.
    pub(super) fn entry(&mut self, entry: &Entry, tree: Option<&Tree>) -> Result<()> {
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
        match (&entry.content, tree) {
            (Content::Directory, _) => self.directory(entry, tree.is_some(), there, inside),
            (Content::Symlink(target), _) => self.symlink(entry, target, there, inside),
            (Content::File { .. }, Some(tree)) => self.file(entry, tree, there, inside),
            (Content::File { .. }, None) => self.download(entry, there, inside),
        }
    }

    fn directory(
        &mut self,
        entry: &Entry,
        known: bool,
        there: Option<DirEntry>,
        inside: Option<String>,
    ) -> Result<()> {
        self.rest.directories += 1;
        let existing = there.as_ref().filter(|there| there.kind == Kind::Directory);
        // One of which nothing is known keeps what it has.
        let attributes = match (known, existing) {
            (true, _) => Some((entry.bits, entry.modified)),
            (false, Some(there)) => Some((there.bits & 0o777, there.modified)),
            (false, None) => None,
        };
        if let Some((bits, modified)) = attributes {
            self.rest
                .directories_apply
                .push((entry.path.clone(), bits, modified));
        }
        if let Some(there) = existing {
            if there.bits & 0o300 != 0o300 {
                self.rest
                    .closed
                    .push((entry.path.clone(), there.bits & 0o777, there.modified));
            }
            return self.enter(entry.path.clone(), Standing::Existing(&entry.path));
        }
        let staged = self.made_at(&entry.path, there.as_ref(), inside, staging::TREES);
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
        let staged = self.made_at(&entry.path, there.as_ref(), inside, staging::FILES);
        self.rest.links.push((staged, target.to_owned(), entry.modified));
        Ok(())
    }

    /// Returns where what is new, or replaces what is there, is made: inside its new parent, or in `part` of staging, to be
    /// moved from there.
    fn made_at(
        &mut self,
        path: &str,
        there: Option<&DirEntry>,
        inside: Option<String>,
        part: &str,
    ) -> String {
        let action = there.map_or(Action::Create, |_| Action::Replace);
        self.step(action, path, 0);
        inside.unwrap_or_else(|| {
            let staged = self.stage(part);
            self.rest.moves.push((staged.clone(), path.to_owned()));
            staged
        })
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
                size: *size,
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

    /// Takes a file of which nothing is known: whatever is there, it is written anew, as its owner's umask has it.
    fn download(&mut self, entry: &Entry, there: Option<DirEntry>, inside: Option<String>) -> Result<()> {
        self.rest.files += 1;
        self.make_way(entry, there.as_ref())?;
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

    /// Leaves all directories, and makes the staging directory and everything that workers expect in it.
    pub(super) fn finish(mut self, merged: &[Merged]) -> Result<Compared> {
        while !self.open.is_empty() {
            self.leave();
        }
        self.steps.sort_by(|a, b| path::compare(&a.path, &b.path));
        if !self.request.dry_run {
            staging::make(self.files)?;
            if self.files.entries(&STAGING.to_uppercase()).is_ok() {
                check_names_differ(merged)?;
            }
            for dir in &self.make {
                self.files.edit(Edit::MakeDirectory(dir))?;
            }
            for commit in self.rest.commits.iter().filter(|commit| commit.large) {
                // All of it is a hole for now, and what nobody writes remains one.
                self.files
                    .open(&commit.staged, Open::Create)?
                    .set_size(commit.size)?;
            }
        }
        Ok(Compared {
            rest: self.rest,
            chunks: self.chunks,
            packs: self.packs,
            downloads: self.downloads,
            steps: self.steps,
        })
    }
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

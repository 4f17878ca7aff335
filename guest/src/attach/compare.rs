//! Compares the merged tree with the directory, one directory at a time, and decides what is created, replaced and removed.

use std::collections::HashMap;

use super::clean::Cleaner;
use super::compared::{Compared, Download, PathStep, PieceIn};
use super::coverage::Coverage;
use super::open_directories::{Dir, DirState};
use super::request::Attach;
use super::rest::{Commit, Fixed, Rest};
use super::staging;
use super::task::{ExistingFile, Piece, PieceTarget};
use super::unwritable::{changed_dirs, check_sealed};
use crate::error::{Error, Problem, Result};
use crate::external_sort::Sorter;
use crate::id::PackId;
use crate::path;
use crate::ports::{DirEntry, Edit, File, Files, Kind, Open, Scratch, Time};
use crate::scratch_list::{ScratchList, ScratchWriter, batched};
use crate::transfer_plan::{Step, StepKind};
use crate::tree::{Chunk, Content, Entry, Location, Table};

pub(super) struct Comparing<'a, 's, F> {
    pub(super) files: &'a F,
    pub(super) request: &'a Attach,
    /// The paths that `clean` may remove. Absent: none.
    pub(super) coverage: Option<&'a Coverage>,
    pub(super) open: Vec<Dir>,
    /// Staged directories to make, parents first.
    pub(super) make: ScratchWriter<'s, String>,
    scratch: &'s dyn Scratch,
    pieces: Sorter<'s, PieceIn>,
    piece_number: u64,
    pub(super) pack_numbers: HashMap<PackId, u32>,
    pub(super) packs: Vec<PackId>,
    pub(super) downloads: Vec<Download>,
    pub(super) steps: Sorter<'s, PathStep>,
    pub(super) warnings: Vec<Problem>,
    pub(super) cleaner: Cleaner<'a, F>,
    pub(super) staged: u32,
    /// The short parts; the lists that grow with the number of files follow.
    pub(super) rest: Rest,
    pub(super) commits: ScratchWriter<'s, Commit>,
    pub(super) links: ScratchWriter<'s, (String, String, Time)>,
    pub(super) moves: ScratchWriter<'s, (String, String)>,
    pub(super) directories_apply: ScratchWriter<'s, (String, u16, Time)>,
}

impl<'a, 's, F: Files> Comparing<'a, 's, F> {
    /// Begins at the top of the directory.
    pub(super) fn new(
        files: &'a F,
        scratch: &'s dyn Scratch,
        request: &'a Attach,
        coverage: Option<&'a Coverage>,
    ) -> Result<Comparing<'a, 's, F>> {
        let mut comparing = Comparing {
            files,
            request,
            coverage,
            open: Vec::new(),
            make: ScratchWriter::new(scratch),
            scratch,
            pieces: Sorter::new(scratch),
            piece_number: 0,
            pack_numbers: HashMap::new(),
            packs: Vec::new(),
            downloads: Vec::new(),
            steps: Sorter::new(scratch),
            warnings: Vec::new(),
            cleaner: Cleaner::new(files, coverage),
            staged: 0,
            rest: Rest::default(),
            commits: ScratchWriter::new(scratch),
            links: ScratchWriter::new(scratch),
            moves: ScratchWriter::new(scratch),
            directories_apply: ScratchWriter::new(scratch),
        };
        let root = files
            .entry("")?
            .ok_or_else(|| Error::internal("the granted directory has no entry"))?;
        comparing.enter(String::new(), &root)?;
        Ok(comparing)
    }

    pub(super) fn step(&mut self, action: StepKind, path: &str, files: u64, bytes: u64) -> Result<()> {
        if !self.request.dry_run {
            return Ok(());
        }
        let step = Step {
            action,
            path: path.to_owned(),
            files,
            bytes,
        };
        self.steps.push(PathStep(step), 100 + path.len())
    }

    /// Compares the next entry. Without a table, nothing but its path and kind is known.
    pub(super) fn entry(&mut self, entry: &Entry, table: Option<&Table>) -> Result<()> {
        let parent = path::parent(&entry.path);
        if entry.path == staging::staging_dir_in(parent) {
            let message = "the tree has an entry with a name that attach reserves";
            return Err(Error::invalid("reserved-name", message, &entry.path));
        }
        while self.open.last().is_some_and(|dir| dir.path != parent) {
            self.leave()?;
        }
        let Some(Dir { state, .. }) = self.open.last_mut() else {
            return Err(Error::internal("an entry of a checked tree has no directory"));
        };
        let (there, inside) = match state {
            DirState::Existing(left) => (left.take(self.files, &entry.path)?, None),
            DirState::New(staged) => (None, Some(path::join(staged, path::file_name(&entry.path)))),
        };
        match (&entry.content, table) {
            (Content::Directory, _) => self.directory(entry, table.is_some(), there, inside),
            (Content::Symlink(target), _) => self.symlink(entry, target, there, inside),
            (Content::File { .. }, Some(table)) => self.file(entry, table, there, inside),
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
        let staged = self.made_at(&entry.path, there.as_ref(), inside, staging::FILES)?;
        self.links.push(&(staged, target.to_owned(), entry.modified))
    }

    /// Returns the path at which a new or replaced entry is created: inside its new parent, or in `part` of staging, to be
    /// moved from there.
    pub(super) fn made_at(
        &mut self,
        path: &str,
        there: Option<&DirEntry>,
        inside: Option<String>,
        part: &str,
    ) -> Result<String> {
        let action = there.map_or(StepKind::Create, |_| StepKind::Replace);
        self.step(action, path, 1, 0)?;
        if let Some(inside) = inside {
            return Ok(inside);
        }
        let staged = self.stage(part);
        self.moves.push(&(staged.clone(), path.to_owned()))?;
        Ok(staged)
    }

    fn file(
        &mut self,
        entry: &Entry,
        table: &Table,
        there: Option<DirEntry>,
        inside: Option<String>,
    ) -> Result<()> {
        let Content::File { size, location, .. } = &entry.content else {
            return Ok(());
        };
        self.rest.files += 1;
        self.rest.bytes += size;
        self.make_way(entry, there.as_ref())?;
        let large = matches!(location, Location::Slices(_));
        let attributes_differ = there
            .as_ref()
            .is_some_and(|there| (there.bits, there.modified) != (entry.bits, entry.modified));
        // The attributes of a file with several names are those of all of them, and some cannot be set.
        let compared = there.as_ref().is_some_and(|there| {
            let flags = there.flags;
            let keeps_attributes = flags.shared || flags.foreign || flags.immutable();
            there.kind == Kind::File && there.size == *size && !(attributes_differ && keeps_attributes)
        });
        let fixed = there.as_ref().and_then(|there| Fixed::of(&there.flags));
        if let Some(there) = there
            .as_ref()
            .filter(|there| there.kind != Kind::Directory && !compared)
        {
            self.replaceable(entry, there)?;
        }
        let action = match (&there, compared) {
            (None, _) => StepKind::Create,
            (Some(_), true) => StepKind::Compare,
            (Some(_), false) => StepKind::Replace,
        };
        self.step(action, &entry.path, 1, *size)?;
        let in_new_directory = inside.is_some();
        let staged = inside.unwrap_or_else(|| self.stage(staging::FILES));
        let mut compare = None;
        if large || !in_new_directory {
            let commit = self.commits.len() as u32;
            compare = compared.then(|| ExistingFile {
                commit,
                path: entry.path.clone(),
            });
            self.commits.push(&Commit {
                staged: staged.clone(),
                path: (!in_new_directory).then(|| entry.path.clone()),
                bits: entry.bits,
                modified: entry.modified,
                size: *size,
                large,
                compared,
                attributes_differ,
                fixed,
            })?;
        }
        self.pieces_of(entry, table, &staged, compare)
    }

    /// Notes the pieces of a file that are needed, each to be written to `staged`.
    fn pieces_of(
        &mut self,
        entry: &Entry,
        table: &Table,
        staged: &str,
        compare: Option<ExistingFile>,
    ) -> Result<()> {
        let Content::File {
            size,
            digest,
            location,
        } = &entry.content
        else {
            return Ok(());
        };
        let whole = PieceTarget::Whole {
            bits: entry.bits,
            modified: entry.modified,
        };
        let piece = |start, length, digest, target| Piece {
            staged: staged.to_owned(),
            start,
            length,
            digest,
            target,
            compare: compare.clone(),
        };
        match location {
            Location::Empty => self.need(None, piece(0, 0, *digest, whole)),
            Location::Bundle { chunk, offset } => {
                let chunk = table.chunk(*chunk)?;
                self.need(Some((table, chunk)), piece(*offset, *size as u32, *digest, whole))
            }
            Location::Slices(runs) => {
                let mut at = 0;
                for number in Location::slices(runs) {
                    let chunk = table.chunk(number)?;
                    let digest = chunk
                        .digest
                        .ok_or_else(|| Error::internal("a checked slice has no digest"))?;
                    let length = chunk.raw_length;
                    let part = piece(0, length, digest, PieceTarget::Part { at });
                    self.need(Some((table, chunk)), part)?;
                    at += u64::from(length);
                }
                Ok(())
            }
        }
    }

    /// Takes a file of which only the path is known: it is always written, with the permissions of the umask.
    fn download(&mut self, entry: &Entry, there: Option<DirEntry>, inside: Option<String>) -> Result<()> {
        self.rest.files += 1;
        self.make_way(entry, there.as_ref())?;
        if let Some(there) = there.as_ref().filter(|there| there.kind != Kind::Directory) {
            self.replaceable(entry, there)?;
        }
        let staged = self.made_at(&entry.path, there.as_ref(), inside, staging::FILES)?;
        self.downloads.push(Download {
            path: entry.path.clone(),
            staged,
        });
        Ok(())
    }

    /// Notes that a piece is needed: of a chunk, or of none where it has no bytes.
    fn need(&mut self, from: Option<(&Table, &Chunk)>, piece: Piece) -> Result<()> {
        if self.request.dry_run {
            return Ok(());
        }
        let mut pack = None;
        if let Some((table, chunk)) = from {
            let packs = &mut self.packs;
            let id = *table.pack(chunk)?;
            pack = Some(*self.pack_numbers.entry(id).or_insert_with(|| {
                packs.push(id);
                packs.len() as u32 - 1
            }));
        }
        self.piece_number += 1;
        let bytes = piece.bytes();
        let (offset, length, raw_length) = from.map_or((0, 0, 0), |(_, chunk)| {
            (chunk.offset, chunk.length, chunk.raw_length)
        });
        let needed = PieceIn {
            pack,
            offset,
            length,
            raw_length,
            number: self.piece_number,
            piece,
        };
        self.pieces.push(needed, bytes)
    }

    /// Leaves all directories, and makes the staging directories and everything that workers expect in them.
    pub(super) fn finish(mut self) -> Result<Compared<'s>> {
        while !self.open.is_empty() {
            self.leave()?;
        }
        self.cleaner.check_names()?;
        self.warnings.extend(self.cleaner.warnings());
        let found = std::mem::take(&mut self.cleaner.found);
        let opened = std::mem::take(&mut self.cleaner.opened);
        for removal in &found {
            self.step(StepKind::Remove, &removal.path, removal.files, removal.bytes)?;
        }
        // Inner ones were found first, and parents come first here.
        for dir in opened.iter().rev() {
            self.directories_apply.push(dir)?;
        }
        let mut rest = Rest {
            clean: found,
            commits: self.commits.close()?,
            links: self.links.close()?,
            moves: self.moves.close()?,
            directories_apply: self.directories_apply.close()?,
            ..self.rest
        };
        rest.closed.extend(opened.into_iter().rev());
        let mut steps = ScratchWriter::new(self.scratch);
        for step in self.steps.sorted()? {
            steps.push(&step?.0)?;
        }
        let mut folds_case = false;
        if !self.request.dry_run {
            check_sealed(
                &rest,
                &changed_dirs(self.scratch, &rest, &|_, commit| !commit.compared)?,
            )?;
            let made = make(self.files, self.scratch, &rest, &self.make.close()?);
            if made.is_err() {
                // Nobody abandons what has no plan. A failure here would only hide the one that led to it.
                drop(staging::clear(self.files, &rest.staging_dirs));
            }
            folds_case = made?;
        }
        Ok(Compared {
            rest,
            pieces: self.pieces,
            packs: self.packs,
            downloads: self.downloads,
            steps: steps.close()?,
            warnings: self.warnings,
            folds_case,
        })
    }
}

/// Creates the staging directories, the new directories, and the large files, of which several workers write parts. Returns
/// whether the file system does not tell upper from lower case.
fn make(
    files: &impl Files,
    scratch: &dyn Scratch,
    rest: &Rest,
    directories: &ScratchList<String>,
) -> Result<bool> {
    let mut folds_case = false;
    for location in &rest.staging_dirs {
        staging::make(files, location)?;
        let (dir, name) = (path::parent(location), path::file_name(location).to_uppercase());
        folds_case |= files.entry(&path::join(dir, &name))?.is_some();
    }
    batched(directories.items(scratch), |directories| {
        let edits: Vec<_> = directories.iter().map(|dir| Edit::MakeDirectory(dir)).collect();
        files.edits(&edits)
    })?;
    for commit in rest.commits.items(scratch) {
        let commit = commit?;
        if commit.large {
            // All of it is a hole for now, and what nobody writes remains one.
            files.open(&commit.staged, Open::Create)?.set_size(commit.size)?;
        }
    }
    Ok(folds_case)
}

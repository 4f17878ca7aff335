//! A directory in memory.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::file::{MemoryFile, Scheduled, failed};
use crate::error::Result;
use crate::path;
use crate::ports::{AttributeChange, DirEntry, Edit, EntryFlags, Files, Kind, Link, Open, Reserved, Time};

#[derive(Debug, Clone)]
enum InodeKind {
    Directory,
    Symlink(String),
    File(Rc<RefCell<Vec<u8>>>),
    Special(&'static str),
}

#[derive(Debug, Clone)]
struct Inode {
    node: InodeKind,
    bits: u16,
    modified: Rc<Cell<Time>>,
}

/// A directory in memory. Symlinks are never followed: a path through one fails.
#[derive(Debug, Default)]
pub struct MemoryFiles {
    inodes: RefCell<BTreeMap<String, Inode>>,
    clock: Rc<Cell<i64>>,
    /// Flags of entries by their paths, the root's as the empty string.
    pub flags: RefCell<BTreeMap<String, EntryFlags>>,
    /// Writing fails as on a full disk once this many bytes were written.
    pub room_bytes: Cell<Option<u64>>,
    /// Runs once, after the next file was read: for files that change under the reader.
    pub after_read: Scheduled,
    /// Directories that baton keeps for itself.
    pub reserved: RefCell<BTreeSet<String>>,
    /// Files whose size is said to be another than it is, as in `/proc`.
    pub wrong_sizes: Rc<RefCell<BTreeMap<String, u64>>>,
    /// The most bytes that one read gives, as from some network file systems.
    pub read_bytes_max: Cell<Option<usize>>,
    /// The holes of files: offsets and lengths.
    pub holes: RefCell<BTreeMap<String, Vec<(u64, u64)>>>,
    /// The numbers of bytes read and written.
    pub moved_bytes: Rc<Cell<(u64, u64)>>,
}

impl MemoryFiles {
    fn now(&self) -> i64 {
        self.clock.set(self.clock.get() + 1);
        self.clock.get()
    }

    fn add(&self, path: &str, node: InodeKind, bits: u16) {
        let modified = Rc::new(Cell::new(Time {
            seconds: self.now(),
            nanoseconds: 5,
        }));
        self.inodes
            .borrow_mut()
            .insert(path.to_owned(), Inode { node, bits, modified });
    }

    fn add_parents(&self, path: &str) {
        let parent = path::parent(path);
        if !parent.is_empty() && !self.inodes.borrow().contains_key(parent) {
            self.add_parents(parent);
            self.add(parent, InodeKind::Directory, 0o755);
        }
    }

    /// Adds a file and the directories above it.
    pub fn file(&self, path: &str, content: impl Into<Vec<u8>>, bits: u16) {
        self.add_parents(path);
        self.add(path, InodeKind::File(Rc::new(RefCell::new(content.into()))), bits);
    }

    /// Adds a directory and those above it.
    pub fn directory(&self, path: &str, bits: u16) {
        self.add_parents(path);
        self.add(path, InodeKind::Directory, bits);
    }

    /// Adds a symlink.
    pub fn symlink(&self, path: &str, target: &str) {
        self.add_parents(path);
        self.add(path, InodeKind::Symlink(target.to_owned()), 0o777);
    }

    /// Adds what baton does not move.
    pub fn special(&self, path: &str, what: &'static str) {
        self.add_parents(path);
        self.add(path, InodeKind::Special(what), 0o644);
    }

    /// Returns all there is, a line an entry: path, kind, bits, time, content. What two equal directories have in common.
    pub fn listing(&self) -> Vec<String> {
        let shown = |(path, inode): (&String, &Inode)| {
            let Inode {
                node, bits, modified, ..
            } = inode;
            let time = format!("{}.{}", modified.get().seconds, modified.get().nanoseconds);
            match node {
                InodeKind::Directory => format!("{path}/ {bits:o} {time}"),
                InodeKind::Symlink(target) => format!("{path} -> {target} {time}"),
                InodeKind::File(content) => {
                    format!(
                        "{path} {bits:o} {time} {}",
                        crate::id::Digest::of(&content.borrow())
                    )
                }
                InodeKind::Special(what) => format!("{path} {what}"),
            }
        };
        self.inodes.borrow().iter().map(shown).collect()
    }

    /// Returns the content of a file.
    pub fn content(&self, path: &str) -> Option<Vec<u8>> {
        match &self.inodes.borrow().get(path)?.node {
            InodeKind::File(content) => Some(content.borrow().clone()),
            _ => None,
        }
    }

    fn seen(&self, path: &str, inode: &Inode) -> DirEntry {
        let (kind, size, target) = match &inode.node {
            InodeKind::Directory => (Kind::Directory, 0, Vec::new()),
            InodeKind::Symlink(target) => (Kind::Symlink, 0, target.as_bytes().to_vec()),
            InodeKind::File(content) => (Kind::File, content.borrow().len() as u64, Vec::new()),
            InodeKind::Special(what) => (Kind::Special(what), 0, Vec::new()),
        };
        let size = self.wrong_sizes.borrow().get(path).copied().unwrap_or(size);
        let mut flags = self.flags.borrow().get(path).copied().unwrap_or_default();
        if self.reserved.borrow().contains(path) {
            flags.reserved = Some(Reserved::Store);
        }
        DirEntry {
            name: path::file_name(path).as_bytes().to_vec(),
            kind,
            bits: inode.bits,
            size,
            modified: inode.modified.get(),
            target,
            flags,
        }
    }

    /// Checks that this is not immutable: nobody can change its attributes, or what is in it.
    fn check_mutable(&self, path: &str) -> Result<()> {
        match self.flags.borrow().get(path) {
            Some(flags) if flags.immutable() => Err(failed("immutable", path)),
            _ => Ok(()),
        }
    }

    /// Checks that every name above `path` is a directory.
    fn reach(&self, path: &str) -> Result<()> {
        let parent = path::parent(path);
        if parent.is_empty() {
            return Ok(());
        }
        match self.inodes.borrow().get(parent).map(|inode| &inode.node) {
            Some(InodeKind::Directory) => self.reach(parent),
            Some(_) => Err(failed("not-a-directory", path)),
            None => Err(failed("not-found", path)),
        }
    }
}

/// So many entries make a page: few, so that tests see more than one.
const ENTRIES_MAX: usize = 30;

impl Files for MemoryFiles {
    type File = MemoryFile;

    fn page(&self, dir: &str, after: Option<&[u8]>) -> Result<(Vec<DirEntry>, bool)> {
        self.reach(&path::join(dir, "x"))?;
        let inodes = self.inodes.borrow();
        let below = path::join(dir, "");
        let below = below.trim_start_matches('/');
        let inside = inodes
            .range(below.to_owned()..)
            .take_while(|(path, _)| path.starts_with(below))
            .filter(|(path, _)| path::parent(path) == dir);
        let mut entries: Vec<DirEntry> = inside
            .map(|(path, inode)| self.seen(path, inode))
            .filter(|entry| after.is_none_or(|after| entry.name.as_slice() > after))
            .collect();
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let more = entries.len() > ENTRIES_MAX;
        entries.truncate(ENTRIES_MAX);
        Ok((entries, more))
    }

    fn entry(&self, path: &str) -> Result<Option<DirEntry>> {
        let inodes = self.inodes.borrow();
        if path.is_empty() {
            let root = Inode {
                node: InodeKind::Directory,
                bits: 0o755,
                modified: Rc::default(),
            };
            return Ok(Some(self.seen("", &root)));
        }
        Ok(inodes.get(path).map(|inode| self.seen(path, inode)))
    }

    fn holes(&self, path: &str, offset: u64, length: u64, least: u64) -> Result<Vec<(u64, u64)>> {
        let holes = self.holes.borrow();
        let within = |(start, size): &(u64, u64)| {
            let (start, end) = ((*start).max(offset), (start + size).min(offset + length));
            (end >= start + least).then(|| (start, end - start))
        };
        Ok(holes.get(path).into_iter().flatten().filter_map(within).collect())
    }

    fn open(&self, path: &str, how: Open) -> Result<MemoryFile> {
        self.reach(path)?;
        let there = self.inodes.borrow().get(path).cloned();
        match (there, how) {
            (None, Open::Create) => self.file(path, Vec::new(), 0o644),
            (None, _) => return Err(failed("not-found", path)),
            (Some(_), Open::Create) => return Err(failed("exists", path)),
            (Some(_), _) => {}
        }
        let inodes = self.inodes.borrow();
        let inode = inodes.get(path).ok_or_else(|| failed("not-found", path))?;
        let InodeKind::File(content) = &inode.node else {
            return Err(failed("not-a-file", path));
        };
        Ok(MemoryFile {
            path: path.to_owned(),
            content: Rc::clone(content),
            modified: Rc::clone(&inode.modified),
            clock: Rc::clone(&self.clock),
            room_bytes: self.room_bytes.get(),
            after_read: Rc::clone(&self.after_read),
            wrong_sizes: Rc::clone(&self.wrong_sizes),
            read_bytes_max: self.read_bytes_max.get(),
            moved_bytes: Rc::clone(&self.moved_bytes),
        })
    }

    fn edit(&self, edit: Edit<'_>) -> Result<()> {
        let (Edit::MakeDirectory(path)
        | Edit::Rename(path, _)
        | Edit::RemoveFile(path)
        | Edit::RemoveDirectory(path)) = edit;
        self.reach(path)?;
        self.check_mutable(path)?;
        self.check_mutable(path::parent(path))?;
        let there = self
            .inodes
            .borrow()
            .get(path)
            .map(|inode| matches!(inode.node, InodeKind::Directory));
        match (edit, there) {
            (Edit::MakeDirectory(path), None) => self.add(path, InodeKind::Directory, 0o755),
            (Edit::MakeDirectory(path), Some(_)) => return Err(failed("exists", path)),
            (_, None) => return Err(failed("not-found", path)),
            (Edit::RemoveFile(path), Some(true)) => return Err(failed("is-a-directory", path)),
            (Edit::RemoveDirectory(path), Some(false)) => return Err(failed("not-a-directory", path)),
            (Edit::RemoveDirectory(path), Some(true)) if !self.entries(path)?.is_empty() => {
                return Err(failed("not-empty", path));
            }
            (Edit::RemoveFile(path) | Edit::RemoveDirectory(path), Some(_)) => {
                self.inodes.borrow_mut().remove(path);
            }
            (Edit::Rename(from, to), Some(is_directory)) => {
                self.reach(to)?;
                self.check_mutable(to)?;
                self.check_mutable(path::parent(to))?;
                let mut inodes = self.inodes.borrow_mut();
                let in_the_way = inodes
                    .get(to)
                    .map(|inode| matches!(inode.node, InodeKind::Directory));
                if in_the_way.is_some_and(|other| other || is_directory) {
                    return Err(failed("exists", to));
                }
                let moved: Vec<String> = inodes
                    .keys()
                    .filter(|path| *path == from || path::is_below(path, from))
                    .cloned()
                    .collect();
                for path in moved {
                    if let (Some(inode), Some(rest)) = (inodes.remove(&path), path.strip_prefix(from)) {
                        inodes.insert(format!("{to}{rest}"), inode);
                    }
                }
            }
        }
        Ok(())
    }

    fn apply(&self, changes: &[AttributeChange]) -> Result<()> {
        for change in changes {
            self.reach(&change.path)?;
            self.check_mutable(&change.path)?;
            let mut inodes = self.inodes.borrow_mut();
            let inode = inodes
                .get_mut(&change.path)
                .ok_or_else(|| failed("not-found", &change.path))?;
            inode.bits = change.bits.unwrap_or(inode.bits);
            inode.modified.set(change.modified);
        }
        Ok(())
    }

    fn link(&self, links: &[Link]) -> Result<()> {
        for link in links {
            self.reach(&link.path)?;
            if self.inodes.borrow().contains_key(&link.path) {
                return Err(failed("exists", &link.path));
            }
            self.symlink(&link.path, &link.target);
            if let Some(inode) = self.inodes.borrow().get(&link.path) {
                inode.modified.set(link.modified);
            }
        }
        Ok(())
    }
}

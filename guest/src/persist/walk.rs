//! The walk through the granted directory: which entries are selected.

use super::base::Base;
use super::item::{Item, ItemKind};
use super::tasks::Tasks;
use super::walk_report::{Barrier, WalkReport};
use crate::chunk::{SLICE_BYTES_MAX, SMALL_BYTES_MAX};
use crate::directory_reader::DirectoryReader;
use crate::error::{Error, Problem, Result, warning};
use crate::glob::{Selection, Verdict};
use crate::path;
use crate::ports::{DirEntry, Files, Kind, Reserved, Store};
use crate::reserved::is_staging;
use crate::text::text_of;
use crate::tree::{CHUNKS_MAX, ENTRIES_MAX};

/// A larger file is spread over several tasks. Slices do not cross the border, so a shifted file stores about one slice
/// more for each of these: an eightieth.
const SEGMENT_BYTES: u64 = 32 << 20;

pub(super) struct Walk<'a, F, S> {
    pub(super) files: &'a F,
    pub(super) selection: Selection,
    pub(super) base: Base<'a, S>,
    pub(super) tasks: Tasks<'a>,
    pub(super) entries: usize,
    pub(super) warnings: Vec<Problem>,
    pub(super) report: WalkReport,
}

/// A directory on the way down.
struct Level {
    path: String,
    verdict: Verdict,
    /// The entries that were not read yet.
    entries: DirectoryReader,
    /// Its own item, if it is only on the way to what is wanted: it comes along when something is.
    waiting: Option<Item>,
}

impl<F: Files, S: Store> Walk<'_, F, S> {
    /// Adds what is selected below the root. Does not recurse: a path has room for 2,000 names, and a component's stack
    /// has not.
    pub(super) fn all(&mut self) -> Result<()> {
        let mut levels = vec![self.level(String::new(), Verdict::Descend, None)?];
        while let Some(level) = levels.last_mut() {
            let Some(entry) = level.entries.next(self.files)? else {
                levels.pop();
                continue;
            };
            let (path, verdict) = (level.path.clone(), level.verdict);
            let Some(found) = self.entry(&path, verdict, &entry)? else {
                continue;
            };
            let Selected {
                verdict,
                kind,
                path,
                bits,
            } = found;
            let item = Item {
                path,
                bits,
                modified: entry.modified,
                listed: entry.size,
                kind,
                base: None,
            };
            if verdict == Verdict::Descend {
                levels.push(self.level(item.path.clone(), verdict, Some(item))?);
                continue;
            }
            for above in &mut levels {
                if let Some(waiting) = above.waiting.take() {
                    self.push(waiting)?;
                }
            }
            let dir = (item.kind == ItemKind::Directory).then(|| item.path.clone());
            self.push(item)?;
            if let Some(dir) = dir {
                levels.push(self.level(dir, verdict, None)?);
            }
        }
        Ok(())
    }

    fn level(&self, path: String, verdict: Verdict, waiting: Option<Item>) -> Result<Level> {
        Ok(Level {
            entries: DirectoryReader::open(self.files, &path)?,
            path,
            verdict,
            waiting,
        })
    }

    /// Returns an entry if it is selected, or a directory to go into.
    fn entry(&mut self, dir: &str, verdict: Verdict, entry: &DirEntry) -> Result<Option<Selected>> {
        let is_directory = entry.kind == Kind::Directory;
        let Ok(name) = std::str::from_utf8(&entry.name) else {
            // What is not wanted is nobody's trouble. A pattern sees one odd character for each wrong part.
            let path = path::join(dir, &String::from_utf8_lossy(&entry.name));
            if self.selection.check(&path, is_directory, verdict) == Verdict::Selected {
                self.report
                    .not_utf8
                    .add(|| path::join(dir, &text_of(&entry.name)));
            }
            return Ok(None);
        };
        let path = path::join(dir, name);
        if self.is_reserved(name, &path, verdict, entry) {
            return Ok(None);
        }
        let verdict = self.selection.check(&path, is_directory, verdict);
        if entry.kind == Kind::Symlink {
            self.symlink(&path, verdict, entry);
        }
        if verdict == Verdict::Skip || (verdict == Verdict::Descend && !is_directory) {
            return Ok(None);
        }
        if let Some(fault) = path::fault(&path) {
            return Err(Error::limit("path-too-long", fault, &path));
        }
        if self.entries >= ENTRIES_MAX {
            let message = format!("there are more than {ENTRIES_MAX} entries");
            return Err(Error::limit("too-many-entries", message, &path));
        }
        let high = entry.bits & !0o777;
        if high != 0 && verdict == Verdict::Selected && !matches!(entry.kind, Kind::Symlink) {
            let message = format!("dropped the setuid, setgid or sticky bit ({:04o})", entry.bits);
            self.warnings
                .push(warning("special-bits-dropped", message, &path));
        }
        let bits = if entry.kind == Kind::Symlink {
            0
        } else {
            entry.bits & 0o777
        };
        let kind = match entry.kind {
            Kind::Directory => ItemKind::Directory,
            Kind::Symlink => {
                let target = String::from_utf8(entry.target.clone()).map_err(|_| {
                    let message = format!("a symlink's target is not UTF-8: {}", text_of(&entry.target));
                    Error::invalid("name-not-utf8", message, &path)
                })?;
                ItemKind::Symlink(target)
            }
            Kind::File if entry.size <= SMALL_BYTES_MAX => ItemKind::Small { size: entry.size },
            Kind::File => {
                let (size, most) = (entry.size, CHUNKS_MAX as u64 * SLICE_BYTES_MAX as u64);
                if size > most {
                    let message = format!(
                        "a file of {size} bytes is larger than an artifact, which has {most} at most"
                    );
                    return Err(Error::limit("tree-too-large", message, &path));
                }
                ItemKind::Segment {
                    size,
                    offset: 0,
                    length: 0,
                }
            }
            Kind::Special(what) => {
                self.report.special(what, &path);
                return Ok(None);
            }
        };
        Ok(Some(Selected {
            path,
            verdict,
            bits,
            kind,
        }))
    }

    /// Returns whether an entry is baton's own, which is left out.
    fn is_reserved(&mut self, name: &str, path: &str, parent: Verdict, entry: &DirEntry) -> bool {
        // The staging directory also further down: the root may be a directory above the one that was attached to.
        let is_own = entry.kind == Kind::Directory && entry.flags.reserved == Some(Reserved::Store);
        let (code, message) = match name {
            name if is_staging(name) => (
                "leftover-skipped",
                "left out the staging directory of an interrupted attach",
            ),
            _ if is_own => ("store-skipped", "left out the store of baton"),
            _ => return false,
        };
        // A pattern that takes nothing else must not be content with this.
        if self.selection.clone().check(path, true, parent) == Verdict::Skip {
            self.selection.check(path, true, parent);
        } else {
            self.warnings.push(warning(code, message, path));
        }
        if is_own && self.selection.note_barrier(path) {
            self.report.barriers.insert(path.to_owned(), Barrier::Reserved);
        }
        true
    }

    /// Remembers a symlink that a pattern may expect to be followed.
    fn symlink(&mut self, path: &str, verdict: Verdict, entry: &DirEntry) {
        if verdict == Verdict::Selected && self.selection.asks_for_directory(path) {
            let message = "stored the symlink itself, and not the directory that it points to";
            self.warnings.push(warning("symlink-itself", message, path));
        }
        // Also where another pattern takes the symlink itself.
        if self.selection.note_barrier(path) {
            let target = entry.target.clone();
            self.report
                .barriers
                .insert(path.to_owned(), Barrier::Symlink(target));
        }
    }

    /// Adds an item: a large file as its segments.
    fn push(&mut self, mut item: Item) -> Result<()> {
        self.entries += 1;
        match item.kind {
            ItemKind::Small { size } => {
                item.base = self.base.find(&item.path, size, item.modified)?;
                self.tasks.push(&item)
            }
            ItemKind::Segment { size, .. } => {
                let mut offset = 0;
                while offset < size {
                    let length = SEGMENT_BYTES.min(size - offset);
                    item.kind = ItemKind::Segment { size, offset, length };
                    self.tasks.push(&item)?;
                    offset += length;
                }
                Ok(())
            }
            ItemKind::Directory | ItemKind::Symlink(_) => self.tasks.push(&item),
        }
    }
}

/// An entry that is selected, or leads to such.
struct Selected {
    path: String,
    verdict: Verdict,
    bits: u16,
    /// A large file as one segment.
    kind: ItemKind,
}

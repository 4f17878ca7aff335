//! What a persist will do: the entries that were selected, cut into tasks.

use super::base;
use super::met::{Closed, Met};
use super::worker::SLICE_BYTES_MAX;
use super::{Item, ItemKind, Rest, SMALL_BYTES_MAX};
use crate::condemned::Condemned;
use crate::context::Context;
use crate::error::{Error, Problem, Result, text_of, warning};
use crate::glob::{Selection, Verdict};
use crate::path;
use crate::plan::{Action, Planned, Step, Task};
use crate::ports::{DirEntry, Files, Kind, Reserved, Store};
use crate::tree::{CHUNKS_MAX, ENTRIES_MAX};
use crate::{lookup, store_format};

/// A task is closed by the entry that gives it this much to read.
const TASK_BYTES: u64 = 16 << 20;
/// Nor does it grow beyond this many entries, which take as long as some MiB.
const TASK_ENTRIES: usize = 2048;
/// A larger file is spread over several tasks. Slices do not cross the border, so a shifted file stores about one slice
/// more for each of these: an eightieth.
const SEGMENT_BYTES: u64 = 32 << 20;
/// Where an attach keeps what is not complete. An interrupted one leaves it behind.
pub(crate) const STAGING: &str = ".baton-attach";

/// Whether a name is that of a directory where an attach keeps what is not complete: on other file systems below `--at` it
/// has a number at its end.
pub(crate) fn is_staging(name: &str) -> bool {
    name.strip_prefix(STAGING)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('~'))
}

/// What is to be persisted.
#[derive(Debug, Clone)]
pub struct Persist {
    /// The artifact's name.
    pub name: String,
    /// Paths and globs.
    pub paths: Vec<String>,
    /// What to do where one matches nothing.
    pub if_no_files: IfNoFiles,
    /// What to do about devices, sockets and FIFOs.
    pub special_files: SpecialFiles,
    /// Whether a path that another job persisted with other bytes is an error.
    pub check_conflicts: bool,
    /// Which build this is.
    pub context: Context,
    /// Whether to look only.
    pub dry_run: bool,
    /// Whether to read back all that the build will point to, and to store again what is not whole.
    pub repair: bool,
}

/// What is done where nothing matches a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfNoFiles {
    /// Fail.
    Fail,
    /// Warn, and go on.
    Warn,
    /// Go on.
    Ignore,
}

/// What is done about devices, sockets and FIFOs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecialFiles {
    /// Fail.
    Fail,
    /// Leave them out with a warning.
    Skip,
}

/// Walks the directory, and decides what each worker will do.
pub fn plan(store: &impl Store, files: &impl Files, request: &Persist) -> Result<Planned> {
    let record = request.context.record(&request.name)?;
    let selection = Selection::parse(&request.paths, |path| files.exists(path))?;
    store_format::prepare(store, request.dry_run)?;

    let mut walk = Walk {
        files,
        selection,
        items: Vec::new(),
        warnings: Vec::new(),
        met: Met::default(),
    };
    walk.all()?;
    let Walk {
        selection,
        items,
        mut warnings,
        met,
        ..
    } = walk;
    warnings.extend(met.report(request, &selection)?);
    let covers = selection.patterns();
    let bases = lookup::bases(store, &record, request.context.default_branch.as_deref())?;
    warnings.extend(lookup::ranks_low(&record, bases.first()));
    let (chunks, index, is_whole) = base::load(store, &bases)?;
    let rest = Rest {
        record,
        base: chunks,
        base_record: bases.into_iter().next(),
        check_conflicts: request.check_conflicts,
        read_back: request.repair || !is_whole,
        covers,
        prunes: Condemned::last_sequence(store)?,
    };
    let steps = if request.dry_run {
        steps(&items)
    } else {
        Vec::new()
    };
    let tasks = tasks(items)?;
    Ok(Planned {
        files: tasks.iter().map(|task| task.files).sum(),
        bytes: tasks.iter().map(|task| task.bytes).sum(),
        tasks,
        shared: crate::wire::write(&index)?,
        rest: crate::wire::write(&rest)?,
        steps,
        warnings,
        ..Planned::default()
    })
}

struct Walk<'a, F> {
    files: &'a F,
    selection: Selection,
    items: Vec<Item>,
    warnings: Vec<Problem>,
    met: Met,
}

/// A directory on the way down.
struct Level {
    path: String,
    verdict: Verdict,
    /// What is left to look at.
    entries: std::vec::IntoIter<DirEntry>,
    /// The number of its own item. The root has none.
    item: Option<usize>,
}

impl<F: Files> Walk<'_, F> {
    /// Adds what is selected below the root. Does not recurse: a path has room for 2,000 names, and a component's stack
    /// has not.
    fn all(&mut self) -> Result<()> {
        let mut levels = vec![self.level(String::new(), Verdict::Descend, None)?];
        while let Some(level) = levels.last_mut() {
            if let Some(entry) = level.entries.next() {
                let item = self.items.len();
                if let Some((path, verdict)) = self.entry(&level.path, level.verdict, &entry)? {
                    levels.push(self.level(path, verdict, Some(item))?);
                }
                continue;
            }
            // A directory that is only on the way to what is wanted comes along when something is.
            let is_last = level.item.is_some_and(|item| self.items.len() == item + 1);
            if level.verdict == Verdict::Descend && is_last {
                self.items.pop();
            }
            levels.pop();
        }
        Ok(())
    }

    fn level(&self, path: String, verdict: Verdict, item: Option<usize>) -> Result<Level> {
        let mut entries = self.files.entries(&path)?;
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(Level {
            path,
            verdict,
            entries: entries.into_iter(),
            item,
        })
    }

    /// Adds an entry if it is selected. Returns it if it is a directory to go into.
    fn entry(&mut self, dir: &str, verdict: Verdict, entry: &DirEntry) -> Result<Option<(String, Verdict)>> {
        let is_directory = entry.kind == Kind::Directory;
        let Ok(name) = std::str::from_utf8(&entry.name) else {
            // What is not wanted is nobody's trouble. A pattern sees one odd character for each wrong part.
            let path = path::join(dir, &String::from_utf8_lossy(&entry.name));
            if self.selection.check(&path, is_directory, verdict) == Verdict::Selected {
                self.met.not_utf8.add(|| path::join(dir, &text_of(&entry.name)));
            }
            return Ok(None);
        };
        let path = path::join(dir, name);
        if self.is_reserved(name, &path, verdict, entry) {
            return Ok(None);
        }
        let verdict = self.selection.check(&path, is_directory, verdict);
        if entry.kind == Kind::Symlink {
            self.symlink_met(&path, verdict, entry);
        }
        if verdict == Verdict::Skip || (verdict == Verdict::Descend && !is_directory) {
            return Ok(None);
        }
        if let Some(fault) = path::fault(&path) {
            return Err(Error::limit("path-too-long", fault, &path));
        }
        if self.items.len() >= ENTRIES_MAX {
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
        match entry.kind {
            Kind::Directory => {
                self.push(path.clone(), bits, entry, ItemKind::Directory);
                return Ok(Some((path, verdict)));
            }
            Kind::Symlink => {
                let target = String::from_utf8(entry.target.clone()).map_err(|_| {
                    let message = format!("a symlink's target is not UTF-8: {}", text_of(&entry.target));
                    Error::invalid("name-not-utf8", message, &path)
                })?;
                self.push(path, bits, entry, ItemKind::Symlink(target));
            }
            Kind::File => self.file(path, bits, entry)?,
            Kind::Special(what) => self.met.special(what, &path),
        }
        Ok(None)
    }

    /// Returns whether an entry is baton's own, which is left out.
    fn is_reserved(&mut self, name: &str, path: &str, parent: Verdict, entry: &DirEntry) -> bool {
        // The staging directory also further down: the root may be a directory above the one that was attached to.
        let is_own = entry.kind == Kind::Directory && entry.standing.reserved == Some(Reserved::Store);
        let (code, message) = match name {
            name if is_staging(name) => (
                "leftover-skipped",
                "left out what an interrupted attach left behind",
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
        if is_own && self.selection.closed(path) {
            self.met.closed.insert(path.to_owned(), Closed::Reserved);
        }
        true
    }

    /// Remembers a symlink that a pattern may want to be led through.
    fn symlink_met(&mut self, path: &str, verdict: Verdict, entry: &DirEntry) {
        if verdict == Verdict::Selected {
            if self.selection.asks_for_directory(path) {
                let message = "stored the symlink itself, and not the directory that it points to";
                self.warnings.push(warning("symlink-itself", message, path));
            }
        } else if self.selection.closed(path) {
            let target = entry.target.clone();
            self.met.closed.insert(path.to_owned(), Closed::Symlink(target));
        }
    }

    fn file(&mut self, path: String, bits: u16, entry: &DirEntry) -> Result<()> {
        let size = entry.size;
        if size <= SMALL_BYTES_MAX {
            self.push(path, bits, entry, ItemKind::Small { size });
            return Ok(());
        }
        let most = CHUNKS_MAX as u64 * SLICE_BYTES_MAX as u64;
        if size > most {
            let message =
                format!("a file of {size} bytes is larger than an artifact, which has {most} at most");
            return Err(Error::limit("tree-too-large", message, &path));
        }
        let mut offset = 0;
        while offset < size {
            let length = SEGMENT_BYTES.min(size - offset);
            self.push(
                path.clone(),
                bits,
                entry,
                ItemKind::Segment { size, offset, length },
            );
            offset += length;
        }
        Ok(())
    }

    fn push(&mut self, path: String, bits: u16, entry: &DirEntry, kind: ItemKind) {
        self.items.push(Item {
            path,
            bits,
            modified: entry.modified,
            listed: entry.size,
            kind,
        });
    }
}

/// Returns a step an entry.
fn steps(items: &[Item]) -> Vec<Step> {
    let step = |item: &Item| {
        let bytes = match item.kind {
            ItemKind::Small { size } | ItemKind::Segment { size, offset: 0, .. } => size,
            // The first segment stood for the file.
            ItemKind::Segment { .. } => return None,
            ItemKind::Directory | ItemKind::Symlink(_) => 0,
        };
        Some(Step {
            action: Action::Store,
            path: item.path.clone(),
            files: 1,
            bytes,
        })
    };
    items.iter().filter_map(step).collect()
}

/// Cuts the items into tasks, in order.
fn tasks(items: Vec<Item>) -> Result<Vec<Task>> {
    let mut tasks = Vec::new();
    let mut open = Vec::new();
    let (mut files, mut bytes) = (0, 0);
    let mut items = items.into_iter().peekable();
    while let Some(item) = items.next() {
        match &item.kind {
            ItemKind::Small { size } => (files, bytes) = (files + 1, bytes + size),
            // The last segment counts the file.
            ItemKind::Segment { size, offset, length } => {
                (files, bytes) = (files + u64::from(offset + length == *size), bytes + length);
            }
            ItemKind::Directory | ItemKind::Symlink(_) => {}
        }
        open.push(item);
        if bytes >= TASK_BYTES || open.len() >= TASK_ENTRIES || items.peek().is_none() {
            tasks.push(Task {
                payload: crate::wire::write(&open)?,
                files,
                bytes,
            });
            open.clear();
            (files, bytes) = (0, 0);
        }
    }
    Ok(tasks)
}

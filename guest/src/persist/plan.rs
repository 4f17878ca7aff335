//! What a persist will do: the entries that were selected, cut into tasks.

use super::base;
use super::{Item, ItemKind, Rest, SMALL_BYTES_MAX};
use crate::context::Context;
use crate::error::{Error, Problem, Result, escaped_bytes, warning};
use crate::glob::{Selection, Verdict};
use crate::path;
use crate::ports::{DirEntry, Files, Kind, Store};
use crate::tree::ENTRIES_MAX;
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

/// What is to be persisted.
#[derive(Debug, Clone)]
pub struct Persist {
    /// The artifact's name.
    pub name: String,
    /// Paths and globs.
    pub paths: Vec<String>,
    /// What to do where one matches nothing.
    pub if_no_files: IfNoFiles,
    /// Whether a path that another job persisted with other bytes is an error.
    pub check_conflicts: bool,
    /// Which build this is.
    pub context: Context,
    /// Whether to look only.
    pub dry_run: bool,
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

/// Some MiB of work.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// For the worker.
    pub payload: Vec<u8>,
    /// How many files it is about.
    pub files: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// A plan, ready to be run.
#[derive(Debug, Default)]
pub struct Planned {
    /// In path order.
    pub tasks: Vec<Task>,
    /// For each worker.
    pub shared: Vec<u8>,
    /// For `finish`.
    pub rest: Vec<u8>,
    /// What a person should know.
    pub warnings: Vec<Problem>,
}

/// Walks the directory, and decides what each worker will do.
pub fn plan(store: &impl Store, files: &impl Files, request: &Persist) -> Result<Planned> {
    let record = request.context.record(&request.name)?;
    let selection = Selection::parse(&request.paths).map_err(|error| glob_error(&error))?;
    store_format::prepare(store, request.dry_run)?;

    let mut walk = Walk { files, selection, items: Vec::new(), warnings: Vec::new() };
    walk.directory("", Verdict::Descend)?;
    let Walk { selection, items, mut warnings, .. } = walk;
    for pattern in selection.unmatched() {
        let message = "nothing matches this path below the root";
        match request.if_no_files {
            IfNoFiles::Fail => return Err(Error::nothing_matched("no-files", message, pattern)),
            IfNoFiles::Warn => warnings.push(warning("no-files", message, pattern)),
            IfNoFiles::Ignore => {}
        }
    }
    let bases = lookup::bases(store, &record, request.context.default_branch.as_deref())?;
    let (chunks, index) = base::load(store, &bases)?;
    let rest = Rest {
        record,
        base: chunks,
        base_record: bases.into_iter().next(),
        check_conflicts: request.check_conflicts,
    };
    Ok(Planned {
        tasks: tasks(items)?,
        shared: crate::wire::write(&index)?,
        rest: crate::wire::write(&rest)?,
        warnings,
    })
}

/// Turns a glob's error into one of this crate.
pub(crate) fn glob_error(error: &crate::glob::GlobError) -> Error {
    Error::invalid("wrong-glob", error.to_string(), "")
}

struct Walk<'a, F> {
    files: &'a F,
    selection: Selection,
    items: Vec<Item>,
    warnings: Vec<Problem>,
}

impl<F: Files> Walk<'_, F> {
    /// Adds what is selected in and below a directory. Returns whether that was anything.
    fn directory(&mut self, dir: &str, verdict: Verdict) -> Result<bool> {
        let mut entries = self.files.entries(dir)?;
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let before = self.items.len();
        for entry in entries {
            self.entry(dir, verdict, &entry)?;
        }
        Ok(self.items.len() > before)
    }

    fn entry(&mut self, dir: &str, verdict: Verdict, entry: &DirEntry) -> Result<()> {
        let Ok(name) = std::str::from_utf8(&entry.name) else {
            // What is not wanted is nobody's trouble. Such a name can only be wanted with its directory.
            if verdict != Verdict::Selected {
                return Ok(());
            }
            let shown = path::join(&crate::error::escaped(dir), &escaped_bytes(&entry.name));
            return Err(Error::invalid("name-not-utf8", "a name is not UTF-8", &shown));
        };
        let path = path::join(dir, name);
        if path == STAGING {
            let message = "left out what an interrupted attach left behind";
            self.warnings.push(warning("leftover-skipped", message, &path));
            return Ok(());
        }
        let is_directory = entry.kind == Kind::Directory;
        let verdict = self.selection.check(&path, is_directory, verdict);
        if verdict == Verdict::Skip || (verdict == Verdict::Descend && !is_directory) {
            return Ok(());
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
            self.warnings.push(warning("special-bits-dropped", message, &path));
        }
        let bits = if entry.kind == Kind::Symlink { 0 } else { entry.bits & 0o777 };
        match entry.kind {
            Kind::Directory => {
                let at = self.items.len();
                self.push(path.clone(), bits, entry, ItemKind::Directory);
                let filled = self.directory(&path, verdict)?;
                // A directory that is only on the way to what is wanted comes along when something is.
                if !filled && verdict == Verdict::Descend {
                    self.items.truncate(at);
                }
            }
            Kind::Symlink => {
                let target = String::from_utf8(entry.target.clone()).map_err(|_| {
                    let message = format!("a symlink's target is not UTF-8: {}", escaped_bytes(&entry.target));
                    Error::invalid("name-not-utf8", message, &path)
                })?;
                self.push(path, bits, entry, ItemKind::Symlink(target));
            }
            Kind::File => self.file(path, bits, entry),
            Kind::Special(what) => {
                return Err(Error::invalid("special-file", format!("a {what} cannot be persisted"), &path));
            }
        }
        Ok(())
    }

    fn file(&mut self, path: String, bits: u16, entry: &DirEntry) {
        let size = entry.size;
        if size <= SMALL_BYTES_MAX {
            self.push(path, bits, entry, ItemKind::Small { size });
            return;
        }
        let mut offset = 0;
        while offset < size {
            let length = SEGMENT_BYTES.min(size - offset);
            self.push(path.clone(), bits, entry, ItemKind::Segment { size, offset, length });
            offset += length;
        }
    }

    fn push(&mut self, path: String, bits: u16, entry: &DirEntry, kind: ItemKind) {
        self.items.push(Item { path, bits, modified: entry.modified, kind });
    }
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
            tasks.push(Task { payload: crate::wire::write(&open)?, files, bytes });
            open.clear();
            (files, bytes) = (0, 0);
        }
    }
    Ok(tasks)
}

//! What a persist will do: the entries that were selected, cut into tasks.

use super::base::Base;
use super::met::{Closed, Met};
use super::worker::SLICE_BYTES_MAX;
use super::{Item, ItemKind, Items, Rest, SMALL_BYTES_MAX};
use crate::condemned::Condemned;
use crate::context::Context;
use crate::error::{Error, Problem, Result, text_of, warning};
use crate::glob::{Selection, Verdict};
use crate::listing::Listing;
use crate::path;
use crate::plan::{Action, Planned, Step, Task};
use crate::ports::{DirEntry, Files, Kind, Reserved, Scratch, Store};
use crate::spool::Spool;
use crate::tree::{CHUNKS_MAX, ENTRIES_MAX};
use crate::{lookup, store_format};

/// A task is closed by the entry that gives it this much to read.
const TASK_BYTES: u64 = 16 << 20;
/// Nor does it grow beyond this many entries, which take as long as some MiB.
const TASK_ENTRIES: u64 = 2048;
/// Nor beyond this many bytes of paths, so that a task is one page.
const TASK_PAYLOAD_BYTES: usize = 900 << 10;
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
pub fn plan(
    store: &impl Store,
    files: &impl Files,
    scratch: &dyn Scratch,
    request: &Persist,
) -> Result<Planned> {
    let record = request.context.record(&request.name)?;
    let selection = Selection::parse(&request.paths, |path| files.exists(path))?;
    store_format::prepare(store, request.dry_run)?;

    let bases = lookup::bases(store, &record, request.context.default_branch.as_deref())?;
    // A dry run lists steps, and needs no base for that.
    let based = if request.dry_run { &[][..] } else { &bases };
    let mut walk = Walk {
        files,
        selection,
        base: Base::open(store, based)?,
        tasks: Tasks::new(scratch, request.dry_run),
        entries: 0,
        warnings: Vec::new(),
        met: Met::default(),
    };
    walk.all()?;
    let Walk {
        selection,
        base,
        tasks,
        mut warnings,
        met,
        ..
    } = walk;
    warnings.extend(met.report(request, &selection)?);
    let covers = selection.patterns();
    warnings.extend(lookup::ranks_low(&record, bases.first()));
    let (found, index, is_whole) = base.finish(scratch)?;
    let rest = Rest {
        record,
        base: found,
        base_record: bases.into_iter().next(),
        check_conflicts: request.check_conflicts,
        read_back: request.repair || !is_whole,
        covers,
        prunes: Condemned::last_sequence(store)?,
    };
    Ok(Planned {
        shared: crate::wire::write(&index)?,
        rest: crate::wire::write(&rest)?,
        warnings,
        ..tasks.planned()?
    })
}

struct Walk<'a, F, S> {
    files: &'a F,
    selection: Selection,
    base: Base<'a, S>,
    tasks: Tasks<'a>,
    entries: usize,
    warnings: Vec<Problem>,
    met: Met,
}

/// A directory on the way down.
struct Level {
    path: String,
    verdict: Verdict,
    /// What is left to look at.
    entries: Listing,
    /// Its own item, if it is only on the way to what is wanted: it comes along when something is.
    waiting: Option<Item>,
}

impl<F: Files, S: Store> Walk<'_, F, S> {
    /// Adds what is selected below the root. Does not recurse: a path has room for 2,000 names, and a component's stack
    /// has not.
    fn all(&mut self) -> Result<()> {
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
            let Found {
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
            entries: Listing::open(self.files, &path)?,
            path,
            verdict,
            waiting,
        })
    }

    /// Returns an entry if it is selected, or a directory to go into.
    fn entry(&mut self, dir: &str, verdict: Verdict, entry: &DirEntry) -> Result<Option<Found>> {
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
                self.met.special(what, &path);
                return Ok(None);
            }
        };
        Ok(Some(Found {
            path,
            verdict,
            bits,
            kind,
        }))
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
        if verdict == Verdict::Selected && self.selection.asks_for_directory(path) {
            let message = "stored the symlink itself, and not the directory that it points to";
            self.warnings.push(warning("symlink-itself", message, path));
        }
        // Also where another pattern takes the symlink itself.
        if self.selection.closed(path) {
            let target = entry.target.clone();
            self.met.closed.insert(path.to_owned(), Closed::Symlink(target));
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
struct Found {
    path: String,
    verdict: Verdict,
    bits: u16,
    /// A large file as one segment.
    kind: ItemKind,
}

/// The tasks of a plan, or the steps of a dry run, as the walk goes.
struct Tasks<'a> {
    scratch: &'a dyn Scratch,
    open: Spool<'a, Item>,
    open_files: u64,
    open_bytes: u64,
    steps: Option<Spool<'a, Step>>,
    planned: Planned,
}

impl<'a> Tasks<'a> {
    fn new(scratch: &'a dyn Scratch, dry_run: bool) -> Tasks<'a> {
        Tasks {
            scratch,
            open: Spool::new(scratch),
            open_files: 0,
            open_bytes: 0,
            steps: dry_run.then(|| Spool::new(scratch)),
            planned: Planned::default(),
        }
    }

    fn push(&mut self, item: &Item) -> Result<()> {
        let (files, bytes) = match item.kind {
            ItemKind::Small { size } => (1, size),
            // The last segment counts the file.
            ItemKind::Segment { size, offset, length } => (u64::from(offset + length == size), length),
            ItemKind::Directory | ItemKind::Symlink(_) => (0, 0),
        };
        self.planned.files += files;
        self.planned.bytes += bytes;
        if let Some(steps) = &mut self.steps {
            return match step(item) {
                Some(step) => steps.push(&step),
                None => Ok(()),
            };
        }
        self.open.push(item)?;
        self.open_files += files;
        self.open_bytes += bytes;
        let is_full = self.open.len() >= TASK_ENTRIES || self.open.open_bytes() >= TASK_PAYLOAD_BYTES;
        if self.open_bytes >= TASK_BYTES || is_full {
            self.end()?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let items: Items = std::mem::replace(&mut self.open, Spool::new(self.scratch)).close()?;
        self.planned.tasks.push(Task {
            payload: crate::wire::write(&items)?,
            files: std::mem::take(&mut self.open_files),
            bytes: std::mem::take(&mut self.open_bytes),
        });
        Ok(())
    }

    fn planned(mut self) -> Result<Planned> {
        if !self.open.is_empty() {
            self.end()?;
        }
        if let Some(steps) = self.steps {
            self.planned.steps = steps.close()?;
        }
        Ok(self.planned)
    }
}

/// Returns the step of an item.
fn step(item: &Item) -> Option<Step> {
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
}

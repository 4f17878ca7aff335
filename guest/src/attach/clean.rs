//! The entries that `--clean` removes: found, counted and checked before the first change.
//!
//! Never another file system, the store, the home directory, or a `.git`: what lies there was not made by a persist.

use super::coverage::Coverage;
use super::rest::Removal;
use crate::error::{Error, Problem, Result, warning};
use crate::path;
use crate::ports::{DirEntry, Files, Kind, Reserved, Time};
use crate::reserved::is_staging;
use crate::text::text_of;

/// Why something stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeepReason {
    /// Another file system begins there, or something is mounted on it.
    Mounted,
    Reserved(Reserved),
    Git,
}

impl KeepReason {
    /// Says why an entry must stay, if it must.
    pub(super) fn of(name: &[u8], entry: &DirEntry) -> Option<KeepReason> {
        if let Some(reserved) = entry.flags.reserved {
            return Some(match reserved {
                Reserved::Repository => KeepReason::Git,
                reserved => KeepReason::Reserved(reserved),
            });
        }
        if entry.flags.mounted {
            return Some(KeepReason::Mounted);
        }
        // Also as git sees it on file systems that do not tell upper from lower case.
        name.eq_ignore_ascii_case(b".git").then_some(KeepReason::Git)
    }

    /// Names it, for a message.
    pub(super) fn shown(self) -> &'static str {
        match self {
            KeepReason::Mounted => "another file system is mounted here",
            KeepReason::Reserved(Reserved::Store) => "this is the store that this run uses, or leads to it",
            KeepReason::Reserved(Reserved::Home) => "this is the home directory",
            KeepReason::Reserved(Reserved::Top) => "this is the root of the file system",
            KeepReason::Git | KeepReason::Reserved(Reserved::Repository) => {
                "this is the repository of a checkout"
            }
        }
    }
}

/// A directory while what is in it is judged.
struct Level {
    path: String,
    left: std::vec::IntoIter<DirEntry>,
    /// Whether all that was seen in it goes.
    whole: bool,
    found: Vec<Removal>,
    entry: Option<DirEntry>,
}

/// Judges what the artifact does not have.
pub(super) struct Cleaner<'a, F> {
    files: &'a F,
    /// Absent: everything is covered.
    coverage: Option<&'a Coverage>,
    pub(super) found: Vec<Removal>,
    /// Entries that are kept although the artifact covers them.
    pub(super) kept: Vec<(KeepReason, String)>,
    /// Covered, and with a name that cannot be written here.
    pub(super) unnamed: Vec<String>,
    /// Directories that stay, must be opened to remove something from them, and get these bits and times back.
    pub(super) opened: Vec<(String, u16, Time)>,
}

impl<'a, F: Files> Cleaner<'a, F> {
    pub(super) fn new(files: &'a F, coverage: Option<&'a Coverage>) -> Cleaner<'a, F> {
        Cleaner {
            files,
            coverage,
            found: Vec::new(),
            kept: Vec::new(),
            unnamed: Vec::new(),
            opened: Vec::new(),
        }
    }

    fn covers(&self, path: &str) -> bool {
        self.coverage.is_none_or(|coverage| coverage.covers(path))
    }

    fn may_cover_below(&self, path: &str) -> bool {
        self.coverage
            .is_none_or(|coverage| coverage.may_cover_below(path))
    }

    /// Judges these entries of a directory that itself stays. Does not recurse: a path has room for 2,000 names, and a
    /// component's stack has not.
    pub(super) fn entries(&mut self, dir: &str, mut left: Vec<DirEntry>) -> Result<()> {
        left.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let mut levels = vec![Level {
            path: dir.to_owned(),
            left: left.into_iter(),
            whole: false,
            found: Vec::new(),
            entry: None,
        }];
        while let Some(level) = levels.last_mut() {
            if let Some(entry) = level.left.next() {
                if let Some(inner) = self.entry(level, entry)? {
                    levels.push(inner);
                }
                continue;
            }
            let Some(level) = levels.pop() else { break };
            match (levels.last_mut(), &level.entry) {
                (Some(above), Some(entry)) => self.leave(above, &level, entry)?,
                _ => self.found.extend(level.found),
            }
        }
        Ok(())
    }

    /// Judges one entry. Returns it if it is a directory to look into.
    fn entry(&mut self, level: &mut Level, entry: DirEntry) -> Result<Option<Level>> {
        let Ok(name) = std::str::from_utf8(&entry.name) else {
            level.whole = false;
            // A pattern sees one odd character for each wrong part, as when files are persisted.
            if self.covers(&path::join(&level.path, &String::from_utf8_lossy(&entry.name))) {
                let shown = path::join(&level.path, &text_of(&entry.name));
                self.unnamed.push(shown);
            }
            return Ok(None);
        };
        let path = path::join(&level.path, name);
        let is_directory = entry.kind == Kind::Directory;
        let covered = self.covers(&path);
        let concerned = covered || is_directory && self.may_cover_below(&path);
        if !concerned {
            level.whole = false;
            return Ok(None);
        }
        if let Some(keep) = KeepReason::of(&entry.name, &entry) {
            level.whole = false;
            self.kept.push((keep, path));
            return Ok(None);
        }
        if is_directory {
            let left = self.files.entries(&path)?;
            return Ok(Some(Level {
                whole: covered,
                left: left.into_iter(),
                found: Vec::new(),
                entry: Some(entry),
                path,
            }));
        }
        if entry.flags.fixed {
            return Err(cannot_remove(&path));
        }
        level.found.push(Removal {
            path,
            is_directory: false,
            files: 1,
            bytes: entry.size,
        });
        Ok(None)
    }

    /// Takes what a directory came to up to the one that it is in.
    fn leave(&mut self, above: &mut Level, level: &Level, entry: &DirEntry) -> Result<()> {
        let flags = entry.flags;
        let changes = level.whole || !level.found.is_empty();
        let cannot_go = level.whole && flags.fixed;
        let cannot_change = flags.immutable() || flags.closed && flags.foreign;
        if changes && (cannot_go || cannot_change && !level.found.is_empty()) {
            return Err(cannot_remove(&level.path));
        }
        if level.whole {
            above.found.push(Removal {
                path: level.path.clone(),
                is_directory: true,
                files: level.found.iter().map(|found| found.files).sum(),
                bytes: level.found.iter().map(|found| found.bytes).sum(),
            });
            return Ok(());
        }
        above.whole = false;
        above.found.extend(level.found.iter().cloned());
        if changes && (entry.flags.closed || entry.bits & 0o300 != 0o300) {
            self.opened
                .push((level.path.clone(), entry.bits & 0o777, entry.modified));
        }
        Ok(())
    }

    /// Fails where something covered has a name that cannot be written here.
    pub(super) fn check_names(&self) -> Result<()> {
        let Some(first) = self.unnamed.first() else {
            return Ok(());
        };
        let message = match self.unnamed.len() {
            1 => "--clean would remove this, and its name is not UTF-8".to_owned(),
            count => format!("--clean would remove {count} entries whose names are not UTF-8; the first"),
        };
        Err(Error::invalid("name-not-utf8", message, first))
    }

    /// Returns what a person should know of what stays.
    pub(super) fn warnings(&self) -> Vec<Problem> {
        let told = self.kept.iter().filter(|(keep, _)| *keep != KeepReason::Git);
        told.map(|(keep, path)| {
            let message = format!("--clean removes nothing here: {}", keep.shown());
            warning("clean-kept", message, path)
        })
        .collect()
    }
}

/// Returns the entries of a directory that nobody's attach needs.
pub(super) fn cleanable(left: impl Iterator<Item = DirEntry>) -> Vec<DirEntry> {
    left.filter(|entry| std::str::from_utf8(&entry.name).map_or(true, |name| !is_staging(name)))
        .collect()
}

fn cannot_remove(path: &str) -> Error {
    let message = "this user cannot remove it, or what is in it: it is another user's, or immutable";
    Error::Files(warning("permission-denied", message, path))
}

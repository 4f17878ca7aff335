//! Directories in memory that watch what is asked of them, or have the habits of other file systems.

use std::cell::Cell;

use baton_guest::error::{Error, Problem, Result};
use baton_guest::path;
use baton_guest::ports::{AttributeChange, DirEntry, Edit, File, Files, Link, Open, Time};
use baton_guest::testing::{MemoryFile, MemoryFiles};

/// Checks that every path stays inside, and counts what is written and renamed.
#[derive(Default)]
pub(crate) struct Watched {
    pub(crate) inner: MemoryFiles,
    pub(crate) written_bytes: Cell<u64>,
    pub(crate) renames: Cell<u64>,
}

impl Watched {
    fn check(&self, path: &str) {
        assert!(
            path.is_empty() || path::fault(path).is_none(),
            "the file system was asked for {path:?}"
        );
    }
}

/// An open file of [`Watched`]: what is written is counted when it is closed.
pub(crate) struct WatchedFile<'a> {
    inner: MemoryFile,
    written_bytes: &'a Cell<u64>,
}

impl File for WatchedFile<'_> {
    fn read(&self, offset: u64, length: usize, buffer: &mut Vec<u8>) -> Result<usize> {
        self.inner.read(offset, length, buffer)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.written_bytes
            .set(self.written_bytes.get() + bytes.len() as u64);
        self.inner.write(offset, bytes)
    }

    fn set_size(&self, size: u64) -> Result<()> {
        self.inner.set_size(size)
    }

    fn seen(&self) -> Result<(u64, Time)> {
        self.inner.seen()
    }
}

impl<'a> Files for &'a Watched {
    type File = WatchedFile<'a>;

    fn page(&self, dir: &str, after: Option<&[u8]>) -> Result<(Vec<DirEntry>, bool)> {
        // A test for the case of names asks for a directory that does not exist.
        self.check(dir);
        self.inner.page(dir, after)
    }

    fn entry(&self, path: &str) -> Result<Option<DirEntry>> {
        self.check(path);
        self.inner.entry(path)
    }

    fn open(&self, path: &str, how: Open) -> Result<WatchedFile<'a>> {
        self.check(path);
        Ok(WatchedFile {
            inner: self.inner.open(path, how)?,
            written_bytes: &self.written_bytes,
        })
    }

    fn edit(&self, edit: Edit<'_>) -> Result<()> {
        let (Edit::MakeDirectory(path)
        | Edit::Rename(path, _)
        | Edit::RemoveFile(path)
        | Edit::RemoveDirectory(path)) = edit;
        self.check(path);
        if let Edit::Rename(_, to) = edit {
            self.check(to);
            self.renames.set(self.renames.get() + 1);
        }
        self.inner.edit(edit)
    }

    fn apply(&self, changes: &[AttributeChange]) -> Result<()> {
        changes.iter().for_each(|change| self.check(&change.path));
        self.inner.apply(changes)
    }

    fn link(&self, links: &[Link]) -> Result<()> {
        links.iter().for_each(|link| self.check(&link.path));
        self.inner.link(links)
    }
}

/// Does not tell upper from lower case, as file systems of Windows and macOS.
#[derive(Default)]
pub(crate) struct CaseInsensitive {
    pub(crate) inner: MemoryFiles,
}

impl Files for CaseInsensitive {
    type File = MemoryFile;

    fn page(&self, dir: &str, after: Option<&[u8]>) -> Result<(Vec<DirEntry>, bool)> {
        self.inner.page(&dir.to_lowercase(), after)
    }

    fn entry(&self, path: &str) -> Result<Option<DirEntry>> {
        self.inner.entry(&path.to_lowercase())
    }

    fn open(&self, path: &str, how: Open) -> Result<MemoryFile> {
        self.inner.open(&path.to_lowercase(), how)
    }

    fn edit(&self, edit: Edit<'_>) -> Result<()> {
        match edit {
            Edit::MakeDirectory(path) => self.inner.edit(Edit::MakeDirectory(&path.to_lowercase())),
            Edit::Rename(from, to) => self
                .inner
                .edit(Edit::Rename(&from.to_lowercase(), &to.to_lowercase())),
            Edit::RemoveFile(path) => self.inner.edit(Edit::RemoveFile(&path.to_lowercase())),
            Edit::RemoveDirectory(path) => self.inner.edit(Edit::RemoveDirectory(&path.to_lowercase())),
        }
    }

    fn apply(&self, changes: &[AttributeChange]) -> Result<()> {
        let lower = |change: &AttributeChange| AttributeChange {
            path: change.path.to_lowercase(),
            ..change.clone()
        };
        self.inner.apply(&changes.iter().map(lower).collect::<Vec<_>>())
    }

    fn link(&self, links: &[Link]) -> Result<()> {
        let lower = |link: &Link| Link {
            path: link.path.to_lowercase(),
            ..link.clone()
        };
        self.inner.link(&links.iter().map(lower).collect::<Vec<_>>())
    }
}

/// Holds to permission bits as for a user who is not root: nothing changes in a directory that may not be written.
#[derive(Default)]
pub(crate) struct Unprivileged {
    pub(crate) inner: MemoryFiles,
}

impl Unprivileged {
    fn may_write(&self, path: &str) -> Result<()> {
        let dir = path::parent(path);
        let entries = if dir.is_empty() {
            Vec::new()
        } else {
            self.inner.entries(path::parent(dir))?
        };
        let name = path::file_name(dir).as_bytes();
        match entries.iter().find(|entry| entry.name == name) {
            Some(entry) if entry.bits & 0o300 != 0o300 => {
                let code = "permission-denied".into();
                Err(Error::Files(Problem {
                    code,
                    subject: path.to_owned(),
                    ..Problem::default()
                }))
            }
            _ => Ok(()),
        }
    }
}

impl Files for Unprivileged {
    type File = MemoryFile;

    fn page(&self, dir: &str, after: Option<&[u8]>) -> Result<(Vec<DirEntry>, bool)> {
        self.inner.page(dir, after)
    }

    fn entry(&self, path: &str) -> Result<Option<DirEntry>> {
        self.inner.entry(path)
    }

    fn open(&self, path: &str, how: Open) -> Result<MemoryFile> {
        if how == Open::Create {
            self.may_write(path)?;
        }
        self.inner.open(path, how)
    }

    fn edit(&self, edit: Edit<'_>) -> Result<()> {
        let (Edit::MakeDirectory(path)
        | Edit::Rename(path, _)
        | Edit::RemoveFile(path)
        | Edit::RemoveDirectory(path)) = edit;
        self.may_write(path)?;
        if let Edit::Rename(_, to) = edit {
            self.may_write(to)?;
        }
        self.inner.edit(edit)
    }

    fn apply(&self, changes: &[AttributeChange]) -> Result<()> {
        self.inner.apply(changes)
    }

    fn link(&self, links: &[Link]) -> Result<()> {
        links.iter().try_for_each(|link| self.may_write(&link.path))?;
        self.inner.link(links)
    }
}

//! A directory's entries by name, with one page of them in memory.

use crate::error::Result;
use crate::ports::{DirEntry, Files};

/// The entries of a directory that were not read yet.
pub(crate) struct DirectoryReader {
    dir: String,
    page: std::iter::Peekable<std::vec::IntoIter<DirEntry>>,
    last: Option<Vec<u8>>,
}

impl DirectoryReader {
    /// Begins with the first entry.
    pub(crate) fn open(files: &impl Files, dir: &str) -> Result<DirectoryReader> {
        let mut listing = DirectoryReader {
            dir: dir.to_owned(),
            page: Vec::new().into_iter().peekable(),
            last: None,
        };
        listing.turn(files, None)?;
        Ok(listing)
    }

    fn turn(&mut self, files: &impl Files, after: Option<&[u8]>) -> Result<()> {
        let (page, more) = files.page(&self.dir, after)?;
        self.last = page.last().filter(|_| more).map(|entry| entry.name.clone());
        self.page = page.into_iter().peekable();
        Ok(())
    }

    /// Returns the next entry without taking it.
    pub(crate) fn peek(&mut self, files: &impl Files) -> Result<Option<&DirEntry>> {
        if self.page.peek().is_none()
            && let Some(last) = self.last.take()
        {
            self.turn(files, Some(&last))?;
        }
        Ok(self.page.peek())
    }

    /// Returns the next entry.
    pub(crate) fn next(&mut self, files: &impl Files) -> Result<Option<DirEntry>> {
        self.peek(files)?;
        Ok(self.page.next())
    }
}

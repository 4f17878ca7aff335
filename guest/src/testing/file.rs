//! An open file in memory.

use crate::error::{Error, Result};
use crate::ports::{File, Time};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// An open file in memory.
#[derive(Debug)]
pub struct MemoryFile {
    pub(super) path: String,
    pub(super) content: Rc<RefCell<Vec<u8>>>,
    pub(super) modified: Rc<Cell<Time>>,
    pub(super) clock: Rc<Cell<i64>>,
    pub(super) room_bytes: Option<u64>,
    pub(super) after_read: Scheduled,
    pub(super) wrong_sizes: Rc<RefCell<BTreeMap<String, u64>>>,
    pub(super) read_bytes_max: Option<usize>,
    pub(super) moved_bytes: Rc<Cell<(u64, u64)>>,
}

impl MemoryFile {
    fn touch(&self) {
        self.clock.set(self.clock.get() + 1);
        self.modified.set(Time {
            seconds: self.clock.get(),
            nanoseconds: 0,
        });
    }
}

impl File for MemoryFile {
    fn read(&self, offset: u64, length: usize, buffer: &mut Vec<u8>) -> Result<usize> {
        let read = {
            let content = self.content.borrow();
            let start = content.len().min(offset as usize);
            let length = self.read_bytes_max.map_or(length, |most| most.min(length));
            let end = content.len().min(start + length);
            buffer.extend_from_slice(content.get(start..end).unwrap_or_default());
            end - start
        };
        let (bytes_read, bytes_written) = self.moved_bytes.get();
        self.moved_bytes.set((bytes_read + read as u64, bytes_written));
        let due = self
            .after_read
            .borrow()
            .as_ref()
            .is_some_and(|(path, _)| *path == self.path);
        if due && let Some((_, content)) = self.after_read.borrow_mut().take() {
            *self.content.borrow_mut() = content;
            self.touch();
        }
        Ok(read)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let end = offset as usize + bytes.len();
        if self.room_bytes.is_some_and(|room| end as u64 > room) {
            return Err(failed("no-space", &self.path));
        }
        let mut content = self.content.borrow_mut();
        if content.len() < end {
            content.resize(end, 0);
        }
        content.splice(offset as usize..end, bytes.iter().copied());
        drop(content);
        let (bytes_read, bytes_written) = self.moved_bytes.get();
        self.moved_bytes
            .set((bytes_read, bytes_written + bytes.len() as u64));
        self.touch();
        Ok(())
    }

    fn set_size(&self, size: u64) -> Result<()> {
        self.content.borrow_mut().resize(size as usize, 0);
        self.touch();
        Ok(())
    }

    fn seen(&self) -> Result<(u64, Time)> {
        let size = self.content.borrow().len() as u64;
        let size = self.wrong_sizes.borrow().get(&self.path).copied().unwrap_or(size);
        Ok((size, self.modified.get()))
    }
}

/// The new content of a file, by its path, if one is to change.
pub type Scheduled = Rc<RefCell<Option<(String, Vec<u8>)>>>;

pub(super) fn failed(code: &'static str, path: &str) -> Error {
    Error::Files(crate::error::warning(code, format!("{code} in memory"), path))
}

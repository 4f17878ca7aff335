//! A store, a scratch space and a clock in memory.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::ports::{Clock, PutMode, PutOutcome, Scratch, Store};

/// Objects in memory. Public fields are for tests to inspect and to damage.
#[derive(Debug, Default)]
pub struct MemoryStore {
    /// All objects.
    pub objects: RefCell<BTreeMap<String, Vec<u8>>>,
    /// The number of calls.
    pub calls: Cell<u64>,
}

impl MemoryStore {
    fn called(&self) {
        self.calls.set(self.calls.get() + 1);
    }

    /// Returns the keys that begin with `prefix`.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        self.objects
            .borrow()
            .keys()
            .filter(|key| key.starts_with(prefix))
            .cloned()
            .collect()
    }
}

/// Pages in memory: those of one thread, which stands for one run.
#[derive(Debug, Default, Clone, Copy)]
pub struct MemoryScratch;

thread_local! {
    static PAGES: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

impl Scratch for MemoryScratch {
    fn write(&self, page: &[u8]) -> Result<u32> {
        PAGES.with_borrow_mut(|pages| {
            pages.push(page.to_vec());
            Ok(pages.len() as u32 - 1)
        })
    }

    fn read(&self, page: u32) -> Result<Vec<u8>> {
        PAGES
            .with_borrow(|pages| pages.get(page as usize).cloned())
            .ok_or_else(|| Error::internal("a page that was never written"))
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &str, range: Option<(u64, u64)>) -> Result<Option<Vec<u8>>> {
        self.called();
        let objects = self.objects.borrow();
        let Some(bytes) = objects.get(key) else {
            return Ok(None);
        };
        let Some((offset, length)) = range else {
            return Ok(Some(bytes.clone()));
        };
        let start = bytes.len().min(offset as usize);
        let end = bytes.len().min((offset + length) as usize);
        Ok(Some(bytes.get(start..end).unwrap_or_default().to_vec()))
    }

    fn head(&self, key: &str) -> Result<Option<u64>> {
        self.called();
        Ok(self.objects.borrow().get(key).map(|bytes| bytes.len() as u64))
    }

    fn put(&self, key: &str, bytes: &[u8], mode: PutMode) -> Result<PutOutcome> {
        self.called();
        let mut objects = self.objects.borrow_mut();
        if mode != PutMode::Repair && objects.contains_key(key) {
            return Ok(PutOutcome::AlreadyExists);
        }
        objects.insert(key.to_owned(), bytes.to_vec());
        Ok(PutOutcome::Stored)
    }

    fn delete(&self, keys: &[String]) -> Result<()> {
        self.called();
        self.objects.borrow_mut().retain(|key, _| !keys.contains(key));
        Ok(())
    }

    fn list(&self, prefix: &str, start_after: Option<&str>, limit: u32) -> Result<Vec<String>> {
        self.called();
        let behind = |key: &&String| start_after.is_none_or(|after| key.as_str() > after);
        let objects = self.objects.borrow();
        let found = objects
            .keys()
            .filter(|key| key.starts_with(prefix))
            .filter(behind);
        Ok(found.take(limit as usize).cloned().collect())
    }
}

/// A clock that stands still until a test moves it. In milliseconds since 1970.
#[derive(Debug, Default)]
pub struct MemoryClock(pub Cell<u64>);

impl Clock for MemoryClock {
    fn now_ms(&self) -> u64 {
        self.0.get()
    }
}

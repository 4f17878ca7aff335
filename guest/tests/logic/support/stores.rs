//! Stores that watch, and that fail, around one that works.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use baton_guest::error::{Error, Problem, Result};
use baton_guest::ports::{PutMode, PutOutcome, Store};
use baton_guest::testing::MemoryStore;

/// Returns a store with the same objects.
pub(crate) fn copy(store: &MemoryStore) -> MemoryStore {
    MemoryStore {
        objects: RefCell::new(store.objects.borrow().clone()),
        ..MemoryStore::default()
    }
}

/// The bytes of all objects whose keys begin with `prefix`.
pub(crate) fn stored_bytes(store: &MemoryStore, prefix: &str) -> u64 {
    let objects = store.objects.borrow();
    objects
        .iter()
        .filter(|(key, _)| key.starts_with(prefix))
        .map(|(_, bytes)| bytes.len() as u64)
        .sum()
}

/// Remembers what was put, in order.
pub(crate) struct Recording<'a, S> {
    pub(crate) inner: &'a S,
    pub(crate) puts: RefCell<Vec<String>>,
}

impl<'a, S> Recording<'a, S> {
    pub(crate) fn new(inner: &'a S) -> Self {
        Recording {
            inner,
            puts: RefCell::default(),
        }
    }
}

impl<S: Store> Store for Recording<'_, S> {
    fn get(&self, key: &str, range: Option<(u64, u64)>) -> Result<Option<Vec<u8>>> {
        self.inner.get(key, range)
    }

    fn head(&self, key: &str) -> Result<Option<u64>> {
        self.inner.head(key)
    }

    fn put(&self, key: &str, bytes: &[u8], mode: PutMode) -> Result<PutOutcome> {
        self.puts.borrow_mut().push(key.to_owned());
        self.inner.put(key, bytes, mode)
    }

    fn delete(&self, keys: &[String]) -> Result<()> {
        self.inner.delete(keys)
    }

    fn list(&self, prefix: &str, start_after: Option<&str>, limit: u32) -> Result<Vec<String>> {
        self.inner.list(prefix, start_after, limit)
    }
}

/// Fails at one put, before anything is stored, and at all that follow: as if the process had been killed there.
pub(crate) struct Failing<'a, S> {
    pub(crate) inner: &'a S,
    /// How many puts still work.
    pub(crate) left: Cell<u32>,
}

impl<S: Store> Store for Failing<'_, S> {
    fn get(&self, key: &str, range: Option<(u64, u64)>) -> Result<Option<Vec<u8>>> {
        self.inner.get(key, range)
    }

    fn head(&self, key: &str) -> Result<Option<u64>> {
        self.inner.head(key)
    }

    fn put(&self, key: &str, bytes: &[u8], mode: PutMode) -> Result<PutOutcome> {
        match self.left.get().checked_sub(1) {
            Some(left) => self.left.set(left),
            None => {
                return Err(Error::Store(Problem {
                    code: "store-failed".into(),
                    ..Problem::default()
                }));
            }
        }
        self.inner.put(key, bytes, mode)
    }

    fn delete(&self, keys: &[String]) -> Result<()> {
        self.inner.delete(keys)
    }

    fn list(&self, prefix: &str, start_after: Option<&str>, limit: u32) -> Result<Vec<String>> {
        self.inner.list(prefix, start_after, limit)
    }
}

/// Alters the first answer for every key: as a connection may.
pub(crate) struct Altering<'a, S> {
    pub(crate) inner: &'a S,
    pub(crate) asked: RefCell<BTreeSet<String>>,
}

impl<S: Store> Store for Altering<'_, S> {
    fn get(&self, key: &str, range: Option<(u64, u64)>) -> Result<Option<Vec<u8>>> {
        let mut found = self.inner.get(key, range)?;
        if self.asked.borrow_mut().insert(key.to_owned())
            && let Some(bytes) = &mut found
        {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 4;
        }
        Ok(found)
    }

    fn head(&self, key: &str) -> Result<Option<u64>> {
        self.inner.head(key)
    }

    fn put(&self, key: &str, bytes: &[u8], mode: PutMode) -> Result<PutOutcome> {
        self.inner.put(key, bytes, mode)
    }

    fn delete(&self, keys: &[String]) -> Result<()> {
        self.inner.delete(keys)
    }

    fn list(&self, prefix: &str, start_after: Option<&str>, limit: u32) -> Result<Vec<String>> {
        self.inner.list(prefix, start_after, limit)
    }
}

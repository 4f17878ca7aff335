//! A store in the memory of this process: for tests of programs that embed baton, and for the conformance suite.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{ByteRange, Key, ObjectStore, PutMode, PutOutcome, StoreError, check_prefix, check_size};

/// Objects by key.
#[derive(Default)]
pub struct MemoryStore(Mutex<BTreeMap<String, Vec<u8>>>);

impl MemoryStore {
    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "MemoryStore({} objects)", self.objects().len())
    }
}

impl ObjectStore for MemoryStore {
    fn get(&self, key: Key<'_>, range: Option<ByteRange>) -> Result<Option<Vec<u8>>, StoreError> {
        let objects = self.objects();
        let Some(bytes) = objects.get(key.as_str()) else {
            return Ok(None);
        };
        let (start, length) = match range {
            None => (0, bytes.len() as u64),
            Some(ByteRange { offset, length }) => (offset, length),
        };
        let start = start.min(bytes.len() as u64);
        let length = length.min(bytes.len() as u64 - start);
        check_size(key.as_str(), length, range.is_some())?;
        let part = bytes.get(start as usize..(start + length) as usize);
        Ok(Some(part.unwrap_or_default().to_vec()))
    }

    fn head(&self, key: Key<'_>) -> Result<Option<u64>, StoreError> {
        Ok(self.objects().get(key.as_str()).map(|bytes| bytes.len() as u64))
    }

    fn put(&self, key: Key<'_>, bytes: &[u8], mode: PutMode) -> Result<PutOutcome, StoreError> {
        check_size(key.as_str(), bytes.len() as u64, false)?;
        let mut objects = self.objects();
        if mode != PutMode::Overwrite && objects.contains_key(key.as_str()) {
            return Ok(PutOutcome::AlreadyExists);
        }
        objects.insert(key.to_string(), bytes.to_vec());
        Ok(PutOutcome::Stored)
    }

    fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError> {
        check_prefix(prefix)?;
        let from = match start_after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        Ok(self
            .objects()
            .range::<str, _>((from, Bound::Unbounded))
            .map(|(key, _)| key)
            .take_while(|key| key.starts_with(prefix))
            .take(limit)
            .cloned()
            .collect())
    }

    fn delete(&self, keys: &[Key<'_>]) -> Result<(), StoreError> {
        let mut objects = self.objects();
        for key in keys {
            objects.remove(key.as_str());
        }
        Ok(())
    }

    fn probe(&self) -> Result<Vec<(&'static str, &'static str)>, StoreError> {
        // One lock is held from the check to the change.
        Ok(vec![super::atomic_create::ATOMIC])
    }

    fn location(&self) -> String {
        "memory:".to_owned()
    }
}

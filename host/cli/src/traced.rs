//! A store that prints each request, for `--verbose`.

use std::path::Path;
use std::sync::Arc;

use baton_host::ObjectStore;
use baton_host::store::{ByteRange, Key, PutMode, PutOutcome, StoreError};

use super::output::sized;
use super::sink::detail;

/// Prints each request to another store, and how it ended.
#[derive(Debug)]
pub(crate) struct Traced {
    store: Arc<dyn ObjectStore>,
}

impl Traced {
    pub(crate) fn new(store: Arc<dyn ObjectStore>) -> Traced {
        Traced { store }
    }
}

/// Prints a request with its outcome, and returns that.
fn told<T>(
    request: &str,
    of: &str,
    result: Result<T, StoreError>,
    outcome: impl FnOnce(&T) -> String,
) -> Result<T, StoreError> {
    detail(|| {
        let outcome = match &result {
            Ok(value) => outcome(value),
            Err(error) => format!("failed: {error}"),
        };
        format!("store: {request} {of}: {outcome}")
    });
    result
}

impl ObjectStore for Traced {
    fn get(&self, key: Key<'_>, range: Option<ByteRange>) -> Result<Option<Vec<u8>>, StoreError> {
        told(
            "get",
            key.as_str(),
            self.store.get(key, range),
            |bytes| match bytes {
                Some(bytes) => sized(bytes.len() as u64),
                None => "not found".to_owned(),
            },
        )
    }

    fn head(&self, key: Key<'_>) -> Result<Option<u64>, StoreError> {
        told("head", key.as_str(), self.store.head(key), |size| match size {
            Some(size) => sized(*size),
            None => "not found".to_owned(),
        })
    }

    fn put(&self, key: Key<'_>, bytes: &[u8], mode: PutMode) -> Result<PutOutcome, StoreError> {
        told(
            "put",
            key.as_str(),
            self.store.put(key, bytes, mode),
            |outcome| match outcome {
                PutOutcome::Stored => sized(bytes.len() as u64),
                PutOutcome::AlreadyExists => "already exists".to_owned(),
            },
        )
    }

    fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError> {
        told(
            "list",
            prefix,
            self.store.list(prefix, start_after, limit),
            |keys| format!("{} keys", keys.len()),
        )
    }

    fn delete(&self, keys: &[Key<'_>]) -> Result<(), StoreError> {
        let first = keys.first().map_or("", |key| key.as_str());
        told("delete", first, self.store.delete(keys), |()| {
            format!("{} keys", keys.len())
        })
    }

    fn directory(&self) -> Option<&Path> {
        self.store.directory()
    }

    fn probe(&self) -> Result<Vec<(&'static str, &'static str)>, StoreError> {
        self.store.probe()
    }

    fn location(&self) -> String {
        self.store.location()
    }
}

//! How the suite compares and reports, and the calls that it makes often.

use std::fmt::Debug;
use std::thread;

use super::super::{ByteRange, Key, ObjectStore, PutMode, PutOutcome, StoreError};

/// The reason for a violation.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// The store answered, but not as it promises.
    #[error("{0}")]
    Answer(String),
    /// A call that must succeed failed.
    #[error("a call failed")]
    Call(#[from] StoreError),
    /// A call panicked on one of the suite's threads.
    #[error("a call panicked")]
    Panic,
}

/// A result of a check.
pub(super) type Checked<T = ()> = Result<T, Broken>;

/// Fails unless the two are equal.
pub(super) fn equal<T: Debug + PartialEq<U>, U: Debug>(what: &str, found: T, expected: U) -> Checked {
    ensure(found == expected, || {
        format!("{what}: found {found:?}, expected {expected:?}")
    })
}

/// Fails unless an object, or a part of one, has these bytes. The message has sizes only.
pub(super) fn same_bytes(what: &str, found: Option<Vec<u8>>, expected: &[u8]) -> Checked {
    ensure(found.as_deref() == Some(expected), || match found {
        None => format!("{what}: the object does not exist"),
        Some(found) => format!(
            "{what}: found {} bytes, expected {}; they differ",
            found.len(),
            expected.len()
        ),
    })
}

/// Fails unless the condition holds.
pub(super) fn ensure(holds: bool, message: impl FnOnce() -> String) -> Checked {
    match holds {
        true => Ok(()),
        false => Err(Broken::Answer(message())),
    }
}

/// Returns the key of a text.
pub(super) fn key(text: &str) -> Result<Key<'_>, StoreError> {
    Key::parse(text)
}

/// Creates an object, which must not exist.
pub(super) fn create(store: &dyn ObjectStore, name: &str, bytes: &[u8]) -> Checked {
    let outcome = store.put(key(name)?, bytes, PutMode::Create)?;
    equal(
        &format!("create of the new object {name}"),
        outcome,
        PutOutcome::Stored,
    )
}

/// Creates small objects under these keys, several at a time. Each object contains its key.
pub(super) fn create_all<T: AsRef<str> + Sync>(store: &dyn ObjectStore, keys: &[T]) -> Checked {
    let each = keys.len().div_ceil(8).max(1);
    thread::scope(|scope| {
        let threads: Vec<_> = keys
            .chunks(each)
            .map(|part| {
                scope.spawn(move || {
                    part.iter()
                        .map(AsRef::as_ref)
                        .try_for_each(|name: &str| create(store, name, name.as_bytes()))
                })
            })
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| Broken::Panic)?)
    })
}

/// Reads an object.
pub(super) fn get(store: &dyn ObjectStore, name: &str) -> Checked<Option<Vec<u8>>> {
    Ok(store.get(key(name)?, None)?)
}

/// Reads a part of an object.
pub(super) fn part(
    store: &dyn ObjectStore,
    name: &str,
    offset: u64,
    length: u64,
) -> Checked<Option<Vec<u8>>> {
    Ok(store.get(key(name)?, Some(ByteRange { offset, length }))?)
}

/// Lists in pages, each after the last key of the one before.
pub(super) fn in_pages(store: &dyn ObjectStore, prefix: &str, limit: usize) -> Checked<Vec<String>> {
    let mut keys: Vec<String> = Vec::new();
    loop {
        let page = store.list(prefix, keys.last().map(String::as_str), limit)?;
        ensure(page.len() <= limit, || {
            format!(
                "list of {prefix:?}: found {} keys, expected at most {limit}",
                page.len()
            )
        })?;
        if page.is_empty() {
            return Ok(keys);
        }
        keys.extend(page);
        ensure(keys.len() <= 10_000, || {
            format!("list of {prefix:?}: the pages do not end")
        })?;
    }
}

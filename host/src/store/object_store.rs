//! The trait of all stores: bytes under keys.

use std::fmt;
use std::path::Path;

use super::error::StoreError;
use super::key::Key;

/// The treatment of an existing object by `put`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutMode {
    /// Keep it. Exactly one of several concurrent creators succeeds.
    Create,
    /// Keep it. Its key is a digest of its bytes, so concurrent creators write the same bytes. A store may write the object in the
    /// background after it returns `Stored`, and may replace an object of another size.
    Named,
    /// Replace it as a whole.
    Overwrite,
}

/// The outcome of `put`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// The object exists with these bytes.
    Stored,
    /// Another object existed, and was kept.
    AlreadyExists,
}

/// A part of an object, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// The number of bytes before the part.
    pub offset: u64,
    /// The number of bytes of the part.
    pub length: u64,
}

/// Bytes under keys. Calls are independent of each other. An implementation retries transient failures, so an error is final.
/// Several threads call at once.
pub trait ObjectStore: fmt::Debug + Send + Sync {
    /// Returns an object, or the existing bytes of a range of it. Returns `None` if the object does not exist.
    fn get(&self, key: Key<'_>, range: Option<ByteRange>) -> Result<Option<Vec<u8>>, StoreError>;

    /// Returns an object's size in bytes.
    fn head(&self, key: Key<'_>) -> Result<Option<u64>, StoreError>;

    /// Stores an object atomically: a reader sees all of it or nothing, even after a crash of the machine.
    fn put(&self, key: Key<'_>, bytes: &[u8], mode: PutMode) -> Result<PutOutcome, StoreError>;

    /// Returns at most `limit` keys that begin with `prefix` and come after `start_after`, ascending if the
    /// compared names have equal lengths.
    fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError>;

    /// Removes objects. A missing object is not an error. After a failure some of the objects may be removed.
    fn delete(&self, keys: &[Key<'_>]) -> Result<(), StoreError>;

    /// Returns the directory of the store, if it is in a directory of this machine.
    fn directory(&self) -> Option<&Path> {
        None
    }

    /// Tests the guarantees of the store, above all that exactly one of several creators succeeds. Returns each result with its
    /// subject. The objects of the test are removed, and no listing shows them.
    fn probe(&self) -> Result<Vec<(&'static str, &'static str)>, StoreError>;

    /// Returns the location of the store for people, without secrets.
    fn location(&self) -> String;
}

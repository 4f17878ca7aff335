//! Stores: bytes under keys, with one small trait. The component sees it as the import `store`.

mod cloud;
#[cfg(feature = "conformance")]
pub mod conformance;
mod directory;
mod location;
mod memory;
mod probe;
mod settling;

use std::fmt;
use std::path::{Path, PathBuf};

pub use cloud::{Addressing, CloudOptions, CloudStore, RemoteFailure, RemoteKind, Role, StoreUse, Variables};
pub use directory::DirectoryStore;
pub use location::{CloudLocation, Provider, StoreLocation};
pub use memory::MemoryStore;

/// An object is not larger than this, in bytes: it is held in memory.
pub(crate) const OBJECT_BYTES_MAX: u64 = 256 << 20;
/// Nor is a part of one that is asked for.
pub(crate) const RANGE_BYTES_MAX: u64 = 64 << 20;

/// A valid key: names of 1 to 200 of the characters `A-Z a-z 0-9 . _ ~ -`, none with a dot in front, joined by `/`; at
/// most 1,000 bytes. So a key is the same on every store, and a path on none leads out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key<'a>(&'a str);

impl<'a> Key<'a> {
    /// Checks a key.
    pub fn parse(key: &'a str) -> Result<Key<'a>, StoreError> {
        let valid = !key.is_empty() && key.len() <= 1000 && key.split('/').all(is_name);
        if valid {
            Ok(Key(key))
        } else {
            Err(StoreError::Key(key.to_owned()))
        }
    }

    /// Returns the text.
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
    (1..=200).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(allowed)
}

/// Checks that a prefix, or the key after which a listing starts, could be the beginning of a key.
pub(crate) fn check_prefix(prefix: &str) -> Result<(), StoreError> {
    let complete = prefix.strip_suffix('/').unwrap_or(prefix);
    if complete.is_empty() && prefix.is_empty() {
        return Ok(());
    }
    Key::parse(complete).map(|_| ())
}

/// Whether what would be held in memory is within the limits.
pub(crate) fn check_size(key: &str, size_bytes: u64, is_range: bool) -> Result<(), StoreError> {
    let limit = if is_range {
        RANGE_BYTES_MAX
    } else {
        OBJECT_BYTES_MAX
    };
    if size_bytes <= limit {
        return Ok(());
    }
    Err(StoreError::TooLarge {
        key: key.to_owned(),
        size_bytes,
    })
}

/// The treatment of an existing object by `put`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutMode {
    /// It stays. Of any number of racing creators exactly one wins.
    Create,
    /// It stays, and its key is a digest of its bytes: who creates it at the same time creates the same. So a store may
    /// put it in the background and say that it is stored, and may replace one of another size.
    Named,
    /// It is replaced, as a whole.
    Overwrite,
}

/// The outcome of a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// The object exists with these bytes.
    Stored,
    /// Another object existed, and stays.
    AlreadyExists,
}

/// A part of an object, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// From the object's start.
    pub offset: u64,
    /// The number.
    pub length: u64,
}

/// Bytes under keys. Every call stands for itself; an implementation retries what is transient, so that an error is
/// final. Several threads call at once.
pub trait ObjectStore: fmt::Debug + Send + Sync {
    /// Returns an object or the part of it that there is, or `None` where there is no object.
    fn get(&self, key: Key<'_>, range: Option<ByteRange>) -> Result<Option<Vec<u8>>, StoreError>;

    /// Returns an object's size in bytes.
    fn head(&self, key: Key<'_>) -> Result<Option<u64>, StoreError>;

    /// Stores an object. Atomic: a reader sees all of it or nothing, also after a crash of the machine.
    fn put(&self, key: Key<'_>, bytes: &[u8], mode: PutMode) -> Result<PutOutcome, StoreError>;

    /// Returns at most `limit` keys that begin with `prefix` and come after `start_after`, ascending as far as the
    /// names compared are of equal length.
    fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError>;

    /// Removes objects. One that is not there is not an error; after a failure some may be gone.
    fn delete(&self, keys: &[Key<'_>]) -> Result<(), StoreError>;

    /// Returns the directory that the store lies in, if it lies in one of this machine.
    fn directory(&self) -> Option<&Path> {
        None
    }

    /// Tests whether the store keeps its promises, above all that of several creators one succeeds. Returns each result with
    /// its subject. It removes the objects of the test, and no listing shows them.
    fn probe(&self) -> Result<Vec<(&'static str, &'static str)>, StoreError>;

    /// Returns how people name this store. Never with a secret in it.
    fn location(&self) -> String;
}

/// A failure of a store, by meaning.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Not a key: the component made it up.
    #[error("not a valid key: {0:?}")]
    Key(String),
    /// Nothing is at the place that was named.
    #[error("there is no store at {}", .0.display())]
    Missing(PathBuf),
    /// A file is at the place that was named.
    #[error("the store {} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// The text does not name a store.
    #[error("{given:?} does not name a store: {reason}")]
    Location {
        /// As it was given, without what may be a password.
        given: String,
        /// The reason.
        reason: String,
    },
    /// An object is larger than any that baton makes.
    #[error("{key} has {size_bytes} bytes, and no object of baton's has more than {OBJECT_BYTES_MAX}")]
    TooLarge {
        /// The object.
        key: String,
        /// Its size.
        size_bytes: u64,
    },
    /// The operating system said no.
    #[error("{key} could not be {what} in the store {}", .store.display())]
    Io {
        /// The operation: `read`, `written`, `listed`, `removed`.
        what: &'static str,
        /// The object, or the prefix.
        key: String,
        /// The store's directory.
        store: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A store that cannot hold records: of racing creators not exactly one wins.
    #[error("the store {store} cannot be written to: create is not atomic there, {reason}")]
    NotAtomic {
        /// The store.
        store: String,
        /// The observation.
        reason: String,
    },
    /// A thread could not be started, or ended early.
    #[error("the store cannot be used")]
    Thread(#[source] std::io::Error),
    /// The server of an object store said no, or nothing.
    #[error("{}", remote_summary(what, key, store))]
    Remote {
        /// The operation: `read`, `written`, `listed`, `removed`, `opened`.
        what: &'static str,
        /// The object, or the prefix. Empty: the store as a whole.
        key: String,
        /// The store's URL.
        store: String,
        /// Why.
        source: RemoteFailure,
    },
}

impl StoreError {
    /// Returns the code of docs/reference/errors.md: the only place that chooses one for a failed store.
    pub fn code(&self) -> &'static str {
        match self {
            StoreError::Key(_) => "internal",
            StoreError::Missing(_) => "store-missing",
            StoreError::NotADirectory(_) => "store-not-a-directory",
            StoreError::Location { .. } => "store-unknown",
            StoreError::TooLarge { .. } => "object-too-large",
            StoreError::Io { source, .. } => crate::codes::io_code(source),
            StoreError::NotAtomic { .. } => "store-not-atomic",
            StoreError::Thread(_) => "store",
            StoreError::Remote { source, .. } => source.kind.code(),
        }
    }
}

fn remote_summary(what: &str, key: &str, store: &str) -> String {
    match key {
        "" => format!("the store {store} could not be {what}"),
        key => format!("{key} could not be {what} in the store {store}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leads_nowhere_else() {
        for wrong in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            ".",
            "..",
            "a/../b",
            "a/.b",
            "a b",
            "a\\b",
            "ü",
            "a\0",
            "a:b",
            &"x".repeat(201),
        ] {
            assert!(Key::parse(wrong).is_err(), "{wrong:?}");
        }
        for right in [
            "a",
            "v1/projects/gh~2Fx/builds/a_b/6/fb/2d/0-1",
            "a..b",
            "-rf",
            &"x".repeat(200),
        ] {
            assert!(Key::parse(right).is_ok(), "{right:?}");
        }
        assert!(check_prefix("").is_ok() && check_prefix("v1/").is_ok() && check_prefix("../").is_err());
        assert!(check_prefix("/").is_err());
    }
}

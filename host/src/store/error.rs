//! Failures of stores, and the limits that they name.

use std::path::PathBuf;

use super::cloud::RemoteFailure;

/// The maximum size of an object, in bytes: it is held in memory.
pub(crate) const OBJECT_BYTES_MAX: u64 = 256 << 20;
/// The maximum size of a requested range of an object, in bytes.
const RANGE_BYTES_MAX: u64 = 64 << 20;

/// Fails if an object or a range is too large to hold in memory.
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

/// A failure of a store, by meaning.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A key of the component that is not valid.
    #[error("not a valid key: {0:?}")]
    Key(String),
    /// The directory of the store does not exist.
    #[error("there is no store at {}", .0.display())]
    Missing(PathBuf),
    /// The directory of the store is a file.
    #[error("the store {} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// The text is not the location of a store.
    #[error("{given:?} does not name a store: {reason}")]
    Location {
        /// The text, redacted.
        given: String,
        /// The reason.
        reason: String,
    },
    /// An object is larger than any object of baton.
    #[error("{key} has {size_bytes} bytes, and no object of baton's has more than {OBJECT_BYTES_MAX}")]
    TooLarge {
        /// The object.
        key: String,
        /// Its size.
        size_bytes: u64,
    },
    /// A file operation failed.
    #[error("{key} could not be {what} in the store {}", .store.display())]
    Io {
        /// The operation: `read`, `written`, `listed`, `removed`.
        what: &'static str,
        /// The object, or the prefix.
        key: String,
        /// The store's directory.
        store: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A store that cannot hold records: not exactly one of several creators succeeds.
    #[error("the store {store} cannot be written to: create is not atomic there, {reason}")]
    NotAtomic {
        /// The store.
        store: String,
        /// The observation.
        reason: String,
    },
    /// The operating system cannot provide a thread or random numbers.
    #[error("the store cannot be used")]
    Thread(#[source] std::io::Error),
    /// The server of an object store refused a request, or did not answer.
    #[error("{}", remote_summary(what, key, store))]
    Remote {
        /// The operation: `read`, `written`, `listed`, `removed`, `opened`.
        what: &'static str,
        /// The object, or the prefix. Empty for the store as a whole.
        key: String,
        /// The store's URL.
        store: String,
        /// The cause.
        source: RemoteFailure,
    },
}

impl StoreError {
    /// Returns the code of docs/reference/errors.md. Only this function chooses the code of a failed store.
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

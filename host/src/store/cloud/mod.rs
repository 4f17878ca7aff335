//! Stores on S3, GCS and Azure. The crate `object_store` signs requests and knows the three APIs.
//!
//! This module does the rest: calls from threads, retries, atomic creates, the order of listings, and errors with a remedy. It
//! deliberately has no multipart uploads: the largest object is far below the limit of one request.

mod attempts;
mod calls;
mod capabilities;
mod connector;
mod failure;
mod key_files;
mod listing;
mod oidc;
mod options;
mod profile;
mod providers;
mod response;
mod retry;
mod role;
mod runtime;
mod xml;

use std::sync::Arc;

use bytes::Bytes;

pub use failure::{RemoteFailure, RemoteKind};
pub use options::{Addressing, CloudOptions, Role, StoreUse, Variables};

use calls::Calls;
use listing::Listing;

use super::atomic_create::ATOMIC;
use super::background_writes::{BackgroundWrites, Repeat};
use super::location::CloudLocation;
use super::{ByteRange, Key, ObjectStore, PutMode, PutOutcome, StoreError, check_prefix, check_size};

/// From this size on, an object that is named by its content is written in the background.
const LARGE_BYTES: usize = 1 << 20;

/// A store in a bucket. Its methods block, and its requests run on threads of its own.
///
/// The library reads no environment variables: pass those that have credentials.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use baton_host::CloudStore;
/// use baton_host::store::{CloudOptions, StoreLocation, StoreUse};
///
/// let StoreLocation::Cloud(bucket) = StoreLocation::parse("s3://my-bucket/ci", ".".as_ref())? else {
///     return Err("not a bucket".into());
/// };
/// let options = CloudOptions {
///     region: Some("eu-central-1".to_owned()),
///     variables: std::env::vars().collect(),
///     ..CloudOptions::default()
/// };
/// let store = CloudStore::open(&bucket, options, StoreUse::Write)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct CloudStore {
    calls: Arc<Calls>,
    listing: Listing,
    writes: BackgroundWrites<StoreError>,
}

impl CloudStore {
    /// Opens a store. For writes, the server must let exactly one of several creators succeed: this is tested at the first use, and the
    /// result is stored in the bucket. No other request is sent yet.
    pub fn open(
        location: &CloudLocation,
        options: CloudOptions,
        usage: StoreUse,
    ) -> Result<CloudStore, StoreError> {
        let connections = options.connections_max.max(1);
        let calls = Calls::open(location, options)?;
        // The keys of the probe mean nothing to the user.
        let listing = capabilities::learn(&calls, usage).map_err(|error| match error {
            StoreError::Remote { store, source, .. } => StoreError::Remote {
                what: "opened",
                key: String::new(),
                store,
                source,
            },
            other => other,
        })?;
        Ok(CloudStore {
            calls: Arc::new(calls),
            listing,
            // As many packs wait as are being written: each takes 8 MiB of memory.
            writes: BackgroundWrites::new(connections, 2 * connections),
        })
    }

    /// Returns the number of requests so far, including retries.
    pub fn requests(&self) -> u64 {
        self.calls.requests()
    }
}

impl ObjectStore for CloudStore {
    fn get(&self, key: Key<'_>, range: Option<ByteRange>) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(range) = range {
            check_size(key.as_str(), range.length, true)?;
        }
        self.writes.wait()?;
        self.calls.get(key.as_str(), range)
    }

    fn head(&self, key: Key<'_>) -> Result<Option<u64>, StoreError> {
        self.writes.wait()?;
        self.calls.head(key.as_str())
    }

    fn put(&self, key: Key<'_>, bytes: &[u8], mode: PutMode) -> Result<PutOutcome, StoreError> {
        check_size(key.as_str(), bytes.len() as u64, false)?;
        if mode != PutMode::Named || bytes.len() < LARGE_BYTES {
            self.writes.wait()?;
            return self.calls.put(key.as_str(), Bytes::copy_from_slice(bytes), mode);
        }
        // Before the bytes are copied: the number of copies bounds the memory.
        self.writes.wait_for_room();
        let (calls, key, bytes) = (
            Arc::clone(&self.calls),
            key.to_string(),
            Bytes::copy_from_slice(bytes),
        );
        self.writes
            .start(Box::new(move || calls.put_named(&key, bytes)))?;
        Ok(PutOutcome::Stored)
    }

    fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError> {
        check_prefix(prefix)?;
        self.writes.wait()?;
        self.listing.list(&self.calls, prefix, start_after, limit)
    }

    fn delete(&self, keys: &[Key<'_>]) -> Result<(), StoreError> {
        self.writes.wait()?;
        let keys: Vec<&str> = keys.iter().map(|key| key.as_str()).collect();
        self.calls.delete(&keys)
    }

    fn probe(&self) -> Result<Vec<(&'static str, &'static str)>, StoreError> {
        let listing = capabilities::probe(&self.calls)?;
        Ok(vec![ATOMIC, ("listing", listing.described())])
    }

    fn location(&self) -> String {
        self.calls.location().to_owned()
    }
}

impl Repeat for StoreError {
    fn repeat(&self) -> StoreError {
        match self {
            StoreError::Remote {
                what,
                key,
                store,
                source,
            } => StoreError::Remote {
                what,
                key: key.clone(),
                store: store.clone(),
                source: source.clone(),
            },
            other => StoreError::Thread(std::io::Error::other(other.to_string())),
        }
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> StoreError {
        StoreError::Thread(error)
    }
}

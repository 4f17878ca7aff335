//! The calls that a store makes: keys in, bytes and outcomes out. `attempts.rs` repeats their attempts.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::StreamExt as _;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, GetOptions, GetRange, ObjectStore as Library, PutMode as LibraryPutMode,
    PutOptions, PutPayload,
};
use tokio::sync::Semaphore;

use super::attempts::{Caller, Outcome, Subject};
use super::failure::{RemoteFailure, RemoteKind};
use super::options::CloudOptions;
use super::providers;
use super::runtime::IoRuntime;
use crate::random;
use crate::store::location::CloudLocation;
use crate::store::{ByteRange, OBJECT_BYTES_MAX, PutMode, PutOutcome, StoreError, check_size};

/// The metadata that identifies the creator of an object, so that a creator whose answer was lost recognizes its own object. Letters
/// only: Azure refuses `-` in the name of metadata, and proxies drop headers with `_`.
const CREATOR: &str = "batoncreator";

/// One page of a listing.
pub(super) struct Page {
    /// The keys in the server's order, without the store's prefix.
    pub(super) keys: Vec<String>,
    /// The token of the next page, if there is one.
    pub(super) next: Option<String>,
}

/// A bucket, and the calls to it. Keys are relative to the store's prefix.
pub(super) struct Calls {
    caller: Caller,
    objects: Arc<dyn Library>,
    lister: Arc<dyn PaginatedListStore>,
    /// Whether many keys are deleted with one request, as the library does it.
    deletes_in_bulk: bool,
    /// The prefix of all keys: empty, or names with a `/` after each.
    prefix: String,
    server: String,
    is_known: bool,
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Calls")
            .field("location", &self.caller.location)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl Calls {
    pub(super) fn open(location: &CloudLocation, options: CloudOptions) -> Result<Calls, StoreError> {
        let failed = |source| StoreError::Remote {
            what: "opened",
            key: String::new(),
            store: location.to_string(),
            source,
        };
        let runtime = IoRuntime::start().map_err(StoreError::Thread)?;
        let opened = {
            let _entered = runtime.enter();
            providers::open(location, &options).map_err(failed)?
        };
        let prefix = match location.prefix.as_str() {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        Ok(Calls {
            caller: Caller {
                runtime,
                renewable: opened.renewable,
                connections: Semaphore::new(options.connections_max.max(1)),
                time_budget: options.time_budget,
                interrupt: options.interrupt,
                requests: AtomicU64::new(0),
                location: location.to_string(),
            },
            objects: opened.objects,
            lister: opened.lister,
            deletes_in_bulk: opened.deletes_in_bulk,
            prefix,
            server: opened.server,
            is_known: opened.is_known,
        })
    }

    pub(super) fn location(&self) -> &str {
        &self.caller.location
    }

    /// Returns the name of the server.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// Whether it is one of the three large services.
    pub(super) fn is_known(&self) -> bool {
        self.is_known
    }

    pub(super) fn requests(&self) -> u64 {
        self.caller.requests.load(Ordering::Relaxed)
    }

    pub(super) fn get(&self, key: &str, range: Option<ByteRange>) -> Result<Option<Vec<u8>>, StoreError> {
        let range = range.map(|ByteRange { offset, length }| offset..offset.saturating_add(length));
        if range.as_ref().is_some_and(Range::is_empty) {
            return Ok(self.head(key)?.map(|_| Vec::new()));
        }
        let path = self.path(key)?;
        let subject = Subject {
            what: "read",
            key,
            unlimited: false,
        };
        let found = self.caller.call(subject, || async {
            let options = GetOptions {
                range: range.clone().map(GetRange::Bounded),
                ..GetOptions::default()
            };
            let found = self.objects.get_opts(&path, options).await?;
            let size = found.range.end.saturating_sub(found.range.start);
            if size > OBJECT_BYTES_MAX {
                return Ok(Err(size));
            }
            Ok(Ok(Vec::from(found.bytes().await?)))
        });
        match found? {
            Outcome::Done(Ok(bytes)) => Ok(Some(bytes)),
            Outcome::Done(Err(size)) => check_size(key, size, false).map(|()| None),
            Outcome::Missing => Ok(None),
            // The object exists, and the range begins after its end.
            Outcome::Exists => Ok(Some(Vec::new())),
        }
    }

    pub(super) fn head(&self, key: &str) -> Result<Option<u64>, StoreError> {
        Ok(self.look(key)?.map(|(size, _)| size))
    }

    /// Returns the size of an object, and its creator.
    fn look(&self, key: &str) -> Result<Option<(u64, Option<String>)>, StoreError> {
        let path = self.path(key)?;
        let subject = Subject {
            what: "read",
            key,
            unlimited: false,
        };
        let found = self.caller.call(subject, || async {
            let options = GetOptions {
                head: true,
                ..GetOptions::default()
            };
            let found = self.objects.get_opts(&path, options).await?;
            let creator = found.attributes.get(&Attribute::Metadata(CREATOR.into()));
            Ok((
                found.meta.size,
                creator.map(|creator| creator.as_ref().to_owned()),
            ))
        });
        match found? {
            Outcome::Done(found) => Ok(Some(found)),
            Outcome::Missing | Outcome::Exists => Ok(None),
        }
    }

    pub(super) fn put(&self, key: &str, bytes: Bytes, mode: PutMode) -> Result<PutOutcome, StoreError> {
        self.put_beyond(key, bytes, mode, false)
    }

    /// Puts an object. `unlimited` ignores the limit of connections, for requests that must run at the same time.
    pub(super) fn put_beyond(
        &self,
        key: &str,
        bytes: Bytes,
        mode: PutMode,
        unlimited: bool,
    ) -> Result<PutOutcome, StoreError> {
        let path = self.path(key)?;
        let creator = random::id().map_err(StoreError::Thread)?;
        let was_lost = AtomicU64::new(0);
        let subject = Subject {
            what: "written",
            key,
            unlimited,
        };
        let put = self.caller.call(subject, || async {
            let mut attributes = Attributes::new();
            if mode != PutMode::Overwrite {
                attributes.insert(Attribute::Metadata(CREATOR.into()), creator.clone().into());
            }
            let options = PutOptions {
                mode: match mode {
                    PutMode::Create | PutMode::Named => LibraryPutMode::Create,
                    PutMode::Overwrite => LibraryPutMode::Overwrite,
                },
                attributes,
                ..PutOptions::default()
            };
            let payload = PutPayload::from(bytes.clone());
            let put = self.objects.put_opts(&path, payload, options).await;
            // The object may have been created although the request failed.
            if put.is_err() {
                was_lost.fetch_add(1, Ordering::Relaxed);
            }
            put.map(drop)
        });
        match put? {
            Outcome::Done(()) => Ok(PutOutcome::Stored),
            Outcome::Missing => Err(self.caller.failed(
                subject,
                RemoteFailure::new(
                    RemoteKind::BucketMissing,
                    "the server reports that the bucket does not exist",
                ),
            )),
            Outcome::Exists if was_lost.load(Ordering::Relaxed) > 1 => {
                let found = self.look(key)?.and_then(|(_, found)| found);
                Ok(match found {
                    Some(found) if found == creator => PutOutcome::Stored,
                    _ => PutOutcome::AlreadyExists,
                })
            }
            Outcome::Exists => Ok(PutOutcome::AlreadyExists),
        }
    }

    /// Puts an object that is named by its content. An existing object that has lost some of its bytes must not prevent its
    /// repair.
    pub(super) fn put_named(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        let length = bytes.len() as u64;
        let stands = self.put(key, bytes.clone(), PutMode::Named)? == PutOutcome::AlreadyExists;
        if stands && self.head(key)? != Some(length) {
            self.put(key, bytes, PutMode::Overwrite)?;
        }
        Ok(())
    }

    /// Returns one page of the keys that begin with `prefix`. `from` is the token of the previous page.
    pub(super) fn page(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
        from: Option<&str>,
    ) -> Result<Page, StoreError> {
        let full = format!("{}{prefix}", self.prefix);
        let subject = Subject {
            what: "listed",
            key: prefix,
            unlimited: false,
        };
        let listed = self.caller.call(subject, || async {
            let options = PaginatedListOptions {
                offset: start_after.map(|after| format!("{}{after}", self.prefix)),
                max_keys: Some(limit),
                page_token: from.map(str::to_owned),
                ..PaginatedListOptions::default()
            };
            let prefix = (!full.is_empty()).then_some(full.as_str());
            self.lister.list_paginated(prefix, options).await
        });
        let listed = match listed? {
            Outcome::Done(listed) => listed,
            Outcome::Missing | Outcome::Exists => {
                let missing = "the server reports that the bucket does not exist";
                return Err(self
                    .caller
                    .failed(subject, RemoteFailure::new(RemoteKind::BucketMissing, missing)));
            }
        };
        let keys = listed
            .result
            .objects
            .iter()
            // A server may list keys outside of the prefix.
            .filter(|object| object.location.as_ref().starts_with(&full))
            .filter_map(|object| object.location.as_ref().strip_prefix(&self.prefix))
            .map(str::to_owned)
            .collect();
        Ok(Page {
            keys,
            next: listed.page_token,
        })
    }

    /// Removes objects, as many with one request as the provider accepts.
    pub(super) fn delete(&self, keys: &[&str]) -> Result<(), StoreError> {
        // The library would send ten requests at once, which no limit here counts.
        let together = if self.deletes_in_bulk {
            keys.len().max(1)
        } else {
            1
        };
        keys.chunks(together).try_for_each(|keys| self.delete_once(keys))
    }

    fn delete_once(&self, keys: &[&str]) -> Result<(), StoreError> {
        let paths: Vec<Path> = keys.iter().map(|key| self.path(key)).collect::<Result<_, _>>()?;
        let subject = Subject {
            what: "removed",
            key: keys.first().copied().unwrap_or_default(),
            unlimited: false,
        };
        let removed = self.caller.call(subject, || async {
            let paths: Vec<object_store::Result<Path>> = paths.iter().cloned().map(Ok).collect();
            let mut removed = self
                .objects
                .delete_stream(futures_util::stream::iter(paths).boxed());
            while let Some(outcome) = removed.next().await {
                match outcome {
                    // A missing object is a success.
                    Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        });
        removed.map(drop)
    }

    fn path(&self, key: &str) -> Result<Path, StoreError> {
        // Not `Path::from`, which would encode a `~`.
        Path::parse(format!("{}{key}", self.prefix)).map_err(|_| StoreError::Key(key.to_owned()))
    }
}

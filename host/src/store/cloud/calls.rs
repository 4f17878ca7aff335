//! The calls that a store makes: keys in, bytes and outcomes out. How often each is tried is in `tries.rs`.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, GetOptions, GetRange, ObjectStore as Library, PutMode as LibraryPutMode,
    PutOptions, PutPayload,
};
use tokio::sync::Semaphore;

use super::failure::{RemoteFailure, RemoteKind};
use super::options::CloudOptions;
use super::providers;
use super::role::Renewable;
use super::runtime::IoRuntime;
use super::tries::{Answer, Subject, random};
use crate::interrupt::Interrupt;
use crate::store::location::CloudLocation;
use crate::store::{ByteRange, OBJECT_BYTES_MAX, PutMode, PutOutcome, StoreError, check_size};

/// Marks who created an object, so that one whose answer was lost knows its own. Letters only: Azure refuses `-` in the
/// name of metadata, and proxies drop headers with `_`.
const CREATOR: &str = "batoncreator";

/// One page of a listing.
pub(super) struct Page {
    /// In the server's order, without the store's prefix.
    pub(super) keys: Vec<String>,
    /// The token of the next page, if there is one.
    pub(super) next: Option<String>,
}

/// A bucket, and the calls to it. Keys are relative to the store's prefix.
pub(super) struct Calls {
    pub(super) runtime: IoRuntime,
    objects: Arc<dyn Library>,
    lister: Arc<dyn PaginatedListStore>,
    pub(super) renewable: Option<Arc<dyn Renewable>>,
    /// Whether many keys are deleted with one request, as the library does it.
    deletes_in_bulk: bool,
    /// As errors show it.
    location: String,
    /// The prefix of all keys: empty, or names with a `/` after each.
    prefix: String,
    server: String,
    is_known: bool,
    pub(super) connections: Semaphore,
    pub(super) time_budget: Duration,
    pub(super) interrupt: Interrupt,
    pub(super) requests: AtomicU64,
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Calls")
            .field("location", &self.location)
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
            runtime,
            objects: opened.objects,
            lister: opened.lister,
            renewable: opened.renewable,
            deletes_in_bulk: opened.deletes_in_bulk,
            location: location.to_string(),
            prefix,
            server: opened.server,
            is_known: opened.is_known,
            connections: Semaphore::new(options.connections_max.max(1)),
            time_budget: options.time_budget,
            interrupt: options.interrupt,
            requests: AtomicU64::new(0),
        })
    }

    pub(super) fn location(&self) -> &str {
        &self.location
    }

    /// Returns what the server is known by.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// Whether it is one of the three large services.
    pub(super) fn is_known(&self) -> bool {
        self.is_known
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
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
        let found = self.call(subject, || async {
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
            Answer::Is(Ok(bytes)) => Ok(Some(bytes)),
            Answer::Is(Err(size)) => check_size(key, size, false).map(|()| None),
            Answer::Missing => Ok(None),
            // The object exists, and the range begins after its end.
            Answer::Exists => Ok(Some(Vec::new())),
        }
    }

    pub(super) fn head(&self, key: &str) -> Result<Option<u64>, StoreError> {
        Ok(self.look(key)?.map(|(size, _)| size))
    }

    /// Returns the size of an object, and who created it.
    fn look(&self, key: &str) -> Result<Option<(u64, Option<String>)>, StoreError> {
        let path = self.path(key)?;
        let subject = Subject {
            what: "read",
            key,
            unlimited: false,
        };
        let found = self.call(subject, || async {
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
            Answer::Is(found) => Ok(Some(found)),
            Answer::Missing | Answer::Exists => Ok(None),
        }
    }

    pub(super) fn put(&self, key: &str, bytes: Bytes, mode: PutMode) -> Result<PutOutcome, StoreError> {
        self.put_beyond(key, bytes, mode, false)
    }

    /// Puts an object; `unlimited` when others wait for this one, and all must be under way at once.
    pub(super) fn put_beyond(
        &self,
        key: &str,
        bytes: Bytes,
        mode: PutMode,
        unlimited: bool,
    ) -> Result<PutOutcome, StoreError> {
        let path = self.path(key)?;
        let creator = format!("{:016x}{:016x}", random(), random());
        let was_lost = AtomicU64::new(0);
        let subject = Subject {
            what: "written",
            key,
            unlimited,
        };
        let put = self.call(subject, || async {
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
            // Any failure may be that of the answer only.
            if put.is_err() {
                was_lost.fetch_add(1, Ordering::Relaxed);
            }
            put.map(drop)
        });
        match put? {
            Answer::Is(()) => Ok(PutOutcome::Stored),
            Answer::Missing => Err(self.failed(
                subject,
                RemoteFailure::new(
                    RemoteKind::BucketMissing,
                    "the server says that there is no such bucket",
                ),
            )),
            Answer::Exists if was_lost.load(Ordering::Relaxed) > 1 => {
                let found = self.look(key)?.and_then(|(_, found)| found);
                Ok(match found {
                    Some(found) if found == creator => PutOutcome::Stored,
                    _ => PutOutcome::AlreadyExists,
                })
            }
            Answer::Exists => Ok(PutOutcome::AlreadyExists),
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

    /// Returns one page of the keys that begin with `prefix`. `from` is where the page before ended.
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
        let listed = self.call(subject, || async {
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
            Answer::Is(listed) => listed,
            Answer::Missing | Answer::Exists => {
                let missing = "the server says that there is no such bucket";
                return Err(self.failed(subject, RemoteFailure::new(RemoteKind::BucketMissing, missing)));
            }
        };
        let keys = listed
            .result
            .objects
            .iter()
            // A server that lists what it was not asked for is not believed.
            .filter(|object| object.location.as_ref().starts_with(&full))
            .filter_map(|object| object.location.as_ref().strip_prefix(&self.prefix))
            .map(str::to_owned)
            .collect();
        Ok(Page {
            keys,
            next: listed.page_token,
        })
    }

    /// Removes objects, as many with one request as the provider takes.
    pub(super) fn delete(&self, keys: &[&str]) -> Result<(), StoreError> {
        // The library would make ten requests at once of them, which no limit here sees.
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
        let removed = self.call(subject, || async {
            let paths: Vec<object_store::Result<Path>> = paths.iter().cloned().map(Ok).collect();
            let mut removed = self
                .objects
                .delete_stream(futures_util::stream::iter(paths).boxed());
            while let Some(outcome) = removed.next().await {
                match outcome {
                    // Gone is what is wanted.
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

    pub(super) fn failed(&self, subject: Subject<'_>, source: RemoteFailure) -> StoreError {
        StoreError::Remote {
            what: subject.what,
            key: subject.key.to_owned(),
            store: self.location.clone(),
            source,
        }
    }
}

//! The import `store`, on the store of the run.

use super::repair::is_named_by;
use super::{Grants, StoreAccess};
use crate::bindings::PluginError;
use crate::bindings::store::{ByteRange, Host, PutMode, PutOutcome};
use crate::problem;
use crate::store::{self, Key, StoreError};

/// As the WIT says.
const DELETED_MAX: usize = 1000;

/// What a call of the component gets: the outer failure ends the component, the inner one is an answer.
type Served<T> = wasmtime::Result<Result<T, PluginError>>;

impl Host for Grants {
    fn get(&mut self, key: String, range: Option<ByteRange>) -> Served<Option<Vec<u8>>> {
        self.watched(|grants| {
            let range = range.map(|ByteRange { offset, length }| store::ByteRange { offset, length });
            grants.store.get(parsed(&key)?, range).map_err(to_wit)
        })
    }

    fn head(&mut self, key: String) -> Served<Option<u64>> {
        self.watched(|grants| grants.store.head(parsed(&key)?).map_err(to_wit))
    }

    fn put(&mut self, key: String, bytes: Vec<u8>, mode: PutMode) -> Served<PutOutcome> {
        self.watched(|grants| {
            let mode = match mode {
                PutMode::Create => {
                    grants.check_access(StoreAccess::Create, &key)?;
                    store::PutMode::Create
                }
                // It may replace an object of another size: with no other bytes than those of its name.
                PutMode::Named => {
                    grants.check_access(StoreAccess::Create, &key)?;
                    match is_named_by(&key, &bytes) {
                        true => store::PutMode::Named,
                        false => {
                            let message = "the key is not the digest of the bytes".to_owned();
                            return Err(problem::internal(message, &key));
                        }
                    }
                }
                PutMode::Repair => {
                    grants.check_access(StoreAccess::Repair, &key)?;
                    grants.repairs.check(&*grants.store, &key, &bytes)?;
                    store::PutMode::Overwrite
                }
            };
            match grants.store.put(parsed(&key)?, &bytes, mode).map_err(to_wit)? {
                store::PutOutcome::Stored => Ok(PutOutcome::Stored),
                store::PutOutcome::AlreadyExists => Ok(PutOutcome::AlreadyExists),
            }
        })
    }

    fn delete(&mut self, keys: Vec<String>) -> Served<()> {
        self.watched(|grants| {
            let first = keys.first().map_or("", String::as_str);
            grants.check_access(StoreAccess::Delete, first)?;
            if keys.len() > DELETED_MAX {
                let message = format!("at most {DELETED_MAX} objects are deleted at a time");
                return Err(problem::internal(message, first));
            }
            let keys = keys
                .iter()
                .map(|key| parsed(key))
                .collect::<Result<Vec<_>, _>>()?;
            grants.store.delete(&keys).map_err(to_wit)
        })
    }

    fn list(&mut self, prefix: String, after: Option<String>, limit: u32) -> Served<Vec<String>> {
        self.watched(|grants| {
            store::check_prefix(&prefix).map_err(to_wit)?;
            grants
                .store
                .list(&prefix, after.as_deref(), limit.clamp(1, 1000) as usize)
                .map_err(to_wit)
        })
    }
}

impl Grants {
    /// Checks that a run may do something.
    fn check_access(&self, wanted: StoreAccess, key: &str) -> Result<(), PluginError> {
        let is_granted = match wanted {
            StoreAccess::Read => true,
            StoreAccess::Create => self.store_access != StoreAccess::Read,
            StoreAccess::Repair | StoreAccess::Delete => self.store_access == wanted,
        };
        if is_granted {
            return Ok(());
        }
        let message = match (self.store_access, wanted) {
            (StoreAccess::Read, _) => "this run may only read from the store",
            (_, StoreAccess::Repair) => "this run may not replace what is in the store",
            _ => "this run may not delete from the store",
        };
        Err(problem::internal(message.to_owned(), key))
    }
}

fn parsed(key: &str) -> Result<Key<'_>, PluginError> {
    Key::parse(key).map_err(to_wit)
}

fn to_wit(error: StoreError) -> PluginError {
    problem::store(&error)
}

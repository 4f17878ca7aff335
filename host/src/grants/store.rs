//! The import `store`, on the store of the run.

use super::repair::is_named_by;
use super::{Grants, StoreAccess};
use crate::bindings::store::{ByteRange, Host, PutMode, PutOutcome};
use crate::bindings::types::Error as PluginError;
use crate::problem;
use crate::store::{self, Key, ObjectStore, StoreError};

/// As the WIT says.
const DELETED_MAX: usize = 1000;

/// The result of a call of the component: the outer error ends the component, the inner one is an answer.
type Served<T> = wasmtime::Result<Result<T, PluginError>>;

impl Host for Grants {
    fn get(&mut self, key: String, range: Option<ByteRange>) -> Served<Option<Vec<u8>>> {
        self.watched(|grants| {
            let range = range.map(|ByteRange { offset, length }| store::ByteRange { offset, length });
            let store = grants.granted_store(StoreAccess::Read, &key)?;
            store.get(parsed(&key)?, range).map_err(to_wit)
        })
    }

    fn head(&mut self, key: String) -> Served<Option<u64>> {
        self.watched(|grants| {
            let store = grants.granted_store(StoreAccess::Read, &key)?;
            store.head(parsed(&key)?).map_err(to_wit)
        })
    }

    fn put(&mut self, key: String, bytes: Vec<u8>, mode: PutMode) -> Served<PutOutcome> {
        self.watched(|grants| {
            let access = match mode {
                PutMode::Create | PutMode::Named => StoreAccess::Create,
                PutMode::Repair => StoreAccess::Repair,
            };
            let store = grants.granted_store(access, &key)?;
            let mode = match mode {
                PutMode::Create => store::PutMode::Create,
                // It may replace an object of another size: with no other bytes than those of its name.
                PutMode::Named if is_named_by(&key, &bytes) => store::PutMode::Named,
                PutMode::Named => {
                    let message = "the key is not the digest of the bytes".to_owned();
                    return Err(problem::internal(message, &key));
                }
                PutMode::Repair => {
                    grants.repairs.check(store, &key, &bytes)?;
                    store::PutMode::Overwrite
                }
            };
            match store.put(parsed(&key)?, &bytes, mode).map_err(to_wit)? {
                store::PutOutcome::Stored => Ok(PutOutcome::Stored),
                store::PutOutcome::AlreadyExists => Ok(PutOutcome::AlreadyExists),
            }
        })
    }

    fn delete(&mut self, keys: Vec<String>) -> Served<()> {
        self.watched(|grants| {
            let first = keys.first().map_or("", String::as_str);
            let store = grants.granted_store(StoreAccess::Delete, first)?;
            if keys.len() > DELETED_MAX {
                let message = format!("at most {DELETED_MAX} objects are deleted at a time");
                return Err(problem::internal(message, first));
            }
            let keys = keys
                .iter()
                .map(|key| parsed(key))
                .collect::<Result<Vec<_>, _>>()?;
            store.delete(&keys).map_err(to_wit)
        })
    }

    fn list(&mut self, prefix: String, after: Option<String>, limit: u32) -> Served<Vec<String>> {
        self.watched(|grants| {
            store::check_prefix(&prefix).map_err(to_wit)?;
            grants
                .granted_store(StoreAccess::Read, &prefix)?
                .list(&prefix, after.as_deref(), limit.clamp(1, 1000) as usize)
                .map_err(to_wit)
        })
    }
}

impl Grants {
    /// Returns the store, if the run may use it like this.
    fn granted_store(&self, wanted: StoreAccess, key: &str) -> Result<&dyn ObjectStore, PluginError> {
        let message = match (self.store_access, wanted) {
            (Some(access), _) if access.includes(wanted) => return Ok(&*self.store),
            (None, _) => "this run may not use the store",
            (Some(StoreAccess::Read), _) => "this run may only read from the store",
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

//! The import `store`, on the store of the run.

use super::{Access, Grants};
use crate::bindings::PluginError;
use crate::bindings::store::{ByteRange, Host, PutMode, PutOutcome};
use crate::problem;
use crate::store::{self, Key, StoreError};

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
            if grants.store_access == Access::Read {
                return Err(problem::internal(
                    "this run may only read from the store".to_owned(),
                    &key,
                ));
            }
            let mode = match mode {
                PutMode::Create => store::PutMode::Create,
                PutMode::Overwrite => store::PutMode::Overwrite,
            };
            match grants.store.put(parsed(&key)?, &bytes, mode).map_err(to_wit)? {
                store::PutOutcome::Stored => Ok(PutOutcome::Stored),
                store::PutOutcome::AlreadyExists => Ok(PutOutcome::AlreadyExists),
            }
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

fn parsed(key: &str) -> Result<Key<'_>, PluginError> {
    Key::parse(key).map_err(to_wit)
}

fn to_wit(error: StoreError) -> PluginError {
    problem::store(&error)
}

//! The import `store`, on the store of the run.

use super::{Grants, REPAIRS_MAX, StoreAccess};
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
                PutMode::Create => store::PutMode::Create,
                PutMode::Named => store::PutMode::Named,
                PutMode::Repair => store::PutMode::Overwrite,
            };
            match mode {
                store::PutMode::Overwrite => grants.check_repair(&key, &bytes)?,
                _ => grants.check_access(StoreAccess::Create, &key)?,
            }
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

    /// Bounds what may be replaced. Bytes that the key is the digest of harm nobody. Of anything else an instance replaces
    /// no more than the objects of one build.
    fn check_repair(&mut self, key: &str, bytes: &[u8]) -> Result<(), PluginError> {
        self.check_access(StoreAccess::Repair, key)?;
        if key.rsplit('/').next() == Some(blake3::hash(bytes).to_hex().as_str()) {
            return Ok(());
        }
        self.repairs_left = self.repairs_left.checked_sub(1).ok_or_else(|| {
            let message =
                format!("a run may replace at most {REPAIRS_MAX} objects that its bytes do not name");
            problem::internal(message, key)
        })?;
        Ok(())
    }
}

fn parsed(key: &str) -> Result<Key<'_>, PluginError> {
    Key::parse(key).map_err(to_wit)
}

fn to_wit(error: StoreError) -> PluginError {
    problem::store(&error)
}

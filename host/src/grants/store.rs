//! The import `store`, on the store of the run.

use super::{Access, Grants};
use crate::bindings::PluginError;
use crate::bindings::store::{ByteRange, Host, PutMode, PutOutcome};
use crate::store::{self, Key, StoreError};

impl Host for Grants {
    fn get(&mut self, key: String, range: Option<ByteRange>) -> Result<Option<Vec<u8>>, PluginError> {
        let range = range.map(|ByteRange { offset, length }| store::ByteRange { offset, length });
        Ok(self.store.get(Key::parse(&key).map_err(to_wit)?, range).map_err(to_wit)?)
    }

    fn head(&mut self, key: String) -> Result<Option<u64>, PluginError> {
        self.store.head(Key::parse(&key).map_err(to_wit)?).map_err(to_wit)
    }

    fn put(&mut self, key: String, bytes: Vec<u8>, mode: PutMode) -> Result<PutOutcome, PluginError> {
        let key = Key::parse(&key).map_err(to_wit)?;
        if self.store_access == Access::Read {
            let message = "this run may only read from the store".to_owned();
            return Err(crate::problem::internal(message, key.as_str()));
        }
        let mode = match mode {
            PutMode::Create => store::PutMode::Create,
            PutMode::Overwrite => store::PutMode::Overwrite,
        };
        match self.store.put(key, &bytes, mode).map_err(to_wit)? {
            store::PutOutcome::Stored => Ok(PutOutcome::Stored),
            store::PutOutcome::AlreadyExists => Ok(PutOutcome::AlreadyExists),
        }
    }

    fn list(&mut self, prefix: String, after: Option<String>, limit: u32) -> Result<Vec<String>, PluginError> {
        store::check_prefix(&prefix).map_err(to_wit)?;
        self.store.list(&prefix, after.as_deref(), limit.clamp(1, 1000) as usize).map_err(to_wit)
    }
}

fn to_wit(error: StoreError) -> PluginError {
    crate::problem::store(&error)
}

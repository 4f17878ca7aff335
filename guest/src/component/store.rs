//! The store port, on the import of the same name.

use std::time::SystemTime;

use super::convert::from_wit_error;
use super::imports::store::{self, ByteRange};
use crate::error::Result;
use crate::ports::{Clock, PutMode, PutOutcome, Store};

/// The clock of the machine.
impl Clock for Granted {
    fn now_ms(&self) -> u64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.unwrap_or_default().as_millis() as u64
    }
}

/// The store that the host grants.
pub(super) struct Granted;

impl Store for Granted {
    fn get(&self, key: &str, range: Option<(u64, u64)>) -> Result<Option<Vec<u8>>> {
        let range = range.map(|(offset, length)| ByteRange { offset, length });
        store::get(key, range).map_err(from_wit_error)
    }

    fn head(&self, key: &str) -> Result<Option<u64>> {
        store::head(key).map_err(from_wit_error)
    }

    fn put(&self, key: &str, bytes: &[u8], mode: PutMode) -> Result<PutOutcome> {
        let mode = match mode {
            PutMode::Create => store::PutMode::Create,
            PutMode::Named => store::PutMode::Named,
            PutMode::Repair => store::PutMode::Repair,
        };
        match store::put(key, bytes, mode).map_err(from_wit_error)? {
            store::PutOutcome::Stored => Ok(PutOutcome::Stored),
            store::PutOutcome::AlreadyExists => Ok(PutOutcome::AlreadyExists),
        }
    }

    fn delete(&self, keys: &[String]) -> Result<()> {
        store::delete(keys).map_err(from_wit_error)
    }

    fn list(&self, prefix: &str, start_after: Option<&str>, limit: u32) -> Result<Vec<String>> {
        store::list(prefix, start_after, limit).map_err(from_wit_error)
    }
}

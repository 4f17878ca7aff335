//! The store: bytes under keys.

use crate::error::Result;

/// The treatment of an object that exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutMode {
    /// It stays: of racing creators exactly one wins.
    Create,
    /// It stays, and its key is a digest of its bytes: nobody needs to hear who won.
    Named,
    /// It is replaced, as a whole: only to repair an object that was read and is not what its key promises.
    Repair,
}

/// The outcome of a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// The object exists, with these bytes.
    Stored,
    /// Another one existed before, and stays.
    AlreadyExists,
}

/// Bytes under keys. The implementation retries what is transient, so a caller never does.
pub trait Store {
    /// Returns an object, or the part `(offset, length)` of it, or `None` if it does not exist. A range after the end
    /// gives what there is: callers check the length.
    fn get(&self, key: &str, range: Option<(u64, u64)>) -> Result<Option<Vec<u8>>>;

    /// Returns an object's size in bytes.
    fn head(&self, key: &str) -> Result<Option<u64>>;

    /// Stores an object. Atomic, and idempotent for content-named keys. A `Create` survives a crash of the machine only
    /// together with every put before it.
    fn put(&self, key: &str, bytes: &[u8], mode: PutMode) -> Result<PutOutcome>;

    /// Removes objects, in any order. One that is not there is not an error.
    fn delete(&self, keys: &[String]) -> Result<()>;

    /// Returns at most `limit` keys (1 to 1,000) that begin with `prefix` and come after `start_after`. Ascending as
    /// far as compared names are of equal length.
    fn list(&self, prefix: &str, start_after: Option<&str>, limit: u32) -> Result<Vec<String>>;
}

/// The check of an existing object that is named by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExistingCheck {
    /// Its size: it may have lost bytes to a full disk or a crash.
    #[default]
    Size,
    /// Nothing: its bytes are read and compared.
    Bytes,
}

/// Stores an object that is named by its content. Returns how many bytes were written: none where the object exists. An
/// existing object that does not have these bytes, as far as `check` looks, is replaced.
pub fn put_named(store: &impl Store, key: &str, bytes: &[u8], check: ExistingCheck) -> Result<u64> {
    let length = bytes.len() as u64;
    let stands = match check {
        ExistingCheck::Bytes => match store.get(key, None)? {
            Some(there) => there == bytes,
            // A store may answer before it knows that nobody else has created it: then with these bytes. What exists and
            // cannot be read, such as a directory, is in the way.
            None => {
                if store.put(key, bytes, PutMode::Named)? == PutOutcome::Stored {
                    return Ok(length);
                }
                store.head(key)? == Some(length)
            }
        },
        ExistingCheck::Size => {
            if store.put(key, bytes, PutMode::Named)? == PutOutcome::Stored {
                return Ok(length);
            }
            store.head(key)? == Some(length)
        }
    };
    if stands {
        return Ok(0);
    }
    store.put(key, bytes, PutMode::Repair)?;
    Ok(length)
}

//! What crosses between one guest call and the next: tasks, outcomes, `shared`, `rest`. Only this build of the component
//! reads it, so it is compact and has no version.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Returns the bytes of a value.
pub fn write<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    postcard::to_allocvec(value)
        .map_err(|error| Error::internal("a task could not be written").because(error))
}

/// Reads what [`write()`] wrote.
pub fn read<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T> {
    postcard::from_bytes(bytes).map_err(|error| Error::internal("a task could not be read").because(error))
}

//! Serialization of the values that cross between guest calls: tasks, outcomes, `shared`, `rest`. Only this build of
//! the component reads it, so it is compact and has no version.

use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Returns the bytes of a value.
pub fn write<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    postcard::to_allocvec(value).map_err(|error| unwritten(&error))
}

/// Appends the bytes of a value.
pub fn append<T: Serialize>(value: &T, to: &mut Vec<u8>) -> Result<()> {
    postcard::serialize_with_flavor(value, Append(to)).map_err(|error| unwritten(&error))
}

/// Reads what [`write()`] wrote.
pub fn read<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T> {
    postcard::from_bytes(bytes).map_err(|error| unread(&error))
}

/// Reads the first of several values. Returns it, and the number of bytes that are left.
pub fn take<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<(T, usize)> {
    postcard::take_from_bytes(bytes)
        .map(|(value, left)| (value, left.len()))
        .map_err(|error| unread(&error))
}

fn unwritten(error: &postcard::Error) -> Error {
    Error::internal("a task could not be written").because(error)
}

fn unread(error: &postcard::Error) -> Error {
    Error::internal("a task could not be read").because(error)
}

struct Append<'a>(&'a mut Vec<u8>);

impl Flavor for Append<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

//! The scratch port, on the import of the same name.

use super::convert::from_wit_error;
use super::imports::scratch;
use crate::error::Result;
use crate::ports::Scratch;

/// The scratch space of this run.
pub(super) struct Granted;

impl Scratch for Granted {
    fn write(&self, page: &[u8]) -> Result<u32> {
        scratch::write(page).map_err(from_wit_error)
    }

    fn read(&self, page: u32) -> Result<Vec<u8>> {
        scratch::read(page).map_err(from_wit_error)
    }
}

//! The scratch space and the clock of a run.

use crate::error::Result;

/// Temporary space that all instances of one run share: what does not fit into the memory of an instance goes here.
/// Ends with the run. See [`crate::scratch_list`] for what is usually put into pages.
pub trait Scratch {
    /// Keeps a page of at most 8 MiB. Returns its number.
    fn write(&self, page: &[u8]) -> Result<u32>;

    /// Returns a page that was written in this run.
    fn read(&self, page: u32) -> Result<Vec<u8>>;
}

/// The time. Machines that share a store are taken to agree on it within the grace period of a prune.
pub trait Clock {
    /// Returns the milliseconds since 1970.
    fn now_ms(&self) -> u64;
}

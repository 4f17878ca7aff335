//! The objects of a store, without baton. The same scenes run on a directory and on a bucket.

mod bucket;
mod directory;

pub use bucket::Bucket;
pub use directory::Directory;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Debug;
use std::path::Path;

/// The objects of one store.
pub trait Objects {
    /// All that a store holds, to see whether anything changed.
    type Everything: PartialEq + Debug;

    /// Returns the store at this path, or the one that stands for it on a server.
    fn at(place: &Path) -> Self;
    /// Returns the variables by which a job finds this store.
    fn variables(&self) -> Vec<(&'static str, OsString)>;
    /// Returns the size in bytes of each object.
    fn sizes(&self) -> BTreeMap<String, u64>;
    /// Returns everything there is, temporary files, permission bits and times included.
    fn everything(&self) -> Self::Everything;
    fn has_any(&self, dir: &str) -> bool;
    fn get(&self, key: &str) -> Vec<u8>;
    fn put(&self, key: &str, bytes: &[u8]);
    fn remove(&self, key: &str);
    fn clear(&self, dir: &str);
}

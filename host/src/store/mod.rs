//! Stores: bytes under keys, with one small trait. The component uses a store through the import `store`.

mod atomic_create;
mod background_writes;
mod cloud;
#[cfg(feature = "conformance")]
pub mod conformance;
mod directory;
mod error;
mod key;
mod location;
mod memory;
mod object_store;

pub use cloud::{Addressing, CloudOptions, CloudStore, RemoteFailure, RemoteKind, Role, StoreUse, Variables};
pub use directory::DirectoryStore;
pub use error::StoreError;
pub(crate) use error::{OBJECT_BYTES_MAX, check_size};
pub use key::Key;
pub(crate) use key::check_prefix;
pub use location::{CloudLocation, Provider, StoreLocation};
pub use memory::MemoryStore;
pub use object_store::{ByteRange, ObjectStore, PutMode, PutOutcome};

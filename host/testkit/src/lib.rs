//! Shared by the tests and the benchmark: servers and proxies on loopback, trees of files, stores to look into and to
//! damage, and jobs that run the command `baton`.
//!
//! Everything here fails by panicking, as the tests that call it do.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![expect(
    missing_docs,
    reason = "tests are read with their source; what is not obvious has a comment"
)]

mod cargo;
pub mod files;
pub mod history;
pub mod hostile;
pub mod objects;
pub mod place;
mod schema;
pub mod servers;
pub mod stored;

pub use cargo::{command, profile_directory, repository};

/// Jobs and stores of scenes that run on a store in a directory.
pub mod on_directory {
    pub use crate::place::{Job, Ran, figures};

    pub type Place = crate::place::Place<crate::objects::Directory>;
    pub type Stored = crate::stored::Stored<crate::objects::Directory>;
}

/// Jobs and stores of scenes that run on a store in a bucket.
pub mod on_bucket {
    pub use crate::place::{Job, Ran, figures};

    pub type Place = crate::place::Place<crate::objects::Bucket>;
    pub type Stored = crate::stored::Stored<crate::objects::Bucket>;
}

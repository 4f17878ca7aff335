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

pub mod files;
pub mod history;
pub mod hostile;
pub mod objects;
pub mod place;
pub mod servers;
pub mod stored;

use std::path::{Path, PathBuf};

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

/// Returns the repository.
pub fn repository() -> PathBuf {
    let below = Path::new(env!("CARGO_MANIFEST_DIR"));
    below.ancestors().nth(2).unwrap().to_owned()
}

/// Returns cargo's directory of this profile, for example `target/debug`: test programs are in a directory below it.
pub fn profile_directory() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(2).unwrap().to_owned()
}

/// Returns the command under test. Cargo builds it before the tests of its package.
pub fn command() -> PathBuf {
    profile_directory().join("baton")
}

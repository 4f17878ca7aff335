//! Where cargo puts what it builds.

use std::path::{Path, PathBuf};

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

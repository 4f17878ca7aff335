//! What is to be persisted.

use crate::context::Context;

/// What is to be persisted.
#[derive(Debug, Clone)]
pub struct Persist {
    /// The artifact's name.
    pub name: String,
    /// Paths and globs.
    pub paths: Vec<String>,
    /// What to do where one matches nothing.
    pub if_no_files: IfNoFiles,
    /// What to do about devices, sockets and FIFOs.
    pub special_files: SpecialFiles,
    /// Whether a path that another job persisted with other bytes is an error.
    pub check_conflicts: bool,
    /// Which build this is.
    pub context: Context,
    /// Whether to look only.
    pub dry_run: bool,
    /// Whether to read back all that the build will point to, and to store again what is not whole.
    pub repair: bool,
}

/// What is done where nothing matches a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfNoFiles {
    /// Fail.
    Fail,
    /// Warn, and go on.
    Warn,
    /// Go on.
    Ignore,
}

/// What is done about devices, sockets and FIFOs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecialFiles {
    /// Fail.
    Fail,
    /// Leave them out with a warning.
    Skip,
}

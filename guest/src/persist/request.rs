//! The request of a persist.

use crate::context::Context;

/// The request of a persist.
#[derive(Debug, Clone)]
pub struct Persist {
    /// The artifact's name.
    pub name: String,
    /// Paths and globs.
    pub paths: Vec<String>,
    /// The treatment of a path that matches nothing.
    pub if_no_files: IfNoFiles,
    /// The treatment of devices, sockets and FIFOs.
    pub special_files: SpecialFiles,
    /// Whether a path that another job persisted with other bytes is an error.
    pub check_conflicts: bool,
    /// The build that asks.
    pub context: Context,
    /// Whether to look only.
    pub dry_run: bool,
    /// Whether to read back all that the build will point to, and to store again what is not whole.
    pub repair: bool,
}

/// The treatment of a path that matches nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfNoFiles {
    /// Fail.
    Fail,
    /// Warn, and continue.
    Warn,
    /// Continue.
    Ignore,
}

/// The treatment of devices, sockets and FIFOs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecialFiles {
    /// Fail.
    Fail,
    /// Leave them out with a warning.
    Skip,
}

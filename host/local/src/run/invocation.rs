//! A program that a step starts.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

/// A program to start.
pub(super) struct Invocation<'a> {
    pub(super) program: &'a str,
    pub(super) arguments: &'a [&'a str],
    /// As the job sees it.
    pub(super) directory: &'a Path,
    pub(super) variables: &'a BTreeMap<String, OsString>,
}

//! Names that baton reserves for itself in a granted directory.

/// The staging directory of an attach. An interrupted attach may leave it.
pub(crate) const STAGING: &str = ".baton-attach";

/// Returns whether a name is that of a directory where an attach keeps what is not complete: on other file systems
/// below `--at` it has a number at its end.
pub(crate) fn is_staging(name: &str) -> bool {
    name.strip_prefix(STAGING)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('~'))
}

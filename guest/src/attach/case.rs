//! File systems that ignore case.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::reserved::STAGING;

/// Checks the next path against those seen: if the file system ignores case, two names of a tree may be one. Takes the
/// next path.
pub(super) fn check_name_differs(seen: &mut HashMap<String, String>, path: &str) -> Result<()> {
    if seen.is_empty() {
        seen.insert(STAGING.to_owned(), STAGING.to_owned());
    }
    if let Some(other) = seen.insert(path.to_lowercase(), path.to_owned()) {
        let message = format!("this file system ignores case, and the tree also has {other}");
        return Err(Error::invalid("names-collide", message, path));
    }
    Ok(())
}

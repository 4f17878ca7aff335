//! File systems that do not tell upper from lower case.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::reserved::STAGING;

/// On a file system that does not tell upper from lower case, two names of a tree may be one: neither may be lost. Takes the
/// next path.
pub(super) fn check_name_differs(seen: &mut HashMap<String, String>, path: &str) -> Result<()> {
    if seen.is_empty() {
        seen.insert(STAGING.to_owned(), STAGING.to_owned());
    }
    if let Some(other) = seen.insert(path.to_lowercase(), path.to_owned()) {
        let message = format!("this file system does not tell it from {other}");
        return Err(Error::invalid("names-collide", message, path));
    }
    Ok(())
}

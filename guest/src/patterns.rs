//! Errors and warnings about the patterns of a request, for persist and attach alike.

use crate::error::{Error, Problem, Result, warning};
use crate::glob::Shadowed;

/// Returns the warning for an exclude that left nothing out.
pub(crate) fn unused_problem(pattern: &str) -> Problem {
    warning("unused-exclude", "this exclude matches nothing", pattern)
}

/// Returns the warning for a text that is a path and also means something as a pattern, or the error where it may mean
/// either.
pub(crate) fn shadow_problem(shadowed: &Shadowed<'_>) -> Result<Problem> {
    let Shadowed {
        text,
        other,
        is_ambiguous,
    } = *shadowed;
    if is_ambiguous {
        let message = format!(
            "this is the path of an existing entry, and as a pattern it excludes {other}, which exists too"
        );
        return Err(Error::invalid("ambiguous-pattern", message, text));
    }
    let message = format!(
        "taken as the path of this name, which exists, and not as a pattern: that also matches {other}"
    );
    Ok(warning("pattern-is-path", message, text))
}

impl From<crate::glob::GlobError> for Error {
    fn from(error: crate::glob::GlobError) -> Error {
        Error::invalid("wrong-glob", error.to_string(), "")
    }
}

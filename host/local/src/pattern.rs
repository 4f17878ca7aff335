//! Regular expressions of a config. CircleCI has those of Java; here are those of RE2, which agree on what configs use.

use regex_lite::Regex;

use super::error::{LocalError, Place};

/// The longest pattern that is compiled.
const PATTERN_BYTES_MAX: usize = 4096;

/// Returns whether a pattern matches the whole of a text.
///
/// # Errors
///
/// [`LocalError::Wrong`] for a pattern that is none.
pub(crate) fn matches(pattern: &str, text: &str, place: &Place) -> Result<bool, LocalError> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(place.wrong(format!("a pattern is longer than {PATTERN_BYTES_MAX} bytes")));
    }
    let whole = Regex::new(&format!("^(?:{pattern})$"))
        .map_err(|error| place.wrong(format!("the pattern {pattern:?} cannot be used: {error}")))?;
    Ok(whole.is_match(text))
}

/// Returns whether a filter's `only` or `ignore` names a branch or a tag: a name, or a pattern between slashes.
pub(crate) fn names(filters: &[String], name: &str, place: &Place) -> Result<bool, LocalError> {
    for filter in filters {
        let pattern = filter.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
        let named = match pattern {
            Some(pattern) => matches(pattern, name, place)?,
            None => filter == name,
        };
        if named {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_filter_is_a_name_or_a_pattern_of_the_whole() {
        let place = Place::file("config.yml");
        let named = |filter: &str, name: &str| names(&[filter.to_owned()], name, &place).unwrap();
        assert!(named("main", "main") && !named("main", "main-2"));
        assert!(named("/v[0-9]+(\\.[0-9]+)*/", "v1.2") && !named("/v[0-9]+/", "v1.2"));
        assert!(named("/.*/", "anything"));
        let error = names(&["/(/".to_owned()], "a", &place).unwrap_err();
        assert!(error.to_string().contains("cannot be used"), "{error}");
    }
}

//! From text to the values of a context.

use std::str::FromStr;

use super::error::ContextError;
use super::found::{Found, Node};
use super::remote::{Remote, without_credentials};

const WHOLE_NUMBER: &str = "a whole number in decimal digits";
const COMMIT: &str = "a commit: 7 to 64 hexadecimal digits";
const NODE: &str = "a node as INDEX/TOTAL with the index counted from 0, for example 0/8";
const BOOLEAN: &str = "true, false, 1 or 0";
const PROJECT: &str = "a name like gh/acme/shop, or the URL of a repository";

/// Returns the error that names the source, its value and what is expected.
pub(super) fn refused(found: &Found<String>, expected: &'static str) -> ContextError {
    ContextError::Value {
        origin: found.source,
        value: without_credentials(&found.value),
        expected,
    }
}

/// Parses a whole number. A sign is refused.
pub(super) fn whole<T: FromStr>(found: &Found<String>) -> Result<Found<T>, ContextError> {
    let value = Some(&found.value)
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| refused(found, WHOLE_NUMBER))?;
    Ok(Found {
        value,
        source: found.source,
    })
}

/// Parses a commit id and lowers its case. A short id is taken as it is.
pub(super) fn commit(found: &Found<String>) -> Result<Found<String>, ContextError> {
    let text = &found.value;
    if (7..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(Found {
            value: text.to_ascii_lowercase(),
            source: found.source,
        });
    }
    Err(refused(found, COMMIT))
}

/// Parses `INDEX/TOTAL`.
pub(super) fn node(found: &Found<String>) -> Result<Found<Node>, ContextError> {
    let part = |text: &str| -> Option<u32> {
        text.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| text.parse().ok())
            .flatten()
    };
    let value = found
        .value
        .split_once('/')
        .and_then(|(index, total)| {
            Some(Node {
                index: part(index)?,
                total: part(total)?,
            })
        })
        .filter(|node| node.index < node.total)
        .ok_or_else(|| refused(found, NODE))?;
    Ok(Found {
        value,
        source: found.source,
    })
}

/// Parses what `BATON_FORK` may hold.
pub(super) fn boolean(found: &Found<String>) -> Result<Found<bool>, ContextError> {
    let value = match found.value.to_ascii_lowercase().as_str() {
        "true" | "1" => true,
        "false" | "0" => false,
        _ => return Err(refused(found, BOOLEAN)),
    };
    Ok(Found {
        value,
        source: found.source,
    })
}

/// Checks a project's name. A URL becomes the name that the same repository has elsewhere, without
/// credentials.
pub(super) fn project(found: Found<String>) -> Result<Found<String>, ContextError> {
    let text = found.value.as_str();
    if text.contains("://") || text.contains('@') {
        let named = Remote::parse(text).map(|remote| remote.project());
        return named.map_or_else(
            || Err(refused(&found, PROJECT)),
            |value| {
                Ok(Found {
                    value,
                    source: found.source,
                })
            },
        );
    }
    let plain = !text.chars().any(char::is_control)
        && text.split('/').all(|segment| !matches!(segment, "" | "." | ".."));
    if plain {
        Ok(found)
    } else {
        Err(refused(&found, PROJECT))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn given(value: &str) -> Found<String> {
        Found::in_variable("BATON_X", value.to_owned())
    }

    #[test]
    fn numbers() {
        assert_eq!(whole::<u64>(&given("0")).unwrap().value, 0);
        assert_eq!(
            whole::<u64>(&given("18446744073709551615")).unwrap().value,
            u64::MAX
        );
        for bad in [
            "abc",
            "-1",
            "+1",
            "1.0",
            "1e3",
            "18446744073709551616",
            "1 2",
            "0x10",
        ] {
            let error = whole::<u64>(&given(bad)).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("BATON_X is {bad:?}, but must be a whole number in decimal digits")
            );
        }
    }

    #[test]
    fn commits() {
        assert_eq!(commit(&given("ABCDEF0")).unwrap().value, "abcdef0");
        assert_eq!(commit(&given(&"f".repeat(64))).unwrap().value.len(), 64);
        for bad in ["abcdef", &"f".repeat(65), "main", "g123456", "0123456 "] {
            assert!(commit(&given(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn nodes() {
        assert_eq!(node(&given("2/8")).unwrap().value, Node { index: 2, total: 8 });
        assert_eq!(node(&given("0/1")).unwrap().value, Node { index: 0, total: 1 });
        for bad in [
            "8/8",
            "0/0",
            "2",
            "/8",
            "2/",
            "-1/8",
            "+1/8",
            "a/b",
            "1/2/3",
            "4294967296/4294967297",
        ] {
            assert!(node(&given(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn booleans() {
        for (text, value) in [("true", true), ("1", true), ("FALSE", false), ("0", false)] {
            assert_eq!(boolean(&given(text)).unwrap().value, value);
        }
        let error = boolean(&given("yes")).unwrap_err().to_string();
        assert_eq!(error, "BATON_X is \"yes\", but must be true, false, 1 or 0");
    }

    #[test]
    fn projects() {
        assert_eq!(project(given("gh/acme/shop")).unwrap().value, "gh/acme/shop");
        assert_eq!(project(given("shop")).unwrap().value, "shop");
        assert_eq!(
            project(given("https://x:t0ken@github.com/acme/shop.git"))
                .unwrap()
                .value,
            "gh/acme/shop"
        );
        assert_eq!(
            project(given("git@github.com:acme/shop.git")).unwrap().value,
            "gh/acme/shop"
        );
        for bad in [
            "/acme",
            "acme/",
            "a//b",
            "../b",
            "a/./b",
            "a\nb",
            "https://github.com",
        ] {
            assert!(project(given(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_error_about_a_url_holds_no_credentials() {
        let error = project(given("https://x:t0ken@github.com/"))
            .unwrap_err()
            .to_string();
        assert!(!error.contains("t0ken"), "{error}");
        assert!(error.contains("github.com"), "{error}");
    }
}

//! From text to the values of a context.

use super::error::ContextError;
use super::found::{Found, Node};
use super::remote::{Remote, without_credentials};

const WHOLE_NUMBER: &str = "a whole number from 0 to 18446744073709551615";
const COMMIT: &str = "a commit: 7 to 64 hexadecimal digits";
const NODE: &str = "a node as INDEX/TOTAL with the index counted from 0, for example 0/8";
const NODE_INDEX: &str = "a node whose index is below its total: the first of eight is 0/8, the last 7/8";
const NODE_TOTAL: &str = "a node of a job with at most 65535 nodes";
const NODES: &str = "at most 65535 parallel nodes";
/// As many nodes as a record can tell apart.
const NODES_MAX: u64 = 65_535;
/// A longer value is not shown whole.
const SHOWN_CHARS_MAX: usize = 200;
const BOOLEAN: &str = "true, false, 1 or 0";
const PROJECT: &str = "a name like gh/acme/shop, or the URL of a repository";

/// Returns the error that names the source, its value and what is expected.
pub(super) fn refused(found: &Found<String>, expected: &'static str) -> ContextError {
    let mut value = without_credentials(&found.value);
    if let Some((end, _)) = value.char_indices().nth(SHOWN_CHARS_MAX) {
        value.truncate(end);
        value.push('…');
    }
    ContextError::Value {
        origin: found.source,
        value,
        expected,
    }
}

/// Checks a text that is kept as it is given: a name, above all. White space at its ends would make two names of what
/// looks like one.
pub(super) fn text(found: Found<String>) -> Result<Found<String>, ContextError> {
    let trimmed = found.value.trim();
    if trimmed.is_empty() {
        return Err(refused(&found, "more than white space"));
    }
    if trimmed.len() < found.value.len() {
        return Err(refused(&found, "without white space at its ends"));
    }
    Ok(found)
}

/// Parses the number of a job's nodes.
pub(super) fn nodes(found: &Found<String>) -> Result<u32, ContextError> {
    let number = whole(found)?.value;
    match u32::try_from(number) {
        Ok(count) if number <= NODES_MAX => Ok(count),
        _ => Err(refused(found, NODES)),
    }
}

/// Parses a whole number. A sign is refused.
pub(super) fn whole(found: &Found<String>) -> Result<Found<u64>, ContextError> {
    let value = Some(found.value.trim())
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| refused(found, WHOLE_NUMBER))?;
    Ok(Found {
        value,
        source: found.source,
    })
}

/// Whether a commit is all zeros, which is how git and its servers say that there is none.
pub(super) fn is_zeros(commit: &str) -> bool {
    let commit = commit.trim();
    commit.len() >= 7 && commit.bytes().all(|byte| byte == b'0')
}

/// Parses a commit id and lowers its case. A short id is taken as it is.
pub(super) fn commit(found: &Found<String>) -> Result<Found<String>, ContextError> {
    let text = found.value.trim();
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
    let part = |text: &str| -> Option<u64> {
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // What is too large for a number is too large for a node.
        is_plain.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (index, total) = found
        .value
        .trim()
        .split_once('/')
        .and_then(|(index, total)| Some((part(index)?, part(total)?)))
        .ok_or_else(|| refused(found, NODE))?;
    if index >= total {
        return Err(refused(found, NODE_INDEX));
    }
    match (u32::try_from(index), u32::try_from(total)) {
        (Ok(index), Ok(total)) if u64::from(total) <= NODES_MAX => Ok(Found {
            value: Node { index, total },
            source: found.source,
        }),
        _ => Err(refused(found, NODE_TOTAL)),
    }
}

/// Parses what `BATON_FORK` may hold.
pub(super) fn boolean(found: &Found<String>) -> Result<Found<bool>, ContextError> {
    let value = match found.value.trim().to_ascii_lowercase().as_str() {
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
    let found = text(found)?;
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
        assert_eq!(whole(&given("0")).unwrap().value, 0);
        assert_eq!(whole(&given(" 7\n")).unwrap().value, 7);
        assert_eq!(whole(&given("18446744073709551615")).unwrap().value, u64::MAX);
        for bad in [
            "abc",
            "-1",
            "+1",
            "1.0",
            "1e3",
            "18446744073709551616",
            "1 2",
            "0x10",
            "\u{a0}",
        ] {
            let error = whole(&given(bad)).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("BATON_X is {bad:?}, but must be a whole number from 0 to 18446744073709551615")
            );
        }
    }

    #[test]
    fn commits() {
        assert_eq!(commit(&given("ABCDEF0")).unwrap().value, "abcdef0");
        assert_eq!(commit(&given(&"f".repeat(64))).unwrap().value.len(), 64);
        for bad in ["abcdef", &"f".repeat(65), "main", "g123456", "\u{a0}"] {
            assert!(commit(&given(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn nodes_of_a_job() {
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
        for (node_text, wrong) in [
            ("8/8", NODE_INDEX),
            ("0/0", NODE_INDEX),
            ("1/70000", NODE_TOTAL),
            ("1/18446744073709551616", NODE_TOTAL),
            ("65535/65536", NODE_TOTAL),
        ] {
            let error = node(&given(node_text)).unwrap_err().to_string();
            assert_eq!(error, format!("BATON_X is {node_text:?}, but must be {wrong}"));
        }
        assert_eq!(node(&given("65534/65535")).unwrap().value.total, 65_535);
        let error = nodes(&given("70000")).unwrap_err().to_string();
        assert_eq!(error, format!("BATON_X is \"70000\", but must be {NODES}"));
    }

    #[test]
    fn a_text_has_no_white_space_at_its_ends() {
        assert_eq!(text(given("feature x")).unwrap().value, "feature x");
        for (blank, wrong) in [
            (" ", "more than white space"),
            ("\u{a0}\u{2003}\t", "more than white space"),
            ("main ", "without white space at its ends"),
            ("\u{a0}main", "without white space at its ends"),
            ("main\r", "without white space at its ends"),
        ] {
            let error = text(given(blank)).unwrap_err().to_string();
            assert_eq!(error, format!("BATON_X is {blank:?}, but must be {wrong}"));
        }
    }

    #[test]
    fn a_long_value_is_shown_in_part() {
        let error = whole(&given(&"x".repeat(1 << 20))).unwrap_err().to_string();
        assert!(error.len() < 400, "{}", error.len());
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

//! The checks of values: from text to the value of a field.

use super::error::ContextError;
use super::field::ValueType;
use super::provenance::{Sourced, Text};
use super::pull_request;
use super::remote::Remote;
use super::value::Value;
use crate::secret::redacted;

const WHOLE_NUMBER: &str = "a whole number from 0 to 18446744073709551615";
const COMMIT: &str = "a commit: 7 to 64 hexadecimal digits";
const NODE: &str = "a node as INDEX/TOTAL with the index counted from 0, for example 0/8";
const NODE_INDEX: &str = "a node whose index is below its total: the first of eight is 0/8, the last 7/8";
const NODE_TOTAL: &str = "a node of a job with at most 65535 nodes";
const NODES: &str = "at most 65535 parallel nodes";
/// The format of records has room for no more nodes.
const NODES_MAX: u64 = 65_535;
/// A longer value is not shown whole.
const SHOWN_CHARS_MAX: usize = 200;
const BOOLEAN: &str = "true, false, 1 or 0";
const PROJECT: &str = "a name like gh/acme/shop, or the URL of a repository";
pub(super) const PULL_REQUEST: &str = "the number of a pull request, for example 7, or false for none";

/// Checks the text of a field and returns its value: `None` for a text that says that there is none.
///
/// # Errors
///
/// Fails if the text has the wrong form, naming its provenance and the form that is expected.
pub(super) fn value(
    value_type: ValueType,
    text: Sourced<String>,
) -> Result<Option<Sourced<Value>>, ContextError> {
    let provenance = text.provenance;
    let value = match value_type {
        ValueType::Text => Value::Text(name(text)?.value),
        ValueType::Project => Value::Text(project(text)?.value),
        ValueType::Commit => Value::Text(commit(&text)?),
        ValueType::Number => Value::Number(whole(&text)?),
        ValueType::Node => node(&text)?,
        ValueType::PullRequest => match pull_request(&text)? {
            Some(number) => Value::Text(number.value),
            None => return Ok(None),
        },
        ValueType::Boolean => Value::Boolean(boolean(&text)?),
    };
    Ok(Some(Sourced { value, provenance }))
}

/// Returns the error that names the provenance, the value and the expected form.
pub(super) fn refused(text: &Sourced<String>, expected: &'static str) -> ContextError {
    let mut value = redacted(&text.value).into_owned();
    if let Some((end, _)) = value.char_indices().nth(SHOWN_CHARS_MAX) {
        value.truncate(end);
        value.push('…');
    }
    ContextError::Value {
        origin: text.provenance,
        value,
        expected,
    }
}

/// Checks a text that is kept as it is given: a name, above all. White space at its ends would make two names that look
/// the same.
pub(super) fn name(text: Sourced<String>) -> Result<Sourced<String>, ContextError> {
    let trimmed = text.value.trim();
    if trimmed.is_empty() {
        return Err(refused(&text, "more than white space"));
    }
    if trimmed.len() < text.value.len() {
        return Err(refused(&text, "without white space at its ends"));
    }
    Ok(text)
}

/// Parses the number of a job's nodes.
pub(super) fn nodes(text: &Sourced<String>) -> Result<u32, ContextError> {
    let number = whole(text)?;
    match u32::try_from(number) {
        Ok(count) if number <= NODES_MAX => Ok(count),
        _ => Err(refused(text, NODES)),
    }
}

/// Parses a whole number. A sign is refused.
pub(super) fn whole(text: &Sourced<String>) -> Result<u64, ContextError> {
    Some(text.value.trim())
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| refused(text, WHOLE_NUMBER))
}

/// Whether a commit is all zeros, which is how git and its servers write that there is none.
pub(super) fn is_zeros(commit: &str) -> bool {
    let commit = commit.trim();
    commit.len() >= 7 && commit.bytes().all(|byte| byte == b'0')
}

/// Parses a commit id and lowers its case. A short id is accepted.
fn commit(text: &Sourced<String>) -> Result<String, ContextError> {
    let digits = text.value.trim();
    if (7..=64).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(digits.to_ascii_lowercase());
    }
    Err(refused(text, COMMIT))
}

/// Parses `INDEX/TOTAL`.
fn node(text: &Sourced<String>) -> Result<Value, ContextError> {
    let part = |text: &str| -> Option<u64> {
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number that is too large for 64 bits is too large for a node.
        is_plain.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (index, total) = text
        .value
        .trim()
        .split_once('/')
        .and_then(|(index, total)| Some((part(index)?, part(total)?)))
        .ok_or_else(|| refused(text, NODE))?;
    if index >= total {
        return Err(refused(text, NODE_INDEX));
    }
    match (u32::try_from(index), u32::try_from(total)) {
        (Ok(index), Ok(total)) if u64::from(total) <= NODES_MAX => Ok(Value::Node { index, total }),
        _ => Err(refused(text, NODE_TOTAL)),
    }
}

/// Parses a value of `BATON_FORK`.
pub(super) fn boolean(text: &Sourced<String>) -> Result<bool, ContextError> {
    match text.value.trim().to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(refused(text, BOOLEAN)),
    }
}

/// Parses the number of a pull request, or a reference that has one. Returns `None` for a text that says that there is none.
pub(super) fn pull_request(text: &Sourced<String>) -> Result<Text, ContextError> {
    if pull_request::is_none(&text.value) {
        return Ok(None);
    }
    let value = pull_request::number(&text.value).ok_or_else(|| refused(text, PULL_REQUEST))?;
    Ok(Some(Sourced {
        value,
        provenance: text.provenance,
    }))
}

/// Checks a project's name. A URL is converted to the name that the same repository has elsewhere, without credentials.
fn project(text: Sourced<String>) -> Result<Sourced<String>, ContextError> {
    let text = name(text)?;
    let given = text.value.as_str();
    if given.contains("://") || given.contains('@') {
        let Some(remote) = Remote::parse(given) else {
            return Err(refused(&text, PROJECT));
        };
        return Ok(text.map(|_| remote.project()));
    }
    let is_plain = !given.chars().any(char::is_control)
        && given
            .split('/')
            .all(|segment| !matches!(segment, "" | "." | ".."));
    match is_plain {
        true => Ok(text),
        false => Err(refused(&text, PROJECT)),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn given(value: &str) -> Sourced<String> {
        Sourced::in_variable("BATON_X", value.to_owned())
    }

    #[test]
    fn numbers() {
        assert_eq!(whole(&given("0")).unwrap(), 0);
        assert_eq!(whole(&given(" 7\n")).unwrap(), 7);
        assert_eq!(whole(&given("18446744073709551615")).unwrap(), u64::MAX);
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
        assert_eq!(commit(&given("ABCDEF0")).unwrap(), "abcdef0");
        assert_eq!(commit(&given(&"f".repeat(64))).unwrap().len(), 64);
        for bad in ["abcdef", &"f".repeat(65), "main", "g123456", "\u{a0}"] {
            assert!(commit(&given(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn nodes_of_a_job() {
        assert_eq!(node(&given("2/8")).unwrap(), Value::Node { index: 2, total: 8 });
        assert_eq!(node(&given("0/1")).unwrap(), Value::Node { index: 0, total: 1 });
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
        let last = Value::Node {
            index: 65_534,
            total: 65_535,
        };
        assert_eq!(node(&given("65534/65535")).unwrap(), last);
        let error = nodes(&given("70000")).unwrap_err().to_string();
        assert_eq!(error, format!("BATON_X is \"70000\", but must be {NODES}"));
    }

    #[test]
    fn a_text_has_no_white_space_at_its_ends() {
        assert_eq!(name(given("feature x")).unwrap().value, "feature x");
        for (blank, wrong) in [
            (" ", "more than white space"),
            ("\u{a0}\u{2003}\t", "more than white space"),
            ("main ", "without white space at its ends"),
            ("\u{a0}main", "without white space at its ends"),
            ("main\r", "without white space at its ends"),
        ] {
            let error = name(given(blank)).unwrap_err().to_string();
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
            assert_eq!(boolean(&given(text)).unwrap(), value);
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

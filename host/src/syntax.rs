//! The syntax of values that become a host, a header or a path of a request.
//!
//! Each value is checked where it is read, and errors have the name that people know it by. Later code relies on the check: a
//! library panics at a line break in a header, and `region = "evil.example/x"` would name another server. A value that may be a
//! secret is not repeated.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::Uri;
use reqwest::Url;

/// RFC 1035, section 2.3.4.
const LABEL_BYTES_MAX: usize = 63;
const HOST_BYTES_MAX: usize = 253;
/// AWS, "AssumeRoleWithWebIdentity", `RoleArn`.
const ARN_BYTES_MAX: usize = 2048;

/// The syntax that a value must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// One label of a host's name: a region.
    Label,
    /// The address of a server: `https://HOST:PORT`, with an optional path.
    Address,
    /// The same, with a query.
    Question,
    /// A value of a header: a key, a token.
    Word,
    /// An account of Azure: the first label of a host's name.
    Account,
    /// One name of a path.
    Name,
    /// A path that follows a host.
    Route,
    /// A role of AWS.
    Arn,
    /// Anything without control characters.
    Text,
}

impl Syntax {
    /// Checks a value. The error is a sentence about `what`.
    pub(crate) fn check(self, what: &str, value: &str) -> Result<(), String> {
        if self.fits(value) {
            return Ok(());
        }
        Err(match self {
            Syntax::Label => format!(
                "{what} is {value:?}, and should have 1 to {LABEL_BYTES_MAX} letters, digits and dashes, none of them a dash at an end"
            ),
            Syntax::Address => format!("{what} is not of the form https://HOST:PORT"),
            Syntax::Question => format!("{what} is not a URL"),
            Syntax::Word => {
                format!("{what} has a line break, a space or another character that no header can have")
            }
            Syntax::Account => {
                format!("{what} is {value:?}, and should have 3 to 24 lower-case letters and digits")
            }
            Syntax::Name => {
                format!("{what} is {value:?}, and should have letters, digits, dots and dashes only")
            }
            Syntax::Route => format!("{what} is {value:?}, and should be a path that begins with a slash"),
            Syntax::Arn => {
                format!("{what} is {value:?}, and should be of the form arn:aws:iam::ACCOUNT:role/NAME")
            }
            Syntax::Text => format!("{what} has a line break or another control character"),
        })
    }

    /// Whether a value has this syntax.
    fn fits(self, value: &str) -> bool {
        let is_visible = |byte: u8| byte.is_ascii_graphic();
        match self {
            Syntax::Label => is_label(value) && !value.contains('_'),
            Syntax::Address => {
                address(value).is_some_and(|uri| uri.query().is_none()) && !value.contains('#')
            }
            Syntax::Question => address(value).is_some(),
            Syntax::Word => !value.is_empty() && value.bytes().all(is_visible),
            Syntax::Account => {
                let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
                (3..=24).contains(&value.len()) && value.bytes().all(is_letter)
            }
            Syntax::Name => {
                let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
                !matches!(value, "" | "." | "..") && value.bytes().all(is_letter)
            }
            Syntax::Route => {
                value.starts_with('/') && value.bytes().all(is_visible) && !value.contains(['\\', '@'])
            }
            Syntax::Arn => {
                let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b":/_+=,.@-".contains(&byte);
                value.starts_with("arn:") && value.len() <= ARN_BYTES_MAX && value.bytes().all(is_letter)
            }
            Syntax::Text => !value.chars().any(char::is_control),
        }
    }
}

/// Whether a text is a label of a host's name. Real servers have `_` in it, although the standard forbids that.
fn is_label(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=LABEL_BYTES_MAX).contains(&text.len())
        && text.bytes().all(is_letter)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Parses the URL of a server. Returns `None` for a URL that two libraries may understand differently: without a host, with a user
/// and a password, with a zone in the address, or with an invalid port.
pub(crate) fn address(text: &str) -> Option<Uri> {
    let is_visible = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    if !text.bytes().all(is_visible) {
        return None;
    }
    let uri: Uri = text.parse().ok()?;
    let authority = uri.authority()?.as_str();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_port = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    let is_sound = matches!(uri.scheme_str(), Some("http" | "https"))
        && !authority.contains('@')
        && is_host(host)
        && port.is_none_or(is_port);
    // One library may take digits for an address, and another one for a name.
    (is_sound && text.parse::<Url>().is_ok()).then_some(uri)
}

fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<Ipv6Addr>().is_ok();
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_name = !name.is_empty() && name.len() <= HOST_BYTES_MAX && name.split('.').all(is_label);
    // `0x7f.1` and `2130706433` are unusual forms of addresses.
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    is_name && (!is_number || name.parse::<Ipv4Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn each_form_takes_what_it_should_and_nothing_else() {
        let long = "x".repeat(64);
        let cases: [(Syntax, &[&str], &[&str]); 9] = [
            (
                Syntax::Label,
                &["us-east-1", "auto", "fr-par", "r1", "US"],
                &[
                    "",
                    "evil.example",
                    "evil.example/x",
                    "a/b",
                    "a@b",
                    "a:1",
                    "a b",
                    "a\n",
                    "a\r\nx: y",
                    "-a",
                    "a-",
                    "ü",
                    "a#",
                    "a?",
                    "..",
                    "a_b",
                    "%2e",
                    &long,
                ],
            ),
            (
                Syntax::Address,
                &[
                    "http://127.0.0.1:9",
                    "https://minio",
                    "https://minio.acme.example:9000/path",
                    "http://[::1]:9",
                    "https://my_host.example",
                    "https://host.",
                ],
                &[
                    "",
                    "http://",
                    "http://:9",
                    "https:///x",
                    "ftp://host",
                    "host:9",
                    "http://user:word@host",
                    "http://host?x",
                    "http://host#x",
                    "http://ho st",
                    "http://host\n",
                    "http://host:0",
                    "http://host:",
                    "http://host:65536",
                    "http://host:9x",
                    "http://[fe80::1%25eth0]:9",
                    "http://[fe80::1%eth0]:9",
                    "http://[::1",
                    "http://::1:9",
                    "http://a..b",
                    "http://-a",
                    "http://host\\@evil",
                    "http://0x7f.1",
                    "http://2130706433",
                    "http://1.2.3",
                    "http://%65vil",
                    "http://ü",
                ],
            ),
            (
                Syntax::Question,
                &["https://host/token?a=b"],
                &["https://host/ x", "x"],
            ),
            (
                Syntax::Word,
                &["AKIA", "a/b+c=", "eyJ.eyJ.sig-_", "?sv=1&sig=a%3D"],
                &["", "a\n", "a\r\nx: y", "a b", "a\t", "ü", "\u{7f}", "a\0"],
            ),
            (
                Syntax::Account,
                &["acme1", "devstoreaccount1"],
                &["", "ab", "Acme", "acme.evil", "acme/x", "acme\n", "a-b", &long],
            ),
            (
                Syntax::Name,
                &["acme.onmicrosoft.com", "7-a_b"],
                &["", ".", "..", "a/b", "a?b", "a\n", "%2e"],
            ),
            (
                Syntax::Route,
                &["/v2/credentials/x?a=b"],
                &["", "x", "@evil/", "/a b", "/a\n", "/x\\y", ".evil"],
            ),
            (
                Syntax::Arn,
                &[
                    "arn:aws:iam::123456789012:role/ci",
                    "arn:aws-cn:iam::1:role/a/b+c=,.@-_",
                ],
                &["", "role", "arn:aws\n", "arn:a b", "arn:ü"],
            ),
            (
                Syntax::Text,
                &["", "a b", "/home/ü/token"],
                &["a\n", "a\0", "\u{1b}[0m"],
            ),
        ];
        for (form, right, wrong) in cases {
            for value in right {
                assert_eq!(form.check("it", value), Ok(()), "{form:?} {value:?}");
            }
            for value in wrong {
                assert!(form.check("it", value).is_err(), "{form:?} {value:?}");
            }
        }
    }

    #[test]
    fn what_may_be_a_secret_is_not_repeated() {
        for form in [Syntax::Address, Syntax::Question, Syntax::Word, Syntax::Text] {
            let told = form.check("it", "hunter2\n").unwrap_err();
            assert!(!told.contains("hunter2"), "{told}");
        }
    }
}

//! Secrets, and URLs that may contain one. Both hide it in `Debug` and `Display`, so that no log or error can show it.

use std::borrow::Cow;
use std::fmt;

/// A token, a key or another text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Returns the text, to send it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Secret {
        Secret(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Secret {
        Secret(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(hidden)")
    }
}

/// A URL that is shown without its user, password, query and fragment. It need not be valid.
#[derive(Clone, PartialEq, Eq)]
pub struct RedactedUrl(String);

impl RedactedUrl {
    /// Returns the whole URL, to send a request to it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for RedactedUrl {
    fn from(url: String) -> RedactedUrl {
        RedactedUrl(url)
    }
}

impl From<&str> for RedactedUrl {
    fn from(url: &str) -> RedactedUrl {
        RedactedUrl(url.to_owned())
    }
}

impl fmt::Debug for RedactedUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&redacted(&self.0), formatter)
    }
}

impl fmt::Display for RedactedUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&redacted(&self.0))
    }
}

/// Returns a text as it may be shown. If it looks like a URL, its user, password, query and fragment are left out, and an
/// ellipsis marks each place.
pub(crate) fn redacted(text: &str) -> Cow<'_, str> {
    let has_scheme = text.contains("://");
    let (shown, cut) = match text.find(['?', '#']) {
        Some(end) if has_scheme => (text.get(..end).unwrap_or_default(), "…"),
        _ => (text, ""),
    };
    let start = shown.find("//").map_or(0, |start| start + 2);
    match shown.rfind('@') {
        // A password may contain an `@` itself. Without a scheme, `user@host:path` has no password.
        Some(end)
            if start <= end && (start > 0 || shown.get(..end).is_some_and(|user| user.contains(':'))) =>
        {
            let (before, after) = (shown.get(..start), shown.get(end..));
            let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
            format!("{before}…{after}{cut}").into()
        }
        _ if cut.is_empty() => text.into(),
        _ => format!("{shown}{cut}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::from("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "(hidden) (hidden)");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn a_url_is_shown_without_its_secrets() {
        for (text, shown) in [
            ("https://host:9000/path", "https://host:9000/path"),
            ("https://user:word@host/x", "https://…@host/x"),
            ("https://t0ken@host/x", "https://…@host/x"),
            ("https://user:wo@rd@host/x", "https://…@host/x"),
            ("https://user:wo/rd@host/x", "https://…@host/x"),
            ("https://host/x?sig=hunter2#hunter2", "https://host/x…"),
            ("https://user:word@host/x?sig=hunter2", "https://…@host/x…"),
            ("user:word@host:x", "…@host:x"),
            ("git@github.com:acme/shop.git", "git@github.com:acme/shop.git"),
            ("is this one?", "is this one?"),
            ("abc", "abc"),
        ] {
            let url = RedactedUrl::from(text);
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), format!("{shown:?}"));
        }
    }
}

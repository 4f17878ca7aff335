//! As much of RFC 3986 as redirects and names in URLs need.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All characters except the unreserved ones (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Returns a name as one part of a URL's path or query: every reserved character is encoded, `/` too.
pub(super) fn encoded(name: &str) -> String {
    utf8_percent_encode(name, RESERVED).to_string()
}

/// Splits an absolute URL into scheme, authority, and the rest without a fragment. The host decides again, with a parser
/// of its own, where a request goes; this one only has to put URLs together.
fn split(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let rest = rest.split('#').next().unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    (!authority.is_empty()).then_some((scheme, authority, path))
}

/// Returns where a redirect leads that `base` answered with. `None` where it leads nowhere, or from TLS to plain text.
pub(super) fn redirected(base: &str, location: &str) -> Option<String> {
    let (scheme, authority, path) = split(base)?;
    let location = location.trim().split('#').next().unwrap_or_default();
    // A URL has these characters and no others (RFC 3986, 2).
    if location.is_empty() || !location.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    if let Some((to, _, _)) = split(location) {
        let plain = match to.to_ascii_lowercase().as_str() {
            "https" => false,
            "http" => true,
            _ => return None,
        };
        return (!plain || scheme == "http").then(|| location.to_owned());
    }
    if let Some(rest) = location.strip_prefix("//") {
        return Some(format!("{scheme}://{rest}"));
    }
    if location.starts_with('/') {
        return Some(format!("{scheme}://{authority}{location}"));
    }
    let path = path.split('?').next().unwrap_or_default();
    if location.starts_with('?') {
        return Some(format!("{scheme}://{authority}{path}{location}"));
    }
    let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
    Some(format!("{scheme}://{authority}{dir}/{location}"))
}

/// Returns a URL without what may be a secret in it: the query, and anything before `@`.
pub(super) fn shown(url: &str) -> String {
    let Some((scheme, authority, path)) = split(url) else {
        return "(no URL)".to_owned();
    };
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    format!("{scheme}://{authority}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_where_a_browser_would_go() {
        let base = "https://a.example/x/y?z=1";
        for (location, expected) in [
            ("https://b.example/q?s=%2F#f", Some("https://b.example/q?s=%2F")),
            ("//b.example/q", Some("https://b.example/q")),
            ("/q", Some("https://a.example/q")),
            ("q", Some("https://a.example/x/q")),
            ("?q", Some("https://a.example/x/y?q")),
            ("", None),
            ("http://b.example/q", None),
            ("ftp://b.example/q", None),
            ("HTTPS://b.example/", Some("HTTPS://b.example/")),
            ("/a\nb", None),
            ("/a b", None),
            ("/ü", None),
            ("https://bücher.example/", None),
        ] {
            assert_eq!(redirected(base, location).as_deref(), expected, "{location:?}");
        }
        assert_eq!(
            redirected("http://a/x", "http://b/").as_deref(),
            Some("http://b/")
        );
        assert_eq!(redirected("no url", "/q"), None);
    }

    #[test]
    fn what_is_shown_has_no_secret() {
        assert_eq!(
            shown("https://u:p@a.example/x?X-Signature=abc#y"),
            "https://a.example/x"
        );
        assert_eq!(shown("https://a.example?token=abc"), "https://a.example");
        assert_eq!(shown("x"), "(no URL)");
    }
}

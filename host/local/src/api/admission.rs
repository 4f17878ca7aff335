//! The check of requests before they are answered: they carry the token, and come from no web page.

use http::{HeaderMap, header};

/// Returns why a request is refused that a page in a browser may have sent. A page of another site that resolves its own
/// name to this machine (DNS rebinding) shows by `Host`, and any script of a page shows by `Origin`. No client of the API
/// sends either.
pub(super) fn from_a_page(headers: &HeaderMap) -> Option<&'static str> {
    let hosts: Vec<_> = headers.get_all(header::HOST).iter().collect();
    let loopback = match hosts.as_slice() {
        [host] => host.to_str().is_ok_and(is_loopback),
        _ => false,
    };
    if !loopback {
        return Some("Host does not name this machine.");
    }
    headers
        .contains_key(header::ORIGIN)
        .then_some("Requests of web pages are refused.")
}

/// Whether the value of `Host` is a name of this machine, with or without a port.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

/// Whether a request has the token in one of the three ways that CircleCI takes.
pub(super) fn presents(headers: &HeaderMap, token: &str) -> bool {
    // The comparison of two hashes takes the same time wherever they differ.
    let is_token = |given: &str| blake3::hash(given.as_bytes()) == blake3::hash(token.as_bytes());
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if text("circle-token").is_some_and(is_token) {
        return true;
    }
    let Some(authorization) = text(header::AUTHORIZATION.as_str()) else {
        return false;
    };
    match authorization.split_once(' ') {
        Some(("Bearer", given)) => is_token(given),
        Some(("Basic", given)) => {
            use base64ct::{Base64, Encoding};
            Base64::decode_vec(given)
                .ok()
                .and_then(|pair| String::from_utf8(pair).ok())
                .is_some_and(|pair| pair.strip_suffix(':').is_some_and(is_token))
        }
        _ => false,
    }
}

//! The answer that one attempt received from the server. The next step depends on it, not on the message of a library's
//! error.

use std::cell::RefCell;
use std::future::Future;
use std::time::Duration;

use super::xml;
use crate::http::{HttpFailure, HttpFailureKind};

/// An error's text is read up to this size.
pub(super) const ERROR_BYTES_MAX: usize = 64 << 10;
/// An answer to a deletion of a thousand keys, each named, is smaller.
pub(super) const BATCH_BYTES_MAX: usize = 16 << 20;

/// The service that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Service {
    /// The store.
    #[default]
    Store,
    /// A service that issues credentials.
    Credentials,
}

/// The last answer that was received.
#[derive(Debug, Clone, Default)]
pub(super) struct Response {
    pub(super) service: Service,
    /// The status, if there was an answer.
    pub(super) status: Option<u16>,
    /// The code of the server's error, for example `SlowDown`.
    pub(super) code: String,
    /// The server's message.
    pub(super) message: String,
    /// The bucket's region, if Amazon gives it.
    pub(super) region: Option<String>,
    /// The pause that the server asks for.
    pub(super) retry_after: Option<Duration>,
    /// The reason why there was no answer, or not all of it.
    pub(super) failure: Option<(HttpFailureKind, String)>,
}

tokio::task_local! {
    static RESPONSE: RefCell<Response>;
}

/// Runs one attempt, and returns its outcome and the last answer that it received.
pub(super) async fn recorded<T>(attempt: impl Future<Output = T>) -> (T, Response) {
    RESPONSE
        .scope(RefCell::default(), async {
            let outcome = attempt.await;
            (outcome, RESPONSE.with(RefCell::take))
        })
        .await
}

/// Records an answer. Outside of an attempt this has no effect.
pub(super) fn record(response: Response) {
    let _ = RESPONSE.try_with(|place| place.replace(response));
}

/// Records that there was no answer, or not all of it.
pub(super) fn record_failure(service: Service, failure: &HttpFailure) {
    let _ = RESPONSE.try_with(|place| {
        let mut response = place.borrow_mut();
        response.service = service;
        response.failure = Some((failure.kind(), failure.to_string()));
    });
}

/// Returns the code and the message of a server's error: XML as Amazon, Google and Microsoft write it.
pub(super) fn error_of(body: &[u8]) -> (String, String) {
    let element = |name: &str| Some(shown(&xml::text_of(body, name)?));
    (
        element("Code").unwrap_or_default(),
        element("Message").unwrap_or_default(),
    )
}

/// Reduces a server's text to one printable line.
fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(300)
        .collect()
}

/// Reads `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
pub(super) fn retry_after(headers: &http::HeaderMap) -> Option<Duration> {
    let value = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(
        date.duration_since(std::time::SystemTime::now())
            .unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn the_errors_of_all_three_are_read() {
        let amazon =
            b"<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Please\nreduce</Message></Error>";
        assert_eq!(
            error_of(amazon),
            ("SlowDown".to_owned(), "Please reduce".to_owned())
        );
        let sts = b"<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredTokenException</Code></Error></ErrorResponse>";
        assert_eq!(error_of(sts).0, "ExpiredTokenException");
        assert_eq!(error_of(b"<html>"), (String::new(), String::new()));
    }

    #[test]
    fn retry_after_has_two_forms() {
        let mut headers = http::HeaderMap::new();
        assert_eq!(retry_after(&headers), None);
        headers.insert("retry-after", "7".parse().unwrap());
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(7)));
        let soon = std::time::SystemTime::now() + Duration::from_secs(60);
        headers.insert("retry-after", httpdate::fmt_http_date(soon).parse().unwrap());
        let seconds = retry_after(&headers).unwrap().as_secs();
        assert!((55..=60).contains(&seconds), "{seconds}");
        headers.insert("retry-after", "soon".parse().unwrap());
        assert_eq!(retry_after(&headers), None);
    }
}

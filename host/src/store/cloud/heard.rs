//! The answer that one attempt received from the server. The next step depends on it, not on the message of a library's
//! error.

use std::cell::RefCell;
use std::future::Future;
use std::time::Duration;

use crate::http::{HttpFailure, HttpFailureKind};

/// An error's text is read up to this size.
pub(super) const ERROR_BYTES_MAX: usize = 64 << 10;
/// An answer to a deletion of a thousand keys, each named, is smaller.
pub(super) const BATCH_BYTES_MAX: usize = 16 << 20;

/// The service that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Asked {
    /// The store.
    #[default]
    Store,
    /// Whoever hands out credentials.
    Credentials,
}

/// The last answer that was received.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    pub(super) asked: Asked,
    /// The status, if there was an answer.
    pub(super) status: Option<u16>,
    /// The code of the server's error, for example `SlowDown`.
    pub(super) code: String,
    /// The server's message.
    pub(super) message: String,
    /// The region of the bucket, if Amazon names it.
    pub(super) region: Option<String>,
    /// When the server wants to be asked again.
    pub(super) retry_after: Option<Duration>,
    /// Why there was no answer, or no end of it.
    pub(super) failure: Option<(HttpFailureKind, String)>,
}

tokio::task_local! {
    static HEARD: RefCell<Heard>;
}

/// Runs one try, and returns with its outcome what it heard.
pub(super) async fn hearing<T>(attempt: impl Future<Output = T>) -> (T, Heard) {
    HEARD
        .scope(RefCell::default(), async {
            let outcome = attempt.await;
            (outcome, HEARD.with(RefCell::take))
        })
        .await
}

/// Notes an answer. Outside of a try nobody asks.
pub(super) fn note(heard: Heard) {
    let _ = HEARD.try_with(|place| place.replace(heard));
}

/// Notes that there was no answer, or no end of it.
pub(super) fn note_failure(asked: Asked, failure: &HttpFailure) {
    let _ = HEARD.try_with(|place| {
        let mut heard = place.borrow_mut();
        heard.asked = asked;
        heard.failure = Some((failure.kind(), failure.to_string()));
    });
}

/// Reads the error that a server wrote: XML as Amazon, Google and Microsoft write it, with `Code` and `Message` somewhere.
pub(super) fn error_of(body: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(body);
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        let (value, _) = rest.split_once(&format!("</{name}>"))?;
        Some(shown(value))
    };
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

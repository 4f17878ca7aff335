//! The header `Content-Range` (RFC 9110, 14.4).

use crate::ports::HttpAnswer;

/// A parsed `Content-Range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ContentRange {
    /// The offset of the first byte. `None` if there are no bytes.
    pub(super) first: Option<u64>,
    /// The length of everything, where the server knows it.
    pub(super) total: Option<u64>,
}

/// Reads `bytes FIRST-LAST/TOTAL` and `bytes */TOTAL`. TOTAL may be `*`.
pub(super) fn content_range<B>(answer: &HttpAnswer<B>) -> Option<ContentRange> {
    let text = answer.header("content-range")?;
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let first = match range {
        "*" => None,
        range => Some(range.split_once('-')?.0.parse().ok()?),
    };
    let total = match total {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    Some(ContentRange { first, total })
}

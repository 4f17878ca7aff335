//! Whether a failed request is tried again, and when. Decides only: `send.rs` does the waiting.

use crate::date::until;

/// Nobody is waited for longer than this at a time, whatever a server says.
const RETRY_AFTER_MS_MAX: u64 = 300_000;
/// The first wait, and the longest, where nobody says how long.
const BACKOFF_MS_MIN: u64 = 500;
const BACKOFF_MS_MAX: u64 = 30_000;

/// The meaning of a status for another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// This is the answer.
    Final,
    /// The server limits requests.
    Limited,
    /// The server is in trouble.
    Busy,
}

/// Judges a status. 501 and 505 stay what they are, however often one asks.
pub(super) fn judge(status: u16) -> Verdict {
    match status {
        429 => Verdict::Limited,
        408 | 425 | 500 | 502 | 503 | 504 | 520..=524 => Verdict::Busy,
        _ => Verdict::Final,
    }
}

/// Returns how long an answer says to wait, in milliseconds. `Retry-After` comes first (RFC 9110, 10.2.3), then the end of
/// the window in `RateLimit-Reset`, then the window that has nothing left: its end is not retry_after, so half of it.
pub(super) fn retry_after_ms(headers: &[(String, String)], now_ms: u64) -> Option<u64> {
    let header = |name: &str| {
        let found = headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.trim())
    };
    let retry_after = header("retry-after").and_then(|value| match value.parse::<u64>() {
        Ok(seconds) => Some(seconds.saturating_mul(1000)),
        Err(_) => until(value, now_ms),
    });
    let reset = || {
        let value: u64 = ["ratelimit-reset", "x-ratelimit-reset"]
            .iter()
            .find_map(|name| header(name)?.parse().ok())?;
        let ms = value.saturating_mul(1000);
        // Some servers give the seconds that are left, others the time.
        Some(if value > 1_000_000_000 {
            ms.saturating_sub(now_ms)
        } else {
            ms
        })
    };
    let window = || {
        let spent = |window: &str| header(&format!("x-ratelimit-remaining-{window}")) == Some("0");
        match () {
            () if spent("minute") => Some(30_000),
            () if spent("second") => Some(1_000),
            () => None,
        }
    };
    let retry_after = retry_after.or_else(reset).or_else(window)?;
    Some(retry_after.min(RETRY_AFTER_MS_MAX))
}

/// Returns how long to wait before the next try, in milliseconds, where nobody said: doubled each time, and of that
/// between half and all, so that many who failed together do not come back together.
pub(super) fn backoff_ms(tries: u32, random: u64) -> u64 {
    let full = BACKOFF_MS_MIN
        .saturating_mul(1 << tries.saturating_sub(1).min(16))
        .min(BACKOFF_MS_MAX);
    full / 2 + random % (full / 2 + 1)
}

/// Returns how long to wait where a server said so: a little longer, since all who were retry_after come back.
pub(super) fn jittered_ms(retry_after: u64, random: u64) -> u64 {
    retry_after + random % (retry_after / 10 + 100)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-01-01T00:00:00Z.
    const NOW_MS: u64 = 1_767_225_600_000;

    fn retry_after(headers: &[(&str, &str)]) -> Option<u64> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        retry_after_ms(&headers.iter().map(owned).collect::<Vec<_>>(), NOW_MS)
    }

    #[test]
    fn a_server_is_believed_up_to_a_cap() {
        assert_eq!(retry_after(&[("retry-after", "7")]), Some(7_000));
        assert_eq!(retry_after(&[("retry-after", "86400")]), Some(RETRY_AFTER_MS_MAX));
        assert_eq!(
            retry_after(&[("retry-after", "Thu, 01 Jan 2026 00:00:09 GMT")]),
            Some(9_000)
        );
        assert_eq!(
            retry_after(&[("retry-after", "Thu, 01 Jan 2015 00:00:09 GMT")]),
            Some(0)
        );
        assert_eq!(retry_after(&[("retry-after", "soon")]), None);
        assert_eq!(retry_after(&[("ratelimit-reset", "12")]), Some(12_000));
        assert_eq!(retry_after(&[("x-ratelimit-reset", "1767225611")]), Some(11_000));
        assert_eq!(retry_after(&[("x-ratelimit-remaining-second", "0")]), Some(1_000));
        assert_eq!(
            retry_after(&[("x-ratelimit-remaining-minute", "0")]),
            Some(30_000)
        );
        assert_eq!(retry_after(&[("x-ratelimit-remaining-minute", "3")]), None);
        assert_eq!(
            retry_after(&[("retry-after", "2"), ("ratelimit-reset", "12")]),
            Some(2_000)
        );
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for status in [200, 301, 400, 401, 403, 404, 410, 416, 501, 505] {
            assert_eq!(judge(status), Verdict::Final, "{status}");
        }
        assert_eq!(judge(429), Verdict::Limited);
        for status in [408, 500, 502, 503, 504] {
            assert_eq!(judge(status), Verdict::Busy, "{status}");
        }
    }

    proptest! {
        #[test]
        fn waits_grow_and_stay_bounded(tries in 1u32..1000, random: u64) {
            let wait = backoff_ms(tries, random);
            prop_assert!((BACKOFF_MS_MIN / 2..=BACKOFF_MS_MAX).contains(&wait));
            prop_assert!(wait <= BACKOFF_MS_MIN << tries.min(6));
        }

        #[test]
        fn nobody_comes_back_before_he_was_told(retry_after in 0u64..=RETRY_AFTER_MS_MAX, random: u64) {
            let wait = jittered_ms(retry_after, random);
            prop_assert!(wait >= retry_after && wait < retry_after + retry_after / 10 + 100);
        }
    }
}

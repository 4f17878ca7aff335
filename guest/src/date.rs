//! Dates as text: RFC 3339 for people and from CircleCI, and the dates of HTTP headers.

use std::time::UNIX_EPOCH;

/// RFC 3339 has four digits for a year.
const YEAR_10000_MS: u64 = 253_402_300_800_000;

/// Returns milliseconds since 1970 as a date that people read.
pub(crate) fn date(ms: u64) -> String {
    let since = std::time::Duration::from_millis(ms.min(YEAR_10000_MS - 1));
    humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + since).to_string()
}

/// Reads a time as CircleCI writes it. 0 where there is none, since it is for show only.
pub(crate) fn time_ms(text: Option<&str>) -> u64 {
    let parsed = text.and_then(|text| humantime::parse_rfc3339_weak(text).ok());
    let since = parsed.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_millis() as u64)
}

/// Returns the milliseconds until a date as HTTP has it: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn until(date: &str, now_ms: u64) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut parts = date.split_once(", ")?.1.split(' ');
    let (day, month, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let text = format!("{year}-{month:02}-{day}T{time}Z");
    let at = humantime::parse_rfc3339(&text).ok()?;
    let at_ms = at.duration_since(UNIX_EPOCH).ok()?.as_millis() as u64;
    Some(at_ms.saturating_sub(now_ms))
}

//! The bytes of an artifact: streamed, checked against the length that the server says, and taken up again where they
//! broke off.

use super::send::{Client, Trouble, trouble};
use super::url;
use crate::error::{Error, Problem, Result, warning};
use crate::ports::{Http, HttpBody, HttpRequest, Method};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// How messages name it.
    pub(super) what: &'a str,
    pub(super) url: &'a str,
    /// Only so many bytes from an offset on, or as many of them as there are.
    pub(super) range: Option<(u64, u64)>,
}

/// How far a download is.
#[derive(Default)]
struct State {
    /// Bytes that were handed on.
    done: u64,
    /// The length of all that is wanted, once a server has said so.
    length: Option<u64>,
    /// Names the version of the bytes, where the server does: another version's must not follow.
    etag: Option<String>,
}

/// Hands on bytes, with their offset from the start of what is wanted. Where a server cannot take up a download again,
/// the offset goes back to 0. Returns how many there were.
pub(super) fn download<H: Http>(
    client: &Client<'_, H>,
    wanted: Wanted<'_>,
    take: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
) -> Result<u64> {
    let mut state = State::default();
    let done = client.patiently(wanted.what, wanted.url, || {
        let before = state.done;
        attempt(client, wanted, &mut state, take).map_err(|error| match error {
            Trouble::Again {
                why,
                told_ms,
                limited,
                ..
            } => Trouble::Again {
                why,
                told_ms,
                limited,
                progressed: state.done > before,
            },
            Trouble::Over(error) => Trouble::Over(expired(error, wanted)),
        })
    });
    done.map(|()| state.done)
}

/// Returns the size of an artifact in bytes.
pub(super) fn size<H: Http>(client: &Client<'_, H>, what: &str, url: &str) -> Result<u64> {
    let request = HttpRequest {
        method: Method::Get,
        url: url.to_owned(),
        headers: vec![("range", "bytes=0-0".to_owned())],
        body: None,
    };
    client.patiently(what, url, || {
        let (answer, from) = client.ask(what, &request).map_err(|error| match error {
            Trouble::Over(error) => Trouble::Over(expired(
                error,
                Wanted {
                    what,
                    url,
                    range: None,
                },
            )),
            again => again,
        })?;
        let said = match answer.status {
            416 => Some(0),
            206 => answer
                .header("content-range")
                .and_then(content_range)
                .map(|(_, total)| total),
            _ => answer.header("content-length").and_then(|text| text.parse().ok()),
        };
        said.ok_or_else(|| {
            let message = format!("{what} could not be read: the server does not say its size");
            Error::Store(warning("api-answer", message, &url::shown(&from))).into()
        })
    })
}

fn attempt<H: Http>(
    client: &Client<'_, H>,
    wanted: Wanted<'_>,
    state: &mut State,
    take: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
) -> Result<(), Trouble> {
    let start = wanted.range.map_or(0, |(offset, _)| offset);
    let asked = start + state.done;
    let mut headers = Vec::new();
    match wanted.range {
        Some((offset, length)) => {
            let last = offset.saturating_add(length).saturating_sub(1);
            headers.push(("range", format!("bytes={asked}-{last}")));
        }
        // RFC 9110 has no range without a first byte, and none is needed for the first try.
        None if state.done > 0 => headers.push(("range", format!("bytes={asked}-"))),
        None => {}
    }
    if state.done > 0
        && let Some(etag) = &state.etag
    {
        headers.push(("if-range", etag.clone()));
    }
    let request = HttpRequest {
        method: Method::Get,
        url: wanted.url.to_owned(),
        headers,
        body: None,
    };
    let (answer, from) = client.ask(wanted.what, &request)?;
    if answer.status == 416 {
        return Ok(());
    }
    let announced = answer
        .header("content-length")
        .and_then(|text| text.parse::<u64>().ok());
    // A server may answer a range with everything, and must then be read up to it.
    let mut skip = 0;
    if answer.status == 206 {
        let begins = answer.header("content-range").and_then(content_range);
        if begins.is_some_and(|(first, _)| first != asked) {
            let message = format!(
                "{} could not be read: the server sends another range",
                wanted.what
            );
            return Err(Error::Store(warning("api-answer", message, &url::shown(&from))).into());
        }
    } else {
        state.done = 0;
        skip = start;
    }
    let whole = announced.map(|length| match answer.status {
        206 => state.done + length,
        _ => length.saturating_sub(start),
    });
    let limit = wanted.range.map_or(u64::MAX, |(_, length)| length);
    let length = whole.map(|whole| whole.min(limit));
    let etag = answer.header("etag").filter(|etag| !etag.starts_with("W/"));
    if state.length.is_some() && length.is_some() && state.length != length {
        let message = format!("{} changed while it was read", wanted.what);
        return Err(Error::Store(warning("artifact-changed", message, &url::shown(&from))).into());
    }
    state.length = length.or(state.length);
    state.etag = etag.map(str::to_owned).or(state.etag.take());
    let mut body = answer.body;
    while state.done < limit {
        let Some(piece) = body.next().map_err(|failure| trouble(failure, &from))? else {
            break;
        };
        let drop = skip.min(piece.len() as u64);
        skip -= drop;
        let piece = piece.get(drop as usize..).unwrap_or_default();
        let keep = (limit - state.done).min(piece.len() as u64) as usize;
        let piece = piece.get(..keep).unwrap_or_default();
        take(state.done, piece)?;
        state.done += piece.len() as u64;
    }
    match state.length {
        // wasi:http does not compare them, and a truncated file must not look complete.
        Some(length) if state.done != length => Err(Trouble::Again {
            why: format!("the transfer broke off after {} of {length} bytes", state.done),
            told_ms: None,
            limited: false,
            progressed: false,
        }),
        _ => Ok(()),
    }
}

/// An artifact that is listed and not there has expired: CircleCI keeps artifacts for 30 days at most.
fn expired(error: Error, wanted: Wanted<'_>) -> Error {
    match error {
        Error::Store(problem) if problem.code == "api-not-found" => Error::Store(Problem {
            code: "artifact-expired".into(),
            message: format!(
                "{} is listed, and not there any more: artifacts expire after at most 30 days",
                wanted.what
            ),
            ..problem
        }),
        other => other,
    }
}

/// Reads `bytes FIRST-LAST/TOTAL`. Returns first and total.
fn content_range(text: &str) -> Option<(u64, u64)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.parse().ok()?, total.parse().ok()?))
}

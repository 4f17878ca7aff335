//! The bytes of an artifact: streamed, checked against the length that the server says, and taken up again where they
//! broke off.

use super::content_range::content_range;
use super::send::{AttemptError, Client, attempt_error};
use super::url;
use crate::error::{Error, Problem, Result, warning};
use crate::ports::{Http, HttpAnswer, HttpBody, HttpRequest, Method};

/// No artifact is larger: CircleCI stores files of at most 3 GB.
const ARTIFACT_BYTES_MAX: u64 = 4 << 30;
/// The most times that one download starts over, and the most times that it is resumed.
const RESTARTS_MAX: u32 = 5;
const TRIES_MAX: u32 = 100;
/// Fewer bytes than this in each second, for as long as one request may take, count as a server that fell silent.
const BYTES_PER_SECOND_MIN: u64 = 16 << 10;

/// The bytes that are asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// Its name in messages.
    pub(super) what: &'a str,
    pub(super) url: &'a str,
    /// Only so many bytes from an offset on, or as many of them as there are.
    pub(super) range: Option<(u64, u64)>,
}

/// One step of a download, for its receiver.
pub(super) enum Received<'a> {
    /// The download starts over: bytes received before are not part of it.
    Anew,
    /// Bytes, which follow those before.
    Piece(u64, &'a [u8]),
}

/// The state of a download.
#[derive(Default)]
struct State {
    /// Bytes that were handed on.
    done: u64,
    /// The most that `done` has been: only more than that is progress.
    furthest: u64,
    /// The length of all that is wanted, once a server has said so.
    length: Option<u64>,
    /// Names the version of the bytes, where the server does: another version's must not follow.
    etag: Option<String>,
    tries: u32,
    restarts: u32,
}

/// The position of an answer's bytes in the file.
struct Part {
    /// So many bytes come before what is wanted, and are left out.
    skip: u64,
    /// The length of all that is wanted, where the server says it.
    length: Option<u64>,
    /// Whether they do not follow what was handed on.
    anew: bool,
}

/// Hands on bytes, with their offset from the start of what is wanted. Returns how many there were.
pub(super) fn download<H: Http>(
    client: &Client<'_, H>,
    wanted: Wanted<'_>,
    take: &mut dyn FnMut(Received<'_>) -> Result<()>,
) -> Result<u64> {
    let mut state = State::default();
    let done = client.with_retries(wanted.what, wanted.url, |deadline_ms| {
        let before = state.furthest;
        state.tries += 1;
        let ended = attempt(client, wanted, &mut state, deadline_ms, take);
        state.furthest = state.furthest.max(state.done);
        ended.map_err(|error| match error {
            AttemptError::Retry { why, .. } if state.tries == TRIES_MAX => {
                let message = format!(
                    "cannot read {}: the transfer was interrupted {TRIES_MAX} times",
                    wanted.what
                );
                let shown = url::shown(wanted.url);
                AttemptError::Fatal(Error::Store(warning("api-unavailable", message, &shown)).because(why))
            }
            AttemptError::Retry {
                why,
                retry_after_ms,
                limited,
                ..
            } => AttemptError::Retry {
                why,
                retry_after_ms,
                limited,
                progressed: state.furthest > before,
            },
            AttemptError::Fatal(error) => AttemptError::Fatal(expired(error, wanted)),
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
    client.with_retries(what, url, |deadline_ms| {
        let (answer, from) = client
            .ask(what, &request, deadline_ms)
            .map_err(|error| match error {
                AttemptError::Fatal(error) => AttemptError::Fatal(expired(
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
            // Of nothing there is no first byte.
            416 => Some(0).filter(|_| content_range(&answer).is_none_or(|it| it.total == Some(0))),
            206 => content_range(&answer).and_then(|it| it.total),
            _ => answer.header("content-length").and_then(|text| text.parse().ok()),
        };
        said.ok_or_else(|| {
            let message = format!("cannot read {what}: the server does not say its size");
            Error::Store(warning("api-answer", message, &url::shown(&from))).into()
        })
    })
}

fn attempt<H: Http>(
    client: &Client<'_, H>,
    wanted: Wanted<'_>,
    state: &mut State,
    deadline_ms: u64,
    take: &mut dyn FnMut(Received<'_>) -> Result<()>,
) -> Result<(), AttemptError> {
    if state.done > 0 && state.length == Some(state.done) {
        return Ok(());
    }
    let request = request(wanted, state);
    let (answer, from) = client.ask(wanted.what, &request, deadline_ms)?;
    if answer.status == 416 {
        return behind_the_end(wanted, state, &answer, &from);
    }
    let etag = answer.header("etag").filter(|etag| !etag.starts_with("W/"));
    let other = matches!((&state.etag, etag), (Some(old), Some(new)) if old != new);
    let etag = etag.map(str::to_owned);
    let part = place(wanted, state, other, &answer, &from)?;
    if part.anew && state.done > 0 {
        begin_anew(wanted, state, take, &from)?;
        // The rest of another version is of no use: all of it is asked for.
        if answer.status == 206 {
            return Err(again(
                "the server does not resume the interrupted transfer".to_owned(),
            ));
        }
    }
    if !other && state.length.is_some() && part.length.is_some() && state.length != part.length {
        return Err(changed(wanted, &from).into());
    }
    state.length = if other {
        part.length
    } else {
        part.length.or(state.length)
    };
    state.etag = etag.or(state.etag.take());
    hand_on(client, wanted, state, part.skip, (answer.body, &from), take)
}

/// Returns what is asked for by the next try.
fn request(wanted: Wanted<'_>, state: &State) -> HttpRequest {
    let asked = wanted.range.map_or(0, |(offset, _)| offset) + state.done;
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
    HttpRequest {
        method: Method::Get,
        url: wanted.url.to_owned(),
        headers,
        body: None,
    }
}

/// Judges an answer that there are no bytes from here on: that is the end only where the server says a length which is
/// reached, or has said it before.
fn behind_the_end<B>(
    wanted: Wanted<'_>,
    state: &State,
    answer: &HttpAnswer<B>,
    from: &str,
) -> Result<(), AttemptError> {
    let start = wanted.range.map_or(0, |(offset, _)| offset);
    let total = content_range(answer).and_then(|it| it.total);
    let reached = match (total, state.length) {
        (Some(total), _) => total == start + state.done || (state.done == 0 && total < start),
        (None, Some(length)) => length == state.done,
        (None, None) => false,
    };
    if reached {
        return Ok(());
    }
    Err(changed(wanted, from).into())
}

/// Returns where the bytes of an answer belong, by what its head says.
fn place<B>(
    wanted: Wanted<'_>,
    state: &State,
    other: bool,
    answer: &HttpAnswer<B>,
    from: &str,
) -> Result<Part, AttemptError> {
    let (start, limit) = wanted.range.unwrap_or((0, u64::MAX));
    let announced = answer
        .header("content-length")
        .and_then(|text| text.parse::<u64>().ok());
    let (total, part) = if answer.status == 206 {
        let range = content_range(answer);
        let follows = range.is_some_and(|it| it.first == Some(start + state.done));
        if !follows && state.done == 0 {
            let message = format!("cannot read {}: the server sends another range", wanted.what);
            return Err(Error::Store(warning("api-answer", message, &url::shown(from))).into());
        }
        let total = range.and_then(|it| it.total);
        let length = match (total, announced) {
            (Some(total), _) => Some(total.saturating_sub(start)),
            (None, Some(announced)) => state.done.checked_add(announced),
            (None, None) => None,
        };
        let anew = !follows || other;
        (
            total,
            Part {
                skip: 0,
                length,
                anew,
            },
        )
    } else {
        // A server may answer a range with everything, and must then be read up to it.
        let length = announced.map(|length| length.saturating_sub(start));
        (
            announced,
            Part {
                skip: start,
                length,
                anew: true,
            },
        )
    };
    if total
        .or(part.length)
        .is_some_and(|total| total > ARTIFACT_BYTES_MAX)
    {
        return Err(too_large(wanted, from).into());
    }
    let length = part.length.map(|length| length.min(limit));
    Ok(Part { length, ..part })
}

/// Forgets what was handed on.
fn begin_anew(
    wanted: Wanted<'_>,
    state: &mut State,
    take: &mut dyn FnMut(Received<'_>) -> Result<()>,
    from: &str,
) -> Result<(), AttemptError> {
    state.restarts += 1;
    if state.restarts > RESTARTS_MAX {
        let message = format!(
            "cannot read {}: the transfer was interrupted, and started over, {RESTARTS_MAX} times",
            wanted.what
        );
        return Err(Error::Store(warning("api-unavailable", message, &url::shown(from))).into());
    }
    state.furthest = state.furthest.max(state.done);
    state.done = 0;
    take(Received::Anew)?;
    Ok(())
}

/// Hands on the bytes of an answer as they come, and sees whether all have come.
fn hand_on<H: Http>(
    client: &Client<'_, H>,
    wanted: Wanted<'_>,
    state: &mut State,
    mut skip: u64,
    (mut body, from): (H::Body, &str),
    take: &mut dyn FnMut(Received<'_>) -> Result<()>,
) -> Result<(), AttemptError> {
    let limit = wanted.range.map_or(u64::MAX, |(_, length)| length);
    let patience_ms = client.source.patience_ms;
    let least = patience_ms.saturating_mul(BYTES_PER_SECOND_MIN) / 1000;
    let (mut since_ms, mut came) = (client.http.now_ms(), 0);
    while state.done < limit {
        let Some(piece) = body.next().map_err(|failure| attempt_error(failure, from))? else {
            break;
        };
        came += piece.len() as u64;
        let drop = skip.min(piece.len() as u64);
        skip -= drop;
        let piece = piece.get(drop as usize..).unwrap_or_default();
        let keep = (limit - state.done).min(piece.len() as u64) as usize;
        let piece = piece.get(..keep).unwrap_or_default();
        let end = state.done + piece.len() as u64;
        if end > ARTIFACT_BYTES_MAX {
            return Err(too_large(wanted, from).into());
        }
        if state.length.is_some_and(|length| end > length) {
            return Err(changed(wanted, from).into());
        }
        take(Received::Piece(state.done, piece))?;
        state.done = end;
        let now_ms = client.http.now_ms();
        if now_ms.saturating_sub(since_ms) >= patience_ms && state.length != Some(end) {
            if came < least {
                return Err(again(format!(
                    "only {came} bytes arrived in {} s",
                    patience_ms / 1000
                )));
            }
            (since_ms, came) = (now_ms, 0);
        }
    }
    match state.length {
        // wasi:http does not compare them, and a truncated file must not look complete.
        Some(length) if state.done != length => Err(again(format!(
            "the transfer was interrupted after {} of {length} bytes",
            state.done
        ))),
        _ => Ok(()),
    }
}

fn again(why: String) -> AttemptError {
    AttemptError::Retry {
        why,
        retry_after_ms: None,
        limited: false,
        progressed: false,
    }
}

fn changed(wanted: Wanted<'_>, from: &str) -> Error {
    let message = format!("{} changed while it was read", wanted.what);
    Error::Store(warning("artifact-changed", message, &url::shown(from)))
}

fn too_large(wanted: Wanted<'_>, from: &str) -> Error {
    let message = format!(
        "{} has more than {} GiB, more than CircleCI stores",
        wanted.what,
        ARTIFACT_BYTES_MAX >> 30
    );
    Error::limit("artifact-too-large", message, &url::shown(from))
}

/// Returns the error for an artifact that is listed and missing: CircleCI keeps artifacts for 30 days at most.
fn expired(error: Error, wanted: Wanted<'_>) -> Error {
    match error {
        Error::Store(problem) if problem.code == "api-not-found" => Error::Store(Problem {
            code: "artifact-expired".into(),
            message: format!(
                "{} is listed, but no longer exists: artifacts expire after at most 30 days",
                wanted.what
            ),
            ..problem
        }),
        other => other,
    }
}

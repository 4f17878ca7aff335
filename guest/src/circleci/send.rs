//! Sends requests with patience: follows redirects, waits where a server says so or is in attempt_error, and says what
//! became of it in the user's words.

use super::retry::{self, Verdict};
use super::source::Source;
use super::url;
use crate::error::{Error, Result, warning};
use crate::ports::{Http, HttpAnswer, HttpBody, HttpFailure, HttpRequest, Method};

/// As browsers and curl have it, but fewer: CircleCI's artifacts need one.
const REDIRECTS_MAX: usize = 5;
/// As much of an answer that is an error is read.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// One CircleCI, and who carries the requests.
pub(super) struct Client<'a, H> {
    pub(super) http: &'a H,
    pub(super) source: &'a Source,
}

/// Why an attempt did not succeed.
pub(super) enum AttemptError {
    /// Another one may.
    Retry {
        why: String,
        retry_after_ms: Option<u64>,
        limited: bool,
        /// Whether this one got further than the one before: then the time limit starts again.
        progressed: bool,
    },
    /// No other will.
    Fatal(Error),
}

impl From<Error> for AttemptError {
    fn from(error: Error) -> AttemptError {
        AttemptError::Fatal(error)
    }
}

impl<H: Http> Client<'_, H> {
    /// Repeats an attempt until one succeeds, or its time is used up. An attempt is given the end of that time, in
    /// milliseconds as the port's clock has them. `what` completes "cannot read …".
    pub(super) fn with_retries<T>(
        &self,
        what: &str,
        url: &str,
        mut attempt: impl FnMut(u64) -> Result<T, AttemptError>,
    ) -> Result<T> {
        let mut started = self.http.now_ms();
        let mut tries = 0;
        loop {
            let (why, retry_after_ms, limited) =
                match attempt(started.saturating_add(self.source.patience_ms)) {
                    Ok(done) => return Ok(done),
                    Err(AttemptError::Fatal(error)) => return Err(error),
                    Err(AttemptError::Retry {
                        why,
                        retry_after_ms,
                        limited,
                        progressed,
                    }) => {
                        if progressed {
                            (started, tries) = (self.http.now_ms(), 0);
                        }
                        (why, retry_after_ms, limited)
                    }
                };
            tries += 1;
            let spent = self.http.now_ms().saturating_sub(started);
            let left = self.source.patience_ms.saturating_sub(spent);
            let random = self.http.random();
            let wait = match retry_after_ms {
                Some(retry_after) => retry::jittered_ms(retry_after, random),
                None => retry::backoff_ms(tries, random),
            };
            // A server that says to wait no time at all must not be asked for ever.
            if wait > left || left == 0 {
                return Err(exhausted(what, url, tries, spent, limited).because(&why).because(
                    match retry_after_ms {
                        Some(retry_after) => format!(
                            "the server says to wait {} s, and {} s are left",
                            retry_after.div_ceil(1000),
                            left / 1000
                        ),
                        None => format!("the time limit is {} s", self.source.patience_ms / 1000),
                    },
                ));
            }
            self.http.wait(wait, &format!("{what}: {why}"));
        }
    }

    /// Sends one request, and follows redirects. Returns the answer, and the URL that gave it.
    pub(super) fn follow(
        &self,
        request: &HttpRequest,
        deadline_ms: u64,
    ) -> Result<(HttpAnswer<H::Body>, String), AttemptError> {
        let mut request = request.clone();
        for hop in 0..=REDIRECTS_MAX {
            if hop > 0 && self.http.now_ms() >= deadline_ms {
                return Err(late("the redirects took too long"));
            }
            let answer = self
                .http
                .send(&request)
                .map_err(|failure| attempt_error(failure, &request.url))?;
            if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
                return Ok((answer, request.url));
            }
            let refused = |why: &str| {
                let message = format!("the server redirected the request, and {why}");
                Error::Store(warning("redirect-refused", message, &url::shown(&request.url)))
            };
            if request.method == Method::Post {
                return Err(refused("a change is never redirected").into());
            }
            let location = answer.header("location").unwrap_or_default();
            let to = url::redirected(&request.url, location);
            request.url = to.ok_or_else(|| refused("the target is not allowed"))?;
        }
        let message = format!("the server redirected the request more than {REDIRECTS_MAX} times");
        let shown = url::shown(&request.url);
        Err(Error::Store(warning("too-many-redirects", message, &shown)).into())
    }

    /// Sends one request, and judges the status: what is not 2xx is trouble.
    pub(super) fn ask(
        &self,
        what: &str,
        request: &HttpRequest,
        deadline_ms: u64,
    ) -> Result<(HttpAnswer<H::Body>, String), AttemptError> {
        let (mut answer, from) = self.follow(request, deadline_ms)?;
        let verdict = retry::judge(answer.status);
        // A range that begins after the end has no bytes: an answer like any other.
        let behind = answer.status == 416 && request.headers.iter().any(|(name, _)| *name == "range");
        if behind || (200..300).contains(&answer.status) {
            return Ok((answer, from));
        }
        let retry_after_ms = retry::retry_after_ms(&answer.headers, self.http.now_ms());
        let message = self.message(&mut answer.body, deadline_ms);
        match verdict {
            Verdict::Final => Err(self.refused(what, answer.status, &message, &from).into()),
            verdict => Err(AttemptError::Retry {
                why: format!("the server answers {}{message}", answer.status),
                retry_after_ms,
                limited: verdict == Verdict::Limited,
                progressed: false,
            }),
        }
    }

    /// Returns the message in an answer, with a colon before it, or nothing.
    fn message(&self, body: &mut impl HttpBody, deadline_ms: u64) -> String {
        #[derive(serde::Deserialize)]
        struct Message {
            message: String,
        }
        let mut bytes = Vec::new();
        // An error whose text breaks off is still that error.
        while let Ok(Some(piece)) = body.next() {
            bytes.extend_from_slice(&piece);
            if bytes.len() > MESSAGE_BYTES_MAX || self.http.now_ms() >= deadline_ms {
                return String::new();
            }
        }
        match serde_json::from_slice::<Message>(&bytes) {
            Ok(Message { message }) if !message.is_empty() => {
                format!(": {}", message.chars().take(200).collect::<String>())
            }
            _ => String::new(),
        }
    }

    /// Returns the error for an answer that is final.
    fn refused(&self, what: &str, status: u16, message: &str, from: &str) -> Error {
        let Source {
            token_variable,
            has_token,
            ..
        } = self.source;
        let (code, why) = match (status, has_token) {
            (401, true) => (
                "api-unauthorized",
                format!("the token in {token_variable} is not accepted"),
            ),
            (401, false) => (
                "api-unauthorized",
                format!("it needs a token, and {token_variable} is not set"),
            ),
            (403, true) => (
                "api-forbidden",
                format!("the owner of the token in {token_variable} is not allowed to do that"),
            ),
            (403, false) => (
                "api-forbidden",
                format!("it is forbidden without a token, and {token_variable} is not set"),
            ),
            (404 | 410, true) => (
                "api-not-found",
                format!("it does not exist, or the owner of the token in {token_variable} cannot see it"),
            ),
            (404 | 410, false) => (
                "api-not-found",
                format!(
                    "it does not exist, or cannot be seen without a token, and {token_variable} is not set"
                ),
            ),
            _ => ("api-answer", "the server refuses the request".to_owned()),
        };
        let text = format!("cannot read {what}: {why} ({status})");
        let error = Error::Store(warning(code, text, &url::shown(from)));
        match message.strip_prefix(": ") {
            Some(message) => error.because(message),
            None => error,
        }
    }
}

/// Returns what a failure means for another try.
pub(super) fn attempt_error(failure: HttpFailure, at: &str) -> AttemptError {
    match failure {
        HttpFailure::Transient(why) => AttemptError::Retry {
            why,
            retry_after_ms: None,
            limited: false,
            progressed: false,
        },
        HttpFailure::Denied(why) => {
            AttemptError::Fatal(Error::invalid("egress-denied", why, &url::shown(at)))
        }
        HttpFailure::Final(why) => {
            let message = "the server cannot be reached";
            AttemptError::Fatal(
                Error::Store(warning("api-unreachable", message, &url::shown(at))).because(why),
            )
        }
    }
}

/// Says that an attempt took all the time that there was.
pub(super) fn late(why: &str) -> AttemptError {
    AttemptError::Retry {
        why: why.to_owned(),
        retry_after_ms: None,
        limited: false,
        progressed: false,
    }
}

fn exhausted(what: &str, at: &str, tries: u32, spent_ms: u64, limited: bool) -> Error {
    let times = if tries == 1 {
        "1 try".to_owned()
    } else {
        format!("{tries} tries")
    };
    let spent = format!("{times} in {:.1} s", spent_ms as f64 / 1000.0);
    let (code, message) = match limited {
        true => (
            "api-limited",
            format!("cannot read {what}: the server limits requests; {spent}"),
        ),
        false => ("api-unavailable", format!("cannot read {what}: {spent}")),
    };
    Error::Store(warning(code, message, &url::shown(at)))
}

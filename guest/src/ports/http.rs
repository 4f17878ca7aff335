//! HTTP, without redirects and retries.

use crate::error::Result;

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Read. Can be repeated.
    Get,
    /// Read all but the bytes. Can be repeated.
    Head,
    /// Change something.
    Post,
}

/// One request. It has no token: the host adds one where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// Absolute: `https://` or `http://`.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Option<Vec<u8>>,
}

/// The head of an answer, and its body still to be read.
#[derive(Debug)]
pub struct HttpAnswer<B> {
    /// For example 200.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Dropping it ends the transfer.
    pub body: B,
}

impl<B> HttpAnswer<B> {
    /// Returns the first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Why a request has no answer, or an answer no end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpFailure {
    /// The host does not let this run ask that server.
    Denied(String),
    /// The network, or a server that is busy: another try may do better.
    Transient(String),
    /// No further try will do better: an unknown name, a wrong certificate.
    Final(String),
}

impl HttpFailure {
    /// Returns what happened, in a few words.
    pub fn why(&self) -> &str {
        match self {
            HttpFailure::Denied(why) | HttpFailure::Transient(why) | HttpFailure::Final(why) => why,
        }
    }
}

/// The servers that the host lets this run ask, and what patience with them needs. Follows no redirect, tries nothing
/// twice: that is the caller's to decide.
pub trait Http {
    /// The bytes of an answer.
    type Body: HttpBody;

    /// Sends a request, and returns when the head of the answer has arrived.
    fn send(&self, request: &HttpRequest) -> Result<HttpAnswer<Self::Body>, HttpFailure>;

    /// Waits so many milliseconds, and lets the user know why.
    fn wait(&self, ms: u64, why: &str);

    /// Returns the time in milliseconds since 1970. Never goes back, whatever happens to the machine's clock.
    fn now_ms(&self) -> u64;

    /// Returns any number, another one each time.
    fn random(&self) -> u64;
}

impl<H: Http> Http for &H {
    type Body = H::Body;

    fn send(&self, request: &HttpRequest) -> Result<HttpAnswer<H::Body>, HttpFailure> {
        (*self).send(request)
    }

    fn wait(&self, ms: u64, why: &str) {
        (*self).wait(ms, why);
    }

    fn now_ms(&self) -> u64 {
        (*self).now_ms()
    }

    fn random(&self) -> u64 {
        (*self).random()
    }
}

/// The body of an answer, read from front to back.
pub trait HttpBody {
    /// Returns the next bytes, at most 1 MiB, or `None` after the last.
    fn next(&mut self) -> Result<Option<Vec<u8>>, HttpFailure>;
}

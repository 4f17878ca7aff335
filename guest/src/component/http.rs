//! The port for HTTP: which failure means what.

use std::time::{Duration, Instant, SystemTime};

use wasip2::http::types::{self, ErrorCode};

use super::imports::waiting;
use super::wasi_http::{self, Body};
use crate::circleci::split_url;
use crate::ports::{Http, HttpAnswer, HttpBody, HttpFailure, HttpRequest, Method};

/// The most bytes of a body that are read at a time.
const PIECE_BYTES: u64 = 1 << 20;

/// The servers that the host lets this run ask.
pub(super) struct Granted {
    /// The machine's clock may be set while a run waits; this one only goes forward.
    began: Instant,
    began_ms: u64,
}

impl Granted {
    pub(super) fn new() -> Granted {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Granted {
            began: Instant::now(),
            began_ms: now.unwrap_or(Duration::ZERO).as_millis() as u64,
        }
    }
}

impl Http for Granted {
    type Body = Body;

    fn send(&self, request: &HttpRequest) -> Result<HttpAnswer<Body>, HttpFailure> {
        let method = match request.method {
            Method::Get => types::Method::Get,
            Method::Head => types::Method::Head,
            Method::Post => types::Method::Post,
        };
        let url =
            split_url(&request.url).ok_or_else(|| HttpFailure::Final("the URL is not valid".to_owned()))?;
        let headers: Vec<(&str, &str)> = request
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let body = request.body.as_deref().unwrap_or_default();
        let response = wasi_http::send(&method, url, &headers, body).map_err(|code| failure(&code))?;
        Ok(HttpAnswer {
            status: response.status,
            headers: response.headers,
            body: response.body,
        })
    }

    fn wait(&self, ms: u64, why: &str) {
        waiting::wait(ms, why);
    }

    fn now_ms(&self) -> u64 {
        self.began_ms + self.began.elapsed().as_millis() as u64
    }

    fn random(&self) -> u64 {
        wasip2::random::random::get_random_u64()
    }
}

impl HttpBody for Body {
    fn next(&mut self) -> Result<Option<Vec<u8>>, HttpFailure> {
        self.read(PIECE_BYTES)
            .map_err(|_| HttpFailure::Transient("the connection was interrupted".to_owned()))
    }
}

/// Says what a failure means for another try.
fn failure(code: &ErrorCode) -> HttpFailure {
    let transient = |why: &str| HttpFailure::Transient(why.to_owned());
    let last = |why: &str| HttpFailure::Final(why.to_owned());
    match code {
        ErrorCode::HttpRequestDenied => HttpFailure::Denied(
            "requests to this server are not allowed: only the API, the hosts of its artifacts, and their redirects are".to_owned(),
        ),
        ErrorCode::DestinationIpProhibited => HttpFailure::Denied(
            "requests to this address are not allowed: it is of this machine, link-local, or of a cloud's metadata"
                .to_owned(),
        ),
        ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => last("its name does not resolve"),
        ErrorCode::TlsCertificateError => last("its certificate is not trusted"),
        ErrorCode::TlsProtocolError | ErrorCode::TlsAlertReceived(_) => last("the TLS protocol failed"),
        ErrorCode::HttpRequestUriInvalid | ErrorCode::HttpProtocolError => last("the request is not valid"),
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::HttpResponseTimeout => transient("it took too long"),
        ErrorCode::ConnectionRefused => transient("the connection was refused"),
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => {
            transient("the connection was interrupted")
        }
        ErrorCode::InternalError(Some(why)) => transient(why),
        other => transient(&format!("{other:?}")),
    }
}

//! The port for HTTP, on `wasi:http` by way of waki: the only file that names it.

use std::time::{Duration, Instant, SystemTime};

use waki::ErrorCode;

use super::imports::waiting;
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

/// The body of an answer.
pub(super) struct Body(waki::Response);

impl Http for Granted {
    type Body = Body;

    fn send(&self, request: &HttpRequest) -> Result<HttpAnswer<Body>, HttpFailure> {
        let method = match request.method {
            Method::Get => waki::Method::Get,
            Method::Head => waki::Method::Head,
            Method::Post => waki::Method::Post,
        };
        let mut builder = waki::RequestBuilder::new(method, &request.url);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value.as_str());
        }
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        let response = builder
            .send()
            .map_err(|error| match error.downcast_ref::<ErrorCode>() {
                Some(code) => failure(code),
                None => HttpFailure::Final(error.to_string()),
            })?;
        let header = |(name, value): (&waki::header::HeaderName, &waki::header::HeaderValue)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        };
        Ok(HttpAnswer {
            status: response.status_code(),
            headers: response.headers().iter().map(header).collect(),
            body: Body(response),
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
        // An empty piece says that there is none yet: another try waits for it.
        loop {
            match self.0.chunk(PIECE_BYTES) {
                Ok(Some(piece)) if piece.is_empty() => {}
                Ok(piece) => return Ok(piece),
                Err(_) => {
                    return Err(HttpFailure::Transient(
                        "the connection was interrupted".to_owned(),
                    ));
                }
            }
        }
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

//! One request through `wasi:http`, without redirects and retries. The only file of the component that names it; the hostile
//! component of the tests includes it.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{ErrorCode, Fields, IncomingBody, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::streams::{InputStream, StreamError};

/// `wasi:io` accepts this many bytes in one call that waits.
const WRITE_BYTES_MAX: usize = 4096;

/// A response, with its body still to be read.
pub(super) struct Response {
    pub(super) status: u16,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Body,
}

/// The body of a response. Dropping it ends the transfer.
pub(super) struct Body {
    /// A child of the body, so it is dropped first.
    stream: InputStream,
    _body: IncomingBody,
}

impl Body {
    /// Waits for the next bytes, at most `bytes_max`. `None` after the last.
    pub(super) fn read(&mut self, bytes_max: u64) -> Result<Option<Vec<u8>>, StreamError> {
        // No bytes: there are none yet.
        loop {
            match self.stream.blocking_read(bytes_max) {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Ok(Some(bytes)),
                Err(StreamError::Closed) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Sends a request, and waits for the head of the response. The URL is in parts: scheme, authority, path with query.
pub(super) fn send(
    method: &Method,
    (scheme, authority, path): (&str, &str, &str),
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Response, ErrorCode> {
    let headers: Vec<(String, Vec<u8>)> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
        .collect();
    let headers = Fields::from_list(&headers).map_err(|_| ErrorCode::HttpProtocolError)?;
    let request = OutgoingRequest::new(headers);
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        _ => Scheme::Other(scheme.to_owned()),
    };
    let path = match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("/{path}"),
    };
    request
        .set_method(method)
        .and_then(|()| request.set_scheme(Some(&scheme)))
        .and_then(|()| request.set_authority(Some(authority)))
        .and_then(|()| request.set_path_with_query(Some(&path)))
        .map_err(|()| ErrorCode::HttpRequestUriInvalid)?;
    let outgoing = request.body().map_err(|()| ErrorCode::HttpProtocolError)?;
    let pending = outgoing_handler::handle(request, None)?;
    // A server may answer before it has read the body: then the response decides, not the write.
    let finished = match write(&outgoing, body) {
        Some(()) => OutgoingBody::finish(outgoing, None),
        None => Err(ErrorCode::ConnectionTerminated),
    };
    pending.subscribe().block();
    let response = match pending.get() {
        Some(Ok(response)) => response?,
        Some(Err(())) | None => return Err(finished.err().unwrap_or(ErrorCode::HttpProtocolError)),
    };
    let status = response.status();
    let headers = response
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| {
            (
                name.to_ascii_lowercase(),
                String::from_utf8_lossy(&value).into_owned(),
            )
        })
        .collect();
    let body = response.consume().map_err(|()| ErrorCode::HttpProtocolError)?;
    let stream = body.stream().map_err(|()| ErrorCode::HttpProtocolError)?;
    Ok(Response {
        status,
        headers,
        body: Body { stream, _body: body },
    })
}

/// Writes the body of a request. `None` if the connection takes no more.
fn write(body: &OutgoingBody, bytes: &[u8]) -> Option<()> {
    let stream = body.write().ok()?;
    bytes
        .chunks(WRITE_BYTES_MAX)
        .try_for_each(|part| stream.blocking_write_and_flush(part))
        .ok()
}

//! Failures of requests, by meaning: the kind decides on a retry, not the message.

use std::error::Error;
use std::fmt;
use std::io::ErrorKind;

/// The kind of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HttpFailureKind {
    /// The host's name has no address.
    Name,
    /// The host's address is not permitted.
    Refused,
    /// The connection cannot be established.
    Connect,
    /// The server's certificate is not trusted.
    Certificate,
    /// The TLS handshake failed.
    Tls,
    /// The server took too long.
    TimedOut,
    /// The connection was closed in the middle of a request or a response.
    Interrupted,
    /// The request is invalid or not permitted.
    Request,
    /// Anything else.
    Other,
}

/// The failure of a request without a response, or with an incomplete one.
#[derive(Debug)]
pub(crate) struct HttpFailure {
    kind: HttpFailureKind,
    message: String,
}

impl HttpFailure {
    pub(crate) fn new(kind: HttpFailureKind, message: impl Into<String>) -> HttpFailure {
        HttpFailure {
            kind,
            message: message.into(),
        }
    }

    pub(crate) fn kind(&self) -> HttpFailureKind {
        self.kind
    }

    /// Converts a failure of the client. Only the address of the URL is shown: the rest may contain a signature.
    pub(super) fn from_client(error: reqwest::Error) -> HttpFailure {
        let address = error.url().and_then(address_of);
        let error = error.without_url();
        let kind = causes(&error).find_map(kind_of).unwrap_or_else(|| {
            if error.is_timeout() {
                HttpFailureKind::TimedOut
            } else if error.is_connect() {
                HttpFailureKind::Connect
            } else if error.is_builder() {
                HttpFailureKind::Request
            } else if error.is_body() || error.is_request() {
                HttpFailureKind::Interrupted
            } else {
                HttpFailureKind::Other
            }
        });
        // The innermost cause has the reason; the others only add that a request failed.
        let message = causes(&error)
            .last()
            .map_or_else(|| error.to_string(), ToString::to_string);
        match address {
            Some(address) if !message.contains(&address) => {
                HttpFailure::new(kind, format!("{address}: {message}"))
            }
            _ => HttpFailure::new(kind, message),
        }
    }
}

impl fmt::Display for HttpFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Error for HttpFailure {}

/// Returns the host of a URL, and its port unless it is the default one.
fn address_of(url: &reqwest::Url) -> Option<String> {
    let host = url.host_str()?;
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

/// Returns an error and its causes, outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error))
}

/// Returns the cause of an error. An I/O error hides the error that it wraps from `source`.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let wrapped = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref)
        .map(|inner| inner as &(dyn Error + 'static));
    wrapped.or_else(|| error.source())
}

fn kind_of(error: &(dyn Error + 'static)) -> Option<HttpFailureKind> {
    if let Some(failure) = error.downcast_ref::<HttpFailure>() {
        return Some(failure.kind);
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(match error {
            rustls::Error::InvalidCertificate(_) => HttpFailureKind::Certificate,
            _ => HttpFailureKind::Tls,
        });
    }
    let error = error.downcast_ref::<std::io::Error>()?;
    match error.kind() {
        ErrorKind::ConnectionRefused
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::AddrNotAvailable => Some(HttpFailureKind::Connect),
        ErrorKind::TimedOut => Some(HttpFailureKind::TimedOut),
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => Some(HttpFailureKind::Interrupted),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_within_an_input_output_error_is_found() {
        let inner = HttpFailure::new(HttpFailureKind::Name, "no such host");
        let outer = std::io::Error::other(std::io::Error::other(inner));
        let found: Vec<_> = causes(&outer).filter_map(kind_of).collect();
        assert_eq!(found, [HttpFailureKind::Name]);
        let reset = std::io::Error::from(ErrorKind::ConnectionReset);
        assert_eq!(kind_of(&reset), Some(HttpFailureKind::Interrupted));
    }
}

//! Failures of requests to a server, by meaning. docs/reference/errors.md lists the codes.

use std::fmt;

use crate::syntax::Syntax;

/// The kind of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteKind {
    /// The options do not describe a usable store.
    Options,
    /// There are no credentials, or they are wrong or expired.
    Credentials,
    /// The credentials do not allow this.
    Denied,
    /// There is no such bucket.
    BucketMissing,
    /// The bucket is in another region.
    Region,
    /// This machine's clock and the server's differ too much.
    Clock,
    /// The server's certificate is not trusted, or it does not speak TLS.
    Certificate,
    /// The server cannot be reached.
    Unreachable,
    /// The time limit of the call has passed.
    Timeout,
    /// The server is overloaded or fails.
    Busy,
    /// The server does not create atomically.
    NotAtomic,
    /// The server sends an unexpected answer.
    Answer,
    /// The run was interrupted.
    Interrupted,
}

impl RemoteKind {
    /// Returns the stable word for scripts.
    pub fn code(self) -> &'static str {
        match self {
            RemoteKind::Options => "store-options",
            RemoteKind::Credentials => "store-credentials",
            RemoteKind::Denied => "store-denied",
            RemoteKind::BucketMissing => "store-bucket-missing",
            RemoteKind::Region => "store-region",
            RemoteKind::Clock => "store-clock",
            RemoteKind::Certificate => "store-certificate",
            RemoteKind::Unreachable => "store-unreachable",
            RemoteKind::Timeout => "store-timeout",
            RemoteKind::Busy => "store-busy",
            RemoteKind::NotAtomic => "store-not-atomic",
            RemoteKind::Answer => "store-answer",
            RemoteKind::Interrupted => "interrupted",
        }
    }
}

/// The failed request, or the missing answer, of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFailure {
    /// The kind of the failure.
    pub kind: RemoteKind,
    /// One sentence without secrets.
    pub message: String,
}

impl RemoteFailure {
    pub(super) fn new(kind: RemoteKind, message: impl Into<String>) -> RemoteFailure {
        RemoteFailure {
            kind,
            message: message.into(),
        }
    }
}

impl fmt::Display for RemoteFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for RemoteFailure {}

/// Checks the form of a value. `what` names the value in the message.
pub(super) fn checked<'a>(syntax: Syntax, what: &str, value: &'a str) -> Result<&'a str, RemoteFailure> {
    match syntax.check(what, value) {
        Ok(()) => Ok(value),
        Err(message) => Err(RemoteFailure::new(RemoteKind::Options, message)),
    }
}

/// Returns an error of a request for credentials, in the form that `object_store` expects of a provider of credentials.
pub(super) fn credentials_error(message: String) -> object_store::Error {
    object_store::Error::Generic {
        store: "credentials",
        source: message.into(),
    }
}

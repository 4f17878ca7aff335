//! Why a server did not do what was asked, by meaning. The codes are listed in docs/reference/errors.md.

use std::fmt;

/// The kind of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteKind {
    /// The options do not describe a store that can be asked.
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
    /// The server takes too long.
    Timeout,
    /// The server asks to come back later, or fails.
    Busy,
    /// The server does not keep what was created first.
    NotAtomic,
    /// The server says what nobody expects.
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

/// The answer of a server that failed, or the lack of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFailure {
    /// The kind of the failure.
    pub kind: RemoteKind,
    /// One sentence, with no secret in it.
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

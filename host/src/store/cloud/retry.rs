//! Decides whether and when to retry, from the answer of the server. Another module sleeps.

use std::time::Duration;

use super::failure::RemoteKind;
use super::response::{Response, Service};
use crate::http::HttpFailureKind;

/// The first pause, which doubles with every attempt.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// No pause is longer, unless the server asks for it.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// The maximum pause that a server can ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);
/// A server that cannot be reached may be starting. A name without an address is more often a mistake.
const UNREACHABLE_MAX: Duration = Duration::from_secs(30);
const NAMELESS_MAX: Duration = Duration::from_secs(5);
/// Credentials that were renewed and are still refused are wrong.
const RENEWALS_MAX: u32 = 2;
/// An upload that the server receives damaged this often was damaged before it was sent.
const DAMAGED_MAX: u32 = 4;
/// A metadata service for credentials answers soon, or does not exist.
const CREDENTIALS_ATTEMPTS_MAX: u32 = 3;

/// The action after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Pause, then retry.
    Retry(Duration),
    /// Get new credentials, then retry.
    Renew,
    /// Give up.
    Final(RemoteKind),
}

/// The attempts of one call so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempts {
    /// The number of attempts.
    pub(super) count: u32,
    /// The duration of the attempts and of the pauses between them.
    pub(super) elapsed: Duration,
    /// The time limit of all attempts together.
    pub(super) budget: Duration,
    /// Whether there are credentials that can be renewed.
    pub(super) can_renew: bool,
    /// The number of renewals.
    pub(super) renewals: u32,
    /// The part of `elapsed` that had passed when the server was last reachable.
    pub(super) unreachable_from: Option<Duration>,
}

impl Attempts {
    /// Returns the state of a call that begins.
    pub(super) fn new(budget: Duration, can_renew: bool) -> Attempts {
        Attempts {
            count: 0,
            elapsed: Duration::ZERO,
            budget,
            can_renew,
            renewals: 0,
            unreachable_from: None,
        }
    }

    /// Counts an attempt that failed.
    pub(super) fn failed(&mut self, response: &Response, took: Duration) {
        let before = self.elapsed;
        self.count += 1;
        self.elapsed += took;
        self.unreachable_from = match class_of(response, *self) {
            Class::Unreachable | Class::Nameless => self.unreachable_from.or(Some(before)),
            _ => None,
        };
    }

    /// Returns the time since the server was last reachable.
    fn unreachable(&self) -> Duration {
        self.elapsed
            .saturating_sub(self.unreachable_from.unwrap_or(self.elapsed))
    }
}

/// Decides on the action after a failed attempt. `spread` is a random number below 1, so that clients that failed together do not
/// retry together.
pub(super) fn judge(response: &Response, attempts: Attempts, spread: f64) -> Verdict {
    let class = class_of(response, attempts);
    let (kind, late, attempts_max) = match class {
        Class::Wrong(kind) => return Verdict::Final(kind),
        Class::Expired if attempts.can_renew && attempts.renewals < RENEWALS_MAX => return Verdict::Renew,
        Class::Expired => return Verdict::Final(RemoteKind::Credentials),
        Class::Busy => (RemoteKind::Busy, false, u32::MAX),
        Class::Lost(kind) => (kind, false, u32::MAX),
        Class::Damaged => (RemoteKind::Answer, false, DAMAGED_MAX),
        Class::Unreachable => (
            RemoteKind::Unreachable,
            attempts.unreachable() > UNREACHABLE_MAX,
            u32::MAX,
        ),
        Class::Nameless => (
            RemoteKind::Unreachable,
            attempts.unreachable() > NAMELESS_MAX,
            u32::MAX,
        ),
        Class::NoCredentials => (RemoteKind::Credentials, false, CREDENTIALS_ATTEMPTS_MAX),
    };
    let doubled = PAUSE_MIN.saturating_mul(1 << attempts.count.saturating_sub(1).min(16));
    let pause = doubled.min(PAUSE_MAX).mul_f64(0.5 + 0.5 * spread);
    let requested = response.retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
    let pause = pause.max(requested);
    let in_time = attempts.elapsed.saturating_add(pause) < attempts.budget;
    if in_time && !late && attempts.count < attempts_max {
        Verdict::Retry(pause)
    } else {
        Verdict::Final(kind)
    }
}

enum Class {
    /// Another attempt fails in the same way.
    Wrong(RemoteKind),
    /// Fresh credentials may help.
    Expired,
    /// The server asks for a pause, or failed.
    Busy,
    /// The connection was closed or stalled.
    Lost(RemoteKind),
    /// The server received damaged bytes.
    Damaged,
    Unreachable,
    Nameless,
    /// The service for credentials does not answer.
    NoCredentials,
}

fn class_of(response: &Response, attempts: Attempts) -> Class {
    if let Some((failure, _)) = &response.failure {
        return match (failure, response.service) {
            (HttpFailureKind::Certificate | HttpFailureKind::Tls, _) => Class::Wrong(RemoteKind::Certificate),
            (HttpFailureKind::Request | HttpFailureKind::Refused, _) => Class::Wrong(RemoteKind::Options),
            (_, Service::Credentials) => Class::NoCredentials,
            (HttpFailureKind::Name, _) => Class::Nameless,
            (HttpFailureKind::Connect, _) => Class::Unreachable,
            (HttpFailureKind::TimedOut, _) => Class::Lost(RemoteKind::Timeout),
            (HttpFailureKind::Interrupted | HttpFailureKind::Other, _) => {
                Class::Lost(RemoteKind::Unreachable)
            }
        };
    }
    let by_code = match response.code.as_str() {
        "SlowDown"
        | "RequestTimeout"
        | "InternalError"
        | "ServiceUnavailable"
        | "ServerBusy"
        | "OperationTimedOut"
        | "OperationAborted"
        | "ConditionalRequestConflict"
        | "Throttling"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "IDPCommunicationError" => Class::Busy,
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "RequestExpired" => {
            Class::Expired
        }
        "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "InvalidToken"
        | "InvalidSecurity"
        | "InvalidClientTokenId"
        | "InvalidIdentityToken"
        | "AuthenticationFailed"
        | "InvalidAuthenticationInfo"
        | "IDPRejectedClaim" => Class::Wrong(RemoteKind::Credentials),
        "RequestTimeTooSkewed" => Class::Wrong(RemoteKind::Clock),
        "AccessDenied"
        | "AllAccessDisabled"
        | "AccountProblem"
        | "AuthorizationFailure"
        | "AuthorizationPermissionMismatch"
        | "InsufficientAccountPermissions" => Class::Wrong(RemoteKind::Denied),
        "NoSuchBucket" | "InvalidBucketName" | "ContainerNotFound" => Class::Wrong(RemoteKind::BucketMissing),
        "PermanentRedirect"
        | "TemporaryRedirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException"
        | "InvalidRegion" => Class::Wrong(RemoteKind::Region),
        "BadDigest"
        | "InvalidDigest"
        | "XAmzContentSHA256Mismatch"
        | "XAmzContentChecksumMismatch"
        | "Md5Mismatch"
        | "IncompleteBody" => Class::Damaged,
        "NotImplemented" => Class::Wrong(RemoteKind::NotAtomic),
        _ => return by_status(response, attempts),
    };
    // A role that does not trust this job denies it the credentials.
    match (by_code, response.service) {
        (Class::Wrong(RemoteKind::Denied), Service::Credentials) => Class::Wrong(RemoteKind::Credentials),
        (class, _) => class,
    }
}

fn by_status(response: &Response, attempts: Attempts) -> Class {
    match (response.status, response.service) {
        // The response to HEAD has no body with the reason. Once, expired credentials may be the reason.
        (Some(400 | 401 | 403), Service::Store)
            if response.code.is_empty() && attempts.can_renew && attempts.renewals == 0 =>
        {
            Class::Expired
        }
        (Some(408 | 409 | 429 | 500 | 502 | 503 | 504), _) => Class::Busy,
        (_, Service::Credentials) => Class::NoCredentials,
        (Some(301 | 307 | 308), _) => Class::Wrong(RemoteKind::Region),
        (Some(401), _) => Class::Wrong(RemoteKind::Credentials),
        (Some(403), _) => Class::Wrong(RemoteKind::Denied),
        (Some(501), _) => Class::Wrong(RemoteKind::NotAtomic),
        _ => Class::Wrong(RemoteKind::Answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Attempts = Attempts {
        count: 1,
        elapsed: Duration::ZERO,
        budget: Duration::from_secs(120),
        can_renew: true,
        renewals: 0,
        unreachable_from: None,
    };

    fn status(status: u16, code: &str) -> Response {
        Response {
            status: Some(status),
            code: code.to_owned(),
            ..Response::default()
        }
    }

    fn lost(kind: HttpFailureKind) -> Response {
        Response {
            failure: Some((kind, String::new())),
            ..Response::default()
        }
    }

    #[test]
    fn what_passes_is_tried_again_with_longer_and_longer_pauses() {
        let mut last = Duration::ZERO;
        for count in 1..=7 {
            let Verdict::Retry(pause) = judge(&status(503, "SlowDown"), Attempts { count, ..FIRST }, 0.0)
            else {
                unreachable!("a busy server is retried");
            };
            assert!(pause > last && pause <= PAUSE_MAX, "{count}: {pause:?}");
            last = pause;
        }
        for response in [
            status(429, ""),
            status(500, ""),
            status(409, "ConditionalRequestConflict"),
            status(400, "RequestTimeout"),
            status(400, "BadDigest"),
            lost(HttpFailureKind::TimedOut),
            lost(HttpFailureKind::Interrupted),
            lost(HttpFailureKind::Connect),
        ] {
            assert!(
                matches!(judge(&response, FIRST, 0.5), Verdict::Retry(_)),
                "{response:?}"
            );
        }
    }

    #[test]
    fn an_error_that_the_user_must_fix_is_not_retried() {
        for (response, kind) in [
            (status(403, "SignatureDoesNotMatch"), RemoteKind::Credentials),
            (status(403, "AccessDenied"), RemoteKind::Denied),
            (status(403, "RequestTimeTooSkewed"), RemoteKind::Clock),
            (status(404, "NoSuchBucket"), RemoteKind::BucketMissing),
            (status(400, "AuthorizationHeaderMalformed"), RemoteKind::Region),
            (status(501, "NotImplemented"), RemoteKind::NotAtomic),
            (lost(HttpFailureKind::Certificate), RemoteKind::Certificate),
        ] {
            assert_eq!(judge(&response, FIRST, 0.5), Verdict::Final(kind), "{response:?}");
        }
    }

    #[test]
    fn the_pause_that_a_server_asks_for_is_kept_up_to_a_limit() {
        let mut response = status(429, "");
        response.retry_after = Some(Duration::from_secs(20));
        assert_eq!(
            judge(&response, FIRST, 0.5),
            Verdict::Retry(Duration::from_secs(20))
        );
        response.retry_after = Some(Duration::from_secs(86_400));
        assert_eq!(judge(&response, FIRST, 0.5), Verdict::Retry(RETRY_AFTER_MAX));
        // A pause beyond the time limit is pointless.
        let late = Attempts {
            elapsed: Duration::from_secs(80),
            ..FIRST
        };
        assert_eq!(judge(&response, late, 0.5), Verdict::Final(RemoteKind::Busy));
    }

    #[test]
    fn expired_credentials_are_renewed_but_not_for_ever() {
        let response = status(400, "ExpiredToken");
        assert_eq!(judge(&response, FIRST, 0.5), Verdict::Renew);
        for wrong in [
            Attempts { renewals: 2, ..FIRST },
            Attempts {
                can_renew: false,
                ..FIRST
            },
        ] {
            assert_eq!(
                judge(&response, wrong, 0.5),
                Verdict::Final(RemoteKind::Credentials)
            );
        }
    }

    #[test]
    fn an_answer_without_a_text_may_mean_expired_credentials_once() {
        let response = status(403, "");
        assert_eq!(judge(&response, FIRST, 0.5), Verdict::Renew);
        for not in [
            Attempts { renewals: 1, ..FIRST },
            Attempts {
                can_renew: false,
                ..FIRST
            },
        ] {
            assert_eq!(judge(&response, not, 0.5), Verdict::Final(RemoteKind::Denied));
        }
    }

    #[test]
    fn a_wrong_name_is_told_sooner_than_a_server_that_starts() {
        // The first attempt took a minute: the server became unreachable during it.
        let after = |seconds, kind| {
            let mut attempts = Attempts {
                elapsed: Duration::from_secs(60),
                ..FIRST
            };
            attempts.failed(&lost(kind), Duration::from_millis(1));
            attempts.elapsed += Duration::from_secs(seconds);
            attempts.failed(&lost(kind), Duration::from_millis(1));
            judge(&lost(kind), attempts, 0.5)
        };
        let given_up = Verdict::Final(RemoteKind::Unreachable);
        assert!(matches!(after(4, HttpFailureKind::Name), Verdict::Retry(_)));
        assert_eq!(after(6, HttpFailureKind::Name), given_up);
        assert!(matches!(after(29, HttpFailureKind::Connect), Verdict::Retry(_)));
        assert_eq!(after(31, HttpFailureKind::Connect), given_up);
    }
}

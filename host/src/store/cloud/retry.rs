//! Decides whether and when to retry, from the answer of the server. Another module sleeps.

use std::time::Duration;

use super::failure::RemoteKind;
use super::heard::{Asked, Heard};
use crate::http::HttpFailureKind;

/// The first pause, doubled at every try.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// No pause is longer, unless the server asks for it.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Nor does a server make anybody wait longer.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);
/// A server that cannot be reached may be starting. A name without an address is more often wrong.
const UNREACHABLE_MAX: Duration = Duration::from_secs(30);
const NAMELESS_MAX: Duration = Duration::from_secs(5);
/// Credentials that were renewed and are still refused are wrong.
const RENEWALS_MAX: u32 = 2;
/// An upload that was damaged on the way this often is damaged before it.
const DAMAGED_MAX: u32 = 4;
/// A service for credentials is near, or does not exist.
const CREDENTIALS_TRIES_MAX: u32 = 3;

/// The action after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Pause, and try again.
    Again(Duration),
    /// Get new credentials, and try again.
    Renew,
    /// Give up.
    Final(RemoteKind),
}

/// The attempts of one call so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tries {
    /// The number of attempts, at least one.
    pub(super) count: u32,
    /// The duration of the attempts, with their pauses.
    pub(super) elapsed: Duration,
    /// The time limit of all attempts together.
    pub(super) budget: Duration,
    /// Whether there are credentials that can be renewed.
    pub(super) can_renew: bool,
    /// How often they were.
    pub(super) renewals: u32,
    /// The part of `elapsed` that had passed when the server was last reachable.
    pub(super) unreachable_from: Option<Duration>,
}

impl Tries {
    /// Returns those of a call that begins.
    pub(super) fn new(budget: Duration, can_renew: bool) -> Tries {
        Tries {
            count: 0,
            elapsed: Duration::ZERO,
            budget,
            can_renew,
            renewals: 0,
            unreachable_from: None,
        }
    }

    /// Counts a try that failed.
    pub(super) fn failed(&mut self, heard: &Heard, took: Duration) {
        let before = self.elapsed;
        self.count += 1;
        self.elapsed += took;
        self.unreachable_from = match class_of(heard, *self) {
            Class::Unreachable | Class::Nameless => self.unreachable_from.or(Some(before)),
            _ => None,
        };
    }

    /// The time for which the server has not been reached.
    fn unreachable(&self) -> Duration {
        self.elapsed
            .saturating_sub(self.unreachable_from.unwrap_or(self.elapsed))
    }
}

/// Decides. `spread` is a random number below 1: those who failed together should not come back together.
pub(super) fn judge(heard: &Heard, tries: Tries, spread: f64) -> Verdict {
    let class = class_of(heard, tries);
    let (kind, late, tries_max) = match class {
        Class::Wrong(kind) => return Verdict::Final(kind),
        Class::Expired if tries.can_renew && tries.renewals < RENEWALS_MAX => return Verdict::Renew,
        Class::Expired => return Verdict::Final(RemoteKind::Credentials),
        Class::Busy => (RemoteKind::Busy, false, u32::MAX),
        Class::Lost(kind) => (kind, false, u32::MAX),
        Class::Damaged => (RemoteKind::Answer, false, DAMAGED_MAX),
        Class::Unreachable => (
            RemoteKind::Unreachable,
            tries.unreachable() > UNREACHABLE_MAX,
            u32::MAX,
        ),
        Class::Nameless => (
            RemoteKind::Unreachable,
            tries.unreachable() > NAMELESS_MAX,
            u32::MAX,
        ),
        Class::NoCredentials => (RemoteKind::Credentials, false, CREDENTIALS_TRIES_MAX),
    };
    let doubled = PAUSE_MIN.saturating_mul(1 << tries.count.saturating_sub(1).min(16));
    let pause = doubled.min(PAUSE_MAX).mul_f64(0.5 + 0.5 * spread);
    let asked = heard.retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
    let pause = pause.max(asked);
    let in_time = tries.elapsed.saturating_add(pause) < tries.budget;
    if in_time && !late && tries.count < tries_max {
        Verdict::Again(pause)
    } else {
        Verdict::Final(kind)
    }
}

enum Class {
    /// It will be the same the next time.
    Wrong(RemoteKind),
    /// Fresh credentials may help.
    Expired,
    /// The server wants to be asked later, or had an accident.
    Busy,
    /// The connection ended or stood still.
    Lost(RemoteKind),
    /// The server received other bytes than were sent.
    Damaged,
    Unreachable,
    Nameless,
    /// The service for credentials does not answer.
    NoCredentials,
}

fn class_of(heard: &Heard, tries: Tries) -> Class {
    if let Some((failure, _)) = &heard.failure {
        return match (failure, heard.asked) {
            (HttpFailureKind::Certificate | HttpFailureKind::Tls, _) => Class::Wrong(RemoteKind::Certificate),
            (HttpFailureKind::Request | HttpFailureKind::Refused, _) => Class::Wrong(RemoteKind::Options),
            (_, Asked::Credentials) => Class::NoCredentials,
            (HttpFailureKind::Name, _) => Class::Nameless,
            (HttpFailureKind::Connect, _) => Class::Unreachable,
            (HttpFailureKind::TimedOut, _) => Class::Lost(RemoteKind::Timeout),
            (HttpFailureKind::Interrupted | HttpFailureKind::Other, _) => {
                Class::Lost(RemoteKind::Unreachable)
            }
        };
    }
    let by_code = match heard.code.as_str() {
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
        _ => return by_status(heard, tries),
    };
    // A role that does not trust this job denies it the credentials.
    match (by_code, heard.asked) {
        (Class::Wrong(RemoteKind::Denied), Asked::Credentials) => Class::Wrong(RemoteKind::Credentials),
        (class, _) => class,
    }
}

fn by_status(heard: &Heard, tries: Tries) -> Class {
    match (heard.status, heard.asked) {
        // An answer to HEAD has no text that says what is wrong: once, it may be that the credentials have expired.
        (Some(400 | 401 | 403), Asked::Store)
            if heard.code.is_empty() && tries.can_renew && tries.renewals == 0 =>
        {
            Class::Expired
        }
        (Some(408 | 409 | 429 | 500 | 502 | 503 | 504), _) => Class::Busy,
        (_, Asked::Credentials) => Class::NoCredentials,
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

    const FIRST: Tries = Tries {
        count: 1,
        elapsed: Duration::ZERO,
        budget: Duration::from_secs(120),
        can_renew: true,
        renewals: 0,
        unreachable_from: None,
    };

    fn status(status: u16, code: &str) -> Heard {
        Heard {
            status: Some(status),
            code: code.to_owned(),
            ..Heard::default()
        }
    }

    fn lost(kind: HttpFailureKind) -> Heard {
        Heard {
            failure: Some((kind, String::new())),
            ..Heard::default()
        }
    }

    #[test]
    fn what_passes_is_tried_again_with_longer_and_longer_pauses() {
        let mut last = Duration::ZERO;
        for count in 1..=7 {
            let Verdict::Again(pause) = judge(&status(503, "SlowDown"), Tries { count, ..FIRST }, 0.0) else {
                unreachable!("a busy server is asked again");
            };
            assert!(pause > last && pause <= PAUSE_MAX, "{count}: {pause:?}");
            last = pause;
        }
        for heard in [
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
                matches!(judge(&heard, FIRST, 0.5), Verdict::Again(_)),
                "{heard:?}"
            );
        }
    }

    #[test]
    fn what_the_user_must_mend_is_not_tried_again() {
        for (heard, kind) in [
            (status(403, "SignatureDoesNotMatch"), RemoteKind::Credentials),
            (status(403, "AccessDenied"), RemoteKind::Denied),
            (status(403, "RequestTimeTooSkewed"), RemoteKind::Clock),
            (status(404, "NoSuchBucket"), RemoteKind::BucketMissing),
            (status(400, "AuthorizationHeaderMalformed"), RemoteKind::Region),
            (status(501, "NotImplemented"), RemoteKind::NotAtomic),
            (lost(HttpFailureKind::Certificate), RemoteKind::Certificate),
        ] {
            assert_eq!(judge(&heard, FIRST, 0.5), Verdict::Final(kind), "{heard:?}");
        }
    }

    #[test]
    fn a_server_that_says_when_is_asked_then_but_within_reason() {
        let mut heard = status(429, "");
        heard.retry_after = Some(Duration::from_secs(20));
        assert_eq!(judge(&heard, FIRST, 0.5), Verdict::Again(Duration::from_secs(20)));
        heard.retry_after = Some(Duration::from_secs(86_400));
        assert_eq!(judge(&heard, FIRST, 0.5), Verdict::Again(RETRY_AFTER_MAX));
        // There is no point in waiting for what comes after the end.
        let late = Tries {
            elapsed: Duration::from_secs(80),
            ..FIRST
        };
        assert_eq!(judge(&heard, late, 0.5), Verdict::Final(RemoteKind::Busy));
    }

    #[test]
    fn expired_credentials_are_renewed_but_not_for_ever() {
        let heard = status(400, "ExpiredToken");
        assert_eq!(judge(&heard, FIRST, 0.5), Verdict::Renew);
        for wrong in [
            Tries { renewals: 2, ..FIRST },
            Tries {
                can_renew: false,
                ..FIRST
            },
        ] {
            assert_eq!(judge(&heard, wrong, 0.5), Verdict::Final(RemoteKind::Credentials));
        }
    }

    #[test]
    fn an_answer_without_a_text_may_mean_expired_credentials_once() {
        let heard = status(403, "");
        assert_eq!(judge(&heard, FIRST, 0.5), Verdict::Renew);
        for not in [
            Tries { renewals: 1, ..FIRST },
            Tries {
                can_renew: false,
                ..FIRST
            },
        ] {
            assert_eq!(judge(&heard, not, 0.5), Verdict::Final(RemoteKind::Denied));
        }
    }

    #[test]
    fn a_wrong_name_is_told_sooner_than_a_server_that_starts() {
        // The first try took a minute: the server went away in the middle of it.
        let after = |seconds, kind| {
            let mut tries = Tries {
                elapsed: Duration::from_secs(60),
                ..FIRST
            };
            tries.failed(&lost(kind), Duration::from_millis(1));
            tries.elapsed += Duration::from_secs(seconds);
            tries.failed(&lost(kind), Duration::from_millis(1));
            judge(&lost(kind), tries, 0.5)
        };
        let given_up = Verdict::Final(RemoteKind::Unreachable);
        assert!(matches!(after(4, HttpFailureKind::Name), Verdict::Again(_)));
        assert_eq!(after(6, HttpFailureKind::Name), given_up);
        assert!(matches!(after(29, HttpFailureKind::Connect), Verdict::Again(_)));
        assert_eq!(after(31, HttpFailureKind::Connect), given_up);
    }
}

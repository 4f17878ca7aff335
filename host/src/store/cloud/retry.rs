//! Whether and when to try again: decided here, from what was heard; slept elsewhere.

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
/// Who hands out credentials is near, or is not there at all.
const CREDENTIALS_TRIES_MAX: u32 = 3;

/// What to do after a try that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Pause, and try again.
    Again(Duration),
    /// Get new credentials, and try again.
    Renew,
    /// Give up.
    Final(RemoteKind),
}

/// What the tries of one call have come to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tries {
    /// How many there were, at least one.
    pub(super) count: u32,
    /// Since the first one began.
    pub(super) elapsed: Duration,
    /// What all may take together.
    pub(super) budget: Duration,
    /// How often credentials were renewed.
    pub(super) renewals: u32,
}

/// Decides. `spread` is a random number below 1: those who failed together should not come back together.
pub(super) fn judge(heard: &Heard, tries: Tries, spread: f64) -> Verdict {
    let class = class_of(heard);
    let (kind, time_max, tries_max) = match class {
        Class::Wrong(kind) => return Verdict::Final(kind),
        Class::Expired if tries.renewals < RENEWALS_MAX => return Verdict::Renew,
        Class::Expired => return Verdict::Final(RemoteKind::Credentials),
        Class::Busy => (RemoteKind::Busy, tries.budget, u32::MAX),
        Class::Lost(kind) => (kind, tries.budget, u32::MAX),
        Class::Damaged => (RemoteKind::Answer, tries.budget, DAMAGED_MAX),
        Class::Unreachable => (RemoteKind::Unreachable, UNREACHABLE_MAX, u32::MAX),
        Class::Nameless => (RemoteKind::Unreachable, NAMELESS_MAX, u32::MAX),
        Class::NoCredentials => (RemoteKind::Credentials, tries.budget, CREDENTIALS_TRIES_MAX),
    };
    let doubled = PAUSE_MIN.saturating_mul(1 << tries.count.saturating_sub(1).min(16));
    let pause = doubled.min(PAUSE_MAX).mul_f64(0.5 + 0.5 * spread);
    let asked = heard.retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
    let pause = pause.max(asked);
    let in_time = tries.elapsed.saturating_add(pause) < time_max.min(tries.budget);
    if in_time && tries.count < tries_max {
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
    /// What the server got is not what was sent.
    Damaged,
    Unreachable,
    Nameless,
    /// Who hands out credentials does not answer.
    NoCredentials,
}

fn class_of(heard: &Heard) -> Class {
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
        _ => return by_status(heard),
    };
    // A role that does not trust this job denies it the credentials.
    match (by_code, heard.asked) {
        (Class::Wrong(RemoteKind::Denied), Asked::Credentials) => Class::Wrong(RemoteKind::Credentials),
        (class, _) => class,
    }
}

fn by_status(heard: &Heard) -> Class {
    match (heard.status, heard.asked) {
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
        renewals: 0,
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
            (status(403, ""), RemoteKind::Denied),
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
        let renewed = Tries { renewals: 2, ..FIRST };
        assert_eq!(
            judge(&heard, renewed, 0.5),
            Verdict::Final(RemoteKind::Credentials)
        );
    }

    #[test]
    fn a_wrong_name_is_told_sooner_than_a_server_that_starts() {
        let after = |seconds| Tries {
            count: 8,
            elapsed: Duration::from_secs(seconds),
            ..FIRST
        };
        assert_eq!(
            judge(&lost(HttpFailureKind::Name), after(6), 0.5),
            Verdict::Final(RemoteKind::Unreachable)
        );
        assert!(matches!(
            judge(&lost(HttpFailureKind::Connect), after(6), 0.5),
            Verdict::Again(_)
        ));
        assert_eq!(
            judge(&lost(HttpFailureKind::Connect), after(31), 0.5),
            Verdict::Final(RemoteKind::Unreachable)
        );
    }
}

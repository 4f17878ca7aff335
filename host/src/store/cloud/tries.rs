//! One call is any number of tries, within one budget of time.

use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::future::{self, Either};

use super::calls::Calls;
use super::failure::{RemoteFailure, RemoteKind};
use super::heard::{Asked, Heard, hearing};
use super::retry::{Tries, Verdict, judge};
use crate::http::HttpFailureKind;
use crate::store::StoreError;

/// The interval at which a call checks whether it must end.
const TICK: Duration = Duration::from_millis(50);

/// The subject of one call.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    /// For an error: `read`, `written`, `listed`, `removed`.
    pub(super) what: &'static str,
    pub(super) key: &'a str,
    /// Whether it may use a connection beyond the limit.
    pub(super) unlimited: bool,
}

/// The result of a call without a failure.
pub(super) enum Answer<T> {
    Is(T),
    /// There is no such object.
    Missing,
    /// The object exists, or the requested range begins after its end.
    Exists,
}

impl Calls {
    /// Tries until there is an answer, or no sense in trying.
    pub(super) fn call<T, F>(
        &self,
        subject: Subject<'_>,
        attempt: impl Fn() -> F + Send,
    ) -> Result<Answer<T>, StoreError>
    where
        T: Send,
        F: Future<Output = object_store::Result<T>>,
    {
        let tried = self.runtime.block_on(|| async {
            let tries = Box::pin(self.tries(subject, attempt));
            match future::select(tries, Box::pin(self.interrupted())).await {
                Either::Left((answer, _)) => answer,
                Either::Right(_) => Err(RemoteFailure::new(RemoteKind::Interrupted, "interrupted")),
            }
        });
        tried.map_err(|failure| self.failed(subject, failure))
    }

    async fn interrupted(&self) {
        while !self.interrupt.is_set() {
            tokio::time::sleep(TICK).await;
        }
    }

    async fn tries<T, F>(
        &self,
        subject: Subject<'_>,
        attempt: impl Fn() -> F,
    ) -> Result<Answer<T>, RemoteFailure>
    where
        F: Future<Output = object_store::Result<T>>,
    {
        let mut tries = Tries::new(self.time_budget, self.renewable.is_some());
        loop {
            // Never closed, so a permit always comes. To wait for one is no part of the time budget: others use it.
            let permit = match subject.unlimited {
                true => None,
                false => self.connections.acquire().await.ok(),
            };
            let asked = Instant::now();
            self.requests.fetch_add(1, Ordering::Relaxed);
            let rest = self.time_budget.saturating_sub(tries.elapsed);
            let (outcome, mut heard) = hearing(tokio::time::timeout(rest, attempt())).await;
            // Given back before a pause.
            drop(permit);
            let error = match outcome {
                Ok(Ok(answer)) => return Ok(Answer::Is(answer)),
                Ok(Err(error)) => error,
                Err(_) => {
                    let message = format!("there was no answer within {:?}", self.time_budget);
                    heard.failure = Some((HttpFailureKind::TimedOut, message));
                    super::oidc::failed("timed out".to_owned())
                }
            };
            if let Some(answer) = expected(&error, &heard) {
                return Ok(answer);
            }
            tries.failed(&heard, asked.elapsed());
            match judge(&heard, tries, spread()) {
                Verdict::Again(pause) => {
                    tokio::time::sleep(pause).await;
                    tries.elapsed += pause;
                }
                Verdict::Renew => {
                    tries.renewals += 1;
                    if let Some(renewable) = &self.renewable {
                        renewable.expired(asked).await;
                    }
                }
                // Only of a create it says that the store is no good for records.
                Verdict::Final(RemoteKind::NotAtomic) if subject.what != "written" => {
                    return Err(explained(RemoteKind::Answer, &error, &heard, tries));
                }
                Verdict::Final(kind) => return Err(explained(kind, &error, &heard, tries)),
            }
        }
    }
}

/// Returns the answer that an error is, if it is one that a caller expects.
fn expected<T>(error: &object_store::Error, heard: &Heard) -> Option<Answer<T>> {
    if heard.failure.is_some() || heard.asked == Asked::Credentials {
        return None;
    }
    let no_bucket = matches!(heard.code.as_str(), "NoSuchBucket" | "ContainerNotFound");
    match (error, heard.status) {
        (object_store::Error::NotFound { .. }, _) if !no_bucket => Some(Answer::Missing),
        (object_store::Error::AlreadyExists { .. }, Some(412 | 304)) => Some(Answer::Exists),
        // Azure's answer to a creator that comes second. The same status of another meaning has another code.
        (object_store::Error::AlreadyExists { .. }, Some(409)) if heard.code == "BlobAlreadyExists" => {
            Some(Answer::Exists)
        }
        (_, Some(416)) => Some(Answer::Exists),
        _ => None,
    }
}

/// Describes the last answer and the number of attempts.
fn explained(kind: RemoteKind, error: &object_store::Error, heard: &Heard, tries: Tries) -> RemoteFailure {
    let mut message = match (&heard.failure, heard.status) {
        (Some((_, message)), _) => message.clone(),
        (None, Some(status)) if status >= 300 && heard.asked == Asked::Credentials => {
            format!(
                "there are no credentials: status {status} {} {}",
                heard.code, heard.message
            )
        }
        (None, Some(status)) if status >= 300 => {
            format!("the server answered {status} {} {}", heard.code, heard.message)
        }
        _ => error.to_string(),
    }
    .trim_end()
    .to_owned();
    if let (RemoteKind::Region, Some(region)) = (kind, &heard.region) {
        message.push_str(&format!(" (the bucket is in {region})"));
    }
    if tries.count > 1 {
        message.push_str(&format!(
            " ({} tries in {:.1} s)",
            tries.count,
            tries.elapsed.as_secs_f64()
        ));
    }
    RemoteFailure::new(kind, message)
}

/// Returns a random number. The standard library has no other source, and this one is seeded by the system.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Returns a random number from 0 to below 1.
fn spread() -> f64 {
    (random() >> 11) as f64 / (1_u64 << 53) as f64
}

//! One call is any number of attempts, within one budget of time.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::{self, Either};
use tokio::sync::Semaphore;

use super::failure::{RemoteFailure, RemoteKind, credentials_error};
use super::response::{Response, Service, recorded};
use super::retry::{Attempts, Verdict, judge};
use super::role::Renewable;
use super::runtime::IoRuntime;
use crate::http::HttpFailureKind;
use crate::interrupt::Interrupt;
use crate::random;
use crate::store::StoreError;

/// How often a call checks whether it must end.
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
pub(super) enum Outcome<T> {
    Done(T),
    /// The object does not exist.
    Missing,
    /// The object exists, or the requested range begins after its end.
    Exists,
}

/// Runs calls on a runtime of its own, and retries their attempts.
pub(super) struct Caller {
    pub(super) runtime: IoRuntime,
    pub(super) renewable: Option<Arc<dyn Renewable>>,
    pub(super) connections: Semaphore,
    pub(super) time_budget: Duration,
    pub(super) interrupt: Interrupt,
    pub(super) requests: AtomicU64,
    /// The store, as errors show it.
    pub(super) location: String,
}

impl Caller {
    /// Repeats the attempt until there is an answer, or until another attempt cannot help.
    pub(super) fn call<T, F>(
        &self,
        subject: Subject<'_>,
        attempt: impl Fn() -> F + Send,
    ) -> Result<Outcome<T>, StoreError>
    where
        T: Send,
        F: Future<Output = object_store::Result<T>>,
    {
        let outcome = self.runtime.block_on(|| async {
            let attempts = Box::pin(self.attempts(subject, attempt));
            match future::select(attempts, Box::pin(self.interrupted())).await {
                Either::Left((outcome, _)) => outcome,
                Either::Right(_) => Err(RemoteFailure::new(RemoteKind::Interrupted, "interrupted")),
            }
        });
        outcome.map_err(|failure| self.failed(subject, failure))
    }

    /// Returns the error of a call.
    pub(super) fn failed(&self, subject: Subject<'_>, source: RemoteFailure) -> StoreError {
        StoreError::Remote {
            what: subject.what,
            key: subject.key.to_owned(),
            store: self.location.clone(),
            source,
        }
    }

    async fn interrupted(&self) {
        while !self.interrupt.is_set() {
            tokio::time::sleep(TICK).await;
        }
    }

    async fn attempts<T, F>(
        &self,
        subject: Subject<'_>,
        attempt: impl Fn() -> F,
    ) -> Result<Outcome<T>, RemoteFailure>
    where
        F: Future<Output = object_store::Result<T>>,
    {
        let mut attempts = Attempts::new(self.time_budget, self.renewable.is_some());
        loop {
            // The semaphore is never closed, so a permit always comes. Waiting for it is not part of the time budget, because
            // other calls cause it.
            let permit = match subject.unlimited {
                true => None,
                false => self.connections.acquire().await.ok(),
            };
            let started = Instant::now();
            self.requests.fetch_add(1, Ordering::Relaxed);
            let rest = self.time_budget.saturating_sub(attempts.elapsed);
            let (outcome, mut response) = recorded(tokio::time::timeout(rest, attempt())).await;
            // Before a pause, so that others can use the connection.
            drop(permit);
            let error = match outcome {
                Ok(Ok(value)) => return Ok(Outcome::Done(value)),
                Ok(Err(error)) => error,
                Err(_) => {
                    let message = format!("there was no answer within {:?}", self.time_budget);
                    response.failure = Some((HttpFailureKind::TimedOut, message));
                    credentials_error("timed out".to_owned())
                }
            };
            if let Some(outcome) = expected(&error, &response) {
                return Ok(outcome);
            }
            attempts.failed(&response, started.elapsed());
            match judge(&response, attempts, random::fraction()) {
                Verdict::Retry(pause) => {
                    tokio::time::sleep(pause).await;
                    attempts.elapsed += pause;
                }
                Verdict::Renew => {
                    attempts.renewals += 1;
                    if let Some(renewable) = &self.renewable {
                        renewable.expired(started).await;
                    }
                }
                // Only the answer to a create shows that the store cannot hold records.
                Verdict::Final(RemoteKind::NotAtomic) if subject.what != "written" => {
                    return Err(explained(RemoteKind::Answer, &error, &response, attempts));
                }
                Verdict::Final(kind) => return Err(explained(kind, &error, &response, attempts)),
            }
        }
    }
}

/// Returns the outcome of an error that callers expect.
fn expected<T>(error: &object_store::Error, response: &Response) -> Option<Outcome<T>> {
    if response.failure.is_some() || response.service == Service::Credentials {
        return None;
    }
    let no_bucket = matches!(response.code.as_str(), "NoSuchBucket" | "ContainerNotFound");
    match (error, response.status) {
        (object_store::Error::NotFound { .. }, _) if !no_bucket => Some(Outcome::Missing),
        (object_store::Error::AlreadyExists { .. }, Some(412 | 304)) => Some(Outcome::Exists),
        // Azure's answer to the second creator. The same status with another meaning has another code.
        (object_store::Error::AlreadyExists { .. }, Some(409)) if response.code == "BlobAlreadyExists" => {
            Some(Outcome::Exists)
        }
        (_, Some(416)) => Some(Outcome::Exists),
        _ => None,
    }
}

/// Describes the last answer and the number of attempts.
fn explained(
    kind: RemoteKind,
    error: &object_store::Error,
    response: &Response,
    attempts: Attempts,
) -> RemoteFailure {
    let mut message = match (&response.failure, response.status) {
        (Some((_, message)), _) => message.clone(),
        (None, Some(status)) if status >= 300 && response.service == Service::Credentials => {
            format!(
                "there are no credentials: status {status} {} {}",
                response.code, response.message
            )
        }
        (None, Some(status)) if status >= 300 => {
            format!(
                "the server answered {status} {} {}",
                response.code, response.message
            )
        }
        _ => error.to_string(),
    }
    .trim_end()
    .to_owned();
    if let (RemoteKind::Region, Some(region)) = (kind, &response.region) {
        message.push_str(&format!(" (the bucket is in {region})"));
    }
    if attempts.count > 1 {
        message.push_str(&format!(
            " ({} attempts in {:.1} s)",
            attempts.count,
            attempts.elapsed.as_secs_f64()
        ));
    }
    RemoteFailure::new(kind, message)
}

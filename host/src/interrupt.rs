//! A request that a run ends.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How often everything that waits checks whether it must end: the longest delay of an interrupt.
pub(crate) const TICK: Duration = Duration::from_millis(20);

/// A request that a run ends. Clones share one state, so it can be set from a signal handler's thread.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<OnceLock<Instant>>);

impl Interrupt {
    /// Asks the run that was given this to end soon, with [`Error::Interrupted`](crate::Error::Interrupted). An attach that
    /// has begun to rename files into place is completed first.
    pub fn set(&self) {
        self.0.get_or_init(Instant::now);
    }

    /// Returns whether the end was asked for.
    pub fn is_set(&self) -> bool {
        self.0.get().is_some()
    }

    /// Returns how long ago it was set.
    pub(crate) fn since(&self) -> Option<Duration> {
        self.0.get().map(Instant::elapsed)
    }
}

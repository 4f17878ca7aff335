//! The wish that a run ends.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Asks a run to end. Cloned freely; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<OnceLock<Instant>>);

impl Interrupt {
    /// Ends the run that was given this, soon and with [`Error::Interrupted`](crate::Error::Interrupted). An attach that has
    /// begun to give files their names is completed first.
    pub fn set(&self) {
        self.0.get_or_init(Instant::now);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.get().is_some()
    }

    /// Returns how long ago it was set.
    pub(crate) fn since(&self) -> Option<Duration> {
        self.0.get().map(Instant::elapsed)
    }
}

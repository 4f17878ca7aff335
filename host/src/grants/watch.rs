//! When a call into the component must end: at its time limit, or when somebody asks for it.

use std::time::Instant;

use crate::engine::Interrupt;
use crate::error::Error;

/// Why the host ends a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Ended {
    #[error("interrupted")]
    Interrupted,
    #[error("timed out")]
    TimedOut,
}

/// Watches one instance. Looked at by compiled loops of a foreign component, and at every call of a grant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    interrupt: Interrupt,
    deadline: Option<Instant>,
    limit: std::time::Duration,
}

impl Watch {
    pub(super) fn new(limit: std::time::Duration) -> Watch {
        Watch {
            limit,
            ..Watch::default()
        }
    }

    /// Starts to watch for an interrupt, and starts the clock.
    pub(crate) fn start(&mut self, interrupt: &Interrupt) {
        self.interrupt = interrupt.clone();
        self.deadline = Some(Instant::now() + self.limit);
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupt.is_set()
    }

    /// Starts the clock of the next call, unless the run is to end.
    pub(crate) fn restart(&mut self) -> Result<(), Error> {
        self.deadline = Some(Instant::now() + self.limit);
        if self.interrupt.is_set() {
            Err(Error::Interrupted)
        } else {
            Ok(())
        }
    }

    /// Fails where the call must end.
    pub(crate) fn check(&self) -> Result<(), Ended> {
        if self.interrupt.is_set() {
            return Err(Ended::Interrupted);
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(Ended::TimedOut),
            _ => Ok(()),
        }
    }
}

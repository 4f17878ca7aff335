//! When a call into the component must end: at its time limit, or when somebody asks for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::interrupt::Interrupt;

/// How long a call that must end may take to do so. One that takes longer is stuck in the host.
const GRACE: Duration = Duration::from_secs(2);
/// How long an interrupt waits for changes that have begun.
const CHANGES_TIME_MAX: Duration = Duration::from_secs(60);

/// Why the host ends a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Ended {
    #[error("interrupted")]
    Interrupted,
    #[error("timed out")]
    TimedOut,
}

/// Watches one instance. Looked at by compiled loops of a foreign component, at every call of a grant, and by the thread
/// that waits for the instance. All clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    interrupt: Interrupt,
    limit: Duration,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Absent where the limit is longer than the clock has room for.
    deadline: Option<Instant>,
    may_begin_changes: bool,
    has_begun_changes: bool,
}

impl Watch {
    /// Watches for an interrupt from now on, and starts the clock.
    pub(crate) fn new(limit: Duration, interrupt: Interrupt) -> Watch {
        let watch = Watch {
            interrupt,
            limit,
            state: Arc::default(),
        };
        watch.state().deadline = Instant::now().checked_add(limit);
        watch
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how long a call may take.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// Whether the run is to end, and the call with it.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupt.is_set() && !self.state().has_begun_changes
    }

    /// Starts the clock of the next call, unless the run is to end. Says whether this call may begin changes.
    pub(crate) fn restart(&self, may_begin_changes: bool) -> Result<(), Error> {
        *self.state() = State {
            deadline: Instant::now().checked_add(self.limit),
            may_begin_changes,
            has_begun_changes: false,
        };
        match self.interrupt.is_set() {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    }

    /// Lets the call come to its end although the run is interrupted, and starts its clock again: once in a call that may.
    /// Returns whether it may.
    pub(crate) fn begin_changes(&self) -> bool {
        let mut state = self.state();
        let may_begin = std::mem::take(&mut state.may_begin_changes);
        if may_begin {
            state.has_begun_changes = true;
            state.deadline = Instant::now().checked_add(self.limit);
        }
        may_begin
    }

    /// Fails where the call must end.
    pub(crate) fn check(&self) -> Result<(), Ended> {
        self.must_end_since(Duration::ZERO).map_or(Ok(()), Err)
    }

    /// Returns why the call had to end, where it has not done so for so long that it is stuck.
    pub(crate) fn overdue(&self) -> Option<Ended> {
        self.must_end_since(GRACE)
    }

    fn must_end_since(&self, time: Duration) -> Option<Ended> {
        let state = self.state();
        let patience = match state.has_begun_changes {
            true => CHANGES_TIME_MAX,
            false => Duration::ZERO,
        };
        if self
            .interrupt
            .since()
            .is_some_and(|since| since >= patience + time)
        {
            return Some(Ended::Interrupted);
        }
        let overdue = state.deadline.and_then(|deadline| deadline.checked_add(time));
        overdue
            .is_some_and(|overdue| Instant::now() >= overdue)
            .then_some(Ended::TimedOut)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn an_interrupt_ends_a_call_unless_it_has_begun_changes() {
        let interrupt = Interrupt::default();
        let watch = Watch::new(Duration::from_secs(100), interrupt.clone());
        watch.restart(true).unwrap();
        assert_eq!(watch.check(), Ok(()));
        interrupt.set();
        assert_eq!(watch.check(), Err(Ended::Interrupted));
        // It is not stuck yet.
        assert_eq!(watch.overdue(), None);
        assert!(watch.begin_changes());
        assert!(!watch.begin_changes(), "only once");
        assert_eq!(watch.check(), Ok(()));
        assert!(!watch.is_interrupted());
        assert!(matches!(watch.restart(true), Err(Error::Interrupted)));
        assert!(watch.is_interrupted());
        let _ = watch.restart(false);
        assert!(!watch.begin_changes());
    }

    #[test]
    fn the_clock_starts_again_with_every_call_and_has_no_largest_time() {
        let watch = Watch::new(Duration::ZERO, Interrupt::default());
        assert_eq!(watch.check(), Err(Ended::TimedOut));
        assert_eq!(watch.overdue(), None);
        let watch = Watch::new(Duration::MAX, Interrupt::default());
        watch.restart(false).unwrap();
        assert_eq!(watch.check(), Ok(()));
    }
}

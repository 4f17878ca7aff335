//! Writes large objects in the background.
//!
//! A worker that waited for the disk or the network after every pack would spend more time waiting than on the pack. So a pack
//! is written on a thread of its own, and every operation that depends on it waits first: a read, and above all the write of
//! the next small object, which may be the record that points to the pack.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

type Job<E> = Box<dyn FnOnce() -> Result<(), E> + Send>;

/// A failure that is returned to every caller.
pub(super) trait Repeat {
    /// Returns the same failure another time.
    fn repeat(&self) -> Self;
}

impl Repeat for io::Error {
    /// Keeps the number of a system error, which decides its message.
    fn repeat(&self) -> io::Error {
        match self.raw_os_error() {
            Some(number) => io::Error::from_raw_os_error(number),
            None => io::Error::new(self.kind(), self.to_string()),
        }
    }
}

struct State<E> {
    queue: VecDeque<Job<E>>,
    running: usize,
    started: usize,
    /// The first failure. It is kept: a later object must not point to objects that may be missing.
    failed: Option<E>,
}

/// Runs writes in the background, and waits for them.
pub(super) struct BackgroundWrites<E> {
    shared: Arc<(Mutex<State<E>>, Condvar)>,
    threads: usize,
    pending_max: usize,
}

impl<E> Clone for BackgroundWrites<E> {
    fn clone(&self) -> BackgroundWrites<E> {
        BackgroundWrites {
            shared: Arc::clone(&self.shared),
            ..*self
        }
    }
}

impl<E> std::fmt::Debug for BackgroundWrites<E> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("BackgroundWrites")
    }
}

impl<E: Repeat + From<io::Error> + Send + 'static> BackgroundWrites<E> {
    /// Returns an instance with at most this many threads. A writer with `pending_max` unfinished jobs waits, which bounds the
    /// memory.
    pub(super) fn new(threads: usize, pending_max: usize) -> BackgroundWrites<E> {
        let state = State {
            queue: VecDeque::new(),
            running: 0,
            started: 0,
            failed: None,
        };
        BackgroundWrites {
            shared: Arc::new((Mutex::new(state), Condvar::new())),
            threads,
            pending_max,
        }
    }

    fn state(&self) -> MutexGuard<'_, State<E>> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_change<'a>(&'a self, state: MutexGuard<'a, State<E>>) -> MutexGuard<'a, State<E>> {
        self.shared.1.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a job. Fails if an earlier one failed.
    pub(super) fn start(&self, job: Job<E>) -> Result<(), E> {
        let mut state = self.state();
        while state.queue.len() + state.running >= self.pending_max {
            state = self.next_change(state);
        }
        check(&state)?;
        if state.started < self.threads {
            let writes = self.clone();
            let started = thread::Builder::new()
                .name("store-write".to_owned())
                .spawn(move || writes.work());
            match started {
                Ok(_) => state.started += 1,
                // The running threads do it, if there are any.
                Err(error) if state.started == 0 => return Err(error.into()),
                Err(_) => {}
            }
        }
        state.queue.push_back(job);
        drop(state);
        self.shared.1.notify_all();
        Ok(())
    }

    /// Waits until a job can start at once.
    pub(super) fn wait_for_room(&self) {
        let mut state = self.state();
        while state.queue.len() + state.running >= self.pending_max {
            state = self.next_change(state);
        }
    }

    /// Waits until every job is done. Fails if one failed.
    pub(super) fn wait(&self) -> Result<(), E> {
        let mut state = self.state();
        while !state.queue.is_empty() || state.running > 0 {
            state = self.next_change(state);
        }
        check(&state)
    }

    /// Runs jobs until there are none; the next one starts another thread.
    fn work(&self) {
        let mut state = self.state();
        while let Some(job) = state.queue.pop_front() {
            state.running += 1;
            drop(state);
            // A job that panics must not block the callers that wait for its end.
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job))
                .unwrap_or_else(|_| Err(io::Error::other("a background write panicked").into()));
            state = self.state();
            state.running -= 1;
            if let Err(error) = outcome {
                state.failed.get_or_insert(error);
            }
            self.shared.1.notify_all();
        }
        state.started -= 1;
    }
}

/// Returns the failure of the first job that failed.
fn check<E: Repeat>(state: &State<E>) -> Result<(), E> {
    match &state.failed {
        None => Ok(()),
        Some(error) => Err(error.repeat()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn waiting_ends_when_every_job_is_done() {
        let (writes, done) = (
            BackgroundWrites::<io::Error>::new(2, 8),
            Arc::new(AtomicUsize::new(0)),
        );
        for _ in 0..50 {
            let done = Arc::clone(&done);
            let job = move || {
                thread::sleep(Duration::from_millis(1));
                done.fetch_add(1, Ordering::Relaxed);
                Ok(())
            };
            writes.start(Box::new(job)).unwrap();
        }
        writes.wait().unwrap();
        assert_eq!(done.load(Ordering::Relaxed), 50);
    }

    #[test]
    fn a_failure_is_never_forgotten() {
        let writes = BackgroundWrites::<io::Error>::new(2, 8);
        let full = || {
            Err(io::Error::from_raw_os_error(
                rustix::io::Errno::NOSPC.raw_os_error(),
            ))
        };
        writes.start(Box::new(full)).unwrap();
        for _ in 0..2 {
            assert_eq!(writes.wait().unwrap_err().kind(), io::ErrorKind::StorageFull);
        }
        assert!(writes.start(Box::new(|| Ok(()))).is_err());
    }
}

//! Stores large objects in the background.
//!
//! A worker that waited for the disk or the network after every pack would spend more time on that than on the pack. So a
//! pack is stored on a thread of its own, and everybody who could notice waits for it first: a reader, and above all the
//! writer of the next small object, which may be the record that points to the pack.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

type Job<E> = Box<dyn FnOnce() -> Result<(), E> + Send>;

/// A failure that is told to everybody who asks.
pub(super) trait Again {
    /// Returns the same failure once more.
    fn again(&self) -> Self;
}

impl Again for io::Error {
    /// An error of the system keeps its number, by which it is explained.
    fn again(&self) -> io::Error {
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
    /// The first failure. It stays: an object that is written later must not point to objects that may be missing.
    failed: Option<E>,
}

/// Runs jobs in the background, and waits for them.
pub(super) struct Settling<E> {
    shared: Arc<(Mutex<State<E>>, Condvar)>,
    threads: usize,
    pending_max: usize,
}

impl<E> Clone for Settling<E> {
    fn clone(&self) -> Settling<E> {
        Settling {
            shared: Arc::clone(&self.shared),
            ..*self
        }
    }
}

impl<E> std::fmt::Debug for Settling<E> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Settling")
    }
}

impl<E: Again + From<io::Error> + Send + 'static> Settling<E> {
    /// Returns one with so many threads. A writer that is `pending_max` jobs ahead of them waits, so that what is not
    /// stored yet stays small.
    pub(super) fn new(threads: usize, pending_max: usize) -> Settling<E> {
        let state = State {
            queue: VecDeque::new(),
            running: 0,
            started: 0,
            failed: None,
        };
        Settling {
            shared: Arc::new((Mutex::new(state), Condvar::new())),
            threads,
            pending_max,
        }
    }

    fn state(&self) -> MutexGuard<'_, State<E>> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&'a self, state: MutexGuard<'a, State<E>>) -> MutexGuard<'a, State<E>> {
        self.shared.1.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `job` soon. Fails where an earlier one has.
    pub(super) fn start(&self, job: Job<E>) -> Result<(), E> {
        let mut state = self.state();
        while state.queue.len() + state.running >= self.pending_max {
            state = self.wait(state);
        }
        check(&state)?;
        if state.started < self.threads {
            let settling = self.clone();
            let started = thread::Builder::new()
                .name("store-settling".to_owned())
                .spawn(move || settling.work());
            match started {
                Ok(_) => state.started += 1,
                // The others do it, if there are any.
                Err(error) if state.started == 0 => return Err(error.into()),
                Err(_) => {}
            }
        }
        state.queue.push_back(job);
        drop(state);
        self.shared.1.notify_all();
        Ok(())
    }

    /// Waits until a job could be started at once.
    pub(super) fn wait_for_room(&self) {
        let mut state = self.state();
        while state.queue.len() + state.running >= self.pending_max {
            state = self.wait(state);
        }
    }

    /// Waits until every job is done. Fails where one has.
    pub(super) fn settle(&self) -> Result<(), E> {
        let mut state = self.state();
        while !state.queue.is_empty() || state.running > 0 {
            state = self.wait(state);
        }
        check(&state)
    }

    /// Does jobs until there are none; the next one starts another thread.
    fn work(&self) {
        let mut state = self.state();
        while let Some(job) = state.queue.pop_front() {
            state.running += 1;
            drop(state);
            // A job that panics must not leave everybody waiting for its end.
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job))
                .unwrap_or_else(|_| Err(io::Error::other("a put in the background ended in a panic").into()));
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

/// Fails as the first job that failed.
fn check<E: Again>(state: &State<E>) -> Result<(), E> {
    match &state.failed {
        None => Ok(()),
        Some(error) => Err(error.again()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn settled_means_that_every_job_is_done() {
        let (settling, done) = (Settling::<io::Error>::new(2, 8), Arc::new(AtomicUsize::new(0)));
        for _ in 0..50 {
            let done = Arc::clone(&done);
            let job = move || {
                thread::sleep(Duration::from_millis(1));
                done.fetch_add(1, Ordering::Relaxed);
                Ok(())
            };
            settling.start(Box::new(job)).unwrap();
        }
        settling.settle().unwrap();
        assert_eq!(done.load(Ordering::Relaxed), 50);
    }

    #[test]
    fn a_failure_is_never_forgotten() {
        let settling = Settling::<io::Error>::new(2, 8);
        let full = || {
            Err(io::Error::from_raw_os_error(
                rustix::io::Errno::NOSPC.raw_os_error(),
            ))
        };
        settling.start(Box::new(full)).unwrap();
        for _ in 0..2 {
            assert_eq!(settling.settle().unwrap_err().kind(), io::ErrorKind::StorageFull);
        }
        assert!(settling.start(Box::new(|| Ok(()))).is_err());
    }
}

//! Makes large objects durable behind the writer's back.
//!
//! A worker that waited for the disk after every pack would spend more time on that than on the pack. So a pack is synced
//! and named on a thread of its own, and everybody who could notice waits for it first: a reader, and above all the
//! writer of the next small object, which may be the record that points to the pack.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Two overlap one pack's write with the other's flush; more only queue up at the disk.
const THREADS: usize = 2;
/// A writer that is this far ahead of the disk waits, so that what is not written yet stays small.
const PENDING_MAX: usize = 8;

type Job = Box<dyn FnOnce() -> io::Result<()> + Send>;

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    running: usize,
    started: usize,
    /// The first failure. It stays: whatever is written later must not be trusted to point to what is there.
    failed: Option<(io::ErrorKind, Option<i32>, String)>,
}

/// Runs jobs in the background, and waits for them.
#[derive(Clone, Default)]
pub(super) struct Settling {
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl std::fmt::Debug for Settling {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Settling")
    }
}

impl Settling {
    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.shared.1.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `job` soon. Fails where an earlier one has.
    pub(super) fn start(&self, job: Job) -> io::Result<()> {
        let mut state = self.state();
        while state.queue.len() + state.running >= PENDING_MAX {
            state = self.wait(state);
        }
        check(&state)?;
        state.queue.push_back(job);
        if state.started < THREADS {
            state.started += 1;
            let settling = self.clone();
            thread::Builder::new()
                .name("store-settling".to_owned())
                .spawn(move || settling.work())?;
        }
        drop(state);
        self.shared.1.notify_all();
        Ok(())
    }

    /// Waits until every job is done. Fails where one has.
    pub(super) fn settle(&self) -> io::Result<()> {
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
            let outcome = job();
            state = self.state();
            state.running -= 1;
            if let Err(error) = outcome {
                state
                    .failed
                    .get_or_insert((error.kind(), error.raw_os_error(), error.to_string()));
            }
            self.shared.1.notify_all();
        }
        state.started -= 1;
    }
}

/// Returns the first failure again. An error of the system keeps its number, by which it is explained.
fn check(state: &State) -> io::Result<()> {
    match &state.failed {
        None => Ok(()),
        Some((_, Some(number), _)) => Err(io::Error::from_raw_os_error(*number)),
        Some((kind, None, message)) => Err(io::Error::new(*kind, message.clone())),
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
        let (settling, done) = (Settling::default(), Arc::new(AtomicUsize::new(0)));
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
        let settling = Settling::default();
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

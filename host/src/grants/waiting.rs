//! The import `waiting`: a pause that is reported to the user, and that the user can end.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::Grants;
use crate::bindings::waiting::Host;
use crate::interrupt::TICK;

/// As the WIT says.
const WAIT_MS_MAX: u64 = 600_000;

type Hear = dyn Fn(Duration, &str) + Send + Sync;

/// A callback before the run waits for a server: for how long, and why, in a few words. Several threads call it at once.
#[derive(Clone)]
pub struct OnWait(Arc<Hear>);

impl OnWait {
    /// Calls this at the beginning of every wait.
    pub fn new(hear: impl Fn(Duration, &str) + Send + Sync + 'static) -> OnWait {
        OnWait(Arc::new(hear))
    }
}

impl fmt::Debug for OnWait {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OnWait")
    }
}

impl Host for Grants {
    fn wait(&mut self, ms: u64, why: String) -> wasmtime::Result<()> {
        let time = Duration::from_millis(ms.min(WAIT_MS_MAX));
        if let Some(OnWait(hear)) = &self.on_wait {
            hear(time, &why);
        }
        let end = Instant::now() + time;
        loop {
            self.watch.check()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(TICK));
        }
    }
}

//! Ctrl-C, and the signal with which a runner ends a job.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use baton_host::Interrupt;

use super::failure::Failure;

/// The exit code of a command that a second signal ends: what shells show for Ctrl-C.
const ENDED_AT_ONCE: i32 = 130;

/// Lets the first signal end a run in order, and the second one end the process at once.
pub(crate) fn interrupt() -> Result<Interrupt, Failure> {
    let interrupt = Interrupt::default();
    let on_signal = interrupt.clone();
    let is_first = AtomicBool::new(true);
    ctrlc::set_handler(move || {
        if !is_first.swap(false, Ordering::Relaxed) {
            std::process::exit(ENDED_AT_ONCE);
        }
        on_signal.set();
    })
    .context("cannot handle signals")?;
    Ok(interrupt)
}

//! What a component may use up.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// The limits of one instance, and whether it ran into the one on memory.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) memory_bytes_max: usize,
    pub(crate) call_time_max: Duration,
    pub(crate) handles_max: usize,
    pub(crate) memory_refused: bool,
}

impl ResourceLimiter for Limits {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let granted = desired <= self.memory_bytes_max;
        self.memory_refused |= !granted;
        Ok(granted)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // A component's table of functions has a fixed size; this is room for one a hundred times as large as ours.
        Ok(desired <= 100_000)
    }
}

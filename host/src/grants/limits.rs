//! The limits of a component.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// An instance of the component has this many core instances, tables and memories at most: several times what baton's has.
/// Uncounted things have no limit, however small each is.
const INSTANCES_MAX: usize = 100;
const TABLES_MAX: usize = 20;
const MEMORIES_MAX: usize = 10;
/// All tables of an instance together. The component's table of functions has a fixed size: this is room for one a hundred
/// times as large.
const TABLE_ELEMENTS_MAX: usize = 100_000;

/// The limits of one instance of the component, and what it has used of them.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) memory_bytes_max: usize,
    pub(crate) call_time_max: Duration,
    pub(crate) handles_max: usize,
    used: Used,
}

#[derive(Debug, Clone, Copy, Default)]
struct Used {
    /// Of all memories.
    memory_bytes: usize,
    /// Of all tables.
    table_elements: usize,
    memory_refused: bool,
}

impl Limits {
    pub(crate) fn new(memory_bytes_max: usize, call_time_max: Duration, handles_max: usize) -> Limits {
        Limits {
            memory_bytes_max,
            call_time_max,
            handles_max,
            used: Used::default(),
        }
    }

    /// Whether the component asked for more memory than it may have.
    pub(crate) fn memory_refused(&self) -> bool {
        self.used.memory_refused
    }
}

/// Adds growth to what is used, if the sum is within the limit.
fn grow(used: &mut usize, current: usize, desired: usize, limit: usize) -> bool {
    let sum = used.saturating_add(desired.saturating_sub(current));
    let granted = sum <= limit;
    if granted {
        *used = sum;
    }
    granted
}

impl ResourceLimiter for Limits {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // wasmtime asks for each memory by itself: a component with many would have the limit many times.
        let granted = grow(
            &mut self.used.memory_bytes,
            current,
            desired,
            self.memory_bytes_max,
        );
        self.used.memory_refused |= !granted;
        Ok(granted)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(grow(
            &mut self.used.table_elements,
            current,
            desired,
            TABLE_ELEMENTS_MAX,
        ))
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn all_memories_and_all_tables_are_summed() {
        let mut limits = Limits::new(100, Duration::from_secs(1), 1);
        assert!(limits.memory_growing(0, 60, None).unwrap());
        assert!(!limits.memory_growing(0, 60, None).unwrap());
        assert!(limits.memory_refused());
        assert!(limits.memory_growing(60, 100, None).unwrap());
        assert!(!limits.memory_growing(0, 1, None).unwrap());
        assert!(limits.table_growing(0, TABLE_ELEMENTS_MAX, None).unwrap());
        assert!(!limits.table_growing(0, 1, None).unwrap());
    }
}

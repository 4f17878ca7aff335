//! A sort of more than fits into memory: sorted runs go to the scratch space, and are merged as they are read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::ports::Scratch;
use crate::scratch_list::{Items, ScratchList, ScratchWriter};

/// The most bytes that a sort holds in memory.
pub(super) const SORT_BYTES: usize = 12 << 20;
/// A page of a sorted run. Of each run, one is in memory while the runs are merged.
const RUN_PAGE_BYTES: usize = 128 << 10;

/// Sorts more than fits into memory: sorted runs go to the scratch space, and are merged as they are read.
pub struct Sorter<'a, T> {
    scratch: &'a dyn Scratch,
    open: Vec<T>,
    open_bytes: usize,
    runs: Vec<ScratchList<T>>,
}

impl<'a, T: Ord + Serialize + DeserializeOwned> Sorter<'a, T> {
    /// Begins with nothing.
    pub fn new(scratch: &'a dyn Scratch) -> Sorter<'a, T> {
        Sorter {
            scratch,
            open: Vec::new(),
            open_bytes: 0,
            runs: Vec::new(),
        }
    }

    /// Adds an item that takes about so many bytes of memory.
    pub fn push(&mut self, item: T, bytes: usize) -> Result<()> {
        self.open.push(item);
        self.open_bytes += bytes;
        if self.open_bytes >= SORT_BYTES {
            self.end_run()?;
        }
        Ok(())
    }

    fn end_run(&mut self) -> Result<()> {
        self.open.sort_unstable();
        let mut run = ScratchWriter::with_pages(self.scratch, RUN_PAGE_BYTES);
        for item in self.open.drain(..) {
            run.push(&item)?;
        }
        self.runs.push(run.close()?);
        self.open_bytes = 0;
        Ok(())
    }

    /// Returns all items in ascending order.
    pub fn sorted(mut self) -> Result<Sorted<'a, T>> {
        if self.runs.is_empty() {
            self.open.sort_unstable();
            return Ok(Sorted {
                memory: self.open.into_iter(),
                runs: Vec::new(),
                heads: BinaryHeap::new(),
            });
        }
        self.end_run()?;
        let mut runs: Vec<Items<'a, T>> = self.runs.iter().map(|run| run.items(self.scratch)).collect();
        let mut heads = BinaryHeap::new();
        for (number, run) in runs.iter_mut().enumerate() {
            heads.extend(run.next().transpose()?.map(|item| Reverse((item, number))));
        }
        Ok(Sorted {
            memory: Vec::new().into_iter(),
            runs,
            heads,
        })
    }
}

/// Sorted items.
pub struct Sorted<'a, T> {
    memory: std::vec::IntoIter<T>,
    runs: Vec<Items<'a, T>>,
    heads: BinaryHeap<Reverse<(T, usize)>>,
}

impl<T: Ord + DeserializeOwned> Sorted<'_, T> {
    fn merged(&mut self) -> Result<Option<T>> {
        let Some(Reverse((item, number))) = self.heads.pop() else {
            return Ok(None);
        };
        let run = self
            .runs
            .get_mut(number)
            .ok_or_else(|| Error::internal("an item of no run"))?;
        self.heads
            .extend(run.next().transpose()?.map(|next| Reverse((next, number))));
        Ok(Some(item))
    }
}

impl<T: Ord + DeserializeOwned> Iterator for Sorted<'_, T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        match self.memory.next() {
            Some(item) => Some(Ok(item)),
            None => self.merged().transpose(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::testing::MemoryScratch;

    fn long(number: u32) -> (u32, String) {
        (number, "x".repeat(number as usize % 5000))
    }

    #[test]
    fn a_sort_is_the_same_in_memory_and_in_runs() {
        for bytes in [1, SORT_BYTES / 7] {
            let mut sorter = Sorter::new(&MemoryScratch);
            for number in 0..1000u32 {
                sorter.push(long(number * 7919 % 1000), bytes).unwrap();
            }
            let sorted: Vec<_> = sorter.sorted().unwrap().map(Result::unwrap).collect();
            assert_eq!(sorted, (0..1000).map(long).collect::<Vec<_>>());
        }
    }
}

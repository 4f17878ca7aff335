//! The outcomes of all workers, gathered.

use std::collections::{HashMap, HashSet};

use super::item::{Item, Outcome, StoredAs, StoredItems};
use super::repair::repair;
use super::worker::Worker;
use crate::error::Result;
use crate::id::{Digest, PackId};
use crate::pack::Packs;
use crate::ports::{Files, Scratch, Store};

/// The outcomes of the workers, and later corrections of them.
pub(super) struct Gathered<'a> {
    scratch: &'a dyn Scratch,
    /// In path order.
    pub(super) tasks: Vec<StoredItems>,
    /// By the number of the writer.
    pub(super) packs: HashMap<u32, Packs>,
    /// Writers whose packs have names that never were.
    salted: HashSet<u32>,
    pub(super) stored_bytes: u64,
}

impl<'a> Gathered<'a> {
    pub(super) fn read(scratch: &'a dyn Scratch, outcomes: &[Vec<u8>]) -> Result<Gathered<'a>> {
        let mut gathered = Gathered {
            scratch,
            tasks: Vec::new(),
            packs: HashMap::new(),
            salted: HashSet::new(),
            stored_bytes: 0,
        };
        for outcome in outcomes {
            match crate::wire::read(outcome)? {
                Outcome::Task(stored) => gathered.tasks.push(stored),
                Outcome::Closed {
                    writer,
                    packs,
                    stored_bytes,
                } => {
                    let packs = packs.items(scratch).collect::<Result<_>>()?;
                    gathered.packs.insert(writer, packs);
                    gathered.stored_bytes += stored_bytes;
                }
            }
        }
        Ok(gathered)
    }

    /// Returns what became of each item, in path order.
    pub(super) fn items(&self) -> impl Iterator<Item = Result<(Item, StoredAs)>> {
        self.tasks.iter().flat_map(|task| task.items(self.scratch))
    }

    /// Stores some chunks again, as the writer of this number. Returns the bytes stored.
    pub(super) fn store_again(
        &mut self,
        store: &impl Store,
        files: &impl Files,
        unusable: &HashSet<super::repair::ChunkName>,
        writer: u32,
        salt: Option<Digest>,
    ) -> Result<u64> {
        if unusable.is_empty() {
            return Ok(0);
        }
        let mut worker = Worker::without_base(writer, salt);
        self.tasks = repair(store, files, self.scratch, unusable, &mut worker, &self.tasks)?;
        let (packs, bytes) = worker.into_packs(store)?;
        self.packs.insert(writer, packs);
        if salt.is_some() {
            self.salted.insert(writer);
        }
        self.stored_bytes += bytes;
        Ok(bytes)
    }

    /// Returns the packs that may have names of earlier packs.
    pub(super) fn unsalted(&self) -> impl Iterator<Item = PackId> {
        let unsalted = self
            .packs
            .iter()
            .filter(|(writer, _)| !self.salted.contains(writer));
        unsalted.flat_map(|(_, packs)| packs).map(|(id, _)| *id)
    }
}

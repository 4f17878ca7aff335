//! The expectations that trees have of packs, cut into tasks.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::external_sort::Sorter;
use crate::id::{Digest, PackId, TreeId};
use crate::ports::{Scratch, Store};
use crate::scratch_list::{ScratchList, ScratchWriter};
use crate::transfer_plan::Task;
use crate::tree::{Content, Entries, Entry, Located, Location, Table};

/// A task is closed by the pack that gives it this many. A pack without its data takes one request.
const TASK_PACKS: usize = 64;

/// A chunk as a tree describes it: offset, length, raw length, and the digest of a slice.
pub(super) type ChunkIn = (u64, u32, u32, Option<Digest>);
/// A part of a chunk as a file describes it: its start, length and digest.
pub(super) type Piece = (u32, u32, Digest);
/// All that trees say of one pack.
pub(super) type Chunks = BTreeMap<ChunkIn, BTreeSet<Piece>>;

/// The task of a worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum TaskIn {
    /// Looks how long packs are. Each with the length that trees need.
    Lengths(Vec<(PackId, u64)>),
    /// Reads a pack.
    Data(PackId, ScratchList<(ChunkIn, Option<Piece>)>),
}

/// A chunk as a tree describes it, or one piece of it.
pub(super) type Expectation = (ChunkIn, Option<Piece>);
/// The expectations that trees have of packs.
pub(super) struct Expectations<'s> {
    of: ExpectationsOf<'s>,
    /// Parts that were seen: the trees of one branch share most of them.
    parts: HashSet<TreeId>,
}

enum ExpectationsOf<'s> {
    /// The minimum length of each.
    Lengths(BTreeMap<PackId, u64>),
    Data(Sorter<'s, (PackId, Expectation)>),
}

impl<'s> Expectations<'s> {
    pub(super) fn new(scratch: &'s dyn Scratch, data: bool) -> Expectations<'s> {
        Expectations {
            of: match data {
                true => ExpectationsOf::Data(Sorter::new(scratch)),
                false => ExpectationsOf::Lengths(BTreeMap::new()),
            },
            parts: HashSet::new(),
        }
    }

    /// Adds what a tree says. Returns its packs.
    pub(super) fn add(&mut self, store: &impl Store, id: &TreeId) -> Result<Vec<PackId>> {
        let mut used = HashSet::new();
        let mut entries = Entries::open(store, id)?;
        let mut last: Option<Rc<Table>> = None;
        let mut is_new = false;
        while let Some(Located { entry, table }) = entries.next_entry()? {
            if !last.as_ref().is_some_and(|last| Rc::ptr_eq(last, &table)) {
                is_new = entries
                    .objects()
                    .last()
                    .is_some_and(|part| self.parts.insert(*part));
                used.extend(&table.packs);
                if is_new {
                    self.add_table(&table)?;
                }
                last = Some(Rc::clone(&table));
            }
            if is_new {
                self.add_piece(&entry, &table)?;
            }
        }
        Ok(used.into_iter().collect())
    }

    fn add_table(&mut self, table: &Table) -> Result<()> {
        for chunk in &table.chunks {
            let Some(pack) = table.packs.get(chunk.pack as usize) else {
                continue;
            };
            match &mut self.of {
                ExpectationsOf::Lengths(lengths) => {
                    let length = lengths.entry(*pack).or_default();
                    *length = chunk.offset.saturating_add(u64::from(chunk.length)).max(*length);
                }
                ExpectationsOf::Data(expectations) => {
                    let chunk = (chunk.offset, chunk.length, chunk.raw_length, chunk.digest);
                    expectations.push((*pack, (chunk, None)), EXPECTATION_BYTES)?;
                }
            }
        }
        Ok(())
    }

    fn add_piece(&mut self, entry: &Entry, table: &Table) -> Result<()> {
        if let ExpectationsOf::Data(expectations) = &mut self.of
            && let Content::File {
                size,
                digest,
                location: Location::Bundle { chunk, offset },
            } = &entry.content
        {
            let chunk = table.chunk(*chunk)?;
            let expectation = (
                (chunk.offset, chunk.length, chunk.raw_length, chunk.digest),
                Some((*offset, *size as u32, *digest)),
            );
            expectations.push((*table.pack(chunk)?, expectation), EXPECTATION_BYTES)?;
        }
        Ok(())
    }

    /// Returns the tasks, and how many packs they are extent.
    pub(super) fn tasks(self, scratch: &dyn Scratch) -> Result<(Vec<Task>, u64)> {
        match self.of {
            ExpectationsOf::Lengths(lengths) => {
                let all: Vec<(PackId, u64)> = lengths.into_iter().collect();
                let task = |packs: &[(PackId, u64)]| {
                    Ok(Task {
                        files: packs.len() as u64,
                        bytes: packs.iter().map(|(_, length)| *length).sum(),
                        payload: crate::wire::write(&TaskIn::Lengths(packs.to_vec()))?,
                    })
                };
                let tasks = all.chunks(TASK_PACKS).map(task).collect::<Result<_>>()?;
                Ok((tasks, all.len() as u64))
            }
            ExpectationsOf::Data(expectations) => {
                let mut tasks = Vec::new();
                let mut expectations = expectations.sorted()?.peekable();
                while let Some(expectation) = expectations.next() {
                    let (pack, mut expectation) = expectation?;
                    let (mut own, mut bytes) = (ScratchWriter::new(scratch), 0);
                    loop {
                        own.push(&expectation)?;
                        bytes += expectation.1.map_or(u64::from(expectation.0.1), |_| 0);
                        // Of trees that say the same, once.
                        let is_same = |next: &Result<(PackId, Expectation)>| {
                            next.as_ref().is_ok_and(|next| *next == (pack, expectation))
                        };
                        while expectations.next_if(is_same).is_some() {}
                        match expectations.next_if(|next| next.as_ref().map_or(true, |next| next.0 == pack)) {
                            Some(next) => expectation = next?.1,
                            None => break,
                        }
                    }
                    tasks.push(Task {
                        files: 1,
                        bytes,
                        payload: crate::wire::write(&TaskIn::Data(pack, own.close()?))?,
                    });
                }
                let packs = tasks.len() as u64;
                Ok((tasks, packs))
            }
        }
    }
}

/// The size of an expectation in memory.
const EXPECTATION_BYTES: usize = size_of::<(PackId, Expectation)>();

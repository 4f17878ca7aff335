//! What trees say of packs, cut into tasks.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::external_sort::Sorter;
use crate::id::{Digest, PackId, TreeId};
use crate::ports::{Scratch, Store};
use crate::scratch_list::{Spool, Spooled};
use crate::transfer_plan::Task;
use crate::tree::{Content, Entries, Entry, Located, Place, Table};

/// A task is closed by the pack that gives it this many. A pack without its data takes one request.
const TASK_PACKS: usize = 64;

/// What a tree says of one chunk: offset, length, raw length, and the digest of a slice.
pub(super) type ChunkIn = (u64, u32, u32, Option<Digest>);
/// What a file says of a part of a chunk: its start, length and digest.
pub(super) type Piece = (u32, u32, Digest);
/// All that trees say of one pack.
pub(super) type Chunks = BTreeMap<ChunkIn, BTreeSet<Piece>>;

/// What a worker does.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum TaskIn {
    /// Looks how long packs are. Each with the length that trees need.
    Lengths(Vec<(PackId, u64)>),
    /// Reads a pack.
    Data(PackId, Spooled<(ChunkIn, Option<Piece>)>),
}

/// What a tree says of a chunk, or of one piece of it.
pub(super) type Claim = (ChunkIn, Option<Piece>);
/// What trees say of packs.
pub(super) struct Claims<'s> {
    of: ClaimsOf<'s>,
    /// Parts that were seen: the trees of one branch share most of them.
    parts: HashSet<TreeId>,
}

enum ClaimsOf<'s> {
    /// How long each must be.
    Lengths(BTreeMap<PackId, u64>),
    Data(Sorter<'s, (PackId, Claim)>),
}

impl<'s> Claims<'s> {
    pub(super) fn new(scratch: &'s dyn Scratch, data: bool) -> Claims<'s> {
        Claims {
            of: match data {
                true => ClaimsOf::Data(Sorter::new(scratch)),
                false => ClaimsOf::Lengths(BTreeMap::new()),
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
                ClaimsOf::Lengths(lengths) => {
                    let length = lengths.entry(*pack).or_default();
                    *length = chunk.offset.saturating_add(u64::from(chunk.length)).max(*length);
                }
                ClaimsOf::Data(claims) => {
                    let chunk = (chunk.offset, chunk.length, chunk.raw_length, chunk.digest);
                    claims.push((*pack, (chunk, None)), CLAIM_BYTES)?;
                }
            }
        }
        Ok(())
    }

    fn add_piece(&mut self, entry: &Entry, table: &Table) -> Result<()> {
        if let ClaimsOf::Data(claims) = &mut self.of
            && let Content::File {
                size,
                digest,
                place: Place::Bundle { chunk, offset },
            } = &entry.content
        {
            let chunk = table.chunk(*chunk)?;
            let claim = (
                (chunk.offset, chunk.length, chunk.raw_length, chunk.digest),
                Some((*offset, *size as u32, *digest)),
            );
            claims.push((*table.pack(chunk)?, claim), CLAIM_BYTES)?;
        }
        Ok(())
    }

    /// Returns the tasks, and how many packs they are about.
    pub(super) fn tasks(self, scratch: &dyn Scratch) -> Result<(Vec<Task>, u64)> {
        match self.of {
            ClaimsOf::Lengths(lengths) => {
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
            ClaimsOf::Data(claims) => {
                let mut tasks = Vec::new();
                let mut claims = claims.sorted()?.peekable();
                while let Some(claim) = claims.next() {
                    let (pack, mut claim) = claim?;
                    let (mut own, mut bytes) = (Spool::new(scratch), 0);
                    loop {
                        own.push(&claim)?;
                        bytes += claim.1.map_or(u64::from(claim.0.1), |_| 0);
                        // Of trees that say the same, once.
                        let is_same = |next: &Result<(PackId, Claim)>| {
                            next.as_ref().is_ok_and(|next| *next == (pack, claim))
                        };
                        while claims.next_if(is_same).is_some() {}
                        match claims.next_if(|next| next.as_ref().map_or(true, |next| next.0 == pack)) {
                            Some(next) => claim = next?.1,
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

/// What a claim takes in memory.
const CLAIM_BYTES: usize = size_of::<(PackId, Claim)>();

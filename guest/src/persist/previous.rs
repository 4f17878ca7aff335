//! The previous revision of the build: its files stay, below those that are persisted now.

use std::collections::{HashMap, HashSet};

use super::assemble::Assembled;
use super::base::{Chunks, no_chunk};
use super::item::ChunkRef;
use super::pack_check::{PackCheck, lost_pack};
use crate::diff::same_content;
use crate::error::{Error, Result};
use crate::id::{PackId, TreeId};
use crate::path;
use crate::ports::Store;
use crate::record::Record;
use crate::tree::{Chunk, Content, Entries, Located, Location, Table, tables};

/// The previous revision: its files stay, except those that are persisted now.
pub(super) struct Previous {
    pub(super) tree: TreeId,
    /// The numbers of its chunks in the base, by pack and offset.
    numbers: HashMap<(PackId, u64), u32>,
    /// The packs that its tree uses.
    pub packs: HashSet<PackId>,
    /// The patterns that it was persisted with.
    pub covers: Vec<String>,
    /// Files that were lost and are stored again.
    pub restored: Restored,
}

impl Previous {
    /// Adds the chunks of the tree of `record` to the base.
    pub(super) fn of(store: &impl Store, record: &Record, base: &mut Chunks) -> Result<Previous> {
        let mut packs: HashMap<PackId, u32> = (0..).zip(&base.packs).map(|(at, id)| (*id, at)).collect();
        let mut numbers = HashMap::new();
        for (number, chunk) in (0..).zip(&base.chunks) {
            let id = base.packs.get(chunk.pack as usize).ok_or_else(no_chunk)?;
            numbers.insert((*id, chunk.offset), number);
        }
        let mut used = HashSet::new();
        let mut add = |table: &Table| {
            for chunk in &table.chunks {
                let Ok(id) = table.pack(chunk) else { continue };
                used.insert(*id);
                let pack = *packs.entry(*id).or_insert_with(|| {
                    base.packs.push(*id);
                    base.packs.len() as u32 - 1
                });
                numbers.entry((*id, chunk.offset)).or_insert_with(|| {
                    base.chunks.push(Chunk {
                        pack,
                        ..chunk.clone()
                    });
                    base.chunks.len() as u32 - 1
                });
            }
        };
        tables(store, &record.tree, &mut add)?;
        Ok(Previous {
            tree: record.tree,
            numbers,
            packs: used,
            covers: Entries::open(store, &record.tree)?.covers().to_vec(),
            restored: Restored::new(),
        })
    }

    /// Returns whether a pack that the tree uses cannot be relied on.
    pub(super) fn has_lost(&self, store: &impl Store, base: &Chunks, packs: &mut PackCheck) -> Result<bool> {
        for ((id, _), chunk) in &self.numbers {
            let at = ChunkRef::Base {
                chunk: *chunk,
                offset: 0,
            };
            if self.packs.contains(id) && lost_pack(store, base, packs, &at)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns where a chunk of the tree is in the base.
    pub(super) fn there(&self, table: &Table, number: u32, offset: u32) -> Result<ChunkRef> {
        let chunk = table.chunks.get(number as usize).ok_or_else(no_chunk)?;
        let known = self.numbers.get(&(*table.pack(chunk)?, chunk.offset));
        Ok(ChunkRef::Base {
            chunk: *known.ok_or_else(no_chunk)?,
            offset,
        })
    }

    /// Returns an entry of the tree, and where its bytes are.
    pub(super) fn assembled(&self, Located { mut entry, table }: Located) -> Result<Assembled> {
        let there = |number: u32, offset: u32| {
            let chunk = table.chunks.get(number as usize).ok_or_else(no_chunk)?;
            let at = self.there(&table, number, offset)?;
            Ok::<_, Error>((at, u64::from(chunk.raw_length)))
        };
        let mut at = Vec::new();
        if let Content::File { size, location, .. } = &mut entry.content {
            match location {
                Location::Empty => {}
                Location::Bundle { chunk, offset } => at.push((there(*chunk, *offset)?.0, *size)),
                Location::Slices(runs) => {
                    for number in Location::slices(runs) {
                        at.push(there(number, 0)?);
                    }
                    runs.clear();
                }
            }
        }
        if let Some(restored) = self.restored.get(&entry.path) {
            at.clone_from(restored);
            if let (Content::File { location, .. }, Some((ChunkRef::New { offset: start, .. }, _))) =
                (&mut entry.content, restored.first())
                && let Location::Bundle { offset, .. } = location
            {
                *offset = *start;
            }
        }
        Ok(Assembled {
            entry,
            at,
            new_bytes: 0,
        })
    }
}

/// The files that a tree has in common with those that are persisted now.
pub(super) struct Common {
    /// It has all of these entries as they are.
    pub all: bool,
    /// It has the content of one of the files under its path.
    pub any: bool,
}

/// Compares a tree with what is persisted now.
pub(super) fn compare(
    store: &impl Store,
    tree: &TreeId,
    entries: impl Iterator<Item = Result<Assembled>>,
) -> Result<Common> {
    let mut common = Common {
        all: true,
        any: false,
    };
    let mut there = Entries::open(store, tree)?;
    let mut head = there.next_entry()?;
    for wanted in entries {
        let wanted = wanted?.entry;
        while let Some(located) = &head
            && path::compare(&located.entry.path, &wanted.path).is_lt()
        {
            head = there.next_entry()?;
        }
        let same = head.as_ref().map(|located| &located.entry);
        let same =
            same.filter(|entry| entry.path == wanted.path && same_content(&entry.content, &wanted.content));
        common.any |= same.is_some() && matches!(wanted.content, Content::File { .. });
        common.all &=
            same.is_some_and(|entry| (entry.bits, entry.modified) == (wanted.bits, wanted.modified));
        if common.any && !common.all {
            break;
        }
    }
    Ok(common)
}

/// The places of the bytes of files that were stored again, by path.
pub(super) type Restored = HashMap<String, Vec<(ChunkRef, u64)>>;

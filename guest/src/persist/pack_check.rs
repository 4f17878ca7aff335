//! Whether the packs that a build may point to can be relied on.

use std::collections::{HashMap, HashSet};

use super::base::{Chunks, base_chunk, no_chunk};
use super::item::ChunkRef;
use crate::error::{Error, Result};
use crate::id::PackId;
use crate::keys;
use crate::pack::Packs;
use crate::ports::{Store, get_intact};
use crate::tree::Table;

/// So many bytes of packs that other builds stored are read back by each persist, with one request a pack, as their sizes
/// alone would take. A small build is read back as a whole.
const SAMPLE_BYTES: u64 = 16 << 20;

/// The known lengths of the packs that a build may point to. Each is checked once.
pub(super) struct PackCheck {
    read_back: bool,
    /// Packs that are read where the others are not.
    sampled: HashSet<PackId>,
    lengths: HashMap<PackId, u64>,
}

impl PackCheck {
    /// Begins to know nothing. `read_back` says whether each pack is read and compared with its name; otherwise only the
    /// size of most is asked for.
    pub(super) fn new(read_back: bool) -> PackCheck {
        PackCheck {
            read_back,
            sampled: HashSet::new(),
            lengths: HashMap::new(),
        }
    }

    /// Chooses which of some packs, each with its size as far as it is known, are read where not all are. Another `turn`
    /// begins elsewhere, so that one persist after the other reads all.
    pub(super) fn sample(&mut self, packs: &[(PackId, u64)], turn: u64) {
        let Some(start) = turn.checked_rem(packs.len() as u64) else {
            return;
        };
        let mut left = SAMPLE_BYTES;
        for (id, size) in packs.iter().cycle().skip(start as usize).take(packs.len()) {
            if let Some(rest) = left.checked_sub(*size) {
                left = rest;
                self.sampled.insert(*id);
            }
        }
    }

    /// Returns how many bytes of a pack can be relied on: 0 where it is missing or damaged.
    pub(super) fn length(&mut self, store: &impl Store, id: &PackId) -> Result<u64> {
        if let Some(length) = self.lengths.get(id) {
            return Ok(*length);
        }
        let key = keys::pack(id);
        let length = match self.read_back || self.sampled.contains(id) {
            false => store.head(&key)?,
            true => {
                let read = get_intact(store, &key, None, |bytes| match PackId::of(&bytes) == *id {
                    true => Ok(bytes.len() as u64),
                    false => Err(Error::damaged(&key, "the pack was altered")),
                });
                match read {
                    Ok(length) => length,
                    Err(error) => {
                        error.into_damage()?;
                        None
                    }
                }
            }
        };
        let length = length.unwrap_or_default();
        self.lengths.insert(*id, length);
        Ok(length)
    }

    /// Forgets what is known of packs that were written since.
    pub(super) fn forget<'a>(&mut self, written: impl IntoIterator<Item = &'a Packs>) {
        for (id, _) in written.into_iter().flatten() {
            self.lengths.remove(id);
        }
    }

    /// Returns whether every chunk of a part lies in a pack that can be relied on.
    pub(super) fn has_all(&mut self, store: &impl Store, table: &Table) -> Result<bool> {
        for chunk in &table.chunks {
            let id = table.pack(chunk)?;
            if self.length(store, id)? < chunk.offset + u64::from(chunk.length) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns which of the packs that this run wrote cannot be relied on: an object that lay under their names.
    pub(super) fn unusable_written(
        &mut self,
        store: &impl Store,
        written: &HashMap<u32, Packs>,
    ) -> Result<HashSet<PackId>> {
        let mut unusable = HashSet::new();
        if self.read_back {
            for (id, _) in written.values().flatten() {
                if self.length(store, id)? == 0 {
                    unusable.insert(*id);
                }
            }
        }
        Ok(unusable)
    }
}

/// Returns the pack of a chunk of the base that cannot be relied on.
pub(super) fn lost_pack(
    store: &impl Store,
    base: &Chunks,
    packs: &mut PackCheck,
    at: &ChunkRef,
) -> Result<Option<PackId>> {
    let ChunkRef::Base { chunk, .. } = at else {
        return Ok(None);
    };
    let chunk = base_chunk(base, *chunk)?;
    let id = base.packs.get(chunk.pack as usize).ok_or_else(no_chunk)?;
    let is_lost = packs.length(store, id)? < chunk.offset + u64::from(chunk.length);
    Ok(is_lost.then_some(*id))
}

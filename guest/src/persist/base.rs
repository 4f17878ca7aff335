//! The base: what the store already has of this artifact, so that it need not be stored again.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::At;
use crate::error::Result;
use crate::id::{Digest, PackId};
use crate::lookup;
use crate::ports::Store;
use crate::record::Record;
use crate::tree::{Chunk, Content, Place, Tree};

/// The chunks of all base trees, numbered through.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Chunks {
    pub packs: Vec<PackId>,
    pub chunks: Vec<Chunk>,
}

/// Finds what has a digest: what each worker gets a copy of. Sorted by digest, since a sorted list costs a worker
/// nothing to build and 40 bytes an entry.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Index {
    files: Vec<(Digest, u32, u32)>,
    slices: Vec<(Digest, u32)>,
}

/// Reads the trees of `records`. A tree that is missing or damaged is no base: what it would have saved is stored again,
/// which is also what repairs it. Whether the packs are still there is asked at the end, once, when it counts. Returns as
/// well whether every tree was whole.
pub(crate) fn load(store: &impl Store, records: &[Record]) -> Result<(Chunks, Index, bool)> {
    let mut chunks = Chunks::default();
    let mut index = Index::default();
    let mut packs = HashMap::new();
    let mut seen = HashSet::new();
    let mut is_whole = true;
    for record in records.iter().filter(|record| seen.insert(record.tree)) {
        let tree = Tree::load(store, &record.tree);
        is_whole &= tree.is_ok();
        add(&lookup::sound(tree)?, &mut packs, &mut chunks, &mut index);
    }
    index.files.sort_unstable();
    index.files.dedup_by_key(|(digest, ..)| *digest);
    index.slices.sort_unstable();
    index.slices.dedup_by_key(|(digest, _)| *digest);
    Ok((chunks, index, is_whole))
}

fn add(tree: &Tree, packs: &mut HashMap<PackId, u32>, chunks: &mut Chunks, index: &mut Index) {
    let first = chunks.chunks.len() as u32;
    for chunk in &tree.chunks {
        let Some(id) = tree.packs.get(chunk.pack as usize) else {
            continue;
        };
        let pack = *packs.entry(*id).or_insert_with(|| {
            chunks.packs.push(*id);
            chunks.packs.len() as u32 - 1
        });
        if let Some(digest) = chunk.digest {
            index.slices.push((digest, chunks.chunks.len() as u32));
        }
        chunks.chunks.push(Chunk {
            pack,
            ..chunk.clone()
        });
    }
    for entry in &tree.entries {
        if let Content::File {
            digest,
            place: Place::Bundle { chunk, offset },
            ..
        } = &entry.content
        {
            index.files.push((*digest, first + chunk, *offset));
        }
    }
}

impl Index {
    /// Returns where a small file with this digest lies.
    pub(crate) fn file(&self, digest: &Digest) -> Option<At> {
        let found = self
            .files
            .binary_search_by_key(digest, |(digest, ..)| *digest)
            .ok()?;
        let (_, chunk, offset) = *self.files.get(found)?;
        Some(At::Base { chunk, offset })
    }

    /// Returns where a slice with this digest lies.
    pub(crate) fn slice(&self, digest: &Digest) -> Option<At> {
        let found = self
            .slices
            .binary_search_by_key(digest, |(digest, _)| *digest)
            .ok()?;
        let (_, chunk) = *self.slices.get(found)?;
        Some(At::Base { chunk, offset: 0 })
    }
}

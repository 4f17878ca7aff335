//! The base: what the store already has of this artifact, so that it need not be stored again.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::At;
use crate::error::Result;
use crate::id::{Digest, PackId};
use crate::ports::Store;
use crate::record::Record;
use crate::tree::{Chunk, Content, Place, Tree};

/// The chunks of all base trees, numbered through.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Chunks {
    pub packs: Vec<PackId>,
    pub chunks: Vec<BaseChunk>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BaseChunk {
    pub pack: u32,
    pub offset: u64,
    pub length: u32,
    pub raw_length: u32,
    pub digest: Option<Digest>,
}

/// Finds what has a digest: what each worker gets a copy of. Sorted by digest, since a sorted list costs a worker
/// nothing to build and 40 bytes an entry.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Index {
    files: Vec<(Digest, u32, u32)>,
    slices: Vec<(Digest, u32)>,
}

/// Reads the trees of `records`. A tree that is missing or damaged is no base; what it would have saved is stored
/// again, which is also what repairs it.
pub(crate) fn load(store: &impl Store, records: &[Record]) -> Result<(Chunks, Index)> {
    let mut chunks = Chunks::default();
    let mut index = Index::default();
    let mut packs = HashMap::new();
    let mut seen = std::collections::HashSet::new();
    for record in records {
        if !seen.insert(record.tree) {
            continue;
        }
        let tree = match Tree::load(store, &record.tree) {
            Ok(tree) => tree,
            Err(crate::Error::Damaged(_)) => continue,
            Err(error) => return Err(error),
        };
        // A pack that is gone or cut short is no base either. One request a pack, once for all trees.
        for (number, id) in tree.packs.iter().enumerate() {
            let end = tree.chunks.iter().filter(|chunk| chunk.pack as usize == number).map(chunk_end).max();
            if !packs.contains_key(id) {
                let size = store.head(&crate::keys::pack(id))?;
                let place = size.filter(|size| end.is_some_and(|end| end <= *size)).map(|_| {
                    chunks.packs.push(*id);
                    chunks.packs.len() as u32 - 1
                });
                packs.insert(*id, place);
            }
        }
        add(&tree, &packs, &mut chunks, &mut index);
    }
    index.files.sort_unstable();
    index.files.dedup_by_key(|(digest, ..)| *digest);
    index.slices.sort_unstable();
    index.slices.dedup_by_key(|(digest, _)| *digest);
    Ok((chunks, index))
}

fn chunk_end(chunk: &Chunk) -> u64 {
    chunk.offset + u64::from(chunk.length)
}

fn add(tree: &Tree, packs: &HashMap<PackId, Option<u32>>, chunks: &mut Chunks, index: &mut Index) {
    let numbers: Vec<Option<u32>> = tree
        .chunks
        .iter()
        .map(|chunk| {
            let pack = tree.packs.get(chunk.pack as usize).and_then(|id| packs.get(id).copied().flatten())?;
            let number = chunks.chunks.len() as u32;
            chunks.chunks.push(BaseChunk {
                pack,
                offset: chunk.offset,
                length: chunk.length,
                raw_length: chunk.raw_length,
                digest: chunk.digest,
            });
            if let Some(digest) = chunk.digest {
                index.slices.push((digest, number));
            }
            Some(number)
        })
        .collect();
    for entry in &tree.entries {
        if let Content::File { digest, place: Place::Bundle { chunk, offset }, .. } = &entry.content
            && let Some(Some(number)) = numbers.get(*chunk as usize)
        {
            index.files.push((*digest, *number, *offset));
        }
    }
}

impl Index {
    /// Returns where a small file with this digest lies.
    pub(crate) fn file(&self, digest: &Digest) -> Option<At> {
        let found = self.files.binary_search_by_key(digest, |(digest, ..)| *digest).ok()?;
        let (_, chunk, offset) = *self.files.get(found)?;
        Some(At::Base { chunk, offset })
    }

    /// Returns where a slice with this digest lies.
    pub(crate) fn slice(&self, digest: &Digest) -> Option<At> {
        let found = self.slices.binary_search_by_key(digest, |(digest, _)| *digest).ok()?;
        let (_, chunk) = *self.slices.get(found)?;
        Some(At::Base { chunk, offset: 0 })
    }
}

//! What a new tree must not point to is stored again, from the files.

use std::collections::{HashMap, HashSet};

use super::assemble::{base_chunk, no_chunk};
use super::base::Chunks;
use super::worker::{Worker, changed};
use super::{At, Done, Item, ItemKind, Slice};
use crate::error::Result;
use crate::id::{Digest, PackId};
use crate::keys;
use crate::pack::Packs;
use crate::ports::{File, Files, Open, Store, read_fully};

/// A chunk of the base, or of the writer of this number.
pub(super) type ChunkName = (Option<u32>, u32);

fn name(at: &At) -> ChunkName {
    match at {
        At::Base { chunk, .. } => (None, *chunk),
        At::New { writer, chunk, .. } => (Some(*writer), *chunk),
    }
}

/// Stores again, with `worker`, what `unfit` says: few files are concerned, so one writer does it.
pub(super) fn repair(
    store: &impl Store,
    files: &impl Files,
    unfit: &HashSet<ChunkName>,
    mut worker: Worker,
    items: &mut [(Item, Done)],
) -> Result<(Packs, u64)> {
    let again = |at: &At| unfit.contains(&name(at));
    let mut small = Vec::new();
    for (number, (item, done)) in items.iter_mut().enumerate() {
        match done {
            Done::Small { at, .. } if again(at) => small.push(number),
            Done::Segment { slices } if slices.iter().any(|slice| again(&slice.at)) => {
                let ItemKind::Segment { offset, .. } = item.kind else {
                    continue;
                };
                let file = files.open(&item.path, Open::Read)?;
                let mut start = offset;
                for slice in slices {
                    if again(&slice.at) {
                        slice.at = store_slice_again(store, &file, &item.path, start, slice, &mut worker)?;
                    }
                    start += u64::from(slice.length);
                }
            }
            _ => {}
        }
    }
    let mut wanted: Vec<Item> = small
        .iter()
        .filter_map(|number| items.get(*number))
        .map(|(item, _)| item.clone())
        .collect();
    let stored = worker.store_items(store, files, &mut wanted)?;
    for (number, new) in small.into_iter().zip(stored) {
        if let Some((item, old)) = items.get_mut(number) {
            let digest = |done: &Done| {
                if let Done::Small { digest, .. } = done {
                    Some(*digest)
                } else {
                    None
                }
            };
            if digest(old) != digest(&new) {
                return Err(changed(&item.path));
            }
            *old = new;
        }
    }
    worker.into_packs(store)
}

fn store_slice_again(
    store: &impl Store,
    file: &impl File,
    path: &str,
    start: u64,
    slice: &Slice,
    worker: &mut Worker,
) -> Result<At> {
    let mut content = Vec::new();
    read_fully(file, start, slice.length as usize, &mut content)?;
    if Digest::of(&content) != slice.digest {
        return Err(changed(path));
    }
    worker.store_slice(store, &content, slice.digest)
}

/// Returns the base's chunks that the tree must not point to: those in a pack that is gone since the plan was made, and
/// bundles of which this tree would use less than half, so that attach never reads much more than it needs however long
/// the history.
pub(super) fn unfit_in_base(
    store: &impl Store,
    base: &Chunks,
    items: &[(Item, Done)],
) -> Result<HashSet<ChunkName>> {
    // Used bytes of each bundle. Two files with the same bytes use them once.
    let mut places = HashSet::new();
    let mut used: HashMap<u32, u64> = HashMap::new();
    for (item, done) in items {
        match (done, &item.kind) {
            (
                Done::Small {
                    at: At::Base { chunk, offset },
                    ..
                },
                ItemKind::Small { size },
            ) if places.insert((*chunk, *offset)) => {
                *used.entry(*chunk).or_default() += size;
            }
            (Done::Segment { slices }, _) => {
                for slice in slices {
                    if let At::Base { chunk, .. } = slice.at {
                        *used.entry(chunk).or_default() += u64::from(slice.length);
                    }
                }
            }
            _ => {}
        }
    }
    let mut sizes: HashMap<u32, u64> = HashMap::new();
    let mut unfit = HashSet::new();
    for (number, used) in used {
        let chunk = base_chunk(base, number)?;
        let size = match sizes.get(&chunk.pack) {
            Some(size) => *size,
            None => {
                let id = base.packs.get(chunk.pack as usize).ok_or_else(no_chunk)?;
                let size = store.head(&keys::pack(id))?.unwrap_or_default();
                sizes.insert(chunk.pack, size);
                size
            }
        };
        let gone = size < chunk.offset + u64::from(chunk.length);
        if gone || used * 2 < u64::from(chunk.raw_length) {
            unfit.insert((None, number));
        }
    }
    Ok(unfit)
}

/// Returns the chunks that lie in packs which a prune has condemned, of the base or just written.
pub(super) fn condemned_chunks(
    condemned: &HashSet<PackId>,
    chunks: &Chunks,
    packs: &HashMap<u32, Packs>,
) -> HashSet<ChunkName> {
    let mut unfit = HashSet::new();
    for (number, chunk) in chunks.chunks.iter().enumerate() {
        if chunks
            .packs
            .get(chunk.pack as usize)
            .is_some_and(|pack| condemned.contains(pack))
        {
            unfit.insert((None, number as u32));
        }
    }
    for (writer, packs) in packs {
        let mut next = 0;
        for (id, written) in packs {
            let numbers = next..next + written.len() as u32;
            next = numbers.end;
            if condemned.contains(id) {
                unfit.extend(numbers.map(|number| (Some(*writer), number)));
            }
        }
    }
    unfit
}

//! Stores chunks again, from the files, that a new tree must not point to.

use std::collections::{HashMap, HashSet};

use super::base::{Chunks, no_chunk};
use super::item::{ChunkRef, Item, ItemKind, Slice, StoredAs, StoredItems, changed};
use super::pack_check::PackCheck;
use super::worker::Worker;
use crate::error::Result;
use crate::id::{Digest, PackId};
use crate::pack::Packs;
use crate::ports::{File, Files, Open, Scratch, Store, read_fully};

/// A chunk of the base, or of the writer of this number.
pub(super) type ChunkName = (Option<u32>, u32);

fn name(at: &ChunkRef) -> ChunkName {
    match at {
        ChunkRef::Base { chunk, .. } => (None, *chunk),
        ChunkRef::New { writer, chunk, .. } => (Some(*writer), *chunk),
    }
}

/// Stores again, with `worker`, what `unusable` says: few files are concerned, so one writer does it. Returns what
/// became of the items then.
pub(super) fn repair(
    store: &impl Store,
    files: &impl Files,
    scratch: &dyn Scratch,
    unusable: &HashSet<ChunkName>,
    worker: &mut Worker,
    tasks: &[StoredItems],
) -> Result<Vec<StoredItems>> {
    let is_unusable = |at: &ChunkRef| unusable.contains(&name(at));
    let mut repaired = Vec::with_capacity(tasks.len());
    for task in tasks {
        let mut items: Vec<(Item, StoredAs)> = task.items(scratch).collect::<Result<_>>()?;
        let concerns = |(_, done): &(Item, StoredAs)| match done {
            StoredAs::Plain => false,
            StoredAs::Small { at, .. } => is_unusable(at),
            StoredAs::Segment { slices } => slices.iter().any(|slice| is_unusable(&slice.at)),
        };
        if items.iter().any(concerns) {
            repair_task(store, files, &is_unusable, worker, &mut items)?;
            repaired.push(StoredItems::of(scratch, items)?);
        } else {
            repaired.push(task.clone());
        }
    }
    Ok(repaired)
}

fn repair_task(
    store: &impl Store,
    files: &impl Files,
    is_unusable: &dyn Fn(&ChunkRef) -> bool,
    worker: &mut Worker,
    items: &mut [(Item, StoredAs)],
) -> Result<()> {
    let mut small = Vec::new();
    for (number, (item, done)) in items.iter_mut().enumerate() {
        match done {
            StoredAs::Small { at, .. } if is_unusable(at) => small.push(number),
            StoredAs::Segment { slices } if slices.iter().any(|slice| is_unusable(&slice.at)) => {
                let ItemKind::Segment { offset, .. } = item.kind else {
                    continue;
                };
                let file = files.open(&item.path, Open::Read)?;
                let mut start = offset;
                for slice in slices {
                    if is_unusable(&slice.at) {
                        slice.at = store_slice_again(store, &file, &item.path, start, slice, worker)?;
                        slice.is_new = true;
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
            let digest = |done: &StoredAs| {
                if let StoredAs::Small { digest, .. } = done {
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
    Ok(())
}

fn store_slice_again(
    store: &impl Store,
    file: &impl File,
    path: &str,
    start: u64,
    slice: &Slice,
    worker: &mut Worker,
) -> Result<ChunkRef> {
    let mut content = Vec::new();
    read_fully(file, start, slice.length as usize, &mut content)?;
    if Digest::of(&content) != slice.digest {
        return Err(changed(path));
    }
    worker.store_slice(store, &content, slice.digest)
}

/// The base's chunks that a new tree must not point to.
#[derive(Debug, Default)]
pub(super) struct Unusable {
    /// In a pack that is damaged, or missing since the plan.
    pub lost: HashSet<ChunkName>,
    /// Bundles of which this tree would use less than half, so that attach never reads much more than it needs however
    /// long the history.
    pub sparse: HashSet<ChunkName>,
}

/// Returns the base's chunks that the tree must not point to.
pub(super) fn unusable_in_base(
    store: &impl Store,
    scratch: &dyn Scratch,
    base: &Chunks,
    tasks: &[StoredItems],
    packs: &mut PackCheck,
    turn: u64,
) -> Result<Unusable> {
    // Used bytes of each chunk. Two files with the same bytes use them once.
    let mut used = vec![0; base.chunks.len()];
    let mut places: Vec<(u32, u32, u32)> = Vec::new();
    for item in tasks.iter().flat_map(|task| task.items(scratch)) {
        let (item, done) = item?;
        match (done, &item.kind) {
            (
                StoredAs::Small {
                    at: ChunkRef::Base { chunk, offset },
                    ..
                },
                ItemKind::Small { size },
            ) => places.push((chunk, offset, *size as u32)),
            (StoredAs::Segment { slices }, _) => {
                for slice in slices {
                    if let ChunkRef::Base { chunk, .. } = slice.at {
                        places.push((chunk, 0, slice.length));
                    }
                }
            }
            _ => {}
        }
    }
    places.sort_unstable();
    places.dedup();
    for (chunk, _, bytes) in places {
        *used.get_mut(chunk as usize).ok_or_else(no_chunk)? += u64::from(bytes);
    }
    let mut sizes = vec![0; base.packs.len()];
    for (chunk, used) in base.chunks.iter().zip(&used) {
        let size: &mut u64 = sizes.get_mut(chunk.pack as usize).ok_or_else(no_chunk)?;
        if *used > 0 {
            *size = (chunk.offset + u64::from(chunk.length)).max(*size);
        }
    }
    let sizes = base.packs.iter().copied().zip(sizes);
    let used_packs: Vec<(PackId, u64)> = sizes.filter(|(_, size)| *size > 0).collect();
    packs.sample(&used_packs, turn);
    let mut unusable = Unusable::default();
    for ((number, chunk), used) in (0..).zip(&base.chunks).zip(used) {
        if used == 0 {
            continue;
        }
        let id = base.packs.get(chunk.pack as usize).ok_or_else(no_chunk)?;
        if packs.length(store, id)? < chunk.offset + u64::from(chunk.length) {
            unusable.lost.insert((None, number));
        } else if used * 2 < u64::from(chunk.raw_length) {
            unusable.sparse.insert((None, number));
        }
    }
    Ok(unusable)
}

/// Returns the chunks that lie in some packs, of the base or just written.
pub(super) fn chunks_in(
    unusable_packs: &HashSet<PackId>,
    chunks: &Chunks,
    packs: &HashMap<u32, Packs>,
) -> HashSet<ChunkName> {
    let mut unusable = HashSet::new();
    for (number, chunk) in chunks.chunks.iter().enumerate() {
        if chunks
            .packs
            .get(chunk.pack as usize)
            .is_some_and(|pack| unusable_packs.contains(pack))
        {
            unusable.insert((None, number as u32));
        }
    }
    for (writer, packs) in packs {
        let mut next = 0;
        for (id, written) in packs {
            let numbers = next..next + written.len() as u32;
            next = numbers.end;
            if unusable_packs.contains(id) {
                unusable.extend(numbers.map(|number| (Some(*writer), number)));
            }
        }
    }
    unusable
}

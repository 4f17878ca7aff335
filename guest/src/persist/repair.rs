//! What a new tree must not point to is stored again, from the files.

use std::collections::{HashMap, HashSet};

use super::base::{Chunks, no_chunk};
use super::item::{At, Done, Item, ItemKind, Slice, Stored, changed};
use super::pack_check::PackCheck;
use super::worker::Worker;
use crate::error::Result;
use crate::id::{Digest, PackId};
use crate::pack::Packs;
use crate::ports::{File, Files, Open, Scratch, Store, read_fully};

/// A chunk of the base, or of the writer of this number.
pub(super) type ChunkName = (Option<u32>, u32);

fn name(at: &At) -> ChunkName {
    match at {
        At::Base { chunk, .. } => (None, *chunk),
        At::New { writer, chunk, .. } => (Some(*writer), *chunk),
    }
}

/// Stores again, with `worker`, what `unfit` says: few files are concerned, so one writer does it. Returns what became of the
/// items then.
pub(super) fn repair(
    store: &impl Store,
    files: &impl Files,
    scratch: &dyn Scratch,
    unfit: &HashSet<ChunkName>,
    worker: &mut Worker,
    tasks: &[Stored],
) -> Result<Vec<Stored>> {
    let is_unfit = |at: &At| unfit.contains(&name(at));
    let mut repaired = Vec::with_capacity(tasks.len());
    for task in tasks {
        let mut items: Vec<(Item, Done)> = task.items(scratch).collect::<Result<_>>()?;
        let concerns = |(_, done): &(Item, Done)| match done {
            Done::Plain => false,
            Done::Small { at, .. } => is_unfit(at),
            Done::Segment { slices } => slices.iter().any(|slice| is_unfit(&slice.at)),
        };
        if items.iter().any(concerns) {
            repair_task(store, files, &is_unfit, worker, &mut items)?;
            repaired.push(Stored::of(scratch, items)?);
        } else {
            repaired.push(task.clone());
        }
    }
    Ok(repaired)
}

fn repair_task(
    store: &impl Store,
    files: &impl Files,
    is_unfit: &dyn Fn(&At) -> bool,
    worker: &mut Worker,
    items: &mut [(Item, Done)],
) -> Result<()> {
    let mut small = Vec::new();
    for (number, (item, done)) in items.iter_mut().enumerate() {
        match done {
            Done::Small { at, .. } if is_unfit(at) => small.push(number),
            Done::Segment { slices } if slices.iter().any(|slice| is_unfit(&slice.at)) => {
                let ItemKind::Segment { offset, .. } = item.kind else {
                    continue;
                };
                let file = files.open(&item.path, Open::Read)?;
                let mut start = offset;
                for slice in slices {
                    if is_unfit(&slice.at) {
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
    Ok(())
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

/// The base's chunks that a new tree must not point to.
#[derive(Debug, Default)]
pub(super) struct Unfit {
    /// In a pack that is gone since the plan was made, or damaged.
    pub lost: HashSet<ChunkName>,
    /// Bundles of which this tree would use less than half, so that attach never reads much more than it needs however
    /// long the history.
    pub sparse: HashSet<ChunkName>,
}

/// Returns the base's chunks that the tree must not point to.
pub(super) fn unfit_in_base(
    store: &impl Store,
    scratch: &dyn Scratch,
    base: &Chunks,
    tasks: &[Stored],
    packs: &mut PackCheck,
    turn: u64,
) -> Result<Unfit> {
    // Used bytes of each chunk. Two files with the same bytes use them once.
    let mut used = vec![0; base.chunks.len()];
    let mut places: Vec<(u32, u32, u32)> = Vec::new();
    for item in tasks.iter().flat_map(|task| task.items(scratch)) {
        let (item, done) = item?;
        match (done, &item.kind) {
            (
                Done::Small {
                    at: At::Base { chunk, offset },
                    ..
                },
                ItemKind::Small { size },
            ) => places.push((chunk, offset, *size as u32)),
            (Done::Segment { slices }, _) => {
                for slice in slices {
                    if let At::Base { chunk, .. } = slice.at {
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
    let mut unfit = Unfit::default();
    for ((number, chunk), used) in (0..).zip(&base.chunks).zip(used) {
        if used == 0 {
            continue;
        }
        let id = base.packs.get(chunk.pack as usize).ok_or_else(no_chunk)?;
        if packs.length(store, id)? < chunk.offset + u64::from(chunk.length) {
            unfit.lost.insert((None, number));
        } else if used * 2 < u64::from(chunk.raw_length) {
            unfit.sparse.insert((None, number));
        }
    }
    Ok(unfit)
}

/// Returns the chunks that lie in some packs, of the base or just written.
pub(super) fn chunks_in(
    unfit_packs: &HashSet<PackId>,
    chunks: &Chunks,
    packs: &HashMap<u32, Packs>,
) -> HashSet<ChunkName> {
    let mut unfit = HashSet::new();
    for (number, chunk) in chunks.chunks.iter().enumerate() {
        if chunks
            .packs
            .get(chunk.pack as usize)
            .is_some_and(|pack| unfit_packs.contains(pack))
        {
            unfit.insert((None, number as u32));
        }
    }
    for (writer, packs) in packs {
        let mut next = 0;
        for (id, written) in packs {
            let numbers = next..next + written.len() as u32;
            next = numbers.end;
            if unfit_packs.contains(id) {
                unfit.extend(numbers.map(|number| (Some(*writer), number)));
            }
        }
    }
    unfit
}

//! What became of the items is put together to a tree.

use std::collections::{HashMap, HashSet};

use super::base::Chunks;
use super::worker::changed;
use super::{At, Done, Item, ItemKind, Slice};
use crate::error::{Error, Result};
use crate::id::{Digest, PackId};
use crate::pack::Packs;
use crate::tree::{Chunk, Content, Entry, Place, Tree};

/// What a tree has, and what of it is new. Sizes in bytes.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub directories: u64,
    pub symlinks: u64,
    pub new_files: u64,
    pub new_bytes: u64,
}

/// Makes the tree of what became of the items.
pub(super) fn assemble(
    base: &Chunks,
    written: &HashMap<u32, Packs>,
    items: &[(Item, Done)],
) -> Result<(Tree, Counted)> {
    let mut counted = Counted::default();
    let mut numbering = Numbering::new(base, written);
    let mut entries = Vec::with_capacity(items.len());
    let mut items = items.iter().peekable();
    // Bytes count as new where they were stored, so a second file with the same bytes does not.
    let mut seen = HashSet::new();
    let mut new_bytes_at = |at: At, length: u64| {
        if matches!(at, At::New { .. }) && seen.insert(at) {
            length
        } else {
            0
        }
    };
    while let Some((item, done)) = items.next() {
        let Item {
            path,
            bits,
            modified,
            kind,
            ..
        } = item;
        let mut new_bytes = 0;
        let content = match (kind, done) {
            (ItemKind::Directory, _) => {
                counted.directories += 1;
                Content::Directory
            }
            (ItemKind::Symlink(target), _) => {
                counted.symlinks += 1;
                Content::Symlink(target.clone())
            }
            (ItemKind::Small { .. }, Done::Plain) => Content::File {
                size: 0,
                digest: Digest::of(b""),
                place: Place::Empty,
            },
            (ItemKind::Small { size }, Done::Small { digest, at }) => {
                new_bytes += new_bytes_at(*at, *size);
                let (At::Base { offset, .. } | At::New { offset, .. }) = *at;
                let place = Place::Bundle {
                    chunk: numbering.number(*at)?,
                    offset,
                };
                Content::File {
                    size: *size,
                    digest: *digest,
                    place,
                }
            }
            (ItemKind::Segment { length, .. }, Done::Segment { slices }) => {
                let mut slices: Vec<&Slice> = slices.iter().collect();
                let mut wanted = *length;
                let same_file = |(next, _): &&(Item, Done)| {
                    matches!(next.kind, ItemKind::Segment { offset, .. } if offset > 0) && next.path == *path
                };
                while let Some((segment, done)) = items.next_if(same_file) {
                    let (ItemKind::Segment { length, .. }, Done::Segment { slices: more }) =
                        (&segment.kind, done)
                    else {
                        return Err(no_chunk());
                    };
                    // A file may end before its listed size, but has no gap.
                    if !more.is_empty() && length_of(&slices) < wanted {
                        return Err(changed(path));
                    }
                    wanted += length;
                    slices.extend(more);
                }
                let size = length_of(&slices);
                let digest = Digest::of_slices(
                    slices
                        .iter()
                        .map(|slice| (&slice.digest, u64::from(slice.length))),
                );
                let mut numbers = Vec::with_capacity(slices.len());
                for slice in &slices {
                    new_bytes += new_bytes_at(slice.at, u64::from(slice.length));
                    numbers.push((numbering.number(slice.at)?, 1));
                }
                let place = match numbers.is_empty() {
                    true => Place::Empty,
                    false => Place::Slices(numbers),
                };
                Content::File { size, digest, place }
            }
            _ => return Err(Error::internal("a worker's outcome does not fit its task")),
        };
        counted.new_files += u64::from(new_bytes > 0);
        counted.new_bytes += new_bytes;
        entries.push(Entry {
            path: path.clone(),
            bits: *bits,
            modified: *modified,
            content,
        });
    }
    let (packs, chunks, finals) = numbering.finish();
    let last = |number: u32| finals.get(number as usize).copied().ok_or_else(no_chunk);
    for entry in &mut entries {
        match &mut entry.content {
            Content::File {
                place: Place::Bundle { chunk, .. },
                ..
            } => *chunk = last(*chunk)?,
            Content::File {
                place: Place::Slices(runs),
                ..
            } => {
                let mut merged: Vec<(u32, u32)> = Vec::new();
                for (number, _) in runs.iter() {
                    let number = last(*number)?;
                    match merged.last_mut() {
                        Some((first, count)) if *first + *count == number => *count += 1,
                        _ => merged.push((number, 1)),
                    }
                }
                *runs = merged;
            }
            _ => {}
        }
    }
    let tree = Tree {
        entries,
        chunks,
        packs,
        ..Tree::default()
    };
    Ok((tree, counted))
}

fn length_of(slices: &[&Slice]) -> u64 {
    slices.iter().map(|slice| u64::from(slice.length)).sum()
}

pub(super) fn base_chunk(base: &Chunks, number: u32) -> Result<&Chunk> {
    base.chunks.get(number as usize).ok_or_else(no_chunk)
}

pub(super) fn no_chunk() -> Error {
    Error::internal("a worker named a chunk that does not exist")
}

/// Numbers the chunks of the new tree: those that its entries use, by pack.
struct Numbering<'a> {
    base: &'a Chunks,
    written: &'a HashMap<u32, Packs>,
    /// Where a writer's packs begin in its numbering of chunks.
    starts: HashMap<u32, Vec<u32>>,
    chunks: Vec<(PackId, Chunk)>,
    numbers: HashMap<(Option<u32>, u32), u32>,
}

impl<'a> Numbering<'a> {
    fn new(base: &'a Chunks, written: &'a HashMap<u32, Packs>) -> Self {
        let starts = written
            .iter()
            .map(|(writer, packs)| {
                let mut next = 0;
                let mut start = |(_, chunks): &(PackId, Vec<_>)| {
                    let start = next;
                    next += chunks.len() as u32;
                    start
                };
                (*writer, packs.iter().map(&mut start).collect())
            })
            .collect();
        Numbering {
            base,
            written,
            starts,
            chunks: Vec::new(),
            numbers: HashMap::new(),
        }
    }

    /// Returns the preliminary number of a chunk.
    fn number(&mut self, at: At) -> Result<u32> {
        let key = match at {
            At::Base { chunk, .. } => (None, chunk),
            At::New { writer, chunk, .. } => (Some(writer), chunk),
        };
        if let Some(number) = self.numbers.get(&key) {
            return Ok(*number);
        }
        let chunk = match key {
            (None, number) => {
                let chunk = base_chunk(self.base, number)?;
                let pack = self.base.packs.get(chunk.pack as usize).ok_or_else(no_chunk)?;
                (*pack, chunk.clone())
            }
            (Some(writer), number) => self.written(writer, number)?,
        };
        let number = self.chunks.len() as u32;
        self.chunks.push(chunk);
        self.numbers.insert(key, number);
        Ok(number)
    }

    fn written(&self, writer: u32, number: u32) -> Result<(PackId, Chunk)> {
        let starts = self.starts.get(&writer).ok_or_else(no_chunk)?;
        let pack = starts
            .partition_point(|start| *start <= number)
            .checked_sub(1)
            .ok_or_else(no_chunk)?;
        let start = starts.get(pack).ok_or_else(no_chunk)?;
        let (id, chunks) = self
            .written
            .get(&writer)
            .and_then(|packs| packs.get(pack))
            .ok_or_else(no_chunk)?;
        let chunk = chunks.get((number - start) as usize).ok_or_else(no_chunk)?;
        let (offset, length) = (u64::from(chunk.offset), chunk.length);
        Ok((
            *id,
            Chunk {
                pack: 0,
                offset,
                length,
                raw_length: chunk.raw_length,
                digest: chunk.digest,
            },
        ))
    }

    /// Sorts the chunks by pack and offset. Returns the packs, the chunks, and the final number of each.
    fn finish(self) -> (Vec<PackId>, Vec<Chunk>, Vec<u32>) {
        let mut order: Vec<(usize, PackId, Chunk)> = self
            .chunks
            .into_iter()
            .enumerate()
            .map(|(number, (id, chunk))| (number, id, chunk))
            .collect();
        // Packs in the order in which the entries first use them: that is the order in which attach wants them.
        let mut packs: Vec<PackId> = Vec::new();
        let mut pack_numbers = HashMap::new();
        for (_, id, _) in &order {
            pack_numbers.entry(*id).or_insert_with(|| {
                packs.push(*id);
                packs.len() as u32 - 1
            });
        }
        for (_, id, chunk) in &mut order {
            chunk.pack = pack_numbers.get(id).copied().unwrap_or_default();
        }
        order.sort_by_key(|(_, _, chunk)| (chunk.pack, chunk.offset));
        let mut finals = vec![0; order.len()];
        for (now, (before, ..)) in order.iter().enumerate() {
            if let Some(number) = finals.get_mut(*before) {
                *number = now as u32;
            }
        }
        (
            packs,
            order.into_iter().map(|(.., chunk)| chunk).collect(),
            finals,
        )
    }
}

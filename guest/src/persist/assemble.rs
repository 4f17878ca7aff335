//! Assembles the outcomes of all items into a tree.

use std::collections::HashMap;

use super::base::{Chunks, base_chunk, no_chunk};
use super::item::{ChunkRef, Item, ItemKind, Slice, StoredAs, changed};
use crate::error::{Error, Result};
use crate::id::{Digest, PackId};
use crate::pack::Packs;
use crate::ports::Store;
use crate::tree::{Border, Chunk, Content, Entry, Location, Saved, Table, Writer};

/// The contents of a tree, and how much of them is new. Sizes in bytes.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub files: u64,
    pub bytes: u64,
    pub directories: u64,
    pub symlinks: u64,
    pub new_files: u64,
    pub new_bytes: u64,
}

/// One entry of the tree, and where its bytes are: an empty location for what has none.
pub(super) struct Assembled {
    pub entry: Entry,
    pub(super) at: Vec<(ChunkRef, u64)>,
    pub(super) new_bytes: u64,
}

/// The outcomes of the items as entries: the segments of a large file become one entry.
pub(super) struct Assembling<'a, I: Iterator> {
    items: std::iter::Peekable<I>,
    /// The places of slices that two workers stored independently: one place is enough.
    slices: &'a mut HashMap<Digest, ChunkRef>,
}

/// More slices than this need not be the same: some 20 MB.
const SLICES_MAX: usize = 300_000;

impl<'a, I: Iterator<Item = Result<(Item, StoredAs)>>> Assembling<'a, I> {
    pub(super) fn new(items: I, slices: &'a mut HashMap<Digest, ChunkRef>) -> Self {
        Assembling {
            items: items.peekable(),
            slices,
        }
    }

    fn assembled(&mut self, item: Item, done: StoredAs) -> Result<Assembled> {
        let Item {
            path,
            bits,
            modified,
            kind,
            ..
        } = item;
        let (mut at, mut new_bytes) = (Vec::new(), 0);
        let content = match (kind, done) {
            (ItemKind::Directory, _) => Content::Directory,
            (ItemKind::Symlink(target), _) => Content::Symlink(target),
            (ItemKind::Small { .. }, StoredAs::Plain) => Content::File {
                size: 0,
                digest: Digest::of(b""),
                location: Location::Empty,
            },
            (
                ItemKind::Small { size },
                StoredAs::Small {
                    digest,
                    at: there,
                    is_new,
                },
            ) => {
                new_bytes += if is_new { size } else { 0 };
                at.push((there, size));
                let (ChunkRef::Base { offset, .. } | ChunkRef::New { offset, .. }) = there;
                Content::File {
                    size,
                    digest,
                    location: Location::Bundle { chunk: 0, offset },
                }
            }
            (ItemKind::Segment { length, .. }, StoredAs::Segment { mut slices }) => {
                self.rest_of(&path, length, &mut slices)?;
                let size = length_of(&slices);
                let digest = Digest::of_slices(
                    slices
                        .iter()
                        .map(|slice| (&slice.digest, u64::from(slice.length))),
                );
                for slice in slices {
                    let length = u64::from(slice.length);
                    let there = self.only(&slice);
                    new_bytes += if slice.is_new && there == slice.at {
                        length
                    } else {
                        0
                    };
                    at.push((there, length));
                }
                let location = match at.is_empty() {
                    true => Location::Empty,
                    false => Location::Slices(Vec::new()),
                };
                Content::File {
                    size,
                    digest,
                    location,
                }
            }
            _ => return Err(Error::internal("a worker's outcome does not fit its task")),
        };
        Ok(Assembled {
            entry: Entry {
                path,
                bits,
                modified,
                content,
            },
            at,
            new_bytes,
        })
    }

    /// Adds the slices of a file's other segments.
    fn rest_of(&mut self, path: &str, mut wanted: u64, slices: &mut Vec<Slice>) -> Result<()> {
        let same_file = |next: &Result<(Item, StoredAs)>| {
            let Ok((next, _)) = next else { return true };
            matches!(next.kind, ItemKind::Segment { offset, .. } if offset > 0) && next.path == path
        };
        while let Some(next) = self.items.next_if(same_file) {
            let (segment, done) = next?;
            let (ItemKind::Segment { length, .. }, StoredAs::Segment { slices: more }) = (segment.kind, done)
            else {
                return Err(no_chunk());
            };
            // A file may end before its listed size, but has no gap.
            if !more.is_empty() && length_of(slices) < wanted {
                return Err(changed(path));
            }
            wanted += length;
            slices.extend(more);
        }
        Ok(())
    }

    fn only(&mut self, slice: &Slice) -> ChunkRef {
        match slice.at {
            ChunkRef::Base { .. } => slice.at,
            ChunkRef::New { .. } if self.slices.len() < SLICES_MAX => {
                *self.slices.entry(slice.digest).or_insert(slice.at)
            }
            ChunkRef::New { .. } => self.slices.get(&slice.digest).copied().unwrap_or(slice.at),
        }
    }
}

fn length_of(slices: &[Slice]) -> u64 {
    slices.iter().map(|slice| u64::from(slice.length)).sum()
}

impl<I: Iterator<Item = Result<(Item, StoredAs)>>> Iterator for Assembling<'_, I> {
    type Item = Result<Assembled>;

    fn next(&mut self) -> Option<Result<Assembled>> {
        let next = self.items.next()?;
        Some(next.and_then(|(item, done)| self.assembled(item, done)))
    }
}

/// Writes the tree of the assembled entries, a part at a time.
pub(super) fn assemble<S: Store>(
    base: &Chunks,
    written: &HashMap<u32, Packs>,
    entries: impl Iterator<Item = Result<Assembled>>,
    mut tree: Writer<'_, S>,
) -> Result<(Saved, Counted)> {
    let mut counted = Counted::default();
    let starts = starts(written);
    let mut part = Vec::new();
    let mut border = Border::default();
    for assembled in entries {
        let assembled = assembled?;
        counted.add(&assembled);
        let slices = match assembled.entry.content {
            Content::File {
                location: Location::Slices(_),
                ..
            } => assembled.at.len(),
            _ => 0,
        };
        let ends = border.ends(&assembled.entry.path, slices);
        part.push(assembled);
        if ends {
            let (entries, table) = numbered(Numbering::new(base, written, &starts), &mut part)?;
            tree.part(entries, table)?;
        }
    }
    if !part.is_empty() {
        let (entries, table) = numbered(Numbering::new(base, written, &starts), &mut part)?;
        tree.part(entries, table)?;
    }
    Ok((tree.finish()?, counted))
}

impl Counted {
    fn add(&mut self, Assembled { entry, new_bytes, .. }: &Assembled) {
        match &entry.content {
            Content::Directory => self.directories += 1,
            Content::Symlink(_) => self.symlinks += 1,
            Content::File { size, .. } => {
                self.files += 1;
                self.bytes += size;
            }
        }
        self.new_files += u64::from(*new_bytes > 0);
        self.new_bytes += new_bytes;
    }
}

/// Numbers the chunks of a part. Takes its entries.
fn numbered(mut numbering: Numbering<'_>, part: &mut Vec<Assembled>) -> Result<(Vec<Entry>, Table)> {
    let mut numbers = Vec::new();
    for assembled in part.iter() {
        for (at, _) in &assembled.at {
            numbers.push(numbering.number(*at)?);
        }
    }
    let (table, finals) = numbering.finish();
    let last = |number: u32| finals.get(number as usize).copied().ok_or_else(no_chunk);
    let mut numbers = numbers.into_iter();
    let mut entries = Vec::with_capacity(part.len());
    for mut assembled in part.drain(..) {
        let mut own = numbers.by_ref().take(assembled.at.len());
        if let Content::File { location, .. } = &mut assembled.entry.content {
            match location {
                Location::Empty => {}
                Location::Bundle { chunk, .. } => *chunk = last(own.next().ok_or_else(no_chunk)?)?,
                Location::Slices(runs) => {
                    for number in own {
                        let number = last(number)?;
                        match runs.last_mut() {
                            Some((first, count)) if *first + *count == number => *count += 1,
                            _ => runs.push((number, 1)),
                        }
                    }
                }
            }
        }
        entries.push(assembled.entry);
    }
    Ok((entries, table))
}

/// Returns where a writer's packs begin in its numbering of chunks.
fn starts(written: &HashMap<u32, Packs>) -> HashMap<u32, Vec<u32>> {
    written
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
        .collect()
}

/// Numbers the chunks of a part: those that its entries use, by pack.
struct Numbering<'a> {
    base: &'a Chunks,
    written: &'a HashMap<u32, Packs>,
    starts: &'a HashMap<u32, Vec<u32>>,
    chunks: Vec<(PackId, Chunk)>,
    numbers: HashMap<(Option<u32>, u32), u32>,
}

impl<'a> Numbering<'a> {
    fn new(base: &'a Chunks, written: &'a HashMap<u32, Packs>, starts: &'a HashMap<u32, Vec<u32>>) -> Self {
        Numbering {
            base,
            written,
            starts,
            chunks: Vec::new(),
            numbers: HashMap::new(),
        }
    }

    /// Returns the preliminary number of a chunk.
    fn number(&mut self, at: ChunkRef) -> Result<u32> {
        let key = match at {
            ChunkRef::Base { chunk, .. } => (None, chunk),
            ChunkRef::New { writer, chunk, .. } => (Some(writer), chunk),
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

    /// Sorts the chunks by pack and offset. Returns them, and the final number of each.
    fn finish(self) -> (Table, Vec<u32>) {
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
        let chunks = order.into_iter().map(|(.., chunk)| chunk).collect();
        (Table { chunks, packs }, finals)
    }
}

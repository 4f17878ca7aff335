//! The base: what the store already has of this artifact, so that it need not be stored again.
//!
//! A file that the base has under the same path is found there, whatever the number of files; so a tree that did not change
//! is stored as it was. For what was moved or copied there is an index by digest. It has a limit, and prefers large files.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::item::{BaseFile, ChunkRef};
use crate::error::{Error, Result};
use crate::id::{Digest, PackId, TreeId};
use crate::lookup::ignore_damage;
use crate::path;
use crate::ports::{Scratch, Store, Time};
use crate::record::Record;
use crate::scratch_list::{ScratchList, ScratchWriter};
use crate::tree::{Chunk, Content, Entries, Located, Location, Table};

/// Each worker holds a copy of the index: 8 MB of files.
const INDEXED_FILES_MAX: usize = 200_000;
/// And 10 MB of slices, of 75 GB.
const INDEXED_SLICES_MAX: usize = 300_000;

/// The chunks of all base trees, numbered through.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    pub packs: Vec<PackId>,
    pub chunks: Vec<Chunk>,
}

/// The packs, chunks and trees that a plan found in the base.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct BaseContents {
    packs: ScratchList<PackId>,
    chunks: ScratchList<Chunk>,
    /// Trees and parts that were read, and are whole.
    trees: ScratchList<TreeId>,
}

impl BaseContents {
    /// Returns the chunks.
    pub(crate) fn chunks(&self, scratch: &dyn Scratch) -> Result<Chunks> {
        Ok(Chunks {
            packs: self.packs.items(scratch).collect::<Result<_>>()?,
            chunks: self.chunks.items(scratch).collect::<Result<_>>()?,
        })
    }

    /// Returns the trees and parts that need not be stored again.
    pub(crate) fn trees(&self, scratch: &dyn Scratch) -> Result<HashSet<TreeId>> {
        self.trees.items(scratch).collect()
    }
}

/// Finds what has a digest: what each worker gets a copy of. Sorted by digest.
#[derive(Debug, Default)]
pub(crate) struct Index {
    files: Vec<(Digest, u32, u32)>,
    slices: Vec<(Digest, u32)>,
}

/// An index on its way to the workers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct ScratchIndex {
    files: ScratchList<(Digest, u32, u32)>,
    slices: ScratchList<(Digest, u32)>,
}

impl ScratchIndex {
    /// Reads the index.
    pub(crate) fn read(&self, scratch: &dyn Scratch) -> Result<Index> {
        Ok(Index {
            files: self.files.items(scratch).collect::<Result<_>>()?,
            slices: self.slices.items(scratch).collect::<Result<_>>()?,
        })
    }
}

/// A small file of a base tree: the larger it is, the more its index saves.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    size: u64,
    digest: Digest,
    chunk: u32,
    offset: u32,
}

/// Reads the base beside the walk, both in path order.
pub(crate) struct Base<'a, S> {
    store: &'a S,
    /// The tree of the build that is most like this one, while it has entries.
    first: Option<Entries<'a, S>>,
    /// Its next entry.
    head: Option<Located>,
    others: Vec<TreeId>,
    chunks: Chunks,
    pack_numbers: HashMap<PackId, u32>,
    /// By pack and offset: two parts may have a chunk in common.
    chunk_numbers: HashMap<(u32, u64), u32>,
    /// The table of the last entry, and the numbers of its chunks among all.
    numbers: Option<(Rc<Table>, Vec<u32>)>,
    files: Vec<Candidate>,
    slices: HashMap<Digest, u32>,
    trees: Vec<TreeId>,
    /// Whether every tree was whole so far.
    is_whole: bool,
}

impl<'a, S: Store> Base<'a, S> {
    /// Begins to read the trees of `records`, of which the first is most like what is persisted.
    pub(crate) fn open(store: &'a S, records: &[Record]) -> Result<Base<'a, S>> {
        let mut seen = HashSet::new();
        let mut trees = records
            .iter()
            .map(|record| record.tree)
            .filter(|tree| seen.insert(*tree));
        let first = trees.next();
        let mut base = Base {
            store,
            first: None,
            head: None,
            others: trees.collect(),
            chunks: Chunks::default(),
            pack_numbers: HashMap::new(),
            chunk_numbers: HashMap::new(),
            numbers: None,
            files: Vec::new(),
            slices: HashMap::new(),
            trees: Vec::new(),
            is_whole: true,
        };
        if let Some(tree) = first {
            base.begin(&tree)?;
        }
        Ok(base)
    }

    fn begin(&mut self, tree: &TreeId) -> Result<()> {
        let opened = Entries::open(self.store, tree).map(Some);
        self.is_whole &= opened.is_ok();
        self.first = ignore_damage(opened)?;
        self.advance()
    }

    /// Reads the next entry. A tree that is missing or damaged ends there: its other files are stored again, which is also
    /// what repairs it. Whether the packs are still there is asked at the end, once, when it counts.
    fn advance(&mut self) -> Result<()> {
        self.head = match &mut self.first {
            Some(entries) => {
                let next = entries.next_entry();
                self.is_whole &= next.is_ok();
                ignore_damage(next)?
            }
            None => None,
        };
        if self.head.is_none()
            && let Some(entries) = self.first.take()
        {
            self.trees.extend(entries.objects());
        }
        Ok(())
    }

    /// Returns where the first tree has a small file of this path and size. Paths must come in path order.
    pub(crate) fn find(&mut self, path: &str, size: u64, modified: Time) -> Result<Option<BaseFile>> {
        while let Some(head) = self.head.take() {
            let order = path::compare(&head.entry.path, path);
            if order.is_gt() {
                self.head = Some(head);
                return Ok(None);
            }
            let is_same = order.is_eq() && head.entry.size() == size;
            // What did not change is found by its path. The index has it only while there is room.
            let known = self.add(&head, is_same && head.entry.modified == modified)?;
            self.advance()?;
            if order.is_eq() {
                return Ok(known.filter(|_| is_same));
            }
        }
        Ok(None)
    }

    /// Adds an entry of a base tree. Returns where it is, if it is a small file.
    fn add(&mut self, located: &Located, is_found: bool) -> Result<Option<BaseFile>> {
        let Content::File {
            size,
            digest,
            location: Location::Bundle { chunk, offset },
        } = &located.entry.content
        else {
            self.number(&located.table)?;
            return Ok(None);
        };
        let chunk = self
            .number(&located.table)?
            .get(*chunk as usize)
            .copied()
            .ok_or_else(no_chunk)?;
        self.files.push(Candidate {
            size: if is_found { 0 } else { *size },
            digest: *digest,
            chunk,
            offset: *offset,
        });
        if self.files.len() >= 2 * INDEXED_FILES_MAX {
            self.keep_best();
        }
        Ok(Some(BaseFile {
            digest: *digest,
            chunk,
            offset: *offset,
        }))
    }

    fn keep_best(&mut self) {
        if self.files.len() > INDEXED_FILES_MAX {
            self.files
                .select_nth_unstable_by(INDEXED_FILES_MAX, |a, b| b.cmp(a));
            self.files.truncate(INDEXED_FILES_MAX);
        }
    }

    /// Returns the numbers of a table's chunks among all.
    fn number(&mut self, table: &Rc<Table>) -> Result<&[u32]> {
        let is_same = |(last, _): &(Rc<Table>, _)| Rc::ptr_eq(last, table);
        if !self.numbers.as_ref().is_some_and(is_same) {
            let mut numbers = Vec::with_capacity(table.chunks.len());
            for chunk in &table.chunks {
                numbers.push(self.number_of(table, chunk)?);
            }
            self.numbers = Some((Rc::clone(table), numbers));
        }
        Ok(self
            .numbers
            .as_ref()
            .map_or(&[], |(_, numbers)| numbers.as_slice()))
    }

    fn number_of(&mut self, table: &Table, chunk: &Chunk) -> Result<u32> {
        let id = *table.pack(chunk)?;
        let packs = &mut self.chunks.packs;
        let pack = *self.pack_numbers.entry(id).or_insert_with(|| {
            packs.push(id);
            packs.len() as u32 - 1
        });
        let chunks = &mut self.chunks.chunks;
        let number = *self.chunk_numbers.entry((pack, chunk.offset)).or_insert_with(|| {
            chunks.push(Chunk {
                pack,
                ..chunk.clone()
            });
            chunks.len() as u32 - 1
        });
        if let Some(digest) = chunk.digest
            && self.slices.len() < INDEXED_SLICES_MAX
        {
            self.slices.entry(digest).or_insert(number);
        }
        Ok(number)
    }

    /// Reads the rest. Returns what `finish` needs of the base, what the workers do, and whether every tree was whole.
    pub(crate) fn finish(mut self, scratch: &dyn Scratch) -> Result<(BaseContents, ScratchIndex, bool)> {
        while let Some(head) = self.head.take() {
            self.add(&head, false)?;
            self.advance()?;
        }
        for tree in std::mem::take(&mut self.others) {
            self.begin(&tree)?;
            while let Some(head) = self.head.take() {
                self.add(&head, false)?;
                self.advance()?;
            }
        }
        self.keep_best();
        let mut files: Vec<(Digest, u32, u32)> = self
            .files
            .iter()
            .map(|file| (file.digest, file.chunk, file.offset))
            .collect();
        files.sort_unstable();
        files.dedup_by_key(|(digest, ..)| *digest);
        let mut slices: Vec<(Digest, u32)> = self.slices.into_iter().collect();
        slices.sort_unstable();
        let mut chunks = ScratchWriter::new(scratch);
        for chunk in &self.chunks.chunks {
            chunks.push(chunk)?;
        }
        let found = BaseContents {
            packs: ScratchList::of(scratch, self.chunks.packs)?,
            chunks: chunks.close()?,
            trees: ScratchList::of(scratch, self.trees)?,
        };
        let index = ScratchIndex {
            files: ScratchList::of(scratch, files)?,
            slices: ScratchList::of(scratch, slices)?,
        };
        Ok((found, index, self.is_whole))
    }
}

impl Index {
    /// Returns where a small file with this digest lies.
    pub(crate) fn file(&self, digest: &Digest) -> Option<ChunkRef> {
        let found = self
            .files
            .binary_search_by_key(digest, |(digest, ..)| *digest)
            .ok()?;
        let (_, chunk, offset) = *self.files.get(found)?;
        Some(ChunkRef::Base { chunk, offset })
    }

    /// Returns where a slice with this digest lies.
    pub(crate) fn slice(&self, digest: &Digest) -> Option<ChunkRef> {
        let found = self
            .slices
            .binary_search_by_key(digest, |(digest, _)| *digest)
            .ok()?;
        let (_, chunk) = *self.slices.get(found)?;
        Some(ChunkRef::Base { chunk, offset: 0 })
    }
}

pub(super) fn base_chunk(base: &Chunks, number: u32) -> Result<&Chunk> {
    base.chunks.get(number as usize).ok_or_else(no_chunk)
}

pub(crate) fn no_chunk() -> Error {
    Error::internal("a worker named a chunk that does not exist")
}

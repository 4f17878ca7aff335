//! The tree: the manifest of one artifact. JSON lines, zstd-compressed, named by the digest of its stored bytes.
//!
//! A part has a header, the chunk table, a line a pack, and the entries in path order. A tree of one part is that part. A
//! larger one is a list of its parts, each an object of its own, so that a tree is read and written with one part in memory,
//! and a new tree stores only the parts that changed. docs/reference/format.md gives the grammar. The reader trusts nothing:
//! an attacker may have written every byte.

mod form;
mod read;
mod write;

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::id::{Digest, PackId};
use crate::ports::Time;

pub use read::{Entries, References, references, tables};
pub use write::{Border, Saved, Writer};

/// More entries than this are refused.
pub const ENTRIES_MAX: usize = 2_000_000;
/// More chunks in one part, or more slices of all files, than this are refused: a terabyte's worth.
pub const CHUNKS_MAX: usize = 4_000_000;
/// No pack is larger, so no chunk comes later in it.
const PACK_BYTES_MAX: u64 = 256 << 20;

/// One directory, file or symlink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Relative, valid as [`crate::path::fault`] says.
    pub path: String,
    /// The nine permission bits. 0 for a symlink.
    pub bits: u16,
    /// When it last changed.
    pub modified: Time,
    /// Its kind and content.
    pub content: Content,
}

/// The kind and content of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// A directory.
    Directory,
    /// A symlink, and where it points.
    Symlink(String),
    /// A file.
    File {
        /// In bytes.
        size: u64,
        /// Of the contents, or of the slices.
        digest: Digest,
        /// The place of the bytes.
        location: Location,
    },
}

/// The place of a file's bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Location {
    /// There are none.
    Empty,
    /// In a bundle, from `offset` on.
    Bundle {
        /// The chunk's number.
        chunk: u32,
        /// In bytes.
        offset: u32,
    },
    /// In these whole chunks, one after the other: runs of a first number and a count.
    Slices(Vec<(u32, u32)>),
}

/// One frame of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Index into [`Table::packs`].
    pub pack: u32,
    /// From the start of the pack, in bytes.
    pub offset: u64,
    /// Of the frame, in bytes.
    pub length: u32,
    /// Of its content, in bytes.
    pub raw_length: u32,
    /// Of its content, where the chunk is a slice.
    pub digest: Option<Digest>,
}

/// The places of the chunks of one part's entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Numbered from 0 in this order by the entries. Sorted by pack.
    pub chunks: Vec<Chunk>,
    /// The packs that the chunks lie in.
    pub packs: Vec<PackId>,
}

/// An entry, and the table that its numbers refer to.
#[derive(Debug, Clone)]
pub struct Located {
    /// The entry.
    pub entry: Entry,
    /// The table of its part.
    pub table: Rc<Table>,
}

impl Entry {
    /// Returns the size of a file in bytes, 0 for anything else.
    pub fn size(&self) -> u64 {
        match self.content {
            Content::File { size, .. } => size,
            _ => 0,
        }
    }
}

impl Location {
    /// Returns the numbers of a file's slices.
    pub fn slices(runs: &[(u32, u32)]) -> impl Iterator<Item = u32> {
        runs.iter()
            .flat_map(|(first, count)| *first..first.saturating_add(*count))
    }
}

impl Table {
    /// Returns a chunk. The part was checked, so there is one for every number in it.
    pub fn chunk(&self, number: u32) -> Result<&Chunk> {
        self.chunks
            .get(number as usize)
            .ok_or_else(|| Error::internal(format!("no chunk {number} in a checked tree")))
    }

    /// Returns each pack, and how many bytes of it the chunks need.
    pub fn pack_ends(&self) -> Vec<(PackId, u64)> {
        let mut ends = vec![0; self.packs.len()];
        for chunk in &self.chunks {
            if let Some(end) = ends.get_mut(chunk.pack as usize) {
                *end = chunk.offset.saturating_add(u64::from(chunk.length)).max(*end);
            }
        }
        self.packs.iter().copied().zip(ends).collect()
    }

    /// Returns the pack of a chunk.
    pub fn pack(&self, chunk: &Chunk) -> Result<&PackId> {
        self.packs
            .get(chunk.pack as usize)
            .ok_or_else(|| Error::internal("a chunk of no pack"))
    }
}

/// Refuses what has no end.
fn check_size(entries: u64, chunks: u64, key: &str) -> Result<()> {
    if entries <= ENTRIES_MAX as u64 && chunks <= CHUNKS_MAX as u64 {
        return Ok(());
    }
    let message = format!("a tree has {ENTRIES_MAX} entries and {CHUNKS_MAX} chunks at most");
    Err(Error::limit("tree-too-large", message, key))
}

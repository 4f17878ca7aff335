//! Items, and what workers make of them: the values that cross between the calls of one persist.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::id::Digest;
use crate::pack::Pack;
use crate::ports::Time;
use crate::scratch_list::ScratchList;

/// One entry on its way into a tree, or one segment of a large file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub path: String,
    pub bits: u16,
    pub modified: Time,
    /// The size that the file system lists for a file. Some file systems list another than what can be read.
    pub listed: u64,
    pub kind: ItemKind,
    /// The place of a small file of this path in the base.
    pub base: Option<BaseFile>,
}

/// A small file of the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BaseFile {
    pub digest: Digest,
    pub chunk: u32,
    pub offset: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ItemKind {
    Directory,
    Symlink(String),
    /// A file of at most [`crate::chunk::SMALL_BYTES_MAX`].
    Small {
        size: u64,
    },
    /// `length` bytes from `offset` of a larger file. A file's segments follow each other, in order. The last one extends
    /// to the end of what can be read.
    Segment {
        size: u64,
        offset: u64,
        length: u64,
    },
}

/// The outcome of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StoredAs {
    /// Nothing had to be stored: a directory, a symlink, an empty file.
    Plain,
    Small {
        digest: Digest,
        at: ChunkRef,
        /// Whether its bytes were stored for it.
        is_new: bool,
    },
    Segment {
        slices: Vec<Slice>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slice {
    pub digest: Digest,
    pub length: u32,
    pub at: ChunkRef,
    /// Whether it was stored for this file.
    pub is_new: bool,
}

/// The place of a small file or a slice. Chunks are numbered by each writer, and in the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum ChunkRef {
    Base { chunk: u32, offset: u32 },
    New { writer: u32, chunk: u32, offset: u32 },
}

/// A task: the items that a worker stores.
pub(crate) type Items = ScratchList<Item>;

/// The outcomes of the items of a task.
pub(crate) type StoredItems = ScratchList<(Item, StoredAs)>;

/// The outcome of a task, or, when it is closed, of a worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Outcome {
    Task(StoredItems),
    Closed {
        writer: u32,
        packs: ScratchList<Pack>,
        stored_bytes: u64,
    },
}

/// Returns the error for a file that changed while it was read. Also used where `finish` reads a file a second time.
pub(super) fn changed(path: &str) -> Error {
    Error::invalid("file-changed", "a file changed while it was read", path)
}

//! Persist: files of a directory become packs, a tree, and the record of a build.
//!
//! `plan` walks and cuts the work into tasks, `worker` reads, hashes, deduplicates and compresses, `finish` puts the
//! tree together, with `repair` and `assemble`, and `commit` makes it a build. The base, what the store already has of this artifact, is in `base`.

mod assemble;
mod base;
mod carried;
mod commit;
mod finish;
mod met;
mod plan;
mod repair;
mod rescue;
mod worker;

use serde::{Deserialize, Serialize};

pub use finish::{Persisted, StoredAgain, finish};
pub(crate) use met::{shadow_problem, unused_problem};
pub use plan::{IfNoFiles, Persist, SpecialFiles, plan};
pub(crate) use plan::{STAGING, is_staging};
pub(crate) use worker::SLICE_BYTES_MAX;
pub use worker::Worker;

use crate::id::Digest;
use crate::pack::Pack;
use crate::ports::Time;
use crate::record::Record;
use crate::spool::Spooled;

/// A file above this size is cut into slices; the others go into bundles.
pub(crate) const SMALL_BYTES_MAX: u64 = 1 << 20;
/// A bundle is closed by the file that makes it this large.
pub(crate) const BUNDLE_BYTES: usize = 512 << 10;

/// One entry on its way into a tree, or one segment of a large file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub path: String,
    pub bits: u16,
    pub modified: Time,
    /// The size that the file system lists for a file. Some file systems list another than what can be read.
    pub listed: u64,
    pub kind: ItemKind,
    /// Where the base has a small file of this path.
    pub base: Option<Known>,
}

/// A small file of the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    pub digest: Digest,
    pub chunk: u32,
    pub offset: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ItemKind {
    Directory,
    Symlink(String),
    /// A file of at most [`SMALL_BYTES_MAX`].
    Small {
        size: u64,
    },
    /// `length` bytes from `offset` of a larger file. A file's segments follow each other, in order. The last one goes on
    /// to the end of what can be read.
    Segment {
        size: u64,
        offset: u64,
        length: u64,
    },
}

/// What became of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Done {
    /// Nothing had to be stored: a directory, a symlink, an empty file.
    Plain,
    Small {
        digest: Digest,
        at: At,
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
    pub at: At,
    /// Whether it was stored for this file.
    pub is_new: bool,
}

/// Where a small file or a slice lies. Chunks are numbered by each writer, and in the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum At {
    Base { chunk: u32, offset: u32 },
    New { writer: u32, chunk: u32, offset: u32 },
}

/// A task: the items that a worker stores.
pub(crate) type Items = Spooled<Item>;

/// What became of the items of a task.
pub(crate) type Stored = Spooled<(Item, Done)>;

/// What a worker reports: of a task, or, when it is closed, of itself.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Outcome {
    Task(Stored),
    Closed {
        writer: u32,
        packs: Spooled<Pack>,
        stored_bytes: u64,
    },
}

/// What `finish` needs besides the outcomes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Rest {
    pub record: Record,
    pub base: base::Found,
    pub base_record: Option<Record>,
    pub check_conflicts: bool,
    /// Whether to read back all that the build will point to.
    pub read_back: bool,
    /// The patterns of the request: what the tree covers.
    pub covers: Vec<String>,
    /// The number of the last list of what is condemned.
    pub prunes: u64,
}

//! Attach: a build's tree, or the merged layers of a workspace, becomes files in a directory.
//!
//! `plan` cuts the work into tasks by pack once `compare` knows what is there, `worker` fetches, verifies and writes into a
//! staging directory, `finish` gives everything its name. Until then nothing that the user can see has changed, so a
//! damaged store or a full disk leaves the directory as it was.

mod compare;
mod coverage;
mod directory;
mod finish;
mod layout;
mod open;
mod plan;
mod sparse;
mod staging;
mod sweep;
mod worker;

use serde::{Deserialize, Serialize};

pub(crate) use coverage::covered;
pub use finish::{Attached, finish};
pub use layout::Layout;
pub(crate) use plan::plan_downloads;
pub use plan::{Attach, plan};
pub use staging::{abandon, abandon_plan};
pub use worker::Worker;

use crate::id::{Digest, PackId};
use crate::ports::{Standing, Time};
use crate::record::Record;
use crate::spool::Spooled;
use sweep::Removal;

/// Some chunks of one pack, and the files that their bytes belong to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TaskIn {
    /// Absent for empty files.
    pub pack: Option<PackId>,
    pub chunks: Spooled<ChunkIn>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct ChunkIn {
    pub offset: u64,
    pub length: u32,
    pub raw_length: u32,
    pub pieces: Vec<Piece>,
}

/// A run of bytes of a chunk that belongs into a file: a whole small file, or a slice of a large one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Piece {
    /// Where it is written, in the staging directory.
    pub staged: String,
    /// Where in the chunk it begins.
    pub start: u32,
    pub length: u32,
    pub digest: Digest,
    pub target: PieceTarget,
    /// A file of the same size that stands under the final name, and may be equal.
    pub compare: Option<Compare>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum PieceTarget {
    /// All of a file that does not exist yet.
    Whole { bits: u16, modified: Time },
    /// At this offset of a file that exists.
    Part { at: u64 },
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Compare {
    /// Index into [`Rest::commits`].
    pub commit: u32,
    pub path: String,
}

/// What a worker reports of a task.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub fetched_bytes: u64,
    /// Small files that were written, and their bytes; bytes of large ones too.
    pub new_files: u64,
    pub new_bytes: u64,
    /// Pieces of large files that stand already.
    pub kept: Vec<Kept>,
    /// Commits of which some piece was written.
    pub changed: Vec<u32>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub commit: u32,
    pub path: String,
    pub staged: String,
    pub at: u64,
    pub length: u32,
    pub digest: Digest,
}

/// What `finish` needs besides the outcomes.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Rest {
    pub builds: Vec<Record>,
    pub files: u64,
    pub directories: u64,
    pub symlinks: u64,
    pub bytes: u64,
    /// Staging directories.
    pub places: Vec<String>,
    pub commits: Spooled<Commit>,
    /// Symlinks, under their staged names.
    pub links: Spooled<(String, String, Time)>,
    /// Directories that exist and may not be written, with their bits and times.
    pub closed: Vec<(String, u16, Time)>,
    /// Directories that this user cannot write to, and cannot open either: another user's, the granted one itself, those on a
    /// read-only file system, and immutable ones.
    pub sealed: Vec<(String, Sealed)>,
    /// What stands in the way of another kind of thing.
    pub in_the_way: Vec<Removal>,
    /// New directories and symlinks: from their staged names to their own.
    pub moves: Spooled<(String, String)>,
    /// What `--clean` removes.
    pub clean: Vec<Removal>,
    /// Directories, with their bits and times, parents first.
    pub directories_apply: Spooled<(String, u16, Time)>,
}

/// What is left to do for a file once its bytes are written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Commit {
    pub staged: String,
    /// Where it is moved to. Absent in a new directory, which is moved as a whole.
    pub path: Option<String>,
    pub bits: u16,
    pub modified: Time,
    /// In bytes.
    pub size: u64,
    /// Whether it is written in parts, so that nobody has set its attributes yet.
    pub large: bool,
    /// Whether a file of the same size stands under the final name.
    pub compared: bool,
    /// Whether that file's attributes differ.
    pub attributes_differ: bool,
    /// Why nothing can be renamed over that file, if that is so.
    pub fixed: Option<Fixed>,
}

/// Why nothing can be renamed over an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fixed {
    Mounted,
    Immutable,
    /// Another user's.
    Foreign,
}

impl Fixed {
    fn of(standing: &Standing) -> Option<Fixed> {
        match standing {
            Standing { fixed: false, .. } => None,
            Standing { mounted: true, .. } => Some(Fixed::Mounted),
            Standing { foreign: true, .. } => Some(Fixed::Foreign),
            _ => Some(Fixed::Immutable),
        }
    }
}

/// Why nothing can be changed in a directory, whatever its permission bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Sealed {
    Denied,
    ReadOnly,
    Immutable,
}

//! Tasks and outcomes of an attach, as they cross between the calls of one run.

use serde::{Deserialize, Serialize};

use crate::id::{Digest, PackId};
use crate::ports::Time;
use crate::scratch_list::ScratchList;

/// Some chunks of one pack, and the files that their bytes belong to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TaskIn {
    /// Absent for empty files.
    pub pack: Option<PackId>,
    pub chunks: ScratchList<ChunkIn>,
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
    /// Its path in the staging directory.
    pub staged: String,
    /// Its offset in the chunk.
    pub start: u32,
    pub length: u32,
    pub digest: Digest,
    pub target: PieceTarget,
    /// A file of the same size that stands under the final name, and may be equal.
    pub compare: Option<ExistingFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum PieceTarget {
    /// All of a file that does not exist yet.
    Whole { bits: u16, modified: Time },
    /// At this offset of a file that exists.
    Part { at: u64 },
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ExistingFile {
    /// Index into [`super::Rest::commits`].
    pub commit: u32,
    pub path: String,
}

/// The outcome of a task.
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

impl Piece {
    /// Returns about how many bytes of memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let compared = self.compare.as_ref().map_or(0, |compare| compare.path.len());
        200 + self.staged.len() + compared
    }
}

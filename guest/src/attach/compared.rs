//! The outcome of a comparison of the merged tree with the directory.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::rest::Rest;
use super::task::Piece;
use crate::error::Problem;
use crate::external_sort::Sorter;
use crate::id::PackId;
use crate::path;
use crate::scratch_list::ScratchList;
use crate::transfer_plan::Step;

/// A piece of a chunk that is needed, in the order in which it is fetched: by pack and offset, so that neighbours
/// follow each other. Empty files are pieces of a chunk in no pack.
#[derive(PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct PieceIn {
    pub(super) pack: Option<u32>,
    pub(super) offset: u64,
    pub(super) length: u32,
    pub(super) raw_length: u32,
    /// Path order, within a chunk.
    pub(super) number: u64,
    pub(super) piece: Piece,
}

/// The result of a comparison.
pub(crate) struct Compared<'s> {
    pub(crate) rest: Rest,
    pub(super) pieces: Sorter<'s, PieceIn>,
    pub(super) packs: Vec<PackId>,
    /// Files without a tree, and where each is to be written.
    pub(crate) downloads: Vec<Download>,
    /// For a dry run, in path order.
    pub(crate) steps: ScratchList<Step>,
    /// Warnings for the user.
    pub(crate) warnings: Vec<Problem>,
    /// Whether two names that differ in case only are one, where something is written.
    pub(super) folds_case: bool,
}

/// A file of which nothing but the path is known.
pub(crate) struct Download {
    pub(crate) path: String,
    /// In the staging directory. It does not exist yet.
    pub(crate) staged: String,
}

/// A step, in path order.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PathStep(pub(super) Step);

impl Ord for PathStep {
    fn cmp(&self, other: &PathStep) -> Ordering {
        path::compare(&self.0.path, &other.0.path).then((self.0.action as u8).cmp(&(other.0.action as u8)))
    }
}

impl PartialOrd for PathStep {
    fn partial_cmp(&self, other: &PathStep) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

//! The request of a prune, and its policy.

use super::pointers::CHANNEL_STEPS;
use crate::context::Context;

/// The builds to keep, in addition to those that always are: the newest of each branch, those that a channel or a rollback
/// younger than the grace period. Without a rule that keeps something, every build is kept but those of branches that are
/// gone.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The newest builds of each branch, so many.
    pub keep_last: Option<u32>,
    /// Builds that are younger than this, in milliseconds.
    pub keep_within_ms: Option<u64>,
    /// Builds of tags.
    pub keep_tags: bool,
    /// Branches that do not exist any more: they have no newest build that must be kept.
    pub branches_gone: Vec<String>,
    /// Builds whose record or tree is missing or damaged, or of which a pack is missing or too short, are removed, whatever
    /// else would keep them.
    pub drop_damaged: bool,
    /// The builds this many steps back on a channel are kept.
    pub keep_channel_steps: u32,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            keep_last: None,
            keep_within_ms: None,
            keep_tags: false,
            branches_gone: Vec::new(),
            drop_damaged: false,
            keep_channel_steps: CHANNEL_STEPS,
        }
    }
}

/// The request of a prune.
#[derive(Debug, Clone)]
pub struct Prune {
    /// Whose builds are judged.
    pub context: Context,
    /// The builds to keep.
    pub policy: Policy,
    /// How long what nobody uses stays, in milliseconds: longer than any persist takes to commit, or an attach to end.
    pub grace_ms: u64,
    /// Whether nobody writes to the store or attaches from it until the prune is done: then the grace period may be as
    /// short as one likes.
    pub no_other_writers: bool,
}

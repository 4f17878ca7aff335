//! The part of a prune's plan that its run needs.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::condemned::{Phase, Removed};
use crate::error::Result;
use crate::id::{PackId, TreeId};
use crate::ports::Store;
use crate::record::Record;
use crate::scratch_list::ScratchList;

/// A number of objects, and the size of their packs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Packs and trees.
    pub objects: u64,
    /// Of the packs.
    pub bytes: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Rest {
    /// Builds to remove, each with its keys in the order of removal.
    pub(super) removed: ScratchList<(Removed, Vec<String>)>,
    /// Keys of what is damaged, and is dropped.
    pub(super) broken: ScratchList<String>,
    /// Records of builds that are kept, for those of their keys that are missing or dropped.
    pub(super) restored: ScratchList<(String, Vec<u8>)>,
    /// An object that is put beside the list: its key, and its bytes.
    pub(super) note: Option<(String, Vec<u8>)>,
    /// Whether a build goes that something points to.
    pub(super) even_if_pointed_to: bool,
    pub(super) keep_channel_steps: u32,
    /// Whether what is before an event that cannot be read is given up.
    pub(super) over_damage: bool,
    /// The content of the next list.
    pub(super) next: Next,
    pub(super) deleted: Amount,
    pub(super) condemned: Amount,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Next {
    pub(super) last: u64,
    pub(super) packs: ScratchList<(PackId, NextMark)>,
    pub(super) trees: ScratchList<(TreeId, NextMark)>,
    /// Builds that an earlier prune removes, and until when nothing may point to them.
    pub(super) builds: ScratchList<(Removed, u64)>,
    pub(super) grace_ms: u64,
    /// Until when a lost list may still be in force. The end of time if this prune replaces it.
    pub(super) unknown_until_ms: Option<u64>,
}

/// The mark of an object in the next list.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct NextMark {
    pub(super) phase: Phase,
    /// In milliseconds since 1970; `None` is the time at which the list is created.
    pub(super) since_ms: Option<u64>,
    pub(super) is_there: bool,
}

pub(super) fn removable(store: &impl Store, record: &Record, found: &[String]) -> Result<Vec<String>> {
    let mut keys = record.keys_of_all_revisions();
    // Layers, and whatever else it was found under.
    let own: HashSet<String> = keys.iter().cloned().collect();
    keys.extend(found.iter().filter(|key| !own.contains(*key)).cloned());
    keys.extend(store.list(&record.all_signatures_prefix(), None, 1000)?);
    Ok(keys)
}

//! The directories on the way to the entry that is compared: what is in them, and what may be done there.

use std::collections::HashMap;

use super::clean::KeepReason;
use crate::error::Result;
use crate::path;
use crate::ports::{DirEntry, Files};

/// A directory of the tree while its entries are compared.
pub(super) struct Dir {
    pub(super) path: String,
    pub(super) state: DirState,
    /// Another file system begins here: what is staged above cannot be renamed into it.
    pub(super) boundary: bool,
    /// This user cannot make or rename anything in it.
    pub(super) closed: bool,
    /// Why nothing in it is removed.
    pub(super) keep: Option<KeepReason>,
}

pub(super) enum DirState {
    /// It exists, with these entries that the tree has not named yet.
    Existing(Remaining),
    /// It is built under this name.
    New(String),
}

/// The entries of an existing directory that the tree has not named yet.
#[derive(Default)]
pub(super) struct Remaining {
    entries: HashMap<Vec<u8>, DirEntry>,
    /// Names in lower case, made when one is asked for that does not exist as it is written.
    folded: Option<HashMap<String, Vec<u8>>>,
}

impl Remaining {
    pub(super) fn new(entries: Vec<DirEntry>) -> Remaining {
        Remaining {
            entries: entries
                .into_iter()
                .map(|entry| (entry.name.clone(), entry))
                .collect(),
            folded: None,
        }
    }

    /// Takes the entry of this path. On a file system that does not tell upper from lower case that may be one whose name
    /// is written otherwise: it must not be taken for one that the tree does not have.
    pub(super) fn take(&mut self, files: &impl Files, path: &str) -> Result<Option<DirEntry>> {
        let name = path::file_name(path);
        if let Some(entry) = self.entries.remove(name.as_bytes()) {
            return Ok(Some(entry));
        }
        if self.entries.is_empty() {
            return Ok(None);
        }
        let folded = self.folded.get_or_insert_with(|| {
            let names = self.entries.keys();
            names
                .filter_map(|name| Some((std::str::from_utf8(name).ok()?.to_lowercase(), name.clone())))
                .collect()
        });
        let Some(other) = folded.get(&name.to_lowercase()) else {
            return Ok(None);
        };
        if !self.entries.contains_key(other) || files.entry(path)?.is_none() {
            return Ok(None);
        }
        Ok(self.entries.remove(other))
    }

    pub(super) fn into_entries(self) -> impl Iterator<Item = DirEntry> {
        self.entries.into_values()
    }
}

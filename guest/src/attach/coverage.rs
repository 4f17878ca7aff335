//! The paths that an artifact covers: `--clean` makes these equal to the artifact, and leaves all others alone.
//!
//! A tree says with which patterns it was persisted. A path that they select and that the artifact does not have is not
//! wanted any more; a path that they do not select, or exclude, was never looked at. With `--only`, what that leaves out is
//! not touched either.

use std::collections::HashSet;

use super::layout::Layout;
use crate::error::Result;
use crate::glob::Selection;
use crate::path;
use crate::tree::{Content, Entry};

/// The paths that one layer covers.
enum Covered {
    /// The paths that these patterns select.
    Patterns(Selection),
    /// Entries of the top directory, with everything in them: for an artifact without patterns.
    Top(HashSet<String>),
}

/// The paths that may be removed where the artifact does not have them.
pub(super) struct Coverage {
    layers: Vec<Covered>,
    only: Option<Selection>,
    /// The names that the layout removes from the front of the artifact's paths. One empty text if it removes none.
    prefixes: Vec<String>,
}

impl Covered {
    fn includes(&self, path: &str) -> bool {
        match self {
            Covered::Patterns(selection) => selection.includes(path),
            Covered::Top(names) => names.contains(path.split('/').next().unwrap_or_default()),
        }
    }

    fn may_include_below(&self, dir: &str) -> bool {
        match self {
            Covered::Patterns(selection) => selection.may_include_below(dir),
            Covered::Top(_) => dir.is_empty() || self.includes(dir),
        }
    }
}

impl Coverage {
    /// Returns what layers cover together, as far as `only` selects it.
    pub(super) fn of(layers: &[Layer], only: Option<Selection>, prefixes: Vec<String>) -> Result<Coverage> {
        let mut all = Vec::new();
        let mut seen: HashSet<&[String]> = HashSet::new();
        for layer in layers {
            if layer.covers.is_empty() {
                all.push(Covered::Top(layer.top.clone()));
            } else if seen.insert(&layer.covers) {
                all.push(Covered::Patterns(Selection::of_patterns(&layer.covers)?));
            }
        }
        Ok(Coverage {
            layers: all,
            only,
            prefixes,
        })
    }

    /// Returns whether a path of the directory is covered.
    pub(super) fn covers(&self, path: &str) -> bool {
        self.prefixes.iter().any(|prefix| {
            let path = path::join(prefix, path);
            self.layers.iter().any(|layer| layer.includes(&path))
                && self.only.as_ref().is_none_or(|only| only.includes(&path))
        })
    }

    /// Returns false only where no path below `dir` is covered.
    pub(super) fn may_cover_below(&self, dir: &str) -> bool {
        self.prefixes.iter().any(|prefix| {
            let dir = match dir {
                "" => prefix.clone(),
                dir => path::join(prefix, dir),
            };
            self.layers.iter().any(|layer| layer.may_include_below(&dir))
                && self.only.as_ref().is_none_or(|only| only.may_include_below(&dir))
        })
    }
}

/// The patterns or top entries of a layer.
#[derive(Default)]
pub(super) struct Layer {
    /// The patterns with which it was persisted.
    pub(super) covers: Vec<String>,
    /// The entries of its top directory: where there are no patterns.
    pub(super) top: HashSet<String>,
}

impl Layer {
    /// Takes the next entry.
    pub(super) fn see(&mut self, entry: &Entry) {
        if self.covers.is_empty() && !entry.path.contains('/') {
            self.top.insert(entry.path.clone());
        }
    }
}

/// The prefixes that the layout removes, each once: the artifact's directories of that depth. One empty text if it
/// removes none.
pub(super) struct Prefixes {
    count: Option<usize>,
    found: Vec<String>,
}

impl Prefixes {
    pub(super) fn new(layout: Layout) -> Prefixes {
        let (count, found) = match layout {
            // What comes from everywhere into one directory covers nothing there.
            Layout::Flat => (None, Vec::new()),
            Layout::AsPersisted | Layout::Strip(0) => (None, vec![String::new()]),
            Layout::Strip(count) => (Some(count), Vec::new()),
        };
        Prefixes { count, found }
    }

    /// Returns whether entries have to be seen.
    pub(super) fn is_asked(&self) -> bool {
        self.count.is_some()
    }

    /// Takes an entry of the artifact.
    pub(super) fn see(&mut self, entry: &Entry) {
        let is_taken = |count| entry.content == Content::Directory && path::depth(&entry.path) == count;
        if self.count.is_some_and(is_taken) && !self.found.contains(&entry.path) {
            self.found.push(entry.path.clone());
        }
    }

    pub(super) fn into_found(self) -> Vec<String> {
        self.found
    }
}

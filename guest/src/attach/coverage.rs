//! What an artifact covers: the paths that `--clean` makes equal to it. Everything else is not its business.
//!
//! A tree says with which patterns it was persisted. A path that they select and that the artifact does not have is not
//! wanted any more; a path that they do not select, or exclude, was never looked at. With `--only`, what that leaves out is
//! not touched either.

use std::collections::HashSet;

use super::layout::Layout;
use crate::error::{Error, Result};
use crate::glob::Selection;
use crate::path;
use crate::tree::{Content, Tree};
use crate::workspace::Merged;

/// What one layer covers.
enum Covered {
    /// What these patterns select.
    Patterns(Selection),
    /// Entries of the top directory, with all that is in them: for an artifact that does not say how it was made.
    Top(HashSet<String>),
}

/// The paths that may be removed where the artifact does not have them.
pub(super) struct Coverage {
    layers: Vec<Covered>,
    only: Option<Selection>,
    /// What was taken from the front of the artifact's paths. One empty text where nothing was.
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
    /// Returns what these trees cover together, as far as `only` selects it.
    pub(super) fn of<'a>(
        trees: impl Iterator<Item = &'a Tree>,
        only: Option<Selection>,
        prefixes: Vec<String>,
    ) -> Result<Coverage> {
        let mut layers = Vec::new();
        let mut seen: HashSet<&[String]> = HashSet::new();
        for tree in trees {
            if tree.covers.is_empty() {
                let tops = tree.entries.iter().filter(|entry| !entry.path.contains('/'));
                layers.push(Covered::Top(tops.map(|entry| entry.path.clone()).collect()));
            } else if seen.insert(&tree.covers) {
                layers.push(Covered::Patterns(covered(&tree.covers)?));
            }
        }
        Ok(Coverage {
            layers,
            only,
            prefixes,
        })
    }

    /// Returns what files without a tree cover: what lies at the top of their paths.
    pub(super) fn of_paths(merged: &[Merged], only: Option<Selection>, prefixes: Vec<String>) -> Coverage {
        let tops = merged.iter().map(|merged| &merged.entry.path);
        Coverage {
            layers: vec![Covered::Top(
                tops.filter(|path| !path.contains('/')).cloned().collect(),
            )],
            only,
            prefixes,
        }
    }

    /// Whether a path of the directory is covered.
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

/// Reads the patterns of a tree. They were written to mean the same whatever exists.
pub(crate) fn covered(patterns: &[String]) -> Result<Selection> {
    Selection::parse(patterns, |_| Ok::<_, Error>(false))
}

/// Returns what the layout takes from the front of paths, each once: the artifact's directories of so many names. One empty
/// text where nothing is taken.
pub(super) fn prefixes(merged: &[Merged], layout: Layout) -> Vec<String> {
    let count = match layout {
        // What comes from everywhere into one directory covers nothing there.
        Layout::Flat => return Vec::new(),
        Layout::AsPersisted | Layout::Strip(0) => return vec![String::new()],
        Layout::Strip(count) => count,
    };
    let taken = merged
        .iter()
        .map(|merged| &merged.entry)
        .filter(|entry| entry.content == Content::Directory && path::depth(&entry.path) == count);
    taken.map(|entry| entry.path.clone()).collect()
}

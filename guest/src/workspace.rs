//! Layers become one tree: in their order, a later one over an earlier one, and two jobs that disagree are told so.

use std::collections::{HashMap, HashSet};

use crate::diff::same_content;
use crate::error::{Error, Problem, Result, warning};
use crate::glob::{Selection, Verdict};
use crate::lookup::Layer;
use crate::path;
use crate::persist::{shadow_problem, unused_problem};
use crate::record::Record;
use crate::tree::{Content, Entry, Tree};

/// What is done where two jobs persisted different bytes under one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnConflict {
    /// Fail.
    Fail,
    /// Take the later layer's.
    Newest,
}

/// One entry of merged layers, and the number of the layer whose tree places its bytes.
#[derive(Debug, Clone)]
pub struct Merged {
    /// The entry.
    pub entry: Entry,
    /// Which layer's.
    pub layer: usize,
}

/// Merges layers, the oldest first. Returns the entries in path order.
pub fn merge(layers: &[(Layer, Tree)], on_conflict: OnConflict) -> Result<Vec<Merged>> {
    let mut all: Vec<(usize, &Entry)> = layers
        .iter()
        .enumerate()
        .flat_map(|(layer, (_, tree))| tree.entries.iter().map(move |entry| (layer, entry)))
        .collect();
    if layers.len() > 1 {
        // Stable: of equal paths the later layer's comes later.
        all.sort_by(|(_, a), (_, b)| path::compare(&a.path, &b.path));
    }
    let mut merged: Vec<Merged> = Vec::with_capacity(all.len());
    // Directories that a file or symlink of a later layer replaced, and the number of that layer: what earlier layers have
    // below goes with the directory.
    let mut hidden: Vec<(&str, usize)> = Vec::new();
    let record = |layer: usize| layers.get(layer).and_then(|(layer, _)| layer.record.as_ref());
    let mut all = all.into_iter().peekable();
    while let Some((layer, entry)) = all.next() {
        while hidden
            .pop_if(|(dir, _)| !path::is_below(&entry.path, dir))
            .is_some()
        {}
        let is_hidden = |layer: usize| hidden.iter().any(|(_, by)| layer < *by);
        let mut winner = (!is_hidden(layer)).then_some((layer, entry));
        let mut hidden_by = (entry.content != Content::Directory).then_some(layer);
        // The latest of another job than the winner's. All jobs agree so far, so no more need be remembered.
        let mut other = None;
        while let Some(next) = all.next_if(|(_, next)| next.path == entry.path) {
            if is_hidden(next.0) {
                continue;
            }
            if let Some(before) = winner
                && let (Some(a), Some(b)) = (record(before.0), record(next.0))
            {
                if (&a.job, a.node) != (&b.job, b.node) {
                    other = Some((a, before.1));
                }
                if let (OnConflict::Fail, Some(other)) = (on_conflict, other) {
                    check_entry(other, (b, next.1))?;
                }
            }
            if next.1.content != Content::Directory {
                hidden_by = Some(next.0);
            }
            winner = Some(next);
        }
        if let Some(by) = hidden_by {
            hidden.push((&entry.path, by));
        }
        merged.extend(winner.map(|(layer, entry)| Merged {
            entry: entry.clone(),
            layer,
        }));
    }
    Ok(merged)
}

/// Checks that the layers of two jobs agree wherever both have a path.
pub fn check_pair(a: (&Record, &Tree), b: (&Record, &Tree)) -> Result<()> {
    let (mut left, mut right) = (a.1.entries.iter().peekable(), b.1.entries.iter().peekable());
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        match path::compare(&one.path, &other.path) {
            std::cmp::Ordering::Less => drop(left.next()),
            std::cmp::Ordering::Greater => drop(right.next()),
            std::cmp::Ordering::Equal => {
                check_entry((a.0, one), (b.0, other))?;
                left.next();
                right.next();
            }
        }
    }
    Ok(())
}

fn check_entry(a: (&Record, &Entry), b: (&Record, &Entry)) -> Result<()> {
    if same_content(&a.1.content, &b.1.content) {
        return Ok(());
    }
    let message = format!(
        "two jobs persisted different {} under one path: {} and {}",
        if matches!(
            (&a.1.content, &b.1.content),
            (Content::File { .. }, Content::File { .. })
        ) {
            "bytes"
        } else {
            "things"
        },
        a.0.job_name(),
        b.0.job_name()
    );
    Err(Error::conflict("path-conflict", message, &a.1.path))
}

/// Whether two trees hold the same files with the same attributes, wherever their bytes are stored.
pub(crate) fn same_files(a: &Tree, b: &Tree) -> bool {
    let same = |(a, b): (&Entry, &Entry)| {
        (&a.path, a.bits, a.modified) == (&b.path, b.bits, b.modified) && same_content(&a.content, &b.content)
    };
    a.entries.len() == b.entries.len() && a.entries.iter().zip(&b.entries).all(same)
}

/// Keeps the entries that `patterns` want, and the directories on the way to them. Returns them with what a user should
/// hear of the patterns. Fails where nothing is wanted.
pub fn only(entries: Vec<Merged>, patterns: &[String]) -> Result<(Vec<Merged>, Vec<Problem>)> {
    let there = |path: &str| entries.binary_search_by(|merged| path::compare(&merged.entry.path, path));
    let mut wanted = Selection::parse(patterns, |path| Ok::<_, Error>(there(path).is_ok()))?;
    let mut links = HashMap::new();
    let mut parents = HashSet::new();
    let mut keep = Vec::with_capacity(entries.len());
    // The directories above, each with what was said of it.
    let mut above: Vec<(&str, Verdict)> = Vec::new();
    for Merged { entry, .. } in &entries {
        let parent = path::parent(&entry.path);
        while above.last().is_some_and(|(dir, _)| *dir != parent) {
            above.pop();
        }
        let verdict = above.last().map_or(Verdict::Descend, |(_, verdict)| *verdict);
        let is_directory = entry.content == Content::Directory;
        let verdict = wanted.check(&entry.path, is_directory, verdict);
        if is_directory {
            above.push((&entry.path, verdict));
        }
        if let Content::Symlink(target) = &entry.content
            && verdict != Verdict::Selected
            && wanted.closed(&entry.path)
        {
            links.insert(entry.path.as_str(), target);
        }
        let is_wanted = verdict == Verdict::Selected;
        let mut dir = parent;
        while is_wanted && !dir.is_empty() && parents.insert(dir.to_owned()) {
            dir = path::parent(dir);
        }
        keep.push(is_wanted);
    }
    let mut warnings = Vec::new();
    for (pattern, closed) in wanted.unmatched() {
        let link = closed.and_then(|path| Some((path, links.get(path)?)));
        let (code, message) = match link {
            None => (
                "nothing-selected",
                "no path of the artifact matches --only".to_owned(),
            ),
            Some((path, target)) => (
                "through-symlink",
                format!(
                    "no path of the artifact matches --only: {path} is a symlink to {target}, and symlinks are not followed"
                ),
            ),
        };
        warnings.push(warning(code, message, pattern));
    }
    if !keep.contains(&true) {
        return Err(match warnings.pop() {
            Some(only) if warnings.is_empty() => Error::NothingMatched(only),
            _ => Error::nothing_matched(
                "nothing-selected",
                "no path of the artifact matches --only",
                &patterns.join(" "),
            ),
        });
    }
    warnings.extend(wanted.unused().map(unused_problem));
    for shadowed in wanted.shadowed() {
        warnings.push(shadow_problem(&shadowed)?);
    }
    let kept =
        |(merged, keep): (Merged, bool)| (keep || parents.contains(&merged.entry.path)).then_some(merged);
    Ok((entries.into_iter().zip(keep).filter_map(kept).collect(), warnings))
}

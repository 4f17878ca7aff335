//! Layers become one tree: in their order, a later one over an earlier one, and two jobs that disagree are told so.

use std::collections::HashSet;

use crate::error::{Error, Result};
use crate::lookup::Layer;
use crate::path;
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
    // What lies below a path where a file or symlink won over a directory goes with the directory.
    let mut hidden: Option<String> = None;
    let mut all = all.into_iter().peekable();
    while let Some((layer, entry)) = all.next() {
        if hidden.as_ref().is_some_and(|dir| path::is_below(&entry.path, dir)) {
            continue;
        }
        let mut winner = (layer, entry);
        let mut is_hiding = false;
        while let Some(next) = all.next_if(|(_, next)| next.path == entry.path) {
            if on_conflict == OnConflict::Fail
                && let (Some((a, _)), Some((b, _))) = (layers.get(winner.0), layers.get(next.0))
                && let (Some(a), Some(b)) = (&a.record, &b.record)
            {
                check_entry((a, winner.1), (b, next.1))?;
            }
            is_hiding |= winner.1.content == Content::Directory || next.1.content == Content::Directory;
            winner = next;
        }
        if is_hiding && winner.1.content != Content::Directory {
            hidden = Some(entry.path.clone());
        }
        merged.push(Merged { entry: winner.1.clone(), layer: winner.0 });
    }
    Ok(merged)
}

/// Checks that two layers agree wherever both have a path.
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

/// Layers of one job and node follow each other, so only those of different ones can conflict.
fn check_entry(a: (&Record, &Entry), b: (&Record, &Entry)) -> Result<()> {
    let same_job = (&a.0.job, a.0.node) == (&b.0.job, b.0.node);
    if same_job || same_bytes(&a.1.content, &b.1.content) {
        return Ok(());
    }
    let message = format!(
        "two jobs persisted different {} under one path: {} and {}",
        if matches!((&a.1.content, &b.1.content), (Content::File { .. }, Content::File { .. })) {
            "bytes"
        } else {
            "things"
        },
        a.0.job_name(),
        b.0.job_name()
    );
    Err(Error::conflict("path-conflict", message, &a.1.path))
}

fn same_bytes(a: &Content, b: &Content) -> bool {
    match (a, b) {
        (Content::Directory, Content::Directory) => true,
        (Content::Symlink(a), Content::Symlink(b)) => a == b,
        (Content::File { size, digest, .. }, Content::File { size: other_size, digest: other, .. }) => {
            (size, digest) == (other_size, other)
        }
        _ => false,
    }
}

/// Keeps the entries that are wanted, and the directories on the way to them.
pub fn only(entries: Vec<Merged>, wanted: &crate::glob::Selection) -> Vec<Merged> {
    let keep: Vec<bool> = entries.iter().map(|merged| wanted.includes(&merged.entry.path)).collect();
    let mut parents = HashSet::new();
    for (merged, keep) in entries.iter().zip(&keep) {
        let mut dir = path::parent(&merged.entry.path);
        while *keep && !dir.is_empty() && parents.insert(dir.to_owned()) {
            dir = path::parent(dir);
        }
    }
    let wanted = |(merged, keep): (Merged, bool)| (keep || parents.contains(&merged.entry.path)).then_some(merged);
    entries.into_iter().zip(keep).filter_map(wanted).collect()
}

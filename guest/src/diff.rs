//! What differs between two builds: their trees side by side. No contents are fetched for it.

use crate::error::{Problem, Result};
use crate::lookup::{self, Opened, Scope};
use crate::path;
use crate::ports::Store;
use crate::record::Record;
use crate::tree::{Content, Entry};
use crate::workspace::{self, OnConflict};

/// What became of one path. Never both absent, and never equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// As the first build has it.
    pub before: Option<Entry>,
    /// As the second build has it.
    pub after: Option<Entry>,
}

/// What differs.
#[derive(Debug, Default)]
pub struct Difference {
    /// The first selector's builds.
    pub before: Vec<Record>,
    /// The second selector's builds.
    pub after: Vec<Record>,
    /// In path order.
    pub changes: Vec<Change>,
    /// What the look-ups warned of.
    pub warnings: Vec<Problem>,
}

/// Compares what two scopes mean. Times do not count: who builds the same files again has other times.
pub fn diff(store: &impl Store, before: &Scope, after: &Scope) -> Result<Difference> {
    let mut difference = Difference::default();
    let (before, records, warnings) = entries(store, before)?;
    difference.before = records;
    difference.warnings.extend(warnings);
    let (after, records, warnings) = entries(store, after)?;
    difference.after = records;
    difference.warnings.extend(warnings);
    difference.changes = changes(before, after);
    Ok(difference)
}

/// Returns the merged entries of what a scope means, and its records.
pub fn entries(store: &impl Store, scope: &Scope) -> Result<(Vec<Entry>, Vec<Record>, Vec<Problem>)> {
    let Opened { layers, warnings } = lookup::open(store, scope)?;
    let merged = workspace::merge(&layers, OnConflict::Newest)?;
    let records = layers.into_iter().filter_map(|(layer, _)| layer.record).collect();
    Ok((
        merged.into_iter().map(|merged| merged.entry).collect(),
        records,
        warnings,
    ))
}

/// Returns what differs between two lists of entries, each in path order.
pub fn changes(before: Vec<Entry>, after: Vec<Entry>) -> Vec<Change> {
    let (mut before, mut after) = (before.into_iter().peekable(), after.into_iter().peekable());
    let mut changes = Vec::new();
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return changes,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(a), Some(b)) => path::compare(&a.path, &b.path),
        };
        let change = Change {
            before: order.is_le().then(|| before.next()).flatten(),
            after: order.is_ge().then(|| after.next()).flatten(),
        };
        if !is_equal(&change) {
            changes.push(change);
        }
    }
}

fn is_equal(change: &Change) -> bool {
    match (&change.before, &change.after) {
        (Some(a), Some(b)) => a.bits == b.bits && same_content(&a.content, &b.content),
        _ => false,
    }
}

/// Whether two entries are the same thing with the same bytes, wherever those are stored.
pub(crate) fn same_content(a: &Content, b: &Content) -> bool {
    match (a, b) {
        (Content::Directory, Content::Directory) => true,
        (Content::Symlink(a), Content::Symlink(b)) => a == b,
        (
            Content::File { size, digest, .. },
            Content::File {
                size: other_size,
                digest: other,
                ..
            },
        ) => (size, digest) == (other_size, other),
        _ => false,
    }
}

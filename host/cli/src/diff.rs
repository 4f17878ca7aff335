//! `baton diff`: what differs between two builds.

use baton_host::builds::{FileChange, Kind, TreeEntry};
use serde_json::{Value, json};

use super::args::{Diff, Format};
use super::failure::Failure;
use super::output::{add, builds_json, counted, entry_json, files, sized, warn, warnings_json};
use super::settings::Settings;
use super::sink::{JsonObject, print};

/// The change of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Added,
    Removed,
    /// Other contents, another target, or another kind of thing.
    Changed,
    /// Only the permission bits.
    Mode,
}

/// How many of each, and how large they are.
#[derive(Debug, Default)]
struct Sums {
    added: u64,
    added_bytes: u64,
    removed: u64,
    removed_bytes: u64,
    changed: u64,
    changed_bytes_before: u64,
    changed_bytes_after: u64,
    mode: u64,
}

pub(crate) fn run(settings: &Settings, args: Diff) -> Result<(), Failure> {
    let Diff {
        before,
        after,
        stat,
        look_up,
    } = args;
    let before = settings.scope(before, look_up, false)?;
    let mut second = before.clone();
    second.selector = after;
    let difference = settings.reader()?.diff(&before, &second)?;
    let mut sums = Sums::default();
    if settings.format == Format::Json {
        let mut object = JsonObject::begin();
        object.field("after", &builds_json(&difference.after));
        object.field("before", &builds_json(&difference.before));
        if stat {
            for change in difference.changes {
                sums.add(&change?);
            }
            object.field("changes", &Value::Null);
        } else {
            let mut changes = object.list("changes");
            for change in difference.changes {
                let change = change?;
                sums.add(&change);
                changes.item(&change_json(&change));
            }
            changes.end();
        }
        object.field("sums", &sums_json(&sums));
        object.field("warnings", &warnings_json(&difference.warnings));
        object.end();
        return Ok(());
    }
    warn(&difference.warnings);
    for change in difference.changes {
        let change = change?;
        sums.add(&change);
        if !stat {
            print(&line(&change));
        }
    }
    print(&format!(
        "{} added with {}, {} removed with {}, {} changed from {} to {}, {} with other permission bits",
        files(sums.added),
        sized(sums.added_bytes),
        counted(sums.removed),
        sized(sums.removed_bytes),
        counted(sums.changed),
        sized(sums.changed_bytes_before),
        sized(sums.changed_bytes_after),
        counted(sums.mode)
    ));
    Ok(())
}

fn what(change: &FileChange) -> What {
    match (&change.before, &change.after) {
        (None, _) => What::Added,
        (_, None) => What::Removed,
        (Some(a), Some(b)) if a.kind == b.kind && (&a.digest, &a.target) == (&b.digest, &b.target) => {
            What::Mode
        }
        _ => What::Changed,
    }
}

impl Sums {
    /// Adds up files. Directories and symlinks are listed, but have no size.
    fn add(&mut self, change: &FileChange) {
        let size = |entry: &Option<TreeEntry>| entry.as_ref().map_or(0, |entry| entry.size);
        let is_file =
            |entry: &Option<TreeEntry>| entry.as_ref().is_some_and(|entry| entry.kind == Kind::File);
        let counts = u64::from(is_file(&change.before) || is_file(&change.after));
        match what(change) {
            What::Added => {
                self.added += counts;
                add(&mut self.added_bytes, size(&change.after));
            }
            What::Removed => {
                self.removed += counts;
                add(&mut self.removed_bytes, size(&change.before));
            }
            What::Changed => {
                self.changed += counts;
                add(&mut self.changed_bytes_before, size(&change.before));
                add(&mut self.changed_bytes_after, size(&change.after));
            }
            What::Mode => self.mode += 1,
        }
    }
}

fn line(change: &FileChange) -> String {
    let path = |entry: &Option<TreeEntry>| entry.as_ref().map(|entry| entry.path.clone()).unwrap_or_default();
    let about = |entry: &Option<TreeEntry>| match entry {
        Some(entry) if entry.kind == Kind::Directory => "directory".to_owned(),
        Some(entry) if entry.kind == Kind::Symlink => format!("symlink to {}", entry.target),
        Some(entry) => sized(entry.size),
        None => String::new(),
    };
    let bits = |entry: &Option<TreeEntry>| entry.as_ref().map_or(0, |entry| entry.bits);
    match what(change) {
        What::Added => format!("A  {} ({})", path(&change.after), about(&change.after)),
        What::Removed => format!("D  {} ({})", path(&change.before), about(&change.before)),
        What::Changed => format!(
            "M  {} ({} to {})",
            path(&change.after),
            about(&change.before),
            about(&change.after)
        ),
        What::Mode => format!(
            "m  {} ({:03o} to {:03o})",
            path(&change.after),
            bits(&change.before),
            bits(&change.after)
        ),
    }
}

fn change_json(change: &FileChange) -> Value {
    let what = match what(change) {
        What::Added => "added",
        What::Removed => "removed",
        What::Changed => "changed",
        What::Mode => "mode",
    };
    json!({
        "change": what,
        "before": change.before.as_ref().map(entry_json),
        "after": change.after.as_ref().map(entry_json),
    })
}

fn sums_json(sums: &Sums) -> Value {
    json!({
        "added": { "files": sums.added, "bytes": sums.added_bytes },
        "removed": { "files": sums.removed, "bytes": sums.removed_bytes },
        "changed": {
            "files": sums.changed,
            "bytes_before": sums.changed_bytes_before,
            "bytes_after": sums.changed_bytes_after,
        },
        "mode": sums.mode,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_may_say_any_size() {
        let entry = |size| {
            let mut entry = TreeEntry::default();
            entry.path = "a".to_owned();
            entry.size = size;
            entry.digest = size.to_string();
            entry
        };
        let mut sums = Sums::default();
        for size in [u64::MAX, 1] {
            for (before, after) in [(None, Some(size)), (Some(size), None), (Some(size), Some(0))] {
                let mut change = FileChange::default();
                change.before = before.map(entry);
                change.after = after.map(entry);
                sums.add(&change);
            }
        }
        let bytes = (sums.added_bytes, sums.removed_bytes, sums.changed_bytes_before);
        assert_eq!(bytes, (u64::MAX, u64::MAX, u64::MAX));
        assert_eq!((sums.added, sums.removed, sums.changed), (2, 2, 2));
    }
}

//! `baton diff`: what differs between two builds.

use std::cell::RefCell;

use baton_host::builds::{Difference, FileChange, Kind, TreeEntry};

use super::args::{Diff, Format};
use super::failure::Failure;
use super::json::{self, ChangeKind, Sums};
use super::output::{add, counted, files, sized, warn};
use super::settings::Settings;
use super::sink::{print, print_json};

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
    if settings.format == Format::Json {
        return print_as_json(difference, stat);
    }
    warn(&difference.warnings);
    let mut sums = Sums::default();
    for change in difference.changes {
        let change = change?;
        add_to(&mut sums, &change);
        if !stat {
            print(&line(&change));
        }
    }
    print(&format!(
        "{} added with {}, {} removed with {}, {} changed from {} to {}, {} with other permission bits",
        files(sums.added.files),
        sized(sums.added.bytes),
        counted(sums.removed.files),
        sized(sums.removed.bytes),
        counted(sums.changed.files),
        sized(sums.changed.bytes_before),
        sized(sums.changed.bytes_after),
        counted(sums.mode)
    ));
    Ok(())
}

fn print_as_json(difference: Difference, stat: bool) -> Result<(), Failure> {
    let sums = RefCell::new(Sums::default());
    let mut changes = difference.changes.map(|change| {
        let change = change?;
        add_to(&mut sums.borrow_mut(), &change);
        Ok(json::Change {
            after: change.after.as_ref().map(json::Entry::from),
            before: change.before.as_ref().map(json::Entry::from),
            change: kind(&change),
        })
    });
    let changes = match stat {
        // Only the sums are wanted.
        true => {
            changes.try_for_each(|change| change.map(drop))?;
            None
        }
        false => Some(json::Rows::new(changes)),
    };
    let shown = json::Diff {
        after: json::builds(&difference.after),
        before: json::builds(&difference.before),
        changes,
        // Serialized after the changes, which add to them.
        sums: &sums,
        warnings: json::warnings(&difference.warnings),
    };
    print_json(&shown);
    shown.changes.as_ref().map_or(Ok(()), json::Rows::end)?;
    Ok(())
}

fn kind(change: &FileChange) -> ChangeKind {
    match (&change.before, &change.after) {
        (None, _) => ChangeKind::Added,
        (_, None) => ChangeKind::Removed,
        (Some(a), Some(b)) if a.kind == b.kind && (&a.digest, &a.target) == (&b.digest, &b.target) => {
            ChangeKind::Mode
        }
        _ => ChangeKind::Changed,
    }
}

/// Adds up files. Directories and symlinks are listed, but have no size.
fn add_to(sums: &mut Sums, change: &FileChange) {
    let size = |entry: &Option<TreeEntry>| entry.as_ref().map_or(0, |entry| entry.size);
    let is_file = |entry: &Option<TreeEntry>| entry.as_ref().is_some_and(|entry| entry.kind == Kind::File);
    let counts = u64::from(is_file(&change.before) || is_file(&change.after));
    match kind(change) {
        ChangeKind::Added => {
            sums.added.files += counts;
            add(&mut sums.added.bytes, size(&change.after));
        }
        ChangeKind::Removed => {
            sums.removed.files += counts;
            add(&mut sums.removed.bytes, size(&change.before));
        }
        ChangeKind::Changed => {
            sums.changed.files += counts;
            add(&mut sums.changed.bytes_before, size(&change.before));
            add(&mut sums.changed.bytes_after, size(&change.after));
        }
        ChangeKind::Mode => sums.mode += 1,
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
    match kind(change) {
        ChangeKind::Added => format!("A  {} ({})", path(&change.after), about(&change.after)),
        ChangeKind::Removed => format!("D  {} ({})", path(&change.before), about(&change.before)),
        ChangeKind::Changed => format!(
            "M  {} ({} to {})",
            path(&change.after),
            about(&change.before),
            about(&change.after)
        ),
        ChangeKind::Mode => format!(
            "m  {} ({:03o} to {:03o})",
            path(&change.after),
            bits(&change.before),
            bits(&change.after)
        ),
    }
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
                add_to(&mut sums, &change);
            }
        }
        let bytes = (sums.added.bytes, sums.removed.bytes, sums.changed.bytes_before);
        assert_eq!(bytes, (u64::MAX, u64::MAX, u64::MAX));
        assert_eq!(
            (sums.added.files, sums.removed.files, sums.changed.files),
            (2, 2, 2)
        );
    }
}

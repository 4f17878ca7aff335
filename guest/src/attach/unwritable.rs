//! Directories that may not be written, and entries that nothing can be renamed over.

use std::collections::HashSet;

use super::rest::{Commit, Fixed, Rest, Sealed};
use crate::error::{Error, Result, warning};
use crate::path;
use crate::ports::{AttributeChange, Files, Scratch};

/// Returns those of the directories that may not be written in which names will change, with what of the commits is
/// renamed.
pub(super) fn changed_dirs(
    scratch: &dyn Scratch,
    rest: &Rest,
    renamed: &dyn Fn(u32, &Commit) -> bool,
) -> Result<HashSet<String>> {
    let closed = rest.closed.iter().map(|(dir, ..)| dir.as_str());
    let sealed = rest.sealed.iter().map(|(dir, _)| dir.as_str());
    let concerned: HashSet<&str> = closed.chain(sealed).collect();
    let mut changed = HashSet::new();
    if concerned.is_empty() {
        return Ok(changed);
    }
    let commits = (0..)
        .zip(rest.commits.items(scratch))
        .filter_map(|(number, commit)| match commit {
            Ok(commit) if renamed(number, &commit) => commit.path.map(Ok),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        });
    let moved = rest.moves.items(scratch).map(|moved| Ok(moved?.1));
    let removed = rest.in_the_way.iter().chain(&rest.clean);
    let removed = removed.map(|removal| Ok(removal.path.clone()));
    for path in commits.chain(moved).chain(removed) {
        let path = path?;
        let dir = path::parent(&path);
        if concerned.contains(dir) && !changed.contains(dir) {
            changed.insert(dir.to_owned());
        }
    }
    Ok(changed)
}

/// Checks, before the first change, that none of it is in a directory that this user cannot write to.
pub(super) fn check_sealed(rest: &Rest, changed: &HashSet<String>) -> Result<()> {
    let mut sealed = rest.sealed.iter();
    let Some((dir, why)) = sealed.find(|(dir, _)| changed.contains(dir.as_str())) else {
        return Ok(());
    };
    let shown = if dir.is_empty() { "." } else { dir };
    let (code, why) = match why {
        Sealed::Immutable => return Err(immutable(shown)),
        Sealed::ReadOnly => ("read-only", "read-only file system"),
        Sealed::Denied => ("permission-denied", "permission denied"),
    };
    let message = format!("nothing can be changed in this directory: {why}");
    Err(Error::Files(warning(code, message, shown)))
}

/// Returns the error for a directory in which, and of which, not even its owner can change anything.
pub(super) fn immutable(path: &str) -> Error {
    let message = "this directory cannot be changed: it is immutable or append-only";
    Error::invalid("in-the-way", message, path)
}

/// Returns the error for what nothing can be renamed over.
pub(super) fn cannot_replace(path: &str, fixed: Fixed) -> Error {
    let why = match fixed {
        Fixed::Mounted => "something is mounted on it",
        Fixed::Immutable => "it is immutable or append-only",
        Fixed::Foreign => "it is another user's in a sticky directory, or immutable",
    };
    Error::invalid("in-the-way", format!("it cannot be replaced: {why}"), path)
}

/// Lets names be changed in directories that may not be written. They get their bits back at the end, with all others.
pub(super) fn open_closed(files: &impl Files, rest: &Rest, changed: &HashSet<String>) -> Result<()> {
    let closed = rest
        .closed
        .iter()
        .filter(|(path, ..)| changed.contains(path.as_str()));
    let open = |(path, bits, modified): &(String, u16, _)| AttributeChange {
        path: path.clone(),
        bits: Some(bits | 0o300),
        modified: *modified,
    };
    files.apply(&closed.map(open).collect::<Vec<_>>())
}

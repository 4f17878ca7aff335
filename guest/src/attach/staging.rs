//! The directory in which an attach builds what is not complete.
//!
//! It lies in the attached directory itself, since a rename works only within a file system, and has one fixed name: the
//! host lets one attach at a time into a directory, so one that is found was left by a run that was killed.

use crate::error::Result;
use crate::path;
use crate::persist::STAGING;
use crate::ports::{Change, Edit, Files, Kind, Time};

/// Below [`STAGING`]: new directories, each to be moved as a whole.
pub(super) const TREES: &str = "t";
/// Below [`STAGING`]: files and symlinks for directories that are there.
pub(super) const FILES: &str = "f";

/// Makes an empty staging directory that only its owner can enter: its files get their permission bits later.
pub(super) fn make(files: &impl Files) -> Result<()> {
    files.edit(Edit::MakeDirectory(STAGING))?;
    files.apply(&[Change {
        path: STAGING.to_owned(),
        bits: Some(0o700),
        modified: Time::default(),
    }])?;
    for part in [TREES, FILES] {
        files.edit(Edit::MakeDirectory(&path::join(STAGING, part)))?;
    }
    Ok(())
}

/// Takes back what an abandoned or killed run left.
pub fn abandon(files: &impl Files) -> Result<()> {
    let left = files
        .entries("")?
        .into_iter()
        .any(|entry| entry.name == STAGING.as_bytes());
    if left {
        remove(files, STAGING).map(|_| ())
    } else {
        Ok(())
    }
}

/// Removes a file, a symlink, or a directory with all that is in it. Never follows a link. Returns how many entries
/// that were.
pub(super) fn remove(files: &impl Files, path: &str) -> Result<u64> {
    // Most are files, and a directory with many must not be listed for each of them.
    if files.edit(Edit::RemoveFile(path)).is_ok() {
        return Ok(1);
    }
    let name = path::file_name(path).as_bytes();
    let Some(entry) = files
        .entries(path::parent(path))?
        .into_iter()
        .find(|entry| entry.name == name)
    else {
        return Ok(0);
    };
    if entry.kind != Kind::Directory {
        files.edit(Edit::RemoveFile(path))?;
        return Ok(1);
    }
    remove_directory(files, path.to_owned(), entry.bits)
}

/// Does not recurse: a path has room for 2,000 names, and a component's stack has not.
fn remove_directory(files: &impl Files, dir: String, bits: u16) -> Result<u64> {
    let mut removed = 0;
    let mut found = vec![(dir, bits)];
    // Directories whose files are gone, each behind the one that it is in.
    let mut emptied = Vec::new();
    while let Some((dir, bits)) = found.pop() {
        if bits & 0o700 != 0o700 {
            // A directory without write permission keeps its entries from being removed.
            let open = Change {
                path: dir.clone(),
                bits: Some(bits & 0o777 | 0o700),
                modified: Time::default(),
            };
            files.apply(&[open])?;
        }
        for entry in files.entries(&dir)? {
            let Ok(name) = std::str::from_utf8(&entry.name) else {
                let shown = path::join(&dir, &crate::error::text_of(&entry.name));
                let message = "a name is not UTF-8, so it cannot be removed";
                return Err(crate::Error::invalid("name-not-utf8", message, &shown));
            };
            let below = path::join(&dir, name);
            if entry.kind == Kind::Directory {
                found.push((below, entry.bits));
            } else {
                files.edit(Edit::RemoveFile(&below))?;
                removed += 1;
            }
        }
        emptied.push(dir);
    }
    for dir in emptied.iter().rev() {
        files.edit(Edit::RemoveDirectory(dir))?;
        removed += 1;
    }
    Ok(removed)
}

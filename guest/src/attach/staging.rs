//! The directories in which an attach builds what is not complete.
//!
//! One lies in each file system that is written to, as far up as this user can write, since a rename works only within a
//! file system. Its name is fixed, and says how far below `--at` it lies: the host lets one attach at a time into a
//! directory, so one that is found was left by a run that was killed, and an attach into another directory above or below
//! has another name for its own.

use super::rest::{Removal, Rest};
use crate::error::{Error, Result};
use crate::path;
use crate::ports::{AttributeChange, Edit, Files, Kind, Time};
use crate::reserved::STAGING;
use crate::text::text_of;

/// Below a staging directory: new directories, each to be moved as a whole.
pub(super) const TREES: &str = "t";
/// Below a staging directory: files and symlinks for directories that exist.
pub(super) const FILES: &str = "f";

/// Returns the path of the staging directory in `dir`.
pub(super) fn staging_dir_in(dir: &str) -> String {
    match path::depth(dir) {
        0 => STAGING.to_owned(),
        depth => path::join(dir, &format!("{STAGING}~{depth}")),
    }
}

/// Creates an empty staging directory that only its owner can enter: its files get their permission bits later.
pub(super) fn make(files: &impl Files, staging_dir: &str) -> Result<()> {
    files.edit(Edit::MakeDirectory(staging_dir))?;
    files.apply(&[AttributeChange {
        path: staging_dir.to_owned(),
        bits: Some(0o700),
        modified: Time::default(),
    }])?;
    files.edits(&[
        Edit::MakeDirectory(&path::join(staging_dir, TREES)),
        Edit::MakeDirectory(&path::join(staging_dir, FILES)),
    ])
}

/// Removes everything that a run with this `rest` has staged.
pub fn abandon(files: &impl Files, rest: &[u8]) -> Result<()> {
    let rest: Rest = crate::wire::read(rest)?;
    clear(files, &rest.staging_dirs)
}

/// Removes everything that a run without a plan has staged: searches every directory for entries that an attach into
/// this one may have created there. Continues where something cannot be read or removed, and returns the first failure.
pub fn abandon_plan(files: &impl Files) -> Result<()> {
    let mut outcome = Ok(());
    let mut dirs = vec![String::new()];
    while let Some(dir) = dirs.pop() {
        let found = abandon_in(files, &dir, &mut dirs);
        outcome = outcome.and(found);
    }
    outcome
}

/// Removes the staging directory of a directory, and adds the directories in it to `dirs`.
fn abandon_in(files: &impl Files, dir: &str, dirs: &mut Vec<String>) -> Result<()> {
    let own = staging_dir_in(dir);
    let mut after: Option<Vec<u8>> = None;
    let mut is_staged = false;
    loop {
        let (page, more) = files.page(dir, after.as_deref())?;
        after = page.last().map(|entry| entry.name.clone());
        for entry in page {
            // What has another name, or is kept for others, was not made by an attach.
            let Ok(name) = String::from_utf8(entry.name) else {
                continue;
            };
            let path = path::join(dir, &name);
            match path == own {
                true => is_staged = true,
                false if entry.kind == Kind::Directory && entry.flags.reserved.is_none() => {
                    dirs.push(path);
                }
                false => {}
            }
        }
        if !more || after.is_none() {
            break;
        }
    }
    match is_staged {
        true => clear(files, &[own]),
        false => Ok(()),
    }
}

/// Removes staging directories, as far as they exist, or whatever has their names.
pub(super) fn clear(files: &impl Files, staging_dirs: &[String]) -> Result<()> {
    for staging_dir in staging_dirs {
        match files.entry(staging_dir)? {
            Some(entry) if entry.kind == Kind::Directory => drop(remove_directory(files, staging_dir)?),
            Some(_) => files.edit(Edit::RemoveFile(staging_dir))?,
            None => {}
        }
    }
    Ok(())
}

/// Removes what a cleaner found. Never follows a link. Returns how many entries that were.
pub(super) fn remove(files: &impl Files, removal: &Removal) -> Result<u64> {
    if removal.is_directory {
        return remove_directory(files, &removal.path);
    }
    match files.edit(Edit::RemoveFile(&removal.path)) {
        // Somebody else was faster.
        Err(Error::Files(problem)) if problem.code == "not-found" => Ok(0),
        other => other.map(|()| 1),
    }
}

/// Removes a directory with its contents. Uses no recursion: a path may have 2,000 names, too many for a component's stack.
fn remove_directory(files: &impl Files, dir: &str) -> Result<u64> {
    let Some(top) = files.entry(dir)? else {
        return Ok(0);
    };
    let mut removed = 0;
    let mut found = vec![(dir.to_owned(), top.bits, top.flags.closed)];
    // Directories whose files are gone, each after the one that it is in.
    let mut emptied = Vec::new();
    while let Some((dir, bits, closed)) = found.pop() {
        if closed || bits & 0o700 != 0o700 {
            // A directory without write permission keeps its entries from being removed.
            let open = AttributeChange {
                path: dir.clone(),
                bits: Some(bits & 0o777 | 0o700),
                modified: Time::default(),
            };
            files.apply(&[open])?;
        }
        let mut gone = Vec::new();
        for entry in files.entries(&dir)? {
            let Ok(name) = std::str::from_utf8(&entry.name) else {
                let shown = path::join(&dir, &text_of(&entry.name));
                let message = "a name is not UTF-8, so it cannot be removed";
                return Err(Error::invalid("name-not-utf8", message, &shown));
            };
            let below = path::join(&dir, name);
            if entry.flags.mounted || entry.flags.reserved.is_some() {
                let message = "something was mounted here since it was looked at";
                return Err(Error::invalid("file-changed", message, &below));
            }
            if entry.kind == Kind::Directory {
                found.push((below, entry.bits, entry.flags.closed));
            } else {
                gone.push(below);
            }
        }
        let edits: Vec<_> = gone.iter().map(|path| Edit::RemoveFile(path)).collect();
        files.edits(&edits)?;
        removed += gone.len() as u64;
        emptied.push(dir);
    }
    let edits: Vec<_> = emptied
        .iter()
        .rev()
        .map(|dir| Edit::RemoveDirectory(dir))
        .collect();
    files.edits(&edits)?;
    Ok(removed + emptied.len() as u64)
}

//! The end of an attach: every byte is verified, and everything gets its name.

use std::collections::{HashMap, HashSet};

use super::{Commit, Kept, Outcome, Rest, sparse, staging};
use crate::error::{Error, Result, warning};
use crate::id::Digest;
use crate::path;
use crate::ports::{Change, Edit, Files, Link, Open, read_fully};
use crate::record::Record;

/// What an attach did. Sizes in bytes.
#[derive(Debug, Default)]
pub struct Attached {
    /// The builds, in the order in which their layers were merged.
    pub builds: Vec<Record>,
    /// Files of the tree.
    pub files: u64,
    /// Directories of the tree.
    pub directories: u64,
    /// Symlinks of the tree.
    pub symlinks: u64,
    /// The sum of its files' sizes.
    pub bytes: u64,
    /// Files that were not there or were different.
    pub new_files: u64,
    /// Bytes that were written.
    pub new_bytes: u64,
    /// Bytes that were read from the store.
    pub fetched_bytes: u64,
    /// Entries that `clean` removed, and those that stood in the way.
    pub removed: u64,
}

/// Gives everything its name.
pub fn finish(files: &impl Files, rest: &[u8], outcomes: &[Vec<u8>]) -> Result<Attached> {
    let rest: Rest = crate::wire::read(rest)?;
    let mut report = Attached {
        files: rest.files,
        directories: rest.directories,
        symlinks: rest.symlinks,
        bytes: rest.bytes,
        ..Attached::default()
    };
    let mut kept: HashMap<u32, Vec<Kept>> = HashMap::new();
    let mut changed = HashSet::new();
    // A worker's last outcome, of `close`, is empty: it holds nothing back.
    for outcome in outcomes.iter().filter(|outcome| !outcome.is_empty()) {
        let outcome: Outcome = crate::wire::read(outcome)?;
        report.fetched_bytes += outcome.fetched_bytes;
        report.new_files += outcome.new_files;
        report.new_bytes += outcome.new_bytes;
        changed.extend(outcome.changed);
        for piece in outcome.kept {
            kept.entry(piece.commit).or_default().push(piece);
        }
    }
    let stays = |number: u32, commit: &Commit| commit.compared && !changed.contains(&number);

    for (number, commit) in (0..).zip(&rest.commits) {
        if commit.large && !stays(number, commit) {
            report.new_files += 1;
            fill(
                files,
                commit,
                kept.get(&number).map(Vec::as_slice).unwrap_or_default(),
            )?;
            let Commit {
                staged,
                bits,
                modified,
                ..
            } = commit;
            files.apply(&[Change {
                path: staged.clone(),
                bits: Some(*bits),
                modified: *modified,
            }])?;
        }
    }
    let link = |(path, target, modified): &(String, String, _)| Link {
        path: path.clone(),
        target: target.clone(),
        modified: *modified,
    };
    files.link(&rest.links.iter().map(link).collect::<Vec<_>>())?;
    let staying: Vec<bool> = (0..)
        .zip(&rest.commits)
        .map(|(number, commit)| stays(number, commit))
        .collect();
    let renamed = || {
        let all = staying.iter().zip(&rest.commits);
        all.filter(|(stays, _)| !**stays).map(|(_, commit)| commit)
    };
    // The last look before the first change.
    if let Some(path) = renamed()
        .find(|commit| commit.fixed)
        .and_then(|it| it.path.as_ref())
    {
        return Err(cannot_replace(path));
    }
    let changed = changed_dirs(&rest, renamed());
    check_sealed(&rest, &changed)?;
    open_closed(files, &rest, &changed)?;
    for removal in &rest.in_the_way {
        report.removed += staging::remove(files, removal)?;
    }
    let mut attributes = Vec::new();
    let mut renames = Vec::new();
    for (stays, commit) in staying.iter().zip(&rest.commits) {
        let Some(path) = &commit.path else { continue };
        if !stays {
            renames.push(Edit::Rename(&commit.staged, path));
        } else if commit.attributes_differ {
            attributes.push(Change {
                path: path.clone(),
                bits: Some(commit.bits),
                modified: commit.modified,
            });
        }
    }
    renames.extend(rest.moves.iter().map(|(staged, path)| Edit::Rename(staged, path)));
    files.edits(&renames)?;
    for removal in &rest.clean {
        report.removed += staging::remove(files, removal)?;
    }
    files.apply(&attributes)?;
    staging::clear(files, &rest.places)?;
    // Last, and from the inside out: every change inside a directory changes its time, and one without write permission
    // would refuse it.
    let change = |(path, bits, modified): &(String, u16, _)| Change {
        path: path.clone(),
        bits: Some(*bits),
        modified: *modified,
    };
    files.apply(
        &rest
            .directories_apply
            .iter()
            .rev()
            .map(change)
            .collect::<Vec<_>>(),
    )?;
    report.builds = rest.builds;
    Ok(report)
}

/// Returns the directories in which names will change, with what is renamed besides.
pub(super) fn changed_dirs<'a>(
    rest: &'a Rest,
    renamed: impl Iterator<Item = &'a Commit>,
) -> HashSet<&'a str> {
    let moved = rest.moves.iter().map(|(_, path)| path);
    let removed = rest.in_the_way.iter().chain(&rest.clean);
    renamed
        .filter_map(|commit| commit.path.as_ref())
        .chain(moved)
        .chain(removed.map(|removal| &removal.path))
        .map(|path| path::parent(path))
        .collect()
}

/// Checks, before the first change, that none of it is in a directory that this user cannot write to.
pub(super) fn check_sealed(rest: &Rest, changed: &HashSet<&str>) -> Result<()> {
    let mut sealed = rest.sealed.iter();
    let Some((dir, read_only)) = sealed.find(|(dir, _)| changed.contains(dir.as_str())) else {
        return Ok(());
    };
    let shown = if dir.is_empty() { "." } else { dir };
    let (code, why) = match read_only {
        true => ("read-only", "read-only file system"),
        false => ("permission-denied", "permission denied"),
    };
    let message = format!("nothing can be changed in this directory: {why}");
    Err(Error::Files(warning(code, message, shown)))
}

/// Returns the error for a file that nothing can be renamed over.
pub(super) fn cannot_replace(path: &str) -> Error {
    let message =
        "it cannot be replaced: it is mounted on, immutable, or another user's in a sticky directory";
    Error::invalid("in-the-way", message, path)
}

/// Lets names be changed in directories that may not be written. They get their bits back at the end, with all others.
fn open_closed(files: &impl Files, rest: &Rest, changed: &HashSet<&str>) -> Result<()> {
    let closed = rest
        .closed
        .iter()
        .filter(|(path, ..)| changed.contains(path.as_str()));
    let open = |(path, bits, modified): &(String, u16, _)| Change {
        path: path.clone(),
        bits: Some(bits | 0o300),
        modified: *modified,
    };
    files.apply(&closed.map(open).collect::<Vec<_>>())
}

/// Copies what a large file's predecessor has already, and nobody fetched.
fn fill(files: &impl Files, commit: &Commit, kept: &[Kept]) -> Result<()> {
    let (Some(path), false) = (&commit.path, kept.is_empty()) else {
        return Ok(());
    };
    let (from, to) = (
        files.open(path, Open::Read)?,
        files.open(&commit.staged, Open::Write)?,
    );
    let mut content = Vec::new();
    for piece in kept {
        if sparse::is_zeros(piece.length, &piece.digest) {
            continue;
        }
        content.clear();
        read_fully(&from, piece.at, piece.length as usize, &mut content)?;
        if Digest::of(&content) != piece.digest {
            return Err(Error::invalid(
                "file-changed",
                "a file changed while it was compared",
                path,
            ));
        }
        sparse::write(&to, piece.at, &content)?;
    }
    Ok(())
}

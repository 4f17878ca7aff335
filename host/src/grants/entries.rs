//! The entries of a directory, for the import `attributes`: a page at a time, and one by its path.

use std::collections::BinaryHeap;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Dir, FileType, readlinkat};

use super::directory::{Directory, failed, split};
use super::standing::{Judge, Seen};
use crate::bindings::attributes::{Entry, Page, Standing};
use crate::bindings::types::{Error as PluginError, Kind, Timestamp};

/// A page ends with the entry that makes it this large.
const PAGE_BYTES: usize = 4 << 20;
/// The approximate size of an entry without its name.
const ENTRY_BYTES: usize = 96;
/// The maximum number of names of one directory in memory.
const NAMES_BYTES_MAX: usize = 16 << 20;
/// The approximate size of a name without its bytes.
const NAME_BYTES: usize = 40;

/// The names of a directory that are still to be given, in descending order, for the page after the one that was given last.
#[derive(Debug)]
pub(super) struct Names {
    dir: String,
    after: Vec<u8>,
    left: Vec<CString>,
    /// Whether the directory has more names after these.
    more: bool,
}

/// Returns the entries of a directory after the name `after`: as many as fit into a page. `kept` are the names that the page
/// before this one left over; those that this one leaves over are returned.
pub(super) fn page(
    granted: &Directory,
    kept: Option<Names>,
    dir: &str,
    after: Option<&[u8]>,
) -> Result<(Page, Option<Names>), PluginError> {
    let cannot_read = |error| failed("a directory could not be read", dir, error);
    let opened = granted
        .open_below(dir)
        .map_err(|error| failed("a directory could not be opened", dir, error))?;
    let judge = Judge::of(&opened, granted.reserved()).map_err(cannot_read)?;
    let continues = |names: &Names| names.dir == dir && Some(names.after.as_slice()) == after;
    let (mut left, mut more) = match kept.filter(continues) {
        Some(names) if !names.left.is_empty() => (names.left, names.more),
        _ => names(&opened, after).map_err(cannot_read)?,
    };
    let (mut entries, mut bytes) = (Vec::new(), 0);
    let mut last = None;
    while bytes < PAGE_BYTES {
        let Some(name) = left.pop() else {
            if !entries.is_empty() || !more {
                break;
            }
            // All names that were read are gone.
            (left, more) = names(&opened, last.as_deref()).map_err(cannot_read)?;
            continue;
        };
        last = Some(name.to_bytes().to_vec());
        match seen_entry(&opened, &name, &judge) {
            // Gone since the directory was read: it is not an entry any more.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => {
                let entry = other.map_err(cannot_read)?;
                bytes += ENTRY_BYTES + entry.name.len() + entry.target.len();
                entries.push(entry);
            }
        }
    }
    let mut rest = None;
    if let (false, Some(last)) = (left.is_empty(), entries.last()) {
        rest = Some(Names {
            dir: dir.to_owned(),
            after: last.name.clone(),
            left,
            more,
        });
        more = true;
    }
    Ok((Page { entries, more }, rest))
}

/// Returns the first names of a directory after `after`, in descending order, and whether there are more. A directory of very
/// many is read several times, so that never all of its names are in memory.
fn names(dir: &OwnedFd, after: Option<&[u8]>) -> io::Result<(Vec<CString>, bool)> {
    let mut names: BinaryHeap<CString> = BinaryHeap::new();
    let (mut bytes, mut more) = (0, false);
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_before = after.is_some_and(|after| name.to_bytes() <= after);
        if is_before || matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        // Of more names than fit, the last ones go.
        if more && names.peek().is_some_and(|last| name >= last.as_c_str()) {
            continue;
        }
        bytes += NAME_BYTES + name.to_bytes().len();
        names.push(name.to_owned());
        while bytes > NAMES_BYTES_MAX
            && let Some(last) = names.pop()
        {
            bytes -= NAME_BYTES + last.as_bytes().len();
            more = true;
        }
    }
    let mut names = names.into_sorted_vec();
    names.reverse();
    Ok((names, more))
}

pub(super) fn entry_of(granted: &Directory, path: &str) -> io::Result<Entry> {
    if path.is_empty() {
        let root = granted.open_below("")?;
        let (seen, mut standing) = Judge::of(&root, granted.reserved())?.of_root(&root);
        if granted.leads_into_repository() {
            standing |= Standing::REPOSITORY;
        }
        return entry(Vec::new(), &seen, standing, Vec::new());
    }
    let (dir, name) = split(path)?;
    let name = std::ffi::CString::new(name)?;
    let dir = granted.open_below(dir)?;
    let judge = Judge::of(&dir, granted.reserved())?;
    seen_entry(&dir, &name, &judge)
}

fn seen_entry(dir: &OwnedFd, name: &CStr, judge: &Judge<'_>) -> io::Result<Entry> {
    let seen = Seen::at(dir, name)?;
    let target = if seen.file_type() == FileType::Symlink {
        readlinkat(dir, name, Vec::new())?.into_bytes()
    } else {
        Vec::new()
    };
    let standing = judge.standing(dir, name, &seen);
    entry(name.to_bytes().to_vec(), &seen, standing, target)
}

fn entry(name: Vec<u8>, seen: &Seen, standing: Standing, target: Vec<u8>) -> io::Result<Entry> {
    let kind = kind(seen.file_type())?;
    Ok(Entry {
        name,
        kind,
        bits: (seen.mode & 0o7777) as u16,
        size: if kind == Kind::File { seen.size } else { 0 },
        modified: Timestamp {
            seconds: seen.seconds,
            nanoseconds: seen.nanoseconds,
        },
        target,
        standing,
    })
}

fn kind(file_type: FileType) -> io::Result<Kind> {
    Ok(match file_type {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice => Kind::CharacterDevice,
        FileType::BlockDevice => Kind::BlockDevice,
        _ => return Err(io::Error::other("an entry of an unknown kind")),
    })
}

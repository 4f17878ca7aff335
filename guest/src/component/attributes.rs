//! The files port: contents and structure through `wasi:filesystem`, attributes through the import of this name.

use std::cell::RefCell;
use std::rc::Rc;

use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, ErrorCode, OpenFlags, PathFlags,
};

use super::convert::{from_wit_error, time, wit_time};
use super::imports::attributes;
use super::imports::types::Kind as WitKind;
use crate::error::{Error, Result, warning};
use crate::path;
use crate::ports::{Change, DirEntry, Edit, File, Files, Kind, Link, Open, Time};

/// What `wasi:filesystem` takes and gives in one call without splitting it (measured: docs/benchmarks.md).
const READ_BYTES_MAX: usize = 64 << 10;
const WRITE_BYTES_MAX: usize = 1 << 20;
/// Directories kept open. Files come in path order, so a few suffice.
const OPEN_DIRS_MAX: usize = 16;

/// The directory that the host grants.
pub(super) struct Granted {
    root: Rc<Descriptor>,
    /// Recently used directories, the latest last: a path is resolved once, not for every file.
    dirs: RefCell<Vec<(String, Rc<Descriptor>)>>,
}

impl Granted {
    /// Returns the one directory of this run.
    pub(super) fn new() -> Result<Granted> {
        let (root, _) = get_directories()
            .into_iter()
            .next()
            .ok_or_else(|| Error::internal("the host granted no directory"))?;
        Ok(Granted {
            root: Rc::new(root),
            dirs: RefCell::default(),
        })
    }

    fn dir(&self, dir: &str) -> Result<Rc<Descriptor>> {
        if dir.is_empty() {
            return Ok(Rc::clone(&self.root));
        }
        let mut dirs = self.dirs.borrow_mut();
        if let Some(at) = dirs.iter().rposition(|(name, _)| name == dir) {
            let found = dirs.remove(at);
            let opened = Rc::clone(&found.1);
            dirs.push(found);
            return Ok(opened);
        }
        let opened = self
            .root
            .open_at(
                PathFlags::empty(),
                dir,
                OpenFlags::DIRECTORY,
                DescriptorFlags::READ,
            )
            .map_err(|code| failed("opened", dir, code))?;
        let opened = Rc::new(opened);
        if dirs.len() >= OPEN_DIRS_MAX {
            dirs.remove(0);
        }
        dirs.push((dir.to_owned(), Rc::clone(&opened)));
        Ok(opened)
    }
}

/// An open file, and the path that its errors name.
pub(super) struct OpenFile {
    path: String,
    descriptor: Descriptor,
}

impl Files for Granted {
    type File = OpenFile;

    fn entries(&self, dir: &str) -> Result<Vec<DirEntry>> {
        Ok(attributes::entries(dir)
            .map_err(from_wit_error)?
            .into_iter()
            .map(entry)
            .collect())
    }

    fn exists(&self, path: &str) -> Result<bool> {
        // A symlink on the way would be followed, so each name is looked at first.
        let mut ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        ends.try_fold(true, |all, end| {
            let prefix = path.get(..end).unwrap_or(path);
            if !all {
                return Ok(false);
            }
            match self.root.stat_at(PathFlags::empty(), prefix) {
                Ok(stat) => Ok(end == path.len() || stat.type_ == DescriptorType::Directory),
                Err(
                    ErrorCode::NoEntry
                    | ErrorCode::NotDirectory
                    | ErrorCode::NameTooLong
                    | ErrorCode::Invalid
                    | ErrorCode::IllegalByteSequence
                    // Whoever may not look is told so by the walk, if that goes there.
                    | ErrorCode::Access
                    | ErrorCode::NotPermitted,
                ) => Ok(false),
                Err(code) => Err(failed("looked at", prefix, code)),
            }
        })
    }

    fn holes(&self, path: &str, offset: u64, length: u64, least: u64) -> Result<Vec<(u64, u64)>> {
        let part = attributes::Range { offset, length };
        let holes = attributes::holes(path, part, least).map_err(from_wit_error)?;
        Ok(holes.into_iter().map(|hole| (hole.offset, hole.length)).collect())
    }

    fn open(&self, path: &str, how: Open) -> Result<OpenFile> {
        let (open, flags) = match how {
            Open::Read => (OpenFlags::empty(), DescriptorFlags::READ),
            Open::Create => (OpenFlags::CREATE | OpenFlags::EXCLUSIVE, DescriptorFlags::WRITE),
            Open::Write => (OpenFlags::empty(), DescriptorFlags::WRITE),
        };
        let descriptor = self
            .dir(path::parent(path))?
            .open_at(PathFlags::empty(), path::file_name(path), open, flags)
            .map_err(|code| failed(if how == Open::Create { "created" } else { "opened" }, path, code))?;
        Ok(OpenFile {
            path: path.to_owned(),
            descriptor,
        })
    }

    fn edit(&self, edit: Edit<'_>) -> Result<()> {
        let at = |path| Ok::<_, Error>((self.dir(path::parent(path))?, path::file_name(path)));
        match edit {
            Edit::MakeDirectory(path) => {
                let (dir, name) = at(path)?;
                dir.create_directory_at(name)
                    .map_err(|code| failed("created", path, code))
            }
            Edit::Rename(from, to) => {
                let ((old, name), (new, new_name)) = (at(from)?, at(to)?);
                old.rename_at(name, &new, new_name)
                    .map_err(|code| failed("given its name", to, code))?;
                self.forget(from);
                Ok(())
            }
            Edit::RemoveFile(path) => {
                let (dir, name) = at(path)?;
                dir.unlink_file_at(name)
                    .map_err(|code| failed("removed", path, code))
            }
            Edit::RemoveDirectory(path) => {
                let (dir, name) = at(path)?;
                dir.remove_directory_at(name)
                    .map_err(|code| failed("removed", path, code))?;
                self.forget(path);
                Ok(())
            }
        }
    }

    fn apply(&self, changes: &[Change]) -> Result<()> {
        let change = |change: &Change| attributes::Change {
            path: change.path.clone(),
            bits: change.bits,
            modified: wit_time(change.modified),
        };
        attributes::apply(&changes.iter().map(change).collect::<Vec<_>>()).map_err(from_wit_error)
    }

    fn link(&self, links: &[Link]) -> Result<()> {
        let link = |link: &Link| attributes::Symlink {
            path: link.path.clone(),
            target: link.target.clone(),
            modified: wit_time(link.modified),
        };
        attributes::symlinks(&links.iter().map(link).collect::<Vec<_>>()).map_err(from_wit_error)
    }
}

impl Granted {
    /// A directory that has another name, or none, must not be found under its old one.
    fn forget(&self, dir: &str) {
        self.dirs
            .borrow_mut()
            .retain(|(name, _)| name != dir && !path::is_below(name, dir));
    }
}

impl File for OpenFile {
    fn read(&self, offset: u64, length: usize, buffer: &mut Vec<u8>) -> Result<usize> {
        let mut read = 0;
        while read < length {
            let wanted = (length - read).min(READ_BYTES_MAX);
            let (bytes, _) = self
                .descriptor
                .read(wanted as u64, offset + read as u64)
                .map_err(|code| failed("read", &self.path, code))?;
            buffer.extend_from_slice(&bytes);
            read += bytes.len();
            // Most often that is the end. `read_fully` asks again.
            if bytes.len() < wanted {
                break;
            }
        }
        Ok(read)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            let part = rest.get(..WRITE_BYTES_MAX).unwrap_or(rest);
            let count = self
                .descriptor
                .write(part, offset + written as u64)
                .map_err(|code| failed("written", &self.path, code))?;
            if count == 0 {
                return Err(failed("written", &self.path, ErrorCode::InsufficientSpace));
            }
            written += count as usize;
        }
        Ok(())
    }

    fn set_size(&self, size: u64) -> Result<()> {
        self.descriptor
            .set_size(size)
            .map_err(|code| failed("made as large as it has to be", &self.path, code))
    }

    fn seen(&self) -> Result<(u64, Time)> {
        let stat = self
            .descriptor
            .stat()
            .map_err(|code| failed("looked at", &self.path, code))?;
        // Unsigned in WASI: there is none for a time before 1970.
        let modified = stat.data_modification_timestamp.map(|at| Time {
            seconds: at.seconds as i64,
            nanoseconds: at.nanoseconds,
        });
        Ok((stat.size, modified.unwrap_or_default()))
    }
}

fn entry(entry: attributes::Entry) -> DirEntry {
    DirEntry {
        name: entry.name,
        kind: match entry.kind {
            WitKind::File => Kind::File,
            WitKind::Directory => Kind::Directory,
            WitKind::Symlink => Kind::Symlink,
            WitKind::Fifo => Kind::Special("FIFO"),
            WitKind::Socket => Kind::Special("socket"),
            WitKind::CharacterDevice => Kind::Special("character device"),
            WitKind::BlockDevice => Kind::Special("block device"),
        },
        bits: entry.bits,
        size: entry.size,
        modified: time(entry.modified),
        target: entry.target,
        reserved: entry.reserved,
    }
}

/// Returns the error of a file system call. The codes are the same that the host's `attributes` uses.
fn failed(what: &str, path: &str, code: ErrorCode) -> Error {
    let (word, why) = match code {
        ErrorCode::Access | ErrorCode::NotPermitted => ("permission-denied", "permission denied"),
        ErrorCode::NoEntry => ("not-found", "it is not there (any more)"),
        ErrorCode::InsufficientSpace | ErrorCode::Quota => ("no-space", "no space left"),
        ErrorCode::ReadOnly => ("read-only", "the file system is read-only"),
        ErrorCode::InsufficientMemory => ("too-many-open-files", "too many open files, or no memory"),
        ErrorCode::Exist => ("exists", "something has this name already"),
        ErrorCode::NotDirectory | ErrorCode::Loop => {
            ("not-a-directory", "a name in the path is no directory")
        }
        ErrorCode::FileTooLarge => ("file-too-large", "the file is too large for the file system"),
        _ => ("file-system", ""),
    };
    let why = if why.is_empty() {
        code.message().to_owned()
    } else {
        why.to_owned()
    };
    Error::Files(warning(word, format!("a file could not be {what}: {why}"), path))
}

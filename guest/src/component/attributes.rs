//! The files port: files are read through `wasi:filesystem`, and all else is done through the import `attributes`. WASI
//! has no word for an exceeded quota, a read-only file system or a rename across file systems, and calls them all `io`.

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
use crate::ports::{
    AttributeChange, DirEntry, Edit, EntryFlags, File, Files, Kind, Link, Open, Reserved, Time,
};

/// The most bytes that `wasi:filesystem` reads in one call (measured: docs/reference/benchmarks.md).
const READ_BYTES_MAX: usize = 64 << 10;
/// The most bytes that are written in one call.
const WRITE_BYTES_MAX: usize = 1 << 20;
/// Edits that cross the border with one call.
const EDITS_MAX: usize = 4096;
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
    /// Absent for one that is written.
    descriptor: Option<Descriptor>,
}

impl Files for Granted {
    type File = OpenFile;

    fn page(&self, dir: &str, after: Option<&[u8]>) -> Result<(Vec<DirEntry>, bool)> {
        let page = attributes::entries(dir, after).map_err(from_wit_error)?;
        Ok((page.entries.into_iter().map(entry).collect(), page.more))
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

    fn entry(&self, path: &str) -> Result<Option<DirEntry>> {
        let found = attributes::look(path).map_err(from_wit_error)?;
        Ok(found.map(entry))
    }

    fn open(&self, path: &str, how: Open) -> Result<OpenFile> {
        let descriptor = match how {
            Open::Write => None,
            Open::Create => {
                attributes::edits(&[attributes::Edit::MakeFile(path.to_owned())]).map_err(from_wit_error)?;
                None
            }
            Open::Read => Some(
                self.dir(path::parent(path))?
                    .open_at(
                        PathFlags::empty(),
                        path::file_name(path),
                        OpenFlags::empty(),
                        DescriptorFlags::READ,
                    )
                    .map_err(|code| failed("opened", path, code))?,
            ),
        };
        Ok(OpenFile {
            path: path.to_owned(),
            descriptor,
        })
    }

    fn edit(&self, edit: Edit<'_>) -> Result<()> {
        self.edits(&[edit])
    }

    fn edits(&self, edits: &[Edit<'_>]) -> Result<()> {
        for edits in edits.chunks(EDITS_MAX) {
            let edits: Vec<_> = edits.iter().map(wit_edit).collect();
            attributes::edits(&edits).map_err(from_wit_error)?;
        }
        // What was opened by an old name would be found under it.
        self.dirs.borrow_mut().clear();
        Ok(())
    }

    fn begin_changes(&self) -> Result<()> {
        attributes::begin_changes().map_err(from_wit_error)
    }

    fn apply(&self, changes: &[AttributeChange]) -> Result<()> {
        let change = |change: &AttributeChange| attributes::Change {
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

fn wit_edit(edit: &Edit<'_>) -> attributes::Edit {
    match *edit {
        Edit::MakeDirectory(path) => attributes::Edit::MakeDirectory(path.to_owned()),
        Edit::Rename(from, to) => attributes::Edit::Rename((from.to_owned(), to.to_owned())),
        Edit::RemoveFile(path) => attributes::Edit::RemoveFile(path.to_owned()),
        Edit::RemoveDirectory(path) => attributes::Edit::RemoveDirectory(path.to_owned()),
    }
}

impl OpenFile {
    fn readable(&self) -> Result<&Descriptor> {
        let descriptor = self.descriptor.as_ref();
        descriptor.ok_or_else(|| Error::internal("a file that was opened to write is read"))
    }
}

impl File for OpenFile {
    fn read(&self, offset: u64, length: usize, buffer: &mut Vec<u8>) -> Result<usize> {
        let descriptor = self.readable()?;
        let mut read = 0;
        while read < length {
            let wanted = (length - read).min(READ_BYTES_MAX);
            let (bytes, _) = descriptor
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
        for (part, at) in bytes
            .chunks(WRITE_BYTES_MAX)
            .zip((offset..).step_by(WRITE_BYTES_MAX))
        {
            attributes::write(&self.path, at, part).map_err(from_wit_error)?;
        }
        Ok(())
    }

    fn set_size(&self, size: u64) -> Result<()> {
        let edit = attributes::Edit::SetSize((self.path.clone(), size));
        attributes::edits(&[edit]).map_err(from_wit_error)
    }

    fn seen(&self) -> Result<(u64, Time)> {
        let Some(descriptor) = &self.descriptor else {
            let gone = || failed("looked at", &self.path, ErrorCode::NoEntry);
            let found = attributes::look(&self.path).map_err(from_wit_error)?;
            return found.map(|it| (it.size, time(it.modified))).ok_or_else(gone);
        };
        let stat = descriptor
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

fn flags(flags: attributes::Standing) -> EntryFlags {
    use attributes::Standing as Flag;
    let has = |flag| flags & flag == flag;
    let reserved = [
        (Flag::STORE, Reserved::Store),
        (Flag::HOME, Reserved::Home),
        (Flag::TOP, Reserved::Top),
        (Flag::REPOSITORY, Reserved::Repository),
    ];
    EntryFlags {
        mounted: has(Flag::MOUNTED),
        fixed: has(Flag::FIXED),
        closed: has(Flag::CLOSED),
        read_only: has(Flag::READ_ONLY),
        foreign: has(Flag::FOREIGN),
        shared: has(Flag::SHARED),
        reserved: reserved
            .into_iter()
            .find(|(flag, _)| has(*flag))
            .map(|(_, what)| what),
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
        flags: flags(entry.standing),
    }
}

/// Returns the error of a file system call. The codes are the same that the host's `attributes` uses.
fn failed(what: &str, path: &str, code: ErrorCode) -> Error {
    let (word, why) = match code {
        ErrorCode::Access | ErrorCode::NotPermitted => ("permission-denied", "permission denied"),
        ErrorCode::NoEntry => ("not-found", "no such file or directory"),
        ErrorCode::InsufficientSpace => ("no-space", "no space left"),
        ErrorCode::Quota => ("quota-exceeded", "the quota is exceeded"),
        ErrorCode::Io => ("io-error", "input/output error"),
        ErrorCode::ReadOnly => ("read-only", "the file system is read-only"),
        ErrorCode::InsufficientMemory => ("too-many-open-files", "too many open files, or no memory"),
        ErrorCode::Exist => ("exists", "something has this name already"),
        ErrorCode::NotDirectory | ErrorCode::Loop => {
            ("not-a-directory", "a name in the path is no directory")
        }
        ErrorCode::FileTooLarge => ("file-too-large", "the file is larger than is allowed here"),
        _ => ("file-system", ""),
    };
    let why = if why.is_empty() {
        code.message().to_owned()
    } else {
        why.to_owned()
    };
    Error::Files(warning(word, format!("a file could not be {what}: {why}"), path))
}

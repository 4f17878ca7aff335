//! The import `attributes`: whole directories at a time, permission bits, times, symlinks with any target, and changes.

use std::collections::BinaryHeap;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, RawMode, SeekFrom, Timespec, Timestamps, UTIME_OMIT, fchmod, fstat,
    futimens, mkdirat, openat, readlinkat, renameat, seek, symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno;

use super::directory::check_name;
use super::standing::{Judge, Seen};
use super::{Access, Directory, Grants};
use crate::bindings::attributes::{Change, Edit, Entry, Host, Page, Range, Standing, Symlink};
use crate::bindings::{Kind, PluginError, Timestamp};
use crate::problem;

/// A page ends with the entry that makes it this large.
const PAGE_BYTES: usize = 4 << 20;
/// What an entry takes besides its name, about.
const ENTRY_BYTES: usize = 96;
/// How many names of one directory are in memory.
const NAMES_BYTES_MAX: usize = 16 << 20;
/// What a name takes besides its bytes, about.
const NAME_BYTES: usize = 40;

/// The most holes that one call tells of: a file has rarely so many of a size that matters.
const HOLES_MAX: usize = 4096;

impl Host for Grants {
    fn entries(
        &mut self,
        dir: String,
        after: Option<Vec<u8>>,
    ) -> wasmtime::Result<Result<Page, PluginError>> {
        self.watched(|grants| grants.page(&dir, after.as_deref()))
    }

    fn look(&mut self, path: String) -> wasmtime::Result<Result<Option<Entry>, PluginError>> {
        self.watched(|grants| {
            let granted = grants.granted(Access::Read)?;
            match entry_of(granted, &path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                other => other
                    .map(Some)
                    .map_err(|error| failed("an entry could not be looked at", &path, error)),
            }
        })
    }

    fn edits(&mut self, edits: Vec<Edit>) -> wasmtime::Result<Result<(), PluginError>> {
        self.watched(|grants| {
            // A name may lead to another file from now on.
            grants.written = None;
            let mut written = None;
            let mut parents = Parents::new(grants.granted(Access::Write)?);
            for change in &edits {
                written = edit(&mut parents, change)?;
            }
            grants.written = written;
            Ok(())
        })
    }

    fn write(
        &mut self,
        path: String,
        offset: u64,
        bytes: Vec<u8>,
    ) -> wasmtime::Result<Result<(), PluginError>> {
        self.watched(|grants| {
            let file = match grants.written.take() {
                Some((last, file)) if last == path => file,
                _ => {
                    let mut parents = Parents::new(grants.granted(Access::Write)?);
                    let (parent, name) = parents.of(&path)?;
                    open_to_write(parent, name, OFlags::empty())
                        .map_err(|error| failed("a file could not be opened", &path, error))?
                }
            };
            file.write_all_at(&bytes, offset)
                .map_err(|error| failed("a file could not be written", &path, error))?;
            grants.written = Some((path, file));
            Ok(())
        })
    }

    fn holes(
        &mut self,
        path: String,
        part: Range,
        least: u64,
    ) -> wasmtime::Result<Result<Vec<Range>, PluginError>> {
        self.watched(|grants| {
            let mut parents = Parents::new(grants.granted(Access::Read)?);
            let (parent, name) = parents.of(&path)?;
            holes(parent, name, part, least)
                .map_err(|error| failed("the holes of a file could not be found", &path, error))
        })
    }

    fn apply(&mut self, changes: Vec<Change>) -> wasmtime::Result<Result<(), PluginError>> {
        self.watched(|grants| {
            let mut parents = Parents::new(grants.granted(Access::Write)?);
            for change in &changes {
                let (parent, name) = parents.of(&change.path)?;
                apply(parent, name, change)
                    .map_err(|error| failed("bits and times could not be set", &change.path, error))?;
            }
            Ok(())
        })
    }

    fn symlinks(&mut self, links: Vec<Symlink>) -> wasmtime::Result<Result<(), PluginError>> {
        self.watched(|grants| {
            let mut parents = Parents::new(grants.granted(Access::Write)?);
            for link in &links {
                let (parent, name) = parents.of(&link.path)?;
                symlink(parent, name, link)
                    .map_err(|error| failed("a symlink could not be made", &link.path, error))?;
            }
            Ok(())
        })
    }
}

impl Grants {
    fn granted(&self, access: Access) -> Result<&Directory, PluginError> {
        let directory = self.directory.as_deref();
        directory
            .filter(|directory| access == Access::Read || directory.access() == Access::Write)
            .ok_or_else(|| problem::internal("this run was not granted a directory for that".to_owned(), ""))
    }
}

fn failed(message: &str, path: &str, error: impl Into<io::Error>) -> PluginError {
    problem::files(message, path, &error.into())
}

/// Keeps the last directory open: changes come a directory at a time.
struct Parents<'a> {
    granted: &'a Directory,
    last: Option<(String, OwnedFd)>,
}

impl<'a> Parents<'a> {
    fn new(granted: &'a Directory) -> Parents<'a> {
        Parents { granted, last: None }
    }

    /// Returns the directory that holds `path`, open, and the last name.
    fn of<'p>(&mut self, path: &'p str) -> Result<(&OwnedFd, &'p str), PluginError> {
        let failed = |error| failed("a directory could not be opened", path, error);
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        check_name(name).map_err(failed)?;
        let last = match self.last.take() {
            Some((last, opened)) if last == dir => (last, opened),
            _ => (dir.to_owned(), self.granted.open_below(dir).map_err(failed)?),
        };
        let (_, opened) = self.last.insert(last);
        Ok((opened, name))
    }
}

/// Whether what the file system says of holes can be trusted. OpenZFS before 2.2.2 told of some where data had just been
/// written.
#[cfg(target_os = "linux")]
fn tells_holes(file: &OwnedFd) -> bool {
    const ZFS: u32 = 0x2fc1_2fc1;
    rustix::fs::fstatfs(file).is_ok_and(|disk| u32::try_from(disk.f_type) != Ok(ZFS))
}

#[cfg(not(target_os = "linux"))]
fn tells_holes(_: &OwnedFd) -> bool {
    true
}

/// Returns the first holes, at most [`HOLES_MAX`].
fn holes(parent: &OwnedFd, name: &str, part: Range, least: u64) -> io::Result<Vec<Range>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(parent, name, flags, Mode::empty())?;
    let stat = fstat(&file)?;
    let size = stat.st_size as u64;
    let mut holes = Vec::new();
    // One that takes as much room as its size has no holes: most files.
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    if !is_file || stat.st_blocks as u64 * 512 >= size || !tells_holes(&file) {
        return Ok(holes);
    }
    let end = size.min(part.offset.saturating_add(part.length));
    let mut at = part.offset;
    while at < end && holes.len() < HOLES_MAX {
        let data = match seek(&file, SeekFrom::Data(at)) {
            Ok(data) => data.min(end),
            // There is no data from here on.
            Err(Errno::NXIO) => end,
            // The file system cannot tell, and nothing depends on it.
            Err(_) => break,
        };
        if data - at >= least.max(1) {
            holes.push(Range {
                offset: at,
                length: data - at,
            });
        }
        at = match seek(&file, SeekFrom::Hole(data)) {
            Ok(hole) => hole,
            Err(_) => break,
        };
    }
    Ok(holes)
}

/// The names of a directory that are still to be given, in descending order, for the page after the one that was given last.
#[derive(Debug)]
pub(super) struct Names {
    dir: String,
    after: Vec<u8>,
    left: Vec<CString>,
    /// Whether the directory has more names after these.
    more: bool,
}

impl Grants {
    /// Returns the entries of a directory after the name `after`: as many as fit into a page.
    fn page(&mut self, dir: &str, after: Option<&[u8]>) -> Result<Page, PluginError> {
        let cannot_read = |error| failed("a directory could not be read", dir, error);
        self.granted(Access::Read)?;
        let kept = self.names.take();
        let granted = self.granted(Access::Read)?;
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
        if let (false, Some(last)) = (left.is_empty(), entries.last()) {
            self.names = Some(Names {
                dir: dir.to_owned(),
                after: last.name.clone(),
                left,
                more,
            });
            more = true;
        }
        Ok(Page { entries, more })
    }
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

fn entry_of(granted: &Directory, path: &str) -> io::Result<Entry> {
    let Some((dir, name)) = path.rsplit_once('/').or((!path.is_empty()).then_some(("", path))) else {
        let root = granted.open_below("")?;
        let (seen, mut standing) = Judge::of(&root, granted.reserved())?.of_root(&root);
        if granted.leads_into_repository() {
            standing |= Standing::REPOSITORY;
        }
        return entry(Vec::new(), &seen, standing, Vec::new());
    };
    check_name(name)?;
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

/// Makes one change. Returns a file that it made, open.
fn edit(parents: &mut Parents<'_>, change: &Edit) -> Result<Option<(String, File)>, PluginError> {
    match change {
        Edit::MakeDirectory(path) => {
            let (parent, name) = parents.of(path)?;
            mkdirat(parent, name, Mode::from_raw_mode(0o777))
                .map_err(|error| failed("a directory could not be made", path, error))?;
        }
        Edit::MakeFile(path) => {
            let (parent, name) = parents.of(path)?;
            let file = open_to_write(parent, name, OFlags::CREATE | OFlags::EXCL)
                .map_err(|error| failed("a file could not be made", path, error))?;
            return Ok(Some((path.clone(), file)));
        }
        Edit::SetSize((path, size)) => {
            let failed = |error| failed("a file could not be given its size", path, error);
            let (parent, name) = parents.of(path)?;
            let file = open_to_write(parent, name, OFlags::empty()).map_err(failed)?;
            file.set_len(*size).map_err(failed)?;
            return Ok(Some((path.clone(), file)));
        }
        Edit::Rename((from, to)) => {
            let (dir, name) = parents.of(from)?;
            let (dir, name) = (dir.try_clone(), name.to_owned());
            let wrong = |error: io::Error| failed("it could not be given its name", to, error);
            let (to_dir, to_name) = parents.of(to)?;
            renameat(dir.map_err(wrong)?, name.as_str(), to_dir, to_name)
                .map_err(|error| wrong(error.into()))?;
            // A directory that was renamed or replaced must not be found under its old name.
            parents.last = None;
        }
        Edit::RemoveFile(path) => {
            let (parent, name) = parents.of(path)?;
            unlinkat(parent, name, AtFlags::empty())
                .map_err(|error| failed("a file could not be removed", path, error))?;
        }
        Edit::RemoveDirectory(path) => {
            let (parent, name) = parents.of(path)?;
            unlinkat(parent, name, AtFlags::REMOVEDIR)
                .map_err(|error| failed("a directory could not be removed", path, error))?;
        }
    }
    Ok(None)
}

fn open_to_write(parent: &OwnedFd, name: &str, more: OFlags) -> io::Result<File> {
    // Non-blocking, so that a FIFO does not make this wait.
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | more;
    Ok(openat(parent, name, flags, Mode::from_raw_mode(0o666))?.into())
}

fn times(modified: Timestamp) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: modified.seconds,
            tv_nsec: modified.nanoseconds.into(),
        },
    }
}

fn apply(parent: &OwnedFd, name: &str, change: &Change) -> io::Result<()> {
    // Opened rather than named twice, so that nobody can put a link there in between; non-blocking, so that a FIFO does
    // not make this wait.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mode = change.bits.map(bits).transpose()?;
    match openat(parent, name, flags, Mode::empty()) {
        Ok(file) => {
            if let Some(mode) = mode {
                fchmod(&file, mode)?;
            }
            futimens(&file, &times(change.modified))?;
            Ok(())
        }
        // The owner may change what the owner may not read.
        Err(Errno::ACCESS) => apply_unreadable(parent, name, mode, change.modified),
        Err(error) => Err(error.into()),
    }
}

#[cfg(target_os = "linux")]
fn apply_unreadable(parent: &OwnedFd, name: &str, mode: Option<Mode>, modified: Timestamp) -> io::Result<()> {
    use std::os::fd::AsRawFd;

    let file = openat(
        parent,
        name,
        OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    if FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) == FileType::Symlink {
        return Err(Errno::LOOP.into());
    }
    // `fchmod` takes no such descriptor; its entry in /proc names the very file.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    if let Some(mode) = mode {
        rustix::fs::chmod(&path, mode)?;
    }
    utimensat(rustix::fs::CWD, &path, &times(modified), AtFlags::empty())?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn apply_unreadable(_: &OwnedFd, _: &str, _: Option<Mode>, _: Timestamp) -> io::Result<()> {
    Err(Errno::ACCESS.into())
}

fn bits(bits: u16) -> io::Result<Mode> {
    if bits > 0o777 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "only the nine permission bits can be set",
        ));
    }
    Ok(Mode::from_raw_mode(RawMode::from(bits)))
}

fn symlink(parent: &OwnedFd, name: &str, link: &Symlink) -> io::Result<()> {
    symlinkat(&link.target, parent, name)?;
    utimensat(parent, name, &times(link.modified), AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(())
}

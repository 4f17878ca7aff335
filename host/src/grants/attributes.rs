//! The import `attributes`: whole directories at a time, permission bits, times, symlinks with any target, and changes.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RawMode, SeekFrom, Timespec, Timestamps, UTIME_OMIT, fchmod, fstat,
    futimens, mkdirat, openat, renameat, seek, symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno;

use super::directory::{Directory, failed, split};
use super::entries::{self, entry_of};
use super::{Access, Grants};
use crate::bindings::attributes::{Change, Edit, Entry, Host, Page, Range, Symlink};
use crate::bindings::types::{Error as PluginError, Timestamp};
use crate::problem;

/// The most holes that one call tells of: a file has rarely so many of a size that matters.
const HOLES_MAX: usize = 4096;

impl Host for Grants {
    fn entries(
        &mut self,
        dir: String,
        after: Option<Vec<u8>>,
    ) -> wasmtime::Result<Result<Page, PluginError>> {
        self.watched(|grants| {
            let kept = grants.names.take();
            let granted = grants.granted(Access::Read)?;
            let (page, rest) = entries::page(granted, kept, &dir, after.as_deref())?;
            grants.names = rest;
            Ok(page)
        })
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

    fn begin_changes(&mut self) -> wasmtime::Result<Result<(), PluginError>> {
        self.watched(|grants| {
            grants.granted(Access::Write)?;
            match grants.watch.begin_changes() {
                true => Ok(()),
                false => {
                    let message = "changes begin once, and at the end of a run".to_owned();
                    Err(problem::internal(message, ""))
                }
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
                grants.check_time()?;
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
                grants.check_time()?;
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
                grants.check_time()?;
                let (parent, name) = parents.of(&link.path)?;
                symlink(parent, name, link)
                    .map_err(|error| failed("cannot create a symlink", &link.path, error))?;
            }
            Ok(())
        })
    }
}

impl Grants {
    /// Fails where the call must end. That this is why is seen where the call ends.
    fn check_time(&self) -> Result<(), PluginError> {
        let ended = self.watch.check();
        ended.map_err(|ended| problem::internal(ended.to_string(), ""))
    }

    pub(super) fn granted(&self, access: Access) -> Result<&Directory, PluginError> {
        let directory = self.directory.as_deref();
        let granted = directory
            .filter(|directory| access == Access::Read || directory.access() == Access::Write)
            .ok_or_else(|| {
                problem::internal("this run was not granted a directory for that".to_owned(), "")
            })?;
        if access == Access::Write {
            granted.change();
        }
        Ok(granted)
    }
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
        let (dir, name) = split(path).map_err(failed)?;
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

/// Applies one change. Returns the file that it created, open.
fn edit(parents: &mut Parents<'_>, change: &Edit) -> Result<Option<(String, File)>, PluginError> {
    match change {
        Edit::MakeDirectory(path) => {
            let (parent, name) = parents.of(path)?;
            mkdirat(parent, name, Mode::from_raw_mode(0o777))
                .map_err(|error| failed("cannot create a directory", path, error))?;
        }
        Edit::MakeFile(path) => {
            let (parent, name) = parents.of(path)?;
            let file = open_to_write(parent, name, OFlags::CREATE | OFlags::EXCL)
                .map_err(|error| failed("cannot create a file", path, error))?;
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

fn times(modified: Timestamp) -> io::Result<Timestamps> {
    // Some numbers above mean "now" or "as it is" to the system.
    if modified.nanoseconds >= 1_000_000_000 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a second has 1,000,000,000 nanoseconds",
        ));
    }
    Ok(Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: modified.seconds,
            tv_nsec: modified.nanoseconds.into(),
        },
    })
}

fn apply(parent: &OwnedFd, name: &str, change: &Change) -> io::Result<()> {
    // Opened rather than named twice, so that nobody can put a link there in between; non-blocking, so that a FIFO does
    // not make this wait.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mode = change.bits.map(bits).transpose()?;
    let times = times(change.modified)?;
    match openat(parent, name, flags, Mode::empty()) {
        Ok(file) => {
            if let Some(mode) = mode {
                fchmod(&file, mode)?;
            }
            futimens(&file, &times)?;
            Ok(())
        }
        // The owner may change what the owner may not read.
        Err(Errno::ACCESS) => apply_unreadable(parent, name, mode, &times),
        Err(error) => Err(error.into()),
    }
}

#[cfg(target_os = "linux")]
fn apply_unreadable(parent: &OwnedFd, name: &str, mode: Option<Mode>, times: &Timestamps) -> io::Result<()> {
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
    utimensat(rustix::fs::CWD, &path, times, AtFlags::empty())?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn apply_unreadable(_: &OwnedFd, _: &str, _: Option<Mode>, _: &Timestamps) -> io::Result<()> {
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
    let times = times(link.modified)?;
    symlinkat(&link.target, parent, name)?;
    utimensat(parent, name, &times, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(())
}

//! The import `attributes`: whole directories at a time, permission bits, times, and symlinks with any target.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, RawMode, SeekFrom, Stat, Timespec, Timestamps, UTIME_OMIT, fchmod,
    fstat, futimens, openat, readlinkat, seek, statat, symlinkat, utimensat,
};
use rustix::io::Errno;

use super::directory::{Identity, check_name};
use super::{Access, Directory, Grants};
use crate::bindings::attributes::{Change, Entry, Host, Range, Symlink};
use crate::bindings::{Kind, PluginError, Timestamp};
use crate::problem;

/// The most holes that one call tells of: a file has rarely so many of a size that matters.
const HOLES_MAX: usize = 4096;

impl Host for Grants {
    fn entries(&mut self, dir: String) -> wasmtime::Result<Result<Vec<Entry>, PluginError>> {
        self.watched(|grants| {
            let granted = grants.granted(Access::Read)?;
            let opened = granted
                .open_below(&dir)
                .map_err(|error| failed("a directory could not be opened", &dir, error))?;
            entries(granted, &opened).map_err(|error| failed("a directory could not be read", &dir, error))
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
    last: Option<(&'a str, OwnedFd)>,
}

impl<'a> Parents<'a> {
    fn new(granted: &'a Directory) -> Parents<'a> {
        Parents { granted, last: None }
    }

    /// Returns the directory that holds `path`, open, and the last name.
    fn of(&mut self, path: &'a str) -> Result<(&OwnedFd, &'a str), PluginError> {
        let failed = |error| failed("a directory could not be opened", path, error);
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        check_name(name).map_err(failed)?;
        let opened = match self.last.take() {
            Some((last, opened)) if last == dir => opened,
            _ => self.granted.open_below(dir).map_err(failed)?,
        };
        let (_, opened) = self.last.insert((dir, opened));
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

fn entries(granted: &Directory, dir: &OwnedFd) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let stat = match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            // Gone since the directory was read: it is not an entry any more.
            Err(Errno::NOENT) => continue,
            other => other?,
        };
        let kind = kind(&stat)?;
        let target = if kind == Kind::Symlink {
            readlinkat(dir, name, Vec::new())?.into_bytes()
        } else {
            Vec::new()
        };
        entries.push(Entry {
            name: name.to_bytes().to_vec(),
            kind,
            bits: (RawMode::from(stat.st_mode) & 0o7777) as u16,
            size: if kind == Kind::File {
                stat.st_size as u64
            } else {
                0
            },
            modified: Timestamp {
                seconds: stat.st_mtime,
                nanoseconds: stat.st_mtime_nsec as u32,
            },
            target,
            reserved: kind == Kind::Directory && granted.is_reserved(Identity::of_stat(&stat)),
        });
    }
    Ok(entries)
}

fn kind(stat: &Stat) -> io::Result<Kind> {
    Ok(match FileType::from_raw_mode(stat.st_mode) {
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

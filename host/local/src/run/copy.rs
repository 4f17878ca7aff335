//! Copies of trees of files, through open directories: links are copied, and never followed.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path};

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, Timespec, Timestamps, fchmod, futimens, mkdirat, openat,
    readlinkat, statat, symlinkat, unlinkat,
};
use rustix::io::Errno;

/// A copied tree.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Copied {
    /// Files and links.
    pub(super) files: u64,
    pub(super) bytes: u64,
}

/// A copied directory keeps these permissions until its content is complete.
const NEW_DIRECTORY: Mode = Mode::RWXU;

/// Copies the entry `from_name` of a directory to `to_name` in another one: a file, a link, or a directory with its content.
/// Existing directories are kept, existing files and links are replaced. Permissions and times are kept, owners are not.
/// Sockets and devices are left out.
pub(super) fn copy(
    from: BorrowedFd<'_>,
    from_name: &OsString,
    to: BorrowedFd<'_>,
    to_name: &OsString,
    copied: &mut Copied,
) -> io::Result<()> {
    let stat = statat(from, from_name, AtFlags::SYMLINK_NOFOLLOW)?;
    let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: stat.st_atime,
            tv_nsec: stat.st_atime_nsec as _,
        },
        last_modification: Timespec {
            tv_sec: stat.st_mtime,
            tv_nsec: stat.st_mtime_nsec as _,
        },
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            let source = open(from, from_name, OFlags::RDONLY | OFlags::DIRECTORY)?;
            match mkdirat(to, to_name, NEW_DIRECTORY) {
                Err(Errno::EXIST) | Ok(()) => {}
                Err(error) => return Err(error.into()),
            }
            let target = open(to, to_name, OFlags::RDONLY | OFlags::DIRECTORY)?;
            for entry in Dir::read_from(&source)? {
                let name = OsString::from_vec(entry?.file_name().to_bytes().to_vec());
                if name != "." && name != ".." {
                    copy(source.as_fd(), &name, target.as_fd(), &name, copied)?;
                }
            }
            fchmod(&target, mode)?;
            futimens(&target, &times)?;
        }
        FileType::Symlink => {
            let target = readlinkat(from, from_name, Vec::new())?;
            remove(to, to_name)?;
            symlinkat(target, to, to_name)?;
            copied.files += 1;
        }
        FileType::RegularFile => {
            let mut source = File::from(open(from, from_name, OFlags::RDONLY)?);
            remove(to, to_name)?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let mut target = File::from(openat(to, to_name, flags, Mode::RUSR | Mode::WUSR)?);
            copied.bytes += io::copy(&mut source, &mut target)?;
            copied.files += 1;
            fchmod(&target, mode)?;
            futimens(&target, &times)?;
        }
        _ => {}
    }
    Ok(())
}

/// Opens a directory below another one, without following links. Creates it if `create` says so.
pub(super) fn directory(base: BorrowedFd<'_>, path: &Path, create: bool) -> io::Result<OwnedFd> {
    let mut opened = base.try_clone_to_owned()?;
    for part in path.components() {
        let Component::Normal(name) = part else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no plain path"));
        };
        if create {
            match mkdirat(
                &opened,
                name,
                Mode::RWXU | Mode::RGRP | Mode::XGRP | Mode::ROTH | Mode::XOTH,
            ) {
                Err(Errno::EXIST) | Ok(()) => {}
                Err(error) => return Err(error.into()),
            }
        }
        opened = open(
            opened.as_fd(),
            &name.to_owned(),
            OFlags::RDONLY | OFlags::DIRECTORY,
        )?;
    }
    Ok(opened)
}

fn open(directory: BorrowedFd<'_>, name: &OsString, flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(openat(directory, name, flags, Mode::empty())?)
}

fn remove(directory: BorrowedFd<'_>, name: &OsString) -> io::Result<()> {
    match unlinkat(directory, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_tree_is_copied_with_links_permissions_and_times_and_no_link_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir_all(path("a/deep")).unwrap();
        fs::create_dir_all(path("b/tree")).unwrap();
        fs::write(path("precious"), "precious").unwrap();
        fs::write(path("a/deep/tool"), "tool").unwrap();
        fs::set_permissions(path("a/deep/tool"), fs::Permissions::from_mode(0o751)).unwrap();
        symlink("deep/tool", path("a/link")).unwrap();
        // A link in place of a file of the target is replaced, and not written through.
        fs::create_dir_all(path("b/tree/deep")).unwrap();
        symlink(path("precious"), path("b/tree/deep/tool")).unwrap();
        let (from, to) = (File::open(dir.path()).unwrap(), File::open(path("b")).unwrap());
        let mut copied = Copied::default();
        copy(from.as_fd(), &"a".into(), to.as_fd(), &"tree".into(), &mut copied).unwrap();
        assert_eq!(copied, Copied { files: 2, bytes: 4 });
        let tool = fs::symlink_metadata(path("b/tree/deep/tool")).unwrap();
        assert!(tool.is_file() && tool.permissions().mode() & 0o7777 == 0o751);
        let modified = |name: &str| fs::metadata(path(name)).unwrap().modified().unwrap();
        assert_eq!(modified("a/deep/tool"), modified("b/tree/deep/tool"));
        assert_eq!(
            fs::read_link(path("b/tree/link")).unwrap().to_str(),
            Some("deep/tool")
        );
        assert_eq!(fs::read_to_string(path("precious")).unwrap(), "precious");
        // A link in place of a directory of the target is an error.
        fs::remove_dir_all(path("b/tree/deep")).unwrap();
        symlink(dir.path(), path("b/tree/deep")).unwrap();
        assert!(copy(from.as_fd(), &"a".into(), to.as_fd(), &"tree".into(), &mut copied).is_err());
    }
}

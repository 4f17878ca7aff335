//! The one directory that a run is granted, and how a path is resolved in it.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags, Stat, StatVfsMountFlags, flock, fstat, fstatvfs, openat};
use rustix::io::Errno;

use super::Access;
use crate::beneath;
use crate::error::Error;

/// The granted directory, open. What happens to its path later is of no concern.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    file: File,
    access: Access,
    reserved: Vec<Identity>,
}

/// What tells a directory from all others, by whatever path it is reached: its device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity(u64, u64);

impl Identity {
    /// Returns the identity of the directory at `path`, or nothing where there is none.
    pub(crate) fn of(path: &Path) -> Option<Identity> {
        let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_dir)?;
        Some(Identity(metadata.dev(), metadata.ino()))
    }

    #[expect(clippy::unnecessary_cast, reason = "the types differ from system to system")]
    pub(super) fn of_stat(stat: &Stat) -> Identity {
        Identity(stat.st_dev as u64, stat.st_ino as u64)
    }
}

impl Directory {
    /// Opens a directory to read from it. `what` is what an error calls it.
    pub(crate) fn read(what: &'static str, path: &Path) -> Result<Directory, Error> {
        Directory::open(what, path, Access::Read)
    }

    /// Opens a directory to change it, makes it if it is not there, and waits until no other run holds it: two that
    /// attach to one directory at once would undo each other's work. `waiting` is called if that takes time.
    pub(crate) fn write(path: &Path, waiting: &mut dyn FnMut()) -> Result<Directory, Error> {
        let failed = |source: io::Error| Error::Directory {
            what: "target",
            path: path.to_owned(),
            source,
        };
        std::fs::create_dir_all(path).map_err(failed)?;
        let directory = Directory::open("target", path, Access::Write)?;
        // The lock ends with the process, however it ends.
        match flock(&directory.file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                waiting();
                flock(&directory.file, FlockOperation::LockExclusive)
                    .map_err(|error| failed(error.into()))?;
            }
            // Some network file systems have no locks; one attach at a time is then the user's concern.
            Err(Errno::NOTSUP | Errno::NOLCK | Errno::NOSYS) => {}
            Err(error) => return Err(failed(error.into())),
        }
        // The component would be told of an input-output error: WASI's implementation has no word for this one.
        if fstatvfs(&directory.file).is_ok_and(|disk| disk.f_flag.contains(StatVfsMountFlags::RDONLY)) {
            return Err(failed(Errno::ROFS.into()));
        }
        Ok(directory)
    }

    fn open(what: &'static str, path: &Path, access: Access) -> Result<Directory, Error> {
        let failed = |source: io::Error| Error::Directory {
            what,
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_dir() {
            return Err(failed(io::ErrorKind::NotADirectory.into()));
        }
        Ok(Directory {
            path: path.to_owned(),
            file,
            access,
            reserved: Vec::new(),
        })
    }

    /// Keeps directories below this one for baton itself: the component is told which entries they are.
    #[must_use]
    pub(crate) fn reserving(self, reserved: Vec<Identity>) -> Directory {
        Directory { reserved, ..self }
    }

    pub(super) fn is_reserved(&self, directory: Identity) -> bool {
        self.reserved.contains(&directory)
    }

    /// Whether this directory is one of those that are kept for baton itself, or lies in one.
    pub(crate) fn lies_in_reserved(&self) -> io::Result<bool> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut dir = openat(&self.file, ".", flags, Mode::empty())?;
        let mut this = Identity::of_stat(&fstat(&dir)?);
        loop {
            if self.is_reserved(this) {
                return Ok(true);
            }
            // One that may not be looked at from here ends the way up.
            let Ok(above) = openat(&dir, "..", flags, Mode::empty()) else {
                return Ok(false);
            };
            let next = Identity::of_stat(&fstat(&above)?);
            if next == this {
                return Ok(false);
            }
            (dir, this) = (above, next);
        }
    }

    /// Returns a path that leads to the open directory, wherever its own path leads by now. Only Linux has one.
    pub(crate) fn opened_path(&self) -> PathBuf {
        #[cfg(target_os = "linux")]
        {
            use std::os::fd::AsRawFd;

            let opened = PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()));
            // Without /proc there is only the path.
            if opened.exists() {
                return opened;
            }
        }
        self.path.clone()
    }

    pub(crate) fn access(&self) -> Access {
        self.access
    }

    /// Opens a directory below this one, through no link: no path leads out, whatever anybody does to the directory
    /// meanwhile.
    pub(crate) fn open_below(&self, path: &str) -> io::Result<OwnedFd> {
        for name in path.split('/').filter(|_| !path.is_empty()) {
            check_name(name)?;
        }
        beneath::open_dir(&self.file, path)
    }
}

/// Refuses what is not a name in a directory.
pub(super) fn check_name(name: &str) -> io::Result<()> {
    if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a name within the directory",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn no_path_leads_out() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("root");
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::create_dir(place.path().join("outside")).unwrap();
        std::os::unix::fs::symlink("../outside", root.join("link")).unwrap();
        std::os::unix::fs::symlink("a", root.join("inner")).unwrap();
        let directory = Directory::read("root", &root).unwrap();
        for inside in ["", "a", "a/b"] {
            assert!(directory.open_below(inside).is_ok(), "{inside}");
        }
        for outside in [
            "..",
            "a/..",
            "a/../../outside",
            "/",
            "/etc",
            "link",
            "inner",
            "inner/b",
            "a//b",
            "./a",
            "a/",
        ] {
            assert!(directory.open_below(outside).is_err(), "{outside}");
        }
    }
}

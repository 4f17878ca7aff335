//! The one directory that a run is granted, and how a path is resolved in it.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::Access;
use super::standing::{ReservedPlaces, lead_into_repository};
use crate::beneath;
use crate::error::Error;

/// The granted directory, open. What happens to its path later is of no concern.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    file: File,
    access: Access,
    reserved: ReservedPlaces,
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
        std::fs::create_dir_all(path).map_err(|error| failed(explained(path, error)))?;
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
        Ok(directory)
    }

    fn open(what: &'static str, path: &Path, access: Access) -> Result<Directory, Error> {
        let failed = |source: io::Error| Error::Directory {
            what,
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(|error| failed(explained(path, error)))?;
        if !file.metadata().map_err(failed)?.is_dir() {
            let error = explained(path, io::ErrorKind::NotADirectory.into());
            return Err(failed(error));
        }
        Ok(Directory {
            path: path.to_owned(),
            file,
            access,
            reserved: ReservedPlaces::default(),
        })
    }

    /// Says what below it must be kept whatever happens.
    pub(crate) fn reserving(mut self, reserved: ReservedPlaces) -> Directory {
        self.reserved = reserved;
        self
    }

    pub(super) fn reserved(&self) -> &ReservedPlaces {
        &self.reserved
    }

    /// Whether this directory is one of those that are kept for baton itself, or lies in one.
    pub(crate) fn lies_in_reserved(&self) -> bool {
        self.reserved.is_within_own(&self.file)
    }

    /// Whether this directory is the repository of a checkout (`.git`), or lies in one.
    pub(super) fn leads_into_repository(&self) -> bool {
        lead_into_repository(&[&self.path, &self.opened_path()])
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

/// Says which name of a path is not a directory, where that is why it cannot be opened or made.
fn explained(path: &Path, error: io::Error) -> io::Error {
    let mut above = path.ancestors().filter(|path| !path.as_os_str().is_empty());
    let Some((existing, found)) = above.find_map(|path| Some((path, path.symlink_metadata().ok()?))) else {
        return error;
    };
    let shown = existing.display();
    let why = match existing.metadata() {
        Ok(leads_to) if leads_to.is_dir() => return error,
        Ok(_) => format!("{shown} is a file, not a directory"),
        Err(_) if found.is_symlink() => match existing.read_link() {
            Ok(target) => format!(
                "{shown} is a symlink to {}, which does not exist",
                target.display()
            ),
            Err(_) => return error,
        },
        Err(_) => return error,
    };
    io::Error::new(error.kind(), why)
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

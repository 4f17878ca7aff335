//! The one directory that a run is granted, and how a path is resolved in it.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::access::Access;
use super::standing::{ReservedPlaces, lead_into_repository};
use crate::bindings::types::Error as PluginError;
use crate::error::Error;
use crate::interrupt::{Interrupt, TICK};
use crate::{beneath, files, problem};

/// The granted directory, open. What happens to its path later is of no concern.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    file: File,
    access: Access,
    reserved: ReservedPlaces,
    /// Whether a run may have changed something in it.
    is_changed: AtomicBool,
    /// The empty directory that replaces a missing one.
    empty: Option<EmptyDirectory>,
}

/// An empty directory of this process, removed when it is dropped.
#[derive(Debug)]
struct EmptyDirectory(PathBuf);

impl EmptyDirectory {
    fn create(parent: &Path) -> io::Result<EmptyDirectory> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("baton-empty-{}-{count}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(EmptyDirectory(path)),
                // Of an earlier process with the same id.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for EmptyDirectory {
    fn drop(&mut self) {
        // Nothing was written to it.
        let _ = std::fs::remove_dir(&self.0);
    }
}

impl Directory {
    /// Opens a directory to read from it. `what` is what an error calls it.
    pub(crate) fn read(what: &'static str, path: &Path) -> Result<Directory, Error> {
        Directory::open(what, path, Access::Read)
    }

    /// Opens a directory to change it, creates it if it is missing, and waits until no other run holds it: two runs that
    /// attach to one directory at once would undo each other's work. `waiting` is called if that takes time, and an
    /// interrupt ends it.
    pub(crate) fn write(
        path: &Path,
        interrupt: &Interrupt,
        waiting: &mut dyn FnMut(),
    ) -> Result<Directory, Error> {
        let failed = |source: io::Error| Error::Directory {
            what: "target",
            path: path.to_owned(),
            source,
        };
        std::fs::create_dir_all(path).map_err(|error| failed(explained(path, error)))?;
        let directory = Directory::open("target", path, Access::Write)?;
        let mut is_told = false;
        // The lock ends with the process, however it ends.
        loop {
            match flock(&directory.file, FlockOperation::NonBlockingLockExclusive) {
                // Some network file systems have no locks; one attach at a time is then the user's concern.
                Ok(()) | Err(Errno::NOTSUP | Errno::NOLCK | Errno::NOSYS) => return Ok(directory),
                // A lock that blocks could not be interrupted.
                Err(Errno::WOULDBLOCK) if interrupt.is_set() => return Err(Error::Interrupted),
                Err(Errno::WOULDBLOCK) => {
                    if !std::mem::replace(&mut is_told, true) {
                        waiting();
                    }
                    std::thread::sleep(TICK);
                }
                Err(error) => return Err(failed(error.into())),
            }
        }
    }

    /// Returns an empty directory to read from, in place of one that does not exist. It lies in `parent`, and is removed with
    /// this value.
    pub(crate) fn empty(what: &'static str, parent: &Path) -> Result<Directory, Error> {
        let empty = EmptyDirectory::create(parent).map_err(|source| Error::Directory {
            what: "temporary directory",
            path: parent.to_owned(),
            source,
        })?;
        let mut directory = Directory::open(what, &empty.0, Access::Read)?;
        directory.empty = Some(empty);
        Ok(directory)
    }

    fn open(what: &'static str, path: &Path, access: Access) -> Result<Directory, Error> {
        let failed = |source: io::Error| Error::Directory {
            what,
            path: path.to_owned(),
            source,
        };
        let file = files::open_directory(path).map_err(|error| failed(explained(path, error)))?;
        Ok(Directory {
            path: path.to_owned(),
            file,
            access,
            reserved: ReservedPlaces::default(),
            is_changed: AtomicBool::new(false),
            empty: None,
        })
    }

    /// Lets the next run have the directory. A call that is stuck may hold this one open for ever.
    pub(crate) fn release(&self) {
        // One that cannot be unlocked is unlocked when it is closed.
        let _ = flock(&self.file, FlockOperation::Unlock);
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

    /// Notes that something in it is about to be changed.
    pub(super) fn change(&self) {
        self.is_changed.store(true, Ordering::Relaxed);
    }

    /// Whether something in it may have been changed.
    pub(crate) fn is_changed(&self) -> bool {
        self.is_changed.load(Ordering::Relaxed)
    }

    /// Returns the error of a run that failed with `error`: where the directory was removed meanwhile, that is why.
    pub(crate) fn failed(&self, error: Error) -> Error {
        let is_removed = rustix::fs::fstat(&self.file).is_ok_and(|stat| stat.st_nlink == 0);
        if !is_removed || matches!(error, Error::Interrupted) {
            return error;
        }
        Error::DirectoryRemoved {
            what: match self.access {
                Access::Read => "root",
                Access::Write => "target",
            },
            path: self.path.clone(),
        }
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
fn check_name(name: &str) -> io::Result<()> {
    if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a name within the directory",
        ));
    }
    Ok(())
}

pub(super) fn failed(message: &str, path: &str, error: impl Into<io::Error>) -> PluginError {
    problem::files(message, path, &error.into())
}

/// Splits a path into the directory and the last name. One that begins with `/` has an empty name.
pub(super) fn split(path: &str) -> io::Result<(&str, &str)> {
    let (dir, name) = match path.rsplit_once('/') {
        Some((dir, name)) => {
            dir.split('/').try_for_each(check_name)?;
            (dir, name)
        }
        None => ("", path),
    };
    check_name(name)?;
    Ok((dir, name))
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

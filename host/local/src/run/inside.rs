//! The files that a job may reach, and the meaning of its paths.
//!
//! Steps such as `store_artifacts` run outside of the sandbox, on files that the job wrote. A link that the job created must
//! not lead them elsewhere: each file is opened first, and then its real path is checked.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::OFlags;

/// The file system of a job that is not this machine's.
#[derive(Debug, Clone)]
pub(super) struct OwnRoot {
    /// The directory on this machine that the job sees as `/`.
    pub(super) root: PathBuf,
    /// The directories of this machine that the job sees, and may only read.
    pub(super) shared: Vec<PathBuf>,
}

/// The files that a job may reach.
#[derive(Debug, Clone)]
pub(super) struct Inside {
    /// The directory of the node. The job sees it under the same path.
    pub(super) directory: PathBuf,
    pub(super) home: PathBuf,
    pub(super) temporary: PathBuf,
    /// `None`: all files of this machine.
    pub(super) own_root: Option<OwnRoot>,
}

/// An open file or directory.
pub(super) struct Opened {
    pub(super) file: File,
    /// Its path without links.
    pub(super) path: PathBuf,
}

impl Inside {
    /// Returns the path on this machine of a path of a step: `~` is the home of the job, and a relative path is below `base`.
    pub(super) fn resolve(&self, base: &Path, path: &str) -> PathBuf {
        match path.strip_prefix('~') {
            Some("") => return self.home.clone(),
            Some(rest) if rest.starts_with('/') => return self.home.join(rest.trim_start_matches('/')),
            _ => {}
        }
        let path = Path::new(path);
        let Some(own) = self.own_root.as_ref().filter(|_| path.is_absolute()) else {
            return base.join(path);
        };
        let is_shared = own.shared.iter().any(|shared| path.starts_with(shared));
        if is_shared || path.starts_with(&self.directory) {
            return path.to_owned();
        }
        if let Ok(rest) = path.strip_prefix("/tmp") {
            return self.temporary.join(rest);
        }
        own.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Returns the path that the job sees for a path of this machine.
    pub(super) fn seen(&self, path: &Path) -> PathBuf {
        let below = self.own_root.as_ref().map(|own| path.strip_prefix(&own.root));
        match below {
            Some(Ok(rest)) => Path::new("/").join(rest),
            _ => path.to_owned(),
        }
    }

    /// Opens a file or a directory to read it.
    pub(super) fn open(&self, path: &Path) -> io::Result<Opened> {
        let file = OpenOptions::new()
            .read(true)
            // A FIFO of the job must not block the run.
            .custom_flags(OFlags::NONBLOCK.bits() as i32)
            .open(path)?;
        let Some(own) = &self.own_root else {
            let path = path.to_owned();
            return Ok(Opened { file, path });
        };
        let real = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
        let allowed = real.starts_with(&self.directory) || own.shared.iter().any(|it| real.starts_with(it));
        match allowed {
            true => Ok(Opened { file, path: real }),
            false => Err(outside(path)),
        }
    }

    /// Creates a directory with those above it, and returns its path without links.
    pub(super) fn create(&self, path: &Path) -> io::Result<PathBuf> {
        if self.own_root.is_none() {
            fs::create_dir_all(path)?;
            return Ok(path.to_owned());
        }
        let existing = path.ancestors().find(|it| it.symlink_metadata().is_ok());
        let existing = existing.unwrap_or(Path::new("/"));
        let real = existing.canonicalize()?;
        let missing = path.strip_prefix(existing).unwrap_or(Path::new(""));
        let climbs = missing.components().any(|part| part == Component::ParentDir);
        if climbs || !real.starts_with(&self.directory) {
            return Err(outside(path));
        }
        let target = match missing.as_os_str().is_empty() {
            true => real,
            false => real.join(missing),
        };
        fs::create_dir_all(&target)?;
        Ok(target)
    }
}

fn outside(path: &Path) -> io::Error {
    let message = format!("{} leads outside of the job's directory", path.display());
    io::Error::new(io::ErrorKind::PermissionDenied, message)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::os::unix::fs::symlink;

    use super::*;

    fn inside(directory: &Path) -> Inside {
        for name in ["home", "tmp", "root"] {
            fs::create_dir_all(directory.join(name)).unwrap();
        }
        Inside {
            directory: directory.to_owned(),
            home: directory.join("home"),
            temporary: directory.join("tmp"),
            own_root: Some(OwnRoot {
                root: directory.join("root"),
                shared: vec![PathBuf::from("/usr")],
            }),
        }
    }

    #[test]
    fn absolute_paths_are_the_jobs_own() {
        let inside = inside(&tempfile::tempdir().unwrap().path().canonicalize().unwrap());
        let (base, directory) = (inside.home.join("project"), inside.directory.clone());
        let resolve = |path: &str| inside.resolve(&base, path);
        assert_eq!(resolve("~/x"), directory.join("home/x"));
        assert_eq!(resolve("x"), directory.join("home/project/x"));
        assert_eq!(resolve("/tmp/x"), directory.join("tmp/x"));
        assert_eq!(resolve("/app"), directory.join("root/app"));
        assert_eq!(resolve("/usr/bin"), Path::new("/usr/bin"));
        assert_eq!(inside.seen(&resolve("/app")), Path::new("/app"));
        assert_eq!(inside.seen(&resolve("~/x")), directory.join("home/x"));
    }

    #[test]
    fn no_link_of_a_job_leads_outside() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        let inside = inside(&dir.join("node"));
        fs::create_dir(dir.join("precious")).unwrap();
        fs::write(dir.join("precious/key"), "secret").unwrap();
        fs::write(inside.home.join("own"), "own").unwrap();
        for (link, target) in [("a", dir.join("precious")), ("b", dir.join("precious/key"))] {
            symlink(target, inside.home.join(link)).unwrap();
        }
        symlink("own", inside.home.join("c")).unwrap();
        for path in ["a", "b", "a/key", "../../precious/key"] {
            assert!(inside.open(&inside.home.join(path)).is_err(), "{path}");
        }
        for path in ["a", "a/new", "../../new", "new/../../../x"] {
            assert!(inside.create(&inside.home.join(path)).is_err(), "{path}");
        }
        assert_eq!(fs::read_dir(dir.join("precious")).unwrap().count(), 1);
        assert_eq!(
            inside.open(&inside.home.join("c")).unwrap().path,
            inside.home.join("own")
        );
        assert!(inside.create(&inside.home.join("new/deep")).unwrap().is_dir());
    }
}

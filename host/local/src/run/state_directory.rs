//! The directory that keeps a project's runs, and the checks on it before anything in it is read, written or removed.
//!
//! Runs remove what they find here and read the API's state from here. So the directory and each entry that a run uses
//! must belong to the user, nobody else may be able to write to them, and no entry may be a link. A job runs as the user and can
//! change the directory while it runs: the checks protect the next run from what an earlier job left.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::error::LocalError;

/// The file that marks a directory as one of `baton local`.
const MARK: &str = "baton-local";
/// The files and directories that a run reads, writes or removes.
const FILES: [&str; 3] = [MARK, LOCK, SAVED];
const DIRECTORIES: [&str; 6] = ["artifacts", "caches", "jobs", "orbs", "timings", "workspaces"];
const LOCK: &str = "lock";
const SAVED: &str = "api.json";
/// The state of the API names jobs and artifacts only: a larger file was not written by a run.
const SAVED_BYTES_MAX: u64 = 256 << 20;

/// A directory that passed the checks.
#[derive(Debug)]
pub(super) struct StateDirectory {
    path: PathBuf,
}

impl StateDirectory {
    /// Opens the directory, and creates and marks it if it does not exist or is empty.
    pub(super) fn open(path: &Path) -> Result<StateDirectory, LocalError> {
        let failed = |path: &Path| LocalError::files("cannot use the state directory", path.to_owned());
        // Jobs may leave secrets here.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(LocalError::files("cannot create the state directory", path))?;
        let path = path.canonicalize().map_err(failed(path))?;
        let found = fs::symlink_metadata(&path).map_err(failed(&path))?;
        check_owner(&path, &found)?;
        let directory = StateDirectory { path };
        directory.claim(&found)?;
        directory.check()?;
        Ok(directory)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Marks an empty directory as one of runs. Refuses one that others can write to, and one that holds other files.
    fn claim(&self, found: &Metadata) -> Result<(), LocalError> {
        let mark = self.path.join(MARK);
        let failed = |path: &Path| LocalError::files("cannot use the state directory", path.to_owned());
        if fs::symlink_metadata(&mark).is_err() {
            let mut entries = fs::read_dir(&self.path).map_err(failed(&self.path))?;
            if entries.next().is_some() {
                return Err(LocalError::Foreign(self.path.clone()));
            }
            fs::set_permissions(&self.path, fs::Permissions::from_mode(0o700)).map_err(failed(&self.path))?;
            let mut file = create_new(&mark).map_err(failed(&mark))?;
            file.write_all(b"The runs of baton local. --reset forgets them.\n")
                .map_err(failed(&mark))?;
            return Ok(());
        }
        check_mode(&self.path, found)?;
        // So the modes of the directories in it do not matter: nobody else reaches them.
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o700)).map_err(failed(&self.path))
    }

    /// Checks each entry that a run uses, without following links.
    fn check(&self) -> Result<(), LocalError> {
        let files = FILES.iter().map(|name| (name, false));
        let directories = DIRECTORIES.iter().map(|name| (name, true));
        for (name, is_directory) in files.chain(directories) {
            let path = self.path.join(name);
            let found = match fs::symlink_metadata(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                found => found.map_err(LocalError::files("cannot use the state directory", &path))?,
            };
            let fits = match is_directory {
                true => found.is_dir(),
                false => found.is_file(),
            };
            if !fits {
                let wanted = if is_directory {
                    "a directory"
                } else {
                    "a regular file"
                };
                return Err(LocalError::Unsafe {
                    path,
                    reason: format!("it is not {wanted}"),
                });
            }
            check_owner(&path, &found)?;
            if !is_directory {
                check_mode(&path, &found)?;
            }
        }
        Ok(())
    }

    /// Opens the lock file, created if it does not exist and never truncated.
    pub(super) fn lock_file(&self) -> Result<File, LocalError> {
        let path = self.path.join(LOCK);
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(no_follow())
            .open(&path)
            .map_err(LocalError::files("cannot open the lock file", path))
    }

    /// Returns what the last run saved, if there is anything.
    pub(super) fn saved(&self) -> Result<Option<String>, LocalError> {
        let path = self.path.join(SAVED);
        let failed = || LocalError::files("cannot read the state of earlier runs", path.clone());
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(no_follow())
            .open(&path);
        let file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(failed())?,
        };
        let mut text = String::new();
        let read = file
            .take(SAVED_BYTES_MAX + 1)
            .read_to_string(&mut text)
            .map_err(failed())?;
        if read as u64 > SAVED_BYTES_MAX {
            let message = format!("it has more than {} MiB", SAVED_BYTES_MAX >> 20);
            return Err(failed()(io::Error::new(io::ErrorKind::InvalidData, message)));
        }
        Ok(Some(text))
    }

    /// Replaces what the last run saved. A crash leaves the old text or the new one.
    pub(super) fn save(&self, text: &str) -> Result<(), LocalError> {
        let path = self.path.join(SAVED);
        let failed = LocalError::files("cannot save the state for the next run", path.clone());
        replace_file(&path, text.as_bytes()).map_err(failed)
    }
}

/// Replaces a file. A crash leaves the old content or the new one.
pub(super) fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    // What a killed run, or a job, left under this name.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    create_new(&new)?.write_all(content)?;
    fs::rename(&new, path)
}

fn no_follow() -> i32 {
    // A FIFO must not block the run either: opening it to read returns at once.
    (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32
}

fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Refuses what belongs to another user: that user can put anything here.
fn check_owner(path: &Path, found: &Metadata) -> Result<(), LocalError> {
    let user = rustix::process::geteuid().as_raw();
    if found.uid() == user {
        return Ok(());
    }
    Err(LocalError::Unsafe {
        path: path.to_owned(),
        reason: format!(
            "it belongs to user {}, and baton runs as user {user}",
            found.uid()
        ),
    })
}

/// Refuses what others can write to.
fn check_mode(path: &Path, found: &Metadata) -> Result<(), LocalError> {
    let mode = found.permissions().mode() & 0o7777;
    if mode & 0o022 == 0 {
        return Ok(());
    }
    Err(LocalError::Unsafe {
        path: path.to_owned(),
        reason: format!("other users can write to it (mode {mode:o})"),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::os::unix::fs::symlink;

    use super::*;

    fn claimed() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        StateDirectory::open(&dir.path().join("state")).unwrap();
        dir
    }

    #[test]
    fn a_new_directory_is_private() {
        let dir = claimed();
        let state = dir.path().join("state");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&state), 0o700);
        assert_eq!(mode(&state.join(MARK)), 0o600);
    }

    #[test]
    fn a_link_in_place_of_any_entry_is_refused_and_its_target_stays() {
        for name in FILES.into_iter().chain(DIRECTORIES) {
            let dir = claimed();
            let (state, target) = (dir.path().join("state"), dir.path().join("target"));
            match DIRECTORIES.contains(&name) {
                true => {
                    fs::create_dir(&target).unwrap();
                    fs::write(target.join("precious"), "precious").unwrap();
                }
                false => fs::write(&target, "precious").unwrap(),
            }
            let _ = fs::remove_file(state.join(name));
            symlink(&target, state.join(name)).unwrap();
            let error = StateDirectory::open(&state).unwrap_err();
            assert!(matches!(error, LocalError::Unsafe { .. }), "{name}: {error:?}");
            let kept = match DIRECTORIES.contains(&name) {
                true => target.join("precious"),
                false => target,
            };
            assert_eq!(fs::read_to_string(kept).unwrap(), "precious", "{name}");
        }
    }

    #[test]
    fn what_others_can_write_to_is_refused() {
        for name in ["", SAVED] {
            let dir = claimed();
            let path = dir.path().join("state").join(name);
            if name == SAVED {
                fs::write(&path, "{}").unwrap();
            }
            fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
            let error = StateDirectory::open(&dir.path().join("state")).unwrap_err();
            assert!(error.to_string().contains("other users can write"), "{error}");
        }
    }

    #[test]
    fn a_fifo_does_not_block() {
        for name in [LOCK, SAVED] {
            let dir = claimed();
            let path = dir.path().join("state").join(name);
            rustix::fs::mknodat(
                rustix::fs::CWD,
                &path,
                rustix::fs::FileType::Fifo,
                rustix::fs::Mode::RUSR,
                0,
            )
            .unwrap();
            assert!(StateDirectory::open(&dir.path().join("state")).is_err(), "{name}");
        }
    }

    #[test]
    fn a_linked_new_state_is_replaced_and_not_written_through() {
        let dir = claimed();
        let state = dir.path().join("state");
        let opened = StateDirectory::open(&state).unwrap();
        let target = dir.path().join("target");
        fs::write(&target, "precious").unwrap();
        symlink(&target, state.join(format!("{SAVED}.new"))).unwrap();
        opened.save("{}").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        assert_eq!(opened.saved().unwrap().as_deref(), Some("{}"));
    }
}

//! The steps `save_cache` and `restore_cache`: directories below `caches` in the state directory.
//!
//! Each cache is a directory with a number, the higher the later: `cache.json` has its key and its paths, and `0`, `1` and so
//! on are what was at each path. A cache is never changed.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::copy::{Copied, copy};
use super::inside::Inside;
use crate::error::LocalError;

/// The description of a cache.
#[derive(Debug, Serialize, Deserialize)]
struct Description {
    key: String,
    /// As they were in the config, with the working directory in front if they were relative.
    paths: Vec<String>,
}

/// The caches of a project.
#[derive(Debug)]
pub(super) struct Caches {
    directory: PathBuf,
    // Nodes save concurrently.
    saving: Mutex<()>,
}

/// The outcome of saving a cache.
pub(super) enum Saved {
    New(Copied),
    /// There is a cache of this key.
    Exists,
}

/// A cache that was restored.
pub(super) struct Restored {
    pub(super) key: String,
    pub(super) copied: Copied,
}

impl Caches {
    pub(super) fn new(state: &Path) -> Caches {
        Caches {
            directory: state.join("caches"),
            saving: Mutex::new(()),
        }
    }

    /// Saves paths under a key. `paths` are pairs of the path in the config and the path on this machine.
    pub(super) fn save(
        &self,
        key: &str,
        paths: &[(String, PathBuf)],
        inside: &Inside,
        owner: &str,
    ) -> Result<Saved, LocalError> {
        if self.find(|it| it == key)?.is_some() {
            return Ok(Saved::Exists);
        }
        let failed = |path: &Path| LocalError::files("cannot save the cache to", path.to_owned());
        let new = self.directory.join(format!("new-{owner}"));
        fs::create_dir_all(&new).map_err(failed(&new))?;
        let mut copied = Copied::default();
        let mut description = Description {
            key: key.to_owned(),
            paths: Vec::new(),
        };
        for (name, path) in paths {
            // A path that does not exist is no error on CircleCI.
            if path.symlink_metadata().is_err() {
                continue;
            }
            let number = description.paths.len().to_string();
            copy_into(inside, path, &new, &number, &mut copied)
                .map_err(LocalError::files("cannot read the files of a cache at", path))?;
            description.paths.push(name.clone());
        }
        let text = serde_json::to_string(&description).map_err(|error| failed(&new)(error.into()))?;
        let file = new.join("cache.json");
        fs::write(&file, text).map_err(failed(&file))?;
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        if self.find(|it| it == key)?.is_some() {
            fs::remove_dir_all(&new).map_err(failed(&new))?;
            return Ok(Saved::Exists);
        }
        let number = self.numbers()?.last().map_or(1, |last| last + 1);
        let target = self.directory.join(number.to_string());
        fs::rename(&new, &target).map_err(failed(&target))?;
        Ok(Saved::New(copied))
    }

    /// Restores the latest cache whose key begins with the first of the keys that any begins with.
    pub(super) fn restore(
        &self,
        keys: &[String],
        inside: &Inside,
        resolve: impl Fn(&str) -> PathBuf,
    ) -> Result<Option<Restored>, LocalError> {
        for key in keys {
            let Some((number, description)) = self.find(|it| it.starts_with(key.as_str()))? else {
                continue;
            };
            let source = self.directory.join(number.to_string());
            let opened = File::open(&source).map_err(LocalError::files("cannot read the cache", &source))?;
            let mut copied = Copied::default();
            for (at, path) in description.paths.iter().enumerate() {
                let target = resolve(path);
                copy_out(&opened, &at.to_string(), inside, &target, &mut copied)
                    .map_err(LocalError::files("cannot restore the cache to", &target))?;
            }
            let key = description.key;
            return Ok(Some(Restored { key, copied }));
        }
        Ok(None)
    }

    /// Returns the latest cache whose key is accepted.
    fn find(&self, accepts: impl Fn(&str) -> bool) -> Result<Option<(u64, Description)>, LocalError> {
        for number in self.numbers()?.into_iter().rev() {
            let file = self.directory.join(number.to_string()).join("cache.json");
            let description: Description = fs::read_to_string(&file)
                .and_then(|text| serde_json::from_str(&text).map_err(io::Error::from))
                .map_err(LocalError::files("cannot read the description of a cache", &file))?;
            if accepts(&description.key) {
                return Ok(Some((number, description)));
            }
        }
        Ok(None)
    }

    /// Returns the numbers of the caches, in order.
    fn numbers(&self) -> Result<Vec<u64>, LocalError> {
        let failed = || LocalError::files("cannot list the caches in", &self.directory);
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed())?,
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed())?.file_name();
            numbers.extend(name.to_str().and_then(|name| name.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}

/// Copies what is at a path of the job into a new cache.
fn copy_into(inside: &Inside, path: &Path, new: &Path, name: &str, copied: &mut Copied) -> io::Result<()> {
    let (Some(parent), Some(file_name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it has no name"));
    };
    let parent = inside.open(parent)?.file;
    let new = File::open(new)?;
    copy(
        parent.as_fd(),
        &file_name.to_owned(),
        new.as_fd(),
        &name.into(),
        copied,
    )
}

/// Copies a part of a cache to a path of the job.
fn copy_out(cache: &File, name: &str, inside: &Inside, path: &Path, copied: &mut Copied) -> io::Result<()> {
    let (Some(parent), Some(file_name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it has no name"));
    };
    let parent = File::open(inside.create(parent)?)?;
    let name = OsString::from(name);
    copy(
        cache.as_fd(),
        &name,
        parent.as_fd(),
        &file_name.to_owned(),
        copied,
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn inside(directory: &Path) -> Inside {
        Inside {
            directory: directory.to_owned(),
            home: directory.to_owned(),
            temporary: directory.to_owned(),
            own_root: None,
        }
    }

    #[test]
    fn keys_match_as_prefixes_the_latest_wins_and_a_cache_never_changes() {
        let dir = tempfile::tempdir().unwrap();
        let (caches, inside) = (Caches::new(dir.path()), inside(dir.path()));
        let file = dir.path().join("deps");
        let paths = [("deps".to_owned(), file.clone())];
        let save = |key: &str, text: &str| {
            fs::write(&file, text).unwrap();
            matches!(caches.save(key, &paths, &inside, "1").unwrap(), Saved::New(_))
        };
        assert!(save("v1-app", "1") && save("v1-app-new", "2") && save("v2", "3"));
        assert!(!save("v1-app", "4"));
        let restore = |keys: &[&str]| {
            let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            fs::remove_file(&file).unwrap();
            let restored = caches.restore(&keys, &inside, |_| file.clone()).unwrap();
            let found = restored.map(|it| (it.key, fs::read_to_string(&file).unwrap()));
            fs::write(&file, "").unwrap();
            found
        };
        let found = |key: &str, text: &str| Some((key.to_owned(), text.to_owned()));
        // The latest match wins, even over an exact one.
        assert_eq!(restore(&["v1-app"]), found("v1-app-new", "2"));
        assert_eq!(restore(&["v3", "v2", "v1"]), found("v2", "3"));
        assert_eq!(restore(&["none"]), None);
    }

    #[test]
    fn a_path_that_does_not_exist_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let (caches, inside) = (Caches::new(dir.path()), inside(dir.path()));
        let paths = [("gone".to_owned(), dir.path().join("gone"))];
        assert!(matches!(
            caches.save("k", &paths, &inside, "1"),
            Ok(Saved::New(Copied { files: 0, .. }))
        ));
        let restored = caches.restore(&["k".to_owned()], &inside, |_| dir.path().join("x"));
        assert_eq!(restored.unwrap().unwrap().copied.files, 0);
    }
}

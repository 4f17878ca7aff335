//! A directory as a store: an object is a file, a key its path.
//!
//! An object is written to a temporary name, made durable (in the background if it is named by its content), and then linked to
//! its own name. `link` fails if the name exists, so exactly one of several creators succeeds, on every POSIX file system, NFS
//! included. A crash leaves at most temporary files in `.tmp`, which no key can name.
//!
//! The directory is opened once, and no name below it is resolved through a link (`beneath.rs`): a link in
//! place of `.tmp` or of `v1/packs` is an error.

mod root;

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{Mode, RawMode};
use rustix::io::Errno;

use self::root::Root;
use super::background_writes::BackgroundWrites;
use super::{
    ByteRange, Key, ObjectStore, PutMode, PutOutcome, StoreError, atomic_create, check_prefix, check_size,
};
use crate::{beneath, files};

/// From this size on an object that is named by its content is made durable in the background.
const LARGE_BYTES: usize = 1 << 20;
/// With two threads one pack is written while another one is flushed. More threads only wait for the disk.
const WRITE_THREADS: usize = 2;
/// The maximum number of objects that are not durable yet. Their bytes are in the page cache, so they need no other limit.
const PENDING_MAX: usize = 8;
/// Only the owner has access to a store by default.
const PRIVATE: u32 = 0o700;

/// A store in a directory of this machine or of a shared disk.
#[derive(Debug)]
pub struct DirectoryStore {
    path: PathBuf,
    /// Absent if the directory does not exist.
    root: Option<Arc<Root>>,
    /// The number of temporary files so far, which makes their names unique.
    written: AtomicU64,
    writes: BackgroundWrites<io::Error>,
}

impl DirectoryStore {
    /// Opens the store in `root` to read from it. It must exist.
    pub fn open(root: &Path) -> Result<DirectoryStore, StoreError> {
        match files::open_directory(root) {
            Ok(dir) => DirectoryStore::at(root, dir),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(StoreError::Missing(root.to_owned())),
            Err(error) if error.kind() == ErrorKind::NotADirectory => {
                Err(StoreError::NotADirectory(root.to_owned()))
            }
            Err(source) => Err(io_error("opened", "it", root, source)),
        }
    }

    /// Opens the store in `root`, and creates the directory if it does not exist.
    ///
    /// Only the owner has access to a new directory and its objects. In a directory that its group or all users can write to, new
    /// objects are accessible to them, too. [`DirectoryStore::with_mode`] chooses other permissions.
    pub fn create(root: &Path) -> Result<DirectoryStore, StoreError> {
        DirectoryStore::create_with_mode(root, None)
    }

    /// Combines [`DirectoryStore::create`] and [`DirectoryStore::with_mode`]: a new `root` has the permission bits `mode`, too.
    pub fn create_with_mode(root: &Path, mode: Option<u32>) -> Result<DirectoryStore, StoreError> {
        let failed = |source| io_error("created", "the directory", root, source);
        if let Some(parent) = root.parent() {
            create_above(parent).map_err(|error| blocked(root, "created", error))?;
        }
        let wanted = mode.map_or(PRIVATE, |mode| mode & 0o777 | PRIVATE);
        match DirBuilder::new().mode(wanted).create(root) {
            // The umask may have removed some of the bits.
            Ok(()) if mode.is_some() => {
                fs::set_permissions(root, fs::Permissions::from_mode(wanted)).map_err(failed)?;
            }
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(blocked(root, "created", error)),
        }
        let dir = files::open_directory(root).map_err(|error| blocked(root, "opened", error))?;
        let store = DirectoryStore::at(root, dir)?.with_mode(mode);
        store
            .root()
            .and_then(|root| root.remove_abandoned())
            .map_err(|error| store.failed("opened", ".tmp", error))?;
        Ok(store)
    }

    /// Returns the store with other permission bits for the directories that it creates, for example `0o770`. Files have the
    /// same bits without `x`, whatever the umask; the owner always has access. `None` changes nothing.
    #[must_use]
    pub fn with_mode(mut self, mode: Option<u32>) -> DirectoryStore {
        // No other reference exists yet.
        if let (Some(mode), Some(root)) = (mode, self.root.as_mut().and_then(Arc::get_mut)) {
            root.mode = Mode::from_raw_mode((mode & 0o777 | PRIVATE) as RawMode);
        }
        self
    }

    /// Returns an empty store at `root`, which need not exist: reads find nothing.
    pub fn absent(root: &Path) -> DirectoryStore {
        DirectoryStore {
            path: root.to_owned(),
            root: None,
            written: AtomicU64::new(0),
            writes: BackgroundWrites::new(WRITE_THREADS, PENDING_MAX),
        }
    }

    fn at(path: &Path, dir: File) -> Result<DirectoryStore, StoreError> {
        let metadata = dir
            .metadata()
            .map_err(|source| io_error("opened", "it", path, source))?;
        if !metadata.is_dir() {
            return Err(StoreError::NotADirectory(path.to_owned()));
        }
        let has = metadata.permissions().mode() & 0o777;
        // The usual umask lets other users read a directory. That is not a request to share it.
        let shared = |write: u32, all: u32| if has & write == write { has & all } else { 0 };
        let mode = shared(0o020, 0o070) | shared(0o002, 0o007) | PRIVATE;
        Ok(DirectoryStore {
            root: Some(Arc::new(Root {
                dir: dir.into(),
                mode: Mode::from_raw_mode(mode as RawMode),
            })),
            ..DirectoryStore::absent(path)
        })
    }

    fn failed(&self, what: &'static str, key: &str, source: io::Error) -> StoreError {
        io_error(what, key, &self.path, explained(source))
    }

    /// Returns the open directory for a write.
    fn root(&self) -> io::Result<&Arc<Root>> {
        self.root.as_ref().ok_or_else(|| Errno::NOENT.into())
    }

    fn try_put(&self, key: &str, bytes: &[u8], mode: PutMode) -> io::Result<PutOutcome> {
        let in_background = mode == PutMode::Named && bytes.len() >= LARGE_BYTES;
        if !in_background {
            self.writes.wait()?;
        }
        let root = self.root()?;
        if mode != PutMode::Overwrite && root.exists(key)? {
            return Ok(PutOutcome::AlreadyExists);
        }
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let (temporary, file) = root.write_temporary(number, bytes)?;
        if in_background {
            let (root, key) = (Arc::clone(root), key.to_owned());
            self.writes.start(Box::new(move || {
                root.publish(&temporary, &file, &key, mode).map(drop)
            }))?;
            return Ok(PutOutcome::Stored);
        }
        root.publish(&temporary, &file, key, mode)
    }

    fn open_object(&self, key: &str) -> io::Result<Option<(File, u64)>> {
        match &self.root {
            None => Ok(None),
            Some(root) => root.open(key),
        }
    }

    /// Adds the keys in and below the open directory `dir`, whose key is `key`, until there are `limit`. `prefix` holds for
    /// the names in it, `after` is the rest of the key to start after.
    fn walk(
        dir: &OwnedFd,
        key: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        keys: &mut Vec<String>,
    ) -> io::Result<()> {
        let after_name = after.map(|after| {
            after
                .split_once('/')
                .map_or((after, None), |(name, rest)| (name, Some(rest)))
        });
        let mut entries: Vec<(String, bool)> = Vec::new();
        for (name, is_dir) in beneath::names(dir)? {
            // baton does not write such a name.
            let Ok(name) = name.into_string() else {
                continue;
            };
            let is_later = after_name.is_none_or(|(after, _)| name.as_str() >= after);
            if super::key::is_name(&name) && name.starts_with(prefix) && is_later {
                entries.push((name, is_dir));
            }
        }
        entries.sort_unstable();
        for (name, is_dir) in entries {
            let key = if key.is_empty() {
                name.clone()
            } else {
                format!("{key}/{name}")
            };
            let rest = after_name.filter(|(after, _)| *after == name);
            match (is_dir, rest) {
                (true, rest) => {
                    let dir = match beneath::open_dir(dir, &name) {
                        // It was empty, and was removed after it was listed.
                        Err(error) if error.kind() == ErrorKind::NotFound => continue,
                        dir => dir?,
                    };
                    let after = rest.and_then(|(_, rest)| rest);
                    DirectoryStore::walk(&dir, &key, "", after, limit, keys)?;
                }
                (false, Some(_)) => {}
                (false, None) => keys.push(key),
            }
            if keys.len() >= limit {
                break;
            }
        }
        Ok(())
    }
}

/// Creates the directories above a store. They are not part of it, so the umask decides on their permissions.
fn create_above(parent: &Path) -> io::Result<()> {
    match parent.as_os_str().is_empty() {
        true => Ok(()),
        false => fs::create_dir_all(parent),
    }
}

/// Returns the error of a directory that cannot be created or opened, often because a file has its name.
fn blocked(root: &Path, what: &'static str, error: io::Error) -> StoreError {
    match error.kind() {
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => StoreError::NotADirectory(root.to_owned()),
        _ => io_error(what, "the directory", root, error),
    }
}

/// Returns an error that names the symlink, in place of the system's error number for it.
fn explained(error: io::Error) -> io::Error {
    match error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) {
        true => io::Error::new(
            ErrorKind::InvalidData,
            "a symbolic link is in its path, and none is followed inside a store",
        ),
        false => error,
    }
}

fn io_error(what: &'static str, key: &str, store: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        what,
        key: key.to_owned(),
        store: store.to_owned(),
        source,
    }
}

impl ObjectStore for DirectoryStore {
    fn directory(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn get(&self, key: Key<'_>, range: Option<ByteRange>) -> Result<Option<Vec<u8>>, StoreError> {
        let failed = |source| self.failed("read", key.as_str(), source);
        self.writes.wait().map_err(failed)?;
        let Some((file, size_bytes)) = self.open_object(key.as_str()).map_err(failed)? else {
            return Ok(None);
        };
        let (offset, wanted) = match range {
            None => (0, size_bytes),
            Some(ByteRange { offset, length }) => (offset, length),
        };
        let length = wanted.min(size_bytes.saturating_sub(offset));
        check_size(key.as_str(), length, range.is_some())?;
        let mut bytes = vec![0; length as usize];
        file.read_exact_at(&mut bytes, offset).map_err(failed)?;
        Ok(Some(bytes))
    }

    fn head(&self, key: Key<'_>) -> Result<Option<u64>, StoreError> {
        let failed = |source| self.failed("read", key.as_str(), source);
        self.writes.wait().map_err(failed)?;
        let opened = self.open_object(key.as_str()).map_err(failed)?;
        Ok(opened.map(|(_, size_bytes)| size_bytes))
    }

    fn put(&self, key: Key<'_>, bytes: &[u8], mode: PutMode) -> Result<PutOutcome, StoreError> {
        check_size(key.as_str(), bytes.len() as u64, false)?;
        self.try_put(key.as_str(), bytes, mode)
            .map_err(|source| self.failed("written", key.as_str(), source))
    }

    fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError> {
        check_prefix(prefix)?;
        let (dir, name) = beneath::split(prefix);
        let inside = if dir.is_empty() {
            String::new()
        } else {
            format!("{dir}/")
        };
        let after = match start_after {
            None => None,
            Some(after) => match after.strip_prefix(&inside) {
                Some(rest) => Some(rest),
                // It sorts before or after all that begins with the prefix.
                None if after < prefix => None,
                None => return Ok(Vec::new()),
            },
        };
        let failed = |source| self.failed("listed", prefix, source);
        self.writes.wait().map_err(failed)?;
        let mut keys = Vec::new();
        let Some(root) = &self.root else {
            return Ok(keys);
        };
        if let Some(opened) = root.open_dir(dir).map_err(failed)? {
            DirectoryStore::walk(&opened, dir, name, after, limit, &mut keys).map_err(failed)?;
        }
        Ok(keys)
    }

    fn delete(&self, keys: &[Key<'_>]) -> Result<(), StoreError> {
        for key in keys {
            let failed = |source| self.failed("removed", key.as_str(), source);
            self.writes.wait().map_err(failed)?;
            if let Some(root) = &self.root {
                root.remove(key.as_str()).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn probe(&self) -> Result<Vec<(&'static str, &'static str)>, StoreError> {
        let prefix = ProbePrefix(self, atomic_create::new_prefix()?);
        let found = atomic_create::create_is_atomic(&prefix);
        if let Some(root) = &self.root {
            for name in ["first", "race"] {
                // The failure of the probe matters more than its remaining objects.
                let _ = root.remove(&prefix.key(name));
            }
            root.remove_empty_dirs(&prefix.1);
        }
        found.map(|()| vec![atomic_create::ATOMIC])
    }

    fn location(&self) -> String {
        self.path.display().to_string()
    }
}

/// The prefix of a probe's objects.
struct ProbePrefix<'a>(&'a DirectoryStore, String);

impl ProbePrefix<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.1)
    }
}

impl atomic_create::ProbedStore for ProbePrefix<'_> {
    fn create(&self, name: &str, text: &str) -> Result<PutOutcome, StoreError> {
        self.0
            .try_put(&self.key(name), text.as_bytes(), PutMode::Create)
            .map_err(|source| self.0.failed("written", ".probe", source))
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let failed = |source| self.0.failed("read", ".probe", source);
        let Some((file, size_bytes)) = self.0.open_object(&self.key(name)).map_err(failed)? else {
            return Ok(None);
        };
        let mut bytes = vec![0; size_bytes.min(1 << 10) as usize];
        file.read_exact_at(&mut bytes, 0).map_err(failed)?;
        Ok(Some(bytes))
    }

    fn location(&self) -> String {
        ObjectStore::location(self.0)
    }
}

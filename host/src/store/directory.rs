//! A directory as a store: an object is a file, a key its path.
//!
//! An object is written under a temporary name, made durable (one that is named by its content in the background), and then
//! linked to its own: `link` fails where something is, so of any number of creators one wins, on every POSIX file system,
//! NFS included. A crash leaves at most temporary files, in `.tmp`, where no key can point.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::settling::Settling;
use super::{ByteRange, Key, ObjectStore, PutMode, PutOutcome, StoreError, check_prefix, check_size, probe};

const TEMPORARY: &str = ".tmp";
/// From this size on an object that is named by its content is made durable in the background.
const LARGE_BYTES: usize = 1 << 20;
/// Two overlap one pack's write with the other's flush; more only queue up at the disk.
const SETTLING_THREADS: usize = 2;
/// What is not durable yet is in the page cache already, so only its number is bounded.
const PENDING_MAX: usize = 8;
/// A directory that is removed this often before an object gets its name is not there for another reason.
const DIRECTORY_TRIES_MAX: u32 = 100;
/// A temporary file that nobody has touched for so long was left by a crash.
const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// A store in a directory of this machine or of a shared disk.
#[derive(Debug)]
pub struct DirectoryStore {
    root: PathBuf,
    /// Tells this process's temporary files apart.
    written: AtomicU64,
    settling: Settling<io::Error>,
}

impl DirectoryStore {
    /// Opens the store in `root` to read from it. It must be there.
    pub fn open(root: &Path) -> Result<DirectoryStore, StoreError> {
        match fs::metadata(root) {
            Ok(metadata) if metadata.is_dir() => Ok(DirectoryStore::at(root)),
            Ok(_) => Err(StoreError::NotADirectory(root.to_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(StoreError::Missing(root.to_owned())),
            Err(error) if error.kind() == ErrorKind::NotADirectory => {
                Err(StoreError::NotADirectory(root.to_owned()))
            }
            Err(source) => Err(io_error("opened", "it", root, source)),
        }
    }

    /// Opens the store in `root`, and makes the directory if it is not there.
    pub fn create(root: &Path) -> Result<DirectoryStore, StoreError> {
        match fs::create_dir_all(root) {
            Ok(()) => {
                let store = DirectoryStore::at(root);
                store.remove_abandoned();
                Ok(store)
            }
            // `create_dir_all` says "exists" or "not a directory" where a file is in the way.
            Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotADirectory) => {
                Err(StoreError::NotADirectory(root.to_owned()))
            }
            Err(source) => Err(io_error("made", "the directory", root, source)),
        }
    }

    /// Returns the store in `root` as it is before anything was put: reading from it finds nothing.
    pub fn absent(root: &Path) -> DirectoryStore {
        DirectoryStore::at(root)
    }

    fn at(root: &Path) -> DirectoryStore {
        DirectoryStore {
            root: root.to_owned(),
            written: AtomicU64::new(0),
            settling: Settling::new(SETTLING_THREADS, PENDING_MAX),
        }
    }

    fn path(&self, key: Key<'_>) -> PathBuf {
        self.root.join(key.as_str())
    }

    fn failed(&self, what: &'static str, key: &str, source: io::Error) -> StoreError {
        io_error(what, key, &self.root, source)
    }

    /// What a crash left behind is only clutter, so failing to remove it is no failure.
    fn remove_abandoned(&self) {
        let Ok(entries) = fs::read_dir(self.root.join(TEMPORARY)) else {
            return;
        };
        for entry in entries.flatten() {
            let touched = entry.metadata().and_then(|metadata| metadata.modified());
            let age = touched
                .ok()
                .and_then(|touched| SystemTime::now().duration_since(touched).ok());
            if age.is_some_and(|age| age > ABANDONED_AFTER) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Writes a temporary file. Its contents are not durable yet.
    fn write_temporary(&self, bytes: &[u8]) -> io::Result<(Temporary, File)> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        // Machines that share the disk may share process ids, so the time is part of the name.
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        let path = self
            .root
            .join(TEMPORARY)
            .join(format!("{}-{number}-{now}", std::process::id()));
        let create = || File::options().write(true).create_new(true).open(&path);
        let mut file = match create() {
            // Made only now, so that a directory that turns out to be no store stays as it was.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(self.root.join(TEMPORARY))?;
                create()?
            }
            other => other?,
        };
        let temporary = Temporary(path);
        file.write_all(bytes)?;
        Ok((temporary, file))
    }

    fn try_put(&self, path: &Path, bytes: &[u8], mode: PutMode) -> io::Result<PutOutcome> {
        let in_background = mode == PutMode::Named && bytes.len() >= LARGE_BYTES;
        if !in_background {
            self.settling.settle()?;
        }
        if mode != PutMode::Overwrite && path.exists() {
            return Ok(PutOutcome::AlreadyExists);
        }
        let (temporary, file) = self.write_temporary(bytes)?;
        if in_background {
            let (root, path) = (self.root.clone(), path.to_owned());
            self.settling.start(Box::new(move || {
                publish(&root, &temporary, &file, &path, mode).map(drop)
            }))?;
            return Ok(PutOutcome::Stored);
        }
        publish(&self.root, &temporary, &file, path, mode)
    }

    /// Adds the keys in and below the directory `dir`, until there are `limit`. `prefix` holds for the names in it,
    /// `after` is the rest of the key to start behind.
    fn walk(
        &self,
        dir: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        keys: &mut Vec<String>,
    ) -> io::Result<()> {
        let mut entries: Vec<(String, bool)> = Vec::new();
        let listed = match fs::read_dir(self.root.join(dir)) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(());
            }
            other => other?,
        };
        let after_name = after.map(|after| {
            after
                .split_once('/')
                .map_or((after, None), |(name, rest)| (name, Some(rest)))
        });
        for entry in listed {
            let entry = entry?;
            // What is not a name of a key was not written by baton.
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let behind = after_name.is_none_or(|(after, _)| name.as_str() >= after);
            if super::is_name(&name) && name.starts_with(prefix) && behind {
                entries.push((name, entry.file_type()?.is_dir()));
            }
        }
        entries.sort_unstable();
        for (name, is_dir) in entries {
            let key = if dir.is_empty() {
                name.clone()
            } else {
                format!("{dir}/{name}")
            };
            let rest = after_name.filter(|(after, _)| *after == name);
            match (is_dir, rest) {
                (true, rest) => self.walk(&key, "", rest.and_then(|(_, rest)| rest), limit, keys)?,
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

/// Makes a temporary file durable, and gives it its name. A delete may take the directory away meanwhile, with the last
/// object that was in it: then it is made again.
fn publish(
    root: &Path,
    temporary: &Temporary,
    file: &File,
    path: &Path,
    mode: PutMode,
) -> io::Result<PutOutcome> {
    file.sync_data()?;
    let dir = path.parent().unwrap_or(root);
    let mut tries = 0;
    loop {
        tries += 1;
        match make_dirs(root, dir).and_then(|()| give_name(temporary, dir, path, mode)) {
            Err(error) if error.kind() == ErrorKind::NotFound && tries < DIRECTORY_TRIES_MAX => {}
            outcome => return outcome,
        }
    }
}

/// `Create` makes a second name, which fails where there is one.
fn give_name(temporary: &Temporary, dir: &Path, path: &Path, mode: PutMode) -> io::Result<PutOutcome> {
    match mode {
        PutMode::Overwrite => fs::rename(&temporary.0, path)?,
        PutMode::Create | PutMode::Named => match fs::hard_link(&temporary.0, path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                // On NFS the answer may be lost and the request sent again: then it is our own link that is in the way.
                let (own, there) = (fs::metadata(&temporary.0)?, fs::metadata(path)?);
                if (own.dev(), own.ino()) != (there.dev(), there.ino()) {
                    return Ok(PutOutcome::AlreadyExists);
                }
            }
            other => other?,
        },
    }
    // The name is durable once its directory is.
    File::open(dir)?.sync_all()?;
    Ok(PutOutcome::Stored)
}

/// Makes a directory and those above it, each durable in the one above.
fn make_dirs(root: &Path, dir: &Path) -> io::Result<()> {
    let mut missing: Vec<&Path> = dir
        .ancestors()
        .take_while(|dir| *dir != root && !dir.exists())
        .collect();
    while let Some(dir) = missing.pop() {
        match fs::create_dir(dir) {
            // Somebody else made it just now.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            other => other?,
        }
        if let Some(above) = dir.parent() {
            File::open(above)?.sync_all()?;
        }
    }
    Ok(())
}

/// Removes a directory and those above it as far as they are empty, so that a listing need not walk through them.
fn remove_empty_dirs(root: &Path, path: &Path) {
    let above = path.ancestors().skip(1).take_while(|dir| *dir != root);
    for dir in above {
        // One that has something in it, or is gone already, ends it: that is what is wanted.
        if fs::remove_dir(dir).is_err() {
            return;
        }
    }
}

/// A file that is removed when it has served.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename it is gone already.
        let _ = fs::remove_file(&self.0);
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
        Some(&self.root)
    }

    fn get(&self, key: Key<'_>, range: Option<ByteRange>) -> Result<Option<Vec<u8>>, StoreError> {
        let failed = |source| self.failed("read", key.as_str(), source);
        self.settling.settle().map_err(failed)?;
        let file = match File::open(self.path(key)) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            other => other.map_err(failed)?,
        };
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let size_bytes = metadata.len();
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
        self.settling
            .settle()
            .map_err(|source| self.failed("read", key.as_str(), source))?;
        match fs::metadata(self.path(key)) {
            Ok(metadata) => Ok(metadata.is_file().then_some(metadata.len())),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(source) => Err(self.failed("read", key.as_str(), source)),
        }
    }

    fn put(&self, key: Key<'_>, bytes: &[u8], mode: PutMode) -> Result<PutOutcome, StoreError> {
        check_size(key.as_str(), bytes.len() as u64, false)?;
        self.try_put(&self.path(key), bytes, mode)
            .map_err(|source| self.failed("written", key.as_str(), source))
    }

    fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError> {
        check_prefix(prefix)?;
        let (dir, name) = prefix.rsplit_once('/').unwrap_or(("", prefix));
        let inside = if dir.is_empty() {
            String::new()
        } else {
            format!("{dir}/")
        };
        let after = match start_after {
            None => None,
            Some(after) => match after.strip_prefix(&inside) {
                Some(rest) => Some(rest),
                // It sorts before or behind all that begins with the prefix.
                None if after < prefix => None,
                None => return Ok(Vec::new()),
            },
        };
        self.settling
            .settle()
            .map_err(|source| self.failed("listed", prefix, source))?;
        let mut keys = Vec::new();
        self.walk(dir, name, after, limit, &mut keys)
            .map_err(|source| self.failed("listed", prefix, source))?;
        Ok(keys)
    }

    fn delete(&self, keys: &[Key<'_>]) -> Result<(), StoreError> {
        for key in keys {
            let failed = |source| self.failed("removed", key.as_str(), source);
            self.settling.settle().map_err(failed)?;
            let path = self.path(*key);
            match fs::remove_file(&path) {
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
                // Of a directory some systems say that it is one, others that it may not be done. There is no such object.
                Err(_) if path.is_dir() => {}
                Err(error) => return Err(failed(error)),
                Ok(()) => remove_empty_dirs(&self.root, &path),
            }
        }
        Ok(())
    }

    fn probe(&self) -> Result<Vec<(&'static str, &'static str)>, StoreError> {
        let place = Place(self, self.root.join(probe::new_place()));
        let found = probe::create_is_atomic(&place);
        for name in ["first", "race"] {
            // Why the probe failed is more than that its traces stay.
            let _ = fs::remove_file(place.1.join(name));
        }
        remove_empty_dirs(&self.root, &place.1.join("first"));
        found.map(|()| vec![probe::ATOMIC])
    }

    fn location(&self) -> String {
        self.root.display().to_string()
    }
}

/// Where a probe's objects are.
struct Place<'a>(&'a DirectoryStore, PathBuf);

impl probe::Tried for Place<'_> {
    fn create(&self, name: &str, text: &str) -> Result<PutOutcome, StoreError> {
        self.0
            .try_put(&self.1.join(name), text.as_bytes(), PutMode::Create)
            .map_err(|source| self.0.failed("written", ".probe", source))
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let read = fs::read(self.1.join(name)).map(Some);
        read.map_err(|source| self.0.failed("read", ".probe", source))
    }

    fn location(&self) -> String {
        ObjectStore::location(self.0)
    }
}

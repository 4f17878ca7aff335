//! The open directory of a store, and the operations on its files.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, linkat, renameat, statat, unlinkat};
use rustix::io::Errno;

use super::super::{PutMode, PutOutcome};
use crate::beneath;

const TEMPORARY: &str = ".tmp";
/// If a directory is still missing after this many attempts to link an object, the reason is not a concurrent delete.
const DIRECTORY_TRIES_MAX: u32 = 100;
/// An unchanged temporary file of this age was left by a crash.
const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// The open directory.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) dir: OwnedFd,
    /// The permission bits of new directories. New files have the same bits without `x`.
    pub(super) mode: Mode,
}

impl Root {
    fn file_mode(&self) -> Mode {
        self.mode - (Mode::XUSR | Mode::XGRP | Mode::XOTH)
    }

    /// Removes temporary files that a crash left: those with names of this store's own form that belong to this user. Other files
    /// in the directory stay. A file that cannot be removed does no harm.
    pub(super) fn remove_abandoned(&self) -> io::Result<()> {
        let dir = match beneath::open_dir(&self.dir, TEMPORARY) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            dir => dir?,
        };
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let user = rustix::process::geteuid().as_raw();
        for (name, _) in beneath::names(&dir)? {
            let Some(name) = name.to_str().filter(|name| is_temporary(name)) else {
                continue;
            };
            let Ok(stat) = statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let touched = Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or_default());
            let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
            if is_file && stat.st_uid == user && now.saturating_sub(touched) > ABANDONED_AFTER {
                let _ = unlinkat(&dir, name, AtFlags::empty());
            }
        }
        Ok(())
    }

    /// Writes a temporary file. `number` is unique within this process. The content is not durable yet.
    pub(super) fn write_temporary(&self, number: u64, bytes: &[u8]) -> io::Result<(Temporary, File)> {
        // Two machines with one disk may have equal process IDs, so the time is part of the name.
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        let name = format!("{}-{number}-{now}", std::process::id());
        // Created only now, so that a directory that is not a store stays unchanged.
        let dir = beneath::create_dirs(&self.dir, TEMPORARY, self.mode)?;
        let mode = self.file_mode();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let mut file: File = beneath::open(&dir, &name, flags, mode)?.into();
        let temporary = Temporary { dir, name };
        beneath::set_mode(&file, mode)?;
        file.write_all(bytes)?;
        Ok((temporary, file))
    }

    /// Opens the file of an object if it exists. Returns its size, too.
    pub(super) fn open(&self, key: &str) -> io::Result<Option<(File, u64)>> {
        let file: File = match beneath::open(&self.dir, key, OFlags::RDONLY, Mode::empty()) {
            Err(error) if is_absent(&error) => return Ok(None),
            file => file?.into(),
        };
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Ok(None);
        }
        if !metadata.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidData, "it is not a regular file"));
        }
        Ok(Some((file, metadata.len())))
    }

    /// Whether the name of an object is taken.
    pub(super) fn exists(&self, key: &str) -> io::Result<bool> {
        match beneath::stat(&self.dir, key) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink => Err(Errno::LOOP.into()),
            Ok(_) => Ok(true),
            Err(error) if is_absent(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Opens the directory of a prefix if it exists.
    pub(super) fn open_dir(&self, dir: &str) -> io::Result<Option<OwnedFd>> {
        match beneath::open_dir(&self.dir, dir) {
            Err(error) if is_absent(&error) => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Flushes a temporary file to the disk, and links it to its name. A concurrent delete may remove the
    /// directory with its last object: then it is created again.
    pub(super) fn publish(
        &self,
        temporary: &Temporary,
        file: &File,
        key: &str,
        mode: PutMode,
    ) -> io::Result<PutOutcome> {
        file.sync_data()?;
        let (above, name) = beneath::split(key);
        let mut tries = 0;
        loop {
            tries += 1;
            let dir = beneath::create_dirs(&self.dir, above, self.mode);
            match dir.and_then(|dir| give_name(temporary, &dir, name, mode)) {
                Err(error) if error.kind() == ErrorKind::NotFound && tries < DIRECTORY_TRIES_MAX => {}
                outcome => return outcome,
            }
        }
    }

    /// Removes the file of an object, and the empty directories above it, so that listings skip them.
    pub(super) fn remove(&self, key: &str) -> io::Result<()> {
        let (above, name) = beneath::split(key);
        let removed =
            beneath::open_dir(&self.dir, above).and_then(|dir| Ok(unlinkat(&dir, name, AtFlags::empty())?));
        match removed {
            Ok(()) => {
                self.remove_empty_dirs(above);
                Ok(())
            }
            Err(error) if is_absent(&error) => Ok(()),
            // The key names a directory: some systems report EISDIR, others EPERM. There is no such object.
            Err(error) => match beneath::stat(&self.dir, key) {
                Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => Ok(()),
                _ => Err(error),
            },
        }
    }

    /// Removes a directory and those above it, up to the first that is not empty.
    pub(super) fn remove_empty_dirs(&self, mut dir: &str) {
        while !dir.is_empty() {
            let (above, name) = beneath::split(dir);
            // It is not empty, or a concurrent delete removed it.
            let removed = beneath::open_dir(&self.dir, above)
                .and_then(|above| Ok(unlinkat(&above, name, AtFlags::REMOVEDIR)?));
            if removed.is_err() {
                return;
            }
            dir = above;
        }
    }
}

/// Gives a temporary file its name. `Create` adds a second name, which fails if the name exists.
fn give_name(temporary: &Temporary, dir: &OwnedFd, name: &str, mode: PutMode) -> io::Result<PutOutcome> {
    match mode {
        PutMode::Overwrite => renameat(&temporary.dir, &temporary.name, dir, name)?,
        PutMode::Create | PutMode::Named => {
            match linkat(&temporary.dir, &temporary.name, dir, name, AtFlags::empty()) {
                Err(Errno::EXIST) => {
                    // On NFS the answer may be lost and the request repeated: then the existing link is our own.
                    let own = statat(&temporary.dir, &temporary.name, AtFlags::SYMLINK_NOFOLLOW)?;
                    let there = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
                    if (own.st_dev, own.st_ino) != (there.st_dev, there.st_ino) {
                        return Ok(PutOutcome::AlreadyExists);
                    }
                }
                linked => linked?,
            }
        }
    }
    // The name is durable once its directory is.
    rustix::fs::fsync(dir)?;
    Ok(PutOutcome::Stored)
}

/// Whether a name has the form of [`Root::write_temporary`]: three numbers.
fn is_temporary(name: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = name.split('-').collect();
    parts.len() == 3 && parts.into_iter().all(is_number)
}

/// Whether an error means that the object does not exist, for example because a part of its path is a file.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// A file in `.tmp`, which is removed when the value is dropped.
pub(super) struct Temporary {
    dir: OwnedFd,
    name: String,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename it does not exist any more.
        let _ = unlinkat(&self.dir, &self.name, AtFlags::empty());
    }
}

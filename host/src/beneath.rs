//! Names below an open directory, none of them through a link.
//!
//! A path that is resolved twice can lead to two places: whoever may rename in a directory above, or put a link below,
//! decides where. So a directory is opened once, and everything below it is opened from its descriptor. On Linux one
//! `openat2` resolves a path beneath the directory; elsewhere, and where a sandbox forbids that call, every name is
//! opened in the one before.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, mkdirat, openat, statat};
use rustix::io::Errno;

/// Opens the object `path`, whose names are joined by `/`, beneath a directory. A link among the names, the last one
/// included, fails with `ELOOP`. `flags` are completed so that no FIFO blocks and no child inherits.
pub(crate) fn open(dir: impl AsFd, path: &str, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match try_open(dir.as_fd(), path, flags, mode) {
        // If a directory is wanted, the system returns this error for a link too.
        Err(Errno::NOTDIR) if has_link(dir.as_fd(), path) => Err(Errno::LOOP.into()),
        opened => Ok(opened?),
    }
}

fn try_open(dir: BorrowedFd<'_>, path: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    #[cfg(target_os = "linux")]
    match open_at_once(dir, path, flags, mode) {
        // An old kernel, or a seccomp profile that does not know the call.
        Err(Errno::NOSYS | Errno::PERM) => {}
        opened => return opened,
    }
    let (above, name) = split(path);
    let above = walk(dir, above)?;
    check_name(name)?;
    openat(&above, name, flags, mode)
}

/// Whether one of the names is a link.
fn has_link(dir: BorrowedFd<'_>, path: &str) -> bool {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    let mut prefixes = ends.filter_map(|end| path.get(..end).map(split));
    prefixes.any(|(above, name)| {
        let stat = walk(dir, above).and_then(|above| statat(&above, name, AtFlags::SYMLINK_NOFOLLOW));
        stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
    })
}

/// Opens a directory beneath another one, to list it or to open what is in it. The empty path is the directory itself.
pub(crate) fn open_dir(dir: impl AsFd, path: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    open(
        dir,
        if path.is_empty() { "." } else { path },
        flags,
        Mode::empty(),
    )
}

#[cfg(target_os = "linux")]
fn open_at_once(dir: BorrowedFd<'_>, path: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    use rustix::fs::{ResolveFlags, openat2};

    // `EAGAIN`: somebody renamed a directory on the way.
    const TRIES_MAX: u32 = 16;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let mut tries = 0;
    loop {
        tries += 1;
        match openat2(dir, path, flags, mode, resolve) {
            Err(Errno::AGAIN) if tries < TRIES_MAX => {}
            opened => return opened,
        }
    }
}

/// Opens a directory, one name after the other.
fn walk(dir: BorrowedFd<'_>, path: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // On the way a directory need not be readable, only passable.
    #[cfg(target_os = "linux")]
    let flags = flags | OFlags::PATH;
    let mut opened = openat(dir, ".", flags, Mode::empty())?;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        check_name(name)?;
        opened = openat(&opened, name, flags, Mode::empty())?;
    }
    Ok(opened)
}

/// Splits a path into the directory and the last name.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn check_name(name: &str) -> Result<(), Errno> {
    // The directory itself is opened by this name.
    if matches!(name, "" | "..") || name.contains(['/', '\0']) {
        return Err(Errno::INVAL);
    }
    Ok(())
}

/// Opens a directory, and creates it and those above it where they do not exist, with `mode` whatever the umask says.
/// Each is durable in the one above before it is used.
pub(crate) fn create_dirs(dir: impl AsFd, path: &str, mode: Mode) -> io::Result<OwnedFd> {
    match open_dir(&dir, path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => return opened,
    }
    let mut above = open_dir(&dir, "")?;
    for name in path.split('/') {
        match mkdirat(&above, name, mode) {
            Ok(()) => {
                let created = open_dir(&above, name)?;
                set_mode(&created, mode)?;
                rustix::fs::fsync(&above)?;
                above = created;
            }
            // Another writer created it.
            Err(Errno::EXIST) => above = open_dir(&above, name)?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(above)
}

/// Sets permission bits that the umask may have taken away. Setgid, which a directory inherits, stays.
pub(crate) fn set_mode(file: impl AsFd, mode: Mode) -> io::Result<()> {
    let has = Mode::from_raw_mode(fstat(&file)?.st_mode);
    let all = Mode::RWXU | Mode::RWXG | Mode::RWXO;
    if has & all != mode {
        rustix::fs::fchmod(&file, (has - all) | mode)?;
    }
    Ok(())
}

/// Returns what is at `path`, without following a link.
pub(crate) fn stat(dir: impl AsFd, path: &str) -> io::Result<Stat> {
    let (above, name) = split(path);
    check_name(name)?;
    let above = open_dir(dir, above)?;
    Ok(statat(&above, name, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Returns the names in an open directory, each with whether it is a directory.
pub(crate) fn names(dir: &OwnedFd) -> io::Result<Vec<(OsString, bool)>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let kind = match entry.file_type() {
            // Some file systems do not say.
            FileType::Unknown => match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                stat => FileType::from_raw_mode(stat?.st_mode),
            },
            kind => kind,
        };
        names.push((
            OsString::from_vec(name.to_bytes().to_vec()),
            kind == FileType::Directory,
        ));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::fs::{self, File};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn place() -> (tempfile::TempDir, File) {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("root/a/b")).unwrap();
        fs::create_dir(place.path().join("outside")).unwrap();
        fs::write(place.path().join("outside/file"), "").unwrap();
        symlink("../outside", place.path().join("root/link")).unwrap();
        symlink("a", place.path().join("root/inner")).unwrap();
        let root = File::open(place.path().join("root")).unwrap();
        (place, root)
    }

    #[test]
    fn no_path_leads_out_or_through_a_link() {
        let (place, root) = place();
        symlink("../../outside/file", place.path().join("root/a/file")).unwrap();
        for outside in [
            "..",
            "a/../../outside",
            "link",
            "link/file",
            "inner",
            "inner/b",
            "/etc",
        ] {
            assert!(open_dir(&root, outside).is_err(), "{outside}");
            assert!(
                walk(root.as_fd(), outside.trim_start_matches('/')).is_err(),
                "{outside}"
            );
            assert!(
                create_dirs(&root, &format!("{outside}/new"), Mode::RWXU).is_err(),
                "{outside}"
            );
        }
        assert!(open(&root, "a/file", OFlags::RDONLY, Mode::empty()).is_err());
        assert_eq!(fs::read_dir(place.path().join("outside")).unwrap().count(), 1);
        for inside in ["", "a", "a/b"] {
            assert!(open_dir(&root, inside).is_ok(), "{inside}");
        }
    }

    #[test]
    fn a_directory_that_is_renamed_stays_the_same_one() {
        let (place, root) = place();
        fs::rename(place.path().join("root"), place.path().join("moved")).unwrap();
        symlink("outside", place.path().join("root")).unwrap();
        create_dirs(&root, "new/dirs", Mode::RWXU).unwrap();
        assert!(place.path().join("moved/new/dirs").exists());
        assert!(!place.path().join("outside/new").exists());
    }

    #[test]
    fn created_directories_have_the_mode_that_was_asked_for() {
        let (place, root) = place();
        create_dirs(&root, "x/y", Mode::RWXU | Mode::RWXG).unwrap();
        for path in ["root/x", "root/x/y"] {
            let mode = fs::metadata(place.path().join(path))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o770, "{path}");
        }
    }

    #[test]
    fn a_fifo_does_not_block() {
        let (_place, root) = place();
        rustix::fs::mknodat(&root, "fifo", FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert!(open(&root, "fifo", OFlags::RDONLY, Mode::empty()).is_ok());
    }
}

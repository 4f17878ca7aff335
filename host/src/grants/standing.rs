//! Properties of an entry that are not attributes: whether a mount begins there, and whether an attach may empty it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Access, AtFlags, FileType, Mode, OFlags, RawMode, accessat, openat, statat};
use rustix::io::Errno;

use crate::bindings::attributes::Standing;

/// More symlinks than this in one path are a loop, as on Linux.
const LINKS_MAX: usize = 40;
/// A directory lies no deeper than this: a path has 4,096 bytes.
const DEPTH_MAX: usize = 2048;

/// Names a file whatever its path: device and inode.
type Identity = (u64, u64);

/// The properties of an entry that decide about changes, from whichever call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) mode: RawMode,
    pub(super) size: u64,
    pub(super) seconds: i64,
    pub(super) nanoseconds: u32,
    identity: Identity,
    owner: u32,
    links: u64,
    /// Something is mounted on it.
    mount_root: bool,
    /// Immutable or append-only.
    immutable: bool,
}

impl Seen {
    /// Looks at an entry of a directory. A symlink is not followed.
    pub(super) fn at(dir: impl AsFd, name: impl rustix::path::Arg + Copy) -> io::Result<Seen> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{StatxAttributes, StatxFlags, makedev, statx};
            match statx(&dir, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS) {
                Ok(seen) => {
                    let has = |flag| seen.stx_attributes.contains(flag);
                    return Ok(Seen {
                        mode: RawMode::from(seen.stx_mode),
                        size: seen.stx_size,
                        seconds: seen.stx_mtime.tv_sec,
                        nanoseconds: seen.stx_mtime.tv_nsec,
                        identity: (makedev(seen.stx_dev_major, seen.stx_dev_minor), seen.stx_ino),
                        owner: seen.stx_uid,
                        links: seen.stx_nlink.into(),
                        mount_root: has(StatxAttributes::MOUNT_ROOT),
                        immutable: has(StatxAttributes::IMMUTABLE) || has(StatxAttributes::APPEND),
                    });
                }
                // Old kernels and some sandboxes do not have it.
                Err(Errno::NOSYS | Errno::PERM) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let seen = statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(Seen {
            mode: seen.st_mode as RawMode,
            size: seen.st_size as u64,
            seconds: seen.st_mtime as i64,
            nanoseconds: seen.st_mtime_nsec as u32,
            identity: (seen.st_dev as u64, seen.st_ino as u64),
            owner: seen.st_uid,
            links: seen.st_nlink as u64,
            mount_root: false,
            immutable: false,
        })
    }

    pub(super) fn file_type(&self) -> FileType {
        FileType::from_raw_mode(self.mode)
    }
}

/// Judges the entries of one directory.
pub(super) struct Judge<'a> {
    reserved: &'a ReservedPlaces,
    user: u32,
    /// The directory itself.
    within: Seen,
}

impl<'a> Judge<'a> {
    /// Prepares to judge what is in `dir`.
    pub(super) fn of(dir: impl AsFd, reserved: &'a ReservedPlaces) -> io::Result<Judge<'a>> {
        Ok(Judge {
            reserved,
            user: rustix::process::geteuid().as_raw(),
            within: Seen::at(dir, ".")?,
        })
    }

    /// Says what else is to be known of an entry.
    pub(super) fn standing(
        &self,
        dir: impl AsFd,
        name: impl rustix::path::Arg + Copy,
        seen: &Seen,
    ) -> Standing {
        const STICKY: RawMode = 0o1000;
        let is_directory = seen.file_type() == FileType::Directory;
        // Some file systems give files and directories different devices; only a directory's says where another begins.
        let other_device = is_directory && seen.identity.0 != self.within.identity.0;
        let is_mounted = seen.mount_root || other_device;
        let mine = self.user == 0 || self.user == seen.owner;
        let guarded = self.within.mode & STICKY != 0 && !mine && self.user != self.within.owner;
        let closed = if is_directory {
            closed(dir, name)
        } else {
            Standing::default()
        };
        self.reserved.standing(seen)
            | closed
            | only_if(is_mounted, Standing::MOUNTED)
            | only_if(is_mounted || seen.immutable || guarded, Standing::FIXED)
            | only_if(!mine, Standing::FOREIGN)
            | only_if(!is_directory && seen.links > 1, Standing::SHARED)
    }

    /// Says what is to be known of the granted directory itself.
    pub(super) fn of_root(&self, dir: impl AsFd) -> (Seen, Standing) {
        let seen = self.within;
        let standing = self.reserved.standing(&seen)
            | only_if(self.reserved.is_within_own(&dir), Standing::STORE)
            | only_if(self.user != 0 && self.user != seen.owner, Standing::FOREIGN)
            | closed(dir, ".");
        (seen, standing)
    }
}

/// Says whether this user can change what a directory holds. Asks the system: bits alone say nothing of read-only file
/// systems, access lists and root.
fn closed(dir: impl AsFd, name: impl rustix::path::Arg) -> Standing {
    match accessat(dir, name, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS) {
        Ok(()) => Standing::default(),
        Err(Errno::ROFS) => Standing::CLOSED | Standing::READ_ONLY,
        Err(_) => Standing::CLOSED,
    }
}

fn only_if(holds: bool, flag: Standing) -> Standing {
    if holds { flag } else { Standing::default() }
}

/// The entries that must be kept, by identity: a path can lead to one directory in many ways.
#[derive(Debug, Default)]
pub(crate) struct ReservedPlaces {
    /// Directories that baton keeps for itself.
    own: Vec<Identity>,
    /// Symlinks by which they were named.
    links: Vec<Identity>,
    home: Option<Identity>,
    top: Option<Identity>,
}

impl ReservedPlaces {
    /// Finds out what these are now: baton's own directories, such as the store, and the home directory. One that does not
    /// exist needs no protection.
    pub(crate) fn find<'a>(own: impl Iterator<Item = &'a Path>, home: Option<&Path>) -> ReservedPlaces {
        let identity = |path: &Path| {
            let found = std::fs::metadata(path).ok()?;
            Some((found.dev(), found.ino()))
        };
        let mut places = ReservedPlaces {
            home: home.and_then(identity),
            top: identity(Path::new("/")),
            ..ReservedPlaces::default()
        };
        for (directory, links) in own.filter_map(|path| way_to(path).ok()) {
            places.own.push(directory);
            places.links.extend(links);
        }
        places
    }

    fn standing(&self, seen: &Seen) -> Standing {
        let is_own = self.own.contains(&seen.identity) || self.links.contains(&seen.identity);
        only_if(is_own, Standing::STORE)
            | only_if(self.home == Some(seen.identity), Standing::HOME)
            | only_if(self.top == Some(seen.identity), Standing::TOP)
    }

    /// Whether `dir` is one of baton's own directories, or is in one.
    pub(super) fn is_within_own(&self, dir: impl AsFd) -> bool {
        if self.own.is_empty() {
            return false;
        }
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
        let Ok(mut dir) = openat(dir, ".", flags, Mode::empty()) else {
            return false;
        };
        let mut last = None;
        for _ in 0..DEPTH_MAX {
            let Ok(Seen { identity, .. }) = Seen::at(&dir, ".") else {
                return false;
            };
            if self.own.contains(&identity) {
                return true;
            }
            // The top is its own parent.
            if last.replace(identity) == Some(identity) {
                return false;
            }
            match openat(&dir, "..", flags, Mode::empty()) {
                Ok(above) => dir = above,
                Err(_) => return false,
            }
        }
        false
    }
}

/// Whether one of these paths of a directory leads into the repository of a checkout, as it is written or where it leads.
pub(super) fn lead_into_repository(paths: &[&Path]) -> bool {
    let is_one = |path: &Path| {
        let mut names = path.components().map(Component::as_os_str);
        names.any(|name| name.eq_ignore_ascii_case(".git"))
    };
    let leads_to_one = |path: &Path| std::fs::canonicalize(path).is_ok_and(|path| is_one(&path));
    paths.iter().any(|path| is_one(path) || leads_to_one(path))
}

/// Returns what a path leads to, and the symlinks that it leads through.
fn way_to(path: &Path) -> io::Result<(Identity, Vec<Identity>)> {
    let names = |path: &Path| -> Vec<OsString> {
        path.components()
            .map(|part| part.as_os_str().to_owned())
            .collect()
    };
    let mut left: VecDeque<OsString> = names(&std::path::absolute(path)?).into();
    let mut here = PathBuf::from("/");
    let mut way = Vec::new();
    let mut links = 0;
    while let Some(name) = left.pop_front() {
        match Path::new(&name).components().next() {
            Some(Component::ParentDir) => drop(here.pop()),
            Some(Component::RootDir) => here = PathBuf::from("/"),
            Some(Component::Normal(name)) => {
                let next = here.join(name);
                let found = std::fs::symlink_metadata(&next)?;
                if !found.is_symlink() {
                    here = next;
                    continue;
                }
                links += 1;
                if links > LINKS_MAX {
                    return Err(Errno::LOOP.into());
                }
                way.push((found.dev(), found.ino()));
                for name in names(&std::fs::read_link(&next)?).into_iter().rev() {
                    left.push_front(name);
                }
            }
            _ => {}
        }
    }
    let found = std::fs::metadata(&here)?;
    Ok(((found.dev(), found.ino()), way))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::os::unix::fs::symlink;

    use super::*;

    fn judged(root: &Path, reserved: &ReservedPlaces, name: &str) -> Standing {
        let dir = std::fs::File::open(root).unwrap();
        let judge = Judge::of(&dir, reserved).unwrap();
        let seen = Seen::at(&dir, name).unwrap();
        judge.standing(&dir, name, &seen)
    }

    #[test]
    fn a_store_is_known_by_every_way_that_leads_to_it() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        std::fs::create_dir_all(root.join("far/store")).unwrap();
        std::fs::create_dir_all(root.join("ws/other")).unwrap();
        symlink("../far", root.join("ws/one")).unwrap();
        symlink(root.join("ws/one/store"), root.join("ws/two")).unwrap();
        let reserved = ReservedPlaces::find(
            [root.join("ws/two").as_path()].into_iter(),
            Some(&root.join("ws/other")),
        );
        for (dir, name, wanted) in [
            ("ws", "one", Standing::STORE),
            ("ws", "two", Standing::STORE),
            ("far", "store", Standing::STORE),
            ("ws", "other", Standing::HOME),
            ("", "far", Standing::default()),
        ] {
            let found = judged(&root.join(dir), &reserved, name);
            let kept = Standing::STORE | Standing::HOME | Standing::TOP;
            assert_eq!(found & kept, wanted, "{dir}/{name}");
        }
    }

    #[test]
    fn a_directory_in_the_store_belongs_to_it() {
        let place = tempfile::tempdir().unwrap();
        let inside = place.path().join("store/v1/packs");
        std::fs::create_dir_all(&inside).unwrap();
        let reserved = ReservedPlaces::find([place.path().join("store").as_path()].into_iter(), None);
        let found = |path: &Path| {
            let dir = std::fs::File::open(path).unwrap();
            Judge::of(&dir, &reserved).unwrap().of_root(&dir).1
        };
        let has = |path: &Path, flag| found(path) & flag == flag;
        assert!(has(&inside, Standing::STORE));
        assert!(!has(place.path(), Standing::STORE));
        assert!(has(Path::new("/"), Standing::TOP));
    }

    #[test]
    fn a_second_name_of_a_file_shows() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("one"), "x").unwrap();
        std::fs::write(place.path().join("alone"), "x").unwrap();
        std::fs::hard_link(place.path().join("one"), place.path().join("two")).unwrap();
        let reserved = ReservedPlaces::default();
        let shared = |name| judged(place.path(), &reserved, name) & Standing::SHARED != Standing::default();
        assert_eq!(["one", "two", "alone"].map(shared), [true, true, false]);
    }
}

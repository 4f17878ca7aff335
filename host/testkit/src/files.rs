//! Trees of files: made, changed, and compared strictly.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT, utimensat};

/// Returns bytes that do not compress, the same for the same seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend(next().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Returns lines of text, the same for the same seed.
pub fn text(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 64);
    let mut line = seed;
    while bytes.len() < length {
        bytes.extend(format!("line {line}: pass the baton, and the baton after it\n").bytes());
        line = line.wrapping_mul(31) % 1_000_003 + 1;
    }
    bytes.truncate(length);
    bytes
}

/// Writes a file, and makes the directories above it.
pub fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Writes files below a directory.
pub fn write_all(dir: &Path, files: &[(&str, &str)]) {
    for (path, content) in files {
        write(&dir.join(path), content);
    }
}

/// Writes `count` files of some kilobytes each.
pub fn write_many(dir: &Path, seed: u64, count: u64) {
    for number in 0..count {
        let content = text(seed * 1000 + number, 2000 + (number as usize * 97) % 3000);
        write(&dir.join(format!("{}/{number}.txt", number % 7)), content);
    }
}

pub fn read(path: &Path) -> String {
    String::from_utf8(fs::read(path).unwrap()).unwrap()
}

pub fn set_bits(path: &Path, bits: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
}

/// Sets when something last changed; of a symlink itself.
pub fn set_time(path: &Path, seconds: i64, nanoseconds: u32) {
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: seconds,
            tv_nsec: nanoseconds.into(),
        },
    };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// Gives a directory and all that is in it to a user.
pub fn give(path: &Path, user: u32) {
    walk(path, &mut |path| {
        std::os::unix::fs::lchown(path, Some(user), Some(user)).unwrap()
    });
}

/// Gives the owner write permission to all directories.
pub fn open_up(path: &Path) {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return;
    };
    if metadata.is_dir() {
        if metadata.mode() & 0o700 != 0o700 {
            let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o700));
        }
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            open_up(&entry.path());
        }
    }
}

fn walk(path: &Path, visit: &mut dyn FnMut(&Path)) {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return;
    };
    visit(path);
    if metadata.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            walk(&entry.unwrap().path(), visit);
        }
    }
}

/// The properties of a file, directory or symlink that tests compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub what: What,
    /// Seconds and nanoseconds since 1970.
    pub modified: (i64, i64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Without a digest where the test itself may not read it.
    File {
        bits: u32,
        size: u64,
        digest: Option<blake3::Hash>,
    },
    Directory {
        bits: u32,
    },
    Symlink {
        target: PathBuf,
    },
    Other {
        mode: u32,
    },
}

/// All that is below a directory, by its path in it.
pub type Listing = BTreeMap<PathBuf, Seen>;

/// Returns what is below a directory: nothing where there is none.
pub fn listing(dir: &Path) -> Listing {
    let mut found = Listing::new();
    walk(dir, &mut |path| {
        let inside = path.strip_prefix(dir).unwrap();
        if inside != Path::new("") {
            found.insert(inside.to_owned(), seen(path));
        }
    });
    found
}

/// Looks at one thing.
pub fn seen(path: &Path) -> Seen {
    let metadata = fs::symlink_metadata(path).unwrap();
    // With setuid, setgid and sticky, so that one that slips through shows.
    let bits = metadata.mode() & 0o7777;
    let what = match metadata.file_type() {
        kind if kind.is_dir() => What::Directory { bits },
        kind if kind.is_symlink() => What::Symlink {
            target: fs::read_link(path).unwrap(),
        },
        kind if kind.is_file() => What::File {
            bits,
            size: metadata.len(),
            digest: digest(path),
        },
        _ => What::Other {
            mode: metadata.mode(),
        },
    };
    Seen {
        what,
        modified: (metadata.mtime(), metadata.mtime_nsec()),
    }
}

fn digest(path: &Path) -> Option<blake3::Hash> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => None,
        other => Some(blake3::hash(&other.unwrap())),
    }
}

/// Checks that two directories hold the same: contents, permission bits, times to the nanosecond, links, empty
/// directories, and nothing else.
#[track_caller]
pub fn assert_same(one: &Path, other: &Path) {
    assert_same_listing(&listing(one), &listing(other));
}

#[track_caller]
pub fn assert_same_listing(one: &Listing, other: &Listing) {
    let differs = |path: &&PathBuf| one.get(*path) != other.get(*path);
    let mut paths: Vec<&PathBuf> = one.keys().chain(other.keys()).filter(differs).collect();
    paths.sort_unstable();
    paths.dedup();
    let shown = |path: &&PathBuf| format!("{path:?}\n   {:?}\n   {:?}\n", one.get(*path), other.get(*path));
    let first: String = paths.iter().take(5).map(shown).collect();
    assert!(
        paths.is_empty(),
        "{} of {} entries differ:\n{first}",
        paths.len(),
        one.len().max(other.len())
    );
}

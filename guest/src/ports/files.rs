//! The granted directory.

use crate::error::Result;

/// The kind of a directory entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, socket or FIFO, by its name: nothing that baton moves.
    Special(&'static str),
}

/// Restrictions and properties of an entry that matter before it is changed or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EntryFlags {
    /// It is on another file system than the directory that holds it, or something is mounted on it.
    pub mounted: bool,
    /// This user cannot rename, replace or remove it, whoever may write to its directory.
    pub fixed: bool,
    /// A directory in which this user cannot make, rename or remove entries.
    pub closed: bool,
    /// A directory on a file system that is mounted read-only.
    pub read_only: bool,
    /// Another user owns it: this one cannot set its bits and times.
    pub foreign: bool,
    /// A file with several names.
    pub shared: bool,
    /// Set if it must not be emptied or removed.
    pub reserved: Option<Reserved>,
}

/// The kinds of entries that no attach may empty or remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// A directory that baton keeps for itself, such as the store of this run, a directory in it, or a symlink by which it
    /// was named. Except for the symlink, it is never persisted either.
    Store,
    /// The user's home directory.
    Home,
    /// The root of the file system.
    Top,
    /// The repository of a checkout, or a directory in it: only known of the granted directory. In it, the name tells.
    Repository,
}

impl EntryFlags {
    /// Returns whether it is immutable or append-only: not even its owner can change its attributes, or what is in a
    /// directory.
    pub fn immutable(&self) -> bool {
        self.fixed && !self.mounted && !self.foreign
    }
}

/// One entry of a directory. Sizes in bytes.
#[derive(Debug, Clone)]
pub struct DirEntry {
    /// Any bytes but `/` and NUL.
    pub name: Vec<u8>,
    /// Its kind.
    pub kind: Kind,
    /// Permission bits with setuid, setgid and sticky.
    pub bits: u16,
    /// 0 for what is not a file.
    pub size: u64,
    /// When contents last changed. Can be set.
    pub modified: Time,
    /// The target of a symlink.
    pub target: Vec<u8>,
    /// Restrictions on changing or removing it.
    pub flags: EntryFlags,
}

/// Attributes to give to a file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeChange {
    /// Relative to the granted directory.
    pub path: String,
    /// The nine permission bits, or `None` to leave them.
    pub bits: Option<u16>,
    /// When contents last changed.
    pub modified: Time,
}

/// A symlink to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Relative to the granted directory. Must not exist.
    pub path: String,
    /// Any text without NUL.
    pub target: String,
    /// Its time of modification.
    pub modified: Time,
}

/// The mode of opening a file. A symlink is never followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// To read.
    Read,
    /// To write, and it must not exist.
    Create,
    /// To write anywhere in a file that exists.
    Write,
}

/// A change of the directory's structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit<'a> {
    /// Creates a directory whose parent exists. An existing one is an error.
    MakeDirectory(&'a str),
    /// Gives a file, symlink or directory another name; a file or symlink of that name is replaced in one step.
    Rename(&'a str, &'a str),
    /// Removes a file or symlink.
    RemoveFile(&'a str),
    /// Removes an empty directory.
    RemoveDirectory(&'a str),
}

/// The granted directory. A path has names with `/` between them; the directory itself is the empty string.
/// Nothing leaves the directory, whatever links it holds.
pub trait Files {
    /// An open file. Closed when dropped.
    type File: File;

    /// Returns entries of a directory by name in ascending order of bytes: as many as one call carries of those that come
    /// after the name `after`, and whether there are more.
    fn page(&self, dir: &str, after: Option<&[u8]>) -> Result<(Vec<DirEntry>, bool)>;

    /// Returns all entries of a directory, by name. For directories that are known to be small.
    fn entries(&self, dir: &str) -> Result<Vec<DirEntry>> {
        let mut entries: Vec<DirEntry> = Vec::new();
        loop {
            let (page, more) = self.page(dir, entries.last().map(|entry| entry.name.as_slice()))?;
            let is_last = !more || page.is_empty();
            entries.extend(page);
            if is_last {
                return Ok(entries);
            }
        }
    }

    /// Returns whether something has this path, without following a symlink anywhere.
    fn exists(&self, path: &str) -> Result<bool> {
        let mut dir = String::new();
        let mut names = path.split('/').peekable();
        while let Some(name) = names.next() {
            let mut entries = self.entries(&dir)?.into_iter();
            match entries.find(|entry| entry.name == name.as_bytes()) {
                Some(_) if names.peek().is_none() => return Ok(true),
                Some(entry) if entry.kind == Kind::Directory => dir = crate::path::join(&dir, name),
                _ => break,
            }
        }
        Ok(false)
    }

    /// Returns the holes between `offset` and `offset + length` of a file, each an offset and a length, in order: parts
    /// of at least `least` bytes that read as zeros and that the file system does not store. May leave any out.
    fn holes(&self, path: &str, offset: u64, length: u64, least: u64) -> Result<Vec<(u64, u64)>> {
        let _ = (path, offset, length, least);
        Ok(Vec::new())
    }

    /// Returns the entry of one path, or `None` where nothing has it. The granted directory itself has no name.
    fn entry(&self, path: &str) -> Result<Option<DirEntry>>;

    /// Opens a file.
    fn open(&self, path: &str, how: Open) -> Result<Self::File>;

    /// Changes the structure by one step.
    fn edit(&self, edit: Edit<'_>) -> Result<()>;

    /// Changes the structure, in order. Stops at the first failure.
    fn edits(&self, edits: &[Edit<'_>]) -> Result<()> {
        edits.iter().try_for_each(|edit| self.edit(*edit))
    }

    /// Says that changes begin which are to be seen together: an interrupt then ends the run after them. Once, at the end of
    /// an attach.
    fn begin_changes(&self) -> Result<()> {
        Ok(())
    }

    /// Sets bits and times, in order. Stops at the first failure.
    fn apply(&self, changes: &[AttributeChange]) -> Result<()>;

    /// Creates symlinks, in order. Stops at the first failure.
    fn link(&self, links: &[Link]) -> Result<()>;
}

/// An open file. Offsets and lengths in bytes.
pub trait File {
    /// Appends at most `length` bytes from `offset` to `buffer`. Returns how many there were: fewer at the end, and from
    /// some file systems before it. None only at the end.
    fn read(&self, offset: u64, length: usize, buffer: &mut Vec<u8>) -> Result<usize>;

    /// Writes all of `bytes` at `offset`.
    fn write(&self, offset: u64, bytes: &[u8]) -> Result<()>;

    /// Sets the length of the file. New bytes read as zeros, and take no room if the file system supports that.
    fn set_size(&self, size: u64) -> Result<()>;

    /// Returns the size, and when contents last changed: as a directory entry has them.
    fn seen(&self) -> Result<(u64, Time)>;
}

/// Reads like [`File::read`], and returns fewer bytes only at the end.
pub fn read_fully(file: &impl File, offset: u64, length: usize, buffer: &mut Vec<u8>) -> Result<usize> {
    let mut read = 0;
    while read < length {
        match file.read(offset + read as u64, length - read, buffer)? {
            0 => break,
            count => read += count,
        }
    }
    Ok(read)
}

/// A time as file systems have it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize,
)]
pub struct Time {
    /// Whole seconds since 1970, negative before.
    pub seconds: i64,
    /// Below 1,000,000,000.
    pub nanoseconds: u32,
}

//! What the logic needs from outside, as small traits: the store, the granted directory, the time, and HTTP.
//! `component/` implements them over the imports, `memory` and `memory_http` for tests.

use crate::error::{Error, Result};
use crate::id::Digest;

/// What becomes of an object that is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutMode {
    /// It stays: of racing creators exactly one wins.
    Create,
    /// It stays, and its key is a digest of its bytes: nobody needs to hear who won.
    Named,
    /// It is replaced, as a whole: only to repair an object that was read and is not what its key promises.
    Repair,
}

/// How a put ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// The object is there, with these bytes.
    Stored,
    /// Another one was there before, and stays.
    AlreadyExists,
}

/// Bytes under keys. The implementation retries what is transient, so a caller never does.
pub trait Store {
    /// Returns an object, or the part `(offset, length)` of it, or `None` where there is none. A range behind the end
    /// gives what there is: callers check the length.
    fn get(&self, key: &str, range: Option<(u64, u64)>) -> Result<Option<Vec<u8>>>;

    /// Returns an object's size in bytes.
    fn head(&self, key: &str) -> Result<Option<u64>>;

    /// Stores an object. Atomic, and idempotent for content-named keys. A `Create` survives a crash of the machine only
    /// together with every put before it.
    fn put(&self, key: &str, bytes: &[u8], mode: PutMode) -> Result<PutOutcome>;

    /// Removes objects, in any order. One that is not there is not an error.
    fn delete(&self, keys: &[String]) -> Result<()>;

    /// Returns at most `limit` keys (1 to 1,000) that begin with `prefix` and come behind `start_after`. Ascending as
    /// far as compared names are of equal length.
    fn list(&self, prefix: &str, start_after: Option<&str>, limit: u32) -> Result<Vec<String>>;
}

/// How much is believed of an object that exists under the name of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Care {
    /// Its size: it may have lost bytes to a full disk or a crash.
    #[default]
    Size,
    /// Nothing: its bytes are read and compared.
    Bytes,
}

/// Stores an object that is named by its content. Returns how many bytes were written: none where the object exists. An
/// existing object that does not have these bytes, as far as `care` looks, is replaced.
pub fn put_named(store: &impl Store, key: &str, bytes: &[u8], care: Care) -> Result<u64> {
    let length = bytes.len() as u64;
    let stands = match care {
        Care::Bytes => match store.get(key, None)? {
            Some(there) => there == bytes,
            // A store may answer before it knows that nobody else has created it: then with these bytes. What exists and
            // cannot be read, such as a directory, is in the way.
            None => {
                if store.put(key, bytes, PutMode::Named)? == PutOutcome::Stored {
                    return Ok(length);
                }
                store.head(key)? == Some(length)
            }
        },
        Care::Size => {
            if store.put(key, bytes, PutMode::Named)? == PutOutcome::Stored {
                return Ok(length);
            }
            store.head(key)? == Some(length)
        }
    };
    if stands {
        return Ok(0);
    }
    store.put(key, bytes, PutMode::Repair)?;
    Ok(length)
}

/// Reads an object, or the part `(offset, length)` of it, with `check`. If that finds damage, the object is read once more:
/// bytes can be altered on their way, too, and then no older build must take the place of one that is whole.
///
/// Fails with [`Error::Damaged`] where the store keeps answering the same wrong bytes, and with a failure of the store
/// where the answer cannot be the object: a web page, a layer of gzip, or other bytes at each try.
pub fn get_intact<T>(
    store: &impl Store,
    key: &str,
    range: Option<(u64, u64)>,
    mut check: impl FnMut(Vec<u8>) -> Result<T>,
) -> Result<Option<T>> {
    let Some(first) = store.get(key, range)? else {
        return Ok(None);
    };
    let found = check(first);
    if !matches!(found, Err(Error::Damaged(_))) {
        return found.map(Some);
    }
    let Some(second) = store.get(key, range)? else {
        return Ok(None);
    };
    let read = Read::of(&second);
    match check(second) {
        Err(error @ Error::Damaged(_)) => Err(read.judge(store, key, range)?.unwrap_or(error)),
        found => found.map(Some),
    }
}

/// What is remembered of an answer that is not the object.
pub(crate) struct Read {
    length: u64,
    digest: Digest,
    foreign: Option<&'static str>,
}

impl Read {
    /// Looks at an answer.
    pub(crate) fn of(bytes: &[u8]) -> Read {
        Read {
            length: bytes.len() as u64,
            digest: Digest::of(bytes),
            foreign: foreign(bytes),
        }
    }

    /// Returns the error for an answer that cannot be the object, or nothing where the store keeps wrong bytes.
    pub(crate) fn judge(
        &self,
        store: &impl Store,
        key: &str,
        range: Option<(u64, u64)>,
    ) -> Result<Option<Error>> {
        if let Some(what) = self.foreign {
            return Ok(Some(Error::not_the_object(key, what)));
        }
        let size = store.head(key)?;
        let wanted = match (size, range) {
            (None, _) => return Ok(None),
            (Some(size), None) => size,
            (Some(size), Some((offset, length))) => size.saturating_sub(offset).min(length),
        };
        if self.length != wanted {
            let what = format!("{} bytes of {wanted}", self.length);
            return Ok(Some(Error::not_the_object(key, &what)));
        }
        let third = store.get(key, range)?;
        let same = third.is_none_or(|third| Digest::of(&third) == self.digest);
        Ok((!same).then(|| Error::not_the_object(key, "other bytes at each try")))
    }
}

/// Returns what an answer is, where no object of a store can begin like this: objects are zstd frames or JSON.
fn foreign(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(&[0x1f, 0x8b, 0x08]) {
        return Some("a layer of gzip");
    }
    let text = bytes
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(bytes)
        .trim_ascii_start();
    let begins = |with: &&str| {
        text.get(..with.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()))
    };
    ["<!doctype", "<html", "<head", "<body", "<?xml", "<error", "<!--"]
        .iter()
        .any(begins)
        .then_some("a web page or an XML document")
}

/// Temporary space that all instances of one run share: what does not fit into the memory of an instance goes here. Ends with
/// the run. See [`crate::spool`] for what is usually put into pages.
pub trait Scratch {
    /// Keeps a page of at most 8 MiB. Returns its number.
    fn write(&self, page: &[u8]) -> Result<u32>;

    /// Returns a page that was written in this run.
    fn read(&self, page: u32) -> Result<Vec<u8>>;
}

/// The time. Machines that share a store are taken to agree on it within the grace period of a prune.
pub trait Clock {
    /// Returns the milliseconds since 1970.
    fn now_ms(&self) -> u64;
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

/// What a directory entry is.
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

/// What else has to be known of an entry before it is changed or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
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
    /// What must not be emptied or removed.
    pub reserved: Option<Reserved>,
}

/// What no attach may empty or remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// A directory that baton keeps for itself, such as the store of this run, a directory in it, or a symlink by which it
    /// was named. It is never persisted either, but for the symlink.
    Store,
    /// The user's home directory.
    Home,
    /// The root of the file system.
    Top,
    /// The repository of a checkout, or a directory in it: only known of the granted directory. In it, the name tells.
    Repository,
}

impl Standing {
    /// Whether it is immutable or append-only: not even its owner can change its attributes, or what is in a directory.
    pub fn immutable(&self) -> bool {
        self.fixed && !self.mounted && !self.foreign
    }
}

/// One entry of a directory. Sizes in bytes.
#[derive(Debug, Clone)]
pub struct DirEntry {
    /// Any bytes but `/` and NUL.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permission bits with setuid, setgid and sticky.
    pub bits: u16,
    /// 0 for what is not a file.
    pub size: u64,
    /// When contents last changed. Can be set.
    pub modified: Time,
    /// Where a symlink points.
    pub target: Vec<u8>,
    /// What keeps it from being changed or removed.
    pub standing: Standing,
}

/// Attributes to give to a file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
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
    /// When it was made.
    pub modified: Time,
}

/// How a file is opened. A symlink is never followed.
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
    /// Makes a directory whose parent exists. An existing one is an error.
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
    fn apply(&self, changes: &[Change]) -> Result<()>;

    /// Makes symlinks, in order. Stops at the first failure.
    fn link(&self, links: &[Link]) -> Result<()>;
}

/// An open file. Offsets and lengths in bytes.
pub trait File {
    /// Appends at most `length` bytes from `offset` to `buffer`. Returns how many there were: fewer at the end, and from
    /// some file systems before it. None only at the end.
    fn read(&self, offset: u64, length: usize, buffer: &mut Vec<u8>) -> Result<usize>;

    /// Writes all of `bytes` at `offset`.
    fn write(&self, offset: u64, bytes: &[u8]) -> Result<()>;

    /// Makes the file this long. What is new reads as zeros, and takes no room where the file system can do that.
    fn set_size(&self, size: u64) -> Result<()>;

    /// Returns the size, and when contents last changed: as a directory entry has them.
    fn seen(&self) -> Result<(u64, Time)>;
}

/// As [`File::read`], but gives fewer bytes only at the end.
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

/// What is asked of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Read. Can be repeated.
    Get,
    /// Read all but the bytes. Can be repeated.
    Head,
    /// Change something.
    Post,
}

/// One request. It has no token: the host adds one where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// What is asked.
    pub method: Method,
    /// Absolute: `https://` or `http://`.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// What is sent along.
    pub body: Option<Vec<u8>>,
}

/// The head of an answer, and its body still to be read.
#[derive(Debug)]
pub struct HttpAnswer<B> {
    /// For example 200.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Dropping it ends the transfer.
    pub body: B,
}

impl<B> HttpAnswer<B> {
    /// Returns the first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Why a request has no answer, or an answer no end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpFailure {
    /// The host does not let this run ask that server.
    Denied(String),
    /// The network, or a server that is busy: another try may do better.
    Transient(String),
    /// No further try will do better: an unknown name, a wrong certificate.
    Final(String),
}

impl HttpFailure {
    /// Returns what happened, in a few words.
    pub fn why(&self) -> &str {
        match self {
            HttpFailure::Denied(why) | HttpFailure::Transient(why) | HttpFailure::Final(why) => why,
        }
    }
}

/// The servers that the host lets this run ask, and what patience with them needs. Follows no redirect, tries nothing
/// twice: that is the caller's to decide.
pub trait Http {
    /// The bytes of an answer.
    type Body: HttpBody;

    /// Sends a request, and returns when the head of the answer is there.
    fn send(&self, request: &HttpRequest) -> Result<HttpAnswer<Self::Body>, HttpFailure>;

    /// Waits so many milliseconds, and lets the user know why.
    fn wait(&self, ms: u64, why: &str);

    /// Returns the time in milliseconds since 1970. Never goes back, whatever happens to the machine's clock.
    fn now_ms(&self) -> u64;

    /// Returns any number, another one each time.
    fn random(&self) -> u64;
}

impl<H: Http> Http for &H {
    type Body = H::Body;

    fn send(&self, request: &HttpRequest) -> Result<HttpAnswer<H::Body>, HttpFailure> {
        (*self).send(request)
    }

    fn wait(&self, ms: u64, why: &str) {
        (*self).wait(ms, why);
    }

    fn now_ms(&self) -> u64 {
        (*self).now_ms()
    }

    fn random(&self) -> u64 {
        (*self).random()
    }
}

/// The body of an answer, read from front to back.
pub trait HttpBody {
    /// Returns the next bytes, at most 1 MiB, or `None` behind the last.
    fn next(&mut self) -> Result<Option<Vec<u8>>, HttpFailure>;
}

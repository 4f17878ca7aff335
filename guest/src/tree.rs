//! The tree: the manifest of one artifact. JSON lines, zstd-compressed, named by the digest of its stored bytes.
//!
//! A header, the entries in path order, then the chunk table, a line a pack. docs/format.md gives the grammar. Reading
//! trusts nothing: an enemy may have written every byte.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::frame::CHUNK_BYTES_MAX;
use crate::id::{Digest, PackId, TreeId};
use crate::lines::{Reader, Writer};
use crate::path;
use crate::ports::{Care, Store, Time, get_intact, put_named};
use crate::record::VERSION;

/// More entries than this are refused: a tree is held in memory, at some 200 bytes an entry.
pub const ENTRIES_MAX: usize = 2_000_000;
/// More chunks, or more slices of all files, than this are refused: a terabyte's worth, at some 60 bytes a chunk.
pub const CHUNKS_MAX: usize = 4_000_000;
/// The largest stored tree.
const STORED_BYTES_MAX: usize = 256 << 20;
/// No pack is larger, so no chunk lies further behind.
const PACK_BYTES_MAX: u64 = 256 << 20;

/// The entries of an artifact, and where their bytes are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// In path order; each one's parent is among them.
    pub entries: Vec<Entry>,
    /// Numbered from 0 in this order by the entries.
    pub chunks: Vec<Chunk>,
    /// The packs that the chunks lie in.
    pub packs: Vec<PackId>,
    /// The patterns with which it was persisted: what they select and the tree does not have is not wanted any more. Empty:
    /// the entries of its top directory, with all that is in them.
    pub covers: Vec<String>,
    /// Makes the id differ from that of an equal tree, where that one is condemned.
    pub salt: Option<Digest>,
}

/// One directory, file or symlink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative, valid as [`path::fault`] says.
    pub path: String,
    /// The nine permission bits. 0 for a symlink.
    pub bits: u16,
    /// When it last changed.
    pub modified: Time,
    /// What it is.
    pub content: Content,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A directory.
    Directory,
    /// A symlink, and where it points.
    Symlink(String),
    /// A file.
    File {
        /// In bytes.
        size: u64,
        /// Of the contents, or of the slices.
        digest: Digest,
        /// Where they are.
        place: Place,
    },
}

/// Where the bytes of a file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// There are none.
    Empty,
    /// In a bundle, from `offset` on.
    Bundle {
        /// The chunk's number.
        chunk: u32,
        /// In bytes.
        offset: u32,
    },
    /// In these whole chunks, one behind the other: runs of a first number and a count.
    Slices(Vec<(u32, u32)>),
}

/// One frame of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Index into [`Tree::packs`].
    pub pack: u32,
    /// From the start of the pack, in bytes.
    pub offset: u64,
    /// Of the frame, in bytes.
    pub length: u32,
    /// Of its content, in bytes.
    pub raw_length: u32,
    /// Of its content, where the chunk is a slice.
    pub digest: Option<Digest>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    baton: String,
    version: u32,
    entries: u64,
    packs: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    covers: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    salt: Option<Digest>,
}

#[derive(Serialize, Deserialize)]
struct EntryLine {
    path: String,
    kind: KindWord,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    mode: String,
    modified: (i64, u32),
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bundle: Option<(u32, u32)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    slices: Vec<(u32, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
}

#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum KindWord {
    Directory,
    File,
    Symlink,
}

#[derive(Serialize, Deserialize)]
struct PackLine {
    pack: PackId,
    chunks: Vec<ChunkCell>,
}

/// Offset, length, raw length, and the digest where it is a slice.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum ChunkCell {
    Slice(u64, u32, u32, Digest),
    Bundle(u64, u32, u32),
}

impl Entry {
    /// The size of a file in bytes, 0 for anything else.
    pub fn size(&self) -> u64 {
        match self.content {
            Content::File { size, .. } => size,
            _ => 0,
        }
    }
}

impl Tree {
    /// Returns the numbers of a file's slices.
    pub fn slices(runs: &[(u32, u32)]) -> impl Iterator<Item = u32> {
        runs.iter()
            .flat_map(|(first, count)| *first..first.saturating_add(*count))
    }

    /// Returns a chunk. The tree was checked, so there is one for every number in it.
    pub fn chunk(&self, number: u32) -> Result<&Chunk> {
        self.chunks
            .get(number as usize)
            .ok_or_else(|| Error::internal(format!("no chunk {number} in a checked tree")))
    }

    /// Returns each pack, and how many bytes of it the chunks need.
    pub fn pack_ends(&self) -> Vec<(PackId, u64)> {
        let mut ends = vec![0; self.packs.len()];
        for chunk in &self.chunks {
            if let Some(end) = ends.get_mut(chunk.pack as usize) {
                *end = chunk.offset.saturating_add(u64::from(chunk.length)).max(*end);
            }
        }
        self.packs.iter().copied().zip(ends).collect()
    }

    /// Writes the tree. `care` says how one is looked at that exists. Returns its id and the bytes stored.
    pub fn save(&self, store: &impl Store, care: Care) -> Result<(TreeId, u64)> {
        let bytes = self.to_bytes()?;
        let id = TreeId::of(&bytes);
        let key = crate::keys::tree(&id);
        let put = |care| put_named(store, &key, &bytes, care);
        let mut written = put(care)?;
        // It is small beside what it leads to: one that was damaged since must not stand in the way of its repair.
        if written == 0 && care == Care::Size {
            written = put(Care::Bytes)?;
        }
        Ok((id, written))
    }

    /// Reads the tree `id`, and checks that it is that, and whole, and harmless.
    pub fn load(store: &impl Store, id: &TreeId) -> Result<Tree> {
        let key = crate::keys::tree(id);
        Tree::from_bytes(&key, &Tree::fetch(store, id, &key)?)
    }

    /// Returns the packs of the tree `id`, without a look at its entries: a fifth of the work.
    pub fn packs_of(store: &impl Store, id: &TreeId) -> Result<Vec<PackId>> {
        let key = crate::keys::tree(id);
        let bytes = Tree::fetch(store, id, &key)?;
        let (mut lines, header) = Header::read(&key, &bytes)?;
        for _ in 0..header.entries {
            lines.skip("an entry")?;
        }
        let mut packs = Vec::new();
        for _ in 0..header.packs {
            packs.push(lines.next::<PackLine>("a pack's chunks")?.pack);
        }
        lines.end()?;
        Ok(packs)
    }

    fn fetch(store: &impl Store, id: &TreeId, key: &str) -> Result<Vec<u8>> {
        let checked = get_intact(store, key, None, |bytes| {
            let found = TreeId::of(&bytes);
            if found == *id {
                return Ok(bytes);
            }
            let message = "the tree was altered, cut short or swapped";
            Err(Error::damaged_digest(
                key,
                message,
                id.to_string(),
                found.to_string(),
            ))
        });
        checked?
            .ok_or_else(|| Error::damaged_digest(key, "the tree is missing", id.to_string(), String::new()))
    }

    /// Returns the stored form.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let slices = self.entries.iter().map(|entry| match &entry.content {
            Content::File {
                place: Place::Slices(runs),
                ..
            } => runs.iter().map(|(_, count)| *count as usize).sum(),
            _ => 0,
        });
        check_size(
            self.entries.len() as u64,
            self.chunks.len().max(slices.sum()) as u64,
            "",
        )?;
        let mut lines = Writer::new();
        let header = Header {
            baton: "tree".to_owned(),
            version: VERSION,
            entries: self.entries.len() as u64,
            packs: self.packs.len() as u64,
            covers: self.covers.clone(),
            salt: self.salt,
        };
        lines.line(&header)?;
        for entry in &self.entries {
            lines.line(&EntryLine::from(entry))?;
        }
        let mut chunks = self.chunks.iter().peekable();
        for (index, pack) in self.packs.iter().enumerate() {
            let mut cells = Vec::new();
            while let Some(chunk) = chunks.next_if(|chunk| chunk.pack as usize == index) {
                cells.push(match chunk.digest {
                    Some(digest) => ChunkCell::Slice(chunk.offset, chunk.length, chunk.raw_length, digest),
                    None => ChunkCell::Bundle(chunk.offset, chunk.length, chunk.raw_length),
                });
            }
            lines.line(&PackLine {
                pack: *pack,
                chunks: cells,
            })?;
        }
        lines.finish()
    }

    /// Reads the stored form of the object `key`, and refuses whatever [`Tree::to_bytes`] would not have written.
    pub fn from_bytes(key: &str, bytes: &[u8]) -> Result<Tree> {
        let (mut lines, header) = Header::read(key, bytes)?;
        if !header.covers.is_empty() && crate::attach::covered(&header.covers).is_err() {
            return Err(Error::damaged(key, "it covers what no pattern can say"));
        }
        let mut tree = Tree {
            covers: header.covers,
            salt: header.salt,
            ..Tree::default()
        };
        let mut above: Vec<String> = Vec::new();
        for _ in 0..header.entries {
            let line: EntryLine = lines.next("an entry")?;
            let entry = Entry::try_from(line).map_err(|why| Error::damaged(key, why))?;
            tree.check_order(&entry, &mut above)
                .map_err(|why| Error::damaged(key, why))?;
            tree.entries.push(entry);
        }
        for index in 0..header.packs {
            let line: PackLine = lines.next("a pack's chunks")?;
            let pack = u32::try_from(index).map_err(|_| Error::damaged(key, "it has too many packs"))?;
            tree.packs.push(line.pack);
            check_size(
                header.entries,
                (tree.chunks.len() + line.chunks.len()) as u64,
                key,
            )?;
            for cell in line.chunks {
                tree.chunks
                    .push(cell.chunk(pack).map_err(|why| Error::damaged(key, why))?);
            }
        }
        lines.end()?;
        let mut slices = 0;
        for entry in &tree.entries {
            let wrong = |why| Error::damaged(key, format!("{why}: {}", entry.path));
            slices += tree.check_place(entry).map_err(wrong)?;
            check_size(header.entries, slices, key)?;
        }
        Ok(tree)
    }

    /// Holds the two rules that keep a tree inside its directory: paths strictly ascend, so none is there twice, and
    /// each parent is a directory of this tree, so nothing lies under a file or a symlink.
    fn check_order(&self, entry: &Entry, above: &mut Vec<String>) -> Result<(), String> {
        if let Some(last) = self.entries.last()
            && path::compare(&last.path, &entry.path).is_ge()
        {
            return Err(format!("{} is there twice or out of order", entry.path));
        }
        let parent = path::parent(&entry.path);
        while above.last().is_some_and(|dir| dir != parent) {
            above.pop();
        }
        if above.is_empty() && !parent.is_empty() {
            return Err(format!("{} is not in a directory of the tree", entry.path));
        }
        if entry.content == Content::Directory {
            above.push(entry.path.clone());
        }
        Ok(())
    }

    /// Checks that a file's bytes can be where the tree says, and are as many. Returns the number of its slices.
    fn check_place(&self, entry: &Entry) -> Result<u64, &'static str> {
        let Content::File { size, digest, place } = &entry.content else {
            return Ok(0);
        };
        let chunk = |number: u32| {
            self.chunks
                .get(number as usize)
                .ok_or("a chunk is not in the table")
        };
        match place {
            Place::Empty if *size == 0 && *digest == Digest::of(b"") => Ok(0),
            Place::Empty => Err("a file that is not empty has no place"),
            Place::Bundle {
                chunk: number,
                offset,
            } => {
                let end = u64::from(*offset).checked_add(*size);
                let fits = end
                    .is_some_and(|end| *size > 0 && chunk(*number).is_ok_and(|c| end <= c.raw_length.into()));
                if fits {
                    Ok(0)
                } else {
                    Err("a file does not fit into its bundle")
                }
            }
            Place::Slices(runs) => {
                let (mut total, mut count) = (0, 0);
                for number in Tree::slices(runs) {
                    let slice = chunk(number)?;
                    slice.digest.ok_or("a slice has no digest")?;
                    total += u64::from(slice.raw_length);
                    count += 1;
                    // A few bytes of runs can stand for billions of slices.
                    if count > CHUNKS_MAX as u64 {
                        return Ok(count);
                    }
                    if total > *size {
                        break;
                    }
                }
                if total != *size {
                    return Err("a file's slices are not as long as the file");
                }
                let part = |number| {
                    let slice: &Chunk = self.chunks.get(number as usize)?;
                    Some((slice.digest.as_ref()?, u64::from(slice.raw_length)))
                };
                if Digest::of_slices(Tree::slices(runs).filter_map(part)) != *digest {
                    return Err("a file's digest is not that of its slices");
                }
                Ok(count)
            }
        }
    }
}

impl Header {
    /// Opens the stored form, and reads its first line.
    fn read<'a>(key: &'a str, bytes: &'a [u8]) -> Result<(Reader<'a>, Header)> {
        if bytes.len() > STORED_BYTES_MAX {
            return Err(Error::limit(
                "tree-too-large",
                format!("a tree of {} bytes is too large", bytes.len()),
                key,
            ));
        }
        let mut lines = Reader::new(key, bytes)?;
        let header: Header = lines.next("the header")?;
        if header.baton != "tree" || header.version == 0 {
            return Err(Error::damaged(key, "it is not a tree"));
        }
        if header.version > VERSION {
            let message = format!(
                "this tree has format version {}, and this baton reads up to {VERSION}",
                header.version
            );
            return Err(Error::unsupported(message, key));
        }
        // Every pack has a chunk.
        check_size(header.entries, header.packs, key)?;
        Ok((lines, header))
    }
}

impl From<&Entry> for EntryLine {
    fn from(entry: &Entry) -> Self {
        let mut line = EntryLine {
            path: entry.path.clone(),
            kind: KindWord::Directory,
            mode: format!("{:03o}", entry.bits),
            modified: (entry.modified.seconds, entry.modified.nanoseconds),
            size: None,
            digest: None,
            bundle: None,
            slices: Vec::new(),
            target: None,
        };
        match &entry.content {
            Content::Directory => {}
            Content::Symlink(target) => {
                (line.kind, line.target) = (KindWord::Symlink, Some(target.clone()));
                line.mode.clear();
            }
            Content::File { size, digest, place } => {
                (line.kind, line.size, line.digest) = (KindWord::File, Some(*size), Some(*digest));
                match place {
                    Place::Empty => {}
                    Place::Bundle { chunk, offset } => line.bundle = Some((*chunk, *offset)),
                    Place::Slices(runs) => line.slices = runs.clone(),
                }
            }
        }
        line
    }
}

impl TryFrom<EntryLine> for Entry {
    type Error = String;

    fn try_from(line: EntryLine) -> Result<Entry, String> {
        if let Some(fault) = path::fault(&line.path) {
            return Err(fault);
        }
        let wrong = |what: &str| format!("{what}: {}", line.path);
        let bits = match (line.kind, line.mode.as_str()) {
            (KindWord::Symlink, "") => 0,
            (KindWord::Symlink, _) => return Err(wrong("a symlink has permission bits")),
            (_, mode) => Some(mode)
                .filter(|mode| mode.len() == 3 && mode.bytes().all(|digit| matches!(digit, b'0'..=b'7')))
                .and_then(|mode| u16::from_str_radix(mode, 8).ok())
                .ok_or_else(|| wrong("the permission bits are not three octal digits"))?,
        };
        let modified = Time {
            seconds: line.modified.0,
            nanoseconds: line.modified.1,
        };
        if modified.nanoseconds >= 1_000_000_000 {
            return Err(wrong("the time has too many nanoseconds"));
        }
        let content = match (
            line.kind,
            line.size,
            line.digest,
            line.bundle,
            line.slices,
            line.target,
        ) {
            (KindWord::Directory, None, None, None, slices, None) if slices.is_empty() => Content::Directory,
            (KindWord::Symlink, None, None, None, slices, Some(target))
                if slices.is_empty()
                    && (1..path::PATH_BYTES_MAX).contains(&target.len())
                    && !target.contains('\0') =>
            {
                Content::Symlink(target)
            }
            (KindWord::File, Some(size), Some(digest), bundle, slices, None) => {
                let place = match (bundle, slices.is_empty()) {
                    (None, true) => Place::Empty,
                    (Some((chunk, offset)), true) => Place::Bundle { chunk, offset },
                    (None, false) => Place::Slices(slices),
                    (Some(_), false) => return Err(wrong("a file is in a bundle and in slices")),
                };
                Content::File { size, digest, place }
            }
            _ => return Err(wrong("an entry has not what its kind needs")),
        };
        Ok(Entry {
            path: line.path,
            bits,
            modified,
            content,
        })
    }
}

impl ChunkCell {
    fn chunk(self, pack: u32) -> Result<Chunk, String> {
        let (offset, length, raw_length, digest) = match self {
            ChunkCell::Slice(offset, length, raw_length, digest) => {
                (offset, length, raw_length, Some(digest))
            }
            ChunkCell::Bundle(offset, length, raw_length) => (offset, length, raw_length, None),
        };
        let end = offset
            .checked_add(u64::from(length))
            .filter(|end| *end <= PACK_BYTES_MAX);
        // A frame of raw blocks is the largest that a chunk can become.
        let frame_bytes_max = CHUNK_BYTES_MAX + 1024;
        if end.is_none()
            || length as usize > frame_bytes_max
            || raw_length as usize > CHUNK_BYTES_MAX
            || raw_length == 0
        {
            return Err(format!(
                "a chunk of {raw_length} bytes at {offset}, {length} stored, is none of baton's"
            ));
        }
        Ok(Chunk {
            pack,
            offset,
            length,
            raw_length,
            digest,
        })
    }
}

/// Refuses what would not fit into memory.
fn check_size(entries: u64, chunks: u64, key: &str) -> Result<()> {
    if entries <= ENTRIES_MAX as u64 && chunks <= CHUNKS_MAX as u64 {
        return Ok(());
    }
    let message = format!("a tree has {ENTRIES_MAX} entries and {CHUNKS_MAX} chunks at most");
    Err(Error::limit("tree-too-large", message, key))
}

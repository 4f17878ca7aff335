//! The lines of a stored tree: from and to the values that they stand for, with all checks that need no other line.

use serde::{Deserialize, Serialize};

use super::{Chunk, Content, Entry, Location, PACK_BYTES_MAX};
use crate::chunk::CHUNK_BYTES_MAX;
use crate::id::{Digest, PackId, TreeId};
use crate::path;
use crate::ports::Time;

/// The first line.
#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    pub baton: String,
    pub version: u32,
    pub entries: u64,
    /// The number of the following lines of packs. None if the tree has parts.
    #[serde(default)]
    pub packs: u64,
    /// The number of the following lines of parts, if the tree is a list of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<u64>,
    /// The patterns with which the tree was persisted. A part does not say them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<Digest>,
}

/// One part of a tree.
#[derive(Serialize, Deserialize)]
pub(super) struct PartLine {
    pub part: TreeId,
    pub entries: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct EntryLine {
    pub path: String,
    pub kind: KindWord,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mode: String,
    pub modified: (i64, u32),
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<(u32, u32)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<(u32, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum KindWord {
    Directory,
    File,
    Symlink,
}

#[derive(Serialize, Deserialize)]
pub(super) struct PackLine {
    pub pack: PackId,
    pub chunks: Vec<ChunkCell>,
}

/// Offset, length, raw length, and the digest where it is a slice.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum ChunkCell {
    Slice(u64, u32, u32, Digest),
    Bundle(u64, u32, u32),
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
            Content::File {
                size,
                digest,
                location,
            } => {
                (line.kind, line.size, line.digest) = (KindWord::File, Some(*size), Some(*digest));
                match location {
                    Location::Empty => {}
                    Location::Bundle { chunk, offset } => line.bundle = Some((*chunk, *offset)),
                    Location::Slices(runs) => line.slices = runs.clone(),
                }
            }
        }
        line
    }
}

impl From<&Chunk> for ChunkCell {
    fn from(chunk: &Chunk) -> Self {
        match chunk.digest {
            Some(digest) => ChunkCell::Slice(chunk.offset, chunk.length, chunk.raw_length, digest),
            None => ChunkCell::Bundle(chunk.offset, chunk.length, chunk.raw_length),
        }
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
                let location = match (bundle, slices.is_empty()) {
                    (None, true) => Location::Empty,
                    (Some((chunk, offset)), true) => Location::Bundle { chunk, offset },
                    (None, false) => Location::Slices(slices),
                    (Some(_), false) => return Err(wrong("a file is in a bundle and in slices")),
                };
                Content::File {
                    size,
                    digest,
                    location,
                }
            }
            _ => return Err(wrong("an entry does not have the fields of its kind")),
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
    pub(super) fn chunk(self, pack: u32) -> Result<Chunk, String> {
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
                "baton never writes a chunk of {raw_length} bytes at {offset}, {length} stored"
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

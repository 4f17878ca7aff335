//! Reads, damages and forges the objects of a store, by the layout that docs/reference/format.md documents.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::objects::Objects;

/// The objects of a store.
pub struct Stored<O> {
    objects: O,
}

impl<O: Objects> Stored<O> {
    pub fn at(place: &Path) -> Stored<O> {
        Stored {
            objects: O::at(place),
        }
    }

    /// Returns the keys that begin with `prefix`, sorted.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        self.sizes(prefix).into_keys().collect()
    }

    /// Returns the size in bytes of each object whose key begins with `prefix`.
    fn sizes(&self, prefix: &str) -> BTreeMap<String, u64> {
        let mut sizes = self.objects.sizes();
        sizes.retain(|key, _| key.starts_with(prefix));
        sizes
    }

    pub fn packs(&self) -> Vec<String> {
        self.keys("v1/packs/")
    }

    pub fn trees(&self) -> Vec<String> {
        self.keys("v1/trees/")
    }

    /// Returns the keys of one kind of look-up, for example `builds` or `numbers`, of the project of these tests.
    pub fn records(&self, kind: &str) -> Vec<String> {
        self.keys(&format!("v1/projects/gh~2Facme~2Fshop/{kind}/"))
    }

    /// Returns all objects with the digests of their bytes, to see what changed.
    pub fn all(&self) -> BTreeMap<String, blake3::Hash> {
        self.keys("")
            .into_iter()
            .map(|key| (key.clone(), blake3::hash(&self.get(&key))))
            .collect()
    }

    /// Returns all that there is, to see whether anything changed at all.
    pub fn everything(&self) -> O::Everything {
        self.objects.everything()
    }

    pub fn bytes(&self, prefix: &str) -> u64 {
        self.sizes(prefix).values().sum()
    }

    /// Whether there is an object in a directory, while others come and go.
    pub fn has_any(&self, dir: &str) -> bool {
        self.objects.has_any(dir)
    }

    pub fn get(&self, key: &str) -> Vec<u8> {
        self.objects.get(key)
    }

    pub fn put(&self, key: &str, bytes: impl AsRef<[u8]>) {
        self.objects.put(key, bytes.as_ref());
    }

    pub fn remove(&self, key: &str) {
        self.objects.remove(key);
    }

    /// Removes all objects in a directory, which ends with a slash.
    pub fn clear(&self, dir: &str) {
        self.objects.clear(dir);
    }

    /// Stores a tree that consists of these lines. Returns its id.
    pub fn put_tree(&self, lines: &[Value]) -> String {
        let (header, lines) = lines.split_at(lines.len().min(1));
        let (packs, entries): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.get("pack").is_some());
        let lines = header.iter().chain(packs).chain(entries);
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        self.put_named("trees", &raw_frame(text.as_bytes()))
    }

    /// Stores an object under the digest of its bytes, which is returned.
    pub fn put_named(&self, kind: &str, bytes: &[u8]) -> String {
        let id = blake3::hash(bytes).to_hex().to_string();
        self.put(&format!("v1/{kind}/{}/{id}", &id[..2]), bytes);
        id
    }

    /// Changes what a record says, and gives it the digest that goes with it.
    pub fn forge_record(&self, key: &str, change: impl FnOnce(&mut Value)) {
        let bytes = self.get(key);
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let mut header: Value = serde_json::from_slice(lines.next().unwrap()).unwrap();
        let mut record: Value = serde_json::from_slice(lines.next().unwrap()).unwrap();
        change(&mut record);
        let body = format!("{record}\n");
        header["digest"] = blake3::hash(body.as_bytes()).to_hex().to_string().into();
        self.put(key, format!("{header}\n{body}"));
    }
}

/// Returns the id at the end of a key.
pub fn id(key: &str) -> &str {
    key.rsplit('/').next().unwrap()
}

/// Returns bytes as a zstd frame of raw blocks (RFC 8878, 3.1.1): one segment, the size in four bytes, no checksum.
pub fn raw_frame(content: &[u8]) -> Vec<u8> {
    let mut frame = frame_header(content.len() as u32);
    let mut blocks = content.chunks(128 << 10).peekable();
    while let Some(block) = blocks.next() {
        push_block_header(&mut frame, 0, block.len(), blocks.peek().is_none());
        frame.extend_from_slice(block);
    }
    frame
}

/// Returns a frame that says it holds `claimed` bytes and holds `blocks` times 128 KiB of zeros.
pub fn frame_that_lies(claimed: u32, blocks: usize) -> Vec<u8> {
    let mut frame = frame_header(claimed);
    for block in 1..=blocks {
        push_block_header(&mut frame, 1, 128 << 10, block == blocks);
        frame.push(0);
    }
    frame
}

fn frame_header(size: u32) -> Vec<u8> {
    let mut frame = 0xfd2f_b528_u32.to_le_bytes().to_vec();
    frame.push(0b1010_0000);
    frame.extend(size.to_le_bytes());
    frame
}

fn push_block_header(frame: &mut Vec<u8>, kind: u32, size: usize, last: bool) {
    let header = (size as u32) << 3 | kind << 1 | u32::from(last);
    frame.extend(&header.to_le_bytes()[..3]);
}

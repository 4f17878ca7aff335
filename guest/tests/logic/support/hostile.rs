//! Trees that no baton wrote, line by line, and what must hold when one is attached.

use baton_guest::Error;
use baton_guest::context::Context;
use baton_guest::frame::Compressor;
use baton_guest::id::{Digest, PackId, TreeId};
use baton_guest::keys;
use baton_guest::testing::{MemoryFiles, MemoryStore};
use serde_json::{Value, json};
use structured_zstd::encoding::{CompressionLevel, compress_slice_to_vec};

use super::driver::{all_of, attach};
use super::files::Watched;

/// A tree as its author wants it. `Default` is an empty one, which is valid.
#[derive(Clone)]
pub(crate) struct Lines {
    pub(crate) header: Value,
    pub(crate) entries: Vec<Value>,
    pub(crate) packs: Vec<Value>,
}

/// Returns a tree of these entries, with a header that counts them right.
pub(crate) fn tree(entries: Vec<Value>) -> Lines {
    let header = json!({"baton": "tree", "version": 1, "entries": entries.len(), "packs": 0});
    Lines {
        header,
        entries,
        packs: Vec::new(),
    }
}

pub(crate) fn directory(path: &str) -> Value {
    json!({"path": path, "kind": "directory", "mode": "755", "modified": [1, 2]})
}

pub(crate) fn symlink(path: &str, target: &str) -> Value {
    json!({"path": path, "kind": "symlink", "modified": [1, 2], "target": target})
}

/// An empty file.
pub(crate) fn empty(path: &str) -> Value {
    json!({"path": path, "kind": "file", "mode": "644", "modified": [1, 2], "size": 0, "digest": Digest::of(b"")})
}

/// A file in a bundle.
pub(crate) fn bundled(path: &str, size: u64, digest: Digest, chunk: u32, offset: u32) -> Value {
    json!({
        "path": path, "kind": "file", "mode": "644", "modified": [1, 2],
        "size": size, "digest": digest, "bundle": [chunk, offset],
    })
}

/// A file of slices.
pub(crate) fn sliced(path: &str, size: u64, digest: Digest, runs: Value) -> Value {
    json!({
        "path": path, "kind": "file", "mode": "644", "modified": [1, 2],
        "size": size, "digest": digest, "slices": runs,
    })
}

/// A value with one field changed.
pub(crate) fn with(mut value: Value, field: &str, new: Value) -> Value {
    value[field] = new;
    value
}

/// Puts these chunks into the store as one pack. Returns its id, and offset, length and raw length of each.
pub(crate) fn pack(store: &MemoryStore, chunks: &[&[u8]]) -> (PackId, Vec<[u64; 3]>) {
    let (mut bytes, mut cells, mut compressor) = (Vec::new(), Vec::new(), Compressor::default());
    for chunk in chunks {
        let offset = bytes.len() as u64;
        compressor.append(chunk, &mut bytes);
        cells.push([offset, bytes.len() as u64 - offset, chunk.len() as u64]);
    }
    let id = PackId::of(&bytes);
    store.objects.borrow_mut().insert(keys::pack(&id), bytes);
    (id, cells)
}

impl Lines {
    /// Adds a line of the chunk table.
    pub(crate) fn with_pack(mut self, id: PackId, cells: Value) -> Lines {
        self.packs.push(json!({"pack": id, "chunks": cells}));
        self.header["packs"] = self.packs.len().into();
        self
    }

    /// The lines, not compressed.
    pub(crate) fn text(&self) -> String {
        let lines = std::iter::once(&self.header)
            .chain(&self.packs)
            .chain(&self.entries);
        lines.map(|line| format!("{line}\n")).collect()
    }

    /// Stores it under its own id. Returns its selector.
    pub(crate) fn store(&self, store: &MemoryStore) -> String {
        store_text(store, self.text().as_bytes())
    }
}

/// Stores a tree's text. Returns its selector.
pub(crate) fn store_text(store: &MemoryStore, text: &[u8]) -> String {
    store_bytes(store, compress_slice_to_vec(text, CompressionLevel::Fastest))
}

/// Writes the marker of a store.
pub(crate) fn mark(store: &MemoryStore) {
    let marker = baton_guest::store_format::marker_bytes().unwrap();
    store.objects.borrow_mut().insert(keys::STORE.into(), marker);
}

/// Stores the bytes of a tree under the id that they have. Returns its selector.
pub(crate) fn store_bytes(store: &MemoryStore, bytes: Vec<u8>) -> String {
    let id = TreeId::of(&bytes);
    mark(store);
    store.objects.borrow_mut().insert(keys::tree(&id), bytes);
    format!("tree:{id}")
}

/// A directory with something of each kind in it.
pub(crate) fn directory_with_things() -> Watched {
    let inner = MemoryFiles::default();
    inner.file("there", "old", 0o644);
    inner.file("d/below", "old", 0o644);
    inner.symlink("link", "/etc");
    Watched {
        inner,
        ..Watched::default()
    }
}

/// Attaches what must be refused, over a directory with something in it. Nothing of that may have changed.
pub(crate) fn refused(store: &MemoryStore, selector: &str) -> Error {
    let to = directory_with_things();
    let before = to.inner.listing();
    let error = match attach(store, &&to, &all_of(selector, Context::default()), 2) {
        Err(error) => error,
        Ok(report) => panic!("{selector} was attached: {report:?}"),
    };
    assert_eq!(to.inner.listing(), before, "{error:?}");
    assert_eq!(to.renames.get(), 0, "{error:?}");
    let shown = format!("{error}");
    assert!(shown.len() < 2000, "{shown:?}");
    error
}

/// As [`refused`], for what is damaged. Returns the message.
pub(crate) fn damaged(store: &MemoryStore, selector: &str) -> String {
    match refused(store, selector) {
        Error::Damaged(damage) => damage.message,
        other => panic!("{other:?}"),
    }
}

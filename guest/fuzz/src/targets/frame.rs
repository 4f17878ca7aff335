//! Bytes that are taken for a chunk's frame, and for a stored object that is compressed.

use baton_guest::chunk::CHUNK_BYTES_MAX;
use baton_guest::condemned::Condemned;
use baton_guest::frame::{Compressor, Decompressor};
use baton_guest::id::{Digest, TreeId};
use baton_guest::keys;
use baton_guest::testing::MemoryStore;
use baton_guest::tree::Entries;

/// Splits an input into the length that a tree promises, in three bytes, and the frame.
pub(crate) fn split(data: &[u8]) -> (usize, &[u8]) {
    let (head, frame) = data.split_at(data.len().min(3));
    let length = head
        .iter()
        .rev()
        .fold(0, |length, byte| length << 8 | usize::from(*byte));
    (length, frame)
}

pub(crate) fn check(data: &[u8]) {
    let (length, frame) = split(data);
    let mut decompressor = Decompressor::default();
    let mut content = vec![1, 2, 3];
    let opened = decompressor.open(frame, length, &mut content);
    if opened.is_ok() {
        assert_eq!(content.len(), length);
    }
    assert!(content.len() <= length && content.capacity() <= CHUNK_BYTES_MAX);
    assert!(opened.is_err() || length <= CHUNK_BYTES_MAX);
    // What came before has no part in what comes next.
    let mut fresh = Vec::new();
    let again = Decompressor::default().open(frame, length, &mut fresh);
    assert_eq!(opened, again);
    assert!(opened.is_err() || content == fresh);
    reads_after(&mut decompressor, frame);
    let mut twice = Vec::new();
    assert_eq!(decompressor.open(frame, length, &mut twice), opened);
    assert!(opened.is_err() || twice == fresh);
    stored(data);
}

/// Checks that a decompressor which had a bad frame reads a good one.
fn reads_after(decompressor: &mut Decompressor, content: &[u8]) {
    let content = &content[..content.len().min(CHUNK_BYTES_MAX)];
    let (mut frame, mut opened) = (Vec::new(), Vec::new());
    Compressor::default().append(content, &mut frame);
    assert_eq!(decompressor.open(&frame, content.len(), &mut opened), Ok(()));
    assert!(opened == content);
    // One byte more or less is another chunk.
    assert!(decompressor.open(&frame, content.len() + 1, &mut opened).is_err());
    assert!(content.is_empty() || decompressor.open(&frame, content.len() - 1, &mut opened).is_err());
}

/// Opens the bytes as a tree, and with their digest after them as a list of what is condemned.
fn stored(data: &[u8]) {
    let store = MemoryStore::default();
    let id = TreeId::of(data);
    store.objects.borrow_mut().insert(keys::tree(&id), data.to_vec());
    if let Err(error) = Entries::open(&store, &id) {
        super::is_stated(&error);
    }
    let list = [data, Digest::of(data).as_bytes()].concat();
    if let Err(error) = Condemned::from_bytes(&Condemned::key(1), &list) {
        super::is_stated(&error);
    }
}

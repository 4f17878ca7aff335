//! Contents of chunks on their way into packs and back.

use baton_guest::chunk::CHUNK_BYTES_MAX;
use baton_guest::frame::Decompressor;
use baton_guest::id::{Digest, PackId};
use baton_guest::keys;
use baton_guest::pack::PackWriter;
use baton_guest::ports::ExistingCheck;
use baton_guest::testing::MemoryStore;

/// Each chunk follows from an instruction of four bytes: where its bytes begin in the input, how many they are, and how often
/// they are repeated.
fn chunks(data: &[u8]) -> (bool, Vec<Vec<u8>>) {
    let Some((first, rest)) = data.split_first() else {
        return (false, Vec::new());
    };
    let count = usize::from(first >> 1).min(rest.len() / 4).min(24);
    let (instructions, bytes) = rest.split_at(count * 4);
    let chunk = |instruction: &[u8]| {
        let &[at, length, times, shift] = instruction else {
            unreachable!("an instruction has four bytes")
        };
        let start = usize::from(at).min(bytes.len());
        let end = (start + usize::from(length)).min(bytes.len());
        let mut chunk = bytes[start..end].repeat(usize::from(times) << (shift % 8).saturating_sub(3));
        chunk.truncate(CHUNK_BYTES_MAX);
        chunk
    };
    (first & 1 == 1, instructions.chunks(4).map(chunk).collect())
}

pub(crate) fn check(data: &[u8]) {
    let (salted, chunks) = chunks(data);
    let store = MemoryStore::default();
    let salt = salted.then(|| Digest::of(data));
    let mut writer = PackWriter::new(salt, ExistingCheck::Bytes);
    for (number, chunk) in chunks.iter().enumerate() {
        let added = writer.add(&store, chunk, None);
        assert_eq!(added.unwrap_or_else(|error| panic!("{error}")) as usize, number);
    }
    let (packs, stored_bytes) = writer.finish(&store).unwrap_or_else(|error| panic!("{error}"));
    let objects = store.objects.borrow();
    assert_eq!(
        objects.values().map(|object| object.len() as u64).sum::<u64>(),
        stored_bytes
    );
    let mut decompressor = Decompressor::default();
    let mut read = chunks.iter();
    for (id, written) in &packs {
        let pack = &objects[&keys::pack(id)];
        assert_eq!(PackId::of(pack), *id);
        let mut end = if salted { 40 } else { 0 };
        for chunk in written {
            assert_eq!(chunk.offset, end, "frames lie back to back");
            end += chunk.length;
            let expected = read.next().map(Vec::as_slice);
            // A frame is never much larger than what it holds.
            assert!(chunk.length <= chunk.raw_length + 1024);
            let (mut content, length) = (Vec::new(), chunk.raw_length as usize);
            let frame = &pack[chunk.offset as usize..end as usize];
            assert_eq!(decompressor.open(frame, length, &mut content), Ok(()));
            assert_eq!(Some(content.as_slice()), expected);
        }
        assert_eq!(end as usize, pack.len());
    }
    assert_eq!(read.next(), None);
}

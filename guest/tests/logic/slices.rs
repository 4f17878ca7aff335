//! Large files: cut by their content, so that equal parts are stored once, in any position.

use baton_guest::id::Digest;
use baton_guest::testing::{MemoryFiles, MemoryStore};
use baton_guest::tree::{Content, Location};

use crate::support::driver::{attached_latest, everything, persist, persisted};
use crate::support::stores::stored_bytes;
use crate::support::{build, noise, tree_of};

const MIB: usize = 1 << 20;

#[test]
fn an_insertion_at_the_front_stores_little() {
    let (store, files) = (MemoryStore::default(), MemoryFiles::default());
    let content = noise(1, 40 * MIB);
    files.file("large", content.clone(), 0o644);
    persisted(&store, &files, build(1));
    let before = stored_bytes(&store, "v1/packs/");
    assert!(before >= 40 * MIB as u64, "noise does not compress");
    files.file("large", [b"an insertion".as_slice(), &content].concat(), 0o644);
    let report = persist(&store, &files, &everything(build(2)), 2).unwrap();
    let stored = stored_bytes(&store, "v1/packs/") - before;
    // At worst a largest slice at the front, one on each side of the border of segments, and one at the end.
    assert!(stored <= 4 * MIB as u64, "{stored} bytes");
    assert!(report.new_bytes <= 4 * MIB as u64 && report.new_files == 1);
    assert_eq!(files.listing(), attached_latest(&store).listing());
}

#[test]
fn a_files_digest_is_that_of_its_slices() {
    let (store, files) = (MemoryStore::default(), MemoryFiles::default());
    let content = noise(1, 35 * MIB);
    files.file("large", content.clone(), 0o644);
    let tree = tree_of(&store, &persisted(&store, &files, build(1)));
    let Content::File {
        size,
        digest,
        location: Location::Slices(runs),
    } = &tree.entries[0].content
    else {
        panic!("a file of 35 MiB is kept in slices");
    };
    assert_eq!(*size, content.len() as u64);
    let mut at = 0;
    let mut slices = Vec::new();
    for number in Location::slices(runs) {
        let chunk = &tree.chunks[number as usize];
        let slice = &content[at..at + chunk.raw_length as usize];
        assert_eq!(chunk.digest, Some(Digest::of(slice)));
        assert!(slice.len() <= MIB, "no slice is longer");
        slices.push((Digest::of(slice), slice.len() as u64));
        at += slice.len();
    }
    assert_eq!(at, content.len());
    assert!(
        slices.iter().filter(|(_, length)| *length < 64 << 10).count() <= 2,
        "but at the end of a segment"
    );
    assert_eq!(
        *digest,
        Digest::of_slices(slices.iter().map(|(digest, length)| (digest, *length)))
    );
}

#[test]
fn what_repeats_is_stored_once() {
    let (store, files) = (MemoryStore::default(), MemoryFiles::default());
    files.file("zeros", vec![0; 40 * MIB], 0o644);
    files.file("copy", noise(1, 3 * MIB), 0o644);
    files.file("other-copy", noise(1, 3 * MIB), 0o644);
    let report = persist(&store, &files, &everything(build(1)), 1).unwrap();
    assert!(stored_bytes(&store, "v1/packs/") < 3 * MIB as u64 + 10_000);
    assert!(report.new_bytes <= 5 * MIB as u64, "{}", report.new_bytes);
    assert_eq!(report.new_files, 2);
    assert_eq!(files.listing(), attached_latest(&store).listing());
}

#[test]
fn a_change_in_the_middle_fetches_little() {
    let (store, files) = (MemoryStore::default(), MemoryFiles::default());
    let mut content = noise(1, 10 * MIB);
    files.file("large", content.clone(), 0o644);
    persisted(&store, &files, build(1));
    let to = attached_latest(&store);
    content[5 * MIB] ^= 1;
    files.file("large", content, 0o600);
    persisted(&store, &files, build(2));
    let request = crate::support::driver::all_of("latest", build(3));
    let report = crate::support::driver::attach(&store, &to, &request, 2).unwrap();
    assert!(
        (1..=MIB as u64).contains(&report.new_bytes),
        "{}",
        report.new_bytes
    );
    assert!(
        report.fetched_bytes <= MIB as u64 + 100,
        "{}",
        report.fetched_bytes
    );
    assert_eq!(files.listing(), to.listing());
}

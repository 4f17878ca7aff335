//! Trees whose chunk table or sizes lie: no wrong byte is written, and neither memory nor time runs away.

use std::time::{Duration, Instant};

use baton_guest::chunk::CHUNK_BYTES_MAX;
use baton_guest::context::Context;
use baton_guest::id::Digest;
use baton_guest::record::Record;
use baton_guest::testing::{MemoryFiles, MemoryScratch, MemoryStore};
use baton_guest::verify::{self, Verify};
use serde_json::{Value, json};

use crate::support::driver::{all_of, attach, put_record};
use crate::support::hostile::{bundled, damaged, empty, pack, refused, sliced, tree};
use crate::support::{build, code};

const CONTENT: &[u8] = b"some content of a chunk";

fn digest() -> Digest {
    Digest::of(CONTENT)
}

/// Stores one chunk, and a tree of one file whose line of the chunk table is `cell`. Returns its selector.
fn one_file(store: &MemoryStore, file: Value, cell: impl Fn([u64; 3]) -> Value) -> String {
    let (id, cells) = pack(store, &[CONTENT]);
    tree(vec![file])
        .with_pack(id, json!([cell(cells[0])]))
        .store(store)
}

#[test]
fn a_size_that_does_not_fit_its_bundle_is_refused() {
    let length = CONTENT.len() as u64;
    for (size, chunk, offset) in [
        (length + 1, 0, 0),
        (length, 0, 1),
        (u64::MAX, 0, 0),
        (u64::MAX, 0, u32::MAX),
        (u64::from(u32::MAX) + 2, 0, u32::MAX),
        (1 << 32, 0, 0),
        (0, 0, 0),
        (1, 1, 0),
        (1, u32::MAX, 0),
    ] {
        let store = MemoryStore::default();
        let file = bundled("file", size, digest(), chunk, offset);
        let selector = one_file(&store, file, |cell| json!(cell));
        let message = damaged(&store, &selector);
        assert!(
            message.starts_with("a file does not fit into its bundle"),
            "{size} {chunk} {offset}: {message}"
        );
    }
    // One that is smaller than the chunk fits, and has another digest.
    let store = MemoryStore::default();
    let selector = one_file(&store, bundled("file", length - 1, digest(), 0, 0), |cell| {
        json!(cell)
    });
    assert!(damaged(&store, &selector).starts_with("a tree points to bytes of another file"));
}

#[test]
fn a_size_that_is_not_that_of_its_slices_is_refused() {
    let length = CONTENT.len() as u64;
    let parts = [(digest(), length), (digest(), length)];
    let twice = Digest::of_slices(parts.iter().map(|(digest, length)| (digest, *length)));
    let cell = |[offset, length, raw]: [u64; 3]| json!([offset, length, raw, digest()]);
    for (size, runs) in [
        (length * 2 + 1, json!([[0, 1], [0, 1]])),
        (length * 2 - 1, json!([[0, 1], [0, 1]])),
        (0, json!([[0, 1]])),
        (u64::MAX, json!([[0, 1]])),
        (length * 2, json!([[0, 2]])),
        (length * 2, json!([[0, 4_294_967_295u32]])),
        (length * 2, json!([[4_294_967_295u32, 4_294_967_295u32]])),
        (length, json!([[1, 1]])),
        (length * 2, json!([[0, 0]])),
        (length, json!([[0, 1]])),
    ] {
        let store = MemoryStore::default();
        let selector = one_file(&store, sliced("file", size, twice, runs.clone()), cell);
        let message = damaged(&store, &selector);
        let known = [
            "a file's slices are not",
            "a chunk is not in the table",
            "a file's digest is not",
        ];
        assert!(
            known.iter().any(|known| message.starts_with(known)),
            "{size} {runs}: {message}"
        );
    }
    // A chunk may be used twice: that is how what repeats is stored once.
    let store = MemoryStore::default();
    let selector = one_file(
        &store,
        sliced("file", length * 2, twice, json!([[0, 1], [0, 1]])),
        cell,
    );
    let to = MemoryFiles::default();
    attach(&store, &to, &all_of(&selector, Context::default()), 1).unwrap();
    assert_eq!(to.content("file").unwrap(), [CONTENT, CONTENT].concat());
    // A chunk without a digest is no slice.
    let selector = one_file(&store, sliced("file", length, twice, json!([[0, 1]])), |cell| {
        json!(cell)
    });
    assert!(damaged(&store, &selector).starts_with("a slice has no digest"));
}

#[test]
fn few_bytes_that_stand_for_billions_of_slices_are_refused_at_once() {
    let store = MemoryStore::default();
    let (id, cells) = pack(&store, &[CONTENT]);
    let [offset, length, raw] = cells[0];
    let cells: Vec<Value> = (0..50_000)
        .map(|_| json!([offset, length, raw, digest()]))
        .collect();
    let runs: Vec<Value> = (0..100_000).map(|_| json!([0, 50_000])).collect();
    let size = raw * 50_000 * 100_000;
    let lines = tree(vec![sliced("file", size, digest(), json!(runs))]).with_pack(id, json!(cells));
    let selector = lines.store(&store);
    let started = Instant::now();
    assert_eq!(code(&refused(&store, &selector)), "tree-too-large");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_chunk_table_that_lies_is_refused() {
    let raw = CONTENT.len() as u64;
    for (what, cell) in [
        ("raw length too small", json!([0, 40, raw - 1])),
        ("huge raw length", json!([0, 40, u32::MAX])),
        ("raw length beyond any chunk", json!([0, 40, CHUNK_BYTES_MAX + 1])),
        ("no raw length", json!([0, 40, 0])),
        ("length beyond any frame", json!([0, CHUNK_BYTES_MAX + 1025, raw])),
        ("offset and length overflow", json!([u64::MAX, 40, raw])),
        ("offset beyond any pack", json!([256u64 << 20, 1, raw])),
        ("raw length of 64 bits", json!([0, 40, 1u64 << 32])),
        ("negative", json!([-1, 40, raw])),
        ("too few numbers", json!([0, 40])),
        ("too many numbers", json!([0, 40, raw, digest(), 1])),
        ("no digest", json!([0, 40, raw, "x"])),
        ("no list", json!({"offset": 0})),
        ("nothing", json!([])),
    ] {
        let store = MemoryStore::default();
        let selector = one_file(&store, bundled("file", raw, digest(), 0, 0), |_| cell.clone());
        assert!(!damaged(&store, &selector).is_empty(), "{what}");
    }
}

#[test]
fn a_frame_that_is_not_where_the_table_says_is_refused() {
    let raw = CONTENT.len() as u64;
    for (what, change) in [
        ("expands beyond what is declared", [0, 0, -5]),
        ("expands to less", [0, 0, 5]),
        ("begins later", [1, -1, 0]),
        ("ends earlier", [0, -1, 0]),
        ("goes on behind the pack", [0, 1, 0]),
        ("lies behind the pack", [1000, 0, 0]),
        ("is empty", [0, -1000, 0]),
    ] {
        let store = MemoryStore::default();
        let size = (raw as i64 + change[2]).min(raw as i64) as u64;
        let file = bundled("file", size, digest(), 0, 0);
        let changed = |cell: [u64; 3]| {
            let cell: Vec<i64> = cell
                .iter()
                .zip(change)
                .map(|(a, b)| (*a as i64 + b).max(0))
                .collect();
            json!(cell)
        };
        let selector = one_file(&store, file, changed);
        let message = damaged(&store, &selector);
        assert!(message.starts_with("the chunk at "), "{what}: {message}");
    }
}

#[test]
fn a_frame_that_expands_a_thousandfold_is_cut_off() {
    // 2 GiB of zeros in blocks that repeat one byte: RFC 8878, 3.1.1.2.2.
    let mut bomb = vec![0x28, 0xb5, 0x2f, 0xfd, 0b0000_0000, 0b0101_0000];
    for block in 0..16_384u32 {
        let header = (128u32 << 10) << 3 | 1 << 1 | u32::from(block == 16_383);
        bomb.extend_from_slice(&header.to_le_bytes()[..3]);
        bomb.push(0);
    }
    let store = MemoryStore::default();
    let id = baton_guest::id::PackId::of(&bomb);
    let length = bomb.len();
    store
        .objects
        .borrow_mut()
        .insert(baton_guest::keys::pack(&id), bomb);
    for raw in [1, CHUNK_BYTES_MAX] {
        let file = bundled("file", raw as u64, digest(), 0, 0);
        let selector = tree(vec![file])
            .with_pack(id, json!([[0, length, raw]]))
            .store(&store);
        let started = Instant::now();
        assert!(damaged(&store, &selector).starts_with("the chunk at 0 cannot be opened"));
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn a_pack_that_is_not_there_is_named() {
    let store = MemoryStore::default();
    let id = baton_guest::id::PackId::of(b"nobody has it");
    let file = bundled("file", 1, digest(), 0, 0);
    let selector = tree(vec![empty("empty"), file])
        .with_pack(id, json!([[0, 10, 10]]))
        .store(&store);
    let baton_guest::Error::Damaged(damage) = refused(&store, &selector) else {
        panic!("damaged")
    };
    assert_eq!(
        (damage.key, damage.expected),
        (baton_guest::keys::pack(&id), id.to_string())
    );
}

#[test]
fn two_lengths_for_one_place_are_refused() {
    let store = MemoryStore::default();
    let (id, cells) = pack(&store, &[CONTENT]);
    let [offset, length, raw] = cells[0];
    let files = vec![
        bundled("a", raw, digest(), 0, 0),
        bundled("b", raw, digest(), 1, 0),
    ];
    let table = json!([[offset, length, raw], [offset, length - 1, raw]]);
    let selector = tree(files).with_pack(id, table).store(&store);
    assert!(damaged(&store, &selector).contains("different lengths"));
}

#[test]
fn chunks_that_overlap_are_read_each_for_itself() {
    let store = MemoryStore::default();
    let noise = crate::support::noise(1, 50_000);
    let (id, cells) = pack(&store, &[&noise, CONTENT]);
    // The second chunk claims to begin inside the first one's frame.
    let inside = [cells[0][0] + 20, 30, 23];
    let files = vec![
        bundled("a", 50_000, Digest::of(&noise), 0, 0),
        bundled("b", 23, digest(), 1, 0),
    ];
    let selector = tree(files).with_pack(id, json!([cells[0], inside])).store(&store);
    damaged(&store, &selector);
}

#[test]
fn of_two_trees_of_one_pack_the_one_that_is_wrong_is_blamed() {
    let store = MemoryStore::default();
    let length = CONTENT.len() as u64;
    for (number, size) in [(1, length), (2, length - 1)] {
        let selector = one_file(&store, bundled("file", size, digest(), 0, 0), |cell| json!(cell));
        let record = Record {
            tree: selector.strip_prefix("tree:").unwrap().parse().unwrap(),
            files: 1,
            bytes: size,
            ..build(number).record("dist").unwrap()
        };
        put_record(&store, &record);
    }
    let all = Verify {
        scope: None,
        data: true,
        names_builds: false,
    };
    let planned = verify::plan(&store, &MemoryScratch, &all).unwrap();
    let outcomes: Vec<_> = planned
        .tasks
        .iter()
        .map(|task| verify::run(&store, &MemoryScratch, &task.payload).unwrap())
        .collect();
    let verified = verify::finish(&store, &MemoryScratch, &planned.rest, &outcomes).unwrap();
    let findings = verified.findings;
    let blamed: Vec<Vec<u64>> = findings
        .iter()
        .map(|found| found.builds.iter().map(|build| build.number).collect())
        .collect();
    assert_eq!(blamed, [[2]], "{findings:?}");
    assert!(
        findings[0].damage.message.contains("though the pack is whole"),
        "{findings:?}"
    );
}

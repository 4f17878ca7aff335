//! Hostile chunks: where they are, what they say that they hold, and what they hold.

use serde_json::{Value, json};

use super::cases::{Case, DAMAGED, End, base, built};
use super::written::{Written, digest, file, frame, frame_header, lines, push_block, sliced, tree, with};

/// A tree of one file in a bundle, with its chunk table as the case wants it.
fn bundled(name: &str, cells: Value, size: u64, content: &[u8], frames: Vec<u8>, end: End) -> Case {
    let mut store = base();
    let pack = json!({ "pack": store.put_named("packs", frames), "chunks": cells });
    let entry = with(file("a", content), json!({ "size": size, "bundle": [0, 0] }));
    let id = store.put_tree(&lines(&tree(&[pack], &[entry])));
    built(name, store, &id, end)
}

/// Chunks that lie about where they are and what they hold.
pub(crate) fn chunks() -> Vec<Case> {
    let content = &b"content"[..];
    let good = frame(content);
    let length = good.len();
    let one = |name: &str, cells: Value, end| bundled(name, cells, 7, content, good.clone(), end);
    let overlapping = json!([[0, length, 7], [0, length, 7], [1, length - 1, 7]]);
    let mut cases = vec![
        one("an honest chunk", json!([[0, length, 7]]), End::Fine),
        one("chunks that overlap", overlapping, End::Fine),
        one("no chunk", json!([]), DAMAGED),
        one("an offset of 2^63", json!([[1_u64 << 63, length, 7]]), DAMAGED),
        one("an offset of 2^64 - 1", json!([[u64::MAX, length, 7]]), DAMAGED),
        one("an offset below zero", json!([[-1, length, 7]]), DAMAGED),
        one("an offset after the end", json!([[length, length, 7]]), DAMAGED),
        one("an offset in the frame", json!([[1, length - 1, 7]]), DAMAGED),
        one(
            "an end after 256 MiB",
            json!([[(256_u64 << 20) - 1, 2, 7]]),
            DAMAGED,
        ),
        one("a frame of no bytes", json!([[0, 0, 7]]), DAMAGED),
        one("a frame that is cut", json!([[0, length - 1, 7]]), DAMAGED),
        one("a frame that goes on", json!([[0, length + 1, 7]]), DAMAGED),
        one("a frame of 2^32 - 1 bytes", json!([[0, u32::MAX, 7]]), DAMAGED),
        one("content of no bytes", json!([[0, length, 0]]), DAMAGED),
        one(
            "content of 2 MiB and a byte",
            json!([[0, length, (2 << 20) + 1]]),
            DAMAGED,
        ),
        one(
            "content of 2^32 bytes",
            json!([[0, length, 1_u64 << 32]]),
            DAMAGED,
        ),
        one("less content than there is", json!([[0, length, 6]]), DAMAGED),
        one("more content than there is", json!([[0, length, 8]]), DAMAGED),
        one("a cell of two numbers", json!([[0, length]]), DAMAGED),
        one("a cell of text", json!([["0", length, 7]]), DAMAGED),
        bundled(
            "a file larger than its bundle",
            json!([[0, length, 7]]),
            8,
            content,
            good.clone(),
            DAMAGED,
        ),
        bundled(
            "a file of 2^63 bytes",
            json!([[0, length, 7]]),
            1 << 63,
            content,
            good.clone(),
            DAMAGED,
        ),
        bundled(
            "a file of 2^64 - 1 bytes",
            json!([[0, length, 7]]),
            u64::MAX,
            content,
            good.clone(),
            DAMAGED,
        ),
        bundled(
            "another content",
            json!([[0, length, 7]]),
            7,
            b"CONTENT",
            good.clone(),
            DAMAGED,
        ),
    ];
    // Nobody needs the checksum: the digest says whether the content is right.
    let summed = [
        &[0x28, 0xb5, 0x2f, 0xfd, 0xa4, 7, 0, 0, 0],
        &good[9..],
        &[1, 2, 3, 4],
    ]
    .concat();
    let cells = json!([[0, summed.len(), 7]]);
    cases.push(bundled(
        "a checksum that is wrong",
        cells,
        7,
        content,
        summed,
        End::Fine,
    ));
    for (name, bytes) in frames(content) {
        let cells = json!([[0, bytes.len(), 7]]);
        cases.push(bundled(name, cells, 7, content, bytes, DAMAGED));
    }
    let mut store = base();
    let lost = json!({ "pack": digest(b"nowhere"), "chunks": [[0, length, 7]] });
    let entry = with(file("a", content), json!({ "bundle": [0, 0] }));
    let id = store.put_tree(&lines(&tree(&[lost], std::slice::from_ref(&entry))));
    cases.push(built("a pack that is missing", store.clone(), &id, DAMAGED));
    let other = json!({ "pack": digest(b"another"), "chunks": [[0, length, 7]] });
    store.put(
        &format!("v1/packs/{}/{}", &digest(b"another")[..2], digest(b"another")),
        frame(b"CONTENT"),
    );
    let id = store.put_tree(&lines(&tree(&[other], &[entry])));
    cases.push(built("a pack of another digest and content", store, &id, DAMAGED));
    cases.extend(shared_chunk());
    cases
}

/// Frames that are not one frame of the content.
fn frames(content: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let good = frame(content);
    let block = &good[9..];
    let bomb = |claimed: u32| {
        let mut frame = frame_header(claimed);
        (0..100_000).for_each(|at| {
            push_block(&mut frame, 1, 128 << 10, at == 99_999);
            frame.push(b'c');
        });
        frame
    };
    vec![
        ("a frame that is none", vec![0; 16]),
        (
            "a frame that says another size",
            [&frame_header(8), block].concat(),
        ),
        ("a bomb of 12 GiB that says so", bomb(u32::MAX)),
        ("a bomb of 12 GiB that says 7 bytes", bomb(7)),
        (
            "a dictionary",
            [&[0x28, 0xb5, 0x2f, 0xfd, 0xa3, 1, 2, 3, 4, 7, 0, 0, 0], block].concat(),
        ),
        (
            "a window of terabytes",
            [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xff], block].concat(),
        ),
        (
            "a reserved bit",
            [&[0x28, 0xb5, 0x2f, 0xfd, 0xa8, 7, 0, 0, 0], block].concat(),
        ),
        (
            "a reserved kind of block",
            [&frame_header(7)[..], &[0b111, 0, 0]].concat(),
        ),
        (
            "a skippable frame alone",
            [&[0x50, 0x2a, 0x4d, 0x18, 7, 0, 0, 0], content].concat(),
        ),
        (
            "an old frame of zstd",
            [&[0x27, 0xb5, 0x2f, 0xfd], &good[4..]].concat(),
        ),
    ]
}

/// Many files in one chunk, each with its own place in it.
fn shared_chunk() -> Vec<Case> {
    let mut store = base();
    let content = vec![b'x'; 1 << 20];
    let pack = store.put_pack(&[&content]);
    let entries: Vec<Value> = (0..100)
        .map(|at| {
            with(
                file(&format!("{at:03}"), &content[at..]),
                json!({ "bundle": [0, at] }),
            )
        })
        .collect();
    let id = store.put_tree(&lines(&tree(&[pack], &entries)));
    vec![built("files that overlap in their bundle", store, &id, End::Fine)]
}

/// Slices that lie.
pub(crate) fn slices() -> Vec<Case> {
    let content = &b"content"[..];
    let own = digest(content);
    let sliced_store = |cell_digest: Option<&str>| -> (Written, Value) {
        let mut store = base();
        let mut pack = store.put_pack(&[content]);
        if let Some(digest) = cell_digest {
            pack["chunks"][0].as_array_mut().unwrap().push(digest.into());
        }
        (store, pack)
    };
    let case = |name: &str, cell: Option<&str>, fields: Value, end: End| {
        let (mut store, pack) = sliced_store(cell);
        let whole = json!({ "digest": sliced(&[content]), "slices": [[0, 1]] });
        let entry = with(with(file("a", content), whole), fields);
        let id = store.put_tree(&lines(&tree(&[pack], &[entry])));
        built(name, store, &id, end)
    };
    let other = digest(b"other");
    vec![
        case("an honest slice", Some(&own), json!({}), End::Fine),
        case("a slice without a digest", None, json!({}), DAMAGED),
        case("a slice of another digest", Some(&other), json!({}), DAMAGED),
        case(
            "slices of the contents' digest",
            Some(&own),
            json!({ "digest": own }),
            DAMAGED,
        ),
        case("no slices", Some(&own), json!({ "slices": [] }), DAMAGED),
        case(
            "a run of none",
            Some(&own),
            json!({ "slices": [[0, 0]] }),
            DAMAGED,
        ),
        case(
            "a run after the table",
            Some(&own),
            json!({ "slices": [[0, 2]] }),
            DAMAGED,
        ),
        case(
            "a run of 2^32 - 1",
            Some(&own),
            json!({ "slices": [[0, u32::MAX]] }),
            DAMAGED,
        ),
        case(
            "a run that wraps",
            Some(&own),
            json!({ "slices": [[u32::MAX, u32::MAX]] }),
            DAMAGED,
        ),
        case(
            "a run of 2^32",
            Some(&own),
            json!({ "slices": [[0, 1_u64 << 32]] }),
            DAMAGED,
        ),
        case("more than the slices", Some(&own), json!({ "size": 8 }), DAMAGED),
        case("less than the slices", Some(&own), json!({ "size": 6 }), DAMAGED),
        case(
            "2^63 bytes in a slice",
            Some(&own),
            json!({ "size": 1_u64 << 63 }),
            DAMAGED,
        ),
        case(
            "a bundle and slices",
            Some(&own),
            json!({ "bundle": [0, 0] }),
            DAMAGED,
        ),
        case(
            "a million runs of one slice",
            Some(&own),
            json!({ "slices": vec![[0, 1]; 1_000_000] }),
            DAMAGED,
        ),
    ]
}

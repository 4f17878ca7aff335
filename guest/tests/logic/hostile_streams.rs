//! Trees whose header or stream lies: what is none is refused, and what is one, however large, is not.

use std::time::{Duration, Instant};

use baton_guest::Error;
use baton_guest::attach::{self, Attach};
use baton_guest::context::Context;
use baton_guest::testing::{MemoryFiles, MemoryScratch, MemoryStore};
use serde_json::{Value, json};
use structured_zstd::encoding::{CompressionLevel, compress_slice_to_vec};

use crate::support::code;
use crate::support::driver::{self, all_of};
use crate::support::hostile::{
    Lines, damaged, directory, empty, pack, refused, store_bytes, store_text, symlink, tree, with,
};

fn header(field: &str, value: Value) -> Lines {
    let lines = tree(vec![empty("a"), empty("b")]);
    Lines {
        header: with(lines.header.clone(), field, value),
        ..lines
    }
}

#[test]
fn a_header_that_counts_wrong_is_refused() {
    let store = MemoryStore::default();
    for (field, value) in [("entries", 1), ("entries", 3), ("entries", 0), ("packs", 1)] {
        let selector = header(field, json!(value)).store(&store);
        assert!(!damaged(&store, &selector).is_empty(), "{field} {value}");
    }
    let (id, _) = pack(&store, &[b"x"]);
    let lines = tree(vec![]).with_pack(id, json!([[0, 10, 1]]));
    let fewer = Lines {
        header: with(lines.header.clone(), "packs", json!(0)),
        ..lines
    };
    let selector = fewer.store(&store);
    assert!(damaged(&store, &selector).contains("after its end"));
    for (field, value) in [
        ("entries", 1u64 << 60),
        ("packs", 1 << 60),
        ("entries", u64::MAX),
        ("entries", 2_000_001),
    ] {
        let selector = header(field, json!(value)).store(&store);
        assert_eq!(
            code(&refused(&store, &selector)),
            "tree-too-large",
            "{field} {value}"
        );
    }
    for value in [json!(-1), json!(1e9), json!("2"), json!(null)] {
        let selector = header("entries", value).store(&store);
        damaged(&store, &selector);
    }
}

#[test]
fn what_is_no_tree_is_refused() {
    let store = MemoryStore::default();
    for value in [
        json!("record"),
        json!("Tree"),
        json!(""),
        json!(1),
        json!("\u{1b}[2J"),
    ] {
        let selector = header("baton", value).store(&store);
        damaged(&store, &selector);
    }
    let selector = header("version", json!(0)).store(&store);
    damaged(&store, &selector);
    for version in [2u32, u32::MAX] {
        let selector = header("version", json!(version)).store(&store);
        let error = refused(&store, &selector);
        assert!(matches!(error, Error::Unsupported(_)), "{error:?}");
        assert!(error.to_string().contains(&version.to_string()));
    }
    for text in ["", "\n", "{}\n", "null\n", "[]\n", "\u{feff}{}\n", "not json\n"] {
        let selector = store_text(&store, text.as_bytes());
        damaged(&store, &selector);
    }
    let valid = tree(vec![empty("a")]).text();
    for text in [
        valid.replace('\n', ""),
        valid.replace('\n', "\n\n"),
        format!("{valid}\n"),
        format!("{valid}{{}}\n"),
    ] {
        let selector = store_text(&store, text.as_bytes());
        damaged(&store, &selector);
    }
    let selector = store_text(
        &store,
        b"{\"baton\":\"tree\xff\",\"version\":1,\"entries\":0,\"packs\":0}\n",
    );
    damaged(&store, &selector);
}

#[test]
fn a_stream_that_is_not_one_whole_frame_is_refused() {
    let store = MemoryStore::default();
    let valid = compress_slice_to_vec(
        tree(vec![empty("a")]).text().as_bytes(),
        CompressionLevel::Fastest,
    );
    let mut others = vec![
        Vec::new(),
        b"plain text".to_vec(),
        vec![0; 1000],
        tree(vec![]).text().into_bytes(),
    ];
    others.extend((1..valid.len()).map(|length| valid[..length].to_vec()));
    others.push([&valid, b"garbage".as_slice()].concat());
    others.push([valid.clone(), valid.clone()].concat());
    for bytes in others {
        let selector = store_bytes(&store, bytes);
        damaged(&store, &selector);
    }
    // A window of 2^41 bytes: RFC 8878, 3.1.1.1.2.
    let selector = store_bytes(&store, [&[0x28, 0xb5, 0x2f, 0xfd, 0, 0xf8], &valid[6..]].concat());
    damaged(&store, &selector);
    // A content size of 2^60, in a single segment.
    let size = (1u64 << 60).to_le_bytes();
    let frame = [
        &[0x28, 0xb5, 0x2f, 0xfd, 0b1110_0000],
        size.as_slice(),
        &[1, 0, 0],
    ]
    .concat();
    let selector = store_bytes(&store, frame);
    damaged(&store, &selector);
}

/// A frame as an enemy makes it, block by block: RFC 8878, 3.1.1.2.
struct Frame(Vec<u8>);

impl Frame {
    fn new() -> Frame {
        // No content size, a window of 1 MiB.
        Frame(vec![0x28, 0xb5, 0x2f, 0xfd, 0b0000_0000, 0b0101_0000])
    }

    fn block(mut self, kind: u32, length: usize, bytes: &[u8], last: bool) -> Frame {
        let header = (length as u32) << 3 | kind << 1 | u32::from(last);
        self.0.extend_from_slice(&header.to_le_bytes()[..3]);
        self.0.extend_from_slice(bytes);
        self
    }

    fn raw(self, bytes: &[u8]) -> Frame {
        self.block(0, bytes.len(), bytes, false)
    }

    /// So many blocks of 128 KiB that repeat one byte: 4 bytes each.
    fn repeated(self, byte: u8, blocks: u32) -> Frame {
        (0..blocks).fold(self, |frame, _| frame.block(1, 128 << 10, &[byte], false))
    }

    fn end(self) -> Vec<u8> {
        self.block(0, 0, &[], true).0
    }
}

#[test]
fn a_line_without_end_is_refused_early() {
    let store = MemoryStore::default();
    let header = tree(vec![empty("a")]).text().lines().next().unwrap().to_owned() + "\n";
    let entry = empty("a").to_string() + "\n";
    let started = Instant::now();
    // 32 MiB, and 1 GiB: before the header, and in place of an entry.
    for blocks in [256, 8192] {
        for (head, byte) in [
            ("", b' '),
            (header.as_str(), b' '),
            (header.as_str(), b'['),
            (header.as_str(), b'\n'),
        ] {
            let frame = Frame::new()
                .raw(head.as_bytes())
                .repeated(byte, blocks)
                .raw(entry.as_bytes());
            let selector = store_bytes(&store, frame.end());
            damaged(&store, &selector);
        }
    }
    let text = tree(vec![empty(&"x".repeat(32 << 20))]).text();
    let selector = store_text(&store, text.as_bytes());
    assert!(damaged(&store, &selector).contains("the line has no end"));
    assert!(started.elapsed() < Duration::from_secs(20));
    // Spaces are no harm as long as the line has its end.
    let frame = Frame::new()
        .raw(header.as_bytes())
        .repeated(b' ', 100)
        .raw(entry.as_bytes());
    let selector = store_bytes(&store, frame.end());
    driver::attach(
        &store,
        &MemoryFiles::default(),
        &all_of(&selector, Context::default()),
        1,
    )
    .unwrap();
}

/// A tree of one directory with many links, which need no bytes elsewhere.
fn many(entries: usize) -> String {
    let header = json!({"baton": "tree", "version": 1, "entries": entries + 1, "packs": 0});
    let mut text = format!("{header}\n{}\n", directory("d"));
    let (line, name) = (symlink("d/0000000", "x").to_string() + "\n", "0000000");
    for number in 0..entries {
        text.push_str(&line.replacen(name, &format!("{number:07}"), 1));
    }
    text
}

#[test]
fn many_entries_are_no_harm() {
    let store = MemoryStore::default();
    let to = MemoryFiles::default();
    let started = Instant::now();
    let selector = store_text(&store, many(1_000_000).as_bytes());
    let dry = Attach {
        dry_run: true,
        ..all_of(&selector, Context::default())
    };
    assert_eq!(
        attach::plan(&store, &to, &MemoryScratch, &dry)
            .unwrap()
            .steps
            .len(),
        1_000_001
    );
    let selector = store_text(&store, many(100_000).as_bytes());
    let report = driver::attach(&store, &to, &all_of(&selector, Context::default()), 1).unwrap();
    assert_eq!(report.symlinks, 100_000);
    assert!(
        started.elapsed() < Duration::from_secs(60),
        "{:?}",
        started.elapsed()
    );
}

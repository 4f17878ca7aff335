//! Random trees of files, and what two of them make together.

use std::collections::BTreeMap;

use baton_guest::path;
use baton_guest::ports::{AttributeChange, Files, Link, Time};
use baton_guest::testing::MemoryFiles;
use proptest::prelude::*;
use proptest::sample::select;

use super::noise;

/// The border between bundles and slices, as docs/reference/format.md has it.
pub(crate) const SMALL_BYTES_MAX: usize = 1 << 20;

/// One entry of a model of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Directory,
    Symlink(String),
    /// Seed and length, which say all about the bytes, and whether they repeat.
    File(u64, usize, bool),
}

/// A directory: path, node, permission bits, time. Every parent is among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Model(pub(crate) BTreeMap<String, (Node, u16, Time)>);

/// Returns the bytes that a [`Node::File`] stands for.
pub(crate) fn content(seed: u64, length: usize, repeats: bool) -> Vec<u8> {
    if repeats {
        let line = format!("let value_{seed} = load(\"{seed}\")?;\n");
        line.bytes().cycle().take(length).collect()
    } else {
        noise(seed, length)
    }
}

impl Model {
    /// Adds an entry unless something else is in the way, and the directories above it.
    pub(crate) fn add(&mut self, path: &str, node: Node, bits: u16, modified: Time) {
        let mut dir = path::parent(path);
        let mut above = Vec::new();
        while !dir.is_empty() {
            match self.0.get(dir) {
                Some((Node::Directory, ..)) => {}
                Some(_) => return,
                None => above.push(dir.to_owned()),
            }
            dir = path::parent(dir);
        }
        if self.0.contains_key(path) {
            return;
        }
        for dir in above {
            self.0.insert(
                dir,
                (
                    Node::Directory,
                    0o755,
                    Time {
                        seconds: 7,
                        nanoseconds: 0,
                    },
                ),
            );
        }
        self.0.insert(path.to_owned(), (node, bits, modified));
    }

    /// Creates the files.
    pub(crate) fn files(&self) -> MemoryFiles {
        let files = MemoryFiles::default();
        for (path, (node, bits, modified)) in &self.0 {
            match node {
                Node::Directory => files.directory(path, *bits),
                Node::Symlink(target) => {
                    let link = Link {
                        path: path.clone(),
                        target: target.clone(),
                        modified: *modified,
                    };
                    files.link(&[link]).unwrap();
                    continue;
                }
                Node::File(seed, length, repeats) => {
                    files.file(path, content(*seed, *length, *repeats), *bits);
                }
            }
            files
                .apply(&[AttributeChange {
                    path: path.clone(),
                    bits: Some(*bits),
                    modified: *modified,
                }])
                .unwrap();
        }
        files
    }

    /// Returns the files after `tree` was attached over these, or `None` if a directory is in the way.
    pub(crate) fn overlaid_by(&self, tree: &Model) -> Option<Model> {
        let mut both = tree.clone();
        for (path, (node, bits, modified)) in &self.0 {
            match tree.0.get(path) {
                Some((Node::Directory, ..)) => {}
                Some(_) if *node == Node::Directory => return None,
                Some(_) => {}
                None => {
                    both.0.insert(path.clone(), (node.clone(), *bits, *modified));
                }
            }
        }
        Some(both)
    }
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(vec!["a", "b", "A", "a-b", "a.txt", "src"]).prop_map(str::to_owned),
        1 => select(vec![
            " ", "a\nb", "\"quoted\"", "'", "-rf", "...", "\\", "\u{7f}", "é", "e\u{301}", "日本", "🦀",
            "*", "[a]", "{a,b}", "!a", "~", "CON", "\t", ".hidden",
        ])
        .prop_map(str::to_owned),
        1 => select(vec!["x", "ö"]).prop_map(|part| part.repeat(255 / part.len())),
    ]
}

fn time() -> impl Strategy<Value = Time> {
    let seconds = prop_oneof![Just(0), Just(-1), -5_000_000_000i64..5_000_000_000];
    (
        seconds,
        prop_oneof![Just(0), Just(999_999_999), 0u32..1_000_000_000],
    )
        .prop_map(|(seconds, nanoseconds)| Time { seconds, nanoseconds })
}

fn length(most: usize) -> impl Strategy<Value = usize> {
    let borders = vec![
        0,
        1,
        2,
        SMALL_BYTES_MAX - 1,
        SMALL_BYTES_MAX,
        SMALL_BYTES_MAX + 1,
        2_500_000,
    ];
    let borders: Vec<usize> = borders.into_iter().filter(|length| *length <= most).collect();
    prop_oneof![
        12 => 0..2000usize,
        4 => 2000..40_000usize,
        2 => select(borders),
    ]
}

fn node(most: usize) -> impl Strategy<Value = (Node, u16)> {
    let target = select(vec!["a", "../x", "/etc/passwd", "..", ".", "dangling/\n", "é"]);
    prop_oneof![
        // Few seeds, so that some files are equal.
        8 => (0u64..8, length(most), any::<bool>(), bits(0)).prop_map(|(seed, length, repeats, bits)| {
            (Node::File(seed, length, repeats), bits)
        }),
        2 => bits(0o700).prop_map(|bits| (Node::Directory, bits)),
        1 => target.prop_map(|target| (Node::Symlink(target.to_owned()), 0)),
    ]
}

fn bits(at_least: u16) -> impl Strategy<Value = u16> {
    prop_oneof![Just(0o644), Just(0o755), 0..=0o777u16].prop_map(move |bits| bits | at_least)
}

/// Trees with files of at most `most` bytes.
pub(crate) fn trees(most: usize) -> impl Strategy<Value = Model> {
    let path = prop::collection::vec(name(), 1..5).prop_map(|names| names.join("/"));
    prop::collection::vec((path, node(most), time()), 0..25).prop_map(|entries| {
        let mut model = Model::default();
        for (path, (node, bits), modified) in entries {
            model.add(&path, node, bits, modified);
        }
        model
    })
}

//! Trees whose entries an enemy wrote: nothing is ever written outside, nor anything at all.

use baton_guest::Error;
use baton_guest::context::Context;
use baton_guest::id::Digest;
use baton_guest::testing::MemoryStore;
use serde_json::{Value, json};

use crate::support::driver::{all_of, attach, attached_latest, persisted_file, put_record};
use crate::support::hostile::{
    bundled, damaged, directory, directory_with_things, empty, pack, refused, store_text, symlink, tree, with,
};
use crate::support::{build, code};

/// Says of several trees that each is damaged.
fn all_damaged(trees: Vec<Vec<Value>>) {
    for entries in trees {
        let store = MemoryStore::default();
        let selector = tree(entries.clone()).store(&store);
        let message = damaged(&store, &selector);
        assert!(!message.is_empty(), "{entries:?}");
    }
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    let long = format!("{}x", "a/".repeat(2048));
    let wrong = [
        "",
        "/",
        "/etc/passwd",
        "..",
        "../x",
        "a/../../x",
        "a/..",
        ".",
        "./a",
        "a/.",
        "a//b",
        "a/",
        "//a",
        "a\0b",
        "\0",
        &"x".repeat(256),
        &long,
    ];
    for path in wrong {
        all_damaged(vec![
            vec![empty(path)],
            vec![directory(path)],
            vec![symlink(path, "x")],
        ]);
        // With everything above it that an honest tree would have.
        all_damaged(vec![vec![directory("a"), empty(path)]]);
    }
}

#[test]
fn nothing_lies_in_what_is_no_directory() {
    all_damaged(vec![
        vec![symlink("a", "/tmp"), empty("a/b")],
        vec![symlink("a", "."), directory("a/b"), empty("a/b/c")],
        vec![empty("a"), empty("a/b")],
        vec![empty("a/b")],
        vec![directory("a"), empty("a/b/c")],
        vec![directory("a"), directory("b"), empty("a/c")],
        // Cycles consist of links, and no entry is below a link.
        vec![directory("a"), symlink("a/self", "../a"), empty("a/self/x")],
    ]);
}

#[test]
fn each_path_is_there_once_and_in_order() {
    all_damaged(vec![
        vec![empty("a"), empty("a")],
        vec![empty("a"), directory("a")],
        vec![symlink("a", "/etc"), directory("a"), empty("a/passwd")],
        vec![directory("a"), symlink("a", "/etc")],
        vec![directory("a"), empty("a/b"), directory("a"), empty("a/b")],
        vec![empty("b"), empty("a")],
        vec![directory("a"), empty("a-b"), empty("a/b")],
    ]);
}

#[test]
fn a_link_that_is_there_is_replaced_and_never_followed() {
    let store = MemoryStore::default();
    let (id, cells) = pack(&store, &[b"new"]);
    let new = |path: &str| bundled(path, 3, Digest::of(b"new"), 0, 0);
    let into = tree(vec![directory("link"), new("link/passwd")])
        .with_pack(id, json!([cells[0]]))
        .store(&store);
    let over = tree(vec![new("link")])
        .with_pack(id, json!([cells[0]]))
        .store(&store);
    for (selector, path) in [(into, "link/passwd"), (over, "link")] {
        let to = directory_with_things();
        attach(&store, &&to, &all_of(&selector, Context::default()), 1).unwrap();
        assert_eq!(to.inner.content(path).unwrap(), b"new");
        assert_eq!(to.inner.content("there").unwrap(), b"old");
        assert!(!to.inner.listing().iter().any(|line| line.contains("->")));
    }
}

#[test]
fn the_staging_directorys_name_is_reserved_at_the_top() {
    for entries in [
        vec![empty(".baton-attach")],
        vec![symlink(".baton-attach", "/etc")],
        vec![
            directory(".baton-attach"),
            directory(".baton-attach/t"),
            empty(".baton-attach/t/1"),
        ],
    ] {
        let store = MemoryStore::default();
        let selector = tree(entries).store(&store);
        assert_eq!(code(&refused(&store, &selector)), "reserved-name");
    }
    let store = MemoryStore::default();
    let selector = tree(vec![directory("a"), directory("a/.baton-attach")]).store(&store);
    attach(
        &store,
        &&directory_with_things(),
        &all_of(&selector, Context::default()),
        1,
    )
    .unwrap();
}

#[test]
fn permission_bits_are_nine() {
    for mode in [
        "7777", "4755", "1777", "+77", "-77", " 77", "77", "888", "0o7", "", "٣٣٣",
    ] {
        all_damaged(vec![
            vec![with(empty("a"), "mode", json!(mode))],
            vec![with(directory("a"), "mode", json!(mode))],
        ]);
    }
    all_damaged(vec![
        vec![with(symlink("a", "b"), "mode", json!("777"))],
        vec![with(empty("a"), "mode", json!(644))],
    ]);
}

#[test]
fn an_entry_has_what_its_kind_needs_and_no_more() {
    let digest = json!(Digest::of(b""));
    let mut trees = vec![
        vec![with(directory("a"), "size", json!(0))],
        vec![with(directory("a"), "digest", digest.clone())],
        vec![with(directory("a"), "target", json!("x"))],
        vec![with(directory("a"), "slices", json!([[0, 1]]))],
        vec![with(symlink("a", "b"), "bundle", json!([0, 0]))],
        vec![with(empty("a"), "target", json!("x"))],
        vec![json!({"path": "a", "kind": "file", "mode": "644", "modified": [1, 2], "digest": digest})],
        vec![json!({"path": "a", "kind": "file", "mode": "644", "modified": [1, 2], "size": 0})],
        vec![json!({"path": "a", "kind": "directory", "mode": "755"})],
        vec![json!({"kind": "directory", "mode": "755", "modified": [1, 2]})],
        vec![with(
            with(empty("a"), "bundle", json!([0, 0])),
            "slices",
            json!([[0, 1]]),
        )],
        vec![with(empty("a"), "digest", json!("0".repeat(63)))],
        vec![with(empty("a"), "digest", json!("A".repeat(64)))],
    ];
    let long = "x".repeat(4096);
    for target in ["", "a\0b", &long] {
        trees.push(vec![symlink("a", target)]);
    }
    for modified in [
        json!([1, 1_000_000_000]),
        json!([1, -1]),
        json!([1]),
        json!([1.5, 0]),
        json!([1e300, 0]),
        json!(1),
    ] {
        trees.push(vec![with(empty("a"), "modified", modified)]);
    }
    for kind in [
        json!("fifo"),
        json!("File"),
        json!(1),
        json!("\u{1b}[2J\u{202e}file\n"),
    ] {
        trees.push(vec![with(empty("a"), "kind", kind)]);
    }
    for size in [json!(-1), json!(1.0), json!("0"), json!(1e30), json!(null)] {
        trees.push(vec![with(empty("a"), "size", size)]);
    }
    all_damaged(trees);
}

#[test]
fn a_message_repeats_a_hostile_name_as_it_is_and_no_long_text() {
    let store = MemoryStore::default();
    let name = "\u{1b}[2J\r\n\u{202e}".repeat(40);
    let selector = tree(vec![empty(&name), empty(&name)]).store(&store);
    // The host escapes what it shows.
    assert!(damaged(&store, &selector).contains(&name));
    // Every refusal is checked to be short.
    let selector = tree(vec![with(empty("a"), "kind", json!("x".repeat(1 << 20)))]).store(&store);
    damaged(&store, &selector);
}

#[test]
fn a_field_twice_is_refused_and_an_unknown_one_is_ignored() {
    let store = MemoryStore::default();
    let header = r#"{"baton":"tree","version":1,"entries":1,"packs":0}"#;
    let twice = format!(
        "{header}\n{}\n",
        r#"{"path":"a","path":"b","kind":"directory","mode":"755","modified":[1,2]}"#
    );
    let selector = store_text(&store, twice.as_bytes());
    damaged(&store, &selector);
    // So that a later baton can add what an older one need not know.
    let selector = tree(vec![with(directory("a"), "comment", json!({"deep": [[[1]]]}))]).store(&store);
    attach(
        &store,
        &&directory_with_things(),
        &all_of(&selector, Context::default()),
        1,
    )
    .unwrap();
}

#[test]
fn values_that_nest_without_end_are_refused() {
    let store = MemoryStore::default();
    let nested = "[".repeat(100_000) + &"]".repeat(100_000);
    let header = r#"{"baton":"tree","version":1,"entries":1,"packs":1}"#;
    for line in [
        format!(r#"{{"path":{nested}}}"#),
        format!(r#"{{"path":"a","kind":"directory","mode":"755","modified":{nested}}}"#),
        format!(r#"{{"path":"a","kind":"directory","mode":"755","modified":[1,2],"slices":{nested}}}"#),
        format!(
            "{}\n{{\"pack\":\"{}\",\"chunks\":{nested}}}",
            directory("a"),
            Digest::of(b"")
        ),
    ] {
        let selector = store_text(&store, format!("{header}\n{line}\n").as_bytes());
        damaged(&store, &selector);
    }
}

#[test]
fn bytes_that_are_not_the_files_are_refused_with_both_digests() {
    let store = MemoryStore::default();
    let (id, cells) = pack(&store, &[b"the bytes that are there"]);
    for size in [24, 10] {
        let claimed = Digest::of(b"other");
        let entries = vec![empty("before"), bundled("file", size, claimed, 0, 0)];
        let selector = tree(entries).with_pack(id, json!([cells[0]])).store(&store);
        let Error::Damaged(damage) = refused(&store, &selector) else {
            panic!("damaged")
        };
        assert_eq!(damage.expected, claimed.to_string());
        assert_eq!(
            damage.found,
            Digest::of(&b"the bytes that are there"[..size as usize]).to_string()
        );
        assert!(damage.key.starts_with("v1/packs/"));
    }
}

#[test]
fn a_poisoned_base_does_not_keep_anybody_from_persisting() {
    let big = r#"{"baton":"tree","version":1,"entries":1152921504606846976,"packs":0}"#;
    for text in [big, "", "{}\n", "\u{1b}"] {
        let store = MemoryStore::default();
        persisted_file(&store, build(0), "file", "before");
        let selector = store_text(&store, format!("{text}\n").as_bytes());
        let mut record = build(1).record("dist").unwrap();
        record.tree = selector.strip_prefix("tree:").unwrap().parse().unwrap();
        put_record(&store, &record);
        persisted_file(&store, build(2), "file", "content");
        assert_eq!(
            attached_latest(&store).content("file").unwrap(),
            b"content",
            "{text}"
        );
    }
}

//! A tree that an attacker wrote: nothing is ever written outside the target, and nothing grows without bound.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::files::{assert_same_listing, listing, write_all};
use crate::place::{Job, Place, Ran};
use crate::stored::{frame_that_lies, raw_frame};

/// A job with a store, and something precious beside the target.
fn scene() -> (Place, Job) {
    let place = Place::new();
    let job = place.job("work");
    write_all(
        job.dir(),
        &[("file", "x"), ("precious", "precious"), ("out/mine", "mine")],
    );
    job.baton("persist file --number 1").succeeds();
    (place, job)
}

fn header(entries: usize, packs: usize) -> Value {
    json!({ "baton": "tree", "version": 1, "entries": entries, "packs": packs })
}

fn directory(path: &str) -> Value {
    json!({ "path": path, "kind": "directory", "mode": "755", "modified": [0, 0] })
}

fn symlink(path: &str, target: &str) -> Value {
    json!({ "path": path, "kind": "symlink", "modified": [0, 0], "target": target })
}

fn empty(path: &str) -> Value {
    let digest = blake3::hash(b"").to_hex().to_string();
    json!({ "path": path, "kind": "file", "mode": "644", "modified": [0, 0], "size": 0, "digest": digest })
}

fn file(path: &str, size: u64, digest: &blake3::Hash) -> Value {
    let digest = digest.to_hex().to_string();
    json!({ "path": path, "kind": "file", "mode": "644", "modified": [0, 0], "size": size, "digest": digest,
        "bundle": [0, 0] })
}

fn pack(id: &str, chunks: &Value) -> Value {
    json!({ "pack": id, "chunks": chunks })
}

/// Attaches a tree of these lines, which must be refused without a trace outside of the target or in it.
#[track_caller]
fn refused(place: &Place, job: &Job, lines: &[Value], tells: &str) {
    let tree = place.store().put_tree(lines);
    refuses(job, &tree).tells(tells);
}

/// Attaches a tree, which must fail, and compares all that there is with what there was.
#[track_caller]
fn refuses(job: &Job, tree: &str) -> Ran {
    let all = || {
        let mut all = listing(job.dir());
        // Things come and go in the target, and only that shows at the target itself.
        all.remove(Path::new("out"));
        all
    };
    let before = all();
    let ran = job.run([
        "attach",
        &format!("tree:{tree}"),
        "--at",
        "out",
        "--memory-mib",
        "64",
    ]);
    assert_same_listing(&all(), &before);
    ran.ends(1).tells("error: ")
}

fn entries(lines: Vec<Value>) -> Vec<Value> {
    std::iter::once(header(lines.len(), 0)).chain(lines).collect()
}

#[test]
fn an_honest_tree_that_is_made_the_same_way_is_attached() {
    let (place, job) = scene();
    let content = b"honest";
    let frame = raw_frame(content);
    let id = place.store().put_named("packs", &frame);
    let chunks = json!([[0, frame.len(), content.len()]]);
    let lines = [
        header(4, 1),
        directory("dir"),
        empty("dir/empty"),
        file("dir/file", content.len() as u64, &blake3::hash(content)),
        symlink("link", "dir/file"),
        pack(&id, &chunks),
    ];
    let tree = place.store().put_tree(&lines);
    job.baton(&format!("attach tree:{tree} --at out")).succeeds();
    assert_eq!(fs::read(job.path("out/link")).unwrap(), content);
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let (place, job) = scene();
    let absolute = job.path("precious").display().to_string();
    let (long_name, long_path) = ("n".repeat(256), "p/".repeat(2100) + "p");
    for path in [
        "../precious",
        "..",
        ".",
        "./precious",
        "",
        &absolute,
        "/",
        "out/../../precious",
        "a//b",
        "a/",
        "nul\0nul",
        &long_name,
        &long_path,
    ] {
        let above = |path: &str| -> Vec<Value> {
            let ends = path
                .match_indices('/')
                .map(|(at, _)| &path[..at])
                .filter(|dir| !dir.is_empty());
            ends.map(directory).collect()
        };
        for entry in [empty(path), directory(path), symlink(path, "x")] {
            refused(&place, &job, &entries(vec![entry.clone()]), "");
            refused(&place, &job, &entries([above(path), vec![entry]].concat()), "");
        }
    }
}

#[test]
fn nothing_is_written_through_a_symlink_of_the_tree() {
    let (place, job) = scene();
    for target in ["..", ".", "/tmp", "../out"] {
        let through = vec![symlink("link", target), empty("link/precious")];
        refused(
            &place,
            &job,
            &entries(through),
            "link/precious is not in a directory of the tree",
        );
        let twice = vec![symlink("link", target), directory("link"), empty("link/precious")];
        refused(
            &place,
            &job,
            &entries(twice),
            "link occurs twice or is out of order",
        );
        let other_way = vec![directory("link"), symlink("link", target), empty("link/precious")];
        refused(
            &place,
            &job,
            &entries(other_way),
            "link occurs twice or is out of order",
        );
        // After another entry, so that the order of paths is valid.
        let late = vec![symlink("a", target), directory("b"), empty("a/precious")];
        refused(&place, &job, &entries(late), "out of order");
    }
}

#[test]
fn entries_that_contradict_each_other_are_refused() {
    let (place, job) = scene();
    for (lines, tells) in [
        (vec![empty("a"), empty("a")], "a occurs twice or is out of order"),
        (vec![empty("b"), empty("a")], "a occurs twice or is out of order"),
        (
            vec![empty("a"), empty("a/b")],
            "a/b is not in a directory of the tree",
        ),
        (vec![empty("a/b")], "a/b is not in a directory of the tree"),
        (
            vec![directory("a"), empty("b/c")],
            "b/c is not in a directory of the tree",
        ),
    ] {
        refused(&place, &job, &entries(lines), tells);
    }
}

#[test]
fn values_that_mean_nothing_are_refused() {
    let (place, job) = scene();
    let with = |mut entry: Value, field: &str, value: Value| {
        entry[field] = value;
        entries(vec![entry])
    };
    for lines in [
        with(empty("a"), "mode", json!("4755")),
        with(empty("a"), "mode", json!("999")),
        with(empty("a"), "mode", json!("")),
        with(empty("a"), "kind", json!("device")),
        with(empty("a"), "size", json!(-1)),
        with(empty("a"), "size", json!(1)),
        with(empty("a"), "digest", json!("0".repeat(64))),
        with(empty("a"), "modified", json!([0, 1_000_000_000])),
        with(empty("a"), "target", json!("b")),
        with(directory("a"), "size", json!(0)),
        with(symlink("a", ""), "mode", json!("777")),
        with(symlink("a", ""), "target", json!("")),
        with(symlink("a", ""), "target", json!("nul\0nul")),
        with(symlink("a", ""), "target", json!("t".repeat(4096))),
        vec![json!("not a header")],
        vec![header(1, 0)],
        vec![header(0, 1)],
        vec![header(0, 0), empty("more")],
        vec![json!({ "baton": "record", "version": 1, "entries": 0, "packs": 0 })],
        vec![header(3_000_000_000, 0)],
        vec![header(0, 3_000_000_000)],
    ] {
        refused(&place, &job, &lines, "v1/trees/");
    }
}

#[test]
fn sizes_that_lie_are_refused() {
    let (place, job) = scene();
    let content = b"ten bytes.";
    let (frame, digest) = (raw_frame(content), blake3::hash(content));
    let id = place.store().put_named("packs", &frame);
    let length = frame.len();
    let tree = |size: u64, chunks: Value| vec![header(1, 1), file("a", size, &digest), pack(&id, &chunks)];
    for (size, chunks) in [
        (11, json!([[0, length, 10]])),
        (9, json!([[0, length, 10]])),
        (u64::MAX, json!([[0, length, 10]])),
        (10, json!([[0, length, 9]])),
        (10, json!([[0, length, 11]])),
        (10, json!([[0, length - 1, 10]])),
        (10, json!([[1, length - 1, 10]])),
        (10, json!([[1_000_000, length, 10]])),
        (10, json!([[0, length, u32::MAX]])),
        (10, json!([[0, u32::MAX, 10]])),
        (10, json!([[u64::MAX, length, 10]])),
        (10, json!([])),
        (0, json!([[0, length, 10]])),
    ] {
        refused(&place, &job, &tree(size, chunks), "");
    }
    let honest = tree(10, json!([[0, length, 10]]));
    let id = place.store().put_tree(&honest);
    job.baton(&format!("attach tree:{id} --at out")).succeeds();
}

#[test]
fn a_frame_that_expands_beyond_its_size_is_refused() {
    let (place, job) = scene();
    let digest = blake3::hash(&[0; 10]);
    for claimed in [10, 1 << 20, u32::MAX] {
        // 2 GiB of zeros in some 64 kB.
        let bomb = frame_that_lies(claimed, 16_384);
        let id = place.store().put_named("packs", &bomb);
        let lines = [
            header(1, 1),
            file("a", 10, &digest),
            pack(&id, &json!([[0, bomb.len(), 10]])),
        ];
        refused(&place, &job, &lines, "cannot be opened");
        let tree = place.store().put_named("trees", &bomb);
        refuses(&job, &tree).tells("v1/trees/");
    }
}

#[test]
fn slices_without_end_are_refused() {
    let (place, job) = scene();
    let digest = blake3::hash(b"x").to_hex().to_string();
    let mut entry = file("a", 1 << 40, &blake3::hash(b"x"));
    entry.as_object_mut().unwrap().remove("bundle");
    for slices in [
        json!([[0, u32::MAX]]),
        json!([[0, 1], [0, 1], [0, 4_000_000_000_u32]]),
        json!([[7, 1]]),
    ] {
        entry["slices"] = slices;
        let chunks = json!([[0, 100, 1000, digest]]);
        refused(
            &place,
            &job,
            &[header(1, 1), entry.clone(), pack(&digest, &chunks)],
            "v1/trees/",
        );
    }
}

#[test]
fn a_tree_of_too_many_entries_does_not_take_the_machine_down() {
    let (place, job) = scene();
    let lines: Vec<Value> = (0..200_000)
        .map(|number| empty(&format!("{number:07}")))
        .collect();
    let tree = place.store().put_tree(&entries(lines));
    let ran = job.run([
        "attach",
        &format!("tree:{tree}"),
        "--at",
        "out",
        "--dry-run",
        "--memory-mib",
        "16",
    ]);
    ran.ends(1)
        .tells("the component needs more than 16 MiB of memory")
        .tells("--memory-mib");
}

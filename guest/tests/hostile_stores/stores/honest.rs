//! A store with every kind of object.

use serde_json::{Value, json};

use super::written::{
    Written, digest, directory, empty, event, file, lines, record, sliced, small, symlink, tree, with,
};

/// Content that does not look the same twice.
pub(crate) fn content(seed: u8, length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (at as u8).wrapping_mul(seed).wrapping_add((at >> 8) as u8))
        .collect()
}

/// Writes a tree that has everything, in one object or in two parts. Returns its id.
fn everything(store: &mut Written, in_parts: bool) -> String {
    let slices = [content(3, 700_000), content(5, 900_000)];
    let slices: Vec<&[u8]> = slices.iter().map(Vec::as_slice).collect();
    let small = [&b"#!/bin/sh\n"[..], b"hello"];
    let bundle = small.concat();
    let mut pack = store.put_pack(&[slices[0], &bundle, slices[1]]);
    for (at, slice) in [(0, slices[0]), (2, slices[1])] {
        let digest = digest(slice).into();
        pack["chunks"][at].as_array_mut().unwrap().push(digest);
    }
    let size = slices.concat().len();
    let large = json!({ "size": size, "digest": sliced(&slices), "slices": [[0, 1], [2, 1]] });
    let entries = [
        directory("bin"),
        with(
            file("bin/run", small[0]),
            json!({ "mode": "755", "bundle": [1, 0] }),
        ),
        symlink("bin/said", "../hello \u{fc}"),
        directory("bin-empty"),
        empty("empty"),
        with(
            file("hello \u{fc}", small[1]),
            json!({ "bundle": [1, small[0].len()], "unknown": null }),
        ),
        with(file("large", b""), large),
    ];
    if !in_parts {
        return store.put_tree(&lines(&tree(&[pack], &entries)));
    }
    let (first, second) = entries.split_at(2);
    let parts = [first, second].map(|part| {
        let id = store.put_tree(&lines(&tree(std::slice::from_ref(&pack), part)));
        json!({ "part": id, "entries": part.len() })
    });
    let list = json!({
        "baton": "tree", "version": 1, "entries": entries.len(), "packs": 0, "parts": 2,
        "covers": ["bin", "*.txt", "!x/**"], "salt": digest(b"salt"),
    });
    store.put_tree(&lines(&[&[list], &parts[..]].concat()))
}

/// Returns a store with one build of everything, which is found in every way, and a few others.
pub(crate) fn honest() -> Written {
    let mut store = Written::new();
    let (whole, parts) = (everything(&mut store, false), everything(&mut store, true));
    let build = |number, tree: &str| with(record(number, tree), json!({ "files": 4, "bytes": 1_600_015 }));
    let old = build(6, &whole);
    store.put_record(&old);
    store.put_record(&with(
        build(7, &parts),
        json!({ "commit": "abc123".repeat(6), "tag": "v1.2" }),
    ));
    let fork = json!({ "fork": true, "pull_request": "12", "commit": "fedcba98", "branch": "main" });
    store.put_record(&with(build(8, &whole), fork));
    store.put_record(&with(
        build(3, &whole),
        json!({ "branch": "honest", "workspace": null, "job": null }),
    ));
    for (index, number) in [(0, 20), (1, 20)] {
        let node = json!({ "node": { "index": index, "total": 2 }, "branch": "nodes", "workspace": null });
        store.put_record(&with(build(number, &whole), node));
    }
    let laptop = json!({
        "counter": { "rank": "time", "runner": "", "by": "", "part": null }, "runner": "none",
        "order": { "run": 1_700_000_000_000_u64, "attempt": 0 }, "workflow": null, "workspace": null,
    });
    store.put_record(&with(build(1_700_000_000_000, &whole), laptop));
    store.put_event(&event(1, "production", &old));
    let held = json!({ "pointer": { "branch": "honest" }, "action": "rollback", "held": true });
    store.put_event(&with(
        event(
            1,
            "",
            &with(build(3, &whole), json!({ "branch": "honest", "job": null })),
        ),
        held,
    ));
    let gone =
        json!({ "project": "gh/acme/shop", "artifact": "default", "build": build_id(&build(5, &whole)) });
    let list = [
        json!({ "baton": "condemned", "version": 1, "sequence": 2, "packs": 1, "trees": 1, "builds": 1 }),
        json!({ "id": digest(b"a pack"), "phase": "deleting", "since_ms": 1 }),
        json!({ "id": digest(b"a tree"), "phase": "seen", "since_ms": 2 }),
        json!([gone, 1_700_000_000_000_u64]),
    ];
    store.put_condemned(2, &lines(&list));
    let note = json!({ "artifact": "default", "number": 5, "reason": "r", "actor": null, "runner": "circleci", "url": null,
        "created_ms": 9 });
    let key = "v1/projects/gh~2Facme~2Fshop/removals/default/7/fa/fffffffffffffffa-0000000000000000";
    store.put(key, small("removal", &note.to_string()));
    store
}

/// The name of a build, as a list of what is condemned has it.
fn build_id(record: &Value) -> Value {
    let mut build = super::written::build(record);
    build.as_object_mut().unwrap().remove("created_ms");
    build
}

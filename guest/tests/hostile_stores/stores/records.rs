//! Hostile records: what they say, and the two lines that they are.

use serde_json::{Value, json};

use super::cases::{Case, DAMAGED, End, case, with_tree};
use super::written::{digest, keys, record, small, with};

const STATED: End = End::Stated;
/// Its keys are none, so nothing finds it.
const NEVER_FOUND: End = End::Refused(&["damaged", "no-build"]);

/// A store with the build 7, some fields of whose record are others. It lies under the keys that follow from them.
fn of_fields(name: &str, fields: Value, selector: &str, end: End) -> Case {
    let (mut store, id) = with_tree();
    store.put_record(&with(record(7, &id), fields));
    case(name, store, selector, end)
}

/// A store in which these bytes lie under the keys of the build 7.
fn of_bytes(name: &str, bytes: &[u8], end: End) -> Case {
    let (mut store, id) = with_tree();
    for key in keys(&record(7, &id)) {
        store.put(&key, bytes);
    }
    case(name, store, "build:7", end)
}

/// Records that say what no record can say.
pub(crate) fn records() -> Vec<Case> {
    let (long, huge) = ("n".repeat(2000), "n".repeat(2 << 20));
    let fields: Vec<(&str, Value, &str, End)> = vec![
        ("an honest record", json!({}), "build:7", End::Fine),
        (
            "no tree",
            json!({ "tree": digest(b"nowhere") }),
            "build:7",
            DAMAGED,
        ),
        (
            "a tree that is a path",
            json!({ "tree": "../../../etc/passwd" }),
            "build:7",
            DAMAGED,
        ),
        (
            "a commit that leads up",
            json!({ "commit": "../../../../../packs" }),
            "build:7",
            DAMAGED,
        ),
        (
            "a commit of several names",
            json!({ "commit": "abcd/ef/x" }),
            "build:7",
            DAMAGED,
        ),
        (
            "a commit of no digits",
            json!({ "commit": "" }),
            "build:7",
            DAMAGED,
        ),
        (
            "a commit of one digit",
            json!({ "commit": "a" }),
            "build:7",
            DAMAGED,
        ),
        (
            "a commit in upper case",
            json!({ "commit": "ABCDEF12" }),
            "build:7",
            DAMAGED,
        ),
        (
            "a commit of 2,000 digits",
            json!({ "commit": "a".repeat(2000) }),
            "build:7",
            DAMAGED,
        ),
        (
            "a commit of other characters",
            json!({ "commit": "\u{fc}\u{fc}\u{fc}\u{fc}" }),
            "build:7",
            DAMAGED,
        ),
        (
            "a node after the last",
            json!({ "node": { "index": 1, "total": 1 } }),
            "build:7",
            NEVER_FOUND,
        ),
        (
            "no nodes",
            json!({ "node": { "index": 0, "total": 0 } }),
            "build:7",
            NEVER_FOUND,
        ),
        (
            "65,536 nodes",
            json!({ "node": { "index": 0, "total": 65_536 } }),
            "build:7",
            NEVER_FOUND,
        ),
        (
            "2^32 nodes",
            json!({ "node": { "index": 0, "total": u32::MAX } }),
            "build:7",
            NEVER_FOUND,
        ),
        ("the revision 0", json!({ "revision": 0 }), "build:7", NEVER_FOUND),
        ("the revision 256", json!({ "revision": 256 }), "build:7", DAMAGED),
        (
            "the revision 255",
            json!({ "revision": 255 }),
            "build:7",
            End::Fine,
        ),
        (
            "2^64 - 1 everywhere",
            json!({
                "number": u64::MAX, "order": { "run": u64::MAX, "attempt": u64::MAX }, "created_ms": u64::MAX, "files": u64::MAX,
                "bytes": u64::MAX,
            }),
            "build:18446744073709551615",
            End::Fine,
        ),
        (
            "the number 0",
            json!({ "number": 0, "order": { "run": 0, "attempt": 0 }, "created_ms": 0 }),
            "build:0",
            End::Fine,
        ),
        (
            "a number of 2^64",
            json!({ "created_ms": 18_446_744_073_709_551_616.0 }),
            "build:7",
            DAMAGED,
        ),
        ("a number below zero", json!({ "files": -1 }), "build:7", DAMAGED),
        ("a number as text", json!({ "bytes": "1" }), "build:7", DAMAGED),
        (
            "an unknown rank",
            json!({ "counter": { "rank": "best", "runner": "", "by": "", "part": null } }),
            "build:7",
            DAMAGED,
        ),
        (
            "a counter of 2,000 bytes",
            json!({ "counter": { "rank": "run", "runner": long, "by": long, "part": long } }),
            "build:7",
            STATED,
        ),
        ("an empty project", json!({ "project": "" }), "latest", STATED),
        ("an empty branch", json!({ "branch": "" }), "build:7", STATED),
        (
            "a branch that leads up",
            json!({ "branch": "../../x" }),
            "latest@../../x",
            End::Fine,
        ),
        (
            "a branch of 2,000 bytes",
            json!({ "branch": long }),
            "build:7",
            STATED,
        ),
        ("a name of 2 MiB", json!({ "job": huge }), "build:7", DAMAGED),
        (
            "a workspace of 2,000 bytes",
            json!({ "workspace": long, "workflow": long }),
            "build:7",
            STATED,
        ),
        (
            "an empty workspace",
            json!({ "workspace": "", "workflow": "" }),
            "workspace",
            STATED,
        ),
        (
            "names that nobody sees",
            json!({ "job": "\u{202e}\u{200b}\u{1b}[2J\n", "actor": "\0" }),
            "build:7",
            STATED,
        ),
        (
            "an artifact of another name",
            json!({ "artifact": "../default" }),
            "latest",
            STATED,
        ),
        (
            "another project",
            json!({ "project": "gh/evil/evil" }),
            "latest",
            STATED,
        ),
        (
            "65,535 nodes of which one is there",
            json!({ "node": { "index": 0, "total": 65_535 } }),
            "build:7",
            End::Refused(&["incomplete-build"]),
        ),
    ];
    fields
        .into_iter()
        .map(|(name, fields, selector, end)| of_fields(name, fields, selector, end))
        .collect()
}

/// Small objects whose two lines are not what they should be.
pub(crate) fn lies() -> Vec<Case> {
    let (_, id) = with_tree();
    let body = record(7, &id).to_string();
    let good = String::from_utf8(small("record", &body)).unwrap();
    let header = good.lines().next().unwrap();
    let second = |text: String| small("record", &text);
    let changed = |from: &str, to: &str| second(body.replace(from, to));
    let later = End::Refused(&["later-format"]);
    let nested = format!("{{\"x\":{}{},", "[".repeat(100_000), "]".repeat(100_000));
    let mut cases: Vec<Case> = [
        ("nothing", Vec::new()),
        ("one line", header.as_bytes().to_vec()),
        ("no second line", format!("{header}\n").into_bytes()),
        ("a cut second line", good.as_bytes()[..good.len() - 1].to_vec()),
        ("a byte too many", format!("{good} ").into_bytes()),
        (
            "a wrong digest",
            good.replacen("\"digest\":\"", "\"digest\":\"0", 1).into_bytes(),
        ),
        ("a BOM", format!("\u{feff}{good}").into_bytes()),
        (
            "no version",
            good.replacen("\"version\":1", "\"version\":0", 1).into_bytes(),
        ),
        (
            "a version below zero",
            good.replacen("\"version\":1", "\"version\":-1", 1).into_bytes(),
        ),
        ("another kind", small("event", &body)),
        ("a kind of control characters", small("\u{1b}[2J", &body)),
        ("a list", second("[]".into())),
        ("null", second("null".into())),
        ("NaN", changed("\"files\":1", "\"files\":NaN")),
        ("a huge number", changed("\"files\":1", "\"files\":1e999")),
        ("a field twice", changed("\"files\":1", "\"files\":1,\"files\":2")),
        (
            "a field twice, once null",
            changed("\"files\":1", "\"tag\":null,\"files\":1"),
        ),
        ("no number", changed("\"number\":7,", "")),
        ("a lone surrogate", changed("jane", "\\udfff")),
        (
            "more than 1 MiB",
            second(body.replace("jane", &"j".repeat(1 << 20))),
        ),
        ("a web page", b"<!DOCTYPE html><html></html>".to_vec()),
        ("zeros", vec![0; 4096]),
    ]
    .iter()
    .map(|(name, bytes)| {
        of_bytes(
            &format!("a record with {name}"),
            bytes,
            End::Refused(&["damaged", "not-the-object"]),
        )
    })
    .collect();
    for version in ["2", "4294967295"] {
        let bytes = good.replacen("\"version\":1", &format!("\"version\":{version}"), 1);
        cases.push(of_bytes(
            &format!("a record of the version {version}"),
            bytes.as_bytes(),
            later,
        ));
    }
    cases.push(of_bytes(
        "another build's record",
        &small("record", &record(8, &id).to_string()),
        DAMAGED,
    ));
    let other = with(record(7, &id), json!({ "project": "gh/evil/evil" }));
    cases.push(of_bytes(
        "another project's record",
        &small("record", &other.to_string()),
        DAMAGED,
    ));
    let other = with(record(7, &id), json!({ "fork": true }));
    cases.push(of_bytes(
        "a fork's record among the trusted",
        &small("record", &other.to_string()),
        DAMAGED,
    ));
    cases.push(of_bytes(
        "a record with deep nesting",
        &second(body.replacen('{', &nested, 1)),
        End::Fine,
    ));
    cases.push(of_bytes(
        "a record with unknown fields",
        &changed("\"files\":1", "\"x\":{},\"files\":1"),
        End::Fine,
    ));
    cases
}

//! Hostile trees: names, and entries that lie through, below or over each other.

use serde_json::{Value, json};

use super::cases::{Case, DAMAGED, End, of_entries};
use super::written::{digest, directory, empty, file, symlink, with};

/// Names that lead elsewhere, collide, or are none.
pub(crate) fn names() -> Vec<Case> {
    let (name, path) = ("n".repeat(256), format!("{}x", "p/".repeat(2048)));
    let mut cases = Vec::new();
    let refused = [
        "..",
        "../x",
        "a/../../x",
        "/",
        "/etc/passwd",
        "//x",
        "",
        ".",
        "./x",
        "a/.",
        "a/..",
        "a//b",
        "a/",
        "\0",
        "a\0b",
        &name,
        &path,
    ];
    for path in refused {
        let shown = path.chars().take(20).collect::<String>();
        let ends = path.match_indices('/').map(|(at, _)| &path[..at]);
        let above: Vec<Value> = ends.filter(|dir| !dir.is_empty()).map(directory).collect();
        for entry in [empty(path), directory(path), symlink(path, "x")] {
            let kind = entry["kind"].clone();
            cases.push(of_entries(
                format!("{kind} {shown:?}"),
                std::slice::from_ref(&entry),
                DAMAGED,
            ));
            cases.push(of_entries(
                format!("{kind} {shown:?} in its directories"),
                &[above.clone(), vec![entry]].concat(),
                DAMAGED,
            ));
        }
    }
    let fine = [
        "..a",
        "a\\..\\b",
        "C:",
        "con",
        "-rf",
        "~",
        "a b",
        "\u{1b}[2J",
        "\u{202e}gpj",
        "\u{feff}x",
        "e\u{301}",
        "\n",
        "*",
        "\u{10ffff}",
    ];
    for path in fine {
        cases.push(of_entries(format!("{path:?}"), &[empty(path)], End::Fine));
    }
    let deep: Vec<String> = (1..=2000).map(|depth| vec!["d"; depth].join("/")).collect();
    let deep: Vec<Value> = deep.iter().map(|path| directory(path)).collect();
    cases.push(of_entries(
        "2,000 directories, one in the other",
        &deep,
        End::Fine,
    ));
    cases.push(of_entries(
        "upper and lower case",
        &[empty("A"), empty("a")],
        End::Fine,
    ));
    cases.push(of_entries(
        "two forms of a letter",
        &[empty("e\u{301}"), empty("\u{e9}")],
        End::Fine,
    ));
    let hooks = [
        directory(".git"),
        directory(".git/hooks"),
        empty(".git/hooks/post-checkout"),
    ];
    cases.push(of_entries("a hook of git", &hooks, End::Stated));
    let staging = [directory(".baton-attach"), empty(".baton-attach/x")];
    cases.push(of_entries(
        "the staging directory",
        &staging,
        End::Refused(&["reserved-name"]),
    ));
    cases.push(of_entries(
        "the lock",
        &[symlink(".baton-attach", "/etc")],
        End::Refused(&["reserved-name"]),
    ));
    cases
}

/// Entries that lie through, below or over each other.
pub(crate) fn entries() -> Vec<Case> {
    let mode = |mode: Value| with(directory("a"), json!({ "mode": mode }));
    let lists: Vec<(&str, Vec<Value>)> = vec![
        (
            "a file through a symlink",
            vec![symlink("a", "/etc"), empty("a/passwd")],
        ),
        (
            "a file through a symlink to its own directory",
            vec![symlink("a", "."), empty("a/b")],
        ),
        (
            "a directory over a symlink",
            vec![symlink("a", "/etc"), directory("a"), empty("a/passwd")],
        ),
        (
            "a symlink over a directory",
            vec![directory("a"), symlink("a", "/etc"), empty("a/passwd")],
        ),
        ("a file below a file", vec![empty("a"), empty("a/b")]),
        ("a file in no directory", vec![empty("a/b")]),
        (
            "a file in a directory that comes later",
            vec![empty("a/b"), directory("a")],
        ),
        ("twice the same name", vec![empty("a"), empty("a")]),
        ("out of order", vec![empty("b"), empty("a")]),
        (
            "out of order by a separator",
            vec![directory("a"), empty("a-b"), empty("a/b")],
        ),
        ("mode with a sticky bit", vec![mode(json!("1777"))]),
        ("mode setuid", vec![mode(json!("4755"))]),
        ("mode of digits that are none", vec![mode(json!("89a"))]),
        ("mode as a number", vec![mode(json!(755))]),
        ("mode with a sign", vec![mode(json!("+75"))]),
        ("mode of none", vec![mode(json!(""))]),
        (
            "mode of a symlink",
            vec![with(symlink("a", "b"), json!({ "mode": "777" }))],
        ),
        ("a symlink to nothing", vec![symlink("a", "")]),
        ("a symlink with a NUL", vec![symlink("a", "b\0c")]),
        ("a symlink of 4,096 bytes", vec![symlink("a", &"t".repeat(4096))]),
        (
            "a symlink with a size",
            vec![with(symlink("a", "b"), json!({ "size": 1 }))],
        ),
        (
            "a directory with a digest",
            vec![with(directory("a"), json!({ "digest": digest(b"") }))],
        ),
        (
            "a directory with a target",
            vec![with(directory("a"), json!({ "target": "b" }))],
        ),
        (
            "a file with a target",
            vec![with(empty("a"), json!({ "target": "b" }))],
        ),
        (
            "a hard link",
            vec![with(
                empty("a"),
                json!({ "kind": "hardlink", "target": "/etc/passwd" }),
            )],
        ),
        (
            "a device",
            vec![with(empty("a"), json!({ "kind": "block-device" }))],
        ),
        (
            "a billion nanoseconds",
            vec![with(empty("a"), json!({ "modified": [0, 1_000_000_000] }))],
        ),
        (
            "negative nanoseconds",
            vec![with(empty("a"), json!({ "modified": [0, -1] }))],
        ),
        (
            "a time of one number",
            vec![with(empty("a"), json!({ "modified": [0] }))],
        ),
        (
            "a time as a fraction",
            vec![with(empty("a"), json!({ "modified": [0.5, 0] }))],
        ),
        (
            "a size of 2^63",
            vec![with(empty("a"), json!({ "size": 1_u64 << 63 }))],
        ),
        ("a size below zero", vec![with(empty("a"), json!({ "size": -1 }))]),
        ("a size of 1e3", vec![with(empty("a"), json!({ "size": 1e3 }))]),
        ("a size without a place", vec![file("a", b"x")]),
        (
            "a place without a size",
            vec![with(empty("a"), json!({ "bundle": [0, 0] }))],
        ),
        (
            "no bytes with the digest of some",
            vec![with(empty("a"), json!({ "digest": digest(b"x") }))],
        ),
        (
            "a digest in upper case",
            vec![with(empty("a"), json!({ "digest": digest(b"").to_uppercase() }))],
        ),
        (
            "a short digest",
            vec![with(empty("a"), json!({ "digest": "af13" }))],
        ),
        (
            "a digest of other letters",
            vec![with(empty("a"), json!({ "digest": "\u{fc}".repeat(32) }))],
        ),
    ];
    let mut cases: Vec<Case> = lists
        .into_iter()
        .map(|(name, list)| of_entries(name, &list, DAMAGED))
        .collect();
    for seconds in [i64::MIN, i64::MAX] {
        let entry = with(empty("a"), json!({ "modified": [seconds, 999_999_999] }));
        cases.push(of_entries(
            format!("a time of {seconds} s"),
            &[entry],
            End::Stated,
        ));
    }
    cases
}

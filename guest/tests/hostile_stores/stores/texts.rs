//! Hostile trees: lines, compressed streams, and lists of parts.

use serde_json::{Value, json};

use super::cases::{Case, DAMAGED, End, base, built, of_text};
use super::written::{bomb, digest, directory, empty, frame, lines, tree};

const TOO_LARGE: End = End::Refused(&["tree-too-large"]);

/// Lines that are no JSON, or more than JSON says.
pub(crate) fn texts() -> Vec<Case> {
    let good = lines(&tree(&[], &[empty("a")]));
    let (header, entry) = good.split_once('\n').unwrap();
    let changed = |from: &str, to: &str| good.replace(from, to);
    let nested = format!("\"x\":{}{},\"path\"", "[".repeat(5000), "]".repeat(5000));
    let texts: Vec<(&str, String)> = vec![
        ("nothing", String::new()),
        ("an empty line", "\n".into()),
        ("a BOM", format!("\u{feff}{good}")),
        ("no last line feed", good.trim_end().into()),
        ("a line too many", good.clone() + "{}\n"),
        ("a line feed too many", good.clone() + "\n"),
        ("two values in a line", changed("}\n", "}{}\n")),
        ("a line that is null", format!("{header}\nnull\n")),
        ("a line that is a list", format!("{header}\n[]\n")),
        ("a comment", format!("{header}\n// {entry}")),
        ("NaN", changed("\"size\":0", "\"size\":NaN")),
        ("a huge number", changed("\"size\":0", "\"size\":1e400")),
        (
            "a number of 100,000 digits",
            changed("\"size\":0", &format!("\"size\":{}", "9".repeat(100_000))),
        ),
        ("2^64", changed("\"size\":0", "\"size\":18446744073709551616")),
        ("minus zero", changed("\"size\":0", "\"size\":-0.0")),
        ("a leading zero", changed("\"size\":0", "\"size\":00")),
        (
            "a name twice",
            changed("\"path\":\"a\"", "\"path\":\"a\",\"path\":\"../b\""),
        ),
        (
            "a count twice",
            changed("\"entries\":1", "\"entries\":1,\"entries\":0"),
        ),
        ("a lone surrogate", changed("\"a\"", "\"\\ud800\"")),
        ("a control character", changed("\"a\"", "\"\u{1}\"")),
        ("no trees", changed("\"tree\"", "\"record\"")),
        ("no version", changed("\"version\":1", "\"version\":0")),
        ("fewer entries", changed("\"entries\":1", "\"entries\":0")),
        ("more entries", changed("\"entries\":1", "\"entries\":2")),
        ("entries below zero", changed("\"entries\":1", "\"entries\":-1")),
        ("more packs", changed("\"packs\":0", "\"packs\":1")),
        (
            "a cover that is no glob",
            changed("\"packs\":0", "\"packs\":0,\"covers\":[\"[\"]"),
        ),
        (
            "a cover above",
            changed("\"packs\":0", "\"packs\":0,\"covers\":[\"../x\"]"),
        ),
        ("no parts", changed("\"packs\":0", "\"packs\":0,\"parts\":0")),
        (
            "a salt that is none",
            changed("\"packs\":0", "\"packs\":0,\"salt\":\"x\""),
        ),
    ];
    let mut cases: Vec<Case> = texts
        .into_iter()
        .map(|(name, text)| of_text(name, &text, DAMAGED))
        .collect();
    let later = End::Refused(&["later-format"]);
    cases.push(of_text(
        "a later version",
        &changed("\"version\":1", "\"version\":2"),
        later,
    ));
    cases.push(of_text(
        "the last version",
        &changed("\"version\":1", "\"version\":4294967295"),
        later,
    ));
    for (name, from, to) in [
        ("2^63 entries", "\"entries\":1", "\"entries\":9223372036854775808"),
        ("2,000,001 entries", "\"entries\":1", "\"entries\":2000001"),
        ("2^64 - 1 packs", "\"packs\":0", "\"packs\":18446744073709551615"),
        (
            "2^63 parts",
            "\"packs\":0",
            "\"packs\":0,\"parts\":9223372036854775808",
        ),
    ] {
        cases.push(of_text(name, &changed(from, to), TOO_LARGE));
    }
    let long = format!("\"path\":\"{}\"", "n".repeat(17 << 20));
    cases.push(of_text(
        "a name of 17 MiB",
        &changed("\"path\":\"a\"", &long),
        End::Refused(&["damaged", "tree-too-large"]),
    ));
    cases.push(of_text(
        "deep nesting in an unknown field",
        &good.replace("\"path\"", &nested),
        End::Fine,
    ));
    cases.push(of_text(
        "white space around",
        &changed("}\n", "} \t\r\n"),
        End::Fine,
    ));
    cases.push(of_text(
        "unknown fields",
        &changed("\"path\"", "\"x\":{\"y\":[1e300,null]},\"path\""),
        End::Fine,
    ));
    // Overlong, cut, and out of the range of Unicode: the only bytes above are those of the name.
    for bytes in [
        &b"\xc0\xae\xc0\xae"[..],
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc3",
    ] {
        let at = good.find("\"a\"").unwrap() + 1;
        let text = [&good.as_bytes()[..at], bytes, &good.as_bytes()[at + 1..]].concat();
        let mut store = base();
        let id = store.put_named("trees", frame(&text));
        cases.push(built(
            format!("the bytes {bytes:x?} in a name"),
            store,
            &id,
            DAMAGED,
        ));
    }
    cases
}

/// Stored trees with a false frame, and missing trees.
pub(crate) fn streams() -> Vec<Case> {
    let good = frame(lines(&tree(&[], &[empty("a")])).as_bytes());
    let text = lines(&tree(&[], &[empty("a")]));
    let long = text.split_at(text.find("\"a\"").unwrap() + 2);
    // 2^41 bytes of window: magic, no single segment, the descriptor of the window.
    let window = [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xff], &good[9..]].concat();
    let mut wrong_size = good.clone();
    wrong_size[5] ^= 1;
    let stored: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("plain text", b"plain text".to_vec()),
        ("a cut frame", good[..good.len() - 1].to_vec()),
        ("bytes after the frame", [&good[..], b"x"].concat()),
        ("two frames", [&good[..], &good[..]].concat()),
        ("a bomb of 1.5 GiB without a line end", bomb(&[], 12_288, &[])),
        (
            "a name of 100 MiB",
            bomb(long.0.as_bytes(), 800, long.1.as_bytes()),
        ),
        ("a window of terabytes", window),
        ("another size than it has", wrong_size),
        ("a web page", b"<!DOCTYPE html><html></html>".to_vec()),
        ("a layer of gzip", b"\x1f\x8b\x08\x00\x00\x00\x00\x00".to_vec()),
    ];
    let end = End::Refused(&["damaged", "tree-too-large", "not-the-object"]);
    let mut cases: Vec<Case> = stored
        .into_iter()
        .map(|(name, bytes)| {
            let mut store = base();
            let id = store.put_named("trees", bytes);
            built(format!("a tree that is {name}"), store, &id, end)
        })
        .collect();
    cases.push(built("no tree", base(), &digest(b"nowhere"), DAMAGED));
    let mut store = base();
    let id = digest(b"another");
    store.put(&format!("v1/trees/{}/{id}", &id[..2]), good);
    cases.push(built("a tree of another digest", store, &id, DAMAGED));
    cases
}

/// Lists of parts.
pub(crate) fn parts() -> Vec<Case> {
    let list = |entries: u64, parts: &[Value]| {
        let header =
            json!({ "baton": "tree", "version": 1, "entries": entries, "packs": 0, "parts": parts.len() });
        lines(&[&[header], parts].concat())
    };
    let part = |id: &str, entries: u64| json!({ "part": id, "entries": entries });
    let mut base = base();
    let first = base.put_tree(&lines(&tree(&[], &[directory("a")])));
    let second = base.put_tree(&lines(&tree(&[], &[empty("a/b")])));
    let none = base.put_tree(&lines(&tree(&[], &[])));
    let covering = json!({ "baton": "tree", "version": 1, "entries": 1, "packs": 0, "covers": ["a"] });
    let covering = base.put_tree(&lines(&[covering, directory("a")]));
    let inner = base.put_tree(&list(1, &[part(&first, 1)]));
    let missing = digest(b"nowhere");
    let texts: Vec<(&str, String, End)> = vec![
        (
            "two honest parts",
            list(2, &[part(&first, 1), part(&second, 1)]),
            End::Fine,
        ),
        ("a list in a list", list(1, &[part(&inner, 1)]), DAMAGED),
        (
            "the same part twice",
            list(2, &[part(&first, 1), part(&first, 1)]),
            DAMAGED,
        ),
        (
            "parts in the wrong order",
            list(2, &[part(&second, 1), part(&first, 1)]),
            DAMAGED,
        ),
        ("a part with other entries", list(2, &[part(&first, 2)]), DAMAGED),
        (
            "a part without entries",
            list(1, &[part(&none, 0), part(&first, 1)]),
            DAMAGED,
        ),
        ("a part that covers", list(1, &[part(&covering, 1)]), DAMAGED),
        (
            "parts with more entries than the list",
            list(1, &[part(&first, 1), part(&second, 1)]),
            DAMAGED,
        ),
        (
            "parts with fewer entries than the list",
            list(3, &[part(&first, 1), part(&second, 1)]),
            DAMAGED,
        ),
        (
            "parts whose entries overflow",
            list(1, &[part(&first, u64::MAX), part(&second, 2)]),
            DAMAGED,
        ),
        ("a part that is missing", list(1, &[part(&missing, 1)]), DAMAGED),
        ("a part that is no id", list(1, &[part("../../x", 1)]), DAMAGED),
        (
            "packs in a list",
            list(1, &[part(&first, 1)]).replace("\"packs\":0", "\"packs\":1"),
            DAMAGED,
        ),
        (
            "a line after the parts",
            list(1, &[part(&first, 1)]) + &lines(&[empty("z")]),
            DAMAGED,
        ),
    ];
    let of = |text: &str| {
        let mut store = base.clone();
        let id = store.put_tree(text);
        (store, id)
    };
    let mut cases: Vec<Case> = texts
        .into_iter()
        .map(|(name, text, end)| {
            let (store, id) = of(&text);
            built(name, store, &id, end)
        })
        .collect();
    let many: Vec<Value> = (0..50_000).map(|_| part(&first, 1)).collect();
    let (store, id) = of(&list(50_000, &many));
    cases.push(built("50,000 times the same part", store, &id, DAMAGED));
    // No digest leads back to itself, so a cycle takes an object that is not what its name says.
    let (mut store, id) = of(&list(1, &[part(&missing, 1)]));
    store.put(
        &format!("v1/trees/{}/{missing}", &missing[..2]),
        frame(list(1, &[part(&id, 1)]).as_bytes()),
    );
    cases.push(built("a cycle of lists", store, &id, DAMAGED));
    cases
}

//! Compares the fields that the guest writes with those that docs/reference/format.md describes: neither has one that the
//! other does not have.

use std::collections::BTreeSet;
use std::io::Read;

use baton_guest::build_id::DatedBuild;
use baton_guest::condemned::{Condemned, Mark, Phase, Removed};
use baton_guest::context::Context;
use baton_guest::event::{Action, Event};
use baton_guest::id::{Digest, PackId, TreeId};
use baton_guest::lookup;
use baton_guest::order::Node;
use baton_guest::pointer::Pointer;
use baton_guest::ports::{ExistingCheck, Time};
use baton_guest::record::Record;
use baton_guest::removal_note::Note;
use baton_guest::sealed::seal;
use baton_guest::store_format;
use baton_guest::testing::MemoryStore;
use baton_guest::tree::{Chunk, Content, Entry, Location, Table, Writer};
use serde_json::Value;
use structured_zstd::decoding::StreamingDecoder;

use crate::document::{DOCUMENT, rows};

/// Returns a record in which every field has a value.
fn record() -> Record {
    let text = |text: &str| Some(text.to_owned());
    let context = Context {
        runner: "jenkins".to_owned(),
        project: text("p"),
        branch: text("main"),
        tag: text("v1"),
        commit: text("abc1234"),
        run: Some(3),
        number: Some(7),
        counter: text("c"),
        counter_part: text("main"),
        attempt: Some(7),
        workflow: text("rerun"),
        workspace: text("first"),
        job: text("build"),
        node: Some(Node { index: 0, total: 2 }),
        pull_request: text("12"),
        url: text("https://ci.example.com"),
        actor: text("jane"),
        component: text("c0ffee"),
        now_ms: 1,
        ..Context::default()
    };
    context.record("dist").unwrap()
}

fn event() -> Event {
    let build = DatedBuild::of(&[record()]).unwrap();
    Event {
        project: "p".to_owned(),
        artifact: "dist".to_owned(),
        pointer: Pointer::Channel("production".to_owned()),
        sequence: 2,
        action: Action::Promote,
        previous: Some(build.id.clone()),
        based_on: 1,
        newest: Some(build.clone()),
        build,
        back: Some(1),
        held: false,
        reason: Some("why".to_owned()),
        actor: Some("jane".to_owned()),
        runner: "jenkins".to_owned(),
        url: Some("https://ci.example.com".to_owned()),
        created_ms: 1,
    }
}

fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

/// Returns the value of a small object.
fn value(bytes: &[u8]) -> Value {
    let line = bytes.split(|byte| *byte == b'\n').nth(1).unwrap();
    serde_json::from_slice(line).unwrap()
}

/// Returns all fields of a value, and those of the values in it.
fn all_fields(value: &Value, fields: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => object.iter().for_each(|(name, value)| {
            fields.insert(name.clone());
            all_fields(value, fields);
        }),
        Value::Array(values) => values.iter().for_each(|value| all_fields(value, fields)),
        _ => {}
    }
}

/// Returns the names between the marks of code in a text.
fn marked(text: &str) -> BTreeSet<String> {
    names(text.split('`').skip(1).step_by(2))
}

/// Returns the words of a text that can be names of fields.
fn words(text: &str) -> BTreeSet<String> {
    names(text.split(|c: char| !c.is_ascii_lowercase() && c != '_'))
}

/// Checks that a table describes the fields of a value: each row its fields, and in its text the fields in them.
fn check_table(heading: &str, value: &Value, others: &[&str]) {
    let rows = rows(heading);
    let mut documented = names(others.iter().copied());
    for row in &rows {
        for name in row[0].split("`, `") {
            documented.insert(name.to_owned());
            let mut inner = BTreeSet::new();
            all_fields(&value[name], &mut inner);
            let text = words(&row.join(" "));
            let known = inner.iter().all(|field| {
                let of_a_record =
                    ["rank", "runner", "by", "part", "run", "attempt"].contains(&field.as_str());
                text.contains(field) || of_a_record && text.contains("counter") || text.contains("build")
            });
            assert!(known, "{name}: {inner:?} in {text:?}");
        }
    }
    assert_eq!(documented, keys(value), "{heading}");
}

#[test]
fn the_tables_have_the_fields_of_small_objects() {
    let record = value(&seal("record", &record()).unwrap());
    check_table("| field | type | meaning |\n", &record, &[]);
    let event = value(&seal("event", &event()).unwrap());
    let moving = "In addition to `project`, `artifact` and `pointer`";
    assert!(DOCUMENT.contains(moving));
    check_table(
        "| field of the event | meaning |\n",
        &event,
        &["project", "artifact", "pointer"],
    );
    let header = seal("event", &1).unwrap();
    let header: Value = serde_json::from_slice(header.split(|byte| *byte == b'\n').next().unwrap()).unwrap();
    check_table("| field of the header | meaning |\n", &header, &[]);
    let marker = value(&store_format::marker_bytes().unwrap());
    assert_eq!(keys(&marker), names(["made_by"]));
    assert!(DOCUMENT.contains("The value of the marker is `made_by`"));
    let store = MemoryStore::default();
    lookup::remember_workflow(&store, &self::record()).unwrap();
    let objects = store.objects.borrow();
    assert_eq!(
        keys(&value(objects.values().next().unwrap())),
        names(["workspace"])
    );
    assert!(DOCUMENT.contains("The value of a `workflows` key is `workspace`"));
}

#[test]
fn the_note_of_a_removal_has_the_fields_that_are_listed() {
    let note = Note {
        artifact: "dist".to_owned(),
        number: 7,
        reason: None,
        actor: None,
        runner: "jenkins".to_owned(),
        url: None,
        created_ms: 1,
    };
    let listed = DOCUMENT
        .split("creates a small object `removal` (")
        .nth(1)
        .unwrap();
    let listed = listed.split(')').next().unwrap();
    assert_eq!(marked(listed), keys(&value(&seal("removal", &note).unwrap())));
}

#[test]
fn the_list_of_condemned_objects_has_the_fields_that_are_described() {
    let mark = Mark {
        phase: Phase::Seen,
        since_ms: 1,
    };
    let build = event().build.id;
    let list = Condemned {
        sequence: 1,
        packs: [(PackId::of(b"pack"), mark)].into(),
        trees: [(TreeId::of(b"tree"), mark)].into(),
        builds: [(Removed::new("p", "dist", build), 1)].into(),
        unknown_until_ms: 1,
    };
    let described = DOCUMENT.split("The lines are: a header (").nth(1).unwrap();
    let described = marked(&format!(
        "`{}",
        described.split("```").next().unwrap().replacen('`', "", 1)
    ));
    let mut written = BTreeSet::new();
    let bytes = list.to_bytes().unwrap();
    // The last 32 bytes are a digest.
    for line in lines(&bytes[..bytes.len() - 32]) {
        all_fields(&line, &mut written);
    }
    // A build is described with the events.
    let of_a_build = [
        "number", "trusted", "counter", "order", "job", "nodes", "rank", "runner", "by", "part", "run",
        "attempt",
    ];
    let missing: Vec<&String> = written
        .iter()
        .filter(|field| !described.contains(*field) && !of_a_build.contains(&field.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?} in {described:?}");
    for field in [
        "baton",
        "version",
        "sequence",
        "packs",
        "trees",
        "builds",
        "unknown_until_ms",
        "id",
        "phase",
    ] {
        assert!(written.contains(field), "{field}");
    }
}

#[test]
fn the_grammar_has_the_fields_of_a_tree() {
    let grammar = DOCUMENT.split("header    = ").nth(1).unwrap();
    let grammar = grammar.split("```").next().unwrap();
    let documented = names(grammar.split('"').skip(1).step_by(2).filter(|name| {
        let is_value = ["tree", "directory", "symlink", "file"].contains(name);
        !is_value && name.bytes().all(|byte| byte.is_ascii_lowercase())
    }));
    let entry = |path: &str, content| Entry {
        path: path.to_owned(),
        bits: 0o644,
        modified: Time::default(),
        content,
    };
    let file = |digest, location| Content::File {
        size: 1,
        digest,
        location,
    };
    let digest = Digest::of(b"x");
    let entries = vec![
        entry("a", file(digest, Location::Bundle { chunk: 0, offset: 0 })),
        entry(
            "b",
            file(Digest::of_slices([(&digest, 1)]), Location::Slices(vec![(1, 1)])),
        ),
        entry("c", Content::Symlink("a".to_owned())),
        entry("d", Content::Directory),
    ];
    let chunk = |offset, digest| Chunk {
        pack: 0,
        offset,
        length: 9,
        raw_length: 1,
        digest,
    };
    let table = Table {
        chunks: vec![chunk(0, None), chunk(9, Some(digest))],
        packs: vec![PackId::of(b"pack")],
    };
    let (store, covers, intact) = (MemoryStore::default(), ["dist".to_owned()], Default::default());
    let mut writer = Writer::new(&store, &covers, Some(digest), &intact, ExistingCheck::Size);
    // Two parts, so that there is a list of parts.
    writer.part(entries, table).unwrap();
    writer
        .part(vec![entry("e", Content::Directory)], Table::default())
        .unwrap();
    writer.finish().unwrap();
    let mut written = BTreeSet::new();
    for object in store.objects.borrow().values() {
        lines(object)
            .iter()
            .for_each(|line| all_fields(line, &mut written));
    }
    assert_eq!(documented, written);
}

/// Returns the JSON lines of an object.
fn lines(object: &[u8]) -> Vec<Value> {
    let mut text = String::new();
    let mut decoder = StreamingDecoder::new(object);
    decoder.read_to_string(&mut text).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

//! Format version 1, byte by byte: a change of the format shows here before anybody's store has it.
//!
//! `golden/v1` holds the tree (its lines, not compressed), the record, and the keys of one fixed build, as this code
//! writes them. `UPDATE_GOLDEN=1 cargo test -p baton-guest golden` writes them again: a release that changed more than
//! ids, which follow the compressor's version, is a new format version. `golden/v1/store` is that build's store as it
//! was written first, and is never written again: it must stay readable.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use baton_guest::context::Context;
use baton_guest::keys;
use baton_guest::order::Node;
use baton_guest::ports::Time;
use baton_guest::testing::{MemoryFiles, MemoryStore};
use structured_zstd::decoding::{FrameDecoder, StreamingDecoder};

use crate::support::driver::{all_of, attach, persisted};
use crate::support::trees::{Model, Node as Entry};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1")
}

fn is_update() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

/// Everything that a build can have.
fn context() -> Context {
    Context {
        runner: "circleci".into(),
        project: Some("gh/acme/shop".into()),
        branch: Some("feature/login".into()),
        default_branch: Some("main".into()),
        tag: Some("v1.2".into()),
        commit: Some("0123456789abcdef0123456789abcdef01234567".into()),
        run: Some(1234),
        number: Some(5678),
        attempt: Some(5678),
        counter: Some("gh/acme/shop".into()),
        counter_part: None,
        counter_shared: false,
        workflow: Some("7a1f-rerun".into()),
        workspace: Some("7a1f".into()),
        job: Some("build & test".into()),
        node: Some(Node { index: 0, total: 1 }),
        pull_request: None,
        fork: false,
        url: Some("https://app.circleci.com/jobs/5678".into()),
        actor: Some("ada".into()),
        component: Some("ab".repeat(32)),
        now_ms: 1_700_000_000_123,
    }
}

/// Everything that a tree can have.
fn files() -> MemoryFiles {
    let mut model = Model::default();
    let time = |seconds, nanoseconds| Time { seconds, nanoseconds };
    model.add("bin", Entry::Directory, 0o755, time(1_600_000_000, 0));
    model.add(
        "bin/app",
        Entry::File(1, 3000, false),
        0o755,
        time(1_600_000_001, 123_456_789),
    );
    model.add(
        "bin/copy",
        Entry::File(1, 3000, false),
        0o400,
        time(1_600_000_002, 0),
    );
    model.add(
        "bin-latest",
        Entry::Symlink("bin/app".into()),
        0,
        time(1_600_000_003, 1),
    );
    model.add("empty", Entry::File(0, 0, false), 0o644, time(0, 0));
    model.add("empty dir", Entry::Directory, 0o700, time(-1, 999_999_999));
    model.add(
        "large",
        Entry::File(2, (2 << 20) + 7, true),
        0o644,
        time(1_600_000_004, 0),
    );
    model.add(
        "odd/\"quoted\"\n\u{1f980}",
        Entry::File(3, 500, true),
        0o000,
        time(1_600_000_005, 0),
    );
    model.files()
}

fn assert_golden(name: &str, found: &[u8]) {
    let file = folder().join(name);
    if is_update() {
        fs::create_dir_all(folder()).unwrap();
        fs::write(&file, found).unwrap();
    }
    let expected = fs::read(&file).unwrap();
    assert!(
        expected == found,
        "{} is\n{}\nand was\n{}",
        file.display(),
        String::from_utf8_lossy(found),
        String::from_utf8_lossy(&expected)
    );
}

fn lines(stored: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    StreamingDecoder::new_with_decoder(stored, FrameDecoder::new())
        .read_to_end(&mut lines)
        .unwrap();
    lines
}

#[test]
fn version_1_is_written_as_ever() {
    let store = MemoryStore::default();
    let record = persisted(&store, &files(), context());
    let objects = store.objects.borrow();
    let names: String = objects.keys().map(|key| format!("{key}\n")).collect();
    assert_golden("keys.txt", names.as_bytes());
    assert_golden("tree.jsonl", &lines(&objects[&keys::tree(&record.tree)]));
    let records: Vec<&Vec<u8>> = record
        .keys()
        .iter()
        .chain(&record.layer_key())
        .map(|key| &objects[key])
        .collect();
    assert!(
        records.iter().all(|bytes| bytes == &records[0]),
        "one record, under each of its keys"
    );
    assert_golden("record.json", records[0]);
    let workflow = objects.keys().find(|key| key.contains("/workflows/")).unwrap();
    assert_golden("workflow.json", &objects[workflow]);
}

#[test]
fn version_1_is_read_as_ever() {
    let root = folder().join("store");
    if is_update() && !root.exists() {
        let store = MemoryStore::default();
        persisted(&store, &files(), context());
        for (key, bytes) in store.objects.borrow().iter() {
            let file = root.join(key);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, bytes).unwrap();
        }
    }
    let store = MemoryStore::default();
    let mut dirs = vec![root.clone()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            let key = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            store.objects.borrow_mut().insert(key, fs::read(path).unwrap());
        }
    }
    for selector in [
        "latest",
        "build:5678",
        "sha:0123456",
        "tag:v1.2",
        "workspace",
        "workflow:7a1f-rerun",
        "workflow:7a1f",
    ] {
        let to = MemoryFiles::default();
        let report = attach(&store, &to, &all_of(selector, context()), 1).unwrap();
        assert_eq!(to.listing(), files().listing(), "{selector}");
        let expected = context().record("dist").unwrap();
        assert_eq!(
            (report.builds[0].number, &report.builds[0].job),
            (5678, &expected.job),
            "{selector}"
        );
    }
}

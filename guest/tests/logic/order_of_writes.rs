//! The order of writes. A run may end at any point: the store then answers as before or as after, and the next run
//! succeeds.

use std::cell::Cell;

use baton_guest::context::Context;
use baton_guest::persist::{self, Persist};
use baton_guest::record::Record;
use baton_guest::testing::{MemoryFiles, MemoryScratch, MemoryStore};

use crate::support::driver::{
    all_of, attach, attached_latest, everything, persist, persisted, resolve, work,
};
use crate::support::stores::{Failing, Recording, copy, stored_bytes};
use crate::support::{build, code, job, noise};

/// In which order objects of this key's kind must come.
fn rank(key: &str) -> usize {
    let kinds = [
        "v1/store",
        "v1/packs/",
        "v1/trees/",
        "/workspaces/",
        "/workflows/",
        "/numbers/",
        "/commits/",
        "/tags/",
    ];
    kinds
        .iter()
        .position(|kind| key.contains(kind))
        .unwrap_or_else(|| {
            assert!(key.contains("/builds/"), "{key}");
            kinds.len()
        })
}

/// A rerun of a workflow, with everything that a build can have.
fn full() -> Context {
    Context {
        workflow: Some("rerun".into()),
        tag: Some("v1".into()),
        ..job("original", "build", 1)
    }
}

/// Small files and a large one, and as many links between them as make a task, so that two workers share the rest.
fn some_files(seed: u64) -> MemoryFiles {
    let files = MemoryFiles::default();
    for number in 0..2048 {
        files.symlink(&format!("e/{number}"), "x");
    }
    for number in 0..40 {
        files.file(
            &format!("d{}/{number}", number % 3),
            noise(seed * 100 + number, 50_000),
            0o644,
        );
    }
    files.file("large", noise(seed, 3 << 20), 0o644);
    files
}

#[test]
fn what_is_pointed_to_is_written_before_what_points() {
    let inner = MemoryStore::default();
    let store = Recording::new(&inner);
    persist(&store, &some_files(1), &everything(full()), 3).unwrap();
    let puts = store.puts.into_inner();
    let ranks: Vec<usize> = puts.iter().map(|key| rank(key)).collect();
    assert!(ranks.is_sorted(), "{puts:#?}");
    assert_eq!(
        ranks.iter().filter(|rank| **rank == 8).count(),
        1,
        "one key moves the branch, and it is the last"
    );
    for kind in 0..=8 {
        assert!(ranks.contains(&kind), "nothing of kind {kind} in {puts:#?}");
    }
}

#[test]
fn nothing_is_visible_before_finish() {
    let (store, files) = (MemoryStore::default(), some_files(1));
    persisted(&store, &files, build(1));
    let planned = persist::plan(&store, &some_files(2), &MemoryScratch, &everything(build(2))).unwrap();
    work(&store, &some_files(2), &planned, 2).unwrap();
    let latest = resolve(&store, "latest", build(3)).unwrap();
    assert_eq!(latest.iter().map(|record| record.number).collect::<Vec<_>>(), [1]);
}

#[test]
fn what_was_written_is_what_is_reported() {
    let store = MemoryStore::default();
    let files = some_files(1);
    let reported = |context| {
        persist(&store, &files, &everything(context), 2)
            .unwrap()
            .stored_bytes
    };
    let marker = {
        let empty = MemoryStore::default();
        baton_guest::store_format::prepare(&empty, false).unwrap();
        stored_bytes(&empty, "")
    };
    assert_eq!(reported(full()), stored_bytes(&store, "") - marker);
    let before = stored_bytes(&store, "");
    assert_eq!(reported(full()), 0, "the same build again");
    assert_eq!(stored_bytes(&store, ""), before);
    assert_eq!(reported(build(2)), stored_bytes(&store, "") - before);
}

/// Runs `request` again and again, ended before its first put, its second, and so on. After each end looks at the store,
/// and runs it once more to the end, with one worker, which packs things otherwise.
fn ended_anywhere(
    before: &MemoryStore,
    files: &MemoryFiles,
    request: &Persist,
    check: impl Fn(&MemoryStore, bool),
) {
    for puts in 0.. {
        let inner = copy(before);
        let store = Failing {
            inner: &inner,
            left: Cell::new(puts),
        };
        let ended = persist(&store, files, request, 3);
        check(&inner, ended.is_ok());
        let whole = ended.is_ok();
        let mut later = request.clone();
        later.context.now_ms += 5000;
        persist(&inner, files, &later, 1).unwrap_or_else(|error| panic!("after {puts} puts: {error:?}"));
        check(&inner, true);
        if whole {
            assert!(puts > 3);
            return;
        }
    }
}

#[test]
fn a_run_that_ends_anywhere_leaves_the_old_answer_or_the_new_one() {
    let (before, old, new) = (MemoryStore::default(), some_files(1), some_files(2));
    persisted(&before, &old, build(1));
    let context = Context {
        tag: Some("v2".into()),
        ..build(2)
    };
    ended_anywhere(&before, &new, &everything(context), |store, whole| {
        let latest = resolve(store, "latest", build(3)).unwrap().remove(0).number;
        assert!(latest == 2 || (latest == 1 && !whole));
        let attached = attached_latest(store);
        assert_eq!(
            attached.listing(),
            if latest == 2 { new.listing() } else { old.listing() }
        );
        for selector in ["build:2", &format!("sha:{:040x}", 2), "tag:v2"] {
            match resolve(store, selector, build(3)) {
                Ok(found) => assert_eq!(found[0].number, 2),
                Err(error) => assert!(!whole && code(&error) == "no-build", "{error:?}"),
            }
        }
    });
}

#[test]
fn a_job_that_ends_anywhere_leaves_the_workspace_as_it_was_or_with_its_layer() {
    let (before, first, second) = (
        MemoryStore::default(),
        MemoryFiles::default(),
        MemoryFiles::default(),
    );
    first.file("first", "1", 0o644);
    second.file("second", noise(2, 1000), 0o644);
    persisted(&before, &first, job("w", "one", 1));
    ended_anywhere(
        &before,
        &second,
        &everything(job("w", "two", 2)),
        |store, whole| {
            let to = MemoryFiles::default();
            let attached = attach(store, &to, &all_of("workspace", job("w", "three", 3)), 1).unwrap();
            assert!(attached.files == 2 || (attached.files == 1 && !whole));
            assert!(to.content("first").is_some());
        },
    );
}

#[test]
fn a_build_that_no_branch_shows_can_be_run_again() {
    // A pull request's build is in no branch's listing, so its own tree is not the base of its rerun.
    let context = Context {
        pull_request: Some("12".into()),
        ..build(2)
    };
    let (before, files) = (MemoryStore::default(), some_files(2));
    persisted(&before, &some_files(1), build(1));
    ended_anywhere(&before, &files, &everything(context), |store, whole| {
        let to = MemoryFiles::default();
        match attach(store, &to, &all_of("build:2", build(3)), 1) {
            Ok(_) => assert_eq!(to.listing(), files.listing()),
            Err(error) => assert!(!whole && code(&error) == "no-build", "{error:?}"),
        }
    });
}

#[test]
fn a_build_is_of_one_commit() {
    let store = MemoryStore::default();
    persisted(&store, &some_files(1), build(1));
    let keys = store.keys("");
    let other = Context {
        commit: Some("f".repeat(40)),
        ..build(1)
    };
    let error = persist(&store, &some_files(2), &everything(other), 1).unwrap_err();
    assert_eq!(code(&error), "build-exists");
    let visible = |keys: Vec<String>| {
        keys.into_iter()
            .filter(|key| key.contains("/projects/"))
            .collect::<Vec<_>>()
    };
    assert_eq!(visible(store.keys("")), visible(keys));
    let again = persist(&store, &some_files(1), &everything(build(1)), 1).unwrap();
    assert!(again.repeated);
    let record: Record = again.record.unwrap();
    assert_eq!(resolve(&store, "latest", build(2)).unwrap(), [record]);
}

#[test]
fn two_first_runs_may_race_for_an_empty_store() {
    /// Another run makes the store its own right after this one has seen that nobody has.
    struct Racing(MemoryStore, Cell<bool>);
    use baton_guest::ports::{PutMode, PutOutcome, Store};
    impl Store for Racing {
        fn get(&self, key: &str, range: Option<(u64, u64)>) -> baton_guest::Result<Option<Vec<u8>>> {
            let found = self.0.get(key, range)?;
            if found.is_none() && !self.1.replace(true) {
                persisted(&self.0, &some_files(1), build(1));
            }
            Ok(found)
        }
        fn head(&self, key: &str) -> baton_guest::Result<Option<u64>> {
            self.0.head(key)
        }
        fn put(&self, key: &str, bytes: &[u8], mode: PutMode) -> baton_guest::Result<PutOutcome> {
            self.0.put(key, bytes, mode)
        }
        fn delete(&self, keys: &[String]) -> baton_guest::Result<()> {
            self.0.delete(keys)
        }
        fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> baton_guest::Result<Vec<String>> {
            self.0.list(prefix, after, limit)
        }
    }
    let store = Racing(MemoryStore::default(), Cell::new(false));
    persist(&store, &some_files(2), &everything(build(2)), 1).unwrap();
    assert_eq!(resolve(&store, "latest", build(3)).unwrap()[0].number, 2);
}

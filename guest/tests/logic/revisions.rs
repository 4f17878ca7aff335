//! A job run that persists one artifact several times: each persist adds or replaces paths, and the newest revision answers.

use std::cell::{Cell, RefCell};

use baton_guest::context::Context;
use baton_guest::error::Result;
use baton_guest::keys;
use baton_guest::order::Node;
use baton_guest::persist::{self, Persist};
use baton_guest::ports::{PutMode, PutOutcome, Store};
use baton_guest::prune::Policy;
use baton_guest::testing::{MemoryFiles, MemoryScratch, MemoryStore};

use crate::channels::promote;
use crate::prune::{damages, prune_at};
use crate::support::driver::{all_of, attach, everything, persist, resolve, work};
use crate::support::stores::{Failing, copy};
use crate::support::{build, code, job, noise};

const HOUR_MS: u64 = 3_600_000;
const LATER_MS: u64 = 1_700_000_000_000 + 24 * HOUR_MS;

/// A directory with these files.
fn files(all: &[(&str, &str)]) -> MemoryFiles {
    let files = MemoryFiles::default();
    for (path, content) in all {
        files.file(path, *content, 0o644);
    }
    files
}

fn only(path: &str, context: Context) -> Persist {
    Persist {
        paths: vec![path.into()],
        ..everything(context)
    }
}

/// Returns the files that a selector attaches: their paths and content.
fn attached(store: &impl Store, selector: &str, context: Context) -> Vec<(String, String)> {
    let to = MemoryFiles::default();
    attach(store, &to, &all_of(selector, context), 2).unwrap();
    let files = to.listing();
    let files = files.iter().filter_map(|line| line.split(' ').next());
    let content = |path: &str| Some(String::from_utf8_lossy(&to.content(path)?).into_owned());
    files
        .filter_map(|path| Some((path.to_owned(), content(path)?)))
        .collect()
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect()
}

/// A build that every selector finds.
fn found_by_all() -> Context {
    Context {
        tag: Some("v1".into()),
        ..job("w", "build", 1)
    }
}

#[test]
fn a_further_persist_adds_and_replaces() {
    let store = MemoryStore::default();
    let from = files(&[("d/a", "1"), ("d/b", "1"), ("top", "1")]);
    let persist = |path: &str| persist(&store, &from, &only(path, found_by_all()), 2).unwrap();
    assert_eq!(persist("d/a").record.unwrap().revision, 1);
    let second = persist("d/b");
    assert!(!second.repeated);
    let record = second.record.unwrap();
    assert_eq!((record.revision, record.files, record.bytes), (2, 2, 2));
    from.file("d/a", "22", 0o600);
    assert_eq!(persist("d/a").record.unwrap().revision, 3);
    let all = pairs(&[("d/a", "22"), ("d/b", "1")]);
    for selector in [
        "latest@main",
        "build:1",
        "tag:v1",
        "workspace",
        "workflow:w",
        &format!("sha:{:040x}", 1),
    ] {
        assert_eq!(
            attached(&store, selector, job("w", "other", 2)),
            all,
            "{selector}"
        );
        assert_eq!(
            resolve(&store, selector, job("w", "other", 2)).unwrap().len(),
            1,
            "{selector}"
        );
    }
    assert!(damages(&store).is_empty());
}

#[test]
fn what_the_build_has_makes_no_revision() {
    let store = MemoryStore::default();
    let from = files(&[("a", "1"), ("b", "2")]);
    for path in ["a", "b"] {
        persist(&store, &from, &only(path, build(1)), 1).unwrap();
    }
    let before = store.keys("");
    for path in ["a", "b", "."] {
        let again = persist(&store, &from, &only(path, build(1)), 1).unwrap();
        assert!(again.repeated, "{path}");
        assert_eq!(again.record.unwrap().revision, 2);
    }
    let tree = |key: &String| !key.starts_with(keys::PACKS);
    let now: Vec<_> = store.keys("").into_iter().filter(tree).collect();
    assert_eq!(now, before.into_iter().filter(tree).collect::<Vec<_>>());
}

#[test]
fn a_file_replaces_a_directory_and_a_directory_a_file() {
    let store = MemoryStore::default();
    persist(
        &store,
        &files(&[("x/in", "1"), ("x-y", "1"), ("z", "1")]),
        &everything(build(1)),
        1,
    )
    .unwrap();
    persist(
        &store,
        &files(&[("x", "2"), ("z/in", "2")]),
        &everything(build(1)),
        1,
    )
    .unwrap();
    let all = pairs(&[("x", "2"), ("x-y", "1"), ("z/in", "2")]);
    assert_eq!(attached(&store, "latest@main", build(2)), all);
}

#[test]
fn large_files_and_many_stay_where_they_are() {
    let store = MemoryStore::default();
    let from = MemoryFiles::default();
    from.file("large", noise(1, 9 << 20), 0o644);
    for number in 0..50 {
        from.file(&format!("small/{number}"), noise(number, 3000), 0o644);
    }
    persist(&store, &from, &only("large", build(1)), 2).unwrap();
    let before = store.keys(keys::PACKS).len();
    let second = persist(&store, &from, &only("small", build(1)), 2).unwrap();
    assert_eq!(second.new_bytes, 150_000);
    assert_eq!(store.keys(keys::PACKS).len(), before + 1);
    let to = MemoryFiles::default();
    attach(&store, &to, &all_of("build:1", build(2)), 2).unwrap();
    assert_eq!(to.listing(), from.listing());
}

#[test]
fn each_node_has_revisions_of_its_own() {
    let store = MemoryStore::default();
    let node = |index| Context {
        node: Some(Node { index, total: 2 }),
        ..job("w", "test", 1)
    };
    for index in [0, 1] {
        for step in 0..=index {
            let path = format!("{index}-{step}");
            persist(&store, &files(&[(&path, "1")]), &everything(node(index)), 1).unwrap();
        }
        // One node with all of its revisions is no complete build.
        assert_eq!(resolve(&store, "latest@main", build(2)).is_ok(), index == 1);
    }
    let all = pairs(&[("0-0", "1"), ("1-0", "1"), ("1-1", "1")]);
    for selector in ["latest@main", "build:1", "workspace"] {
        assert_eq!(
            attached(&store, selector, job("w", "other", 2)),
            all,
            "{selector}"
        );
    }
    promote(&store, "latest@main").unwrap();
    assert_eq!(attached(&store, "channel:production", build(3)), all);
}

#[test]
fn of_another_branch_or_commit_it_is_no_revision() {
    let store = MemoryStore::default();
    persist(&store, &files(&[("a", "1")]), &everything(build(1)), 1).unwrap();
    for other in [
        Context {
            branch: Some("other".into()),
            ..build(1)
        },
        Context {
            commit: Some("f".repeat(40)),
            ..build(1)
        },
    ] {
        let error = persist(&store, &files(&[("b", "1")]), &everything(other), 1).unwrap_err();
        assert_eq!(code(&error), "build-exists");
    }
}

#[test]
fn the_most_revisions_are_255() {
    let store = MemoryStore::default();
    let step = |number: u32| {
        persist(
            &store,
            &files(&[("a", &number.to_string())]),
            &everything(build(1)),
            1,
        )
    };
    for number in 1..=255 {
        assert_eq!(u32::from(step(number).unwrap().record.unwrap().revision), number);
    }
    assert_eq!(code(&step(256).unwrap_err()), "too-many-revisions");
    assert_eq!(attached(&store, "latest@main", build(2)), pairs(&[("a", "255")]));
}

/// Lets another run of the same job persist right before the first record of this one.
struct Raced<'a> {
    inner: &'a MemoryStore,
    rivals: RefCell<Vec<&'a str>>,
    context: Context,
}

impl Store for Raced<'_> {
    fn get(&self, key: &str, range: Option<(u64, u64)>) -> Result<Option<Vec<u8>>> {
        self.inner.get(key, range)
    }

    fn head(&self, key: &str) -> Result<Option<u64>> {
        self.inner.head(key)
    }

    fn put(&self, key: &str, bytes: &[u8], mode: PutMode) -> Result<PutOutcome> {
        if key.starts_with(keys::PROJECTS)
            && let Some(rival) = self.rivals.borrow_mut().pop()
        {
            persist(
                self.inner,
                &files(&[(rival, rival)]),
                &everything(self.context.clone()),
                1,
            )?;
        }
        self.inner.put(key, bytes, mode)
    }

    fn delete(&self, keys: &[String]) -> Result<()> {
        self.inner.delete(keys)
    }

    fn list(&self, prefix: &str, start_after: Option<&str>, limit: u32) -> Result<Vec<String>> {
        self.inner.list(prefix, start_after, limit)
    }
}

#[test]
fn of_two_at_once_both_are_there() {
    for context in [build(1), job("w", "build", 1)] {
        let store = MemoryStore::default();
        let raced = Raced {
            inner: &store,
            rivals: RefCell::new(vec!["a", "b", "c"]),
            context: context.clone(),
        };
        let done = persist(&raced, &files(&[("own", "own")]), &everything(context), 1).unwrap();
        assert_eq!(done.record.unwrap().revision, 4);
        let all = pairs(&[("a", "a"), ("b", "b"), ("c", "c"), ("own", "own")]);
        assert_eq!(attached(&store, "latest@main", build(2)), all);
        assert!(damages(&store).is_empty());
    }
}

#[test]
fn killed_anywhere_it_is_as_before_or_whole() {
    let before = MemoryStore::default();
    persist(&before, &files(&[("a", "1")]), &everything(found_by_all()), 1).unwrap();
    let more = files(&[("b", "2")]);
    let (old, new) = (pairs(&[("a", "1")]), pairs(&[("a", "1"), ("b", "2")]));
    for puts in 0.. {
        let store = copy(&before);
        let failing = Failing {
            inner: &store,
            left: Cell::new(puts),
        };
        let request = everything(found_by_all());
        let ended = persist(&failing, &more, &request, 1).is_ok();
        for selector in ["latest@main", "build:1", "tag:v1", "workspace"] {
            let now = attached(&store, selector, job("w", "other", 2));
            assert!(now == new || (!ended && now == old), "{puts} {selector}: {now:?}");
        }
        // Whatever a prune thinks of the revisions, no answer loses its files.
        for hours in [0, 2, 4, 6] {
            let keep = Policy {
                keep_last: Some(1),
                ..Policy::default()
            };
            prune_at(&store, keep, LATER_MS + hours * HOUR_MS);
        }
        assert_eq!(damages(&store), Vec::<String>::new(), "{puts}");
        for selector in ["latest@main", "build:1", "tag:v1", "workspace"] {
            attached(&store, selector, job("w", "other", 2));
        }
        persist(&store, &more, &request, 1).unwrap();
        assert_eq!(attached(&store, "latest@main", build(2)), new);
        if ended {
            return;
        }
    }
}

#[test]
fn a_build_goes_with_all_of_its_revisions() {
    let store = MemoryStore::default();
    for step in 0..3 {
        let content = noise(step, 100_000);
        let from = MemoryFiles::default();
        from.file("a", content, 0o644);
        persist(&store, &from, &everything(found_by_all()), 1).unwrap();
    }
    persist(&store, &files(&[("a", "new")]), &everything(build(2)), 1).unwrap();
    let keep = |last| Policy {
        keep_last: Some(last),
        ..Policy::default()
    };
    // What no revision that answers uses goes first.
    for hours in [0, 2, 4] {
        prune_at(&store, keep(9), LATER_MS + hours * HOUR_MS);
    }
    assert_eq!(store.keys(keys::PACKS).len(), 2);
    assert_eq!(damages(&store), Vec::<String>::new());
    let to = MemoryFiles::default();
    attach(&store, &to, &all_of("build:1", build(3)), 1).unwrap();
    assert_eq!(to.content("a").unwrap(), noise(2, 100_000));
    for hours in [10, 12, 14] {
        prune_at(&store, keep(1), LATER_MS + hours * HOUR_MS);
    }
    assert_eq!(store.keys(keys::PACKS).len(), 1);
    let left = store.keys(keys::PROJECTS);
    assert!(
        left.iter().all(|key| key.contains("/2-") || !key.contains("-fd")),
        "{left:?}"
    );
    assert!(resolve(&store, "build:1", build(3)).is_err());
    assert_eq!(attached(&store, "latest@main", build(3)), pairs(&[("a", "new")]));
}

#[test]
fn a_lost_file_of_before_is_an_error_unless_it_is_persisted_too() {
    let store = MemoryStore::default();
    let from = MemoryFiles::default();
    from.file("a", noise(1, 5000), 0o644);
    from.file("b", noise(2, 5000), 0o644);
    persist(&store, &from, &only("a", build(1)), 1).unwrap();
    let pack = store.keys(keys::PACKS).pop().unwrap();
    persist(&store, &from, &only("b", build(1)), 1).unwrap();
    store.objects.borrow_mut().remove(&pack);
    from.file("c", noise(3, 5000), 0o644);
    from.file("a", noise(4, 5000), 0o644);
    let error = persist(&store, &from, &only("c", build(1)), 1).unwrap_err();
    assert_eq!(code(&error), "damaged");
    persist(&store, &from, &everything(build(1)), 1).unwrap();
    assert_eq!(damages(&store), Vec::<String>::new());
}

#[test]
fn a_plan_from_before_another_revision_is_merged() {
    let store = MemoryStore::default();
    let from = files(&[("a", "1"), ("b", "2")]);
    let request = only("a", build(1));
    let planned = persist::plan(&store, &from, &MemoryScratch, &request).unwrap();
    persist(&store, &from, &only("b", build(1)), 1).unwrap();
    let outcomes = work(&store, &from, &planned, 1).unwrap();
    persist::finish(&store, &from, &MemoryScratch, &planned.rest, &outcomes).unwrap();
    let all = pairs(&[("a", "1"), ("b", "2")]);
    assert_eq!(attached(&store, "latest@main", build(2)), all);
}

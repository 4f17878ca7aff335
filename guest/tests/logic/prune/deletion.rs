//! Deletion, while persists and other prunes run.

use super::*;

#[test]
fn bytes_go_only_after_the_grace_period() {
    let store = with_builds(3);
    let packs = store.keys("v1/packs/").len();
    let first = prune_at(&store, keep_last(1), LATER_MS);
    assert_eq!((first.removed, first.deleted.objects), (2, 0));
    assert_eq!(first.condemned.objects, 4);
    let soon = prune_at(&store, keep_last(1), LATER_MS + HOUR_MS - 1);
    assert_eq!(soon.deleted.objects, 0);
    assert_eq!(store.keys("v1/packs/").len(), packs);
    let late = prune_at(&store, keep_last(1), LATER_MS + HOUR_MS);
    assert_eq!((late.deleted.objects, late.condemned.objects), (4, 0));
    assert!(late.deleted.bytes > 0);
    assert_eq!(
        (store.keys("v1/packs/").len(), store.keys("v1/trees/").len()),
        (1, 1)
    );
    assert_eq!(damages(&store), [""; 0]);
    assert_eq!(store.keys("v1/condemned/").len(), 1, "only the last list stays");
    assert_eq!(resolve(&store, "latest", build(9)).unwrap()[0].number, 3);
    for gone in ["build:1", "sha:00000000000000000000000000000000000000001"] {
        assert_eq!(code(&resolve(&store, gone, build(9)).unwrap_err()), "no-build");
    }
}

#[test]
fn what_was_never_used_is_only_seen_at_first() {
    let store = with_builds(1);
    store
        .objects
        .borrow_mut()
        .insert(format!("v1/packs/ab/{}", "ab".repeat(32)), vec![1]);
    let mut now_ms = LATER_MS;
    for deleted in [0, 0, 1] {
        assert_eq!(
            prune_at(&store, Policy::default(), now_ms).deleted.objects,
            deleted
        );
        assert_eq!(Condemned::last(&store).unwrap().packs.len(), 1);
        now_ms += HOUR_MS;
    }
    assert_eq!(store.keys("v1/packs/").len(), 1);
    prune_at(&store, Policy::default(), now_ms);
    assert!(Condemned::last(&store).unwrap().packs.is_empty());
}

#[test]
fn a_prune_that_was_killed_is_completed_by_the_next() {
    let store = with_builds(3);
    for left in 0..6 {
        let store = crate::support::stores::copy(&store);
        let failing = DeletesFail {
            inner: &store,
            left: Cell::new(left),
        };
        let clock = at(LATER_MS);
        let planned = prune::plan(&store, &clock, &MemoryScratch, &request(keep_last(1))).unwrap();
        let _ = prune::run(&failing, &clock, &MemoryScratch, &planned.rest);
        assert_eq!(resolve(&store, "latest", build(9)).unwrap()[0].number, 3);
        for hours in 1..5 {
            prune_at(&store, keep_last(1), LATER_MS + hours * HOUR_MS);
        }
        assert_eq!(damages(&store), [""; 0]);
        assert_eq!(
            (store.keys("v1/packs/").len(), store.keys("v1/trees/").len()),
            (1, 1)
        );
        assert_eq!(store.keys("v1/projects/").len(), 3);
    }
}

/// Deletes so many objects, and then fails.
struct DeletesFail<'a> {
    inner: &'a MemoryStore,
    left: Cell<usize>,
}

impl Store for DeletesFail<'_> {
    fn get(&self, key: &str, range: Option<(u64, u64)>) -> baton_guest::Result<Option<Vec<u8>>> {
        self.inner.get(key, range)
    }
    fn head(&self, key: &str) -> baton_guest::Result<Option<u64>> {
        self.inner.head(key)
    }
    fn put(
        &self,
        key: &str,
        bytes: &[u8],
        mode: baton_guest::ports::PutMode,
    ) -> baton_guest::Result<baton_guest::ports::PutOutcome> {
        self.inner.put(key, bytes, mode)
    }
    fn delete(&self, keys: &[String]) -> baton_guest::Result<()> {
        for key in keys {
            let Some(left) = self.left.get().checked_sub(1) else {
                return Err(baton_guest::Error::internal("killed"));
            };
            self.left.set(left);
            self.inner.delete(std::slice::from_ref(key))?;
        }
        Ok(())
    }
    fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> baton_guest::Result<Vec<String>> {
        self.inner.list(prefix, after, limit)
    }
}

#[test]
fn of_two_prunes_at_once_one_does_nothing() {
    let store = with_builds(3);
    let clock = at(LATER_MS);
    let [one, other] =
        [0, 1].map(|_| prune::plan(&store, &clock, &MemoryScratch, &request(keep_last(1))).unwrap());
    assert!(
        !prune::run(&store, &clock, &MemoryScratch, &one.rest)
            .unwrap()
            .overtaken
    );
    assert!(
        prune::run(&store, &clock, &MemoryScratch, &other.rest)
            .unwrap()
            .overtaken
    );
}

#[test]
fn a_build_that_was_promoted_meanwhile_stays() {
    let store = with_builds(3);
    let clock = at(LATER_MS);
    let planned = prune::plan(&store, &clock, &MemoryScratch, &request(keep_last(1))).unwrap();
    promote(&store, "build:2").unwrap();
    assert_eq!(
        prune::run(&store, &clock, &MemoryScratch, &planned.rest)
            .unwrap()
            .removed,
        1
    );
    assert_eq!(
        resolve(&store, "channel:production", build(9)).unwrap()[0].number,
        2
    );
    // Once a prune has said that it removes a build, nothing begins to point to it, and nobody persists it.
    let to = back(main_branch(), Target::Build("build:2".into()));
    let error = baton_guest::channel::rollback(&store, &to).unwrap_err();
    assert_eq!(code(&error), "build-gone");
    let files = MemoryFiles::default();
    let error = crate::support::driver::persist(&store, &files, &everything(build(1)), 1).unwrap_err();
    assert_eq!(code(&error), "build-gone");
}

/// Files whose bytes fill some packs.
fn files(seed: u64) -> MemoryFiles {
    let files = MemoryFiles::default();
    for number in 0..4 {
        files.file(&format!("file-{number}"), noise(seed + number, 300_000), 0o644);
    }
    files.file("large", noise(seed + 9, 3 << 20), 0o644);
    files
}

#[test]
fn a_persist_stores_again_what_was_condemned_since_it_looked() {
    // Whether the packs are the base's, or its own that nothing leads to yet: before the plan, before the tasks, or
    // before the end.
    for step in 0..3 {
        let store = MemoryStore::default();
        persisted(&store, &files(1), build(1));
        persisted_file(&store, build(2), "other", "x");
        let mut now_ms = LATER_MS;
        let mut prune = |when| {
            if when == step {
                // Three prunes: unused objects are seen, condemned, and deleted.
                for _ in 0..3 {
                    prune_at(&store, keep_last(1), now_ms);
                    now_ms += HOUR_MS;
                }
            }
        };
        let files = files(1);
        let request = persist::Persist {
            // The build that is removed is its base.
            context: build(3),
            ..everything(build(3))
        };
        prune(0);
        let planned = persist::plan(&store, &files, &MemoryScratch, &request).unwrap();
        prune(1);
        let outcomes = work(&store, &files, &planned, 2).unwrap();
        prune(2);
        persist::finish(&store, &files, &MemoryScratch, &planned.rest, &outcomes).unwrap();
        for _ in 0..4 {
            prune_at(&store, keep_last(1), now_ms);
            now_ms += HOUR_MS;
            assert_eq!(damages(&store), [""; 0], "step {step}");
        }
        let to = MemoryFiles::default();
        attach(&store, &to, &all_of("latest", build(4)), 1).unwrap();
        assert_eq!(to.listing(), files.listing());
    }
}

#[test]
fn the_same_files_under_the_name_of_what_is_condemned_come_under_another() {
    let store = MemoryStore::default();
    persisted(&store, &files(1), build(1));
    let (packs, trees) = (store.keys("v1/packs/"), store.keys("v1/trees/"));
    persisted_file(&store, build(2), "other", "x");
    prune_at(&store, keep_last(1), LATER_MS);
    // Not deleted yet, and no base any more: the very same packs would be put.
    let record = persisted(&store, &files(1), build(3));
    let tree = crate::support::tree_of(&store, &record);
    assert!(!trees.contains(&baton_guest::keys::tree(&record.tree)));
    assert!(
        tree.packs
            .iter()
            .all(|id| !packs.contains(&baton_guest::keys::pack(id)))
    );
    let last = RefCell::new(LATER_MS);
    for _ in 0..3 {
        *last.borrow_mut() += HOUR_MS;
        prune_at(&store, keep_last(2), *last.borrow());
    }
    assert_eq!(damages(&store), [""; 0]);
    assert!(packs.iter().all(|key| !store.keys("v1/packs/").contains(key)));
}

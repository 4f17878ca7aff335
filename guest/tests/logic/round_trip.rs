//! Attached files equal the persisted ones, for any tree and any number of workers.

use baton_guest::persist;
use baton_guest::testing::{MemoryFiles, MemoryScratch, MemoryStore};
use proptest::prelude::*;

use crate::support::driver::{all_of, attach, attached_latest, everything, persist, persisted};
use crate::support::files::Watched;
use crate::support::stores::stored_bytes;
use crate::support::trees::{SMALL_BYTES_MAX, trees};
use crate::support::{build, cases, code, noise};

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn a_tree_comes_back_as_it_was(model in trees(3 << 20), workers in 1usize..5, others in 1usize..5) {
        let (store, from) = (MemoryStore::default(), model.files());
        let report = persist(&store, &from, &everything(build(1)), workers).unwrap();
        let to = MemoryFiles::default();
        let attached = attach(&store, &to, &all_of("latest", build(2)), others).unwrap();
        prop_assert_eq!(from.listing(), to.listing());
        let record = report.record.unwrap();
        prop_assert_eq!((record.files, record.bytes), (attached.files, attached.bytes));
        prop_assert_eq!(
            attached.files + attached.directories + attached.symlinks,
            model.0.len() as u64
        );
    }

    #[test]
    fn attaching_again_writes_nothing(model in trees(3 << 20), workers in 1usize..5) {
        let (store, from) = (MemoryStore::default(), model.files());
        persisted(&store, &from, build(1));
        let to = Watched { inner: model.files(), ..Watched::default() };
        let again = attach(&store, &&to, &all_of("latest", build(2)), workers).unwrap();
        prop_assert_eq!((again.new_files, again.new_bytes, again.fetched_bytes), (0, 0, 0));
        prop_assert_eq!((to.written_bytes.get(), to.renames.get()), (0, 0));
        prop_assert_eq!(from.listing(), to.inner.listing());
    }

    #[test]
    fn what_the_tree_does_not_have_stays(tree in trees(40_000), there in trees(40_000), workers in 1usize..4) {
        let (store, to) = (MemoryStore::default(), there.files());
        persisted(&store, &tree.files(), build(1));
        let before = to.listing();
        let attached = attach(&store, &to, &all_of("latest", build(2)), workers);
        match there.overlaid_by(&tree) {
            Some(both) => {
                attached.unwrap();
                prop_assert_eq!(to.listing(), both.files().listing());
            }
            None => {
                let error = attached.unwrap_err();
                prop_assert_eq!(code(&error), "directory-in-the-way");
                prop_assert_eq!(to.listing(), before);
            }
        }
    }

    #[test]
    fn clean_leaves_the_tree_and_nothing_else(tree in trees(2 << 20), there in trees(2 << 20)) {
        let (store, from, to) = (MemoryStore::default(), tree.files(), there.files());
        persisted(&store, &from, build(1));
        let request = baton_guest::attach::Attach { clean: true, ..all_of("latest", build(2)) };
        attach(&store, &to, &request, 2).unwrap();
        prop_assert_eq!(from.listing(), to.listing());
    }

    #[test]
    fn the_same_files_are_the_same_tree(model in trees(3 << 20), workers in 1usize..5) {
        let (store, files) = (MemoryStore::default(), model.files());
        let first = persist(&store, &files, &everything(build(1)), 1).unwrap().record.unwrap();
        let packs = stored_bytes(&store, "v1/packs/");
        let second = persist(&store, &files, &everything(build(2)), workers).unwrap();
        prop_assert_eq!(second.new_bytes, 0);
        prop_assert_eq!(stored_bytes(&store, "v1/packs/"), packs);
        prop_assert_eq!(second.record.unwrap().tree, first.tree);
        // Somewhere else, without that base, one worker comes to the same.
        let elsewhere = MemoryStore::default();
        prop_assert_eq!(persisted(&elsewhere, &files, build(3)).tree, first.tree);
    }

    #[test]
    fn a_dry_run_changes_nothing(tree in trees(40_000), there in trees(40_000), clean: bool) {
        let (store, to) = (MemoryStore::default(), there.files());
        persisted(&store, &tree.files(), build(1));
        let (objects, before) = (store.objects.borrow().clone(), to.listing());
        let persisting = persist::Persist { dry_run: true, ..everything(build(2)) };
        persist::plan(&store, &to, &MemoryScratch, &persisting).unwrap();
        let attaching = baton_guest::attach::Attach { dry_run: true, clean, ..all_of("latest", build(2)) };
        let planned = baton_guest::attach::plan(&store, &to, &MemoryScratch, &attaching);
        prop_assert_eq!(planned.is_ok(), clean || there.overlaid_by(&tree).is_some());
        prop_assert!(objects == *store.objects.borrow());
        prop_assert_eq!(to.listing(), before);
    }
}

#[test]
fn a_file_larger_than_a_segment_comes_back() {
    let (store, from) = (MemoryStore::default(), MemoryFiles::default());
    // Two segments of 32 MiB, and one byte: the last segment is the smallest that there is.
    from.file("large", noise(1, (64 << 20) + 1), 0o644);
    from.file("just-large", noise(2, SMALL_BYTES_MAX + 1), 0o600);
    persist(&store, &from, &everything(build(1)), 3).unwrap();
    assert_eq!(from.listing(), attached_latest(&store).listing());
}

#[test]
fn no_task_grows_with_the_number_of_files() {
    let (store, from) = (MemoryStore::default(), MemoryFiles::default());
    for number in 0..10_000 {
        from.file(&format!("empty/{number}"), "", 0o644);
        // All of them lie in one bundle.
        from.file(&format!("tiny/{number}"), number.to_string(), 0o644);
    }
    persist(&store, &from, &everything(build(1)), 1).unwrap();
    let request = all_of("latest@main", build(2));
    let planned =
        baton_guest::attach::plan(&store, &MemoryFiles::default(), &MemoryScratch, &request).unwrap();
    assert_eq!(planned.tasks.iter().map(|task| task.files).sum::<u64>(), 20_000);
    assert!(planned.tasks.iter().all(|task| task.files <= 2048));
    let to = MemoryFiles::default();
    attach(&store, &to, &request, 2).unwrap();
    assert_eq!(from.listing(), to.listing());
}

#[test]
fn directories_as_deep_as_a_path_can_be_come_back() {
    let (store, from) = (MemoryStore::default(), MemoryFiles::default());
    from.file(&format!("{}f", "a/".repeat(1500)), "deep", 0o644);
    persisted(&store, &from, build(1));
    let to = attached_latest(&store);
    assert_eq!(from.listing(), to.listing());
    let empty = MemoryFiles::default();
    empty.file("other", "", 0o644);
    persisted(&store, &empty, build(2));
    let request = baton_guest::attach::Attach {
        clean: true,
        ..all_of("latest", build(3))
    };
    assert_eq!(attach(&store, &to, &request, 1).unwrap().removed, 1501);
    assert_eq!(to.listing(), empty.listing());
}

#[test]
fn what_an_interrupted_attach_left_is_not_persisted() {
    let (store, files) = (MemoryStore::default(), MemoryFiles::default());
    files.file("a", "a", 0o644);
    files.directory("d", 0o755);
    let without = files.listing();
    files.file(".baton-attach/f/1", "half", 0o644);
    // The root may be above the directory that was attached to.
    files.file("d/.baton-attach/f/1", "half", 0o644);
    let planned = persist::plan(&store, &files, &MemoryScratch, &everything(build(1))).unwrap();
    let warnings: Vec<_> = planned
        .warnings
        .iter()
        .map(|it| (&*it.code, &*it.subject))
        .collect();
    let code = "leftover-skipped";
    assert_eq!(warnings, [(code, ".baton-attach"), (code, "d/.baton-attach")]);
    persisted(&store, &files, build(1));
    assert_eq!(attached_latest(&store).listing(), without);
}

#[test]
fn what_cannot_be_moved_is_refused_by_its_path() {
    let (store, files) = (MemoryStore::default(), MemoryFiles::default());
    files.special("run/pipe\n", "FIFO");
    let error = persist(&store, &files, &everything(build(1)), 1).unwrap_err();
    assert_eq!(code(&error), "special-file");
    assert!(
        matches!(&error, baton_guest::Error::Invalid(it) if it.subject == "run/pipe\n"),
        "{error:?}"
    );
}

#[test]
fn special_bits_are_dropped_with_a_warning() {
    let (store, files) = (MemoryStore::default(), MemoryFiles::default());
    files.file("sudo", "x", 0o4755);
    files.directory("tmp", 0o1777);
    let planned = persist::plan(&store, &files, &MemoryScratch, &everything(build(1))).unwrap();
    assert_eq!(planned.warnings.len(), 2);
    persisted(&store, &files, build(1));
    let listing = attached_latest(&store).listing();
    assert!(
        listing.iter().any(|line| line.starts_with("sudo 755 ")),
        "{listing:?}"
    );
    assert!(
        listing.iter().any(|line| line.starts_with("tmp/ 777 ")),
        "{listing:?}"
    );
}

//! Trees of more than one part: what they share, and that they are read as one.

use baton_guest::Error;
use baton_guest::context::Context;
use baton_guest::id::{Digest, TreeId};
use baton_guest::keys;
use baton_guest::ports::{AttributeChange, Files, Time};
use baton_guest::prune::Policy;
use baton_guest::testing::{MemoryFiles, MemoryStore};
use baton_guest::tree::{Border, Entries, References, references};
use serde_json::json;

use crate::prune::{damages, prune_at};
use crate::support::build;
use crate::support::driver::{all_of, attach, attached_latest, everything, persist};
use crate::support::hostile::{damaged, directory, empty, store_text, tree};
use crate::support::stores::stored_bytes;

/// Files in directories of 100, each with other bytes: so many that their tree has several parts.
fn many() -> MemoryFiles {
    let files = MemoryFiles::default();
    for number in 0..24_000 {
        files.file(&path(number), format!("content {number}"), 0o644);
    }
    files
}

fn path(number: u32) -> String {
    format!(
        "d{:03}/a file with a name of some length {number:05}",
        number / 100
    )
}

fn objects(store: &MemoryStore, id: &TreeId) -> References {
    let mut all = References::default();
    references(store, id, &mut all).unwrap();
    all
}

#[test]
fn a_tree_that_did_not_change_is_stored_once() {
    let (store, files) = (MemoryStore::default(), many());
    let first = persist(&store, &files, &everything(build(1)), 3).unwrap();
    let id = first.record.unwrap().tree;
    let parts = objects(&store, &id).trees.len() - 1;
    assert!(parts >= 3, "{parts} parts");
    for (number, workers) in [(2, 1), (3, 2), (4, 5)] {
        let before = stored_bytes(&store, "v1/trees/") + stored_bytes(&store, "v1/packs/");
        let again = persist(&store, &files, &everything(build(number)), workers).unwrap();
        assert_eq!(again.record.unwrap().tree, id, "{workers} workers");
        assert_eq!((again.new_files, again.new_bytes), (0, 0));
        let after = stored_bytes(&store, "v1/trees/") + stored_bytes(&store, "v1/packs/");
        assert_eq!(after, before, "{workers} workers");
    }
    assert_eq!(attached_latest(&store).listing(), files.listing());
}

#[test]
fn equal_bytes_that_two_workers_stored_do_not_change_the_next_tree() {
    let (store, files) = (MemoryStore::default(), MemoryFiles::default());
    // One task each, so that each of two workers stores the same bytes.
    for (number, content) in [(0, b"x".repeat(1 << 20)), (20, b"x".repeat(1 << 20))] {
        for more in 0..16 {
            files.file(&format!("f{:02}", number + more), content.clone(), 0o644);
        }
    }
    files.file("large", crate::support::noise(1, 40 << 20), 0o644);
    files.file("larger", crate::support::noise(1, 40 << 20), 0o644);
    let first = persist(&store, &files, &everything(build(1)), 2).unwrap();
    for number in 2..4 {
        let again = persist(&store, &files, &everything(build(number)), 2).unwrap();
        assert_eq!(
            again.record.unwrap().tree,
            first.record.as_ref().unwrap().tree,
            "build {number}"
        );
    }
}

#[test]
fn a_few_changes_store_a_few_parts() {
    let (store, files) = (MemoryStore::default(), many());
    let first = persist(&store, &files, &everything(build(1)), 2).unwrap();
    let before = objects(&store, &first.record.unwrap().tree).trees;
    files.file(&path(6000), "changed", 0o600);
    files.file("d000/a first file", "new", 0o644);
    let second = persist(&store, &files, &everything(build(2)), 2).unwrap();
    let after = objects(&store, &second.record.unwrap().tree).trees;
    let new = after.difference(&before).count();
    assert!(new <= 3, "{new} of {} objects are new", after.len());
    assert!(after.len() > 4, "{} objects", after.len());
    assert_eq!(attached_latest(&store).listing(), files.listing());
}

#[test]
fn files_that_were_moved_are_found_by_their_digest() {
    let (store, files) = (MemoryStore::default(), many());
    persist(&store, &files, &everything(build(1)), 2).unwrap();
    let packs = stored_bytes(&store, "v1/packs/");
    let moved = MemoryFiles::default();
    for number in 0..24_000 {
        moved.file(
            &format!("elsewhere/{}", path(number)),
            format!("content {number}"),
            0o644,
        );
    }
    let report = persist(&store, &moved, &everything(build(2)), 2).unwrap();
    assert_eq!(report.new_files, 0);
    assert_eq!(stored_bytes(&store, "v1/packs/"), packs);
    assert_eq!(attached_latest(&store).listing(), moved.listing());
}

#[test]
fn a_part_that_is_missing_or_swapped_is_damage() {
    let (store, files) = (MemoryStore::default(), many());
    let id = persist(&store, &files, &everything(build(1)), 2)
        .unwrap()
        .record
        .unwrap()
        .tree;
    let selector = format!("tree:{id}");
    let parts: Vec<String> = objects(&store, &id)
        .trees
        .iter()
        .filter(|part| **part != id)
        .map(keys::tree)
        .collect();
    for key in &parts {
        let whole = store.objects.borrow_mut().remove(key).unwrap();
        assert!(damaged(&store, &selector).contains("the tree is missing"));
        let mut altered = whole.clone();
        altered[whole.len() / 2] ^= 1;
        let other = store.objects.borrow().get(&parts[0]).cloned();
        for wrong in std::iter::once(altered).chain(other) {
            store.objects.borrow_mut().insert(key.clone(), wrong);
            damaged(&store, &selector);
        }
        store.objects.borrow_mut().insert(key.clone(), whole);
    }
    attach(&store, &MemoryFiles::default(), &all_of(&selector, build(2)), 1).unwrap();
    // A persist stores again what is missing.
    store.objects.borrow_mut().remove(&parts[1]);
    files
        .apply(&[AttributeChange {
            path: path(0),
            bits: Some(0o600),
            modified: Time::default(),
        }])
        .unwrap();
    persist(&store, &files, &everything(build(2)), 2).unwrap();
    assert_eq!(attached_latest(&store).listing(), files.listing());
}

/// A tree that is a list of trees. Returns its selector.
fn list(store: &MemoryStore, entries: u64, parts: &[(&str, u64)]) -> String {
    let header = json!({
        "baton": "tree", "version": 1, "entries": entries, "packs": 0, "parts": parts.len(),
    });
    let mut text = format!("{header}\n");
    for (selector, entries) in parts {
        let id = selector.strip_prefix("tree:").unwrap();
        text.push_str(&format!("{}\n", json!({"part": id, "entries": entries})));
    }
    store_text(store, text.as_bytes())
}

#[test]
fn the_parts_of_a_hostile_list_are_checked_as_one_tree() {
    let store = MemoryStore::default();
    let one = tree(vec![directory("d"), empty("d/a")]).store(&store);
    let below = tree(vec![empty("d/b")]).store(&store);
    let outside = tree(vec![empty("e/b")]).store(&store);
    let before = tree(vec![empty("a")]).store(&store);
    let nothing = tree(vec![]).store(&store);
    let whole = list(&store, 3, &[(&one, 2), (&below, 1)]);
    let to = MemoryFiles::default();
    attach(&store, &to, &all_of(&whole, Context::default()), 1).unwrap();
    assert_eq!(to.listing().len(), 3);
    for wrong in [
        // Other counts than there are.
        list(&store, 4, &[(&one, 2), (&below, 1)]),
        list(&store, 2, &[(&one, 2), (&below, 1)]),
        list(&store, 3, &[(&one, 1), (&below, 2)]),
        list(&store, 2, &[(&one, 2), (&nothing, 0)]),
        list(&store, u64::MAX, &[(&one, u64::MAX), (&below, 1)]),
        // A path in no directory, out of order, and twice.
        list(&store, 3, &[(&one, 2), (&outside, 1)]),
        list(&store, 3, &[(&one, 2), (&before, 1)]),
        list(&store, 4, &[(&one, 2), (&one, 2)]),
        // A list within a list, and itself.
        list(&store, 4, &[(&before, 1), (&whole, 3)]),
        format!("tree:{}", TreeId::from(Digest::of(b"nothing"))),
    ] {
        let error = attach(
            &store,
            &MemoryFiles::default(),
            &all_of(&wrong, Context::default()),
            1,
        );
        assert!(
            matches!(error, Err(Error::Damaged(_) | Error::Limit(_))),
            "{wrong}: {error:?}"
        );
    }
}

#[test]
fn a_prune_keeps_the_parts_of_what_it_keeps_and_deletes_the_others() {
    let (store, files) = (MemoryStore::default(), many());
    persist(&store, &files, &everything(build(1)), 2).unwrap();
    files.file(&path(6000), "changed", 0o600);
    persist(&store, &files, &everything(build(2)), 2).unwrap();
    let before = store.keys("v1/trees/").len();
    for day in 1..5 {
        let policy = Policy {
            keep_last: Some(1),
            ..Policy::default()
        };
        prune_at(&store, policy, (1_800_000_000 + day * 100_000) * 1000);
    }
    assert_eq!(damages(&store), [""; 0]);
    let after = store.keys("v1/trees/").len();
    assert!(after < before, "{after} of {before}");
    assert_eq!(attached_latest(&store).listing(), files.listing());
}

#[test]
fn a_tree_is_read_as_far_as_it_is_wanted() {
    let (store, files) = (MemoryStore::default(), many());
    let id = persist(&store, &files, &everything(build(1)), 2)
        .unwrap()
        .record
        .unwrap()
        .tree;
    let before = store.calls.get();
    let mut entries = Entries::open(&store, &id).unwrap();
    entries.next_entry().unwrap();
    assert_eq!(store.calls.get() - before, 2, "the list, and its first part");
}

#[test]
fn a_border_depends_on_the_entries_alone() {
    let ends = |from: u32| -> Vec<u32> {
        let mut border = Border::default();
        (from..40_000)
            .filter(|number| border.ends(&path(*number), 0))
            .collect()
    };
    let (all, later) = (ends(0), ends(5_000));
    assert!(all.len() > 3, "{all:?}");
    assert_eq!(all.last(), later.last(), "the borders meet again");
    let mut border = Border::default();
    assert!(
        border.ends("large", 80_000),
        "a part ends with a file of very many slices"
    );
    assert!(!border.ends("next", 0));
}

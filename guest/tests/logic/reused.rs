//! Objects that a persist reuses exist and are intact, whoever stored them: a persist that succeeds leaves a build that
//! attaches.

use baton_guest::Error;
use baton_guest::condemned::Condemned;
use baton_guest::context::Context;
use baton_guest::keys;
use baton_guest::persist::Persist;
use baton_guest::prune::Policy;
use baton_guest::testing::{MemoryFiles, MemoryStore};

use crate::prune::{damages, prune_at};
use crate::support::driver::{all_of, attach, everything, persist};
use crate::support::stores::copy;
use crate::support::{build, noise};

/// A day after the builds.
const LATER_MS: u64 = 1_700_000_000_000 + 24 * 3_600_000;

/// Files as a job writes them again: the same content, and a later time.
fn made(files: &MemoryFiles, own: u64) {
    for name in 0..4 {
        files.file(&format!("all/{name}"), noise(name, 40_000), 0o644);
    }
    files.file("large", noise(200, (3 << 20) + 5000), 0o600);
    files.file("own", noise(100 + own, 50_000), 0o644);
}

fn only(paths: &[&str], context: Context) -> Persist {
    Persist {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        ..everything(context)
    }
}

fn alter(store: &MemoryStore, key: &str) {
    let mut objects = store.objects.borrow_mut();
    let bytes = objects.get_mut(key).unwrap();
    let at = bytes.len() / 3;
    bytes[at] ^= 0x20;
}

/// Whether a build arrives, with these contents.
fn arrives(store: &MemoryStore, number: u64, from: &MemoryFiles) -> bool {
    let to = MemoryFiles::default();
    let done = attach(store, &to, &all_of(&format!("build:{number}"), build(9)), 2);
    let paths = ["all/0", "all/3", "large", "own"];
    done.is_ok() && paths.iter().all(|path| to.content(path) == from.content(path))
}

#[test]
fn a_step_that_is_run_again_with_new_times_mends_the_build() {
    let whole = MemoryStore::default();
    let from = MemoryFiles::default();
    made(&from, 1);
    persist(&whole, &from, &everything(build(1)), 2).unwrap();
    made(&from, 1);
    for key in whole.keys(keys::PACKS) {
        let store = copy(&whole);
        alter(&store, &key);
        assert!(!arrives(&store, 1, &from), "{key}");
        let again = persist(&store, &from, &everything(build(1)), 2).unwrap();
        assert_eq!(again.record.unwrap().revision, 2, "the times are others");
        assert!(arrives(&store, 1, &from), "{key}");
    }
}

#[test]
fn a_small_new_build_is_read_back_whoever_stored_its_packs() {
    let whole = MemoryStore::default();
    let from = MemoryFiles::default();
    made(&from, 1);
    persist(&whole, &from, &everything(build(1)), 2).unwrap();
    made(&from, 2);
    for key in whole.keys(keys::PACKS) {
        let store = copy(&whole);
        alter(&store, &key);
        let next = persist(&store, &from, &everything(build(2)), 2).unwrap();
        assert!(next.stored_again.lost_bytes > 0, "{key}");
        assert!(arrives(&store, 2, &from), "{key}");
    }
}

/// As the sizes would take: no request more.
#[test]
fn reading_back_takes_as_many_requests_as_the_sizes() {
    let requests = |bytes: usize| {
        let store = MemoryStore::default();
        let from = MemoryFiles::default();
        from.file("large", noise(1, bytes), 0o644);
        persist(&store, &from, &everything(build(1)), 1).unwrap();
        let packs = store.keys(keys::PACKS).len() as u64;
        store.calls.set(0);
        persist(&store, &from, &everything(build(2)), 1).unwrap();
        (store.calls.get() - packs, packs)
    };
    let (small, large) = (requests(2 << 20), requests(40 << 20));
    assert!(large.1 > small.1, "{large:?}");
    assert_eq!(small.0, large.0);
}

#[test]
fn what_was_lost_of_an_earlier_persist_is_stored_again_from_the_files() {
    let whole = MemoryStore::default();
    let from = MemoryFiles::default();
    made(&from, 1);
    from.file("more", "more", 0o644);
    persist(&whole, &from, &only(&["all", "large", "own"], build(1)), 2).unwrap();
    for gone in [false, true] {
        for key in whole.keys(keys::PACKS) {
            let store = copy(&whole);
            match gone {
                true => drop(store.objects.borrow_mut().remove(&key)),
                false => store.objects.borrow_mut().get_mut(&key).unwrap().truncate(10),
            }
            // The times do not matter, only the content.
            made(&from, 1);
            let more = persist(&store, &from, &only(&["more"], build(1)), 1).unwrap();
            assert!(more.stored_again.lost_bytes > 0, "{key}");
            assert!(arrives(&store, 1, &from), "{key}");
            assert_eq!(damages(&store), Vec::<String>::new());
        }
    }
}

#[test]
fn files_of_an_earlier_persist_that_are_lost_everywhere_are_named() {
    let store = MemoryStore::default();
    let from = MemoryFiles::default();
    made(&from, 1);
    for name in 10..40 {
        from.file(&format!("many/{name}"), noise(name, 1000), 0o644);
    }
    persist(&store, &from, &only(&["all", "large", "many"], build(1)), 2).unwrap();
    store
        .objects
        .borrow_mut()
        .retain(|key, _| !key.starts_with(keys::PACKS));
    let before = store.keys(keys::PROJECTS);
    let now = MemoryFiles::default();
    now.file("more", "more", 0o644);
    // The same size, and another content.
    now.file("all/0", noise(99, 40_000), 0o644);
    now.file("all/1", noise(1, 40_000), 0o644);
    let error = persist(&store, &now, &only(&["more"], build(1)), 1).unwrap_err();
    let Error::Damaged(damage) = &error else {
        panic!("{error:?}");
    };
    for named in ["all/0, all/2, all/3, large, many/10, ", " and 14 more"] {
        assert!(damage.message.contains(named), "{}", damage.message);
    }
    assert!(!damage.message.contains("all/1"), "{}", damage.message);
    assert!(damage.key.starts_with(keys::PACKS));
    assert_eq!(store.keys(keys::PROJECTS), before);
}

#[test]
fn what_a_prune_is_about_to_delete_is_stored_again_and_counted() {
    let store = MemoryStore::default();
    let from = MemoryFiles::default();
    made(&from, 1);
    persist(&store, &from, &everything(build(1)), 1).unwrap();
    let other = MemoryFiles::default();
    other.file("other", noise(500, 10_000), 0o644);
    persist(&store, &other, &everything(build(2)), 1).unwrap();
    let keep = Policy {
        keep_last: Some(1),
        ..Policy::default()
    };
    // Build 1 goes, and what only it used is condemned.
    prune_at(&store, keep, LATER_MS);
    assert!(!Condemned::last(&store).unwrap().packs().is_empty());
    let context = Context {
        now_ms: LATER_MS + 1000,
        ..build(3)
    };
    let again = persist(&store, &from, &everything(context), 1).unwrap();
    // The same bytes under other names: no less than they take.
    let stored: usize = store
        .objects
        .borrow()
        .iter()
        .filter(|(key, _)| key.starts_with(keys::PACKS))
        .map(|(_, bytes)| bytes.len())
        .sum();
    assert!(
        again.stored_again.condemned_bytes > 3 << 20,
        "{:?}",
        again.stored_again
    );
    assert!(again.stored_again.condemned_bytes <= again.stored_bytes && again.stored_bytes < stored as u64);
    assert_eq!(
        (again.stored_again.lost_bytes, again.stored_again.sparse_bytes),
        (0, 0)
    );
    assert!(arrives(&store, 3, &from));
}

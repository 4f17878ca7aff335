//! Every object of a store is harmed in every way: verify finds it and blames exactly the builds that it hurts, what the
//! hint says repairs it, and then every build attaches with the right bytes.

use std::collections::BTreeSet;

use baton_guest::Error;
use baton_guest::channel::{self, Target};
use baton_guest::condemned::Condemned;
use baton_guest::context::Context;
use baton_guest::keys;
use baton_guest::persist::Persisted;
use baton_guest::prune::Policy;
use baton_guest::testing::{MemoryFiles, MemoryScratch, MemoryStore};
use baton_guest::verify::{self, Verified, Verify};

use crate::channels::{back, production, promote};
use crate::prune::prune_at;
use crate::support::driver::{all_of, attach, everything, persist, resolve};
use crate::support::stores::copy;
use crate::support::{build, noise};

/// One day after the time of the builds of [`build`].
const LATER_MS: u64 = 1_700_000_000_000 + 24 * 3_600_000;
const BUILDS: u64 = 3;

/// A way to harm an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Harm {
    Delete,
    Cut,
    Empty,
    Flip(usize),
    WebPage,
    Gzip,
}

const HARMS: [Harm; 6] = [
    Harm::Delete,
    Harm::Cut,
    Harm::Empty,
    Harm::Flip(5),
    Harm::WebPage,
    Harm::Gzip,
];

fn harm(store: &MemoryStore, key: &str, harm: Harm) {
    let mut objects = store.objects.borrow_mut();
    let bytes = objects.get_mut(key).unwrap();
    match harm {
        Harm::Delete => drop(objects.remove(key)),
        Harm::Cut => bytes.truncate(bytes.len() / 2),
        Harm::Empty => bytes.clear(),
        Harm::Flip(tenth) => {
            let at = bytes.len() * tenth / 10;
            bytes[at] ^= 0x40;
        }
        Harm::WebPage => *bytes = b"\n<!DOCTYPE html><title>Sign in</title>".to_vec(),
        Harm::Gzip => *bytes = [&[0x1f, 0x8b, 0x08, 0][..], bytes].concat(),
    }
}

/// The context of a build, a while after the others: the same step is run again by somebody else.
fn context(number: u64, later_ms: u64) -> Context {
    let context = build(number);
    Context {
        workflow: Some(format!("w{number}-rerun")),
        workspace: Some(format!("w{number}")),
        tag: (number == 2).then(|| "v2".to_owned()),
        actor: Some(format!("actor {later_ms}")),
        now_ms: context.now_ms + later_ms,
        ..context
    }
}

/// The files of a build. Some are the same in all, some in two, some in one.
fn files(number: u64) -> MemoryFiles {
    let files = MemoryFiles::default();
    for name in 0..4 {
        files.file(&format!("all/{name}"), noise(name, 40_000), 0o644);
    }
    files.file("own/small", noise(100 + number, 50_000), 0o644);
    if number == 1 {
        files.file("own/large", noise(200, (1 << 20) + 5000), 0o600);
    }
    files.file("two", noise(300 + number / 2, 70_000), 0o755);
    files.file("empty", "", 0o644);
    files.symlink("link", "two");
    files
}

fn scene() -> MemoryStore {
    let store = MemoryStore::default();
    for number in 1..=BUILDS {
        persist(&store, &files(number), &everything(context(number, 0)), 2).unwrap();
    }
    store
}

fn verified(store: &MemoryStore) -> Result<Verified, Error> {
    let planned = verify::plan(
        store,
        &MemoryScratch,
        &Verify {
            scope: None,
            data: true,
            names_builds: false,
        },
    )?;
    let run =
        |task: &baton_guest::transfer_plan::Task| verify::run(store, &MemoryScratch, &task.payload).unwrap();
    let outcomes: Vec<_> = planned.tasks.iter().map(run).collect();
    verify::finish(store, &MemoryScratch, &planned.rest, &outcomes)
}

/// Returns whether a build arrives as it was persisted.
fn arrives(store: &MemoryStore, number: u64) -> bool {
    let to = MemoryFiles::default();
    let request = all_of(&format!("build:{number}"), build(9));
    attach(store, &to, &request, 2).is_ok() && to.listing() == files(number).listing()
}

fn again(store: &MemoryStore, number: u64) -> Persisted {
    let request = everything(context(number, 5000));
    persist(store, &files(number), &request, 2).unwrap_or_else(|error| panic!("build:{number}: {error:?}"))
}

/// Persists the files of builds again, and checks that all is well then.
fn mend(store: &MemoryStore, numbers: impl IntoIterator<Item = u64>, what: &str) {
    for number in numbers {
        assert!(again(store, number).repeated, "{what}");
        assert!(arrives(store, number), "{what}: build:{number}");
    }
    let left = verified(store).unwrap().findings;
    assert!(left.is_empty(), "{what}: {left:?}");
    for number in 1..=BUILDS {
        assert!(arrives(store, number), "{what}: build:{number}");
    }
}

fn each(keys: &[String], mut check: impl FnMut(&MemoryStore, &str, Harm, &str)) {
    let whole = scene();
    assert!(verified(&whole).unwrap().findings.is_empty());
    assert!(!keys.is_empty());
    for key in keys {
        for how in HARMS {
            let store = copy(&whole);
            harm(&store, key, how);
            check(&store, key, how, &format!("{how:?} of {key}"));
        }
    }
}

/// Checks the report of verify about a damaged pack or tree.
fn bytes_are_mended(prefix: &str) {
    each(&scene().keys(prefix), |store, key, _, what| {
        let hurt: BTreeSet<u64> = (1..=BUILDS).filter(|number| !arrives(store, *number)).collect();
        let found = verified(store).unwrap().findings;
        assert!(
            !found.is_empty() && found.iter().all(|it| it.damage.key == key),
            "{what}: {found:?}"
        );
        let blamed: BTreeSet<u64> = found
            .iter()
            .flat_map(|it| &it.builds)
            .map(|it| it.number)
            .collect();
        assert_eq!(blamed, hurt, "{what}: {found:?}");
        assert!(!hurt.is_empty(), "{what}");
        mend(store, hurt, what);
    });
}

#[test]
fn a_harmed_pack_is_mended_by_persisting_again() {
    bytes_are_mended(keys::PACKS);
}

#[test]
fn a_harmed_tree_is_mended_by_persisting_again() {
    bytes_are_mended(keys::TREES);
}

#[test]
fn a_harmed_record_is_mended_by_persisting_again() {
    each(&scene().keys(keys::PROJECTS), |store, key, how, what| {
        let number = (1..=BUILDS)
            .find(|number| {
                let context = context(*number, 0);
                let record = context.record("dist").unwrap();
                record.keys().iter().any(|own| own == key)
                    || record.layer_key().as_deref() == Some(key)
                    || key.contains(&format!("/w{number}-rerun/"))
            })
            .unwrap();
        let found = verified(store).unwrap().findings;
        // Without the key that is written last nothing tells that a persist ended: the same one writes it again all the same.
        let last = context(number, 0).record("dist").unwrap().keys().pop();
        let is_last = last.as_deref() == Some(key);
        assert_eq!(
            found.is_empty(),
            how == Harm::Delete && is_last,
            "{what}: {found:?}"
        );
        assert!(found.iter().all(|it| it.damage.key == key), "{what}: {found:?}");
        let before = store.keys(keys::PROJECTS);
        mend(store, [number], what);
        let mut keys = before;
        keys.push(key.to_owned());
        keys.sort();
        keys.dedup();
        assert_eq!(store.keys(keys::PROJECTS), keys, "{what}: nothing is left over");
    });
}

#[test]
fn a_harmed_marker_is_mended_by_persisting_again() {
    each(&[keys::STORE.to_owned()], |store, _, how, what| {
        match verified(store) {
            Err(Error::Invalid(problem)) => {
                assert!(problem.code == "not-a-store" && how == Harm::Delete, "{what}");
            }
            Err(Error::Damaged(damage)) => assert_eq!(damage.key, keys::STORE, "{what}"),
            other => panic!("{what}: {other:?}"),
        }
        mend(store, [1], what);
    });
}

/// Loses or harms several objects of one build at once.
#[test]
fn a_build_of_which_nothing_is_left_is_mended() {
    for how in HARMS {
        let store = scene();
        let pack = |key: &String| key.starts_with(keys::PACKS) || key.starts_with(keys::TREES);
        for key in store.keys("").iter().filter(|key| pack(key)) {
            harm(&store, key, how);
        }
        mend(&store, 1..=BUILDS, &format!("{how:?}"));
    }
}

#[test]
fn other_files_are_no_repair() {
    let store = scene();
    for key in store.keys(keys::TREES) {
        harm(&store, &key, Harm::Empty);
    }
    let other = files(1);
    other.file("more", "x", 0o644);
    let error = persist(&store, &other, &everything(context(1, 1)), 1).unwrap_err();
    assert_eq!(crate::support::code(&error), "build-exists");
}

#[test]
fn a_new_build_reads_back_what_others_stored_if_asked() {
    let store = scene();
    for key in store.keys(keys::PACKS) {
        harm(&store, &key, Harm::Flip(5));
    }
    let mut request = everything(context(9, 0));
    request.repair = true;
    let persisted = persist(&store, &files(3), &request, 2).unwrap();
    assert!(persisted.stored_again.lost_bytes > 0 && !persisted.repeated);
    let to = MemoryFiles::default();
    attach(&store, &to, &all_of("build:9", build(9)), 1).unwrap();
    assert_eq!(to.listing(), files(3).listing());
}

#[test]
fn a_lost_list_stops_neither_a_persist_nor_a_prune() {
    let whole = scene();
    let keep = Policy {
        keep_last: Some(1),
        ..Policy::default()
    };
    prune_at(&whole, keep.clone(), LATER_MS);
    let key = Condemned::key(1);
    for how in HARMS.into_iter().filter(|how| *how != Harm::Delete) {
        let store = copy(&whole);
        harm(&store, &key, how);
        let found = verified(&store).unwrap().findings;
        assert!(
            found.len() == 1 && found[0].damage.key == key,
            "{how:?}: {found:?}"
        );
        // The files of a build that went: its packs are condemned, and nobody knows it any more.
        let condemned = Condemned::last(&whole).unwrap();
        let context = Context {
            now_ms: LATER_MS + 1,
            ..context(7, 0)
        };
        let persisted = persist(&store, &files(1), &everything(context), 2).unwrap();
        let record = persisted.record.unwrap();
        let tree = crate::support::tree_of(&store, &record);
        assert!(!condemned.has_tree(&record.tree), "{how:?}");
        assert!(
            tree.packs.iter().all(|pack| !condemned.packs().contains(pack)),
            "{how:?}"
        );
        // The next prune begins again and deletes nothing; later prunes work as usual.
        let count = store.keys(keys::PACKS).len();
        assert_eq!(
            prune_at(&store, keep.clone(), LATER_MS + 2).deleted.objects,
            0,
            "{how:?}"
        );
        assert_eq!(store.keys(keys::PACKS).len(), count);
        assert!(Condemned::last(&store).unwrap().is_unknown(LATER_MS + 3));
        assert!(verified(&store).unwrap().findings.is_empty(), "{how:?}");
        for days in 1..6 {
            prune_at(&store, keep.clone(), LATER_MS + days * 86_400_000);
        }
        assert!(!Condemned::last(&store).unwrap().is_unknown(LATER_MS + 86_400_000));
        assert!(store.keys(keys::PACKS).len() < count, "{how:?}");
        assert!(verified(&store).unwrap().findings.is_empty(), "{how:?}");
        let to = MemoryFiles::default();
        attach(&store, &to, &all_of("build:7", build(9)), 1).unwrap();
        assert_eq!(to.listing(), files(1).listing(), "{how:?}");
    }
}

#[test]
fn a_channel_whose_last_event_is_damaged_is_pointed_to_a_build_again() {
    let whole = scene();
    promote(&whole, "build:1").unwrap();
    promote(&whole, "build:2").unwrap();
    let key = whole
        .keys("v1/projects/")
        .into_iter()
        .find(|key| key.contains("/channels/"))
        .unwrap();
    // What only the way may have altered is no reason to move.
    for how in [Harm::Cut, Harm::Empty, Harm::Flip(5)] {
        let store = copy(&whole);
        harm(&store, &key, how);
        let found = verified(&store).unwrap().findings;
        assert!(
            found.len() == 1 && found[0].remedy == verify::Remedy::MoveAgain,
            "{how:?}: {found:?}"
        );
        assert!(promote(&store, "build:3").is_err(), "{how:?}");
        let to = back(production(), Target::Build("build:1".into()));
        let moved = channel::rollback(&store, &to).unwrap();
        assert_eq!(
            (moved.event.sequence, moved.event.build.id.number),
            (3, 1),
            "{how:?}"
        );
        let records = resolve(&store, "channel:production", build(9)).unwrap();
        assert_eq!(records[0].number, 1, "{how:?}");
    }
}

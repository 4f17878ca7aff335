//! The newest intact build replaces a damaged latest build, but not builds that are named otherwise.

use baton_guest::Error;
use baton_guest::error::Result;
use baton_guest::keys;
use baton_guest::lookup::{self, DamagedTree, Resolved, Scope};
use baton_guest::testing::MemoryStore;
use baton_guest::workspace::{Merge, OnConflict};

use crate::channels::with_builds;
use crate::support::build;
use crate::support::driver::{resolve, scope};

/// Reads the trees of what a scope means.
fn open(store: &MemoryStore, scope: &Scope) -> Result<Resolved> {
    let read = lookup::intact(store, scope, |resolved| {
        let mut merge = Merge::open(store, &resolved.layers, OnConflict::Fail)?;
        while merge.next_entry()?.is_some() {}
        Ok(())
    });
    read.map(|((), resolved)| resolved)
}

fn remove_tree(store: &MemoryStore, number: u64) {
    let record = &resolve(store, &format!("build:{number}"), build(1)).unwrap()[0];
    store
        .objects
        .borrow_mut()
        .remove(&keys::tree(&record.tree))
        .unwrap();
}

fn spoil_record(store: &MemoryStore, number: u64) {
    let record = &resolve(store, &format!("build:{number}"), build(1)).unwrap()[0];
    let key = record.keys().pop().unwrap();
    store.objects.borrow_mut().get_mut(&key).unwrap()[50] ^= 1;
}

#[test]
fn the_newest_intact_build_is_taken_and_the_others_are_named() {
    let store = with_builds(4);
    remove_tree(&store, 4);
    spoil_record(&store, 3);
    let opened = open(&store, &scope("latest", build(1))).unwrap();
    assert_eq!(opened.layers[0].record.as_ref().unwrap().number, 2);
    let messages: Vec<_> = opened.warnings.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(messages[0].contains("the tree is missing"), "{messages:?}");
    assert!(opened.warnings.iter().all(|it| it.code == "damaged-skipped"));
}

#[test]
fn a_strict_look_up_refuses() {
    let store = with_builds(2);
    remove_tree(&store, 2);
    let strict = Scope {
        strict: true,
        ..scope("latest", build(1))
    };
    assert!(matches!(open(&store, &strict), Err(Error::Damaged(_))));
    spoil_record(&store, 2);
    assert!(matches!(lookup::resolve(&store, &strict), Err(Error::Damaged(_))));
}

#[test]
fn who_names_a_build_wants_that_one() {
    let store = with_builds(2);
    remove_tree(&store, 2);
    let named = scope("build:2", build(1));
    assert!(matches!(open(&store, &named), Err(Error::Damaged(_))));
}

#[test]
fn where_nothing_is_intact_the_first_damage_is_told() {
    let store = with_builds(2);
    remove_tree(&store, 1);
    remove_tree(&store, 2);
    let newest = resolve(&store, "build:2", build(1)).unwrap()[0].tree;
    let Err(Error::Damaged(damage)) = open(&store, &scope("latest", build(1))) else {
        panic!("nothing is left");
    };
    assert_eq!(damage.key, keys::tree(&newest));
}

#[test]
fn what_turned_out_to_be_damaged_is_not_taken_again() {
    let store = with_builds(3);
    let damage = match Error::damaged("v1/packs/00/00", "the pack is missing") {
        Error::Damaged(damage) => damage,
        _ => unreachable!(),
    };
    let without = Scope {
        damaged: vec![DamagedTree {
            tree: resolve(&store, "build:3", build(1)).unwrap()[0].tree,
            damage,
        }],
        ..scope("latest", build(1))
    };
    let resolved = lookup::resolve(&store, &without).unwrap();
    assert_eq!(resolved.layers[0].record.as_ref().unwrap().number, 2);
    assert!(resolved.warnings[0].message.contains("the pack is missing"));
}

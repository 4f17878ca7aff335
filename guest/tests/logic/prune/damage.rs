//! Builds that are damaged.

use super::*;

#[test]
fn a_damaged_tree_stops_a_prune() {
    let store = with_builds(2);
    let tree = store.keys("v1/trees/")[0].clone();
    store.objects.borrow_mut().remove(&tree);
    let error = prune::plan(&store, &at(LATER_MS), &MemoryScratch, &request(Policy::default())).unwrap_err();
    assert_eq!(code(&error), "unsafe-to-prune");
}

#[test]
fn builds_that_are_damaged_are_dropped_if_asked() {
    let store = with_builds(3);
    let tree = resolve(&store, "build:3", build(9)).unwrap()[0].tree;
    store.objects.borrow_mut().remove(&baton_guest::keys::tree(&tree));
    let numbers = store.keys("v1/projects/gh~2Facme~2Fshop/numbers/");
    store.objects.borrow_mut().get_mut(&numbers[1]).unwrap()[60] ^= 1;
    let dropping = Policy {
        drop_damaged: true,
        ..Policy::default()
    };
    assert_eq!(prune_at(&store, dropping, LATER_MS).removed, 1);
    for hours in 1..4 {
        prune_at(&store, Policy::default(), LATER_MS + hours * HOUR_MS);
    }
    assert_eq!(damages(&store), [""; 0]);
    assert_eq!(resolve(&store, "latest", build(9)).unwrap()[0].number, 2);
    // Only one of its keys was damaged: it has that again.
    assert_eq!(resolve(&store, "build:2", build(9)).unwrap()[0].number, 2);
}

#[test]
fn what_a_killed_persist_left_displaces_no_build_of_the_branch() {
    let store = with_builds(3);
    let branch_key = resolve(&store, "build:3", build(9)).unwrap()[0]
        .keys()
        .pop()
        .unwrap();
    store.objects.borrow_mut().remove(&branch_key);
    prune_at(&store, keep_last(1), LATER_MS);
    assert_eq!(resolve(&store, "latest", build(9)).unwrap()[0].number, 2);
}

#[test]
fn dropping_the_damaged_newest_build_keeps_the_one_before() {
    let store = with_builds(3);
    let tree = resolve(&store, "build:3", build(9)).unwrap()[0].tree;
    let tree = baton_guest::keys::tree(&tree);
    store.objects.borrow_mut().remove(&tree);
    let dropping = Policy {
        drop_damaged: true,
        ..keep_last(1)
    };
    assert_eq!(kept(&plan(&store, dropping)), [2]);
}

//! Layers become one tree: which path wins, what goes with a directory, and when two jobs disagree.

use baton_guest::attach::Attach;
use baton_guest::context::Context;
use baton_guest::path;
use baton_guest::persist::Persist;
use baton_guest::testing::MemoryStore;
use proptest::prelude::*;

use crate::support::driver::{attach, everything, persist};
use crate::support::layers::{attached, files, layer, newest, paths, workspace};
use crate::support::trees::{Model, Node as Entry, content, trees};
use crate::support::{cases, code, job};

#[test]
fn kinds_that_differ_conflict_and_attributes_do_not() {
    for (one, other, conflicts) in [
        (("p", "x"), ("p/", ""), true),
        (("p", "->a"), ("p", "->b"), true),
        (("p", "->a"), ("p", "a"), true),
        (("p", "->a"), ("p", "->a"), false),
        (("p/", ""), ("p/", ""), false),
        (("p/x", "1"), ("p/y", "2"), false),
        (("p", ""), ("p", ""), false),
        (("p", "x"), ("p/x", ""), true),
    ] {
        let store = MemoryStore::default();
        layer(&store, job("w", "one", 1), "dist", &[one]);
        layer(&store, job("w", "other", 2), "dist", &[other]);
        let outcome = attached(&store, &workspace());
        assert_eq!(outcome.is_err(), conflicts, "{one:?} and {other:?}");
        attached(&store, &newest()).unwrap();
    }
}

#[test]
fn one_job_may_persist_a_path_again() {
    let store = MemoryStore::default();
    layer(&store, job("w", "build", 1), "first", &[("app", "one")]);
    layer(
        &store,
        Context {
            now_ms: 1_800_000_000_000,
            ..job("w", "build", 1)
        },
        "second",
        &[("app", "two")],
    );
    assert_eq!(paths(&attached(&store, &workspace()).unwrap()), ["app=two"]);
}

#[test]
fn a_job_between_two_layers_of_another_is_compared_with_both() {
    // All of one order, as GitHub's are: the times decide.
    let at = |job_name: &str, now_ms| Context {
        now_ms,
        ..job("w", job_name, 1)
    };
    for (first, second, third) in [
        (("a", "x"), ("b", "x"), ("a", "y")),
        (("a", "x"), ("b", "x"), ("b", "y")),
        (("a", "y"), ("a", "x"), ("b", "y")),
    ] {
        let store = MemoryStore::default();
        for (time, (job_name, content)) in (1..).zip([first, second, third]) {
            layer(
                &store,
                at(job_name, time),
                &format!("artifact{time}"),
                &[("path", content)],
            );
        }
        let error = attached(&store, &workspace()).unwrap_err();
        assert_eq!(code(&error), "path-conflict", "{first:?} {second:?} {third:?}");
    }
    // Both say the same in the end.
    let store = MemoryStore::default();
    for (time, (job_name, content)) in (1..).zip([("a", "x"), ("a", "y"), ("b", "y")]) {
        layer(
            &store,
            at(job_name, time),
            &format!("artifact{time}"),
            &[("path", content)],
        );
    }
    assert_eq!(paths(&attached(&store, &workspace()).unwrap()), ["path=y"]);
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn layers_apply_one_after_the_other(layers in prop::collection::vec(trees(50), 1..5)) {
        let store = MemoryStore::default();
        let mut expected = Model::default();
        for (number, tree) in (1..).zip(&layers) {
            let context = job("w", &format!("job{number}"), number);
            let request = Persist { check_conflicts: false, ..everything(context) };
            persist(&store, &tree.files(), &request, 1).unwrap();
            for (path, entry) in &tree.0 {
                if entry.0 != Entry::Directory {
                    expected.0.retain(|other, _| !path::is_below(other, path));
                }
                expected.0.insert(path.clone(), entry.clone());
            }
        }
        let to = attached(&store, &newest()).unwrap();
        prop_assert_eq!(to.listing(), expected.files().listing());
        // Two that agree wherever both have a path are no conflict, and only those.
        let conflicts = layers.iter().enumerate().any(|(number, one)| {
            layers.iter().skip(number + 1).any(|other| {
                one.0.iter().any(|(path, (node, ..))| {
                    other.0.get(path).is_some_and(|(there, ..)| !same_bytes(node, there))
                })
            })
        });
        prop_assert_eq!(attached(&store, &workspace()).is_err(), conflicts);
    }
}

fn same_bytes(one: &Entry, other: &Entry) -> bool {
    match (one, other) {
        (Entry::File(seed, length, repeats), Entry::File(seed_too, length_too, repeats_too)) => {
            content(*seed, *length, *repeats) == content(*seed_too, *length_too, *repeats_too)
        }
        _ => one == other,
    }
}

#[test]
fn what_was_below_a_directory_goes_with_it() {
    let layers: [&[(&str, &str)]; 3] = [
        &[("d/x", "1"), ("d/e/y", "2"), ("d-z", "3"), ("e", "4")],
        &[("d", "->elsewhere"), ("e/below", "5")],
        &[("d/new", "6")],
    ];
    let merged = |count: usize| {
        let store = MemoryStore::default();
        for (number, files) in layers.iter().take(count).enumerate() {
            layer(
                &store,
                job("w", &format!("job{number}"), number as u64 + 1),
                "dist",
                files,
            );
        }
        paths(&attached(&store, &newest()).unwrap())
    };
    assert_eq!(merged(1), ["d/", "d-z=3", "d/e/", "d/e/y=2", "d/x=1", "e=4"]);
    assert_eq!(merged(2), ["d@", "d-z=3", "e/", "e/below=5"]);
    // A directory again, but not the first one.
    assert_eq!(merged(3), ["d/", "d-z=3", "d/new=6", "e/", "e/below=5"]);
}

#[test]
fn clean_touches_nothing_that_only_leaves_out() {
    let store = MemoryStore::default();
    layer(
        &store,
        job("w", "build", 1),
        "dist",
        &[("a/x", "new"), ("a/y", "y"), ("b/z", "z")],
    );
    let to = files(&[
        ("a/x", "old"),
        ("a/y", "mine"),
        ("a/extra", ""),
        ("b/extra", ""),
        ("c/d", ""),
    ]);
    let request = Attach {
        only: vec!["a/x".into()],
        clean: true,
        ..workspace()
    };
    let report = attach(&store, &to, &request, 1).unwrap();
    let untouched = ["a/y=mine", "b/", "b/extra=", "c/", "c/d="];
    assert_eq!(
        paths(&to),
        [&["a/", "a/extra=", "a/x=new"], &untouched[..]].concat()
    );
    assert_eq!(report.removed, 0);
    let request = Attach {
        only: vec!["a".into(), "!a/y".into()],
        ..request
    };
    let report = attach(&store, &to, &request, 1).unwrap();
    assert_eq!(paths(&to), [&["a/", "a/x=new"], &untouched[..]].concat());
    assert_eq!(report.removed, 1, "a/extra");
}

#[test]
fn only_takes_files_and_the_directories_on_the_way() {
    let store = MemoryStore::default();
    let all = [
        ("a/b/c.js", "1"),
        ("a/b/c.map", "2"),
        ("a/d/e.js", "3"),
        ("f.js", "4"),
        ("empty/", ""),
    ];
    layer(&store, job("w", "build", 1), "dist", &all);
    let only = |patterns: &[&str]| {
        let only = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        attached(&store, &Attach { only, ..workspace() }).map(|files| paths(&files))
    };
    assert_eq!(
        only(&["a/**/*.js"]).unwrap(),
        ["a/", "a/b/", "a/b/c.js=1", "a/d/", "a/d/e.js=3"]
    );
    assert_eq!(only(&["a/b", "!**/*.map"]).unwrap(), ["a/", "a/b/", "a/b/c.js=1"]);
    assert_eq!(only(&["empty"]).unwrap(), ["empty/"]);
    assert_eq!(code(&only(&["nothing"]).unwrap_err()), "nothing-selected");
    assert_eq!(code(&only(&["[a"]).unwrap_err()), "wrong-glob");
}

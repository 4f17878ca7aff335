//! Workspaces: each job adds a layer, a rerun replaces its own, and two jobs that disagree are told so.

use baton_guest::attach::Attach;
use baton_guest::context::Context;
use baton_guest::lookup::Scope;
use baton_guest::memory::{MemoryFiles, MemoryStore};
use baton_guest::order::Node;
use baton_guest::path;
use baton_guest::persist::Persist;
use baton_guest::workspace::OnConflict;
use baton_guest::{Error, Result};
use proptest::prelude::*;

use crate::support::driver::{all_of, attach, everything, persist, persisted_file, resolve};
use crate::support::trees::{Model, Node as Entry, content, trees};
use crate::support::{cases, code, job};

/// Files by path and content; a content of `->` makes a symlink, a path that ends in `/` a directory.
fn files(all: &[(&str, &str)]) -> MemoryFiles {
    let files = MemoryFiles::default();
    for (path, content) in all {
        match (path.strip_suffix('/'), content.strip_prefix("->")) {
            (Some(dir), _) => files.directory(dir, 0o755),
            (None, Some(target)) => files.symlink(path, target),
            (None, None) => files.file(path, *content, 0o644),
        }
    }
    files
}

/// Persists a layer whatever the others hold. Returns its record's number.
fn layer(store: &MemoryStore, context: Context, name: &str, all: &[(&str, &str)]) {
    let request = Persist {
        name: name.into(),
        check_conflicts: false,
        ..everything(context)
    };
    persist(store, &files(all), &request, 1).unwrap();
}

/// All artifacts of the workspace `w`.
fn workspace() -> Attach {
    let scope = Scope {
        selector: "workspace".into(),
        context: job("w", "deploy", 99),
        ..Scope::default()
    };
    Attach {
        scope,
        ..all_of("workspace", Context::default())
    }
}

fn attached(store: &MemoryStore, request: &Attach) -> Result<MemoryFiles> {
    let to = MemoryFiles::default();
    attach(store, &to, request, 1).map(|_| to)
}

/// The paths and contents of what is attached, without attributes.
fn paths(files: &MemoryFiles) -> Vec<String> {
    let shown = |line: String| {
        let path = line.split(' ').next().unwrap_or_default().to_owned();
        match files.content(&path) {
            Some(content) => format!("{path}={}", String::from_utf8(content).unwrap()),
            None if line.contains(" -> ") => path + "@",
            None => path,
        }
    };
    files.listing().into_iter().map(shown).collect()
}

fn newest() -> Attach {
    Attach {
        on_conflict: OnConflict::Newest,
        ..workspace()
    }
}

#[test]
fn the_layers_of_all_jobs_come_together() {
    let store = MemoryStore::default();
    layer(
        &store,
        job("w", "build", 1),
        "dist",
        &[("dist/app", "app"), ("same", "s")],
    );
    layer(
        &store,
        job("w", "docs", 2),
        "docs",
        &[("docs/index", "docs"), ("same", "s")],
    );
    layer(&store, job("other", "build", 3), "dist", &[("not-mine", "")]);
    let to = attached(&store, &workspace()).unwrap();
    assert_eq!(
        paths(&to),
        ["dist/", "dist/app=app", "docs/", "docs/index=docs", "same=s"]
    );
    let named = Scope {
        name: Some("docs".into()),
        ..workspace().scope
    };
    let to = attached(
        &store,
        &Attach {
            scope: named,
            ..workspace()
        },
    )
    .unwrap();
    assert_eq!(paths(&to), ["docs/", "docs/index=docs", "same=s"]);
    let of_job = Scope {
        jobs: vec!["build".into()],
        ..workspace().scope
    };
    let to = attached(
        &store,
        &Attach {
            scope: of_job,
            ..workspace()
        },
    )
    .unwrap();
    assert_eq!(paths(&to), ["dist/", "dist/app=app", "same=s"]);
    let of_none = Scope {
        jobs: vec!["lint".into()],
        ..workspace().scope
    };
    let error = attached(
        &store,
        &Attach {
            scope: of_none,
            ..workspace()
        },
    )
    .unwrap_err();
    assert_eq!(code(&error), "no-build");
}

#[test]
fn two_jobs_that_differ_are_named_when_they_persist_and_when_they_are_attached() {
    let store = MemoryStore::default();
    layer(&store, job("w", "build", 1), "dist", &[("app", "one")]);
    let request = everything(job("w", "docs", 2));
    let keys = store.keys("v1/projects/");
    let error = persist(&store, &files(&[("app", "two")]), &request, 1).unwrap_err();
    assert_eq!(store.keys("v1/projects/"), keys, "nothing of it is visible");
    layer(&store, job("w", "docs", 2), "dist", &[("app", "two")]);
    for error in [error, attached(&store, &workspace()).unwrap_err()] {
        let Error::Conflict(it) = error else {
            panic!("{error:?}")
        };
        assert_eq!((&*it.code, &*it.subject), ("path-conflict", "app"));
        assert!(
            it.message.contains("build (build 1)") && it.message.contains("docs (build 1)"),
            "{}",
            it.message
        );
    }
    assert_eq!(paths(&attached(&store, &newest()).unwrap()), ["app=two"]);
}

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
    // A directory again, but not the one that was there first.
    assert_eq!(merged(3), ["d/", "d-z=3", "d/new=6", "e/", "e/below=5"]);
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
    assert_eq!(code(&only(&["nothing"]).unwrap_err()), "no-files");
    assert_eq!(code(&only(&["[a"]).unwrap_err()), "wrong-glob");
}

#[test]
fn a_rerun_replaces_its_own_layer_and_keeps_the_others() {
    let store = MemoryStore::default();
    layer(
        &store,
        job("w", "build", 1),
        "dist",
        &[("app", "old"), ("gone", "")],
    );
    layer(&store, job("w", "docs", 2), "dist", &[("index", "docs")]);
    // A rerun has a name and a run of its own, and the workspace of the original.
    let rerun = Context {
        workflow: Some("rerun".into()),
        run: Some(1),
        ..job("w", "build", 7)
    };
    layer(&store, rerun, "dist", &[("app", "new")]);
    assert_eq!(
        paths(&attached(&store, &workspace()).unwrap()),
        ["app=new", "index=docs"]
    );
    for workflow in ["w", "rerun"] {
        let numbers: Vec<u64> = resolve(&store, &format!("workflow:{workflow}"), job("x", "y", 50))
            .unwrap()
            .iter()
            .map(|record| record.order.attempt)
            .collect();
        assert_eq!(numbers, [2, 7], "{workflow}");
    }
    assert_eq!(
        code(&resolve(&store, "workflow:none", job("x", "y", 50)).unwrap_err()),
        "no-build"
    );
}

#[test]
fn a_job_run_again_under_the_same_number_replaces_its_layer() {
    let store = MemoryStore::default();
    let first = job("w", "build", 1);
    persisted_file(&store, first.clone(), "app", "same");
    let again = Context {
        now_ms: first.now_ms + 1000,
        ..first
    };
    let record = persisted_file(&store, again, "app", "same");
    assert_eq!(resolve(&store, "workspace", job("w", "x", 9)).unwrap(), [record]);
}

#[test]
fn a_rerun_with_other_nodes_replaces_them_all() {
    for (before, after) in [(4, 2), (2, 4), (3, 1), (1, 3), (2, 2)] {
        let store = MemoryStore::default();
        let node = |index, total, attempt| Context {
            node: Some(Node { index, total }),
            ..job("w", "test", attempt)
        };
        for index in 0..before {
            let all = files(&[(&format!("old{index}"), ""), ("shared", "old")]);
            persist(&store, &all, &everything(node(index, before, 1)), 1).unwrap();
        }
        for index in 0..after {
            // Other bytes than its own old layers' are no conflict, at any moment.
            let all = files(&[(&format!("new{index}"), ""), ("shared", "new")]);
            persist(&store, &all, &everything(node(index, after, 2)), 1).unwrap();
        }
        let mut expected: Vec<String> = (0..after).map(|index| format!("new{index}=")).collect();
        expected.push("shared=new".into());
        assert_eq!(
            paths(&attached(&store, &workspace()).unwrap()),
            expected,
            "{before} to {after}"
        );
    }
}

#[test]
fn parallel_nodes_that_differ_conflict() {
    let store = MemoryStore::default();
    for index in 0..2 {
        let context = Context {
            node: Some(Node { index, total: 2 }),
            ..job("w", "test", 1)
        };
        layer(&store, context, "dist", &[("report", &index.to_string())]);
    }
    let error = attached(&store, &workspace()).unwrap_err();
    assert!(error.to_string().contains("test node 0 of 2") && error.to_string().contains("test node 1 of 2"));
}

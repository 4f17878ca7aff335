//! Workspaces: each job adds a layer, a rerun replaces its own, and two jobs that disagree are told so.

use baton_guest::Error;
use baton_guest::attach::Attach;
use baton_guest::context::Context;
use baton_guest::lookup::Scope;
use baton_guest::order::Node;
use baton_guest::testing::MemoryStore;

use crate::support::driver::{everything, persist, persisted_file, resolve};
use crate::support::layers::{attached, files, layer, newest, paths, workspace};
use crate::support::{code, job};

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

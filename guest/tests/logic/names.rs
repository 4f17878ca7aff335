//! The names in a store, the errors that list them, and the newest build that has certain files.

use baton_guest::context::Context;
use baton_guest::lookup::{self, Page, Scope};
use baton_guest::order::Node;
use baton_guest::testing::MemoryStore;

use crate::channels::{back, promote};
use crate::support::driver::{persisted_file, put_record, resolve, resolve_scope, scope};
use crate::support::{build, code, job};

/// A store with its marker, and nothing else.
fn store() -> MemoryStore {
    let store = MemoryStore::default();
    baton_guest::store_format::prepare(&store, false).unwrap();
    store
}

fn put(store: &MemoryStore, context: Context, artifact: &str) {
    put_record(store, &context.record(artifact).unwrap());
}

fn on(branch: &str, run: u64) -> Context {
    Context {
        branch: Some(branch.into()),
        ..build(run)
    }
}

#[track_caller]
fn says(store: &MemoryStore, scope: &Scope, message: &str) {
    assert_eq!(resolve_scope(store, scope).unwrap_err().to_string(), message);
}

#[test]
fn artifacts_are_listed_by_pages_whatever_their_names() {
    let store = MemoryStore::default();
    let long = "ß".repeat(50);
    let mut all = vec!["a", "a-b", "a.b", "a/b", "dist", "~", long.as_str(), "x y"];
    for (run, name) in all.iter().enumerate() {
        put(&store, build(run as u64 + 1), name);
    }
    let whole = lookup::artifacts(&store, &build(1), None, 1000).unwrap();
    assert!(!whole.more);
    let mut listed = whole.items.clone();
    listed.sort();
    all.sort_unstable();
    assert_eq!(listed, all);
    // Each page follows the last name of the one before.
    let mut paged: Vec<String> = Vec::new();
    loop {
        let Page { items, more } =
            lookup::artifacts(&store, &build(1), paged.last().map(String::as_str), 3).unwrap();
        assert!(items.len() == 3 || !more);
        paged.extend(items);
        if !more {
            break;
        }
    }
    assert_eq!(paged, whole.items);
    let other = Context {
        project: Some("gh/acme/other".into()),
        ..build(1)
    };
    assert!(
        lookup::artifacts(&store, &other, None, 10)
            .unwrap()
            .items
            .is_empty()
    );
}

#[test]
fn channels_are_listed_with_their_last_move() {
    let store = MemoryStore::default();
    for run in 1..=2 {
        persisted_file(&store, build(run), "file", "x");
        promote(&store, &format!("build:{run}")).unwrap();
    }
    let page = lookup::channels(&store, &build(1), "dist", None, 10).unwrap();
    let seen: Vec<_> = page
        .items
        .iter()
        .map(|event| (event.pointer.selector(), event.build.id.number, event.sequence))
        .collect();
    assert_eq!(seen, [("channel:production".to_owned(), 2, 2)]);
    let after = lookup::channels(&store, &build(1), "dist", Some("production"), 10).unwrap();
    assert!(after.items.is_empty() && !after.more);
    let other = lookup::channels(&store, &build(1), "docs", None, 10).unwrap();
    assert!(other.items.is_empty());
}

#[test]
fn a_name_costs_one_request_however_many_builds_it_has() {
    let store = MemoryStore::default();
    for run in 1..=300 {
        put(&store, build(run), ["dist", "docs", "logs"][run as usize % 3]);
    }
    store.calls.set(0);
    lookup::artifacts(&store, &build(1), None, 1000).unwrap();
    assert_eq!(store.calls.get(), 4);
}

#[test]
fn no_build_on_a_branch_names_near_branches_the_default_one_and_how_many_more() {
    let store = store();
    for run in 1..=60 {
        put(&store, on(&format!("aaa/{run:02}"), run), "dist");
    }
    for (run, branch) in [(61, "main"), (62, "feature/login"), (63, "feature/logout")] {
        put(&store, on(branch, run), "dist");
    }
    let of = |branch: &str| scope(&format!("latest@{branch}"), build(1));
    says(
        &store,
        &of("feature/logon"),
        "no build of dist in gh/acme/shop is on branch feature/logon; there are builds on feature/login, \
         feature/logout, main and at least 25 more",
    );
    // Nothing is near: the default branch, and the first ones.
    says(
        &store,
        &of("zebra"),
        "no build of dist in gh/acme/shop is on branch zebra; there are builds on main, aaa/01, aaa/02, aaa/03, aaa/04 \
         and at least 21 more",
    );
    let develop = Scope {
        context: Context {
            default_branch: Some("feature/login".into()),
            ..build(1)
        },
        ..of("zebra")
    };
    let error = resolve_scope(&store, &develop).unwrap_err().to_string();
    assert!(
        error.contains("there are builds on feature/login, aaa/01"),
        "{error}"
    );
    let few = self::store();
    put(&few, on("main", 1), "dist");
    says(
        &few,
        &of("mian"),
        "no build of dist in gh/acme/shop is on branch mian; there are builds on main",
    );
}

#[test]
fn no_build_of_a_job_names_the_jobs_that_there_are() {
    let store = store();
    put(&store, build(1), "dist");
    let nope = |selector: &str| Scope {
        jobs: vec!["nope".into()],
        ..scope(selector, build(1))
    };
    says(
        &store,
        &nope("latest"),
        "no build of dist by nope in gh/acme/shop is on branch main; its newest builds are by build",
    );
    put(&store, job("w", "test", 1), "dist");
    says(
        &store,
        &nope("workspace").with(|scope| scope.context.workspace = Some("w".into())),
        "no build of dist by nope in gh/acme/shop is in workspace w; it has dist by test",
    );
}

trait With: Sized {
    fn with(self, change: impl FnOnce(&mut Self)) -> Self;
}

impl With for Scope {
    fn with(mut self, change: impl FnOnce(&mut Scope)) -> Scope {
        change(&mut self);
        self
    }
}

#[test]
fn no_build_names_what_else_there_is() {
    let store = store();
    let tagged = Context {
        branch: None,
        tag: Some("v1.2".into()),
        ..build(7)
    };
    put(&store, tagged, "docs");
    let docs = |selector: &str| scope(selector, build(1)).with(|it| it.name = Some("docs".into()));
    says(
        &store,
        &scope("latest", build(1)),
        "no build of dist in gh/acme/shop is on branch main; the project has the artifacts docs",
    );
    says(
        &store,
        &docs("tag:v1.3"),
        "no build of docs in gh/acme/shop is tag:v1.3; there are tags v1.2",
    );
    says(
        &store,
        &docs("build:8"),
        "no build of docs in gh/acme/shop is build:8; the newest are build:7 (tag:v1.2, sha:0000000)",
    );
    let elsewhere = scope("latest", build(1)).with(|it| it.context.project = Some("gh/acme/shp".into()));
    says(
        &store,
        &elsewhere,
        "no build of dist in gh/acme/shp is on branch main; the project has no builds, but there are some of gh/acme/shop",
    );
    let error = resolve(&store, "workflow:w9", build(1)).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("is in workflow w9; no job has persisted to it yet"),
        "{error}"
    );
}

#[test]
fn a_branch_that_is_given_as_a_channel_is_told_apart() {
    let store = MemoryStore::default();
    persisted_file(&store, build(1), "file", "x");
    promote(&store, "build:1").unwrap();
    let message = |channel: &str| {
        let pointer = baton_guest::pointer::Pointer::Channel(channel.into());
        let target = baton_guest::channel::Target::Steps(1);
        baton_guest::channel::rollback(&store, &back(pointer, target))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        message("main"),
        "no build of dist in gh/acme/shop is on channel main; there are production; main is a branch: name it with \
         --branch main, or as latest@main"
    );
    assert!(message("latest@main").ends_with("name it with --branch main, or as latest@main"));
    assert!(message("channel:production").ends_with("a channel is named without its kind: production"));
    assert!(message("staging").ends_with("there are production"));
}

/// Returns the number of the newest build of `main` that has files for each pattern.
fn having(store: &MemoryStore, patterns: &[&str]) -> baton_guest::error::Result<u64> {
    let scope =
        scope("latest", build(1)).with(|it| it.having = patterns.iter().map(|it| (*it).into()).collect());
    Ok(resolve_scope(store, &scope)?[0].number)
}

#[test]
fn the_newest_build_that_has_certain_files_is_found() {
    let store = MemoryStore::default();
    for (run, path) in [(1, "app/a.apk"), (2, "app/b.ipa"), (3, "app/c.txt")] {
        persisted_file(&store, build(run), path, "x");
    }
    assert_eq!(having(&store, &["**/*.apk"]).unwrap(), 1);
    assert_eq!(having(&store, &["app/*.ipa"]).unwrap(), 2);
    assert_eq!(having(&store, &["**/*"]).unwrap(), 3);
    // A directory stands for what is in it, as elsewhere.
    assert_eq!(having(&store, &["app"]).unwrap(), 3);
    assert_eq!(having(&store, &["**/*.apk", "app/a.*"]).unwrap(), 1);
    persisted_file(&store, build(4), "app/[id].js", "x");
    persisted_file(&store, build(5), "app/i.txt", "x");
    assert_eq!(having(&store, &["app/[id].js"]).unwrap(), 4);
    let error = having(&store, &["**/*.apk", "**/*.ipa"]).unwrap_err();
    assert_eq!(code(&error), "no-build");
    assert_eq!(
        error.to_string(),
        "no build of dist in gh/acme/shop on branch main has files that match **/*.apk and **/*.ipa"
    );
    assert_eq!(code(&having(&store, &["["]).unwrap_err()), "wrong-glob");
    let by_number = scope("build:1", build(1)).with(|it| it.having = vec!["**".into()]);
    assert_eq!(
        code(&resolve_scope(&store, &by_number).unwrap_err()),
        "wrong-having"
    );
}

#[test]
fn files_of_all_nodes_count_and_incomplete_builds_do_not() {
    let store = MemoryStore::default();
    let node = |run: u64, index: u32| Context {
        node: Some(Node { index, total: 2 }),
        ..build(run)
    };
    persisted_file(&store, node(1, 0), "a", "x");
    persisted_file(&store, node(1, 1), "b", "x");
    persisted_file(&store, node(2, 0), "a", "y");
    persisted_file(&store, build(3), "other", "x");
    assert_eq!(having(&store, &["a", "b"]).unwrap(), 1);
    assert_eq!(having(&store, &["a"]).unwrap(), 1);
}

#[test]
fn what_is_newer_than_a_rollback_is_not_looked_into() {
    let store = MemoryStore::default();
    for (run, path) in [(1, "a"), (2, "b"), (3, "a")] {
        persisted_file(&store, build(run), path, "x");
    }
    let main = baton_guest::pointer::Pointer::Branch("main".into());
    let target = baton_guest::channel::Target::Build("build:2".into());
    baton_guest::channel::rollback(&store, &back(main, target)).unwrap();
    assert_eq!(having(&store, &["a"]).unwrap(), 1);
}

#[test]
fn so_many_builds_are_looked_into_and_no_more() {
    let store = MemoryStore::default();
    persisted_file(&store, build(1), "rare", "x");
    for run in 2..=100 {
        put(&store, build(run), "dist");
    }
    // The trees of records that were put alone are missing, which counts as damage.
    assert_eq!(having(&store, &["rare"]).unwrap(), 1);
    put(&store, build(101), "dist");
    let error = having(&store, &["rare"]).unwrap_err();
    assert!(
        error.to_string().starts_with("none of the newest 100 builds"),
        "{error}"
    );
}

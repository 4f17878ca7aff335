//! Selectors and lists: what they find, and what an error suggests where they find nothing.

use baton_guest::context::Context;
use baton_guest::lookup::{self, Query};
use baton_guest::testing::{MemoryFiles, MemoryStore};

use crate::support::driver::{all_of, attach, persisted_file, put_record, resolve, scope};
use crate::support::{build, code};

fn with_commit(run: u64, commit: &str) -> Context {
    Context {
        commit: Some(commit.into()),
        ..build(run)
    }
}

/// A store with one build of each kind.
fn some_builds() -> MemoryStore {
    let store = MemoryStore::default();
    let a = "abc1230000000000000000000000000000000000";
    let b = "abc1240000000000000000000000000000000000";
    persisted_file(&store, with_commit(1, a), "file", "1");
    persisted_file(
        &store,
        Context {
            branch: Some("feature/login".into()),
            ..with_commit(2, b)
        },
        "file",
        "2",
    );
    let tagged = Context {
        branch: None,
        tag: Some("v1.2".into()),
        ..with_commit(3, &"d".repeat(40))
    };
    persisted_file(&store, tagged, "file", "3");
    let again = Context {
        attempt: Some(2),
        ..with_commit(4, a)
    };
    persisted_file(&store, again, "file", "4");
    store
}

#[test]
fn every_selector_finds_its_build() {
    let store = some_builds();
    let newer = "abc123";
    for (selector, number) in [
        ("latest", 4),
        ("latest@main", 4),
        ("latest@feature/login", 2),
        ("build:1", 1),
        ("build:3", 3),
        ("tag:v1.2", 3),
        ("sha:abc124", 2),
        ("sha:ABC124", 2),
        // Two builds of one commit: the newer.
        (&format!("sha:{newer}"), 4),
        ("sha:abc1230000000000000000000000000000000000", 4),
        (&format!("sha:{}", "d".repeat(4)), 3),
    ] {
        let found = resolve(&store, selector, build(9)).unwrap();
        assert_eq!(
            found.iter().map(|it| it.number).collect::<Vec<_>>(),
            [number],
            "{selector}"
        );
    }
    let tree = resolve(&store, "build:2", build(9)).unwrap()[0].tree;
    let to = MemoryFiles::default();
    // A tree is found without project, branch or anything else.
    attach(
        &store,
        &to,
        &all_of(&format!("tree:{tree}"), Context::default()),
        1,
    )
    .unwrap();
    assert_eq!(to.content("file").unwrap(), b"2");
}

#[test]
fn an_ambiguous_commit_lists_its_matches() {
    let store = some_builds();
    let error = resolve(&store, "sha:abc12", build(9)).unwrap_err();
    assert_eq!(code(&error), "ambiguous-commit");
    let text = error.to_string();
    assert!(
        text.contains("abc1230000") && text.contains("abc1240000") && !text.contains("more"),
        "{text}"
    );
    for number in 10..30 {
        put_record(
            &store,
            &with_commit(number, &format!("abc12f{number:034}"))
                .record("dist")
                .unwrap(),
        );
    }
    let text = resolve(&store, "sha:abc12", build(9)).unwrap_err().to_string();
    assert!(text.ends_with(" and more"), "{text}");
    assert_eq!(
        text.matches("abc12").count(),
        6,
        "five, and the prefix itself: {text}"
    );
}

#[test]
fn a_commit_is_found_by_any_prefix_whatever_its_length() {
    let store = MemoryStore::default();
    for (run, commit) in [(1, "12345678"), (2, "1234abcd12345678"), (3, &*"e".repeat(64))] {
        put_record(&store, &with_commit(run, commit).record("dist").unwrap());
    }
    for (prefix, run) in [
        ("12345", 1),
        ("12345678", 1),
        ("1234a", 2),
        ("1234abcd12345678", 2),
        ("eeee", 3),
    ] {
        let found = resolve(&store, &format!("sha:{prefix}"), build(9)).unwrap();
        assert_eq!(found[0].number, run, "{prefix}");
    }
    assert_eq!(
        code(&resolve(&store, "sha:1234", build(9)).unwrap_err()),
        "ambiguous-commit"
    );
}

#[test]
fn a_commit_is_hex_digits_and_kept_in_lower_case() {
    let record = with_commit(1, "ABCDEF12").record("dist").unwrap();
    assert_eq!(record.commit.as_deref(), Some("abcdef12"));
    for wrong in [
        "abc",
        "",
        "../../x",
        "HEAD~1",
        "abc/def",
        &"a".repeat(65),
        "12345678é",
    ] {
        let error = with_commit(1, wrong).record("dist").unwrap_err();
        assert_eq!(code(&error), "wrong-commit", "{wrong}");
    }
}

#[test]
fn what_is_unknown_is_answered_with_what_is_near() {
    let store = some_builds();
    for (selector, near) in [
        ("latest@feature/logn", "feature/login"),
        ("latest@nothing-like-it", "main"),
        ("build:99", "build:4 (sha:abc1230)"),
        ("tag:v9", "build:3 (tag:v1.2, sha:ddddddd)"),
        ("sha:0000", "build:2"),
    ] {
        let error = resolve(&store, selector, build(9)).unwrap_err();
        assert_eq!(code(&error), "no-build", "{selector}");
        assert!(error.to_string().contains(near), "{selector}: {error}");
    }
    for selector in [
        "latst",
        "build:x",
        "sha:xyz",
        "tree:123",
        "",
        "channels:production",
        "workspace:x",
    ] {
        assert_eq!(
            code(&resolve(&store, selector, build(9)).unwrap_err()),
            "wrong-selector",
            "{selector}"
        );
    }
}

#[test]
fn what_is_missing_from_the_context_is_named() {
    let store = some_builds();
    for (selector, context, variable) in [
        (
            "latest",
            Context {
                branch: None,
                ..build(9)
            },
            "BATON_BRANCH",
        ),
        (
            "latest",
            Context {
                project: None,
                ..build(9)
            },
            "BATON_PROJECT",
        ),
        ("workspace", build(9), "BATON_WORKSPACE"),
    ] {
        match resolve(&store, selector, context).unwrap_err() {
            baton_guest::Error::MissingContext(it) => assert_eq!(it.subject, variable),
            other => panic!("{selector}: {other:?}"),
        }
    }
}

#[test]
fn a_store_that_is_empty_or_none_says_so() {
    let empty = MemoryStore::default();
    assert_eq!(
        code(&resolve(&empty, "latest", build(1)).unwrap_err()),
        "empty-store"
    );
    let foreign = MemoryStore::default();
    foreign
        .objects
        .borrow_mut()
        .insert("photos/1.jpg".into(), vec![1]);
    assert_eq!(
        code(&resolve(&foreign, "latest", build(1)).unwrap_err()),
        "not-a-store"
    );
    let files = MemoryFiles::default();
    let persisting = crate::support::driver::everything(build(1));
    let error = crate::support::driver::persist(&foreign, &files, &persisting, 1).unwrap_err();
    assert_eq!(code(&error), "not-a-store");
    assert_eq!(foreign.keys(""), ["photos/1.jpg"]);
}

#[test]
fn names_of_any_kind_find_their_builds_again() {
    let store = MemoryStore::default();
    let long = "x".repeat(300);
    for (run, name) in (1..).zip([
        ".",
        "..",
        "a/b",
        "A",
        "a",
        "~2E",
        "%2F",
        "é\u{301}",
        "日本",
        &long,
        "main",
    ]) {
        let context = Context {
            project: Some(format!("p{name}")),
            branch: Some(name.into()),
            tag: Some(format!("{name}-t")),
            ..build(run)
        };
        put_record(&store, &context.record("dist").unwrap());
        assert_eq!(
            resolve(&store, "latest", context.clone()).unwrap()[0].number,
            run,
            "{name}"
        );
        let tag = format!("tag:{name}-t");
        assert_eq!(resolve(&store, &tag, context).unwrap()[0].number, run, "{name}");
    }
    let longest = store.keys("v1/projects/").into_iter().flat_map(|key| {
        assert!(key.len() <= 1000, "{key}");
        key.split('/').map(str::to_owned).collect::<Vec<_>>()
    });
    for name in longest {
        assert!(
            (1..=200).contains(&name.len()) && !name.starts_with('.'),
            "{name}"
        );
    }
}

fn listed(store: &MemoryStore, query: &Query) -> Vec<u64> {
    lookup::list(store, query)
        .unwrap()
        .iter()
        .map(|record| record.number)
        .collect()
}

#[test]
fn a_list_narrows_and_ends() {
    let store = some_builds();
    let all = Query {
        scope: scope("", build(9)),
        limit: 10,
        ..Query::default()
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(listed(&store, &all), [4, 3, 2, 1]);
    assert_eq!(
        listed(
            &store,
            &Query {
                limit: 2,
                ..all.clone()
            }
        ),
        [4, 3]
    );
    assert_eq!(
        listed(
            &store,
            &Query {
                branch: text("main"),
                ..all.clone()
            }
        ),
        [4, 1]
    );
    assert_eq!(
        listed(
            &store,
            &Query {
                tag: text("v1.2"),
                ..all.clone()
            }
        ),
        [3]
    );
    assert_eq!(
        listed(
            &store,
            &Query {
                commit: text("ABC123"),
                ..all.clone()
            }
        ),
        [4, 1]
    );
    let both = Query {
        commit: text("abc12"),
        branch: text("feature/login"),
        ..all.clone()
    };
    assert_eq!(listed(&store, &both), [2]);
    let mut of_job = all.clone();
    of_job.scope.jobs = vec!["docs".into()];
    assert!(listed(&store, &of_job).is_empty());
    let wrong = Query {
        commit: text("abc"),
        ..all
    };
    assert_eq!(code(&lookup::list(&store, &wrong).unwrap_err()), "wrong-commit");
}

#[test]
fn a_list_goes_on_over_pages() {
    let store = MemoryStore::default();
    for run in 1..=250 {
        put_record(&store, &build(run).record("dist").unwrap());
    }
    let query = Query {
        scope: scope("", build(9)),
        limit: 230,
        ..Query::default()
    };
    assert_eq!(listed(&store, &query), (21..=250).rev().collect::<Vec<_>>());
}

//! CircleCI's artifacts, with servers that answer from a script.

mod downloads;

use baton_guest::attach::Attach;
use baton_guest::circleci::{self, Artifacts, Source, plain};
use baton_guest::error::{Error, Result};
use baton_guest::lookup::Scope;
use baton_guest::ports::{HttpFailure, Store};
use baton_guest::testing::{MemoryFiles, MemoryScratch, MemoryStore};
use baton_guest::testing::{MemoryHttp, Scripted};
use baton_guest::workspace::OnConflict;
use serde_json::{Value, json};

use crate::support::driver;

pub(crate) const BASE: &str = "https://ci.example";

pub(crate) fn source() -> Source {
    Source {
        base_url: BASE.into(),
        project: "gh/acme/shop".into(),
        patience_ms: 120_000,
        token_variable: "CIRCLE_TOKEN".into(),
        has_token: true,
        pinned: None,
    }
}

pub(crate) fn scope(selector: &str, jobs: &[&str]) -> Scope {
    Scope {
        selector: selector.into(),
        jobs: jobs.iter().map(|job| (*job).to_owned()).collect(),
        circleci: Some(source()),
        ..Scope::default()
    }
}

pub(crate) fn v2(path: &str) -> String {
    format!("{BASE}/api/v2/{path}")
}

/// Adds job 7.
pub(crate) fn with_job(http: &MemoryHttp) {
    let job = json!({ "number": 7, "name": "build", "status": "success", "stopped_at": null, "web_url": null,
        "latest_workflow": null });
    http.json(&v2("project/gh/acme/shop/job/7"), &job);
}

fn with_artifacts(http: &MemoryHttp, items: &Value) {
    with_job(http);
    let page = json!({ "items": items, "next_page_token": null });
    http.json(&v2("project/gh/acme/shop/7/artifacts"), &page);
}

fn artifact(path: &str, node: u32, url: &str) -> Value {
    json!({ "path": path, "node_index": node, "url": url })
}

fn request(selector: &str, on_conflict: OnConflict) -> Attach {
    Attach {
        scope: scope(selector, &[]),
        only: Vec::new(),
        clean: false,
        layout: baton_guest::attach::Layout::AsPersisted,
        on_conflict,
        dry_run: false,
    }
}

/// Attaches plain artifacts as a host does.
fn attach(http: &MemoryHttp, files: &MemoryFiles, request: &Attach) -> Result<u64> {
    let (artifacts, _) = circleci::open(http, &source(), &request.scope)?;
    let Artifacts::Plain(stored) = artifacts else {
        panic!("a store where plain files are")
    };
    let planned = plain::plan(files, &MemoryScratch, &source(), &stored, request)?.planned;
    let run =
        |task: &baton_guest::transfer_plan::Task| plain::run(http, files, &planned.shared, &task.payload);
    let outcomes = planned.tasks.iter().map(run).collect::<Result<Vec<_>>>();
    let finished =
        outcomes.and_then(|outcomes| plain::finish(files, &MemoryScratch, &planned.rest, &outcomes));
    if finished.is_err() {
        plain::abandon(files, &planned.rest)?;
    }
    Ok(finished?.attached.new_bytes)
}

fn code(error: &Error) -> String {
    match error {
        Error::Invalid(it)
        | Error::NothingMatched(it)
        | Error::Store(it)
        | Error::Stale(it)
        | Error::Conflict(it)
        | Error::Limit(it) => it.code.to_string(),
        other => panic!("{other:?}"),
    }
}

fn refused(http: &MemoryHttp) -> String {
    let found = circleci::open(http, &source(), &scope("build:7", &[]));
    match found {
        Ok(_) => panic!("it was not refused"),
        Err(error) => code(&error),
    }
}

#[test]
fn a_limit_is_waited_for_as_long_as_the_server_says() {
    let http = MemoryHttp::default();
    let url = v2("project/gh/acme/shop/job/7");
    http.on(&url, Scripted::answer(429, "{}").with("retry-after", "9"));
    http.on(&url, Scripted::answer(503, ""));
    http.on(&url, Scripted::Failure(HttpFailure::Transient("reset".into())));
    with_artifacts(&http, &json!([artifact("a", 0, "https://x/a")]));
    circleci::open(&http, &source(), &scope("build:7", &[])).unwrap();
    let waits = http.waits.borrow();
    let (ms, why): (Vec<u64>, Vec<&str>) = waits.iter().map(|(ms, why)| (*ms, why.as_str())).unzip();
    assert!((9_000..10_000).contains(&ms[0]), "{ms:?}");
    assert!(
        (500..=1_000).contains(&ms[1]) && (1_000..=2_000).contains(&ms[2]),
        "{ms:?}"
    );
    assert!(
        why[0].contains("429") && why[1].contains("503") && why[2].contains("reset"),
        "{why:?}"
    );
}

#[test]
fn one_request_has_one_budget_of_time() {
    for (scripted, expected) in [
        (Scripted::answer(429, "{}"), "api-limited"),
        (Scripted::answer(500, "{}"), "api-unavailable"),
        (
            Scripted::Failure(HttpFailure::Transient("refused".into())),
            "api-unavailable",
        ),
    ] {
        let http = MemoryHttp::default();
        http.takes_ms.set(700);
        http.on(&v2("project/gh/acme/shop/job/7"), scripted);
        assert_eq!(refused(&http), expected);
        assert!((60_000..=121_000).contains(&http.now.get()), "{}", http.now.get());
    }
    // What is told to wait longer than there is time for ends at once.
    let http = MemoryHttp::default();
    let told = Scripted::answer(429, "{}").with("retry-after", "200");
    http.on(&v2("project/gh/acme/shop/job/7"), told);
    assert_eq!(refused(&http), "api-limited");
    assert!(http.waits.borrow().is_empty());
}

#[test]
fn what_no_further_try_mends_is_told_apart() {
    for (scripted, expected) in [
        (Scripted::answer(401, "{}"), "api-unauthorized"),
        (Scripted::answer(403, "{}"), "api-forbidden"),
        (Scripted::answer(404, "{}"), "api-not-found"),
        (Scripted::answer(400, "{}"), "api-answer"),
        (Scripted::answer(200, "<html>"), "api-answer"),
        (
            Scripted::Failure(HttpFailure::Final("no such name".into())),
            "api-unreachable",
        ),
        (
            Scripted::Failure(HttpFailure::Denied("no".into())),
            "egress-denied",
        ),
        (Scripted::answer(302, ""), "redirect-refused"),
        (
            Scripted::answer(302, "").with("location", "http://ci.example/"),
            "redirect-refused",
        ),
        (
            Scripted::answer(302, "").with("location", "7"),
            "too-many-redirects",
        ),
    ] {
        let http = MemoryHttp::default();
        http.on(&v2("project/gh/acme/shop/job/7"), scripted);
        assert_eq!(refused(&http), expected);
        assert!(http.waits.borrow().is_empty());
        assert!(http.sent.borrow().len() <= 6);
    }
}

#[test]
fn no_request_says_who_it_is() {
    let http = MemoryHttp::default();
    with_artifacts(&http, &json!([artifact("a", 0, "https://x/a")]));
    http.on("https://x/a", Scripted::answer(200, "a"));
    attach(
        &http,
        &MemoryFiles::default(),
        &request("build:7", OnConflict::Fail),
    )
    .unwrap();
    let known = ["accept", "content-type", "content-length", "range", "if-range"];
    for request in http.sent.borrow().iter() {
        assert!(request.headers.iter().all(|(name, _)| known.contains(name)));
    }
}

#[test]
fn pages_that_lead_in_a_circle_end() {
    let http = MemoryHttp::default();
    with_job(&http);
    let list = v2("project/gh/acme/shop/7/artifacts");
    let page = |next: &str| json!({ "items": [artifact("a", 0, "https://x/a")], "next_page_token": next });
    http.json(&list, &page("A"));
    http.json(&format!("{list}?page-token=A"), &page("B"));
    http.json(&format!("{list}?page-token=B"), &page("A"));
    assert_eq!(refused(&http), "api-answer");
    assert_eq!(http.urls().len(), 4);
}

#[test]
fn nodes_that_disagree_are_told_so_and_those_that_agree_are_one() {
    let http = MemoryHttp::default();
    let both = json!([
        artifact("report", 0, "https://x/0"),
        artifact("report", 1, "https://x/1")
    ]);
    with_artifacts(&http, &both);
    http.on("https://x/0", Scripted::answer(200, "zero"));
    http.on("https://x/1", Scripted::answer(200, "one"));
    let files = MemoryFiles::default();
    let error = attach(&http, &files, &request("build:7", OnConflict::Fail)).unwrap_err();
    assert_eq!(code(&error), "path-conflict");
    assert!(files.listing().is_empty());
    attach(&http, &files, &request("build:7", OnConflict::Newest)).unwrap();
    assert_eq!(files.content("report").unwrap(), b"one");
    http.script.borrow_mut().remove("https://x/1");
    http.on("https://x/1", Scripted::answer(200, "zero"));
    let files = MemoryFiles::default();
    attach(&http, &files, &request("build:7", OnConflict::Fail)).unwrap();
    assert_eq!(files.content("report").unwrap(), b"zero");
}

#[test]
fn hostile_paths_are_refused_before_anything_is_fetched() {
    for paths in [
        &["../x"][..],
        &["/x"],
        &["a/./b"],
        &["a", "a/b"],
        &["a/b", "a"],
        &[".baton-attach"],
        &["x\0"],
    ] {
        let http = MemoryHttp::default();
        let items: Vec<Value> = paths
            .iter()
            .map(|path| artifact(path, 0, "https://x/a"))
            .collect();
        with_artifacts(&http, &json!(items));
        let files = MemoryFiles::default();
        let error = attach(&http, &files, &request("build:7", OnConflict::Fail)).unwrap_err();
        assert!(
            matches!(code(&error).as_str(), "wrong-artifact-path" | "reserved-name"),
            "{paths:?}: {error:?}"
        );
        assert!(files.listing().is_empty(), "{paths:?}");
        assert!(!http.urls().contains(&"https://x/a".to_owned()));
    }
}

fn opened(store: &MemoryStore) -> Result<()> {
    let http = MemoryHttp::default();
    published(&http, store, false);
    let mut scope = scope("build:7", &["build"]);
    scope.name = Some("dist".into());
    circleci::open(&http, &source(), &scope).map(|_| ())
}

#[test]
fn a_store_of_another_job_is_not_this_one_s() {
    let store = MemoryStore::default();
    driver::persisted_file(&store, crate::support::build(6), "a", "old");
    assert_eq!(code(&opened(&store).unwrap_err()), "store-of-another-job");
    driver::persisted_file(&store, crate::support::build(7), "a", "new");
    opened(&store).unwrap();
}

#[test]
fn a_variable_does_not_undo_the_choice_of_a_job() {
    let told = |number: u64| Source {
        pinned: Some(circleci::PinnedBuild {
            variable: "LATEST_BUILD_NUM".into(),
            number,
        }),
        ..source()
    };
    let http = MemoryHttp::default();
    with_artifacts(&http, &json!([artifact("a", 0, "https://x/a")]));
    let of = |job: &str| circleci::open(&http, &told(7), &scope("latest@main", &[job]));
    of("build").unwrap();
    let Err(error) = of("deploy") else {
        panic!("another job's build was taken")
    };
    assert_eq!(code(&error), "no-successful-job");
}

/// Puts all objects of a store among the artifacts of job 7.
fn published(http: &MemoryHttp, store: &MemoryStore, range_is_served: bool) {
    let objects = store.objects.borrow();
    let mut items = Vec::new();
    for (key, bytes) in objects.iter() {
        let url = format!("https://x/{key}");
        items.push(artifact(&format!("out/{key}"), 0, &url));
        if !range_is_served {
            http.on(&url, Scripted::answer(200, bytes.clone()));
        }
    }
    with_artifacts(http, &json!(items));
}

#[test]
fn a_store_among_artifacts_is_attached_as_it_was_persisted() {
    let store = MemoryStore::default();
    let (source_files, context) = (MemoryFiles::default(), crate::support::build(7));
    source_files.file("bin/run", "#!/bin/sh", 0o755);
    source_files.symlink("bin/link", "run");
    source_files.directory("empty", 0o700);
    driver::persisted(&store, &source_files, context);
    let http = MemoryHttp::default();
    // A server that answers every range with everything is as good.
    published(&http, &store, false);
    let mut scope = scope("build:7", &["build"]);
    scope.name = Some("dist".into());
    let (artifacts, warnings) = circleci::open(&http, &source(), &scope).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    let Artifacts::Store(found, inner) = artifacts else {
        panic!("plain files where a store is")
    };
    let attach = Attach {
        scope: *inner,
        only: Vec::new(),
        clean: false,
        layout: baton_guest::attach::Layout::AsPersisted,
        on_conflict: OnConflict::Fail,
        dry_run: false,
    };
    let files = MemoryFiles::default();
    driver::attach(&found, &files, &attach, 2).unwrap();
    assert_eq!(files.listing(), source_files.listing());
    assert!(
        found
            .put("v1/x", b"", baton_guest::ports::PutMode::Create)
            .is_err()
    );
    assert!(found.delete(&[]).is_err());
}

#[test]
fn the_store_s_port_behaves_as_any_other_s() {
    let store = MemoryStore::default();
    driver::persisted_file(&store, crate::support::build(7), "a", "some text");
    let http = MemoryHttp::default();
    published(&http, &store, false);
    let mut wanted = scope("build:7", &[]);
    wanted.name = Some("dist".into());
    let (artifacts, _) = circleci::open(&http, &source(), &wanted).unwrap();
    let Artifacts::Store(found, _) = artifacts else {
        panic!("plain files where a store is")
    };
    for prefix in ["", "v1/", "v1/packs/", "v1/projects/", "nowhere/"] {
        for limit in [1, 3, 1000] {
            let both = |after: Option<&str>| {
                (
                    found.list(prefix, after, limit).unwrap(),
                    store.list(prefix, after, limit).unwrap(),
                )
            };
            let (ours, theirs) = both(None);
            assert_eq!(ours, theirs, "{prefix}");
            let (ours, theirs) = both(theirs.first().map(String::as_str));
            assert_eq!(ours, theirs, "{prefix}");
        }
    }
    for key in store.keys("") {
        for range in [None, Some((0, 3)), Some((2, 5)), Some((3, 1 << 20))] {
            assert_eq!(
                found.get(&key, range).unwrap(),
                store.get(&key, range).unwrap(),
                "{key} {range:?}"
            );
        }
    }
    assert_eq!(found.get("v1/nothing", None).unwrap(), None);
    assert_eq!(found.head("v1/nothing").unwrap(), None);
}

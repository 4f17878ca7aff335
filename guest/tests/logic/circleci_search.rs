//! How many requests a search takes, and how far it goes.

use baton_guest::circleci::{self, Job, SetLatest};
use baton_guest::context::Context;
use baton_guest::error::{Error, Result};
use baton_guest::testing::{MemoryHttp, Scripted};
use serde_json::{Value, json};

use crate::circleci::{BASE, scope, source, v2};

fn tree_url(offset: usize) -> String {
    format!(
        "{BASE}/api/v1.1/project/github/acme/shop/tree/main?filter=successful&limit=100&offset={offset}&shallow=true"
    )
}

fn pipelines_url() -> String {
    v2("project/gh/acme/shop/pipeline?branch=main")
}

fn build(number: u64, job: &str, commit: &str, workflow: &str) -> Value {
    json!({ "build_num": number, "branch": "main", "vcs_revision": commit, "status": "success",
        "workflows": { "job_name": job, "workflow_id": workflow } })
}

fn pipeline(number: u64, commit: &str) -> Value {
    json!({ "id": format!("p{number}"), "number": number, "vcs": { "branch": "main", "revision": commit,
        "origin_repository_url": "r", "target_repository_url": "r" } })
}

fn page(items: &[Value], next: Option<&str>) -> Value {
    json!({ "items": items, "next_page_token": next })
}

fn latest(http: &MemoryHttp, job: &str) -> Result<Job> {
    let (jobs, _) = circleci::resolve(http, &source(), &scope("latest@main", &[job]))?;
    Ok(jobs[0].clone())
}

#[test]
fn a_long_history_takes_as_many_requests_as_a_short_one() {
    for history in [1, 20, 100] {
        let http = MemoryHttp::default();
        let builds: Vec<Value> = (1..=history)
            .rev()
            .map(|n| build(n * 3, "build", &format!("c{n}"), &format!("w{n}")))
            .collect();
        http.json(&tree_url(0), &json!(builds));
        let newest: Vec<Value> = (1..=history)
            .rev()
            .take(20)
            .map(|n| pipeline(n, &format!("c{n}")))
            .collect();
        http.json(&pipelines_url(), &page(&newest, (history > 20).then_some("more")));
        http.json(
            &v2(&format!("workflow/w{history}")),
            &json!({ "id": "w", "pipeline_number": history }),
        );
        assert_eq!(latest(&http, "build").unwrap().number, history * 3);
        let most = if history > 20 { 3 } else { 2 };
        assert_eq!(http.urls().len(), most, "{:?}", http.urls());
    }
}

#[test]
fn the_newest_pipeline_wins_whatever_its_jobs_are_numbered() {
    let http = MemoryHttp::default();
    // 30 is a rerun of pipeline 1; 20 is of pipeline 2; 25 another job.
    let builds = [
        build(30, "build", "old", "w1b"),
        build(25, "deploy", "new", "w2"),
        build(20, "build", "new", "w2"),
        build(10, "build", "old", "w1"),
    ];
    http.json(&tree_url(0), &json!(builds));
    http.json(
        &pipelines_url(),
        &page(&[pipeline(2, "new"), pipeline(1, "old")], None),
    );
    let job = latest(&http, "build").unwrap();
    assert_eq!(
        (job.number, job.pipeline, job.commit.as_deref()),
        (20, Some(2), Some("new"))
    );
    assert_eq!(http.urls().len(), 2);
}

/// Pipeline 10's build is after a page of other jobs, and pipeline 9's ran again.
fn with_a_rerun_before_a_long_page(created_at: &Value) -> MemoryHttp {
    let http = MemoryHttp::default();
    let mut first = vec![build(640, "build", "c9", "w9b")];
    let filler = |n: u64| {
        let mut filler = build(n, "lint", "c9", "w9");
        filler["start_time"] = json!("2026-01-02T00:00:00Z");
        filler
    };
    first.extend((510..609).rev().map(filler));
    http.json(&tree_url(0), &json!(first));
    let second = [filler(509), filler(508), build(500, "build", "c10", "w10")];
    http.json(&tree_url(100), &json!(second));
    let mut newest = pipeline(10, "c10");
    newest["created_at"] = created_at.clone();
    http.json(&pipelines_url(), &page(&[newest, pipeline(9, "c9")], None));
    http.json(
        &v2("pipeline/p10/workflow"),
        &page(&[json!({ "id": "w10", "pipeline_number": 10 })], None),
    );
    http
}

fn workflow_jobs(http: &MemoryHttp, name: &str) {
    let jobs = [json!({ "name": name, "job_number": 500, "status": "success", "stopped_at": null })];
    http.json(&v2("workflow/w10/job"), &page(&jobs, None));
}

#[test]
fn a_rerun_is_not_the_latest_because_a_newer_job_lies_behind_the_first_page() {
    for created in [json!(null), json!("2026-01-01T00:00:00Z")] {
        let http = with_a_rerun_before_a_long_page(&created);
        workflow_jobs(&http, "build");
        let job = latest(&http, "build").unwrap();
        assert_eq!((job.number, job.pipeline), (500, Some(10)));
        assert_eq!(http.urls().len(), 4, "{:?}", http.urls());
    }
    // Where the newer one has no such job, the rerun is the latest after all.
    let http = with_a_rerun_before_a_long_page(&json!(null));
    workflow_jobs(&http, "lint");
    assert_eq!(latest(&http, "build").unwrap().number, 640);
}

#[test]
fn a_pipeline_that_began_after_all_that_was_listed_needs_no_look() {
    let http = with_a_rerun_before_a_long_page(&json!("2026-01-03T00:00:00Z"));
    assert_eq!(latest(&http, "build").unwrap().number, 640);
    assert_eq!(http.urls().len(), 2, "{:?}", http.urls());
}

#[test]
fn too_many_newer_pipelines_are_said_to_be_too_many() {
    let http = MemoryHttp::default();
    for offset in [0, 100, 200] {
        let builds: Vec<Value> = (0..100)
            .map(|n| {
                let name = if offset + n == 0 { "build" } else { "lint" };
                build(900 - offset as u64 - n as u64, name, "c1", "w1")
            })
            .collect();
        http.json(&tree_url(offset), &json!(builds));
    }
    let pipelines: Vec<Value> = (1..=30).rev().map(|n| pipeline(n, &format!("c{n}"))).collect();
    http.json(&pipelines_url(), &page(&pipelines, None));
    for n in 2..=30 {
        http.json(&v2(&format!("pipeline/p{n}/workflow")), &page(&[], None));
    }
    let error = latest(&http, "build").unwrap_err();
    assert!(
        matches!(&error, Error::Limit(it) if it.code == "search-too-deep"),
        "{error:?}"
    );
    assert_eq!(http.urls().len(), 3 + 1 + 20, "{:?}", http.urls());
}

/// Lets pipelines, of which the second comes from a fork, have one workflow with a build each.
fn by_commit(selector: &str, commits: [&str; 3]) -> (Result<Job>, usize) {
    let http = MemoryHttp::default();
    let all = v2("project/gh/acme/shop/pipeline");
    let mut pipelines: Vec<Value> = commits
        .iter()
        .zip([3u64, 2, 1])
        .map(|(commit, n)| pipeline(n, commit))
        .collect();
    for pipeline in &mut pipelines {
        pipeline["vcs"]["tag"] = json!("v1");
    }
    pipelines[0]["vcs"]["origin_repository_url"] = json!("fork");
    http.json(&all, &page(&pipelines[..2], Some("more")));
    http.json(&format!("{all}?page-token=more"), &page(&pipelines[2..], None));
    for n in 1..=3 {
        let workflow = json!({ "id": format!("w{n}"), "pipeline_number": n });
        http.json(&v2(&format!("pipeline/p{n}/workflow")), &page(&[workflow], None));
        let job = json!({ "name": "build", "job_number": n * 10, "status": "success", "stopped_at": null });
        http.json(&v2(&format!("workflow/w{n}/job")), &page(&[job], None));
    }
    let found = circleci::resolve(&http, &source(), &scope(selector, &["build"]));
    (found.map(|(jobs, _)| jobs[0].clone()), http.urls().len())
}

#[test]
fn a_fork_s_commit_or_tag_is_nobody_s() {
    for selector in ["sha:abcd", "tag:v1"] {
        let (found, _) = by_commit(selector, ["abcd1", "abcd1", "ffff"]);
        assert_eq!(found.unwrap().number, 20, "{selector}");
    }
    let (found, _) = by_commit("sha:abcd", ["abcd1", "0000", "ffff"]);
    let message = found.unwrap_err().to_string();
    assert!(message.contains("1 of forks were left out"), "{message}");
}

#[test]
fn few_digits_are_compared_with_all_that_can_be_listed() {
    let (found, _) = by_commit("sha:abcd", ["0000", "abcd1", "abcd2"]);
    let error = found.unwrap_err();
    assert!(
        matches!(&error, Error::Invalid(it) if it.code == "ambiguous-commit"),
        "{error:?}"
    );
    let whole = format!("abcd{:036x}", 1);
    let (found, requests) = by_commit(&format!("sha:{whole}"), ["0000", &whole, "abcd2"]);
    assert_eq!((found.unwrap().number, requests), (20, 3));
}

#[test]
fn pipelines_far_back_are_asked_for_page_by_page_and_then_one_by_one() {
    let http = MemoryHttp::default();
    let builds: Vec<Value> = (1..=3)
        .rev()
        .map(|n| build(n, "build", &format!("c{n}"), &format!("w{n}")))
        .collect();
    http.json(&tree_url(0), &json!(builds));
    for index in 0..6u64 {
        let url = match index {
            0 => pipelines_url(),
            index => format!("{}&page-token=t{index}", pipelines_url()),
        };
        let next = format!("t{}", index + 1);
        http.json(&url, &page(&[pipeline(1000 - index, "other")], Some(&next)));
    }
    for n in 1..=3 {
        // The highest number is of the oldest pipeline.
        http.json(
            &v2(&format!("workflow/w{n}")),
            &json!({ "id": "w", "pipeline_number": 10 - n }),
        );
    }
    assert_eq!(latest(&http, "build").unwrap().number, 1);
    // v1.1, five pages, and each of the three workflows.
    assert_eq!(http.urls().len(), 1 + 5 + 3);
}

#[test]
fn without_v1_1_the_walk_has_an_end() {
    for status in [403, 404, 410] {
        let http = MemoryHttp::default();
        http.on(&tree_url(0), Scripted::answer(status, "{}"));
        for index in 0..10u64 {
            let url = match index {
                0 => pipelines_url(),
                index => format!("{}&page-token=t{index}", pipelines_url()),
            };
            let items: Vec<Value> = (0..20).map(|n| pipeline(1000 - index * 20 - n, "c")).collect();
            http.json(&url, &page(&items, Some(&format!("t{}", index + 1))));
        }
        for number in 0..=1000 {
            let workflow = json!({ "id": "w", "pipeline_number": number });
            http.json(
                &v2(&format!("pipeline/p{number}/workflow")),
                &page(&[workflow], None),
            );
        }
        let jobs = [json!({ "name": "lint", "job_number": 3, "status": "success", "stopped_at": null })];
        http.json(&v2("workflow/w/job"), &page(&jobs, None));
        let error = latest(&http, "build").unwrap_err();
        let Error::NothingMatched(problem) = error else {
            panic!("{error:?}")
        };
        assert_eq!(problem.code, "no-successful-job");
        assert!(
            problem.message.contains("40 of the newest 40 pipelines"),
            "{}",
            problem.message
        );
        assert!(
            problem.message.contains("successful jobs are lint"),
            "{}",
            problem.message
        );
        // v1.1's refusal, two pages, and forty pipelines.
        assert_eq!(http.urls().len(), 1 + 2 + 40 * 2);
    }
}

#[test]
fn a_token_that_is_none_is_not_asked_with_again() {
    let http = MemoryHttp::default();
    http.on(&tree_url(0), Scripted::answer(401, "{}"));
    let error = latest(&http, "build").unwrap_err();
    assert!(
        matches!(&error, Error::Store(it) if it.code == "api-unauthorized"),
        "{error:?}"
    );
    assert_eq!(http.urls().len(), 1);
}

/// Sets the variable to 7, a build of pipeline 1, while job 90 of pipeline 30 runs.
fn set_other(http: &MemoryHttp) -> Result<Vec<String>> {
    let context = Context {
        number: Some(90),
        run: Some(30),
        job: Some("publish".into()),
        branch: Some("main".into()),
        ..Context::default()
    };
    let request = SetLatest {
        source: source(),
        variable: "LATEST_BUILD_NUM".into(),
        number: 7,
        context,
        ..SetLatest::default()
    };
    let envvar = json!({ "name": "LATEST_BUILD_NUM", "value": "xxxx7" });
    http.json(&v2("project/gh/acme/shop/envvar"), &envvar);
    let set = circleci::set_latest(http, &request)?;
    Ok(set.warnings.iter().map(|it| it.code.to_string()).collect())
}

fn with_newest(http: &MemoryHttp, number: u64) {
    http.json(&tree_url(0), &json!([build(number, "build", "c2", "w2")]));
    http.json(&pipelines_url(), &page(&[pipeline(2, "c2")], None));
}

#[test]
fn another_build_s_number_is_judged_by_that_build() {
    let job = json!({ "number": 7, "name": "build", "status": "success", "stopped_at": null, "web_url": null,
        "latest_workflow": { "id": "w1" } });
    // By the job that runs, pipeline 30, it would be no step back; and by the numbers, 5 is below 7.
    let http = MemoryHttp::default();
    http.json(&v2("project/gh/acme/shop/job/7"), &job);
    http.json(&v2("workflow/w1"), &json!({ "id": "w1", "pipeline_number": 1 }));
    with_newest(&http, 5);
    let error = set_other(&http).unwrap_err();
    assert!(
        matches!(&error, Error::Stale(it) if it.code == "latest-moved-on" && it.message.contains("pipeline 2 ")),
        "{error:?}"
    );
    // What cannot be asked is said.
    let http = MemoryHttp::default();
    http.json(&v2("project/gh/acme/shop/job/7"), &job);
    with_newest(&http, 5);
    assert_eq!(set_other(&http).unwrap(), ["newest-unknown"]);
    let http = MemoryHttp::default();
    let mut unnamed = build(5, "publish", "c2", "w2");
    unnamed["vcs_revision"] = json!("elsewhere");
    http.json(&tree_url(0), &json!([unnamed]));
    http.json(&pipelines_url(), &page(&[], None));
    assert_eq!(set_other(&http).unwrap(), ["newest-unknown"]);
}

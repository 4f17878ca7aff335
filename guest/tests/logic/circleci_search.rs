//! How many requests a search takes, and how far it goes.

use baton_guest::circleci::{self, Job};
use baton_guest::error::{Error, Result};
use baton_guest::memory_http::{MemoryHttp, Scripted};
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
            problem.message.contains("successful were lint"),
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

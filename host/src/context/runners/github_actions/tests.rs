#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::super::super::testing::{detect_with, field, git, shown};
use super::super::super::{Context, Git};

const PUSH: &str = "
    CI=true
    GITHUB_ACTIONS=true
    GITHUB_ACTOR=jane
    GITHUB_API_URL=https://api.github.com
    GITHUB_BASE_REF=
    GITHUB_EVENT_NAME=push
    GITHUB_EVENT_PATH=/home/runner/work/_temp/_github_workflow/event.json
    GITHUB_HEAD_REF=
    GITHUB_JOB=build
    GITHUB_REF=refs/heads/feature/login
    GITHUB_REF_NAME=feature/login
    GITHUB_REF_PROTECTED=false
    GITHUB_REF_TYPE=branch
    GITHUB_REPOSITORY=acme/shop
    GITHUB_REPOSITORY_OWNER=acme
    GITHUB_RUN_ATTEMPT=1
    GITHUB_RUN_ID=1658821493
    GITHUB_RUN_NUMBER=204
    GITHUB_SERVER_URL=https://github.com
    GITHUB_SHA=ffac537e6cbbf934b08745a378932722df287a53
    GITHUB_TRIGGERING_ACTOR=jane
    GITHUB_WORKFLOW=CI
    GITHUB_WORKFLOW_REF=acme/shop/.github/workflows/ci.yml@refs/heads/feature/login
    RUNNER_OS=Linux";

const PUSH_EVENT: &str = r#"{ "ref": "refs/heads/feature/login",
    "repository": { "full_name": "acme/shop", "default_branch": "main", "fork": false } }"#;

const PULL_REQUEST: &str = "
    GITHUB_BASE_REF=main
    GITHUB_EVENT_NAME=pull_request
    GITHUB_HEAD_REF=feature/login
    GITHUB_REF=refs/pull/41/merge
    GITHUB_REF_NAME=41/merge";

const TARGET: &str = "
    GITHUB_BASE_REF=main
    GITHUB_EVENT_NAME=pull_request_target
    GITHUB_HEAD_REF=main
    GITHUB_REF=refs/heads/main
    GITHUB_REF_NAME=main";

const ON_MAIN: &str = "GITHUB_REF=refs/heads/main\nGITHUB_REF_NAME=main";

fn pull_request_event(head_repository: &str) -> String {
    format!(
        r#"{{ "number": 41, "repository": {{ "full_name": "acme/shop", "default_branch": "main" }},
        "pull_request": {{ "number": 41, "head": {{ "ref": "main",
            "sha": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "repo": {head_repository} }} }} }}"#
    )
}

const OURS: &str = r#"{ "full_name": "acme/shop", "fork": false }"#;
const THEIRS: &str = r#"{ "full_name": "mallory/shop", "fork": true }"#;

fn detect(changes: &[&str], event: &str) -> Context {
    let environments: Vec<&str> = [PUSH].iter().chain(changes).copied().collect();
    detect_with(&environments, Some(event), Git::none()).unwrap()
}

#[test]
fn a_push() {
    assert_eq!(
        shown(&detect(&[], PUSH_EVENT)),
        [
            "runner: github-actions (GITHUB_ACTIONS)",
            "project: gh/acme/shop (GITHUB_REPOSITORY)",
            "branch: feature/login (GITHUB_REF_NAME)",
            "default-branch: main (GITHUB_EVENT_PATH)",
            "commit: ffac537e6cbbf934b08745a378932722df287a53 (GITHUB_SHA)",
            "run: 204 (GITHUB_RUN_NUMBER)",
            "number: 204 (GITHUB_RUN_NUMBER)",
            "attempt: 1 (GITHUB_RUN_ATTEMPT)",
            "counter: acme/shop/.github/workflows/ci.yml (GITHUB_WORKFLOW_REF)",
            "workflow: 1658821493 (GITHUB_RUN_ID)",
            "workspace: 1658821493 (GITHUB_RUN_ID)",
            "job: build (GITHUB_JOB)",
            "fork: false (default)",
            "url: https://github.com/acme/shop/actions/runs/1658821493/attempts/1 (GITHUB_RUN_ID)",
            "actor: jane (GITHUB_TRIGGERING_ACTOR)",
        ]
    );
}

#[test]
fn runs_are_counted_for_each_workflow_file_of_a_repository() {
    let counter = |changes: &str| field(&detect(&[changes], PUSH_EVENT), "counter").unwrap();
    let ours = "acme/shop/.github/workflows/ci.yml (GITHUB_WORKFLOW_REF)";
    for reference in [
        "refs/heads/main",
        "refs/heads/user@host",
        "refs/pull/7/merge",
        "refs/tags/v1",
    ] {
        let changes = format!("GITHUB_WORKFLOW_REF=acme/shop/.github/workflows/ci.yml@{reference}");
        assert_eq!(counter(&changes), ours, "{reference}");
    }
    assert_eq!(
        counter("GITHUB_WORKFLOW_REF=acme/rules/.github/workflows/ci.yml@refs/heads/main"),
        "acme/shop: acme/rules/.github/workflows/ci.yml (GITHUB_WORKFLOW_REF)"
    );
    assert_eq!(counter("GITHUB_WORKFLOW_REF="), "acme/shop: CI (GITHUB_WORKFLOW)");
    assert_eq!(
        counter("GITHUB_SERVER_URL=https://github.example.com"),
        "github.example.com/acme/shop/.github/workflows/ci.yml (GITHUB_WORKFLOW_REF)"
    );
    // A run that is given by hand counts by the same file, unless a counter is given, too.
    assert_eq!(counter("BATON_RUN=7"), ours);
    assert_eq!(counter("BATON_COUNTER=commits"), "commits (BATON_COUNTER)");
}

#[test]
fn a_tag_has_no_branch_not_even_from_git() {
    let tag = "GITHUB_REF=refs/tags/v1.2.0\nGITHUB_REF_NAME=v1.2.0\nGITHUB_REF_TYPE=tag";
    let context = detect_with(&[PUSH, tag], Some(PUSH_EVENT), git()).unwrap();
    assert_eq!(field(&context, "tag").unwrap(), "v1.2.0 (GITHUB_REF_NAME)");
    assert_eq!(field(&context, "branch"), None);
}

#[test]
fn an_old_server_gives_only_the_whole_reference() {
    let old = "GITHUB_REF_NAME=\nGITHUB_REF_TYPE=\nGITHUB_TRIGGERING_ACTOR=\nGITHUB_RUN_ATTEMPT=";
    let branch = detect(&[old], PUSH_EVENT);
    assert_eq!(field(&branch, "branch").unwrap(), "feature/login (GITHUB_REF)");
    assert_eq!(field(&branch, "actor").unwrap(), "jane (GITHUB_ACTOR)");
    assert_eq!(
        field(&branch, "url").unwrap(),
        "https://github.com/acme/shop/actions/runs/1658821493 (GITHUB_RUN_ID)"
    );
    let tag = detect(&[old, "GITHUB_REF=refs/tags/v1.2.0"], PUSH_EVENT);
    assert_eq!(field(&tag, "tag").unwrap(), "v1.2.0 (GITHUB_REF)");
    assert_eq!(field(&tag, "branch"), None);
}

#[test]
fn a_rerun_is_a_greater_attempt_of_the_same_run() {
    let context = detect(&["GITHUB_RUN_ATTEMPT=3\nGITHUB_TRIGGERING_ACTOR=joe"], PUSH_EVENT);
    assert_eq!(field(&context, "run").unwrap(), "204 (GITHUB_RUN_NUMBER)");
    assert_eq!(field(&context, "attempt").unwrap(), "3 (GITHUB_RUN_ATTEMPT)");
    assert_eq!(
        field(&context, "workspace").unwrap(),
        "1658821493 (GITHUB_RUN_ID)"
    );
    assert_eq!(field(&context, "actor").unwrap(), "joe (GITHUB_TRIGGERING_ACTOR)");
}

#[test]
fn a_job_of_a_matrix_is_told_apart_by_hand() {
    let context = detect(&["BATON_NODE=1/3\nBATON_JOB=test-windows"], PUSH_EVENT);
    assert_eq!(field(&context, "node").unwrap(), "1/3 (BATON_NODE)");
    assert_eq!(field(&context, "job").unwrap(), "test-windows (BATON_JOB)");
    assert_eq!(field(&detect(&[], PUSH_EVENT), "node"), None);
}

#[test]
fn a_pull_request() {
    assert_eq!(
        shown(&detect(&[PULL_REQUEST], &pull_request_event(OURS))),
        [
            "runner: github-actions (GITHUB_ACTIONS)",
            "project: gh/acme/shop (GITHUB_REPOSITORY)",
            "branch: feature/login (GITHUB_HEAD_REF)",
            "default-branch: main (GITHUB_EVENT_PATH)",
            "commit: ffac537e6cbbf934b08745a378932722df287a53 (GITHUB_SHA)",
            "run: 204 (GITHUB_RUN_NUMBER)",
            "number: 204 (GITHUB_RUN_NUMBER)",
            "attempt: 1 (GITHUB_RUN_ATTEMPT)",
            "counter: acme/shop/.github/workflows/ci.yml (GITHUB_WORKFLOW_REF)",
            "workflow: 1658821493 (GITHUB_RUN_ID)",
            "workspace: 1658821493 (GITHUB_RUN_ID)",
            "job: build (GITHUB_JOB)",
            "pull-request: 41 (GITHUB_REF)",
            "fork: false (GITHUB_EVENT_PATH)",
            "url: https://github.com/acme/shop/actions/runs/1658821493/attempts/1 (GITHUB_RUN_ID)",
            "actor: jane (GITHUB_TRIGGERING_ACTOR)",
        ]
    );
}

#[test]
fn a_pull_request_from_a_fork() {
    let fork = |event: &str| field(&detect(&[PULL_REQUEST], event), "fork").unwrap();
    assert_eq!(fork(&pull_request_event(THEIRS)), "true (GITHUB_EVENT_PATH)");
    assert_eq!(
        fork(&pull_request_event("null")),
        "true (GITHUB_EVENT_PATH)",
        "a deleted fork"
    );
    assert_eq!(
        fork(&pull_request_event(r#"{ "fork": true }"#)),
        "true (GITHUB_EVENT_PATH)"
    );
    assert_eq!(
        fork(&pull_request_event(r#"{ "fork": false }"#)),
        "false (GITHUB_EVENT_PATH)"
    );
    let of_a_fork = r#"{ "full_name": "Acme/Shop", "fork": true }"#;
    assert_eq!(
        fork(&pull_request_event(of_a_fork)),
        "false (GITHUB_EVENT_PATH)",
        "acme/shop is a fork"
    );
}

#[test]
fn a_pull_request_without_its_event_counts_as_a_forks() {
    for event in [None, Some(""), Some("{}")] {
        let context = detect_with(&[PUSH, PULL_REQUEST], event, git()).unwrap();
        assert_eq!(field(&context, "fork").unwrap(), "true (GITHUB_HEAD_REF)");
        assert_eq!(field(&context, "pull-request").unwrap(), "41 (GITHUB_REF)");
        assert_eq!(
            field(&context, "branch").unwrap(),
            "feature/login (GITHUB_HEAD_REF)"
        );
    }
    for name in ["pull_request_review", "issue_comment", "workflow_run"] {
        let event = format!("GITHUB_EVENT_NAME={name}");
        let context = detect_with(&[PUSH, ON_MAIN, &event], None, git()).unwrap();
        assert_eq!(
            field(&context, "fork").unwrap(),
            "true (GITHUB_EVENT_NAME)",
            "{name}"
        );
        assert_eq!(field(&context, "branch"), None, "{name}");
    }
}

/// GitHub's own variables name the base branch, which here even has the name of the fork's.
#[test]
fn pull_request_target_is_for_the_pull_request() {
    let context = detect(&[TARGET], &pull_request_event(THEIRS));
    assert_eq!(field(&context, "pull-request").unwrap(), "41 (GITHUB_EVENT_PATH)");
    assert_eq!(field(&context, "branch").unwrap(), "main (GITHUB_HEAD_REF)");
    assert_eq!(field(&context, "fork").unwrap(), "true (GITHUB_EVENT_PATH)");
    let head = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (GITHUB_EVENT_PATH)";
    assert_eq!(field(&context, "commit").unwrap(), head);
}

#[test]
fn a_review_is_for_the_pull_request() {
    let review = "GITHUB_EVENT_NAME=pull_request_review\nGITHUB_HEAD_REF=";
    let context = detect(&[PULL_REQUEST, review], &pull_request_event(OURS));
    assert_eq!(field(&context, "branch").unwrap(), "main (GITHUB_EVENT_PATH)");
    assert_eq!(field(&context, "pull-request").unwrap(), "41 (GITHUB_REF)");
}

#[test]
fn a_variable_of_the_wrong_form_is_named() {
    let error = detect_with(&[PUSH, "GITHUB_RUN_NUMBER=x"], None, Git::none()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "GITHUB_RUN_NUMBER is \"x\", but must be a whole number from 0 to 18446744073709551615"
    );
}

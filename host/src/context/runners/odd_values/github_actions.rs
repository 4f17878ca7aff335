//! Odd values of GitHub Actions.

use super::{COMMIT, FROM_GIT, ZEROS, check, row};

#[test]
fn odd_values_are_understood_or_refused() {
    let base = format!(
        "GITHUB_ACTIONS=true\nGITHUB_REPOSITORY=acme/shop\nGITHUB_SHA={COMMIT}\nGITHUB_EVENT_NAME=push\n\
         GITHUB_REF=refs/heads/main\nGITHUB_REF_NAME=main\nGITHUB_REF_TYPE=branch"
    );
    let zeros = format!("GITHUB_SHA={ZEROS}");
    let queue = "GITHUB_REF_NAME=gh-readonly-queue/main/pr-7-abc GITHUB_EVENT_NAME=merge_group";
    check(
        &base,
        &[
            ("a push", "", "branch=main"),
            ("a schedule", "GITHUB_EVENT_NAME=schedule", "branch=main"),
            (
                "started by hand",
                "GITHUB_EVENT_NAME=workflow_dispatch",
                "branch=main",
            ),
            (
                "started by the API",
                "GITHUB_EVENT_NAME=repository_dispatch",
                "branch=main",
            ),
            ("a merge queue", queue, "branch=gh-readonly-queue/main/pr-7-abc"),
            (
                "a release",
                "GITHUB_EVENT_NAME=release GITHUB_REF_TYPE=tag GITHUB_REF_NAME=v1",
                "tag=v1",
            ),
            (
                "a pull request of which the event is missing",
                "GITHUB_EVENT_NAME=pull_request GITHUB_REF=refs/pull/7/merge GITHUB_HEAD_REF=x",
                "branch=x pull-request=7 fork=true",
            ),
            (
                "a pull request on a server like GitHub",
                "GITHUB_EVENT_NAME=pull_request GITHUB_REF=refs/pull/7/head GITHUB_HEAD_REF=",
                "pull-request=7 fork=true",
            ),
            (
                "a reference without a number",
                "GITHUB_EVENT_NAME=pull_request GITHUB_REF=refs/pull/x/merge",
                "error: GITHUB_REF is \"refs/pull/x/merge\", but must be the number of a pull request, for example 7, \
                 or false for none",
            ),
            (
                "a deployment of a commit",
                "GITHUB_REF= GITHUB_REF_NAME= GITHUB_REF_TYPE=",
                "branch=git-branch",
            ),
            ("a commit of zeros", &zeros, &format!("branch=main {FROM_GIT}")),
        ],
    );
    let closed = r#"{ "number": 7, "pull_request": { "number": 7, "merged": true, "head": { "ref": "x",
        "sha": "abcabca", "repo": { "full_name": "acme/shop" } } } }"#;
    let merged = row(&[&base, "GITHUB_EVENT_NAME=pull_request"], Some(closed));
    assert_eq!(
        merged, "branch=x pull-request=7",
        "a pull request that was merged runs on its base"
    );
    let nothing =
        r#"{ "number": null, "pull_request": null, "issue": { "number": 7, "pull_request": null } }"#;
    assert_eq!(row(&[&base], Some(nothing)), "branch=main", "null is none");
}

//! Odd values of GitLab CI.

use super::{COMMIT, FROM_GIT, ZEROS, check};

#[test]
fn odd_values_are_understood_or_refused() {
    let base = format!(
        "GITLAB_CI=true\nCI_PROJECT_PATH=acme/shop\nCI_PROJECT_ID=1\nCI_COMMIT_SHA={COMMIT}\nCI_COMMIT_BRANCH=main\n\
         CI_COMMIT_REF_NAME=main\nCI_COMMIT_BEFORE_SHA={ZEROS}\nCI_PIPELINE_SOURCE=push"
    );
    let zeros = format!("CI_COMMIT_SHA={ZEROS}");
    let request = "CI_COMMIT_BRANCH= CI_MERGE_REQUEST_IID=7 CI_MERGE_REQUEST_PROJECT_ID=1 \
                   CI_MERGE_REQUEST_SOURCE_PROJECT_ID=1 CI_MERGE_REQUEST_SOURCE_BRANCH_NAME=x \
                   CI_PIPELINE_SOURCE=merge_request_event";
    check(
        &base,
        &[
            ("a push", "", "branch=main"),
            ("a schedule", "CI_PIPELINE_SOURCE=schedule", "branch=main"),
            ("started by hand", "CI_PIPELINE_SOURCE=web", "branch=main"),
            (
                "a child pipeline",
                "CI_PIPELINE_SOURCE=parent_pipeline",
                "branch=main",
            ),
            (
                "an open merge request of the branch",
                "CI_OPEN_MERGE_REQUESTS=acme/shop!7",
                "branch=main",
            ),
            (
                "a tag",
                "CI_COMMIT_BRANCH= CI_COMMIT_TAG=v1 CI_COMMIT_REF_NAME=v1",
                "tag=v1",
            ),
            ("a merge request", request, "branch=x pull-request=7"),
            (
                "a merge train",
                &format!(
                    "{request} CI_MERGE_REQUEST_EVENT_TYPE=merge_train CI_COMMIT_REF_NAME=refs/merge-requests/7/train"
                ),
                "branch=x pull-request=7",
            ),
            (
                "a merge request that was closed meanwhile",
                "CI_COMMIT_BRANCH= CI_PIPELINE_SOURCE=merge_request_event CI_COMMIT_REF_NAME=refs/merge-requests/7/head",
                "pull-request=7 fork=true",
            ),
            (
                "a pull request on GitHub",
                "CI_COMMIT_BRANCH= CI_EXTERNAL_PULL_REQUEST_IID=7 CI_PIPELINE_SOURCE=external_pull_request_event",
                "pull-request=7 fork=true",
            ),
            (
                "no merge request, as zero",
                "CI_MERGE_REQUEST_IID=0",
                "branch=main",
            ),
            (
                "a number that is none",
                "CI_MERGE_REQUEST_IID=!7",
                "error: CI_MERGE_REQUEST_IID is \"!7\", but must be the number of a pull request, for example 7, \
                 or false for none",
            ),
            ("a commit of zeros", &zeros, &format!("branch=main {FROM_GIT}")),
        ],
    );
}

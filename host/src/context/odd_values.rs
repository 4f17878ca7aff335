//! What the variables of each runner hold in odd cases, as its documentation and public reports have it, and what baton
//! makes of them: a table a runner. A row is a case, the variables that differ from a push to a branch, and the fields
//! that matter, in the order `branch tag commit pull-request fork`.

use super::testing::{detect_with, git, shown};

/// A field that is absent is left out, and so is what says the same in every row.
fn row(environments: &[&str], event: Option<&str>) -> String {
    let context = match detect_with(environments, event, git()) {
        Ok(context) => context,
        Err(error) => return format!("error: {error}"),
    };
    let wanted = ["branch", "tag", "commit", "pull-request", "fork"];
    let fields = shown(&context);
    let fields = fields.iter().filter_map(|line| {
        let (name, rest) = line.split_once(": ")?;
        let value = rest.split(' ').next()?;
        let quiet = name == "fork" && value == "false" || name == "commit" && value.starts_with("abcabc");
        (wanted.contains(&name) && !quiet).then(|| format!("{name}={value}"))
    });
    fields.collect::<Vec<_>>().join(" ")
}

fn check(base: &str, rows: &[(&str, &str, &str)]) {
    for (case, variables, expected) in rows {
        let variables = variables.split(' ').collect::<Vec<_>>().join("\n");
        assert_eq!(row(&[base, &variables], None), *expected, "{case}");
    }
}

const COMMIT: &str = "abcabcabcabcabcabcabcabcabcabcabcabcabca";
const ZEROS: &str = "0000000000000000000000000000000000000000";
/// What git says in `testing::git`.
const FROM_GIT: &str = "commit=1111111111111111111111111111111111111111";

#[test]
fn circleci() {
    let base = format!("CIRCLECI=true\nCIRCLE_BRANCH=main\nCIRCLE_SHA1={COMMIT}\nCIRCLE_BUILD_NUM=7");
    let zeros = format!("CIRCLE_SHA1={ZEROS}");
    check(
        &base,
        &[
            ("a push", "", "branch=main"),
            ("a schedule", "CIRCLE_TAG= CIRCLE_PR_NUMBER=", "branch=main"),
            (
                "an unset pipeline value",
                "CIRCLE_TAG=<nil> CIRCLE_PR_NUMBER=<nil>",
                "branch=main",
            ),
            (
                "an open pull request of the branch",
                "CIRCLE_PULL_REQUEST=https://github.com/acme/shop/pull/7",
                "branch=main",
            ),
            ("a tag", "CIRCLE_TAG=v1 CIRCLE_BRANCH=", "tag=v1"),
            (
                "a fork on GitHub",
                "CIRCLE_PR_NUMBER=7 CIRCLE_BRANCH=pull/7",
                "branch=pull/7 pull-request=7 fork=true",
            ),
            (
                "a fork on Bitbucket, by its page",
                "CIRCLE_PR_USERNAME=mallory CIRCLE_PULL_REQUEST=https://bitbucket.org/a/b/pull-requests/7/my-title",
                "branch=main pull-request=7 fork=true",
            ),
            (
                "a fork by its branch, in any case",
                "CIRCLE_BRANCH=PULL/7",
                "branch=PULL/7 pull-request=7 fork=true",
            ),
            (
                "a fork whose page is not one",
                "CIRCLE_PR_USERNAME=m CIRCLE_PULL_REQUEST=x",
                "branch=main fork=true",
            ),
            ("no pull request, said", "CIRCLE_PR_NUMBER=false", "branch=main"),
            ("no pull request, as zero", "CIRCLE_PR_NUMBER=0", "branch=main"),
            (
                "a number that is none",
                "CIRCLE_PR_NUMBER=abc",
                "error: CIRCLE_PR_NUMBER is \"abc\", but must be the number of a pull request, for example 7, \
                 or false for none",
            ),
            ("a commit of zeros", &zeros, &format!("branch=main {FROM_GIT}")),
            (
                "a job's number above 64 bits",
                "CIRCLE_BUILD_NUM=18446744073709551616",
                "error: CIRCLE_BUILD_NUM is \"18446744073709551616\", but must be a whole number from 0 to \
                 18446744073709551615",
            ),
            (
                "more nodes than a record can tell apart",
                "CIRCLE_NODE_INDEX=1 CIRCLE_NODE_TOTAL=70000",
                "error: CIRCLE_NODE_TOTAL is \"70000\", but must be at most 65535 parallel nodes",
            ),
        ],
    );
}

#[test]
fn github_actions() {
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

#[test]
fn gitlab_ci() {
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

#[test]
fn buildkite() {
    let base = format!(
        "BUILDKITE=true\nBUILDKITE_ORGANIZATION_SLUG=acme\nBUILDKITE_PIPELINE_SLUG=shop\nBUILDKITE_BRANCH=main\n\
         BUILDKITE_COMMIT={COMMIT}\nBUILDKITE_PULL_REQUEST=false\nBUILDKITE_PULL_REQUEST_REPO=\nBUILDKITE_TAG=\n\
         BUILDKITE_REPO=git@github.com:acme/shop.git"
    );
    let zeros = format!("BUILDKITE_COMMIT={ZEROS}");
    check(
        &base,
        &[
            ("a push", "", "branch=main"),
            (
                "a schedule",
                "BUILDKITE_SOURCE=schedule BUILDKITE_COMMIT=HEAD",
                &format!("branch=main {FROM_GIT}"),
            ),
            ("no pull request, empty", "BUILDKITE_PULL_REQUEST=", "branch=main"),
            ("a tag", "BUILDKITE_TAG=v1 BUILDKITE_BRANCH=v1", "tag=v1"),
            (
                "a pull request",
                "BUILDKITE_PULL_REQUEST=7 BUILDKITE_PULL_REQUEST_REPO=git://github.com/acme/shop.git",
                "branch=main pull-request=7",
            ),
            (
                "a fork, its branch named after its owner",
                "BUILDKITE_PULL_REQUEST=7 BUILDKITE_PULL_REQUEST_REPO=git://github.com/m/shop.git BUILDKITE_BRANCH=m:main",
                "branch=m:main pull-request=7 fork=true",
            ),
            (
                "a pull request's reference, started by hand",
                "BUILDKITE_BRANCH=refs/pull/7/head",
                "branch=refs/pull/7/head pull-request=7 fork=true",
            ),
            (
                "a merge queue",
                "BUILDKITE_BRANCH=gh-readonly-queue/main/pr-7-a",
                "branch=gh-readonly-queue/main/pr-7-a",
            ),
            (
                "true is no number",
                "BUILDKITE_PULL_REQUEST=true",
                "error: BUILDKITE_PULL_REQUEST is \"true\", but must be the number of a pull request, for example 7, \
                 or false for none",
            ),
            ("a commit of zeros", &zeros, &format!("branch=main {FROM_GIT}")),
        ],
    );
}

#[test]
fn jenkins() {
    let base = format!(
        "JENKINS_URL=https://ci.example.com/\nJOB_NAME=shop/main\nBRANCH_NAME=main\nGIT_COMMIT={COMMIT}"
    );
    let freestyle = format!(
        "JENKINS_URL=https://ci.example.com/\nJOB_NAME=shop\nGIT_BRANCH=origin/main\nGIT_COMMIT={COMMIT}"
    );
    let zeros = format!("GIT_COMMIT={ZEROS}");
    check(
        &base,
        &[
            ("a push", "", "branch=main"),
            (
                "an unset value that a Jenkinsfile passed on",
                "CHANGE_ID=null",
                "branch=main",
            ),
            ("a tag", "BRANCH_NAME=v1 TAG_NAME=v1", "tag=v1"),
            (
                "GitHub or Gitea",
                "BRANCH_NAME=PR-7 CHANGE_ID=7 CHANGE_BRANCH=x",
                "branch=x pull-request=7",
            ),
            (
                "a fork",
                "BRANCH_NAME=PR-7 CHANGE_ID=7 CHANGE_BRANCH=main CHANGE_FORK=m",
                "branch=main pull-request=7 fork=true",
            ),
            ("GitLab", "BRANCH_NAME=MR-7-merge CHANGE_ID=7", "pull-request=7"),
            (
                "Gerrit",
                "BRANCH_NAME=45/12345/3 CHANGE_ID=C-12345/3",
                "pull-request=12345",
            ),
            (
                "a change that is not described",
                "BRANCH_NAME=PR-7-head",
                "pull-request=7 fork=true",
            ),
            (
                "a Gerrit change that is not described",
                "BRANCH_NAME=45/12345/3",
                "pull-request=12345 fork=true",
            ),
            (
                "a branch of a name that is near",
                "BRANCH_NAME=PR-7-docs",
                "branch=PR-7-docs",
            ),
            (
                "a branch with a release number",
                "BRANCH_NAME=45/1234/3",
                "branch=45/1234/3",
            ),
            (
                "an id that is none",
                "CHANGE_ID=C-12345",
                "error: CHANGE_ID is \"C-12345\", but must be the number of a pull request, for example 7, \
                 or false for none",
            ),
            ("a commit of zeros", &zeros, &format!("branch=main {FROM_GIT}")),
        ],
    );
    check(
        &freestyle,
        &[
            ("a push", "", "branch=main"),
            ("a detached HEAD", "GIT_BRANCH=detached", "branch=git-branch"),
            (
                "a pull request's reference",
                "GIT_BRANCH=origin/pr/7/merge",
                "branch=pr/7/merge pull-request=7 fork=true",
            ),
            (
                "the builder of pull requests",
                "ghprbPullId=7",
                "branch=main pull-request=7 fork=true",
            ),
            (
                "the plugin for GitLab, of a push",
                "gitlabMergeRequestIid=",
                "branch=main",
            ),
            (
                "the plugin for GitLab",
                "gitlabMergeRequestIid=7",
                "branch=main pull-request=7 fork=true",
            ),
            (
                "the trigger for Gerrit",
                "GERRIT_CHANGE_NUMBER=12345 GERRIT_EVENT_TYPE=patchset-created",
                "branch=main pull-request=12345 fork=true",
            ),
            (
                "the trigger for Gerrit, of what was merged",
                "GERRIT_CHANGE_NUMBER=12345 GERRIT_EVENT_TYPE=change-merged",
                "branch=main",
            ),
        ],
    );
}

#[test]
fn baton_s_own_variable_says_a_pull_request_or_none() {
    let base = "BATON_RUNNER=local\nBATON_BRANCH=main\nBATON_COMMIT=abcabca";
    check(
        base,
        &[
            ("a number", "BATON_PULL_REQUEST=7", "branch=main pull-request=7"),
            ("none", "BATON_PULL_REQUEST=false", "branch=main"),
            (
                "a reference",
                "BATON_PULL_REQUEST=PULL/7",
                "branch=main pull-request=7",
            ),
            (
                "a branch that is a reference",
                "BATON_BRANCH=PULL/7",
                "branch=PULL/7 pull-request=7 fork=true",
            ),
            (
                "which is none, said",
                "BATON_BRANCH=pull/7 BATON_PULL_REQUEST=false",
                "branch=pull/7",
            ),
            (
                "a page",
                "BATON_PULL_REQUEST=https://github.com/acme/shop/pull/7",
                "error: BATON_PULL_REQUEST is \"https://github.com/acme/shop/pull/7\", but must be the number of a pull \
                 request, for example 7, or false for none",
            ),
            (
                "a value of baton that is none wins over the runner's",
                "BATON_RUNNER=buildkite BUILDKITE_PULL_REQUEST=7 BATON_PULL_REQUEST=0",
                "branch=main fork=true",
            ),
        ],
    );
}

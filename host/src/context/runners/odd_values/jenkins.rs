//! Odd values of Jenkins.

use super::{COMMIT, FROM_GIT, ZEROS, check};

#[test]
fn odd_values_of_a_multibranch_pipeline_are_understood_or_refused() {
    let base = format!(
        "JENKINS_URL=https://ci.example.com/\nJOB_NAME=shop/main\nBRANCH_NAME=main\nGIT_COMMIT={COMMIT}"
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
}

#[test]
fn odd_values_of_a_freestyle_job_are_understood_or_refused() {
    let freestyle = format!(
        "JENKINS_URL=https://ci.example.com/\nJOB_NAME=shop\nGIT_BRANCH=origin/main\nGIT_COMMIT={COMMIT}"
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

//! Odd values of Buildkite.

use super::{COMMIT, FROM_GIT, ZEROS, check};

#[test]
fn odd_values_are_understood_or_refused() {
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

//! Odd values of CircleCI.

use super::{COMMIT, FROM_GIT, ZEROS, check};

#[test]
fn odd_values_are_understood_or_refused() {
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
                "more nodes than a record can distinguish",
                "CIRCLE_NODE_INDEX=1 CIRCLE_NODE_TOTAL=70000",
                "error: CIRCLE_NODE_TOTAL is \"70000\", but must be at most 65535 parallel nodes",
            ),
        ],
    );
}

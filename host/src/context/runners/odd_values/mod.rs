//! Odd values of each runner's variables, from its documentation and public reports, and the context that baton detects from
//! them: a table for each runner. A row is a case, the variables that differ from a push to a branch, and the fields that
//! matter, in the order `branch tag commit pull-request fork`.

mod buildkite;
mod circleci;
mod github_actions;
mod gitlab_ci;
mod jenkins;

use super::super::testing::{detect_with, git, shown};

/// Returns the fields that differ from a push. Absent fields are left out.
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
/// The commit of `testing::git`.
const FROM_GIT: &str = "commit=1111111111111111111111111111111111111111";

#[test]
fn baton_s_own_variable_says_a_pull_request_or_none() {
    let base = "BATON_RUNNER=none\nBATON_BRANCH=main\nBATON_COMMIT=abcabca";
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

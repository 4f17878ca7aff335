//! Buildkite: <https://buildkite.com/docs/pipelines/configure/environment-variables>.

use super::found::Found;
use super::reading::{Reading, Text, Variables};
use super::remote::Remote;

/// Reads Buildkite's variables.
pub(super) fn read(variables: Variables<'_>) -> Reading {
    let tag = variables.text("BUILDKITE_TAG");
    let branch = variables.text("BUILDKITE_BRANCH");
    let number = variables.text("BUILDKITE_BUILD_NUMBER");
    let rebuilt = variables.text("BUILDKITE_REBUILT_FROM_BUILD_NUMBER");
    let build = variables.text("BUILDKITE_BUILD_ID");
    let pull_request = variables.pull_request(&["BUILDKITE_PULL_REQUEST"]);
    let node = variables.node("BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT", 0);
    Reading {
        project: project(variables),
        // For a tag, BUILDKITE_BRANCH holds the tag's name.
        branch: if tag.is_none() { branch } else { None },
        default_branch: variables.text("BUILDKITE_PIPELINE_DEFAULT_BRANCH"),
        tag,
        // A build that was started by hand may have HEAD here: git knows what that is.
        commit: variables
            .text("BUILDKITE_COMMIT")
            .filter(|commit| commit.value != "HEAD"),
        // A rebuild of an old build has a new number, and does not become newer than the builds between.
        run: rebuilt.clone().or_else(|| number.clone()),
        attempt: match &rebuilt {
            Some(_) => number.clone(),
            None => variables.text("BUILDKITE_RETRY_COUNT"),
        },
        number,
        // Builds are counted for each pipeline.
        counter: project(variables),
        counter_part: None,
        workflow: build.clone(),
        workspace: build,
        // The label of a parallel job may have its index in it. The step's id is the same for all of them.
        job: variables.first(match &node {
            Some(_) => &["BUILDKITE_STEP_KEY", "BUILDKITE_STEP_ID", "BUILDKITE_LABEL"],
            None => &["BUILDKITE_STEP_KEY", "BUILDKITE_LABEL"],
        }),
        node,
        fork: pull_request.as_ref().map(|_| fork(variables)),
        pull_request,
        url: url(variables),
        actor: variables.text("BUILDKITE_BUILD_CREATOR"),
    }
}

fn project(variables: Variables<'_>) -> Text {
    let organization = variables.value("BUILDKITE_ORGANIZATION_SLUG")?;
    let pipeline = variables.text("BUILDKITE_PIPELINE_SLUG")?;
    Some(pipeline.map(|pipeline| format!("bk/{organization}/{pipeline}")))
}

/// Whether a pull request comes from another repository. One whose repository cannot be told counts as a
/// fork's.
fn fork(variables: Variables<'_>) -> Found<bool> {
    let theirs = variables
        .value("BUILDKITE_PULL_REQUEST_REPO")
        .and_then(Remote::parse);
    let ours = variables.value("BUILDKITE_REPO").and_then(Remote::parse);
    let same = theirs
        .zip(ours)
        .is_some_and(|(theirs, ours)| theirs.is_same(&ours));
    Found::in_variable("BUILDKITE_PULL_REQUEST_REPO", !same)
}

fn url(variables: Variables<'_>) -> Text {
    let build = variables.text("BUILDKITE_BUILD_URL")?;
    Some(build.map(|url| match variables.value("BUILDKITE_JOB_ID") {
        Some(job) => format!("{url}#{job}"),
        None => url,
    }))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::super::testing::{detect, detect_with, field, git, shown};

    const PUSH: &str = "
        BUILDKITE=true
        BUILDKITE_AGENT_ACCESS_TOKEN=t0ken
        BUILDKITE_BRANCH=feature/login
        BUILDKITE_BUILD_AUTHOR=Jane Doe
        BUILDKITE_BUILD_CREATOR=Jane Doe
        BUILDKITE_BUILD_ID=4735ba57-80d0-46e2-8fa0-b28223a86586
        BUILDKITE_BUILD_NUMBER=1514
        BUILDKITE_BUILD_URL=https://buildkite.com/acme-inc/shop/builds/1514
        BUILDKITE_COMMIT=83a20ec058e2fb00e7fa4558c4c6e81e2dcf253d
        BUILDKITE_JOB_ID=e44f9784-e20e-4b93-a21d-f41fd5869db9
        BUILDKITE_LABEL=:hammer: Build
        BUILDKITE_ORGANIZATION_SLUG=acme-inc
        BUILDKITE_PIPELINE_DEFAULT_BRANCH=main
        BUILDKITE_PIPELINE_SLUG=shop
        BUILDKITE_PULL_REQUEST=false
        BUILDKITE_PULL_REQUEST_BASE_BRANCH=
        BUILDKITE_PULL_REQUEST_REPO=
        BUILDKITE_REBUILT_FROM_BUILD_ID=
        BUILDKITE_REPO=git@github.com:acme/shop.git
        BUILDKITE_RETRY_COUNT=0
        BUILDKITE_STEP_KEY=build
        BUILDKITE_TAG=
        CI=true";

    #[test]
    fn a_push() {
        assert_eq!(
            shown(&detect(&[PUSH]).unwrap()),
            [
                "runner: buildkite (BUILDKITE)",
                "project: bk/acme-inc/shop (BUILDKITE_PIPELINE_SLUG)",
                "branch: feature/login (BUILDKITE_BRANCH)",
                "default-branch: main (BUILDKITE_PIPELINE_DEFAULT_BRANCH)",
                "commit: 83a20ec058e2fb00e7fa4558c4c6e81e2dcf253d (BUILDKITE_COMMIT)",
                "run: 1514 (BUILDKITE_BUILD_NUMBER)",
                "number: 1514 (BUILDKITE_BUILD_NUMBER)",
                "attempt: 0 (BUILDKITE_RETRY_COUNT)",
                "counter: bk/acme-inc/shop (BUILDKITE_PIPELINE_SLUG)",
                "workflow: 4735ba57-80d0-46e2-8fa0-b28223a86586 (BUILDKITE_BUILD_ID)",
                "workspace: 4735ba57-80d0-46e2-8fa0-b28223a86586 (BUILDKITE_BUILD_ID)",
                "job: build (BUILDKITE_STEP_KEY)",
                "fork: false (default)",
                "url: https://buildkite.com/acme-inc/shop/builds/1514#e44f9784-e20e-4b93-a21d-f41fd5869db9 \
                 (BUILDKITE_BUILD_URL)",
                "actor: Jane Doe (BUILDKITE_BUILD_CREATOR)",
            ]
        );
    }

    #[test]
    fn a_step_without_a_key_is_named_by_its_label() {
        let context = detect(&[PUSH, "BUILDKITE_STEP_KEY=\nBUILDKITE_JOB_ID="]).unwrap();
        assert_eq!(
            field(&context, "job").unwrap(),
            ":hammer: Build (BUILDKITE_LABEL)"
        );
        assert_eq!(
            field(&context, "url").unwrap(),
            "https://buildkite.com/acme-inc/shop/builds/1514 (BUILDKITE_BUILD_URL)"
        );
    }

    #[test]
    fn a_tag_is_not_also_a_branch() {
        let tag = "BUILDKITE_TAG=v1.2.0\nBUILDKITE_BRANCH=v1.2.0";
        let context = detect_with(&[PUSH, tag], None, git()).unwrap();
        assert_eq!(field(&context, "tag").unwrap(), "v1.2.0 (BUILDKITE_TAG)");
        assert_eq!(field(&context, "branch"), None);
    }

    #[test]
    fn a_pull_request() {
        let ours = "
            BUILDKITE_PULL_REQUEST=123
            BUILDKITE_PULL_REQUEST_BASE_BRANCH=main
            BUILDKITE_PULL_REQUEST_REPO=git://github.com/acme/shop.git";
        let context = detect(&[PUSH, ours]).unwrap();
        assert_eq!(
            field(&context, "pull-request").unwrap(),
            "123 (BUILDKITE_PULL_REQUEST)"
        );
        assert_eq!(
            field(&context, "branch").unwrap(),
            "feature/login (BUILDKITE_BRANCH)"
        );
        assert_eq!(
            field(&context, "fork").unwrap(),
            "false (BUILDKITE_PULL_REQUEST_REPO)"
        );

        for theirs in ["git://github.com/mallory/shop.git", "", "nonsense"] {
            let theirs = format!("BUILDKITE_PULL_REQUEST_REPO={theirs}");
            let context = detect(&[PUSH, ours, &theirs]).unwrap();
            assert_eq!(
                field(&context, "fork").unwrap(),
                "true (BUILDKITE_PULL_REQUEST_REPO)",
                "{theirs}"
            );
        }
    }

    #[test]
    fn a_parallel_node() {
        let context = detect(&[PUSH, "BUILDKITE_PARALLEL_JOB=4\nBUILDKITE_PARALLEL_JOB_COUNT=5"]).unwrap();
        assert_eq!(field(&context, "node").unwrap(), "4/5 (BUILDKITE_PARALLEL_JOB)");
    }

    #[test]
    fn parallel_jobs_without_a_key_are_one_job() {
        let job = |index: &str| {
            let node = format!(
                "BUILDKITE_STEP_KEY=\nBUILDKITE_STEP_ID=01890ad9-56ae\nBUILDKITE_LABEL=tests {index}/5\n\
                 BUILDKITE_PARALLEL_JOB={index}\nBUILDKITE_PARALLEL_JOB_COUNT=5"
            );
            field(&detect(&[PUSH, &node]).unwrap(), "job").unwrap()
        };
        assert_eq!(job("3"), "01890ad9-56ae (BUILDKITE_STEP_ID)");
        assert_eq!(job("4"), job("3"));
    }

    #[test]
    fn a_retry_is_a_greater_attempt_of_the_same_run() {
        let context = detect(&[PUSH, "BUILDKITE_RETRY_COUNT=2"]).unwrap();
        assert_eq!(field(&context, "attempt").unwrap(), "2 (BUILDKITE_RETRY_COUNT)");
        assert_eq!(field(&context, "run").unwrap(), "1514 (BUILDKITE_BUILD_NUMBER)");
    }

    #[test]
    fn a_rebuild_of_an_old_build_is_a_later_attempt_of_it() {
        let context = detect(&[PUSH, "BUILDKITE_REBUILT_FROM_BUILD_NUMBER=1490"]).unwrap();
        let of = |name| field(&context, name).unwrap();
        assert_eq!(of("run"), "1490 (BUILDKITE_REBUILT_FROM_BUILD_NUMBER)");
        assert_eq!(of("attempt"), "1514 (BUILDKITE_BUILD_NUMBER)");
        assert_eq!(of("number"), "1514 (BUILDKITE_BUILD_NUMBER)");
    }

    #[test]
    fn git_knows_what_head_is() {
        let context = detect_with(&[PUSH, "BUILDKITE_COMMIT=HEAD"], None, git()).unwrap();
        assert_eq!(
            field(&context, "commit").unwrap(),
            "1111111111111111111111111111111111111111 (git rev-parse HEAD)"
        );
    }

    #[test]
    fn a_variable_of_the_wrong_form_is_named() {
        let error = detect(&[PUSH, "BUILDKITE_COMMIT=refs/heads/main"])
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "BUILDKITE_COMMIT is \"refs/heads/main\", but must be a commit: 7 to 64 hexadecimal digits"
        );
        let error = detect(&[PUSH, "BUILDKITE_RETRY_COUNT=-1"])
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "BUILDKITE_RETRY_COUNT is \"-1\", but must be a whole number from 0 to 18446744073709551615"
        );
    }
}

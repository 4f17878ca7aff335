//! Buildkite: <https://buildkite.com/docs/pipelines/configure/environment-variables>.

use super::super::field::Field;
use super::super::origin::{Origin, RunnerInputs, derived, node, variables};
use super::super::provenance::{Sourced, Text};
use super::super::remote::Remote;

/// Returns where Buildkite has a field.
pub(super) const fn origin(field: Field) -> Origin {
    match field {
        Field::Project => derived(
            project,
            "`bk/` + `BUILDKITE_ORGANIZATION_SLUG` + `/` + `BUILDKITE_PIPELINE_SLUG`",
        ),
        Field::Branch => derived(branch, "`BUILDKITE_BRANCH`, unless there is a tag"),
        Field::DefaultBranch => variables(&["BUILDKITE_PIPELINE_DEFAULT_BRANCH"]),
        Field::Tag => variables(&["BUILDKITE_TAG"]),
        Field::Commit => derived(commit, "`BUILDKITE_COMMIT`; if that is `HEAD`, git"),
        // A rebuild of an old build has a new number, and does not become newer than the builds between.
        Field::Run => variables(&["BUILDKITE_REBUILT_FROM_BUILD_NUMBER", "BUILDKITE_BUILD_NUMBER"]),
        Field::Number => variables(&["BUILDKITE_BUILD_NUMBER"]),
        Field::Attempt => derived(
            attempt,
            "`BUILDKITE_RETRY_COUNT`; for a rebuild `BUILDKITE_BUILD_NUMBER`",
        ),
        Field::Counter => derived(project, "the pipeline: the same as `project`"),
        Field::Workflow | Field::Workspace => variables(&["BUILDKITE_BUILD_ID"]),
        Field::Job => derived(
            job,
            "`BUILDKITE_STEP_KEY`, else `BUILDKITE_LABEL`; for a parallel job without a key `BUILDKITE_STEP_ID`",
        ),
        Field::Node => node(NODE_INDEX, NODE_TOTAL, 0),
        Field::PullRequest => derived(pull_request, "`BUILDKITE_PULL_REQUEST`, unless it is `false`"),
        Field::Fork => derived(
            fork,
            "true if `BUILDKITE_PULL_REQUEST_REPO` is not the repository of `BUILDKITE_REPO`",
        ),
        Field::Url => derived(url, "`BUILDKITE_BUILD_URL` + `#` + `BUILDKITE_JOB_ID`"),
        Field::Actor => variables(&["BUILDKITE_BUILD_CREATOR"]),
    }
}

const NODE_INDEX: &str = "BUILDKITE_PARALLEL_JOB";
const NODE_TOTAL: &str = "BUILDKITE_PARALLEL_JOB_COUNT";

fn project(inputs: RunnerInputs<'_>) -> Text {
    let organization = inputs.variables.value("BUILDKITE_ORGANIZATION_SLUG")?;
    let pipeline = inputs.variables.text("BUILDKITE_PIPELINE_SLUG")?;
    Some(pipeline.map(|pipeline| format!("bk/{organization}/{pipeline}")))
}

/// Returns the branch. For a tag, `BUILDKITE_BRANCH` holds the tag's name.
fn branch(inputs: RunnerInputs<'_>) -> Text {
    let branch = inputs.variables.text("BUILDKITE_BRANCH");
    branch.filter(|_| inputs.variables.text("BUILDKITE_TAG").is_none())
}

/// Returns the commit. A build that was started by hand may have `HEAD` here, which git resolves.
fn commit(inputs: RunnerInputs<'_>) -> Text {
    let commit = inputs.variables.text("BUILDKITE_COMMIT");
    commit.filter(|commit| commit.value != "HEAD")
}

fn attempt(inputs: RunnerInputs<'_>) -> Text {
    match inputs.variables.text("BUILDKITE_REBUILT_FROM_BUILD_NUMBER") {
        Some(_) => inputs.variables.text("BUILDKITE_BUILD_NUMBER"),
        None => inputs.variables.text("BUILDKITE_RETRY_COUNT"),
    }
}

/// Returns the key or the label of the step. The label of a parallel job may have its index in it, but the step's ID is the same
/// for all nodes.
fn job(inputs: RunnerInputs<'_>) -> Text {
    let node = inputs.variables.node(NODE_INDEX, NODE_TOTAL, 0);
    inputs.variables.first(match node {
        Ok(None) => &["BUILDKITE_STEP_KEY", "BUILDKITE_LABEL"],
        _ => &["BUILDKITE_STEP_KEY", "BUILDKITE_STEP_ID", "BUILDKITE_LABEL"],
    })
}

fn pull_request(inputs: RunnerInputs<'_>) -> Text {
    inputs.variables.pull_request(&["BUILDKITE_PULL_REQUEST"])
}

/// Returns whether a pull request comes from another repository. One of an unknown repository counts as a fork's.
fn fork(inputs: RunnerInputs<'_>) -> Text {
    pull_request(inputs)?;
    let repository = |name: &'static str| inputs.variables.value(name).and_then(Remote::parse);
    let theirs = repository("BUILDKITE_PULL_REQUEST_REPO");
    let ours = repository("BUILDKITE_REPO");
    let is_same = theirs
        .zip(ours)
        .is_some_and(|(theirs, ours)| theirs.is_same(&ours));
    let is_fork = (!is_same).to_string();
    Some(Sourced::in_variable("BUILDKITE_PULL_REQUEST_REPO", is_fork))
}

fn url(inputs: RunnerInputs<'_>) -> Text {
    let build = inputs.variables.text("BUILDKITE_BUILD_URL")?;
    Some(build.map(|url| match inputs.variables.value("BUILDKITE_JOB_ID") {
        Some(job) => format!("{url}#{job}"),
        None => url,
    }))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::super::super::testing::{detect, detect_with, field, git, shown};

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

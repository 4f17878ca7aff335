//! CircleCI: <https://circleci.com/docs/reference/variables/>.

use super::super::field::Field;
use super::super::origin::{Origin, RunnerInputs, derived, node, unset, variables};
use super::super::provenance::Text;
use super::super::pull_request;
use super::super::remote::Remote;
use super::super::variables::Variables;

/// Returns where CircleCI has a field.
///
/// A job's number grows with every job of the project, reruns included, so it serves as the number and as the attempt.
pub(super) const fn origin(field: Field) -> Origin {
    match field {
        Field::Project => derived(
            |inputs| project(inputs.variables),
            "`CIRCLE_REPOSITORY_URL` on GitHub or Bitbucket: `gh/acme/shop`, `bb/acme/shop`. Else `circleci/` + \
             `CIRCLE_ORGANIZATION_ID` + `/` + `CIRCLE_PROJECT_ID`. Else `gh/` + `CIRCLE_PROJECT_USERNAME` + `/` + \
             `CIRCLE_PROJECT_REPONAME`",
        ),
        Field::Branch => derived(branch, "`CIRCLE_BRANCH`, unless there is a tag"),
        Field::DefaultBranch => unset("no variable; git's `origin/HEAD`"),
        Field::Tag => variables(&["CIRCLE_TAG"]),
        Field::Commit => variables(&["CIRCLE_SHA1"]),
        Field::Run => unset("no variable; set `BATON_RUN` to `<< pipeline.number >>`, as the orb does")
            .with_hint(
                "no variable of CircleCI holds it: set it to << pipeline.number >>, as the orb does; \
             until then a rerun of an old pipeline counts as newer",
            ),
        Field::Number | Field::Attempt => variables(&["CIRCLE_BUILD_NUM"]),
        Field::Counter => derived(
            counter,
            "the project, which counts its pipelines and jobs: `CIRCLE_PROJECT_ID`, else the same as `project`",
        ),
        Field::Workflow => variables(&["CIRCLE_WORKFLOW_ID"]),
        // A rerun is a new workflow, but keeps the workspace of the first.
        Field::Workspace => variables(&["CIRCLE_WORKFLOW_WORKSPACE_ID", "CIRCLE_WORKFLOW_ID"]),
        Field::Job => variables(&["CIRCLE_JOB"]),
        Field::Node => node("CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL", 0),
        Field::PullRequest => derived(
            pull_request_of_fork,
            "for a fork only: `CIRCLE_PR_NUMBER`, else the number in `CIRCLE_PULL_REQUEST`, else the number in the branch `pull/N`",
        ),
        Field::Fork => derived(
            fork,
            "true if `CIRCLE_PR_NUMBER`, `CIRCLE_PR_USERNAME` or `CIRCLE_PR_REPONAME` is set, or if the branch is `pull/N`",
        ),
        Field::Url => variables(&["CIRCLE_BUILD_URL"]),
        Field::Actor => variables(&["CIRCLE_USERNAME"]),
    }
}

fn branch(inputs: RunnerInputs<'_>) -> Text {
    let branch = inputs.variables.text("CIRCLE_BRANCH");
    branch.filter(|_| inputs.variables.text("CIRCLE_TAG").is_none())
}

/// Pipelines and jobs are counted for each project.
fn counter(inputs: RunnerInputs<'_>) -> Text {
    let id = inputs.variables.text("CIRCLE_PROJECT_ID");
    id.or_else(|| project(inputs.variables))
}

/// Returns the slug of the project, as in CircleCI's API if that is known.
fn project(variables: Variables<'_>) -> Text {
    let by_url = variables.text("CIRCLE_REPOSITORY_URL").and_then(|url| {
        // Other hosts have no short prefix on CircleCI: gitlab.com's projects have opaque slugs.
        url.and_then(|url| Remote::parse(&url).filter(|remote| matches!(remote.prefix(), Some("gh" | "bb"))))
            .map(|remote| remote.map(|remote| remote.project()))
    });
    by_url
        .or_else(|| {
            let organization = variables.value("CIRCLE_ORGANIZATION_ID")?;
            let project = variables.text("CIRCLE_PROJECT_ID")?;
            Some(project.map(|project| format!("circleci/{organization}/{project}")))
        })
        .or_else(|| {
            let owner = variables.value("CIRCLE_PROJECT_USERNAME")?;
            let repository = variables.text("CIRCLE_PROJECT_REPONAME")?;
            Some(repository.map(|repository| format!("gh/{owner}/{repository}")))
        })
}

/// Returns true for a pull request from a fork.
///
/// The `CIRCLE_PR_*` variables are set for pull requests from forks, and for nothing else. The branch of such a build is called
/// `pull/N`; that is a sign of its own, in case a kind of project leaves the variables out.
fn fork(inputs: RunnerInputs<'_>) -> Text {
    sign_of_fork(inputs.variables).map(|sign| sign.map(|_| true.to_string()))
}

fn sign_of_fork(variables: Variables<'_>) -> Text {
    variables
        .pull_request(&["CIRCLE_PR_NUMBER"])
        .or_else(|| variables.first(&["CIRCLE_PR_USERNAME", "CIRCLE_PR_REPONAME"]))
        .or_else(|| {
            let branch = variables.text("CIRCLE_BRANCH");
            branch.filter(|branch| pull_request::in_reference(&branch.value).is_some())
        })
}

/// Returns the number of a fork's pull request.
///
/// Other builds have none, although `CIRCLE_PULL_REQUEST` is set on every build of a branch that has an open pull request.
/// CircleCI builds branches, not merge requests: such a build is of the branch, with or without the pull request. If it counted
/// as the pull request's, opening one would stop a branch from having a latest build.
fn pull_request_of_fork(inputs: RunnerInputs<'_>) -> Text {
    let variables = inputs.variables;
    sign_of_fork(variables)?;
    variables
        .pull_request(&["CIRCLE_PR_NUMBER"])
        .or_else(|| {
            let url = variables.text("CIRCLE_PULL_REQUEST")?;
            url.and_then(|url| pull_request::in_url(&url))
        })
        .or_else(|| {
            let branch = variables.text("CIRCLE_BRANCH")?;
            branch.and_then(|branch| pull_request::in_reference(&branch))
        })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::super::super::Git;
    use super::super::super::testing::{detect, detect_with, field, git, shown};

    /// A push to a branch of a GitHub OAuth project, in a job without parallelism.
    const PUSH: &str = "
        CI=true
        CIRCLECI=true
        CIRCLE_BRANCH=feature/login
        CIRCLE_BUILD_NUM=8812
        CIRCLE_BUILD_URL=https://circleci.com/gh/acme/shop/8812
        CIRCLE_JOB=build
        CIRCLE_NODE_INDEX=0
        CIRCLE_NODE_TOTAL=1
        CIRCLE_ORGANIZATION_ID=f2b1e7c8-0d5a-4a58-9a4e-1c0a7c5f3d11
        CIRCLE_PIPELINE_ID=5034460f-c7c4-4c43-9457-de07e2029e7b
        CIRCLE_PREVIOUS_BUILD_NUM=8809
        CIRCLE_PROJECT_ID=2b0f6f1c-3f0a-4d3c-8d6e-7f0f3d0a9b22
        CIRCLE_PROJECT_REPONAME=shop
        CIRCLE_PROJECT_USERNAME=acme
        CIRCLE_REPOSITORY_URL=git@github.com:acme/shop.git
        CIRCLE_SHA1=83A20EC058E2FB00E7FA4558C4C6E81E2DCF253D
        CIRCLE_TAG=
        CIRCLE_USERNAME=jane
        CIRCLE_WORKFLOW_ID=0e83a1d2-6e63-4f0f-9a3c-6f0c6a1f2a01
        CIRCLE_WORKFLOW_JOB_ID=9f9f4b6e-1a0d-4f3b-8a55-0b6e0a1c7d02
        CIRCLE_WORKFLOW_WORKSPACE_ID=0e83a1d2-6e63-4f0f-9a3c-6f0c6a1f2a01
        CIRCLE_WORKING_DIRECTORY=~/project";

    #[test]
    fn a_push() {
        let context = detect(&[PUSH]).unwrap();
        assert_eq!(
            shown(&context),
            [
                "runner: circleci (CIRCLECI)",
                "project: gh/acme/shop (CIRCLE_REPOSITORY_URL)",
                "branch: feature/login (CIRCLE_BRANCH)",
                "commit: 83a20ec058e2fb00e7fa4558c4c6e81e2dcf253d (CIRCLE_SHA1)",
                "number: 8812 (CIRCLE_BUILD_NUM)",
                "attempt: 8812 (CIRCLE_BUILD_NUM)",
                "counter: 2b0f6f1c-3f0a-4d3c-8d6e-7f0f3d0a9b22 (CIRCLE_PROJECT_ID)",
                "workflow: 0e83a1d2-6e63-4f0f-9a3c-6f0c6a1f2a01 (CIRCLE_WORKFLOW_ID)",
                "workspace: 0e83a1d2-6e63-4f0f-9a3c-6f0c6a1f2a01 (CIRCLE_WORKFLOW_WORKSPACE_ID)",
                "job: build (CIRCLE_JOB)",
                "fork: false (default)",
                "url: https://circleci.com/gh/acme/shop/8812 (CIRCLE_BUILD_URL)",
                "actor: jane (CIRCLE_USERNAME)",
            ]
        );
    }

    #[test]
    fn the_orb_passes_the_pipeline_number() {
        let context = detect(&[PUSH, "BATON_RUN=1204"]).unwrap();
        assert_eq!(field(&context, "run").unwrap(), "1204 (BATON_RUN)");
        assert_eq!(field(&context, "number").unwrap(), "8812 (CIRCLE_BUILD_NUM)");
        // An empty pipeline value arrives as `<nil>`.
        let empty = detect(&[PUSH, "BATON_PULL_REQUEST=<nil>"]).unwrap();
        assert_eq!(field(&empty, "pull-request"), None);
    }

    #[test]
    fn a_tag_has_no_branch_not_even_from_git() {
        let environment = "CIRCLE_TAG=v1.2.0\nCIRCLE_BRANCH=main";
        let context = detect_with(&[PUSH, environment], None, git()).unwrap();
        assert_eq!(field(&context, "tag").unwrap(), "v1.2.0 (CIRCLE_TAG)");
        assert_eq!(field(&context, "branch"), None);
    }

    #[test]
    fn a_branch_with_an_open_pull_request_is_still_that_branch() {
        let pull_request = "
            CIRCLE_PULL_REQUEST=https://github.com/acme/shop/pull/41
            CIRCLE_PULL_REQUESTS=https://github.com/acme/shop/pull/41";
        let context = detect(&[PUSH, pull_request]).unwrap();
        assert_eq!(shown(&context), shown(&detect(&[PUSH]).unwrap()));
    }

    #[test]
    fn a_pull_request_from_a_fork() {
        let fork = "
            CIRCLE_BRANCH=pull/42
            CIRCLE_PR_NUMBER=42
            CIRCLE_PR_REPONAME=shop
            CIRCLE_PR_USERNAME=mallory
            CIRCLE_PULL_REQUEST=https://github.com/acme/shop/pull/42
            CIRCLE_USERNAME=";
        let context = detect(&[PUSH, fork]).unwrap();
        assert_eq!(
            shown(&context),
            [
                "runner: circleci (CIRCLECI)",
                "project: gh/acme/shop (CIRCLE_REPOSITORY_URL)",
                "branch: pull/42 (CIRCLE_BRANCH)",
                "commit: 83a20ec058e2fb00e7fa4558c4c6e81e2dcf253d (CIRCLE_SHA1)",
                "number: 8812 (CIRCLE_BUILD_NUM)",
                "attempt: 8812 (CIRCLE_BUILD_NUM)",
                "counter: 2b0f6f1c-3f0a-4d3c-8d6e-7f0f3d0a9b22 (CIRCLE_PROJECT_ID)",
                "workflow: 0e83a1d2-6e63-4f0f-9a3c-6f0c6a1f2a01 (CIRCLE_WORKFLOW_ID)",
                "workspace: 0e83a1d2-6e63-4f0f-9a3c-6f0c6a1f2a01 (CIRCLE_WORKFLOW_WORKSPACE_ID)",
                "job: build (CIRCLE_JOB)",
                "pull-request: 42 (CIRCLE_PR_NUMBER)",
                "fork: true (CIRCLE_PR_NUMBER)",
                "url: https://circleci.com/gh/acme/shop/8812 (CIRCLE_BUILD_URL)",
            ]
        );
    }

    #[test]
    fn a_fork_is_seen_by_any_one_of_its_signs() {
        let url = "CIRCLE_PR_USERNAME=mallory\nCIRCLE_PULL_REQUEST=https://github.com/acme/shop/pull/42/";
        let context = detect(&[PUSH, url]).unwrap();
        assert_eq!(field(&context, "fork").unwrap(), "true (CIRCLE_PR_USERNAME)");
        assert_eq!(
            field(&context, "pull-request").unwrap(),
            "42 (CIRCLE_PULL_REQUEST)"
        );

        let repository = detect(&[PUSH, "CIRCLE_PR_REPONAME=shop"]).unwrap();
        assert_eq!(field(&repository, "fork").unwrap(), "true (CIRCLE_PR_REPONAME)");
        assert_eq!(field(&repository, "pull-request"), None);

        let branch = detect(&[PUSH, "CIRCLE_BRANCH=pull/42/head"]).unwrap();
        assert_eq!(field(&branch, "fork").unwrap(), "true (CIRCLE_BRANCH)");
        assert_eq!(field(&branch, "pull-request").unwrap(), "42 (CIRCLE_BRANCH)");

        for ours in ["pull/", "pull/request-template", "pulls/42", "feature/pull/42"] {
            let context = detect(&[PUSH, &format!("CIRCLE_BRANCH={ours}")]).unwrap();
            assert_eq!(field(&context, "fork").unwrap(), "false (default)", "{ours}");
        }
    }

    #[test]
    fn a_parallel_node() {
        let context = detect(&[PUSH, "CIRCLE_NODE_INDEX=3\nCIRCLE_NODE_TOTAL=4"]).unwrap();
        assert_eq!(field(&context, "node").unwrap(), "3/4 (CIRCLE_NODE_INDEX)");
    }

    #[test]
    fn a_rerun_is_a_new_workflow_in_the_same_workspace() {
        let rerun = "CIRCLE_BUILD_NUM=8840\nCIRCLE_WORKFLOW_ID=7f7c2a10-55aa-4d1e-8f0e-2f5f9b0c6d33";
        let context = detect(&[PUSH, rerun]).unwrap();
        assert_eq!(
            field(&context, "workflow").unwrap(),
            "7f7c2a10-55aa-4d1e-8f0e-2f5f9b0c6d33 (CIRCLE_WORKFLOW_ID)"
        );
        assert_eq!(
            field(&context, "workspace").unwrap(),
            "0e83a1d2-6e63-4f0f-9a3c-6f0c6a1f2a01 (CIRCLE_WORKFLOW_WORKSPACE_ID)"
        );
        assert_eq!(field(&context, "attempt").unwrap(), "8840 (CIRCLE_BUILD_NUM)");

        let old = detect(&[PUSH, "CIRCLE_WORKFLOW_WORKSPACE_ID="]).unwrap();
        assert_eq!(
            field(&old, "workspace").unwrap(),
            "0e83a1d2-6e63-4f0f-9a3c-6f0c6a1f2a01 (CIRCLE_WORKFLOW_ID)"
        );
    }

    #[test]
    fn the_project_is_named_as_circleci_names_it() {
        let project = |changes: &str| field(&detect(&[PUSH, changes]).unwrap(), "project");
        let by_url = |url: &str| project(&format!("CIRCLE_REPOSITORY_URL={url}")).unwrap();
        let opaque = "circleci/f2b1e7c8-0d5a-4a58-9a4e-1c0a7c5f3d11/2b0f6f1c-3f0a-4d3c-8d6e-7f0f3d0a9b22";
        assert_eq!(
            by_url("https://github.com/acme/shop"),
            "gh/acme/shop (CIRCLE_REPOSITORY_URL)"
        );
        assert_eq!(
            by_url("git@bitbucket.org:acme/shop.git"),
            "bb/acme/shop (CIRCLE_REPOSITORY_URL)"
        );
        for other in [
            "https://gitlab.com/acme/shop",
            "https://git.example.com/acme/shop",
            "nonsense",
            "",
        ] {
            assert_eq!(by_url(other), format!("{opaque} (CIRCLE_PROJECT_ID)"), "{other}");
        }
        assert_eq!(
            project("CIRCLE_REPOSITORY_URL=\nCIRCLE_ORGANIZATION_ID=").unwrap(),
            "gh/acme/shop (CIRCLE_PROJECT_REPONAME)"
        );
        assert_eq!(
            project("CIRCLE_REPOSITORY_URL=\nCIRCLE_PROJECT_ID=\nCIRCLE_PROJECT_REPONAME="),
            None
        );
    }

    #[test]
    fn git_fills_what_no_variable_says() {
        let context = detect_with(&[PUSH], None, git()).unwrap();
        assert_eq!(
            field(&context, "default-branch").unwrap(),
            "git-main (git symbolic-ref refs/remotes/origin/HEAD)"
        );
        assert_eq!(
            field(&context, "branch").unwrap(),
            "feature/login (CIRCLE_BRANCH)"
        );
        let bare = detect_with(&["CIRCLECI=true"], None, git()).unwrap();
        assert_eq!(
            shown(&bare),
            [
                "runner: circleci (CIRCLECI)",
                "project: git.example.com/acme/shop (git config remote.origin.url)",
                "branch: git-branch (git symbolic-ref HEAD)",
                "default-branch: git-main (git symbolic-ref refs/remotes/origin/HEAD)",
                "commit: 1111111111111111111111111111111111111111 (git rev-parse HEAD)",
                "fork: false (default)",
            ]
        );
    }

    #[test]
    fn a_variable_of_the_wrong_form_is_named() {
        let error = detect_with(&[PUSH, "CIRCLE_BUILD_NUM=x"], None, Git::none()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "CIRCLE_BUILD_NUM is \"x\", but must be a whole number from 0 to 18446744073709551615"
        );
        let error = detect(&[PUSH, "CIRCLE_SHA1=main"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "CIRCLE_SHA1 is \"main\", but must be a commit: 7 to 64 hexadecimal digits"
        );
        let error = detect(&[PUSH, "CIRCLE_NODE_TOTAL=four"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "CIRCLE_NODE_TOTAL is \"four\", but must be a whole number from 0 to 18446744073709551615"
        );
    }
}

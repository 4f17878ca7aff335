//! GitLab CI: <https://docs.gitlab.com/ci/variables/predefined_variables/>.

use super::super::field::Field;
use super::super::origin::{Origin, RunnerInputs, derived, node, variables};
use super::super::provenance::{Sourced, Text};
use super::super::pull_request;

/// Returns where GitLab CI has a field.
///
/// `CI_PIPELINE_IID` counts the project's pipelines, and a retried job has a greater `CI_JOB_ID` than the first attempt.
pub(super) const fn origin(field: Field) -> Origin {
    match field {
        Field::Project => derived(project, "`gl/` + `CI_PROJECT_PATH`"),
        Field::Branch => derived(
            branch,
            "`CI_COMMIT_BRANCH`, else `CI_MERGE_REQUEST_SOURCE_BRANCH_NAME`, else \
             `CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME`, unless there is a tag",
        ),
        Field::DefaultBranch => variables(&["CI_DEFAULT_BRANCH"]),
        Field::Tag => variables(&["CI_COMMIT_TAG"]),
        Field::Commit => variables(&["CI_COMMIT_SHA"]),
        Field::Run | Field::Number => variables(&["CI_PIPELINE_IID"]),
        Field::Attempt => variables(&["CI_JOB_ID"]),
        Field::Counter => derived(counter, "the project: `CI_SERVER_HOST` + `/` + `CI_PROJECT_PATH`"),
        Field::Workflow | Field::Workspace => variables(&["CI_PIPELINE_ID"]),
        Field::Job => derived(
            job,
            "`CI_JOB_NAME`, without the ` 1/5` that `parallel: 5` adds, or the `: [aws, eu]` that `parallel: matrix` adds",
        ),
        Field::Node => node(NODE_INDEX, NODE_TOTAL, FIRST_NODE),
        Field::PullRequest => derived(
            pull_request_number,
            "`CI_MERGE_REQUEST_IID`, else `CI_EXTERNAL_PULL_REQUEST_IID`, else the number in `CI_COMMIT_REF_NAME` \
             (`refs/merge-requests/N/head`)",
        ),
        Field::Fork => derived(
            fork,
            "true if `CI_MERGE_REQUEST_SOURCE_PROJECT_ID` is not `CI_MERGE_REQUEST_PROJECT_ID`, else `CI_PROJECT_ID`; if \
             `CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY` is not `CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY`; or if \
             only `CI_PIPELINE_SOURCE` shows that the pipeline is one of a merge or pull request",
        ),
        Field::Url => variables(&["CI_JOB_URL"]),
        Field::Actor => variables(&["GITLAB_USER_LOGIN"]),
    }
}

const NODE_INDEX: &str = "CI_NODE_INDEX";
const NODE_TOTAL: &str = "CI_NODE_TOTAL";
/// GitLab counts nodes from 1.
const FIRST_NODE: u32 = 1;

fn project(inputs: RunnerInputs<'_>) -> Text {
    let path = inputs.variables.text("CI_PROJECT_PATH")?;
    Some(path.map(|path| format!("gl/{path}")))
}

fn branch(inputs: RunnerInputs<'_>) -> Text {
    let branch = inputs.variables.first(&[
        "CI_COMMIT_BRANCH",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME",
        "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME",
    ]);
    branch.filter(|_| inputs.variables.text("CI_COMMIT_TAG").is_none())
}

/// Returns the project, which counts its pipelines. The pipelines of a merge request may run in the fork.
fn counter(inputs: RunnerInputs<'_>) -> Text {
    let path = inputs.variables.text("CI_PROJECT_PATH")?;
    Some(path.map(|path| match inputs.variables.value("CI_SERVER_HOST") {
        Some(host) => format!("{host}/{path}"),
        None => path,
    }))
}

/// Returns the name of the job.
///
/// `parallel: 5` creates jobs with the names `rspec 1/5` to `rspec 5/5`, and `parallel: matrix` jobs like
/// `rspec: [3.4, linux]`. They are one job of several nodes.
fn job(inputs: RunnerInputs<'_>) -> Text {
    let job = inputs.variables.text("CI_JOB_NAME")?;
    let node = inputs.variables.node(NODE_INDEX, NODE_TOTAL, FIRST_NODE);
    let (Ok(Some(_)), Some(index), Some(total)) = (
        node,
        inputs.variables.value(NODE_INDEX),
        inputs.variables.value(NODE_TOTAL),
    ) else {
        return Some(job);
    };
    let suffix = format!(" {index}/{total}");
    let name_of_all = |name: &str| {
        let in_matrix = || name.strip_suffix(']')?.split_once(": [").map(|(job, _)| job);
        let job = name.strip_suffix(&suffix).or_else(in_matrix)?;
        (!job.is_empty()).then(|| job.to_owned())
    };
    Some(job.map(|name| name_of_all(&name).unwrap_or(name)))
}

fn pull_request_number(inputs: RunnerInputs<'_>) -> Text {
    let variables = inputs.variables;
    variables
        .pull_request(&["CI_MERGE_REQUEST_IID", "CI_EXTERNAL_PULL_REQUEST_IID"])
        .or_else(|| {
            // refs/merge-requests/7/head, also if the merge request was closed meanwhile.
            let reference = variables.text("CI_COMMIT_REF_NAME")?;
            reference.and_then(|reference| pull_request::in_reference(&reference))
        })
}

fn fork(inputs: RunnerInputs<'_>) -> Text {
    let variables = inputs.variables;
    if variables.pull_request(&["CI_MERGE_REQUEST_IID"]).is_some() {
        let source = variables.value("CI_MERGE_REQUEST_SOURCE_PROJECT_ID");
        let target = variables.first(&["CI_MERGE_REQUEST_PROJECT_ID", "CI_PROJECT_ID"]);
        let is_same = source.is_some() && source == target.as_ref().map(|target| target.value.as_str());
        let is_fork = (!is_same).to_string();
        return Some(Sourced::in_variable(
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID",
            is_fork,
        ));
    }
    if variables
        .pull_request(&["CI_EXTERNAL_PULL_REQUEST_IID"])
        .is_some()
    {
        let source = variables.value("CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY");
        let target = variables.value("CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY");
        let is_same = source.is_some() && source == target;
        return Some(Sourced::in_variable(
            "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY",
            (!is_same).to_string(),
        ));
    }
    // Once a merge request is merged or closed, the later jobs of its pipeline no longer have its variables.
    // The origin of the commit is unknown then.
    let cause = variables.text("CI_PIPELINE_SOURCE")?;
    matches!(
        cause.value.as_str(),
        "merge_request_event" | "external_pull_request_event"
    )
    .then(|| cause.map(|_| true.to_string()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::super::super::testing::{detect, detect_with, field, git, shown};

    /// The variables of every pipeline, here of a branch.
    const PUSH: &str = "
        CI=true
        CI_COMMIT_BEFORE_SHA=0000000000000000000000000000000000000000
        CI_COMMIT_BRANCH=feature/login
        CI_COMMIT_REF_NAME=feature/login
        CI_COMMIT_REF_SLUG=feature-login
        CI_COMMIT_SHA=6104942438c14ec7bd21c6cd5bd995272b3faff6
        CI_DEFAULT_BRANCH=main
        CI_JOB_ID=7045112233
        CI_JOB_NAME=build
        CI_JOB_STAGE=build
        CI_JOB_URL=https://gitlab.example.com/acme/web/shop/-/jobs/7045112233
        CI_NODE_TOTAL=1
        CI_PIPELINE_ID=1310998877
        CI_PIPELINE_IID=311
        CI_PIPELINE_SOURCE=push
        CI_PROJECT_ID=278964
        CI_PROJECT_PATH=acme/web/shop
        CI_REPOSITORY_URL=https://gitlab-ci-token:t0ken@gitlab.example.com/acme/web/shop.git
        CI_SERVER_HOST=gitlab.example.com
        GITLAB_CI=true
        GITLAB_USER_LOGIN=jane
        GITLAB_USER_NAME=Jane Doe";

    const MERGE_REQUEST: &str = "
        CI_COMMIT_BRANCH=
        CI_MERGE_REQUEST_ID=99123
        CI_MERGE_REQUEST_IID=17
        CI_MERGE_REQUEST_PROJECT_ID=278964
        CI_MERGE_REQUEST_REF_PATH=refs/merge-requests/17/head
        CI_MERGE_REQUEST_SOURCE_BRANCH_NAME=feature/login
        CI_MERGE_REQUEST_SOURCE_PROJECT_ID=278964
        CI_MERGE_REQUEST_TARGET_BRANCH_NAME=main
        CI_PIPELINE_SOURCE=merge_request_event";

    #[test]
    fn a_push() {
        assert_eq!(
            shown(&detect(&[PUSH]).unwrap()),
            [
                "runner: gitlab-ci (GITLAB_CI)",
                "project: gl/acme/web/shop (CI_PROJECT_PATH)",
                "branch: feature/login (CI_COMMIT_BRANCH)",
                "default-branch: main (CI_DEFAULT_BRANCH)",
                "commit: 6104942438c14ec7bd21c6cd5bd995272b3faff6 (CI_COMMIT_SHA)",
                "run: 311 (CI_PIPELINE_IID)",
                "number: 311 (CI_PIPELINE_IID)",
                "attempt: 7045112233 (CI_JOB_ID)",
                "counter: gitlab.example.com/acme/web/shop (CI_PROJECT_PATH)",
                "workflow: 1310998877 (CI_PIPELINE_ID)",
                "workspace: 1310998877 (CI_PIPELINE_ID)",
                "job: build (CI_JOB_NAME)",
                "fork: false (default)",
                "url: https://gitlab.example.com/acme/web/shop/-/jobs/7045112233 (CI_JOB_URL)",
                "actor: jane (GITLAB_USER_LOGIN)",
            ]
        );
    }

    #[test]
    fn a_branch_with_an_open_merge_request_is_still_that_branch() {
        let context = detect(&[PUSH, "CI_OPEN_MERGE_REQUESTS=acme/web/shop!17"]).unwrap();
        assert_eq!(field(&context, "pull-request"), None);
    }

    #[test]
    fn a_tag_has_no_branch_not_even_from_git() {
        let tag = "CI_COMMIT_TAG=v1.2.0\nCI_COMMIT_REF_NAME=v1.2.0";
        let context = detect_with(&[PUSH, tag], None, git()).unwrap();
        assert_eq!(field(&context, "tag").unwrap(), "v1.2.0 (CI_COMMIT_TAG)");
        assert_eq!(field(&context, "branch"), None);
    }

    #[test]
    fn a_merge_request() {
        let context = detect(&[PUSH, MERGE_REQUEST]).unwrap();
        assert_eq!(
            shown(&context),
            [
                "runner: gitlab-ci (GITLAB_CI)",
                "project: gl/acme/web/shop (CI_PROJECT_PATH)",
                "branch: feature/login (CI_MERGE_REQUEST_SOURCE_BRANCH_NAME)",
                "default-branch: main (CI_DEFAULT_BRANCH)",
                "commit: 6104942438c14ec7bd21c6cd5bd995272b3faff6 (CI_COMMIT_SHA)",
                "run: 311 (CI_PIPELINE_IID)",
                "number: 311 (CI_PIPELINE_IID)",
                "attempt: 7045112233 (CI_JOB_ID)",
                "counter: gitlab.example.com/acme/web/shop (CI_PROJECT_PATH)",
                "workflow: 1310998877 (CI_PIPELINE_ID)",
                "workspace: 1310998877 (CI_PIPELINE_ID)",
                "job: build (CI_JOB_NAME)",
                "pull-request: 17 (CI_MERGE_REQUEST_IID)",
                "fork: false (CI_MERGE_REQUEST_SOURCE_PROJECT_ID)",
                "url: https://gitlab.example.com/acme/web/shop/-/jobs/7045112233 (CI_JOB_URL)",
                "actor: jane (GITLAB_USER_LOGIN)",
            ]
        );
    }

    #[test]
    fn a_merge_request_from_a_fork() {
        let fork = |changes: &str| field(&detect(&[PUSH, MERGE_REQUEST, changes]).unwrap(), "fork").unwrap();
        let source = "(CI_MERGE_REQUEST_SOURCE_PROJECT_ID)";
        assert_eq!(
            fork("CI_MERGE_REQUEST_SOURCE_PROJECT_ID=555"),
            format!("true {source}")
        );
        assert_eq!(
            fork("CI_MERGE_REQUEST_SOURCE_PROJECT_ID="),
            format!("true {source}")
        );
        assert_eq!(fork("CI_MERGE_REQUEST_PROJECT_ID="), format!("false {source}"));
        let unknown = "CI_PROJECT_ID=\nCI_MERGE_REQUEST_PROJECT_ID=\nCI_MERGE_REQUEST_SOURCE_PROJECT_ID=";
        assert_eq!(fork(unknown), format!("true {source}"));
        // The pipeline may run in the fork: what counts is where the merge request is.
        let in_the_fork = "CI_PROJECT_ID=555\nCI_MERGE_REQUEST_SOURCE_PROJECT_ID=555";
        assert_eq!(fork(in_the_fork), format!("true {source}"));
    }

    #[test]
    fn a_merge_request_that_was_closed_in_the_meantime_counts_as_a_forks() {
        let closed = "CI_COMMIT_BRANCH=\nCI_PIPELINE_SOURCE=merge_request_event";
        let context = detect_with(&[PUSH, closed], None, git()).unwrap();
        assert_eq!(field(&context, "fork").unwrap(), "true (CI_PIPELINE_SOURCE)");
        assert_eq!(field(&context, "branch"), None);
        assert_eq!(field(&context, "pull-request"), None);
    }

    #[test]
    fn a_pull_request_of_an_external_repository() {
        let external = "
            CI_COMMIT_BRANCH=
            CI_EXTERNAL_PULL_REQUEST_IID=9
            CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME=patch-1
            CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY=acme/shop
            CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY=acme/shop
            CI_PIPELINE_SOURCE=external_pull_request_event";
        let context = detect(&[PUSH, external]).unwrap();
        assert_eq!(
            field(&context, "pull-request").unwrap(),
            "9 (CI_EXTERNAL_PULL_REQUEST_IID)"
        );
        assert_eq!(
            field(&context, "branch").unwrap(),
            "patch-1 (CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME)"
        );
        assert_eq!(
            field(&context, "fork").unwrap(),
            "false (CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY)"
        );
        let theirs = "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY=mallory/shop";
        let unknown =
            "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY=\nCI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY=";
        for fork in [theirs, unknown] {
            assert_eq!(
                field(&detect(&[PUSH, external, fork]).unwrap(), "fork").unwrap(),
                "true (CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY)"
            );
        }
    }

    #[test]
    fn the_nodes_of_a_parallel_job_are_one_job_counted_from_zero() {
        let parallel = "CI_JOB_NAME=rspec 1/5\nCI_NODE_INDEX=1\nCI_NODE_TOTAL=5";
        let context = detect(&[PUSH, parallel]).unwrap();
        assert_eq!(field(&context, "job").unwrap(), "rspec (CI_JOB_NAME)");
        assert_eq!(field(&context, "node").unwrap(), "0/5 (CI_NODE_INDEX)");

        let matrix = "CI_JOB_NAME=deploy: [aws, eu]\nCI_NODE_INDEX=5\nCI_NODE_TOTAL=5";
        let context = detect(&[PUSH, matrix]).unwrap();
        assert_eq!(field(&context, "job").unwrap(), "deploy (CI_JOB_NAME)");
        assert_eq!(field(&context, "node").unwrap(), "4/5 (CI_NODE_INDEX)");
        let odd = "CI_JOB_NAME=: [x]\nCI_NODE_INDEX=5\nCI_NODE_TOTAL=5";
        assert_eq!(
            field(&detect(&[PUSH, odd]).unwrap(), "job").unwrap(),
            ": [x] (CI_JOB_NAME)"
        );

        // Two jobs that someone named so, without `parallel`.
        let by_hand = detect(&[PUSH, "CI_JOB_NAME=rspec 1/5"]).unwrap();
        assert_eq!(field(&by_hand, "job").unwrap(), "rspec 1/5 (CI_JOB_NAME)");
    }

    #[test]
    fn a_retried_job_is_a_greater_attempt_of_the_same_run() {
        let context = detect(&[PUSH, "CI_JOB_ID=7045119999"]).unwrap();
        assert_eq!(field(&context, "run").unwrap(), "311 (CI_PIPELINE_IID)");
        assert_eq!(field(&context, "attempt").unwrap(), "7045119999 (CI_JOB_ID)");
        assert_eq!(
            field(&context, "workspace").unwrap(),
            "1310998877 (CI_PIPELINE_ID)"
        );
    }

    #[test]
    fn a_variable_of_the_wrong_form_is_named() {
        let parallel = "CI_NODE_INDEX=0\nCI_NODE_TOTAL=5";
        let error = detect(&[PUSH, parallel]).unwrap_err().to_string();
        assert_eq!(
            error,
            "CI_NODE_INDEX is \"0\", but must be the index of one of the job's nodes"
        );
        let error = detect(&[PUSH, "CI_JOB_ID=x"]).unwrap_err().to_string();
        assert_eq!(
            error,
            "CI_JOB_ID is \"x\", but must be a whole number from 0 to 18446744073709551615"
        );
    }
}

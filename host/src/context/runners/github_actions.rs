//! GitHub Actions: <https://docs.github.com/actions/reference/workflows-and-actions/variables>.

use super::super::field::Field;
use super::super::github_event::PullRequest;
use super::super::origin::{Origin, RunnerInputs, derived, unset, variables};
use super::super::provenance::Text;
use super::super::variables::{Variables, host_of};

/// Returns where GitHub Actions has a field.
///
/// `GITHUB_RUN_NUMBER` counts the runs of one workflow file, and a rerun keeps its number with a greater attempt. No variable
/// distinguishes the jobs of a matrix, so there is no node.
pub(super) const fn origin(field: Field) -> Origin {
    match field {
        Field::Project => derived(project, "`gh/` + `GITHUB_REPOSITORY`"),
        Field::Branch => derived(
            branch,
            "`GITHUB_REF_NAME` if `GITHUB_REF_TYPE` is `branch`; on servers without them the branch in `GITHUB_REF`. \
             For a pull request `GITHUB_HEAD_REF`, else the event's `pull_request.head.ref`",
        ),
        Field::DefaultBranch => derived(
            |inputs| inputs.event.default_branch(),
            "the event's `repository.default_branch`",
        )
        .with_hint(
            "the event file that GITHUB_EVENT_PATH names should give it; \
             without it a new branch shares no bytes with the default branch",
        ),
        Field::Tag => derived(
            tag,
            "`GITHUB_REF_NAME` if `GITHUB_REF_TYPE` is `tag`; on servers without them the tag in `GITHUB_REF`",
        ),
        Field::Commit => derived(
            commit,
            "`GITHUB_SHA`. For an event that runs on another branch, such as `pull_request_target` in \
             `GITHUB_EVENT_NAME`, the event's `pull_request.head.sha`",
        ),
        Field::Run | Field::Number => variables(&["GITHUB_RUN_NUMBER"]),
        Field::Attempt => variables(&["GITHUB_RUN_ATTEMPT"]),
        Field::Counter => derived(
            counter,
            "the workflow file: `GITHUB_WORKFLOW_REF` without the reference, else `GITHUB_WORKFLOW`; \
             with the host of `GITHUB_SERVER_URL` unless that is github.com",
        ),
        Field::Workflow | Field::Workspace => variables(&["GITHUB_RUN_ID"]),
        Field::Job => variables(&["GITHUB_JOB"]),
        Field::Node => unset("none"),
        Field::PullRequest => derived(
            number,
            "the number in `GITHUB_REF` (`refs/pull/N/merge`), else the event's `pull_request.number`",
        ),
        Field::Fork => derived(
            fork,
            "true if the event's `pull_request.head.repo` is another repository, or is gone",
        ),
        Field::Url => derived(
            url,
            "`GITHUB_SERVER_URL`, `GITHUB_REPOSITORY`, `GITHUB_RUN_ID` and `GITHUB_RUN_ATTEMPT`: the page of the attempt",
        ),
        // The first of the two started this attempt; the second started the first one.
        Field::Actor => variables(&["GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR"]),
    }
}

fn project(inputs: RunnerInputs<'_>) -> Text {
    let name = inputs.variables.text("GITHUB_REPOSITORY")?;
    Some(name.map(|name| format!("gh/{name}")))
}

/// Returns the workflow file: GitHub counts the runs of each. `GITHUB_WORKFLOW_REF` is `acme/shop/.github/workflows/ci.yml@` and
/// the reference that it was taken from; old servers have only the workflow's name.
fn counter(inputs: RunnerInputs<'_>) -> Text {
    let variables = inputs.variables;
    let file = variables
        .text("GITHUB_WORKFLOW_REF")
        .map(|file| file.map(|file| file.split("@refs/").next().unwrap_or_default().to_owned()));
    let counter = file.or_else(|| variables.text("GITHUB_WORKFLOW"))?;
    let repository = variables.value("GITHUB_REPOSITORY");
    let server = variables
        .value("GITHUB_SERVER_URL")
        .map(host_of)
        .filter(|host| *host != "github.com");
    Some(counter.map(|file| {
        // A workflow that an organisation requires is in another repository, and counts for each that runs it.
        let file = match repository {
            Some(repository) if !file.starts_with(&format!("{repository}/")) => {
                format!("{repository}: {file}")
            }
            _ => file,
        };
        match server {
            Some(host) => format!("{host}/{file}"),
            None => file,
        }
    }))
}

/// The events that run on the base or default branch, whatever they are about.
const ON_ANOTHER_BRANCH: [&str; 3] = ["pull_request_target", "issue_comment", "workflow_run"];

/// Whether `GITHUB_SHA` is a commit of the base or default branch, and not the one that the event is about.
fn names_another_commit(variables: Variables<'_>) -> bool {
    variables
        .value("GITHUB_EVENT_NAME")
        .is_some_and(|name| ON_ANOTHER_BRANCH.contains(&name))
}

/// Returns the pull request that is built. An apparent one without an event that describes it counts as a fork's.
fn pull_request(inputs: RunnerInputs<'_>) -> Option<PullRequest> {
    let RunnerInputs { variables, event, .. } = inputs;
    if let Some(pull_request) = event.pull_request(variables.value("GITHUB_REPOSITORY")) {
        return Some(pull_request);
    }
    let name = variables.text("GITHUB_EVENT_NAME").filter(|name| {
        name.value.starts_with("pull_request")
            || event.is_absent() && ON_ANOTHER_BRANCH.contains(&name.value.as_str())
    });
    let sign = variables
        .text("GITHUB_HEAD_REF")
        .or_else(|| pull_reference(variables))
        .or(name)?;
    Some(PullRequest {
        fork: Some(sign.map(|_| true.to_string())),
        ..PullRequest::default()
    })
}

/// Returns the reference of a pull request, `refs/pull/N/merge`. The check of the field reads its number.
fn pull_reference(variables: Variables<'_>) -> Text {
    variables
        .text("GITHUB_REF")
        .filter(|reference| reference.value.starts_with("refs/pull/"))
}

fn number(inputs: RunnerInputs<'_>) -> Text {
    let pull_request = pull_request(inputs)?;
    pull_reference(inputs.variables).or(pull_request.number)
}

fn fork(inputs: RunnerInputs<'_>) -> Text {
    pull_request(inputs)?.fork
}

fn commit(inputs: RunnerInputs<'_>) -> Text {
    match pull_request(inputs) {
        Some(pull_request) if names_another_commit(inputs.variables) => pull_request.commit,
        _ => inputs.variables.text("GITHUB_SHA"),
    }
}

fn branch(inputs: RunnerInputs<'_>) -> Text {
    match pull_request(inputs) {
        Some(pull_request) => inputs.variables.text("GITHUB_HEAD_REF").or(pull_request.branch),
        None => named_by_reference(inputs.variables, "branch"),
    }
}

fn tag(inputs: RunnerInputs<'_>) -> Text {
    match pull_request(inputs) {
        Some(_) => None,
        None => named_by_reference(inputs.variables, "tag"),
    }
}

/// Returns the name in the reference, if the reference is of this kind: `branch` or `tag`.
fn named_by_reference(variables: Variables<'_>, kind: &str) -> Text {
    if reference_kind(variables) != Some(kind) {
        return None;
    }
    variables.text("GITHUB_REF_NAME").or_else(|| {
        let reference = variables.text("GITHUB_REF")?;
        reference.and_then(|reference| {
            let name = reference
                .strip_prefix("refs/heads/")
                .or_else(|| reference.strip_prefix("refs/tags/"))?;
            Some(name.to_owned())
        })
    })
}

/// Returns `GITHUB_REF_TYPE`, which GitHub Enterprise Server has since 3.2; older servers have only the reference.
fn reference_kind(variables: Variables<'_>) -> Option<&str> {
    variables.value("GITHUB_REF_TYPE").or_else(|| {
        let reference = variables.value("GITHUB_REF")?;
        [("refs/heads/", "branch"), ("refs/tags/", "tag")]
            .into_iter()
            .find_map(|(prefix, kind)| reference.starts_with(prefix).then_some(kind))
    })
}

/// Returns the page of this attempt. No variable holds the number that the page of a job has.
fn url(inputs: RunnerInputs<'_>) -> Text {
    let variables = inputs.variables;
    let server = variables
        .value("GITHUB_SERVER_URL")
        .unwrap_or("https://github.com");
    let repository = variables.value("GITHUB_REPOSITORY")?;
    let run = variables.text("GITHUB_RUN_ID")?;
    Some(run.map(|run| {
        let page = format!("{server}/{repository}/actions/runs/{run}");
        match variables.value("GITHUB_RUN_ATTEMPT") {
            Some(attempt) => format!("{page}/attempts/{attempt}"),
            None => page,
        }
    }))
}

#[cfg(test)]
mod tests;

//! Jenkins: `JENKINS_URL/env-vars.html`, and the variables of its git and branch-api plugins.

use super::super::field::Field;
use super::super::origin::{Origin, RunnerInputs, derived, not_applicable, variables};
use super::super::provenance::{Sourced, Text};
use super::super::pull_request;
use super::super::remote::Remote;
use super::super::variables::{Variables, host_of};

/// Returns where Jenkins has a field.
///
/// A build of Jenkins is one run of one Jenkins job, and its stages are the jobs. Jenkins counts builds for each job, and for
/// each branch in a multibranch pipeline. It has no attempts: a restarted or replayed build is a new one.
pub(super) const fn origin(field: Field) -> Origin {
    match field {
        Field::Project => derived(
            project,
            "`GIT_URL`, else `GIT_URL_1`, as a name. Else `jenkins/` + `JOB_NAME`, without the branch of a multibranch pipeline",
        ),
        Field::Branch => derived(
            branch,
            "`BRANCH_NAME`, unless it names a change, else `GIT_BRANCH` without `origin/`, unless there is a tag. \
             For a change `CHANGE_BRANCH`",
        ),
        Field::DefaultBranch => derived(
            default_branch,
            "`BRANCH_NAME` if `BRANCH_IS_PRIMARY` is set, else git",
        ),
        Field::Tag => derived(tag, "`TAG_NAME`, else `GIT_BRANCH` if it is `refs/tags/…`"),
        Field::Commit => variables(&["GIT_COMMIT"]),
        Field::Run | Field::Number => variables(&["BUILD_NUMBER"]),
        Field::Attempt | Field::Node => not_applicable(),
        Field::Counter => derived(
            |inputs| counter(inputs.variables, job_name(inputs.variables)),
            "the job: `JOB_NAME` without the branch of a multibranch pipeline, with the host of `JENKINS_URL`. \
             In a multibranch pipeline each branch is counted separately",
        ),
        Field::Workflow | Field::Workspace => variables(&["BUILD_TAG"]),
        Field::Job => derived(
            job,
            "`STAGE_NAME`, else `JOB_NAME` without the branch of a multibranch pipeline",
        ),
        Field::PullRequest => derived(
            |inputs| pull_request_number(inputs.variables),
            "`CHANGE_ID` (for Gerrit the change of `C-12345/3`), else the number in `BRANCH_NAME` (`PR-24`, `MR-24-merge`, \
             `45/12345/3`), else `ghprbPullId`, `gitlabMergeRequestIid` or `BITBUCKET_PULL_REQUEST_ID`, else \
             `GERRIT_CHANGE_NUMBER` unless `GERRIT_EVENT_TYPE` is `change-merged`",
        ),
        Field::Fork => derived(
            fork,
            "true if `CHANGE_FORK` is set, or if there is a change without `CHANGE_ID`",
        ),
        Field::Url => variables(&["BUILD_URL"]),
        Field::Actor => variables(&["BUILD_USER_ID", "CHANGE_AUTHOR"]),
    }
}

/// Returns the part of the counter that is the branch: a multibranch pipeline counts the builds of each branch separately.
pub(super) fn counter_part(variables: Variables<'_>) -> Text {
    let job = variables.text("JOB_NAME");
    counter(
        variables,
        job.filter(|_| variables.value("BRANCH_NAME").is_some()),
    )
}

/// Returns the repository's name, else the job's. A job of several repositories numbers their URLs.
fn project(inputs: RunnerInputs<'_>) -> Text {
    let variables = inputs.variables;
    variables
        .first(&["GIT_URL", "GIT_URL_1"])
        .and_then(|url| url.and_then(|url| Remote::parse(&url).map(|remote| remote.project())))
        .or_else(|| job_name(variables).map(|job| job.map(|job| format!("jenkins/{job}"))))
}

/// Returns a name for the job on its server, which counts its builds.
fn counter(variables: Variables<'_>, job: Text) -> Text {
    let server = variables.value("JENKINS_URL").map(host_of);
    job.map(|job| {
        job.map(|job| match server {
            Some(host) => format!("{host}/{job}"),
            None => job,
        })
    })
}

fn job(inputs: RunnerInputs<'_>) -> Text {
    let stage = inputs.variables.text("STAGE_NAME");
    stage.or_else(|| job_name(inputs.variables))
}

/// Returns `JOB_NAME` without the branch: it is `folder/job`, and `folder/job/branch` in a multibranch pipeline.
fn job_name(variables: Variables<'_>) -> Text {
    let job = variables.text("JOB_NAME")?;
    if variables.value("BRANCH_NAME").is_none() {
        return Some(job);
    }
    Some(job.map(|job| {
        job.rsplit_once('/')
            .map(|(parent, _)| parent.to_owned())
            .unwrap_or(job)
    }))
}

fn default_branch(inputs: RunnerInputs<'_>) -> Text {
    let variables = inputs.variables;
    let is_primary = variables.is_yes("BRANCH_IS_PRIMARY") && pull_request_number(variables).is_none();
    variables.text("BRANCH_NAME").filter(|_| is_primary)
}

/// Returns the branch. A multibranch pipeline names a pull request's build `PR-24` and the like, which is no branch.
fn branch(inputs: RunnerInputs<'_>) -> Text {
    let variables = inputs.variables;
    if tag(inputs).is_some() {
        return None;
    }
    if variables.pull_request(&["CHANGE_ID"]).is_some() {
        return variables.text("CHANGE_BRANCH");
    }
    let named = variables.text("BRANCH_NAME");
    if named
        .as_ref()
        .is_some_and(|name| number_in_name(&name.value).is_some())
    {
        return None;
    }
    named.or_else(|| {
        let branch = variables.text("GIT_BRANCH")?;
        branch.and_then(|branch| {
            let short = ["refs/heads/", "refs/remotes/", "remotes/"]
                .iter()
                .find_map(|prefix| branch.strip_prefix(prefix))
                .unwrap_or(&branch);
            let name = short.strip_prefix("origin/").unwrap_or(short);
            (!matches!(name, "detached" | "HEAD")).then(|| name.to_owned())
        })
    })
}

/// Returns the tag. The git plugin names a tag that it was told to build by its whole reference.
fn tag(inputs: RunnerInputs<'_>) -> Text {
    let variables = inputs.variables;
    variables.text("TAG_NAME").or_else(|| {
        let branch = variables
            .text("GIT_BRANCH")
            .filter(|_| variables.value("BRANCH_NAME").is_none())?;
        branch.and_then(|branch| branch.strip_prefix("refs/tags/").map(str::to_owned))
    })
}

/// Returns the number of the change that is built.
///
/// `CHANGE_ID` is `24` for GitHub, Bitbucket, GitLab and Gitea, and `C-12345/3` for Gerrit: change and patch set. If a job of
/// another kind is started for a change, the plugin that does it has a variable of its own.
fn pull_request_number(variables: Variables<'_>) -> Text {
    let change = variables.pull_request(&["CHANGE_ID"]).map(|id| {
        let gerrit = id.value.strip_prefix("C-").and_then(|id| id.split_once('/'));
        let number = gerrit.and_then(|(number, patch_set)| {
            pull_request::positive(patch_set)?;
            pull_request::positive(number)
        });
        match number {
            Some(number) => id.map(|_| number),
            None => id,
        }
    });
    change
        .or_else(|| {
            let name = variables.text("BRANCH_NAME")?;
            name.and_then(|name| number_in_name(&name))
        })
        .or_else(|| {
            variables.pull_request(&[
                "ghprbPullId",
                "gitlabMergeRequestIid",
                "BITBUCKET_PULL_REQUEST_ID",
            ])
        })
        .or_else(|| {
            // The same trigger also starts builds of merged changes.
            let is_merged = variables.value("GERRIT_EVENT_TYPE") == Some("change-merged");
            variables
                .pull_request(&["GERRIT_CHANGE_NUMBER"])
                .filter(|_| !is_merged)
        })
}

/// Returns the number in the name that a multibranch pipeline gives to a change: `PR-24`, `PR-24-head`, `MR-24-merge`, or
/// `45/12345/3` for Gerrit.
fn number_in_name(name: &str) -> Option<String> {
    let change = name.strip_prefix("PR-").or_else(|| name.strip_prefix("MR-"));
    match change {
        Some(change) => {
            let number = change
                .strip_suffix("-head")
                .or_else(|| change.strip_suffix("-merge"))
                .unwrap_or(change);
            pull_request::positive(number)
        }
        None => pull_request::gerrit(name),
    }
}

/// Returns whether a change comes from a fork. `CHANGE_FORK` names the fork, and is unset on a change from the repository itself. A
/// change that Jenkins does not describe may come from anywhere.
fn fork(inputs: RunnerInputs<'_>) -> Text {
    let variables = inputs.variables;
    pull_request_number(variables)?;
    let is_described = variables.pull_request(&["CHANGE_ID"]).is_some();
    let is_named = variables.text("CHANGE_FORK").is_some();
    let is_fork = is_named || !is_described;
    Some(Sourced::in_variable("CHANGE_FORK", is_fork.to_string()))
}

#[cfg(test)]
mod tests;

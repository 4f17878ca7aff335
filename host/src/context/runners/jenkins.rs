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
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::super::super::testing::{detect, detect_with, field, git, shown};

    /// A push to the primary branch, in a stage of a multibranch pipeline.
    const PUSH: &str = "
        BRANCH_IS_PRIMARY=true
        BRANCH_NAME=main
        BUILD_DISPLAY_NAME=#57
        BUILD_ID=57
        BUILD_NUMBER=57
        BUILD_TAG=jenkins-web-shop-main-57
        BUILD_URL=https://jenkins.example.com/job/web/job/shop/job/main/57/
        CI=true
        EXECUTOR_NUMBER=0
        GIT_BRANCH=main
        GIT_COMMIT=83a20ec058e2fb00e7fa4558c4c6e81e2dcf253d
        GIT_URL=https://jenkins:t0ken@github.com/acme/shop.git
        JENKINS_HOME=/var/jenkins_home
        JENKINS_URL=https://jenkins.example.com/
        JOB_BASE_NAME=main
        JOB_NAME=web/shop/main
        NODE_NAME=built-in
        STAGE_NAME=Build
        WORKSPACE=/var/jenkins_home/workspace/web_shop_main";

    const CHANGE: &str = "
        BRANCH_NAME=PR-24
        BUILD_TAG=jenkins-web-shop-PR-24-3
        CHANGE_AUTHOR=jane
        CHANGE_BRANCH=feature/login
        CHANGE_ID=24
        CHANGE_TARGET=main
        CHANGE_URL=https://github.com/acme/shop/pull/24
        GIT_BRANCH=PR-24
        JOB_NAME=web/shop/PR-24";

    /// A freestyle job: no branch project, no stage.
    const FREESTYLE: &str = "
        BRANCH_IS_PRIMARY=
        BRANCH_NAME=
        BUILD_TAG=jenkins-team-nightly-12
        BUILD_NUMBER=12
        GIT_BRANCH=origin/release/2.x
        JOB_NAME=team/nightly
        STAGE_NAME=";

    #[test]
    fn a_push() {
        assert_eq!(
            shown(&detect(&[PUSH]).unwrap()),
            [
                "runner: jenkins (JENKINS_URL)",
                "project: gh/acme/shop (GIT_URL)",
                "branch: main (BRANCH_NAME)",
                "default-branch: main (BRANCH_NAME)",
                "commit: 83a20ec058e2fb00e7fa4558c4c6e81e2dcf253d (GIT_COMMIT)",
                "run: 57 (BUILD_NUMBER)",
                "number: 57 (BUILD_NUMBER)",
                "counter: jenkins.example.com/web/shop (JOB_NAME)",
                "workflow: jenkins-web-shop-main-57 (BUILD_TAG)",
                "workspace: jenkins-web-shop-main-57 (BUILD_TAG)",
                "job: Build (STAGE_NAME)",
                "fork: false (default)",
                "url: https://jenkins.example.com/job/web/job/shop/job/main/57/ (BUILD_URL)",
            ]
        );
    }

    #[test]
    fn each_branch_of_a_multibranch_pipeline_is_counted_by_itself() {
        let part = |changes: &[&str]| {
            let found = detect(&[&[PUSH], changes].concat()).unwrap();
            found.counter_part
        };
        assert_eq!(part(&[]).unwrap(), "jenkins.example.com/web/shop/main");
        assert_eq!(part(&[FREESTYLE]), None);
        assert_eq!(part(&["BATON_COUNTER=all"]), None);
        let server = ["JENKINS_URL=https://jane:t0ken@jenkins.example.com:8443/ci/"];
        assert_eq!(
            part(&server).unwrap(),
            "jenkins.example.com:8443/ci/web/shop/main"
        );
    }

    #[test]
    fn a_freestyle_job() {
        let context = detect(&[PUSH, FREESTYLE, "BUILD_USER_ID=jane"]).unwrap();
        assert_eq!(
            shown(&context),
            [
                "runner: jenkins (JENKINS_URL)",
                "project: gh/acme/shop (GIT_URL)",
                "branch: release/2.x (GIT_BRANCH)",
                "commit: 83a20ec058e2fb00e7fa4558c4c6e81e2dcf253d (GIT_COMMIT)",
                "run: 12 (BUILD_NUMBER)",
                "number: 12 (BUILD_NUMBER)",
                "counter: jenkins.example.com/team/nightly (JOB_NAME)",
                "workflow: jenkins-team-nightly-12 (BUILD_TAG)",
                "workspace: jenkins-team-nightly-12 (BUILD_TAG)",
                "job: team/nightly (JOB_NAME)",
                "fork: false (default)",
                "url: https://jenkins.example.com/job/web/job/shop/job/main/57/ (BUILD_URL)",
                "actor: jane (BUILD_USER_ID)",
            ]
        );
    }

    #[test]
    fn the_git_plugins_names_of_a_branch() {
        let named = |name: &str| {
            let context = detect(&[PUSH, FREESTYLE, &format!("GIT_BRANCH={name}")]).unwrap();
            (field(&context, "branch"), field(&context, "tag"))
        };
        let main = Some("main (GIT_BRANCH)".to_owned());
        for name in [
            "main",
            "origin/main",
            "refs/heads/main",
            "refs/remotes/origin/main",
            "remotes/origin/main",
        ] {
            assert_eq!(named(name), (main.clone(), None), "{name}");
        }
        assert_eq!(named("detached"), (None, None));
        assert_eq!(
            named("refs/tags/v1.2.0"),
            (None, Some("v1.2.0 (GIT_BRANCH)".to_owned()))
        );
    }

    #[test]
    fn a_tag_is_not_also_a_branch() {
        let tag = "BRANCH_IS_PRIMARY=\nBRANCH_NAME=v1.2.0\nTAG_NAME=v1.2.0\nJOB_NAME=web/shop/v1.2.0";
        let context = detect_with(&[PUSH, tag], None, git()).unwrap();
        assert_eq!(field(&context, "tag").unwrap(), "v1.2.0 (TAG_NAME)");
        assert_eq!(field(&context, "branch"), None);
    }

    #[test]
    fn a_pull_request() {
        let context = detect(&[PUSH, CHANGE]).unwrap();
        assert_eq!(
            field(&context, "branch").unwrap(),
            "feature/login (CHANGE_BRANCH)"
        );
        assert_eq!(field(&context, "default-branch"), None);
        assert_eq!(field(&context, "pull-request").unwrap(), "24 (CHANGE_ID)");
        assert_eq!(field(&context, "fork").unwrap(), "false (CHANGE_FORK)");
        assert_eq!(field(&context, "actor").unwrap(), "jane (CHANGE_AUTHOR)");

        let fork = detect(&[PUSH, CHANGE, "CHANGE_FORK=mallory"]).unwrap();
        assert_eq!(field(&fork, "fork").unwrap(), "true (CHANGE_FORK)");

        // `PR-24` is no branch.
        let unnamed = detect_with(&[PUSH, CHANGE, "CHANGE_BRANCH="], None, git()).unwrap();
        assert_eq!(field(&unnamed, "branch"), None);
    }

    #[test]
    fn without_a_repository_the_project_is_the_job() {
        let project = |changes: &[&str]| {
            let environments: Vec<&str> = [PUSH].iter().chain(changes).copied().collect();
            field(&detect(&environments).unwrap(), "project").unwrap()
        };
        assert_eq!(project(&["GIT_URL="]), "jenkins/web/shop (JOB_NAME)");
        assert_eq!(
            project(&["GIT_URL=/srv/git/shop.git"]),
            "jenkins/web/shop (JOB_NAME)"
        );
        assert_eq!(
            project(&[FREESTYLE, "GIT_URL="]),
            "jenkins/team/nightly (JOB_NAME)"
        );
        let several =
            "GIT_URL=\nGIT_URL_1=git@github.com:acme/shop.git\nGIT_URL_2=git@github.com:acme/docs.git";
        assert_eq!(project(&[several]), "gh/acme/shop (GIT_URL_1)");
        // A branch's slash is escaped in the job's name.
        let slash = "GIT_URL=\nBRANCH_NAME=feature/login\nJOB_NAME=web/shop/feature%2Flogin";
        assert_eq!(project(&[slash]), "jenkins/web/shop (JOB_NAME)");
    }

    #[test]
    fn outside_of_a_stage_the_job_is_the_pipeline() {
        let context = detect(&[PUSH, "STAGE_NAME="]).unwrap();
        assert_eq!(field(&context, "job").unwrap(), "web/shop (JOB_NAME)");
    }

    #[test]
    fn a_restarted_build_is_a_new_one() {
        let restarted = "BUILD_NUMBER=58\nBUILD_TAG=jenkins-web-shop-main-58";
        let context = detect(&[PUSH, restarted]).unwrap();
        assert_eq!(field(&context, "run").unwrap(), "58 (BUILD_NUMBER)");
        assert_eq!(field(&context, "attempt"), None);
        assert_eq!(
            field(&context, "workspace").unwrap(),
            "jenkins-web-shop-main-58 (BUILD_TAG)"
        );
        let parallel = detect(&[PUSH, "BATON_NODE=1/2"]).unwrap();
        assert_eq!(field(&parallel, "node").unwrap(), "1/2 (BATON_NODE)");
    }

    #[test]
    fn a_variable_of_the_wrong_form_is_named() {
        let error = detect(&[PUSH, "BUILD_NUMBER=2026-11-23_00-18-00"])
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "BUILD_NUMBER is \"2026-11-23_00-18-00\", but must be a whole number from 0 to 18446744073709551615"
        );
    }
}

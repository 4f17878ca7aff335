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
    let several = "GIT_URL=\nGIT_URL_1=git@github.com:acme/shop.git\nGIT_URL_2=git@github.com:acme/docs.git";
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

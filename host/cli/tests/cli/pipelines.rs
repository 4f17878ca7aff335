//! Whole pipelines, with the scripts that a CI system would run.

use crate::files::{read, write};
use crate::place::{Job, Place};

const BUILD: &str = r#"
mkdir -p build_artifacts
printf '#!/bin/sh\necho "deploying %s of $1"\n' "$VERSION" > build_artifacts/deploy.sh
chmod 755 build_artifacts/deploy.sh
echo "$VERSION" > build_artifacts/version.txt
"#;

/// Builds `version`, and persists it as `build_artifacts`.
fn build(job: Job, version: &str) -> Job {
    let job = job.set("VERSION", version);
    write(&job.path("build.sh"), BUILD);
    job.bash("source ./build.sh; baton persist --name build_artifacts build_artifacts")
        .succeeds();
    job
}

/// Attaches what a selector means, and deploys it: the version that was deployed.
#[track_caller]
fn deployed(job: &Job, selector: &str) -> String {
    let script = format!(
        "rm -rf ws; baton attach {selector} --name build_artifacts --at ws; ws/build_artifacts/deploy.sh prod"
    );
    job.bash(&script).succeeds().out.trim_end().to_owned()
}

#[test]
fn one_workflow_builds_and_deploys() {
    let place = Place::new();
    let build_job = build(place.circle("build", 41), "v1");
    let deploy = place.circle("deploy", 42);
    let ran = deploy
        .bash("baton attach --at ws && cd ws/build_artifacts && ./deploy.sh staging")
        .succeeds();
    assert_eq!(ran.out, "deploying v1 of staging\n");
    crate::files::assert_same(
        &build_job.path("build_artifacts"),
        &deploy.path("ws/build_artifacts"),
    );
}

#[test]
fn another_workflow_sees_nothing_of_the_workspace() {
    let place = Place::new();
    build(place.circle("build", 41), "v1");
    let other = place.circle("deploy", 42).workflow("w2");
    other
        .baton("attach --at ws")
        .ends(3)
        .tells("no job has persisted to it yet");
}

#[test]
fn a_second_workflow_deploys_the_latest_build_of_main() {
    let place = Place::new();
    build(place.circle("build", 7).workflow("nightly-7"), "v7");
    // A deploy persists nothing, and a build that fails does not come that far.
    place
        .circle("deploy", 8)
        .workflow("nightly-7")
        .bash("baton attach --name build_artifacts --at ws")
        .succeeds();
    let failing = place.circle("build", 9).workflow("nightly-9");
    failing
        .bash("false; baton persist --name build_artifacts build_artifacts")
        .ends(1);

    let deploy_prod = place.circle("deploy-prod", 10).workflow("release");
    assert_eq!(deployed(&deploy_prod, "latest"), "deploying v7 of prod");
    deploy_prod
        .baton("latest --name build_artifacts")
        .succeeds()
        .prints(["build:7"]);
}

#[test]
fn a_slow_old_build_does_not_move_latest_back() {
    let place = Place::new();
    build(place.circle("build", 7).workflow("w7"), "v7");
    build(place.circle("build", 6).workflow("w6"), "v6");
    let deploy_prod = place.circle("deploy-prod", 10).workflow("release");
    assert_eq!(deployed(&deploy_prod, "latest"), "deploying v7 of prod");
    assert_eq!(deployed(&deploy_prod, "build:6"), "deploying v6 of prod");
}

#[test]
fn a_rerun_of_an_old_pipeline_does_not_move_latest_back() {
    let place = Place::new();
    build(
        place.circle("build", 7).workflow("w7").set("BATON_RUN", "3"),
        "v7",
    );
    build(
        place.circle("build", 8).workflow("w8").set("BATON_RUN", "4"),
        "v8",
    );
    build(
        place
            .circle("build", 11)
            .workflow("w7-again")
            .set("BATON_RUN", "3"),
        "v7 again",
    );
    let deploy_prod = place.circle("deploy-prod", 12).workflow("release");
    assert_eq!(deployed(&deploy_prod, "latest"), "deploying v8 of prod");
    // Within its own pipeline the rerun is the newer one.
    build(
        place
            .circle("build", 13)
            .workflow("w8-again")
            .set("BATON_RUN", "4"),
        "v8 again",
    );
    assert_eq!(deployed(&deploy_prod, "latest"), "deploying v8 again of prod");
}

#[test]
fn builds_of_forks_and_pull_requests_never_become_the_latest() {
    let place = Place::new();
    build(place.circle("build", 7).workflow("w7"), "v7");
    let fork = place
        .circle("build", 8)
        .workflow("w8")
        .set("CIRCLE_PR_NUMBER", "99");
    build(fork.set("CIRCLE_PR_USERNAME", "mallory"), "evil");
    build(
        place.circle("build", 9).workflow("w9").set("BATON_FORK", "true"),
        "evil",
    );
    build(
        place
            .circle("build", 10)
            .workflow("w10")
            .set("BATON_PULL_REQUEST", "12"),
        "unreviewed",
    );
    // A tag is no branch.
    build(
        place
            .circle("build", 11)
            .workflow("w11")
            .set("CIRCLE_TAG", "v1.0"),
        "tagged",
    );

    let deploy_prod = place.circle("deploy-prod", 20).workflow("release");
    assert_eq!(deployed(&deploy_prod, "latest"), "deploying v7 of prod");
    // They are recorded all the same.
    assert_eq!(deployed(&deploy_prod, "build:8"), "deploying evil of prod");
    assert_eq!(deployed(&deploy_prod, "tag:v1.0"), "deploying tagged of prod");
    let listed = deploy_prod.baton("builds --name build_artifacts").succeeds();
    assert_eq!(
        listed.out.matches("(not for latest)").count(),
        3,
        "{}",
        listed.out
    );
}

#[test]
fn each_branch_has_a_latest_of_its_own() {
    let place = Place::new();
    build(place.circle("build", 7).workflow("w7"), "main");
    build(
        place
            .circle("build", 8)
            .workflow("w8")
            .set("CIRCLE_BRANCH", "feature/login"),
        "feature",
    );
    let deploy = place.circle("deploy", 10).workflow("release");
    assert_eq!(deployed(&deploy, "latest"), "deploying main of prod");
    assert_eq!(
        deployed(&deploy, "latest@feature/login"),
        "deploying feature of prod"
    );
    deploy
        .baton("latest --name build_artifacts --branch feature/login")
        .succeeds()
        .prints(["build:8"]);
}

#[test]
fn the_store_is_in_the_users_data_directory_where_nobody_says_otherwise() {
    let place = Place::new();
    let job = unset_store(&place);
    write(&job.path("file"), "content");
    job.baton("persist file --number 1").succeeds();
    assert!(place.path("home/data/baton/store/v1/store").is_file());
    let without_data_home = unset_store(&place).without("XDG_DATA_HOME");
    without_data_home.baton("persist file --number 1").succeeds();
    assert!(place.path("home/.local/share/baton/store/v1/store").is_file());
    job.set("BATON_STORE", "")
        .baton("persist file")
        .ends(1)
        .tells("does not name a store: it is empty");
}

fn unset_store(place: &Place) -> Job {
    place.job("work").without("BATON_STORE")
}

#[test]
fn git_says_what_no_runner_says() {
    let place = Place::new();
    let laptop = place
        .bare("shop")
        .set("GIT_CONFIG_GLOBAL", "/dev/null")
        .set("GIT_CONFIG_SYSTEM", "/dev/null");
    let made = laptop.bash(
        "git init -q -b trunk .; git remote add origin https://token@github.com/acme/shop.git; echo hello > file
         git add file; git -c user.name=me -c user.email=me@example.com commit -q -m first; git rev-parse HEAD",
    );
    if made.code != Some(0) {
        println!("skipped: git is not here or too old: {}", made.err);
        return;
    }
    laptop.baton("persist file").succeeds().omits("token");
    let shown = laptop.json("show latest@trunk");
    assert_eq!(shown["builds"][0]["project"], "gh/acme/shop");
    assert_eq!(shown["builds"][0]["commit"], made.out.trim_end());
    let commit = &made.out[..8];
    laptop.baton(&format!("attach sha:{commit} --at out")).succeeds();
    assert_eq!(read(&laptop.path("out/file")), "hello\n");
}

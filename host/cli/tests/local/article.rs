//! The two pipelines of an article on CircleCI's artifacts, in their structure: one workflow with a workspace, and two
//! workflows with the latest build in a variable of the project.

use crate::laptop::Laptop;
use crate::orb::inlined;
use crate::trees::assert_same;

/// The first: a build and a deployment in one workflow.
const ONE_WORKFLOW: &str = "
version: 2.1
executors:
  agent:
    docker: [{image: 'acme/agent:latest'}]
    working_directory: ~
jobs:
  build:
    executor: agent
    steps:
      - checkout: {path: ~/shop}
      - run: {name: build, command: shop/build.sh workspace}
      - persist_to_workspace: {root: workspace, paths: [build_artifacts]}
  deploy:
    executor: agent
    steps:
      - checkout: {path: ~/shop}
      - attach_workspace: {at: ~/workspace}
      - run: {name: deploy, command: shop/deploy.sh production workspace}
workflows:
  build-deploy:
    jobs:
      - build
      - deploy: {requires: [build], filters: {branches: {only: main}}}
";

/// The second: what the first workflow built is deployed by the second one, whenever that runs.
const TWO_WORKFLOWS: &str = "
version: 2.1
orbs: {baton: baton-ci/baton@0.1.0}
executors:
  agent:
    docker: [{image: 'acme/agent:latest'}]
    working_directory: ~
jobs:
  build:
    executor: agent
    steps:
      - checkout: {path: ~/shop}
      - run: {name: build, command: shop/build.sh .}
      - baton/persist: {paths: build_artifacts}
      - baton/set_latest
  deploy-dev:
    executor: agent
    steps:
      - checkout: {path: ~/shop}
      - baton/get_latest_artifacts
      - run: {name: deploy to dev, command: shop/deploy.sh dev}
  deploy-prod:
    executor: agent
    steps:
      - checkout: {path: ~/shop}
      - baton/get_latest_artifacts
      - run: {name: deploy to prod, command: shop/deploy.sh prod}
workflows:
  build-deploy-dev:
    jobs:
      - build
      - deploy-dev: {requires: [build], filters: {branches: {only: main}}}
  deploy-prod:
    jobs:
      - deploy-prod: {filters: {branches: {only: main}}}
";

#[test]
fn one_workflow_deploys_exactly_what_it_built() {
    let laptop = Laptop::new();
    let ran = laptop.local(ONE_WORKFLOW, &[]).succeeds();
    assert_same(
        &ran.home("build", "workspace/build_artifacts"),
        &ran.home("deploy", "workspace/build_artifacts"),
    );
    assert_eq!(
        ran.read("deploy", "workspace/deployed.txt"),
        "deploying to production: this is version 1\n"
    );
    // On another branch the filter leaves the deployment out.
    let ran = laptop.local(ONE_WORKFLOW, &["--branch", "feature"]).succeeds();
    assert_eq!(
        ran.statuses().into_iter().collect::<Vec<_>>(),
        [("build", "success")]
    );
}

#[test]
fn a_build_that_fails_is_not_deployed() {
    let laptop = Laptop::new();
    let ran = laptop.local(ONE_WORKFLOW, &["--env", "BREAK=yes"]).ends(1);
    assert_eq!(
        ran.statuses().into_iter().collect::<Vec<_>>(),
        [("build", "failed"), ("deploy", "not_run")]
    );
    ran.tells("the build is broken")
        .tells("build failed after")
        .tells("exit code 7");
}

#[test]
fn a_second_workflow_deploys_what_the_first_one_built() {
    let laptop = Laptop::new();
    let config = inlined(TWO_WORKFLOWS);
    let first = laptop
        .local(&config, &["--workflow", "build-deploy-dev"])
        .succeeds();
    let built = first.home("build", "build_artifacts");
    assert_same(&built, &first.home("deploy-dev", "build_artifacts"));
    assert_eq!(
        laptop.variable("LATEST_BUILD_NUM"),
        Some(first.number("build").to_string())
    );
    let kept = crate::trees::tree(&built);

    // A build that fails, and a deployment, have higher numbers, and change nothing of it.
    laptop.write("version.txt", "version 2\n");
    let broken = laptop
        .local(&config, &["--workflow", "build-deploy-dev", "--env", "BREAK=yes"])
        .ends(1);
    assert_eq!(broken.statuses()["deploy-dev"], "not_run");
    assert!(broken.number("build") > first.number("deploy-dev"));
    assert_eq!(
        laptop.variable("LATEST_BUILD_NUM"),
        Some(first.number("build").to_string())
    );
    for _ in 0..2 {
        let second = laptop.local(&config, &["--workflow", "deploy-prod"]).succeeds();
        assert_eq!(
            crate::trees::tree(&second.home("deploy-prod", "build_artifacts")),
            kept
        );
        assert_eq!(
            second.read("deploy-prod", "deployed.txt"),
            "deploying to prod: this is version 1\n"
        );
    }

    // The next build that succeeds is the latest.
    let third = laptop
        .local(&config, &["--workflow", "build-deploy-dev"])
        .succeeds();
    assert_eq!(
        laptop.variable("LATEST_BUILD_NUM"),
        Some(third.number("build").to_string())
    );
    let last = laptop.local(&config, &["--workflow", "deploy-prod"]).succeeds();
    assert_eq!(
        last.read("deploy-prod", "deployed.txt"),
        "deploying to prod: this is version 2\n"
    );
}

/// As the article has it: the number comes from the variable, as it was when the job began.
#[test]
fn a_deployment_may_take_the_number_from_the_variable() {
    let laptop = Laptop::new();
    let from_env = "baton/get_latest_artifacts: {from_env: true}\n      - run: {name: deploy to prod";
    let config = TWO_WORKFLOWS.replace(
        "baton/get_latest_artifacts\n      - run: {name: deploy to prod",
        from_env,
    );
    let config = inlined(&config);
    let build = ["--workflow", "build-deploy-dev"];
    let first = laptop.local(&config, &build).succeeds();
    let kept = crate::trees::tree(&first.home("build", "build_artifacts"));
    let deployed = laptop.local(&config, &["--workflow", "deploy-prod"]).succeeds();
    assert_eq!(
        crate::trees::tree(&deployed.home("deploy-prod", "build_artifacts")),
        kept
    );
    // Without the variable there is no number.
    laptop
        .local(&config, &["--reset", "--workflow", "deploy-prod"])
        .ends(1)
        .tells("LATEST_BUILD_NUM");
}

/// CircleCI keeps no permission bits of plain artifacts, so the script is run by its shell.
#[test]
fn plain_artifacts_arrive_under_their_paths() {
    let laptop = Laptop::new();
    let plain = TWO_WORKFLOWS
        .replace(
            "- baton/persist: {paths: build_artifacts}",
            "- store_artifacts: {path: build_artifacts}",
        )
        .replace("shop/deploy.sh dev", "sh build_artifacts/bin/app")
        .replace("shop/deploy.sh prod", "sh build_artifacts/bin/app");
    let ran = laptop
        .local(&inlined(&plain), &["--workflow", "build-deploy-dev"])
        .succeeds()
        .tells("this is version 1");
    for name in ["app.txt", "bin/app", "a name with spaces.txt", "start"] {
        let path = format!("build_artifacts/{name}");
        assert_eq!(ran.read("deploy-dev", &path), ran.read("build", &path), "{name}");
    }
}

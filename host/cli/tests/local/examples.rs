//! Runs every example of orb.yml, with a directory in place of the bucket, and without a role.

use std::fs;

use crate::laptop::Laptop;
use crate::orb::{example, examples};
use crate::trees::{assert_same, tree};

const PROJECT: &str = "project/build_artifacts";

/// Returns an example whose bucket is a directory of the laptop.
fn with_directory(laptop: &Laptop, name: &str) -> String {
    let store = laptop.path("bucket");
    fs::create_dir_all(&store).unwrap();
    let text = example(name);
    assert!(
        text.contains("s3://acme-builds/shop"),
        "{name} has no bucket any more: {text}"
    );
    text.replace("s3://acme-builds/shop", &format!("file:{}", store.display()))
        .replace("arn:aws:iam::123456789012:role/builds", "")
        .replace("arn:aws:iam::123456789012:role/deployments", "")
}

#[test]
fn every_example_is_run_here() {
    let run = [
        "approval",
        "commit_and_rollback",
        "fan_out_fan_in",
        "s3_with_oidc",
        "single_workflow",
        "two_workflows",
    ];
    assert_eq!(examples(), run);
}

#[test]
fn single_workflow() {
    let laptop = Laptop::new();
    let ran = laptop.local(&example("single_workflow"), &[]).succeeds();
    assert_same(&ran.home("build", PROJECT), &ran.home("deploy", PROJECT));
}

#[test]
fn two_workflows() {
    let laptop = Laptop::new();
    let config = example("two_workflows");
    let first = laptop.local(&config, &[]).succeeds();
    let built = tree(&first.home("build", PROJECT));
    assert_eq!(tree(&first.home("deploy-dev", PROJECT)), built);

    laptop.write("version.txt", "version 2\n");
    let broken = laptop.local(&config, &["--env", "BREAK=yes"]).ends(1);
    assert_eq!(broken.statuses()["deploy-dev"], "not_run");
    let second = laptop
        .local(&config, &["--parameter", "production=true"])
        .succeeds();
    assert_eq!(second.statuses().into_keys().collect::<Vec<_>>(), ["deploy-prod"]);
    assert_eq!(tree(&second.home("deploy-prod", PROJECT)), built);
}

#[test]
fn s3_with_oidc() {
    let laptop = Laptop::new();
    let config = with_directory(&laptop, "s3_with_oidc");
    let first = laptop.local(&config, &[]).succeeds();
    let built = tree(&first.home("build", PROJECT));
    laptop.write("version.txt", "version 2\n");
    laptop.local(&config, &["--env", "BREAK=yes"]).ends(1);
    let second = laptop
        .local(&config, &["--parameter", "production=true"])
        .succeeds();
    assert_eq!(tree(&second.home("deploy-prod", PROJECT)), built);
}

#[test]
fn commit_and_rollback() {
    let laptop = Laptop::new();
    let config = with_directory(&laptop, "commit_and_rollback");
    let deployed = |ran: crate::laptop::Ran, job: &str| {
        let ran = ran.succeeds();
        ran.read(job, "project/deployed.txt")
            .replace("deploying to prod: this is ", "")
    };
    let mut commits = Vec::new();
    for version in ["version 1\n", "version 2\n"] {
        laptop.write("version.txt", version);
        laptop.write("change.txt", version);
        commits.push(laptop.commit());
        laptop.local(&config, &[]).succeeds();
        assert_eq!(
            deployed(laptop.local(&config, &["--parameter", "action=deploy"]), "deploy"),
            version
        );
    }
    let ran = laptop.local(&config, &["--parameter", "action=rollback"]);
    assert_eq!(deployed(ran, "rollback"), "version 1\n");
    // The rollback holds production: a deployment does not undo it.
    laptop
        .local(&config, &["--parameter", "action=deploy"])
        .ends(1)
        .tells("is held");
    // Nor does one of an older commit move a channel back.
    let release = "
version: 2.1
jobs: {release: {docker: [{image: a}], environment: {BATON_STORE: HERE}, steps: [run: baton release production]}}
workflows: {w: {jobs: [release]}}
";
    let store = format!("file:{}", laptop.path("bucket").display());
    laptop.local(&release.replace("HERE", &store), &[]).succeeds();
    laptop
        .local(&config, &["--parameter", "action=deploy"])
        .succeeds();
    let commit = format!("commit={}", commits[0]);
    laptop
        .local(&config, &["--parameter", "action=deploy", "--parameter", &commit])
        .ends(1)
        .tells("which is newer than");
}

#[test]
fn fan_out_fan_in() {
    let laptop = Laptop::new();
    laptop.program(
        "build-part.sh",
        "#!/bin/sh\nset -e\ntest \"$2\" = 4\nmkdir -p build_artifacts/bin\necho \"part $1\" > build_artifacts/part-$1\nchmod 75$1 build_artifacts/part-$1\n\
         if [ \"$1\" = 3 ]; then printf '#!/bin/sh\\necho four parts\\n' > build_artifacts/bin/app; chmod 755 build_artifacts/bin/app; ln -s bin/app build_artifacts/start; fi\n",
    );
    laptop.program(
        "check.sh",
        "#!/bin/sh\nset -e\nmkdir -p reports\ncat build_artifacts/part-? > reports/$1.txt\n",
    );
    let ran = laptop.local(&example("fan_out_fan_in"), &[]).succeeds();
    let released = tree(&ran.home("release", PROJECT));
    for node in 0..4 {
        for (name, entry) in tree(&ran.node("build", node, PROJECT)) {
            assert_eq!(released.get(&name), Some(&entry), "{name}");
        }
    }
    let parts = "part 0\npart 1\npart 2\npart 3\n";
    for report in ["licences", "sizes"] {
        assert_eq!(
            ran.read("release", &format!("project/reports/{report}.txt")),
            parts
        );
    }
}

#[test]
fn approval() {
    let laptop = Laptop::new();
    let config = with_directory(&laptop, "approval");
    let held = laptop
        .local(&config, &[])
        .succeeds()
        .tells("--approve approve gives it");
    assert_eq!(
        held.statuses().into_iter().collect::<Vec<_>>(),
        [
            ("approve", "on_hold"),
            ("build", "success"),
            ("deploy", "not_run"),
            ("promote", "not_run")
        ]
    );
    laptop
        .local(&config, &["--approve", "aprove"])
        .ends(1)
        .tells("these wait for an approval: approve");
    laptop.write("version.txt", "version 2\n");
    let _ = laptop.commit();
    let ran = laptop.local(&config, &["--approve", "approve"]).succeeds();
    assert_same(&ran.home("build", PROJECT), &ran.home("deploy", PROJECT));
    assert_eq!(
        ran.read("deploy", "project/deployed.txt"),
        "deploying to prod: this is version 2\n"
    );
    assert!(fs::read_dir(laptop.path("bucket/v1")).unwrap().count() > 0);
}

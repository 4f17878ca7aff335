//! Looking up the latest job through the API.

use baton_local::api::{JobStatus, NewPipeline};

use crate::world::{PROJECT, World};

/// The article's: build 7 makes the artifacts; 8 and 9 deploy; 10 is a build that failed.
fn article(v1: bool) -> World {
    let world = World::with(|settings| settings.v1 = v1);
    let pipeline = world.pipeline("main");
    world.api.skip_to(PROJECT, 7);
    let built = world.run(&pipeline, "build", JobStatus::Success);
    assert_eq!(built, 7);
    world.store(7, 0, "build_artifacts/app.js", b"of build 7");
    world.run(&pipeline, "deploy-dev", JobStatus::Success);
    let other = world.pipeline("main");
    world.run(&other, "deploy-prod", JobStatus::Success);
    let failed = world.run(&world.pipeline("main"), "build", JobStatus::Failed);
    world.store(failed, 0, "build_artifacts/app.js", b"of a build that failed");
    world
}

#[test]
fn the_latest_build_is_the_one_that_built() {
    for v1 in [true, false] {
        let world = article(v1);
        let deploy = world.job("deploy-prod", 11);
        deploy.baton("latest --job build").succeeds().prints(["build:7"]);
        let requests = world.requests();
        match v1 {
            // The successful jobs, and the pipelines of the branch.
            true => assert_eq!(requests.len(), 2, "{requests:?}"),
            // v1.1 says no; the pipelines; and for each of three, its workflows and their jobs.
            false => assert!(requests.len() <= 2 + 3 * 3, "{requests:?}"),
        }
        // Without a name, it is the newest job that stored anything.
        deploy.baton("latest").succeeds().prints(["build:7"]);
        deploy.baton("attach latest --job build --at out").succeeds();
        let file = deploy.path("out/build_artifacts/app.js");
        assert_eq!(std::fs::read_to_string(file).unwrap(), "of build 7");
    }
}

#[test]
fn a_rerun_of_an_older_pipeline_is_not_the_latest() {
    for v1 in [true, false] {
        let world = World::with(|settings| settings.v1 = v1);
        let old = world.pipeline("main");
        let first = world.api.add_workflow(&old.id, "main").unwrap();
        let old_number = world.run_in(&first.id, "build", 1, JobStatus::Success);
        let new_number = world.build("main", "new");
        let again = world.api.add_rerun(&first.id).unwrap();
        let rerun_number = world.run_in(&again.id, "build", 1, JobStatus::Success);
        assert!(old_number < new_number && new_number < rerun_number);
        let deploy = world.job("deploy", 90);
        let newest = format!("build:{new_number}");
        deploy.baton("latest --job build").succeeds().prints([&newest]);
        // Of one pipeline, the rerun is the newer one.
        let again = world.api.add_rerun(&first.id).unwrap();
        world.run_in(&again.id, "other", 1, JobStatus::Success);
        deploy.baton("latest --job build").succeeds().prints([&newest]);
    }
}

#[test]
fn a_commit_that_was_built_by_several_pipelines_is_told_apart_by_its_workflow() {
    let world = World::with(|settings| settings.page_size = 2);
    let commit = "ab".repeat(20);
    let old = world.pipeline_of("main", &commit);
    let first = world.api.add_workflow(&old.id, "main").unwrap();
    world.run_in(&first.id, "build", 1, JobStatus::Success);
    let nightly = world.pipeline_of("main", &commit);
    let nightly_number = world.run(&nightly, "build", JobStatus::Success);
    let again = world.api.add_rerun(&first.id).unwrap();
    world.run_in(&again.id, "build", 1, JobStatus::Success);
    let deploy = world.job("deploy", 90);
    let newest = format!("build:{nightly_number}");
    deploy.baton("latest --job build").succeeds().prints([&newest]);
}

#[test]
fn other_branches_other_jobs_and_forks_are_passed_over() {
    for v1 in [true, false] {
        let world = World::with(|settings| settings.v1 = v1);
        let wanted = world.build("main", "wanted");
        world.build("feature/login", "other");
        world.run(&world.pipeline("main"), "lint", JobStatus::Success);
        world.run(&world.pipeline("main"), "build", JobStatus::Running);
        world.run(&world.pipeline("main"), "build", JobStatus::Canceled);
        // A fork may call its branch as it likes.
        let fork = world.api.add_pipeline(NewPipeline {
            project: PROJECT.to_owned(),
            branch: Some("main".to_owned()),
            revision: "f0".repeat(20),
            fork: true,
            ..NewPipeline::default()
        });
        world.run(&fork, "build", JobStatus::Success);
        let deploy = world.job("deploy", 90);
        let newest = format!("build:{wanted}");
        deploy.baton("latest --job build").succeeds().prints([&newest]);
        let ran = deploy
            .baton("latest --job build --branch feature/login")
            .succeeds();
        assert_ne!(ran.out.trim(), newest);
    }
}

#[test]
fn commits_numbers_tags_and_workflows_are_found() {
    let world = World::new();
    let commit = "c0ffee".repeat(6) + "c0ff";
    let pipeline = world.api.add_pipeline(NewPipeline {
        project: PROJECT.to_owned(),
        tag: Some("v1.2".to_owned()),
        revision: commit,
        ..NewPipeline::default()
    });
    let workflow = world.api.add_workflow(&pipeline.id, "main").unwrap();
    let tagged = world.run_in(&workflow.id, "build", 1, JobStatus::Success);
    world.store(tagged, 0, "dist/app.js", b"tagged");
    world.build("main", "newer");
    let deploy = world.job("deploy", 90);
    for selector in [
        format!("build:{tagged}"),
        "sha:c0ffee".to_owned(),
        "tag:v1.2".to_owned(),
        format!("workflow:{}", workflow.id),
    ] {
        let ran = deploy
            .run(["attach", &selector, "--at", "out", "--clean"])
            .succeeds();
        let ran = ran.tells(&format!("from build:{tagged}"));
        let content = std::fs::read_to_string(deploy.path("out/dist/app.js")).unwrap();
        assert_eq!(content, "tagged", "{selector}: {}", ran.err);
        std::fs::remove_dir_all(deploy.path("out")).unwrap();
    }
    deploy
        .baton("attach sha:dead00 --at out")
        .ends(3)
        .tells("none of the newest 2 pipelines fits");
    deploy
        .baton("attach channel:production --at out")
        .ends(1)
        .tells("no channels");
    deploy
        .baton("attach build:77 --at out")
        .ends(1)
        .tells("does not exist");
}

#[test]
fn a_workflow_s_own_files_are_its_workspace() {
    let world = World::new();
    let pipeline = world.pipeline("main");
    let workflow = world.api.add_workflow(&pipeline.id, "main").unwrap();
    for (job, path) in [("build", "dist/app.js"), ("docs", "site/index.html")] {
        let number = world.run_in(&workflow.id, job, 1, JobStatus::Success);
        world.store(number, 0, path, job.as_bytes());
    }
    let deploy = world
        .job("deploy", 90)
        .workflow(Box::leak(workflow.id.clone().into_boxed_str()));
    deploy
        .baton("attach --at out")
        .succeeds()
        .tells("attached 2 files");
    deploy
        .baton("attach --job docs --at docs")
        .succeeds()
        .tells("attached 1 file");
}

#[test]
fn nothing_that_matches_is_explained() {
    for v1 in [true, false] {
        let world = World::with(|settings| settings.v1 = v1);
        world.build("main", "x");
        world.run(&world.pipeline("main"), "lint", JobStatus::Failed);
        let deploy = world.job("deploy", 90);
        deploy
            .baton("attach latest --job biuld --at out")
            .ends(3)
            .tells("no successful job biuld")
            .tells("were")
            .tells("successful jobs are build");
        assert!(!deploy.path("out").exists());
        if !v1 {
            deploy
                .baton("attach latest --job lint --at out")
                .ends(3)
                .tells("is failed");
        }
        deploy
            .baton("attach latest --branch nowhere --job build --at out")
            .ends(3)
            .tells("there is no pipeline of branch nowhere");
    }
}

#[test]
fn an_opaque_slug_is_asked_by_v2() {
    let world = World::new();
    let slug = "circleci/9YytKzouJxzu4TjCRFqAoD/44n9wujWcTnVZ2b5S8Fnat";
    let pipeline = world.api.add_pipeline(NewPipeline {
        project: slug.to_owned(),
        branch: Some("main".to_owned()),
        revision: "1".repeat(40),
        ..NewPipeline::default()
    });
    let workflow = world.api.add_workflow(&pipeline.id, "main").unwrap();
    let job = world.api.add_job(&workflow.id, "build", 1).unwrap();
    world
        .api
        .set_job_status(slug, job.number, JobStatus::Success)
        .unwrap();
    let deploy = world
        .job("deploy", 90)
        .set("BATON_STORE", format!("circleci:{slug}"));
    let newest = format!("build:{}", job.number);
    deploy.baton("latest --job build").succeeds().prints([&newest]);
    let requests = world.requests();
    assert_eq!(requests.len(), 3, "{requests:?}");
    assert!(
        requests.iter().all(|path| path.starts_with("/api/v2/")),
        "{requests:?}"
    );
}

#[test]
fn a_variable_decides_only_when_it_is_told_to_and_its_age_is_noticed() {
    let world = World::new();
    let old = world.build("main", "old");
    let new = world.build("main", "new");
    let deploy = world.job("deploy", 90).set("LATEST_BUILD_NUM", old.to_string());
    deploy
        .baton("latest --job build")
        .succeeds()
        .prints([format!("build:{new}")]);
    let ran = deploy.baton("attach latest --from-env --at out").succeeds();
    ran.tells(&format!("LATEST_BUILD_NUM says {old}"))
        .tells(&format!("but the latest is build:{new}"))
        .tells(&format!("from build:{old}"));
    assert_eq!(
        std::fs::read_to_string(deploy.path("out/dist/app.js")).unwrap(),
        "old"
    );
    let current = deploy.clone().set("MY_BUILD", new.to_string());
    current
        .baton("attach latest --from-env=MY_BUILD --at out")
        .succeeds()
        .omits("but the latest is build:");
    deploy
        .baton("attach latest --from-env=OTHER --at out")
        .ends(1)
        .tells("OTHER is not set");
    deploy
        .baton(&format!("attach build:{new} --from-env --at out"))
        .ends(1)
        .tells("asks for another");
}

//! Plain artifacts become files.

use baton_local::api::JobStatus;

use crate::files::{self, write};
use crate::place::figures;
use crate::world::{PROJECT, World};

#[test]
fn artifacts_of_all_pages_and_nodes_arrive() {
    let world = World::with(|settings| settings.page_size = 80);
    let pipeline = world.pipeline("main");
    let workflow = world.api.add_workflow(&pipeline.id, "main").unwrap();
    let number = world.run_in(&workflow.id, "build", 3, JobStatus::Success);
    for index in 0..300u32 {
        let path = format!("dist/{}/file {index}.txt", index % 7);
        world.store(number, index % 3, &path, format!("content {index}").as_bytes());
    }
    let deploy = world.job("deploy", 90);
    let report = deploy.json("attach latest --job build --at out");
    assert_eq!(figures(&report, "files new_files"), [300, 300]);
    for index in 0..300u32 {
        let path = deploy.path(&format!("out/dist/{}/file {index}.txt", index % 7));
        assert_eq!(std::fs::read_to_string(path).unwrap(), format!("content {index}"));
    }
    let pages = world
        .requests()
        .iter()
        .filter(|path| path.ends_with("/artifacts"))
        .count();
    assert_eq!(pages, 4);
    // One request to the origin that wants the token, and one to where that leads.
    assert_eq!(world.fetched.lock().unwrap().len(), 300);
    assert_eq!(world.led.lock().unwrap().len(), 300);
}

#[test]
fn only_what_is_wanted_is_fetched_and_what_is_there_stays() {
    let world = World::new();
    let number = world.build("main", "js");
    world.store(number, 0, "dist/app.css", b"css");
    world.store(number, 0, "coverage/index.html", b"html");
    let deploy = world.job("deploy", 90);
    write(&deploy.path("out/dist/mine.txt"), "mine");
    write(&deploy.path("out/dist/app.css"), "old");
    deploy
        .run(["attach", "latest", "--at", "out", "--only", "dist/**"])
        .succeeds()
        .tells("attached 2 files");
    let content = |path: &str| std::fs::read_to_string(deploy.path(path)).unwrap();
    assert_eq!(content("out/dist/app.css"), "css");
    assert_eq!(content("out/dist/mine.txt"), "mine");
    assert!(!deploy.path("out/coverage").exists() && !deploy.path("out/.baton-attach").exists());
    deploy
        .baton("attach latest --at out --clean")
        .succeeds()
        .tells("1 removed");
    assert!(!deploy.path("out/dist/mine.txt").exists() && deploy.path("out/coverage/index.html").exists());
    let ran = deploy.baton("attach latest --at none --dry-run").succeeds();
    assert_eq!(ran.out.lines().count(), 5, "{}", ran.out);
    assert!(!deploy.path("none").exists());
}

#[test]
fn a_list_of_paths_is_shown_and_what_nobody_knows_is_not_compared() {
    let world = World::new();
    let number = world.build("main", "js");
    let deploy = world.job("deploy", 90);
    let shown = deploy.json("show latest");
    assert_eq!(shown["builds"][0]["number"], number);
    assert_eq!(shown["builds"][0]["tree"], "");
    assert_eq!(shown["entries"][1]["path"], "dist/app.js");
    let both = format!("diff build:{number} build:{number}");
    deploy.baton(&both).ends(1).tells("plain artifacts");
    deploy.baton("verify").ends(1).tells("plain artifacts");
}

#[test]
fn nodes_that_stored_the_same_path_must_agree() {
    let world = World::new();
    let pipeline = world.pipeline("main");
    let workflow = world.api.add_workflow(&pipeline.id, "main").unwrap();
    let number = world.run_in(&workflow.id, "build", 2, JobStatus::Success);
    for node in [0, 1] {
        world.store(number, node, "same.txt", b"same");
    }
    let deploy = world.job("deploy", 90);
    deploy
        .baton("attach latest --at out")
        .succeeds()
        .tells("attached 1 file");
    world.store(number, 0, "report.xml", b"of node 0");
    world.store(number, 1, "report.xml", b"of node 1");
    deploy
        .baton("attach latest --at other")
        .ends(1)
        .tells("different bytes under one path")
        .tells("node 0")
        .tells("node 1");
    assert!(!deploy.path("other").exists());
    deploy
        .baton("attach latest --at other --on-conflict newest")
        .succeeds();
    assert_eq!(
        std::fs::read_to_string(deploy.path("other/report.xml")).unwrap(),
        "of node 1"
    );
}

#[test]
fn a_path_that_leaves_the_directory_is_refused() {
    for path in [
        "../escaped",
        "/tmp/escaped",
        "a/../../escaped",
        "a//b",
        ".",
        "a/",
        ".baton-attach",
        "a\0b",
    ] {
        let world = World::new();
        let number = world.build("main", "x");
        world.store(number, 0, path, b"evil");
        let deploy = world.job("deploy", 90);
        let ran = deploy.baton("attach latest --at out").ends(1);
        assert!(
            ran.err.contains("path") || ran.err.contains("attach needs"),
            "{path:?}: {}",
            ran.err
        );
        assert!(
            !deploy.path("out").exists() && !deploy.path("escaped").exists(),
            "{path:?}"
        );
    }
    let world = World::new();
    let number = world.build("main", "x");
    world.store(number, 0, "dist", b"a file where a directory is");
    let deploy = world.job("deploy", 90);
    deploy
        .baton("attach latest --at out")
        .ends(1)
        .tells("below the path of another");
}

#[test]
fn a_link_that_is_there_is_not_followed() {
    let world = World::new();
    world.build("main", "evil");
    let deploy = world.job("deploy", 90);
    write(&deploy.path("victim/app.js"), "mine");
    std::fs::create_dir(deploy.path("out")).unwrap();
    std::os::unix::fs::symlink(deploy.path("victim"), deploy.path("out/dist")).unwrap();
    deploy.baton("attach latest --at out").succeeds();
    assert_eq!(files::read(&deploy.path("victim/app.js")), "mine");
    assert_eq!(files::read(&deploy.path("out/dist/app.js")), "evil");
}

#[test]
fn what_has_expired_is_told_from_what_was_never_there() {
    let world = World::new();
    let number = world.build("main", "x");
    let deploy = world.job("deploy", 90);
    world.api.expire_artifacts(PROJECT, number).unwrap();
    deploy
        .baton("attach latest --job build --at out")
        .ends(3)
        .tells("no artifacts")
        .tells("expired");
    let job = world.run(&world.pipeline("main"), "build", JobStatus::Failed);
    world.store(job, 0, "dist/app.js", b"half");
    let named = format!("attach build:{job} --at out");
    deploy
        .baton(&named)
        .succeeds()
        .tells("is failed: its artifacts may be incomplete");
}

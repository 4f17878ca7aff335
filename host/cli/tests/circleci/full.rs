//! A baton store among a job's artifacts: bits, links and digests arrive, with nothing but CircleCI.

use std::fs;
use std::path::Path;

use baton_local::api::{Content, JobStatus};

use crate::files::{self, assert_same, write};
use crate::place::Job;
use crate::world::{PROJECT, World};

/// Does what `store_artifacts` does with a directory.
fn store_artifacts(world: &World, number: u64, node: u32, dir: &Path, destination: &str) {
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                let below = path.strip_prefix(dir).unwrap().to_str().unwrap();
                world.add(
                    number,
                    node,
                    &format!("{destination}/{below}"),
                    Content::File(path.clone()),
                );
            }
        }
    }
}

fn tree(dir: &Path) {
    write(&dir.join("dist/run.sh"), "#!/bin/sh\necho run\n");
    files::set_bits(&dir.join("dist/run.sh"), 0o755);
    write(&dir.join("dist/deep/data.bin"), files::noise(1, 3 << 20));
    write(&dir.join("dist/small.txt"), "small");
    fs::create_dir(dir.join("dist/empty")).unwrap();
    std::os::unix::fs::symlink("../run.sh", dir.join("dist/deep/link")).unwrap();
    std::os::unix::fs::symlink("/absolute/nowhere", dir.join("dist/dangling")).unwrap();
    files::set_time(&dir.join("dist/small.txt"), 1_600_000_000, 123_456_789);
}

/// Persists a tree in a job that really has this number, and stores the store.
fn persisted(world: &World, change: impl FnOnce(&Path)) -> (u64, Job) {
    let number = world.run(&world.pipeline("main"), "build", JobStatus::Success);
    let job = world
        .job("build", number)
        .set("BATON_STORE", world.place.path(&format!("out-{number}")));
    tree(job.dir());
    change(job.dir());
    job.baton("persist dist").succeeds();
    store_artifacts(
        world,
        number,
        0,
        &world.place.path(&format!("out-{number}")),
        "baton-out",
    );
    (number, job)
}

#[test]
fn a_store_among_artifacts_is_read_as_one() {
    let world = World::new();
    let (number, build) = persisted(&world, |_| {});
    let deploy = world.job("deploy", 90);
    let ran = deploy.baton("attach latest --job build --at out").succeeds();
    ran.tells(&format!("from build:{number} (main"));
    assert_same(&build.path("dist"), &deploy.path("out/dist"));
    // What is equal already is not fetched again.
    deploy
        .baton("attach latest --job build --at out")
        .succeeds()
        .tells("0 new with 0 B, 0 B fetched");
    deploy.baton("verify --data").succeeds();
    let shown = deploy.json("show latest");
    assert_eq!(shown["builds"][0]["number"], number);
    assert_eq!(shown["builds"][0]["artifact"], "default");
    deploy
        .baton("attach latest --at some --only dist/small.txt")
        .succeeds()
        .tells("attached 1 file");
}

#[test]
fn two_builds_are_compared() {
    let world = World::new();
    let (old, _) = persisted(&world, |_| {});
    let (new, _) = persisted(&world, |dir| write(&dir.join("dist/small.txt"), "other"));
    let deploy = world.job("deploy", 90);
    let ran = deploy.baton(&format!("diff build:{old} build:{new}")).succeeds();
    assert!(
        ran.out.contains("dist/small.txt") && !ran.out.contains("data.bin"),
        "{}",
        ran.out
    );
}

#[test]
fn stores_of_parallel_nodes_are_one_build() {
    let world = World::new();
    let pipeline = world.pipeline("main");
    let workflow = world.api.add_workflow(&pipeline.id, "main").unwrap();
    let number = world.run_in(&workflow.id, "build", 2, JobStatus::Success);
    for node in ["0", "1"] {
        let out = world.place.path(&format!("out-{node}"));
        let job = world.job("build", number).set("BATON_STORE", out.clone());
        let job = job.set("CIRCLE_NODE_INDEX", node).set("CIRCLE_NODE_TOTAL", "2");
        write(&job.path(&format!("dist/{node}.txt")), node);
        job.run(["persist", &format!("dist/{node}.txt")]).succeeds();
        store_artifacts(&world, number, node.parse().unwrap(), &out, "baton-out");
    }
    let deploy = world.job("deploy", 90);
    deploy
        .baton("attach latest --at out")
        .succeeds()
        .tells("attached 2 files");
}

#[test]
fn bytes_that_were_altered_are_noticed() {
    let world = World::new();
    let (number, _) = persisted(&world, |_| {});
    let job = world.api.job(PROJECT, number).unwrap();
    let pack = job
        .artifacts
        .iter()
        .find(|it| it.path.contains("/v1/packs/"))
        .unwrap();
    let Content::File(file) = &pack.content else {
        panic!("not a file")
    };
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    world.add(number, 0, &pack.path, bytes.into());
    let deploy = world.job("deploy", 90);
    deploy.baton("attach latest --at out").ends(1).tells("v1/packs/");
    assert!(!deploy.path("out").exists());
    deploy.baton("verify --data").ends(1);
}

#[test]
fn signatures_are_found_among_artifacts() {
    let world = World::new();
    let number = world.run(&world.pipeline("main"), "build", JobStatus::Success);
    let out = world.place.path("out");
    let job = world.job("build", number).set("BATON_STORE", out.clone());
    write(&job.path("dist/a"), "a");
    let pem = |kind: &str, name: &str| world.place.path(&format!("{name}.{kind}.pem"));
    for name in ["ours", "theirs"] {
        let (private, public) = (pem("private", name), pem("public", name));
        let made = job.bash(&format!(
            "openssl genpkey -algorithm ed25519 -out {} && openssl pkey -in {} -pubout -out {}",
            private.display(),
            private.display(),
            public.display()
        ));
        if made.code != Some(0) {
            println!("skipped: openssl cannot make a key: {}", made.err);
            return;
        }
    }
    job.run([
        "persist",
        "dist",
        "--sign",
        pem("private", "ours").to_str().unwrap(),
    ])
    .succeeds();
    store_artifacts(&world, number, 0, &out, "baton-out");
    let deploy = world.job("deploy", 90);
    let attach = |key: &str| {
        let key = pem("public", key);
        deploy.run([
            "attach",
            "latest",
            "--at",
            "out",
            "--require-signed",
            key.to_str().unwrap(),
        ])
    };
    attach("ours").succeeds();
    attach("theirs").ends(1).tells("is refused");
}

#[test]
fn nothing_is_written_there() {
    let world = World::new();
    let deploy = world.job("deploy", 90);
    write(&deploy.path("dist/a"), "a");
    for words in [
        "persist dist",
        "promote latest production",
        "prune --keep-last 1",
        "builds",
        "verify --all",
    ] {
        deploy.baton(words).ends(1).tells("CircleCI's artifacts");
    }
    assert!(world.requests().is_empty());
    let policy = deploy.baton("policy attach --at out").succeeds();
    assert!(policy.out.contains(&world.api_url()), "{}", policy.out);
    assert!(policy.out.contains("circleci:"), "{}", policy.out);
}

#[test]
fn doctor_tries_the_token() {
    let world = World::new();
    world.build("main", "x");
    let deploy = world.job("deploy", 90);
    let ran = deploy.baton("doctor").succeeds();
    assert!(
        ran.out.contains("with the token in CIRCLE_TOKEN; newest build:"),
        "{}",
        ran.out
    );
    // That a branch has no build is an answer, too.
    let elsewhere = deploy.clone().set("CIRCLE_BRANCH", "elsewhere");
    let ran = elsewhere.baton("doctor").succeeds();
    assert!(ran.out.contains("no build of this branch"), "{}", ran.out);
    let tagged = deploy.clone().set("CIRCLE_TAG", "v1");
    tagged.baton("doctor").succeeds();
    for token in ["bogus", "CCIPAT_0123456789abcdef"] {
        let ran = deploy.clone().set("CIRCLE_TOKEN", token).baton("doctor").ends(1);
        assert!(ran.out.contains("PROBLEM  store"), "{}", ran.out);
        assert!(ran.out.contains("(401)"), "{}", ran.out);
        assert!(ran.out.contains("hint: "), "{}", ran.out);
    }
    let unknown = deploy.set("BATON_STORE", "circleci:gh/acme/nothing");
    let ran = unknown.baton("doctor").ends(1);
    assert!(ran.out.contains("PROBLEM  store"), "{}", ran.out);
}

//! A server that ends in the middle of a run, and comes back or not.

use std::process::{Child, Output};
use std::thread;
use std::time::{Duration, Instant};

use crate::files::assert_same;
use crate::scene::Scene;
use crate::servers::weed::Weed;

/// Waits until a run has made so many requests of a method, and is in the middle of its work.
fn reaches(scene: &Scene, method: &str, requests: usize) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while scene.proxy.count(method) < requests {
        assert!(
            Instant::now() < deadline,
            "{method}: {}",
            scene.proxy.count(method)
        );
        thread::sleep(Duration::from_millis(2));
    }
}

fn ended(run: Child) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = run.wait_with_output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn a_server_that_comes_back_ends_no_run_and_one_that_does_not_ends_it_clearly() {
    let weed = Weed::start(&std::env::temp_dir());
    weed.bucket("tests");
    let scene = Scene::before(&weed).within(60);
    scene.write_tree(1);
    scene.job.baton("persist tree --number 1").succeeds();
    scene.proxy.set_latency(Duration::from_millis(100));

    scene.write_tree(2);
    scene.proxy.reset();
    let run = scene.job.start("persist tree --number 2 --workers 1");
    reaches(&scene, "PUT", 2);
    weed.kill();
    weed.restart();
    let (code, tells) = ended(run);
    assert_eq!(code, Some(0), "{tells}");
    scene.arrives(2);

    scene.proxy.reset();
    let run = scene.job.start("attach build:2 --at out --workers 1");
    reaches(&scene, "GET", 3);
    weed.kill();
    weed.restart();
    let (code, tells) = ended(run);
    assert_eq!(code, Some(0), "{tells}");
    assert_same(&scene.job.path("tree"), &scene.job.path("out/tree"));
    scene.is_sound();

    let brief = scene.job.clone().set("BATON_STORE_TIMEOUT_SECONDS", "5");
    let before = scene.direct.json("builds");
    scene.write_tree(3);
    scene.proxy.reset();
    let started = Instant::now();
    let run = brief.start("persist tree --number 3 --workers 1");
    reaches(&scene, "PUT", 2);
    weed.kill();
    let (code, tells) = ended(run);
    assert_eq!(code, Some(1), "{tells}");
    assert!(tells.contains("error: ") && tells.contains("hint: "), "{tells}");
    assert!(
        started.elapsed() < Duration::from_secs(25),
        "{:?}",
        started.elapsed()
    );
    for words in ["latest", "attach latest --at none", "doctor"] {
        let ran = scene
            .direct
            .clone()
            .set("BATON_STORE_TIMEOUT_SECONDS", "2")
            .baton(words)
            .ends(1);
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
    }
    weed.restart();
    assert_eq!(scene.direct.json("builds"), before);
    scene.is_sound();
    scene.job.baton("persist tree --number 3").succeeds();
    scene.arrives(3);
    scene.is_sound();
}

//! How many requests a run makes, and on how many connections: what a store costs, and what latency does to a run.

use std::time::Duration;

use crate::files::{noise, text, write};
use crate::scene::Scene;

/// 3 requests for so many bytes that are stored or fetched, and 20 besides.
const DATA_BYTES: u64 = 8 << 20;

#[test]
fn requests_grow_with_the_data_and_not_with_the_files() {
    let scene = Scene::new();
    for number in 0..3000 {
        write(
            &scene.job.path(&format!("many/{}/{number}", number % 50)),
            text(number, 700),
        );
    }
    for part in 0..3 {
        write(
            &scene.job.path(&format!("many/noise/{part}")),
            noise(900 + part, 10 << 20),
        );
    }
    let packs = || scene.place.store().bytes("v1/packs/");
    let before = packs();
    for words in ["persist many --number 2", "attach latest --at out"] {
        scene.proxy.reset();
        scene.job.baton(words).succeeds();
        let requests = scene.proxy.requests().len() as u64;
        let data_bytes = packs() - before;
        assert!(data_bytes > 3 * DATA_BYTES, "{data_bytes}");
        let limit = data_bytes * 3 / DATA_BYTES + 20;
        assert!(requests <= limit, "{words}: {requests} of {limit}");
    }
    // An object that exists costs one request.
    for words in ["persist many --number 3", "attach latest --at out"] {
        scene.proxy.reset();
        scene.job.baton(words).succeeds();
        let requests = scene.proxy.requests().len();
        assert!(requests <= 20, "{words}: {requests}");
    }
}

#[test]
fn latest_takes_a_few_requests_however_many_builds_there_are() {
    let scene = Scene::new();
    let latest = || {
        scene.proxy.reset();
        scene.job.baton("latest").succeeds();
        scene.proxy.requests().len()
    };
    let of_one = latest();
    for number in 2..30 {
        write(&scene.job.path("tree/build"), number.to_string());
        scene
            .direct
            .baton(&format!("persist tree/build --number {number}"))
            .succeeds();
    }
    // Another address has been here meanwhile, and what it found is not believed of this one.
    scene.job.baton("persist tree/build --number 30").succeeds();
    assert_eq!(latest(), of_one);
    assert!(of_one <= 6, "{of_one}");
}

#[test]
fn a_few_connections_carry_all_requests() {
    const WORKERS: usize = 3;
    let scene = Scene::new();
    scene.proxy.set_latency(Duration::from_millis(5));
    scene.write_tree(2);
    for words in ["persist tree --number 2", "attach latest --at out"] {
        scene.proxy.reset();
        scene
            .job
            .baton(&format!("{words} --workers {WORKERS}"))
            .succeeds();
        let (most, all) = scene.proxy.connections();
        assert!(
            scene.proxy.requests().len() > 2 * WORKERS,
            "{words}: enough to tell"
        );
        assert!(most <= WORKERS, "{words}: {most} at once");
        // Who waits for a connection opens another one meanwhile, which is kept although an idle one may come first.
        assert!(all <= 2 * WORKERS, "{words}: {all} in all");
    }
}

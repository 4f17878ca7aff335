//! A long history.

use std::sync::Arc;

use baton_host::builds::BuildContext;
use baton_host::persist::PersistRequest;
use baton_host::{Baton, DirectoryStore, Options};

use crate::files::write;
use crate::place::Place;

const BUILDS: u64 = 1000;

/// Persists all builds through the library, which spares the start of a process for each.
fn persist_all(place: &Place) {
    let job = place.job("work");
    write(&job.path("file"), "content");
    let store = Arc::new(DirectoryStore::create(&place.path("store")).unwrap());
    let mut options = Options::default();
    options.workers = 1;
    let baton = Baton::new(store, options).unwrap();
    for turn in 0..BUILDS {
        // 7 has no factor in common with 1000, so each number comes once, in a wild order.
        let number = turn * 7 % BUILDS + 1;
        let mut context = BuildContext::new("none");
        context.project = Some("gh/acme/shop".to_owned());
        context.branch = Some(if number % 100 == 1 { "rare" } else { "main" }.to_owned());
        context.commit = Some(format!("{number:040x}"));
        context.number = Some(number);
        baton
            .persist(job.dir(), &PersistRequest::new(["file"], context), &mut ())
            .unwrap();
    }
}

#[test]
fn the_latest_of_a_thousand_builds_is_found() {
    let place = Place::in_memory();
    persist_all(&place);
    let job = place.job("work");
    job.baton("latest").succeeds().prints(["build:1000"]);
    job.baton("latest --branch rare").succeeds().prints(["build:901"]);
    for number in [1, 255, 256, 257, 512, 999, 1000] {
        let shown = job.json(&format!("show build:{number}"));
        assert_eq!(shown["builds"][0]["number"], number);
        let by_commit = job.json(&format!("show sha:{number:040x}"));
        assert_eq!(by_commit["builds"][0]["number"], number);
    }
    let listed = job.json("builds --limit 1000");
    let numbers = listed["builds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|build| build["number"].as_u64().unwrap());
    assert!(
        numbers.eq((1..=BUILDS).rev()),
        "every build is listed once, the newest first"
    );
    let rare = job.json("builds --branch rare --limit 3");
    assert_eq!([901, 801, 701].to_vec(), numbers_of(&rare));
    job.baton("attach build:77 --at out").succeeds();
}

fn numbers_of(listed: &serde_json::Value) -> Vec<u64> {
    listed["builds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|build| build["number"].as_u64().unwrap())
        .collect()
}

//! A directory as a store: what only a directory can be, or lack.

use std::fs;
use std::path::PathBuf;

use crate::files::{listing, seen, set_bits, write, write_all};
use crate::place::Place;

#[test]
fn what_is_no_store_is_refused_and_left_alone() {
    let place = Place::new();
    let job = place.job("work");
    write(&job.path("file"), "x");
    write_all(
        &place.path("foreign"),
        &[("src/main.rs", "fn main() {}"), ("README.md", "hello")],
    );
    write(&place.path("a-file"), "x");
    fs::create_dir(place.path("empty")).unwrap();
    for (store, words, code, tells) in [
        (
            "foreign",
            "persist file",
            1,
            "this is not a baton store: it has other objects, and no v1/store",
        ),
        ("foreign", "latest", 1, "this is not a baton store"),
        (
            "foreign",
            "attach latest --at out",
            1,
            "this is not a baton store",
        ),
        ("a-file", "persist file", 1, "a-file is not a directory"),
        ("a-file", "latest", 1, "a-file is not a directory"),
        (
            "a-file/below",
            "persist file",
            1,
            "a-file/below is not a directory",
        ),
        ("empty", "latest", 3, "the store is empty"),
        ("empty", "attach latest --at out", 3, "the store is empty"),
        ("empty", "builds", 3, "the store is empty"),
        ("missing", "latest", 1, "there is no store at"),
        ("missing", "attach latest --at out", 1, "there is no store at"),
        ("missing", "persist file --dry-run", 0, "would persist 1 file"),
    ] {
        let before = (listing(&place.path("foreign")), listing(&place.path("empty")));
        job.clone()
            .store(&place.path(store))
            .baton(words)
            .ends(code)
            .tells(tells);
        let after = (listing(&place.path("foreign")), listing(&place.path("empty")));
        assert_eq!(after, before, "{words} in {store}");
        assert!(!place.path("missing").exists(), "{words} in {store}");
    }
    assert_eq!(seen(&place.path("a-file")).what, seen(&job.path("file")).what);
    for url in ["s3:bucket", "ftp://bucket/prefix", "http://example.com"] {
        let job = job.clone().set("BATON_STORE", url);
        job.baton("persist file")
            .ends(1)
            .tells("does not name a store")
            .tells(url);
    }
    // A URL of a directory is one.
    let url = format!("file://{}", place.path("by-url").display());
    job.clone()
        .set("BATON_STORE", url)
        .baton("persist file --number 1")
        .succeeds();
    job.store(&place.path("by-url"))
        .baton("latest")
        .succeeds()
        .prints(["build:1"]);
}

#[test]
fn a_store_that_may_not_be_written_to_is_refused_and_one_that_may_be_read_is_read() {
    let place = Place::new();
    let job = place.job("work");
    write(&job.path("file"), "x");
    job.baton("persist file --number 1").succeeds();
    let Some(job) = place.without_privileges(job) else {
        return;
    };
    let closed = |bits: u32| {
        for path in listing(&place.path("store")).keys() {
            let path = place.path("store").join(path);
            if path.is_dir() {
                set_bits(&path, bits);
            }
        }
        set_bits(&place.path("store"), bits);
    };
    closed(0o555);
    let before = place.store().all();
    job.baton("persist file --number 2")
        .ends(1)
        .tells("error: ")
        .tells("Permission denied");
    job.baton("doctor").ends(1);
    assert_eq!(place.store().all(), before);
    job.baton("latest").succeeds().prints(["build:1"]);
    job.baton("attach latest --at out").succeeds();
    closed(0o755);
    set_bits(&place.path("store"), 0);
    job.baton("latest")
        .ends(1)
        .tells("error: ")
        .tells("Permission denied");
    set_bits(&place.path("store"), 0o755);
}

#[test]
fn a_prune_leaves_no_empty_directories() {
    let place = Place::new();
    let job = crate::upkeep::builds(&place);
    for _ in 0..3 {
        job.baton("prune --keep-last 1 --grace 0s --no-other-writers")
            .succeeds();
    }
    let empty = |path: &PathBuf| {
        fs::read_dir(place.path("store").join(path)).is_ok_and(|mut entries| entries.next().is_none())
    };
    let left: Vec<_> = listing(&place.path("store")).into_keys().filter(empty).collect();
    assert_eq!(left, [PathBuf::from(".tmp")]);
}

#[test]
fn a_settings_file_names_the_store_beside_it() {
    let place = Place::new();
    let job = place.job("work").without("BATON_STORE");
    write(
        &job.path("baton.toml"),
        "store = \"kept/here\"\nproject = \"gh/acme/other\"\n",
    );
    write(&job.path("below/file"), "content");
    let below = place
        .job("work/below")
        .without("BATON_STORE")
        .without("BATON_PROJECT");
    below.baton("persist file --number 1").succeeds();
    assert!(job.path("kept/here/v1/store").is_file());
    let shown = below.json("show build:1");
    assert_eq!(shown["builds"][0]["project"], "gh/acme/other");
    // A variable wins over the file, and a flag over both.
    below
        .clone()
        .store(&place.path("second"))
        .baton("persist file --number 1")
        .succeeds();
    below
        .store(&place.path("second"))
        .baton("persist file --number 1 --store ../../third")
        .succeeds();
    assert!(place.path("second/v1/store").is_file() && place.path("third/v1/store").is_file());
}

//! Bytes that the store has are not stored again.

use std::fs;

use crate::files::{assert_same, noise, set_time, text, write, write_all, write_many};
use crate::place::{Job, Place, figures};

/// Persists `tree` as a build, and returns the report.
fn persist(job: &Job, number: u64) -> serde_json::Value {
    job.json(&format!("persist tree --number {number}"))
}

fn arrives(job: &Job) {
    let _ = fs::remove_dir_all(job.path("out"));
    job.baton("attach latest --at out").succeeds();
    assert_same(&job.path("tree"), &job.path("out/tree"));
}

/// A job with a tree of small files, large files, and doubles of both.
fn job(place: &Place) -> Job {
    let job = place.job("work");
    write_many(&job.path("tree/small"), 1, 300);
    write_all(
        &job.path("tree"),
        &[("a/licence", "the same"), ("b/licence", "the same"), ("c", "")],
    );
    write(&job.path("tree/noise"), noise(1, 6 << 20));
    write(&job.path("tree/text"), text(2, 6 << 20));
    write(&job.path("tree/noise-again"), noise(1, 6 << 20));
    job
}

#[test]
fn an_unchanged_tree_stores_no_packs() {
    let place = Place::new();
    let job = job(&place);
    let first = persist(&job, 1);
    let packs = place.store().packs();
    assert!(
        first["stored_bytes"].as_u64().unwrap() < 12 << 20,
        "doubles are stored once: {first:#}"
    );
    let second = persist(&job, 2);
    assert_eq!(place.store().packs(), packs);
    assert_eq!(figures(&second, "new_files new_bytes"), [0, 0]);
    assert_eq!(second["base"]["number"], 1);
    arrives(&job);
}

#[test]
fn a_renamed_directory_stores_no_packs() {
    let place = Place::new();
    let job = job(&place);
    persist(&job, 1);
    let packs = place.store().packs();
    fs::rename(job.path("tree/small"), job.path("tree/renamed")).unwrap();
    fs::rename(job.path("tree/noise"), job.path("tree/other")).unwrap();
    persist(&job, 2);
    assert_eq!(place.store().packs(), packs);
    arrives(&job);
}

#[test]
fn new_times_and_modes_store_no_packs() {
    let place = Place::new();
    let job = job(&place);
    persist(&job, 1);
    let packs = place.store().packs();
    for path in ["tree/noise", "tree/small/1/1.txt", "tree/small"] {
        set_time(&job.path(path), 12345, 6789);
    }
    persist(&job, 2);
    assert_eq!(place.store().packs(), packs);
    arrives(&job);
}

#[test]
fn a_small_change_stores_little() {
    let place = Place::new();
    let job = place.job("work");
    for number in 0..500 {
        write(
            &job.path(&format!("tree/{}/{number}", number % 10)),
            noise(number, 20_000),
        );
    }
    write(&job.path("tree/large"), noise(1, 10 << 20));
    persist(&job, 1);
    let before = place.store().bytes("v1/packs/");
    // One file in a hundred, and one byte that is put into the middle of the large one.
    for number in (0..500).step_by(100) {
        write(
            &job.path(&format!("tree/{}/{number}", number % 10)),
            noise(1000 + number, 20_000),
        );
    }
    let mut large = noise(1, 10 << 20);
    large.insert(5 << 20, b'!');
    write(&job.path("tree/large"), large);
    persist(&job, 2);
    let stored = place.store().bytes("v1/packs/") - before;
    assert!(
        stored < before / 10,
        "{stored} bytes for a change of a hundredth of {before}"
    );
    arrives(&job);
}

#[test]
fn a_new_branch_starts_from_the_default_branch() {
    let place = Place::new();
    let main = job(&place);
    persist(&main, 1);
    let packs = place.store().packs();
    let feature = main.clone().branch("feature").set("BATON_DEFAULT_BRANCH", "main");
    persist(&feature, 2);
    assert_eq!(place.store().packs(), packs);
    arrives(&feature);
}

#[test]
fn however_long_the_history_attach_reads_little_more_than_it_needs() {
    let place = Place::new();
    let job = place.job("work");
    for build in 1..=12 {
        // Each time, files all over the tree change, so that every bundle loses some.
        for number in 0..60 {
            if build == 1 || number % 6 == build % 6 {
                write(
                    &job.path(&format!("tree/{number:02}")),
                    noise(build * 100 + number, 40_000),
                );
            }
        }
        persist(&job, build);
    }
    let report = job.json("attach latest --at out");
    let (fetched, bytes) = (
        report["fetched_bytes"].as_u64().unwrap(),
        report["bytes"].as_u64().unwrap(),
    );
    assert!(fetched < bytes * 5 / 2, "{fetched} bytes fetched for {bytes}");
    assert_same(&job.path("tree"), &job.path("out/tree"));
}

#[test]
fn what_is_lost_of_the_base_is_stored_again() {
    let place = Place::new();
    let job = job(&place);
    persist(&job, 1);
    for pack in place.store().packs() {
        place.store().remove(&pack);
    }
    job.baton("attach latest --at out")
        .ends(1)
        .tells("the pack is missing");
    persist(&job, 2);
    arrives(&job);
    // A base whose tree is damaged is none.
    let tree = place.store().trees().remove(0);
    place.store().put(&tree, "damaged");
    write(&job.path("tree/new"), "new");
    persist(&job, 3);
    arrives(&job);
}

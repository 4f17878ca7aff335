//! A store that lost objects, or never was one: every command says so, and persisting again repairs it.

use std::fs;

use crate::files::{assert_same, noise, write, write_all};
use crate::place::{Job, Place};

/// A job that persists one build of several packs again and again.
fn scene(place: &Place) -> Job {
    let job = place.job("work");
    write(&job.path("dist/big"), noise(1, 20 << 20));
    write_all(&job.path("dist"), &[("a", "1"), ("b", "2")]);
    job.baton("persist dist --number 2 --run 2").succeeds();
    job
}

#[track_caller]
fn attaches(job: &Job) {
    let _ = fs::remove_dir_all(job.path("out"));
    job.baton("attach latest --at out --strict").succeeds();
    assert_same(&job.path("dist"), &job.path("out/dist"));
}

#[test]
fn a_repeated_persist_that_ends_well_leaves_a_build_that_attaches() {
    let place = Place::new();
    let job = scene(&place);
    let harms: [&dyn Fn(&str); 4] = [
        &|key| place.store().remove(key),
        &|key| place.store().put(key, ""),
        &|key| place.store().put(key, "<!DOCTYPE html><title>Sign in</title>"),
        &|key| {
            let mut bytes = place.store().get(key);
            let middle = bytes.len() / 2;
            bytes[middle] ^= 4;
            place.store().put(key, bytes);
        },
    ];
    for harm in harms {
        for objects in [place.store().packs(), place.store().trees()] {
            objects.iter().for_each(|key| harm(key));
            job.baton("verify --all --data")
                .ends(1)
                .tells("hint: persist the files of each build again");
            let report = job.json("persist dist --number 2 --run 2");
            assert_eq!(report["repeated"], true);
            job.baton("verify --all --data").succeeds().tells("all is well");
            attaches(&job);
        }
    }
}

#[test]
fn what_is_no_store_is_refused_by_every_command() {
    let place = Place::new();
    let job = scene(&place);
    let nowhere = [
        ("empty", None, 3, "the store is empty"),
        ("other", Some("notes"), 1, "not a baton store"),
        ("marker", Some("v1/store"), 1, "not a baton store"),
        ("packs", Some("v1/packs/aa/bb"), 1, "not a baton store"),
    ];
    for (name, file, code, tells) in nowhere {
        fs::create_dir_all(job.path(name)).unwrap();
        if let Some(file) = file {
            write(&job.path(name).join(file), "x");
        }
        for command in [
            "verify --all",
            "verify latest",
            "prune",
            "latest",
            "builds",
            "show",
            "diff latest latest",
            "attach latest --at out",
            "attach tree:00 --at out",
            "history production",
            "history --branch main",
            "promote latest production",
            "rollback production",
            "release production",
        ] {
            let command = command.replace("tree:00", &format!("tree:{:064x}", 7));
            job.baton(&format!("{command} --store {name}"))
                .ends(code)
                .tells(tells);
        }
        if code == 1 {
            job.baton(&format!("persist dist --store {name}"))
                .ends(1)
                .tells(tells);
        }
    }
}

#[test]
fn a_lost_marker_is_written_again() {
    let place = Place::new();
    let job = scene(&place);
    let marker = place.store().get("v1/store");
    for bytes in [None, Some(&b""[..]), Some(&marker[..30])] {
        match bytes {
            None => place.store().remove("v1/store"),
            Some(bytes) => place.store().put("v1/store", bytes),
        }
        for command in [
            "verify --all",
            "prune",
            "attach latest --at out",
            "promote latest x",
        ] {
            job.baton(command).ends(1).tells("v1/store");
        }
        job.baton("persist dist --number 2 --run 2").succeeds();
        assert_eq!(place.store().get("v1/store"), marker);
        attaches(&job);
    }
}

#[test]
fn a_short_grace_period_needs_a_word() {
    let place = Place::new();
    let job = scene(&place);
    for grace in ["0s", "1ms", "14m"] {
        job.baton(&format!("prune --grace {grace}"))
            .ends(1)
            .tells("protects no one")
            .tells("--no-other-writers");
        job.baton(&format!("prune --grace {grace} --no-other-writers"))
            .succeeds();
    }
    job.baton("prune --grace 15m").succeeds();
}

#[test]
fn one_build_that_must_go_is_removed() {
    let place = Place::new();
    let job = scene(&place);
    job.baton("persist dist --number 3 --run 3").succeeds();
    job.baton("promote build:2 production").succeeds();
    job.baton("remove build:2")
        .ends(1)
        .tells("on channel production")
        .tells("--even-if-pointed-to");
    let before = place.store().all();
    job.baton("remove build:3 --dry-run")
        .succeeds()
        .tells("nothing was changed");
    assert_eq!(place.store().all(), before);
    job.baton("remove build:3 --reason secret --actor jane")
        .succeeds();
    job.baton("latest").succeeds().prints(["build:2"]);
    job.baton("attach build:3 --at gone")
        .ends(3)
        .tells("was removed at")
        .tells("by jane (secret)");
    let removed = job.json("remove build:2 --even-if-pointed-to");
    assert_eq!(removed["removed"], true);
    job.baton("attach channel:production --at gone").ends(3);
    for _ in 0..3 {
        job.baton("prune --grace 0s --no-other-writers").succeeds();
    }
    assert!(place.store().packs().is_empty() && place.store().trees().is_empty());
}

#[test]
fn builds_with_lost_packs_are_dropped_if_asked() {
    let place = Place::new();
    let job = scene(&place);
    let packs = place.store().packs();
    write(&job.path("dist/big"), noise(2, 3 << 20));
    job.baton("persist dist --number 3 --run 3").succeeds();
    place.store().remove(&packs[0]);
    job.baton("prune --drop-damaged")
        .succeeds()
        .tells("removed 1 build");
    job.baton("verify --all --data").succeeds();
    attaches(&job);
}

//! A team's day: production is promoted, breaks, goes back within a second, and nobody's slow old job undoes it.

use crate::files::{read, write};
use crate::place::{Job, Place};

/// Persists the builds 1 to `count`, each with its number as its only file.
fn builds(place: &Place, count: u64) -> Job {
    let job = place.job("work").set("BATON_ACTOR", "ada");
    for number in 1..=count {
        write(&job.path("version"), number.to_string());
        job.clone().number(number).baton("persist version").succeeds();
    }
    job
}

#[test]
fn production_moves_forward_and_back_and_is_held() {
    let place = Place::new();
    let job = builds(&place, 3);
    job.baton("promote build:1 production")
        .succeeds()
        .prints(["build:1"]);
    job.baton("promote latest production")
        .succeeds()
        .tells("channel production is build:3 (main, c0ffee1), before: build:1");
    job.run(["rollback", "production", "--reason", "it broke"])
        .succeeds()
        .tells("held until it is released")
        .prints(["build:1"]);
    // The next deployment does not silently undo it.
    job.baton("promote latest production")
        .ends(3)
        .tells("it was rolled back to build:1 by ada (it broke), and is held there");
    job.baton("attach channel:production --at out")
        .succeeds()
        .tells("warning: it was rolled back to build:1");
    assert_eq!(read(&job.path("out/version")), "1");
    for command in ["show", "verify", "diff build:1"] {
        job.baton(&format!("{command} channel:production"))
            .succeeds()
            .tells("held there");
    }
    job.baton("release production").succeeds();
    job.baton("promote latest production")
        .succeeds()
        .prints(["build:3"]);
    // A slow old job comes too late.
    job.baton("promote build:2 production")
        .ends(3)
        .tells("the channel points to build:3, which is newer than build:2");
    job.baton("promote build:2 production --if-current build:1")
        .ends(3)
        .tells("the channel points to build:3, not to build:1");
    job.baton("promote build:2 production --if-current build:3")
        .succeeds();
    let history = job.json("history production --limit 2");
    assert_eq!(history["events"].as_array().unwrap().len(), 2);
    assert_eq!(history["events"][0]["sequence"], 6);
    job.baton("history production").succeeds();
    job.baton("history staging").ends(3).tells("there are production");
}

#[test]
fn a_branch_is_rolled_back_until_it_is_released() {
    let place = Place::new();
    let job = builds(&place, 3);
    job.baton("rollback --branch main --steps 2")
        .succeeds()
        .prints(["build:1"]);
    write(&job.path("version"), "4");
    job.clone().number(4).baton("persist version").succeeds();
    job.baton("latest")
        .succeeds()
        .tells("warning: it was rolled back")
        .prints(["build:1"]);
    job.baton("attach latest --at out")
        .succeeds()
        .tells("warning: it was rolled back");
    assert_eq!(read(&job.path("out/version")), "1");
    job.baton("history --branch main").succeeds();
    job.baton("release --branch main").succeeds().prints(["build:4"]);
    job.baton("latest")
        .succeeds()
        .omits("rolled back")
        .prints(["build:4"]);
    job.baton("release --branch main").ends(3).tells("not held");
    job.baton("rollback --branch main --no-hold --to build:2")
        .succeeds();
    job.baton("latest").succeeds().prints(["build:2"]);
    job.clone().number(5).baton("persist version").succeeds();
    job.baton("latest").succeeds().prints(["build:5"]);
}

#[test]
fn what_cannot_be_moved_is_told() {
    let place = Place::new();
    let job = builds(&place, 2);
    job.baton("rollback production")
        .ends(3)
        .tells("no build of default in gh/acme/shop is on channel production");
    job.baton("promote build:9 production")
        .ends(3)
        .tells("no build of default in gh/acme/shop is build:9; the newest are build:2");
    job.baton("promote latest production").succeeds();
    job.baton("rollback production")
        .ends(3)
        .tells("no build lies before build:2");
    job.baton("rollback --branch main --steps 9").ends(3);
    job.baton("rollback production --branch main").ends(2);
    job.baton("rollback").ends(2);
    job.baton("rollback production --steps 0").ends(2);
    job.run(["promote", "latest", "a\nb"])
        .ends(1)
        .tells("control characters");
    let nowhere = job.clone().store(&place.path("nowhere"));
    nowhere
        .baton("promote latest production")
        .ends(1)
        .tells("there is no store");
    assert!(!place.path("nowhere").exists());
}

#[test]
fn differences_are_found_without_a_pack() {
    let place = Place::new();
    let job = place.job("work");
    crate::files::write_all(
        job.dir(),
        &[
            ("t/same", "s"),
            ("t/changed", "old"),
            ("t/gone", "g"),
            ("t/mode", "m"),
        ],
    );
    job.clone().number(1).baton("persist t").succeeds();
    write(&job.path("t/changed"), "newer");
    write(&job.path("t/added\n"), "a");
    std::fs::remove_file(job.path("t/gone")).unwrap();
    crate::files::set_bits(&job.path("t/mode"), 0o755);
    job.clone().number(2).baton("persist t").succeeds();
    for pack in place.store().packs() {
        place.store().remove(&pack);
    }
    job.baton("diff build:1 build:2").succeeds().prints([
        "A  t/added\\n (1 B)",
        "M  t/changed (3 B to 5 B)",
        "D  t/gone (1 B)",
        "m  t/mode (644 to 755)",
        "1 file added with 1 B, 1 removed with 1 B, 1 changed from 3 B to 5 B, 1 with other permission bits",
    ]);
    job.baton("diff build:1 build:1").succeeds().prints([
        "0 files added with 0 B, 0 removed with 0 B, 0 changed from 0 B to 0 B, 0 with other permission bits",
    ]);
    job.baton("diff build:1 build:7").ends(3);
}

//! A step that runs again completes its build, and one that persists more adds to it.

use crate::files::{assert_same, noise, text, write, write_all, write_many};
use crate::place::{Job, Place};

#[track_caller]
fn repeats(job: &Job) {
    let report = job.json("persist tree --number 1");
    assert_eq!(report["repeated"], true, "{report:#}");
    job.baton("persist tree --number 1")
        .succeeds()
        .tells("(already persisted)")
        .prints(["build:1"]);
    job.baton("latest").succeeds().prints(["build:1"]);
    let _ = std::fs::remove_dir_all(job.path("out"));
    job.baton("attach build:1 --at out").succeeds();
    assert_same(&job.path("tree"), &job.path("out/tree"));
}

#[test]
fn the_same_files_again_are_fine() {
    let place = Place::new();
    let job = place.job("work");
    write_many(&job.path("tree"), 1, 50);
    write(&job.path("tree/large"), noise(1, 3 << 20));
    job.baton("persist tree --number 1").succeeds();
    repeats(&job);
}

#[test]
fn the_same_files_again_are_fine_where_two_of_them_are_equal() {
    let place = Place::new();
    let job = place.job("work");
    write_all(
        &job.path("tree"),
        &[
            ("a/licence", "the same"),
            ("b/licence", "the same"),
            ("c", "another"),
        ],
    );
    write(&job.path("tree/large-1"), text(1, 2 << 20));
    write(&job.path("tree/large-2"), text(1, 2 << 20));
    job.baton("persist tree --number 1").succeeds();
    repeats(&job);
}

#[test]
fn the_same_files_again_are_fine_with_any_number_of_workers() {
    let place = Place::new();
    let job = place.job("work");
    for number in 0..20 {
        write(&job.path(&format!("tree/{number}")), noise(number, 3 << 20));
        write(&job.path(&format!("tree/small/{number}")), noise(number, 900_000));
    }
    job.baton("persist tree --number 1 --workers 1").succeeds();
    // As a crash leaves it that came just before the end.
    for key in place.store().records("builds") {
        place.store().remove(&key);
    }
    job.baton("latest").ends(3);
    job.baton("persist tree --number 1 --workers 4").succeeds();
    repeats(&job);
}

#[test]
fn a_repeated_persist_completes_what_a_crash_left_incomplete() {
    let place = Place::new();
    let job = place
        .job("work")
        .set("BATON_WORKSPACE", "w1")
        .set("BATON_WORKFLOW", "w1-again");
    write_many(&job.path("tree"), 1, 50);
    job.baton("persist tree --number 1").succeeds();
    let all = place.store().records("");
    // Keys become visible one by one, so a crash leaves any beginning of them.
    for kind in ["builds", "commits", "numbers", "workflows", "workspaces"] {
        for key in place.store().records(kind) {
            place.store().remove(&key);
        }
        job.baton("persist tree --number 1")
            .succeeds()
            .prints(["build:1"]);
        let kinds = |keys: &[String]| {
            keys.iter()
                .map(|key| key.split('/').nth(3).unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let mut now = kinds(&place.store().records(""));
        now.dedup();
        assert_eq!(now, kinds(&all), "{kind}");
        repeats(&job);
    }
}

#[test]
fn a_job_persists_several_times_into_one_artifact() {
    let place = Place::new();
    let job = place.job("work").set("BATON_WORKSPACE", "w1");
    write_all(&job.path("tree"), &[("a", "a"), ("both", "first")]);
    job.baton("persist tree --number 1").succeeds();
    std::fs::remove_file(job.path("tree/a")).unwrap();
    write_all(&job.path("tree"), &[("b", "b"), ("both", "second")]);
    let report = job.json("persist tree --number 1");
    assert_eq!(report["repeated"], false, "{report:#}");
    assert_eq!(report["build"]["revision"], 2, "{report:#}");
    assert_eq!(report["build"]["files"], 3, "{report:#}");
    job.baton("persist tree/b --number 1")
        .succeeds()
        .tells("(already persisted)");
    for (at, selector) in [("one", "latest"), ("two", "build:1"), ("three", "workspace")] {
        job.baton(&format!("attach {selector} --at {at}")).succeeds();
        for (name, content) in [("a", "a"), ("b", "b"), ("both", "second")] {
            let path = job.path(at).join("tree").join(name);
            assert_eq!(std::fs::read_to_string(path).unwrap(), content, "{selector}");
        }
    }
    job.baton("verify --all --data").succeeds();
}

#[test]
fn another_commit_under_the_same_number_is_refused() {
    let place = Place::new();
    let job = place.job("work").set("BATON_WORKSPACE", "w1");
    write_all(&job.path("tree"), &[("a", "a")]);
    job.baton("persist tree --number 1").succeeds();
    let before = place.store().records("");
    job.baton("persist tree --number 1 --branch other")
        .ends(1)
        .tells("with another branch: main, not other")
        .tells("--name");
    assert_eq!(place.store().records(""), before);
    // Under another name it is another artifact.
    job.baton("persist tree --number 1 --branch other --name more")
        .succeeds();
}

#[test]
fn of_two_that_persist_one_build_at_once_both_succeed() {
    let place = Place::new();
    let job = place.job("work");
    write_all(
        job.dir(),
        &[
            ("one/tree/file", "same"),
            ("two/tree/file", "same"),
            ("three/tree/file", "other"),
        ],
    );
    for dir in ["one", "two"] {
        crate::files::set_time(&job.path(dir).join("tree/file"), 1, 1);
        crate::files::set_time(&job.path(dir).join("tree"), 1, 1);
    }
    for number in 1..=8 {
        let start = |dir| job.start(&format!("persist tree --root {dir} --number {number}"));
        let ended = |runs: [std::process::Child; 2]| runs.map(|mut run| run.wait().unwrap().code().unwrap());
        assert_eq!(ended([start("one"), start("two")]), [0, 0]);
        let start = |dir| {
            job.start(&format!(
                "persist tree --root {dir} --number {number} --name raced"
            ))
        };
        assert_eq!(ended([start("one"), start("three")]), [0, 0]);
    }
}

#[test]
fn a_step_that_is_run_again_repairs_what_was_altered() {
    let place = Place::new();
    let job = place.job("work");
    let make = || write_all(&job.path("tree"), &[("a", "first"), ("b", "second")]);
    make();
    job.baton("persist tree --number 1").succeeds();
    for pack in place.store().packs() {
        let mut bytes = place.store().get(&pack);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        place.store().put(&pack, bytes);
    }
    job.baton("attach build:1 --at lost").ends(1);
    // As a job does: it writes the files again, with another time.
    make();
    job.baton("persist tree --number 1")
        .succeeds()
        .tells("of it again because it was missing or damaged");
    job.baton("attach build:1 --at out")
        .succeeds()
        .tells("revision 2");
    assert_eq!(std::fs::read_to_string(job.path("out/tree/b")).unwrap(), "second");
    job.baton("verify --all --data").succeeds();
}

#[test]
fn a_file_of_an_earlier_persist_is_stored_again_or_named() {
    let place = Place::new();
    let job = place.job("work").number(1);
    write_all(
        &job.path("tree"),
        &[("a", "first"), ("b", "second"), ("c", "third")],
    );
    job.baton("persist tree/a").succeeds();
    place.store().clear("v1/packs/");
    job.baton("persist tree/b").succeeds();
    job.baton("attach build:1 --at out").succeeds();
    assert_eq!(std::fs::read_to_string(job.path("out/tree/a")).unwrap(), "first");
    place.store().clear("v1/packs/");
    std::fs::remove_file(job.path("tree/a")).unwrap();
    job.baton("persist tree/c")
        .ends(1)
        .tells("tree/a")
        .tells("in the same run")
        .omits("tree/b");
}

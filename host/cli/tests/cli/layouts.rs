//! `attach --strip` and `--flatten`, and an attach that may find nothing.

use std::fs;

use crate::files::{listing, read, write, write_all};
use crate::place::{Job, Place};

fn persisted() -> (Place, Job) {
    let place = Place::new();
    let job = place.job("work");
    write_all(
        &job.path("tree"),
        &[
            ("target/release/app", "app"),
            ("target/release/lib/x", "x"),
            ("target/stamp", "stamp"),
        ],
    );
    job.baton("persist target --root tree --number 1").succeeds();
    (place, job)
}

fn names(job: &Job, dir: &str) -> Vec<String> {
    let names = listing(&job.path(dir)).into_keys();
    names.map(|path| path.display().to_string()).collect()
}

#[test]
fn strip_takes_names_from_the_front() {
    let (_place, job) = persisted();
    job.baton("attach latest --at one --strip 1").succeeds();
    assert_eq!(
        names(&job, "one"),
        ["release", "release/app", "release/lib", "release/lib/x", "stamp"]
    );
    job.baton("attach latest --at two --strip 2")
        .succeeds()
        .tells("--strip leaves out 1 file");
    assert_eq!(names(&job, "two"), ["app", "lib", "lib/x"]);
    job.baton("attach latest --at two --strip 2")
        .succeeds()
        .tells("; 0 new");
    job.baton("attach latest --at three --strip 9")
        .ends(3)
        .tells("nothing of the artifact is left after --strip");
    assert!(!job.path("three").exists());
    // The paths of --only are the artifact's.
    job.baton("attach latest --at four --strip 2 --only target/release/lib")
        .succeeds();
    assert_eq!(names(&job, "four"), ["lib", "lib/x"]);
}

#[test]
fn strip_and_clean_make_what_is_left_equal() {
    let (_place, job) = persisted();
    write_all(
        &job.path("out"),
        &[("lib/stale", ""), ("stale", ""), ("app", "old")],
    );
    job.baton("attach latest --at out --strip 2 --clean").succeeds();
    assert_eq!(names(&job, "out"), ["app", "lib", "lib/x"]);
    assert_eq!(read(&job.path("out/app")), "app");
    job.baton("persist target/release/lib --root tree --number 2")
        .succeeds();
    write_all(&job.path("out"), &[("lib/stale", ""), ("mine", "precious")]);
    job.baton("attach latest --at out --strip 2 --clean").succeeds();
    assert_eq!(names(&job, "out"), ["app", "lib", "lib/x", "mine"]);
}

#[test]
fn flatten_leaves_the_last_names() {
    let (_place, job) = persisted();
    job.baton("attach latest --at out --flatten").succeeds();
    assert_eq!(names(&job, "out"), ["app", "stamp", "x"]);
    for other in ["--strip 1", "--clean"] {
        job.baton(&format!("attach latest --at out --flatten {other}"))
            .ends(2);
    }
}

#[test]
fn two_paths_that_would_become_one_are_named() {
    let place = Place::new();
    let job = place.job("work");
    write_all(
        &job.path("tree"),
        &[
            ("a/LICENSE", "MIT"),
            ("b/LICENSE", "MIT"),
            ("a/x", "1"),
            ("b/x", "2"),
        ],
    );
    job.baton("persist . --root tree --number 1").succeeds();
    for option in ["--strip 1", "--flatten"] {
        job.baton(&format!("attach latest --at out {option}"))
            .ends(1)
            .tells("two paths would become one: a/x and b/x")
            .tells("hint: ");
        assert!(!job.path("out").exists());
        job.run(
            ["attach", "latest", "--at", "out", "--only", "!b/x", "--only", "."]
                .into_iter()
                .chain(option.split(' ')),
        )
        .succeeds();
        assert_eq!(names(&job, "out"), ["LICENSE", "x"], "equal files are one");
        fs::remove_dir_all(job.path("out")).unwrap();
    }
}

#[test]
fn an_attach_may_find_nothing() {
    let (_place, job) = persisted();
    let nowhere = job.path("nowhere");
    let elsewhere = job.clone().store(&nowhere);
    let other = job.clone().branch("other");
    for (job, words) in [
        (&job, "attach build:99"),
        (&job, "attach channel:none"),
        (&job, "attach latest --name other"),
        (&other, "attach latest"),
        (&elsewhere, "attach latest"),
    ] {
        let words = format!("{words} --at out");
        let failed = job.baton(&words);
        assert!(matches!(failed.code, Some(1 | 3)), "{}", failed.err);
        job.baton(&format!("{words} --if-no-build warn"))
            .succeeds()
            .tells("warning: ")
            .tells("attached nothing: no build was found");
        job.baton(&format!("{words} --if-no-build ignore"))
            .succeeds()
            .omits("warning: ");
        let report = job.json(&format!("{words} --if-no-build warn"));
        assert_eq!(
            (&report["files"], &report["builds"]),
            (&0.into(), &serde_json::json!([]))
        );
        assert_eq!(report["warnings"].as_array().unwrap().len(), 1);
        assert!(!job.path("out").exists(), "{words}");
    }
    assert!(!nowhere.exists(), "no store is made");
    // A build that exists and cannot be attached is an error all the same.
    job.baton("attach latest --at out --only nothing --if-no-build ignore")
        .ends(3)
        .tells("no path of the artifact matches --only")
        .tells("hint: `baton show SELECTOR`");
    write(&job.path("file"), "");
    job.baton("attach latest --at file --if-no-build ignore").ends(1);
    job.baton("attach latest --at out --if-no-build ignore")
        .succeeds();
    assert_eq!(names(&job, "out/target").len(), 5);
}

//! Input that cannot be served: each with an error that says what, where and what to do.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::files::{listing, noise, read, write, write_all};
use crate::place::{Job, Place};

fn job(place: &Place) -> Job {
    let job = place.job("work");
    write_all(
        job.dir(),
        &[("dist/app", "app"), ("dist/app.map", "map"), ("file", "x")],
    );
    job
}

#[test]
fn a_root_that_is_none_is_refused() {
    let place = Place::new();
    let job = job(&place);
    job.baton("persist dist --root missing")
        .ends(1)
        .tells("the root missing cannot be used")
        .tells("--root must name");
    job.baton("persist dist --root file")
        .ends(1)
        .tells("the root file cannot be used")
        .tells("--root must name");
    job.baton("persist dist --root file/below")
        .ends(1)
        .tells("the root file/below cannot be used");
    job.baton("persist dist --root missing --dry-run")
        .ends(1)
        .tells("the root missing cannot be used");
    assert!(place.store().keys("v1/projects").is_empty());
}

#[test]
fn a_root_that_may_not_be_read_is_refused() {
    let place = Place::new();
    let job = job(&place);
    let Some(job) = place.without_privileges(job) else {
        return;
    };
    crate::files::set_bits(&job.path("dist"), 0o300);
    job.baton("persist . --root dist")
        .ends(1)
        .tells("dist")
        .tells("Permission denied")
        .tells("hint: ");
}

#[test]
fn a_path_outside_the_root_is_refused() {
    let place = Place::new();
    let job = job(&place);
    write(&place.path("outside"), "secret");
    let absolute = place.path("outside").display().to_string();
    for (path, tells) in [
        ("../outside", "has `..` at character 1"),
        ("dist/../../outside", "has `..`"),
        ("{dist,../outside}", "has `..`"),
        ("..", "has `..`"),
        ("/", "is absolute"),
        (&absolute, "is absolute"),
        ("!../outside", "has `..`"),
    ] {
        job.run(["persist", "dist", path]).ends(1).tells(tells);
    }
    // Through a link either: it is persisted as the link that it is.
    std::os::unix::fs::symlink("..", job.path("up")).unwrap();
    job.baton("persist up/outside").ends(3).tells(
        "nothing matches this path below the root: up is a symlink to .., and symlinks are not followed",
    );
    assert!(place.store().packs().is_empty());
}

#[test]
fn a_glob_that_matches_nothing_follows_the_policy() {
    let place = Place::new();
    let job = job(&place);
    for paths in [
        vec!["dist", "*.zip"],
        vec!["*.zip"],
        vec!["dist", "!dist", "file"],
        vec!["nothing"],
    ] {
        let with = |policy: &[&str]| job.run([&["persist"], paths.as_slice(), policy].concat());
        with(&[])
            .ends(3)
            .tells("nothing matches this path below the root: ")
            .tells("--if-no-files");
        with(&["--if-no-files", "error"])
            .ends(3)
            .tells("nothing matches this path");
        assert!(place.store().keys("v1/projects").is_empty());
        with(&["--if-no-files", "warn"])
            .succeeds()
            .tells("warning: nothing matches this path below the root: ");
        with(&["--if-no-files", "ignore"]).succeeds().omits("warning");
        place.store().clear("v1/projects/");
    }
    // An artifact of nothing is one, too.
    job.baton("persist nothing --if-no-files ignore --number 7")
        .succeeds()
        .tells("0 files");
    job.baton("attach build:7 --at out").succeeds();
    assert!(listing(&job.path("out")).is_empty());
}

#[test]
fn a_malformed_glob_says_what_is_wrong_with_it() {
    let place = Place::new();
    let job = job(&place);
    for (pattern, tells) in [
        ("", "is empty"),
        ("a//b", "has an empty component"),
        ("[a", "close it, or write `\\[`"),
        ("{a", "close it, or write `\\{`"),
        ("[z-a]", "is backwards; write `a-z`"),
        ("a**", "has `**` beside other characters"),
        ("a\\", "ends in a `\\`"),
        (
            "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}",
            "expands to more than",
        ),
    ] {
        job.run(["persist", pattern]).ends(1).tells(tells);
        job.run(["attach", "--at", "out", "--only", pattern])
            .ends(1)
            .tells(tells);
    }
    job.run(["persist", "!dist"])
        .ends(1)
        .tells("no pattern includes anything");
}

#[test]
fn globs_and_excludes_take_what_they_say() {
    let place = Place::new();
    let job = job(&place);
    write_all(
        job.dir(),
        &[
            ("dist/sub/deep.map", "x"),
            ("dist/.hidden", "x"),
            ("-rf", "x"),
            ("src/main.rs", "x"),
        ],
    );
    let taken = |patterns: &[&str]| {
        job.run(
            [
                &["persist", "--if-no-files", "ignore", "--name", "globs", "--"],
                patterns,
            ]
            .concat(),
        )
        .succeeds();
        let shown = job.json("show latest --name globs");
        let entries = shown["entries"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|entry| entry["kind"] == "file");
        entries
            .map(|entry| entry["path"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(taken(&["dist", "!**/*.map"]), ["dist/.hidden", "dist/app"]);
    assert_eq!(taken(&["**/*.map"]), ["dist/app.map", "dist/sub/deep.map"]);
    assert_eq!(
        taken(&["dist/*"]),
        ["dist/.hidden", "dist/app", "dist/app.map", "dist/sub/deep.map"]
    );
    assert_eq!(taken(&["-rf"]), ["-rf"]);
    assert_eq!(taken(&["{file,src/*.rs}"]), ["file", "src/main.rs"]);
    assert_eq!(
        taken(&["./dist/", "!dist/sub"]),
        ["dist/.hidden", "dist/app", "dist/app.map"]
    );
    assert_eq!(taken(&["src/**/main.r?"]), ["src/main.rs"]);
}

#[test]
fn names_have_limits() {
    let place = Place::new();
    let job = job(&place);
    job.run(["persist", "dist", "--name", ""])
        .ends(1)
        .tells("the name of an artifact has 1 to 100 bytes");
    job.run(["persist", "dist", "--name", &"n".repeat(101)])
        .ends(1)
        .tells("1 to 100 bytes");
    job.run(["persist", "dist", "--name", "a\nb"])
        .ends(1)
        .tells("no control characters")
        .tells("a\\nb");
    for name in [
        "n".repeat(100),
        "../../../etc".to_owned(),
        "ünï cödé/\\:*".to_owned(),
        ".".to_owned(),
    ] {
        job.run(["persist", "dist", "--name", &name, "--number", "1"])
            .succeeds();
        job.run(["attach", "latest", "--name", &name, "--at", "out"])
            .succeeds();
        assert_eq!(read(&job.path("out/dist/app")), "app", "{name}");
        fs::remove_dir_all(job.path("out")).unwrap();
    }
    // Branches are other people's names.
    let odd = place.job("work").branch("../..//ö \u{202e}x");
    odd.baton("persist dist").succeeds();
    odd.baton("attach latest --at out").succeeds();
    assert!(
        listing(&place.path(""))
            .keys()
            .all(|path| path.starts_with("work") || path.starts_with("store") || path.starts_with("home"))
    );
}

/// Persists a tree that takes a while, and calls `meddle` once the files are being read.
fn meddled(meddle: impl FnOnce(&Path)) -> (Place, Job, std::process::Output) {
    let place = Place::new();
    let job = place.job("work");
    for number in 0..16 {
        write(&job.path(&format!("tree/{number:02}")), noise(number, 8 << 20));
    }
    write(&job.path("tree/zz-last"), "last");
    let run = job.start("persist tree --number 1 --workers 1");
    let deadline = Instant::now() + Duration::from_secs(30);
    while !place.store().has_any("v1/packs/") && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
    }
    meddle(&job.path("tree/zz-last"));
    let output = run.wait_with_output().unwrap();
    (place, job, output)
}

#[test]
fn a_file_that_changes_while_it_is_read_is_refused() {
    let grow = |path: &Path| write(path, "last, and longer");
    let touch = |path: &Path| write(path, "LAST");
    for meddle in [grow, touch] {
        let (place, job, output) = meddled(meddle);
        let tells = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{tells}");
        assert!(
            tells.contains("a file changed while it was read: tree/zz-last"),
            "{tells}"
        );
        assert!(place.store().keys("v1/projects").is_empty());
        job.baton("persist tree --number 1").succeeds();
    }
}

#[test]
fn a_file_that_vanishes_while_it_is_read_is_refused() {
    let (place, job, output) = meddled(|path| fs::remove_file(path).unwrap());
    let tells = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{tells}");
    assert!(
        tells.contains("no such file or directory: tree/zz-last"),
        "{tells}"
    );
    assert!(place.store().keys("v1/projects").is_empty());
    job.baton("persist tree --number 1").succeeds();
}

#[test]
fn a_file_that_never_holds_still_is_refused_or_persisted_untorn() {
    let place = Place::new();
    let job = place.job("work");
    let path = job.path("log");
    // Every byte says where it is, so that a hole or a shift shows.
    let content: Vec<u8> = (0..6_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let (start, rest) = content.split_at(4 << 20);
    write(&path, start);
    let stopped = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = fs::File::options().append(true).open(&path).unwrap();
            for part in rest.chunks(500) {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                file.write_all(part).unwrap();
                thread::sleep(Duration::from_micros(50));
            }
        });
        for number in 1..=10 {
            let ran = job.baton(&format!("persist log --number {number}"));
            if ran.code == Some(0) {
                job.baton(&format!("attach build:{number} --at out")).succeeds();
                assert!(
                    content.starts_with(&fs::read(job.path("out/log")).unwrap()),
                    "the file is torn"
                );
            } else {
                let _ = ran.ends(1).tells("a file changed while it was read: log");
            }
        }
        stopped.store(true, Ordering::Relaxed);
    });
    job.baton("persist log --number 11").succeeds();
}

#[test]
fn a_settings_file_that_is_wrong_is_refused() {
    let place = Place::new();
    let job = job(&place);
    job.baton("latest --config missing.toml")
        .ends(1)
        .tells("missing.toml cannot be read");
    for (text, tells) in [
        ("stroe = \"x\"", "unknown field `stroe`"),
        ("workers = \"many\"", "workers"),
        ("not toml", "baton.toml is not as it should be"),
        ("workers = 0", "workers must be at least 1"),
        // A file that comes with a repository sends no variable to a server of its choice.
        (
            "circleci-api = \"https://evil.example\"",
            "unknown field `circleci-api`",
        ),
        ("token-var = \"SECRET\"", "unknown field `token-var`"),
        (
            "artifact-host = \"evil.example\"",
            "unknown field `artifact-host`",
        ),
    ] {
        write(&job.path("baton.toml"), text);
        job.baton("persist dist").ends(1).tells(tells);
    }
}

//! Attaching into a directory that contains files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;

use crate::files::{
    assert_same, assert_same_listing, listing, noise, open_up, read, seen, set_bits, set_time, text, write,
    write_all,
};
use crate::place::{Job, Place, figures};

/// Persists a tree with something of everything as build 1.
fn persisted() -> (Place, Job) {
    let place = Place::new();
    let job = place.job("work");
    write_all(
        &job.path("tree"),
        &[
            ("a", "a"),
            ("dir/b", "b"),
            ("dir/deep/c", "c"),
            ("other/d", "d"),
            ("none", ""),
        ],
    );
    write(&job.path("tree/large"), noise(1, 3 << 20));
    symlink("a", job.path("tree/link")).unwrap();
    fs::create_dir(job.path("tree/empty")).unwrap();
    set_bits(&job.path("tree/a"), 0o755);
    set_time(&job.path("tree/dir"), 1_500_000_000, 42);
    persist(&job, 1);
    (place, job)
}

/// Persists what is in `tree`, so that it arrives without that name in front.
#[track_caller]
fn persist(job: &Job, number: u64) {
    job.baton(&format!("persist . --root tree --number {number}"))
        .succeeds();
}

fn attach(job: &Job) -> Value {
    job.json("attach latest --at out")
}

#[test]
fn what_is_equal_is_left_alone() {
    let (_place, job) = persisted();
    let first = attach(&job);
    assert_eq!(figures(&first, "new_files files"), [6, 6]);
    let inode =
        |name: &str| std::os::unix::fs::MetadataExt::ino(&fs::metadata(job.path("out").join(name)).unwrap());
    let before = ["a", "dir/b", "large", "none"].map(inode);
    let second = attach(&job);
    assert_eq!(
        figures(&second, "new_files new_bytes fetched_bytes removed"),
        [0, 0, 0, 0]
    );
    assert_eq!(
        ["a", "dir/b", "large", "none"].map(inode),
        before,
        "not even written anew"
    );
    assert_same(&job.path("tree"), &job.path("out"));
}

#[test]
fn what_differs_is_replaced() {
    let (_place, job) = persisted();
    attach(&job);
    let out = job.path("out");
    write(&out.join("a"), "b");
    write(&out.join("dir/b"), "longer than before");
    write(&out.join("none"), "not empty");
    fs::remove_file(out.join("link")).unwrap();
    symlink("elsewhere", out.join("link")).unwrap();
    fs::remove_dir_all(out.join("other")).unwrap();
    write(&out.join("other"), "a file where a directory belongs");
    let report = attach(&job);
    assert_eq!(report["new_files"], 4);
    assert_same(&job.path("tree"), &out);
}

#[test]
fn modes_and_times_alone_are_mended_without_fetching() {
    let (_place, job) = persisted();
    attach(&job);
    let out = job.path("out");
    set_bits(&out.join("a"), 0o600);
    set_bits(&out.join("dir"), 0o700);
    set_time(&out.join("dir/b"), 1, 1);
    set_time(&out.join("large"), 2, 2);
    set_time(&out.join("dir"), 3, 3);
    set_time(&out.join("empty"), 4, 4);
    set_time(&out.join("link"), 5, 5);
    let report = attach(&job);
    assert_eq!(figures(&report, "new_files fetched_bytes"), [0, 0]);
    assert_same(&job.path("tree"), &out);
}

#[test]
fn what_the_tree_does_not_have_stays() {
    let (_place, job) = persisted();
    let out = job.path("out");
    write_all(
        &out,
        &[("mine", "mine"), ("dir/mine", "mine"), ("my/own/file", "mine")],
    );
    let before = listing(&out);
    attach(&job);
    for path in ["mine", "dir/mine", "my/own/file", "my/own", "my"] {
        assert_eq!(seen(&out.join(path)), before[Path::new(path)], "{path}");
    }
    assert_eq!(read(&out.join("dir/b")), "b");
}

#[test]
fn clean_removes_what_the_tree_does_not_have() {
    let (_place, job) = persisted();
    let out = job.path("out");
    write_all(
        &out,
        &[
            ("mine", "mine"),
            ("dir/mine", "mine"),
            ("my/own/file", "mine"),
            (".hidden", "mine"),
        ],
    );
    symlink("/etc", out.join("dir/link-out")).unwrap();
    let report = job.json("attach latest --at out --clean");
    assert_eq!(report["removed"], 7);
    assert_same(&job.path("tree"), &out);
    assert!(
        Path::new("/etc/passwd").exists(),
        "links are removed, not followed"
    );
}

#[test]
fn clean_removes_many_files_of_one_directory_in_time() {
    let (_place, job) = persisted();
    for number in 0..8000 {
        write(&job.path(&format!("out/dir/{number}")), "");
    }
    // A tenth of what it takes to look at all of them for each of them.
    let report = job.json("attach latest --at out --clean --timeout-seconds 10");
    assert_eq!(report["removed"], 8000);
    assert_same(&job.path("tree"), &job.path("out"));
}

#[test]
fn clean_also_removes_what_is_read_only() {
    let (place, job) = persisted();
    let out = job.path("out");
    write_all(
        &out,
        &[
            ("closed/inner/file", "mine"),
            ("closed/file", "mine"),
            ("dir/deep/c", "c"),
            ("dir/mine", "x"),
        ],
    );
    let Some(job) = place.without_privileges(job) else {
        return;
    };
    for (path, bits) in [("closed/file", 0o400), ("closed/inner", 0o555), ("closed", 0o555)] {
        set_bits(&out.join(path), bits);
    }
    job.baton("attach latest --at out --clean").succeeds();
    assert_same(&job.path("tree"), &out);
}

#[test]
fn directories_that_are_read_only_in_the_tree_can_be_attached_again() {
    let place = Place::new();
    let job = place.job("work");
    write_all(
        &job.path("tree"),
        &[("closed/file", "first"), ("closed/inner/file", "first")],
    );
    write_all(
        &job.path("next"),
        &[
            ("closed/file", "second"),
            ("closed/inner/file", "2nd"),
            ("closed/new", "new"),
        ],
    );
    let Some(job) = place.without_privileges(job) else {
        return;
    };
    for dir in [
        "tree/closed/inner",
        "tree/closed",
        "next/closed/inner",
        "next/closed",
    ] {
        set_bits(&job.path(dir), 0o555);
    }
    job.baton("persist . --root tree --number 1").succeeds();
    job.baton("persist . --root next --number 2").succeeds();
    job.baton("attach build:1 --at out").succeeds();
    assert_same(&job.path("tree"), &job.path("out"));
    job.baton("attach build:2 --at out --clean").succeeds();
    assert_same(&job.path("next"), &job.path("out"));
    job.baton("attach build:1 --at out --clean").succeeds();
    assert_same(&job.path("tree"), &job.path("out"));
}

#[test]
fn only_takes_what_matches_and_the_directories_above() {
    let (_place, job) = persisted();
    let paths = |words: &[&str]| {
        open_up(&job.path("out"));
        let _ = fs::remove_dir_all(job.path("out"));
        job.run([&["attach", "latest", "--at", "out"], words].concat())
            .succeeds();
        listing(&job.path("out"))
            .into_keys()
            .map(|path| path.display().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        paths(&["--only", "dir"]),
        ["dir", "dir/b", "dir/deep", "dir/deep/c"]
    );
    assert_eq!(
        paths(&["--only", "dir/deep/*"]),
        ["dir", "dir/deep", "dir/deep/c"]
    );
    assert_eq!(
        paths(&["--only", "**/?", "--only", "!other"]),
        ["a", "dir", "dir/b", "dir/deep", "dir/deep/c"]
    );
    assert_eq!(paths(&["--only", "{a,none}"]), ["a", "none"]);
    assert_eq!(seen(&job.path("out/a")), seen(&job.path("tree/a")));
    job.baton("attach latest --at out --only nothing")
        .ends(3)
        .tells("no path of the artifact matches --only");
    job.baton("attach latest --at out --only a[")
        .ends(1)
        .tells("close it");
}

#[test]
fn only_fetches_no_more_than_it_needs() {
    let (_place, job) = persisted();
    let report = job.json("attach latest --at out --only a");
    assert!(report["fetched_bytes"].as_u64().unwrap() < 100_000, "{report:#}");
    assert_eq!(report["files"], 1);
}

#[test]
fn clean_with_only_touches_nothing_that_only_leaves_out() {
    let (_place, job) = persisted();
    attach(&job);
    write(&job.path("out/mine"), "mine");
    write(&job.path("out/dir/mine"), "mine");
    job.baton("attach latest --at out --only dir --clean").succeeds();
    assert_eq!(read(&job.path("out/mine")), "mine");
    assert!(!job.path("out/dir/mine").exists());
    fs::remove_file(job.path("out/mine")).unwrap();
    assert_same(&job.path("tree"), &job.path("out"));
}

#[test]
fn a_dry_run_lists_its_steps_and_changes_nothing() {
    let (_place, job) = persisted();
    let out = job.path("out");
    write_all(
        &out,
        &[
            ("a", "b"),
            ("dir/b", "longer"),
            ("mine", "mine"),
            ("other", "a file"),
        ],
    );
    set_time(&out.join("dir"), 7, 7);
    set_time(&out, 8, 8);
    let before = (listing(&out), seen(&out));
    let plan = job.json("attach latest --at out --clean --dry-run");
    let steps: Vec<(&str, &str)> = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["action"].as_str().unwrap(), it["path"].as_str().unwrap()))
        .collect();
    let expected = [
        ("compare", "a"),
        ("replace", "dir/b"),
        ("create", "dir/deep"),
        ("create", "dir/deep/c"),
        ("create", "empty"),
        ("create", "large"),
        ("create", "link"),
        ("remove", "mine"),
        ("create", "none"),
        ("replace", "other"),
        ("create", "other/d"),
    ];
    assert_eq!(steps, expected);
    job.baton("attach latest --at out --dry-run")
        .succeeds()
        .tells("would attach 6 files");
    assert_eq!((listing(&out), seen(&out)), before);
}

#[test]
fn a_dry_run_into_a_directory_that_is_not_there_makes_none() {
    let (_place, job) = persisted();
    let plan = job.json("attach latest --at not/yet --dry-run");
    assert_eq!(plan["files"], 6);
    assert!(!job.path("not").exists());
}

#[test]
fn a_symlink_in_the_way_is_replaced_and_never_followed() {
    let (place, job) = persisted();
    let outside = place.path("outside");
    write_all(&outside, &[("file", "precious"), ("dir/b", "precious")]);
    let before = listing(&outside);
    let out = job.path("out");
    fs::create_dir(&out).unwrap();
    symlink(outside.join("file"), out.join("a")).unwrap();
    symlink(outside.join("file"), out.join("large")).unwrap();
    symlink(outside.join("dir"), out.join("dir")).unwrap();
    symlink(outside.join("dir"), out.join("empty")).unwrap();
    symlink(outside.join("new"), out.join("none")).unwrap();
    attach(&job);
    assert_same(&job.path("tree"), &out);
    assert_same_listing(&listing(&outside), &before);
    // Attaching over the outcome follows none of the tree's own links either.
    fs::remove_file(out.join("a")).unwrap();
    write(&out.join("a"), "x");
    attach(&job);
    assert_same(&job.path("tree"), &out);
}

#[test]
fn a_directory_in_the_way_of_a_file_gives_way_only_to_clean() {
    let (_place, job) = persisted();
    let out = job.path("out");
    write_all(&out, &[("a/precious", "mine"), ("link/precious", "mine")]);
    let before = listing(&out);
    job.baton("attach latest --at out")
        .ends(1)
        .tells("the tree has a file or a symlink where a directory exists")
        .tells("--clean");
    assert_same_listing(&listing(&out), &before);
    let report = job.json("attach latest --at out --clean");
    assert_eq!(report["removed"], 4);
    assert_same(&job.path("tree"), &out);
}

#[test]
fn a_large_file_that_changed_in_one_place_is_fetched_in_part() {
    let place = Place::new();
    let job = place.job("work");
    let mut content = noise(1, 12 << 20);
    write(&job.path("tree/large"), &content);
    persist(&job, 1);
    attach(&job);
    content[6 << 20] ^= 1;
    write(&job.path("tree/large"), &content);
    persist(&job, 2);
    let report = attach(&job);
    let fetched = report["fetched_bytes"].as_u64().unwrap();
    assert!(
        0 < fetched && fetched < 3 << 20,
        "{fetched} of {} bytes were fetched",
        content.len()
    );
    assert_eq!(report["new_files"], 1);
    assert_same(&job.path("tree"), &job.path("out"));
}

#[test]
fn the_target_and_those_above_it_are_made() {
    let (_place, job) = persisted();
    job.baton("attach latest --at not/there/yet").succeeds();
    assert_same(&job.path("tree"), &job.path("not/there/yet"));
    // A link to a directory is as good as the directory.
    symlink("not/there/yet", job.path("link")).unwrap();
    write(&job.path("link/a"), "b");
    job.baton("attach latest --at link").succeeds();
    assert_same(&job.path("tree"), &job.path("not/there/yet"));
}

#[test]
fn a_target_that_cannot_be_one_is_refused() {
    let (_place, job) = persisted();
    write(&job.path("file"), "precious");
    job.baton("attach latest --at file")
        .ends(1)
        .tells("the target file cannot be used")
        .tells("--at must name");
    job.baton("attach latest --at file/below")
        .ends(1)
        .tells("the target file/below cannot be used");
    job.baton("attach latest --at file --dry-run")
        .ends(1)
        .tells("the target file cannot be used")
        .tells("file is a file, not a directory")
        .omits("File exists");
    symlink("nowhere", job.path("dangling")).unwrap();
    for words in ["dangling", "dangling/below", "dangling --dry-run", "file/below"] {
        let tells = match words.starts_with("file") {
            true => "file is a file, not a directory",
            false => "dangling is a symlink to nowhere, which does not exist",
        };
        job.baton(&format!("attach latest --at {words}"))
            .ends(1)
            .tells(tells)
            .omits("File exists");
    }
    assert!(job.path("dangling").is_symlink());
    assert_eq!(read(&job.path("file")), "precious");
}

#[test]
fn a_target_that_is_read_only_is_refused() {
    let (place, job) = persisted();
    let out = job.path("out");
    write(&out.join("a"), "old");
    let Some(job) = place.without_privileges(job) else {
        return;
    };
    set_bits(&out, 0o555);
    let before = listing(&out);
    job.baton("attach latest --at out")
        .ends(1)
        .tells("permission denied")
        .tells("hint: ");
    assert_same_listing(&listing(&out), &before);
    job.baton("attach latest --at out/below")
        .ends(1)
        .tells("the target out/below cannot be used");
}

#[test]
fn what_a_killed_run_left_is_removed() {
    let (_place, job) = persisted();
    let out = job.path("out");
    write_all(
        &out,
        &[
            (".baton-attach/f/1", "half a file"),
            (".baton-attach/t/2/inner/x", "half a tree"),
        ],
    );
    set_bits(&out.join(".baton-attach/t/2/inner"), 0o500);
    set_bits(&out.join(".baton-attach"), 0o700);
    attach(&job);
    assert_same(&job.path("tree"), &out);
}

#[test]
fn what_a_killed_run_left_is_never_persisted() {
    let (_place, job) = persisted();
    write(&job.path("tree/.baton-attach/f/1"), "half a file");
    write(&job.path("tree/dir/.baton-attach/f/1"), "half a file");
    job.baton("persist . --root tree --number 2")
        .succeeds()
        .tells("left out the staging directory of an interrupted attach");
    // Also where the root is further up.
    job.baton("persist tree --number 3")
        .succeeds()
        .tells("left out the staging directory of an interrupted attach");
    for build in ["build:2", "build:3"] {
        let shown = job.baton(&format!("show {build}")).succeeds();
        assert!(!shown.out.contains(".baton-attach"), "{}", shown.out);
    }
    fs::remove_dir_all(job.path("tree/.baton-attach")).unwrap();
    fs::remove_dir_all(job.path("tree/dir/.baton-attach")).unwrap();
    set_time(&job.path("tree/dir"), 1_500_000_000, 42);
    job.baton("attach build:1 --at out").succeeds();
    assert_same(&job.path("tree"), &job.path("out"));
}

#[test]
fn a_name_that_attach_needs_for_itself_is_refused() {
    let (place, job) = persisted();
    let key = &place.store().records("numbers")[0];
    let empty = blake3::hash(b"").to_hex().to_string();
    let file = serde_json::json!({
        "path": ".baton-attach", "kind": "file", "mode": "644", "modified": [0, 0], "size": 0, "digest": empty,
    });
    let header = serde_json::json!({ "baton": "tree", "version": 1, "entries": 1, "packs": 0 });
    let tree = place.store().put_tree(&[header, file]);
    place
        .store()
        .forge_record(key, |record| record["tree"] = tree.clone().into());
    job.baton("attach build:1 --at out")
        .ends(1)
        .tells("a name that attach reserves: .baton-attach");
    assert_eq!(listing(&job.path("out")).len(), 0);
}

#[test]
fn two_attaches_into_one_directory_at_once_both_succeed() {
    let place = Place::new();
    let job = place.job("work");
    for number in 0..40 {
        write(&job.path(&format!("tree/{number}")), text(number, 300_000));
    }
    persist(&job, 1);
    for _ in 0..5 {
        let _ = fs::remove_dir_all(job.path("out"));
        let runs: Vec<_> = (0..3).map(|_| job.start("attach latest --at out")).collect();
        for run in runs {
            let output = run.wait_with_output().unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        assert_same(&job.path("tree"), &job.path("out"));
    }
}

#[test]
fn each_build_is_named_once() {
    let place = Place::new();
    for (number, name) in (1..).zip(["a", "b", "c", "d", "e", "f"]) {
        let job = place.circle("build", 800);
        write(&job.path("dist/file"), "x");
        job.baton(&format!("persist dist --name {name}")).succeeds();
        let job = place.circle(name, number);
        write(&job.path("other/file"), "x");
        job.baton("persist other").succeeds();
    }
    let deploy = place.circle("deploy", 900);
    deploy
        .baton("attach --at out")
        .succeeds()
        .tells(" and 2 more builds; ");
    let ran = deploy.baton("attach --at out --job build").succeeds();
    assert_eq!(ran.err.matches("build:800").count(), 1, "{}", ran.err);
}

#[test]
fn attaching_changes_nothing_in_the_store() {
    let (place, job) = persisted();
    let before = place.store().everything();
    attach(&job);
    for words in [
        "latest",
        "builds",
        "show",
        "attach latest --at out --clean",
        "policy attach --at out",
        "component",
    ] {
        job.baton(words).succeeds();
    }
    assert_eq!(place.store().everything(), before);
}

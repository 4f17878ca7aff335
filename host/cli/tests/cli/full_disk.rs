//! A disk that is full or read-only: a small file system that is mounted for the test, where that is allowed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::files::{assert_same, assert_same_listing, listing, noise, write, write_all};
use crate::place::{Job, Place};

/// A file system in memory, mounted as long as this lives.
struct Disk(PathBuf);

impl Disk {
    /// Mounts a disk of some MiB, or says why it cannot be.
    fn mount(at: &Path, mib: u32) -> Option<Disk> {
        std::fs::create_dir_all(at).unwrap();
        let options = format!("size={mib}m,mode=755");
        match run(
            "mount",
            &["-t", "tmpfs", "-o", &options, "baton-test", at.to_str().unwrap()],
        ) {
            Ok(output) if output.status.success() => Some(Disk(at.to_owned())),
            other => {
                println!("skipped: nothing can be mounted here: {other:?}");
                None
            }
        }
    }

    fn remount(&self, options: &str) {
        let output = run(
            "mount",
            &["-o", &format!("remount,{options}"), self.0.to_str().unwrap()],
        )
        .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(run("umount", &["-l", self.0.to_str().unwrap()]));
    }
}

fn run(program: &str, arguments: &[&str]) -> std::io::Result<Output> {
    Command::new(program).args(arguments).output()
}

/// A job with 8 MiB to persist.
fn job(place: &Place) -> Job {
    let job = place.job("work");
    write_all(job.dir(), &[("small/file", "small")]);
    for number in 0..4 {
        write(&job.path(&format!("tree/small-{number}")), noise(number, 500_000));
    }
    write(&job.path("tree/large"), noise(9, 6 << 20));
    job
}

#[test]
fn a_full_target_is_left_as_it_was() {
    let place = Place::new();
    let job = job(&place);
    job.baton("persist . --root tree --number 1").succeeds();
    let Some(disk) = Disk::mount(&place.path("disk"), 4) else {
        return;
    };
    let out = place.path("disk/out");
    write_all(&out, &[("mine", "mine"), ("small-1", "old")]);
    let before = listing(&out);
    for words in ["attach latest --at ../disk/out", "attach latest --at ../disk/new"] {
        job.baton(words)
            .ends(1)
            .tells("No space left")
            .tells("hint: free some space");
        assert_same_listing(&listing(&out), &before);
    }
    disk.remount("size=40m");
    job.baton("attach latest --at ../disk/out --clean").succeeds();
    assert_same(&job.path("tree"), &out);
}

#[test]
fn a_full_store_answers_as_before() {
    let place = Place::new();
    let job = job(&place);
    let Some(disk) = Disk::mount(&place.path("store"), 4) else {
        return;
    };
    job.baton("persist . --root small --number 1").succeeds();
    job.baton("persist . --root tree --number 2")
        .ends(1)
        .tells("No space left")
        .tells("hint: free some space");
    job.baton("latest").succeeds().prints(["build:1"]);
    job.baton("show build:2").ends(3);
    let temporary = listing(&place.path("store/.tmp"));
    assert!(temporary.is_empty(), "nothing half-written stays: {temporary:?}");
    job.baton("attach latest --at out").succeeds();
    disk.remount("size=40m");
    job.baton("persist . --root tree --number 2").succeeds();
    job.baton("attach latest --at out --clean").succeeds();
    assert_same(&job.path("tree"), &job.path("out"));
}

#[test]
fn a_store_that_fills_up_at_any_object_answers_as_before_or_after() {
    let place = Place::new();
    let job = place.job("work").set("BATON_WORKSPACE", "w1");
    write_all(job.dir(), &[("tree/file", "content"), ("tree/other", "content")]);
    let Some(disk) = Disk::mount(&place.path("store"), 4) else {
        return;
    };
    job.baton("persist tree --number 1").succeeds();
    // Each turn leaves a page more than the one before, so that each object is once the first without room.
    let filler = place.path("store/.filler");
    let mut failures = 0;
    for pages in 0..14 {
        write(&job.path("tree/file"), format!("content {pages}"));
        std::fs::write(&filler, "").unwrap();
        let free = run("stat", &["-f", "-c", "%f", disk.0.to_str().unwrap()]).unwrap();
        let free: usize = String::from_utf8(free.stdout).unwrap().trim().parse().unwrap();
        std::fs::write(&filler, vec![1; free.saturating_sub(pages) * 4096]).unwrap();
        let number = 10 + pages;
        let before = job.baton("latest").succeeds().out;
        let ran = job.baton(&format!("persist tree --number {number}"));
        let expected = if ran.code == Some(0) {
            format!("build:{number}\n")
        } else {
            before
        };
        failures += usize::from(ran.code != Some(0));
        assert_eq!(job.baton("latest").succeeds().out, expected, "with {pages} pages");
        std::fs::remove_file(&filler).unwrap();
        job.baton("attach latest --at out").succeeds();
        job.baton(&format!("persist tree --number {number}")).succeeds();
        job.baton("attach workspace --at out").succeeds();
        assert_same(&job.path("tree"), &job.path("out/tree"));
        std::fs::remove_dir_all(job.path("out")).unwrap();
    }
    assert!(
        (4..14).contains(&failures),
        "{failures} of 14 persists ran out of space"
    );
}

#[test]
fn a_read_only_target_or_store_is_refused() {
    let place = Place::new();
    let job = job(&place);
    job.baton("persist . --root small --number 1").succeeds();
    let Some(disk) = Disk::mount(&place.path("disk"), 20) else {
        return;
    };
    write_all(&place.path("disk/out"), &[("file", "old")]);
    write(&place.path("disk/file"), "x");
    place
        .job("work")
        .store(&place.path("disk/store"))
        .baton("persist . --root small --number 1")
        .succeeds();
    let before = listing(&place.path("disk"));
    disk.remount("ro");
    for words in [
        "attach latest --at ../disk/out",
        "attach latest --at ../disk/new",
        "persist . --root tree --store ../disk/store",
        "persist . --root tree --store ../disk/new",
    ] {
        job.baton(words).ends(1).tells("ead-only file system");
    }
    assert_same_listing(&listing(&place.path("disk")), &before);
    // To read needs no more than that.
    job.baton("latest --store ../disk/store")
        .succeeds()
        .prints(["build:1"]);
    job.baton("attach latest --at out --store ../disk/store")
        .succeeds();
    job.baton("attach latest --at ../disk/out --dry-run").succeeds();
}

//! Memory does not grow with the number of files: the same commands over few files and over many.
//!
//! The large figures of CHANGELOG.md and ARCHITECTURE.md come from the same commands over more: make 2,000,000 files, and run
//! `/usr/bin/time -v baton persist .`, `persist .` again, `attach latest --at new`, `attach latest --at new` again,
//! `show latest`, `show latest --format json`, `diff latest build:1`, and both dry runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::json;

use crate::files::write;
use crate::history;
use crate::place::{Job, Place};

/// The memory that many more entries may add: the pages of the scratch space in memory, 16 MiB, and some noise.
const GROWTH_MIB_MAX: u64 = 28;
/// The memory limit of an instance of the component, for any number of entries. The default is 512.
const INSTANCE_MIB: &str = "48";

/// Creates entries with paths of some 230 bytes. Most are symlinks, which cost the fewest system calls.
fn fill(root: &Path, entries: usize) {
    for number in 0..entries {
        let dir = root.join(format!("{:0>100}", number / 500));
        if number % 500 == 0 {
            fs::create_dir_all(&dir).unwrap();
        }
        let path = dir.join(format!("{number:0>120}"));
        match number % 10 {
            0 => write(&path, number.to_string()),
            _ => symlink("a target that is of some length, too", path).unwrap(),
        }
    }
}

/// Runs baton to its end. Returns the most memory that it had, in MiB.
fn peak_mib(job: &Job, words: &str) -> u64 {
    let (ran, peak_mib) = job.observed(&format!("{words} --memory-mib {INSTANCE_MIB}"));
    ran.succeeds();
    peak_mib
}

/// The peak of each command, in MiB.
fn peaks(entries: usize) -> Vec<(&'static str, u64)> {
    let place = Place::in_memory();
    let job = place.job("work").set("BATON_WORKERS", "2");
    fill(&job.path("root"), entries);
    let mut peaks = Vec::new();
    let mut run = |words: &'static str| peaks.push((words, peak_mib(&job, words)));
    run("persist root --number 1 --dry-run");
    run("persist root --number 1");
    run("persist root --number 2");
    run("attach build:1 --at out --dry-run");
    run("attach build:1 --at out");
    write(&job.path("root/another"), "new");
    run("persist root --number 3");
    run("attach build:3 --at out --dry-run --format json");
    run("attach build:3 --at out --clean");
    run("show build:3");
    run("show build:3 --format json");
    run("diff build:1 build:3");
    fs::remove_dir_all(job.path("root")).unwrap();
    write(&job.path("root/only"), "new");
    run("persist root --number 4");
    run("diff build:3 build:4 --format json");
    run("attach build:4 --at out --clean --dry-run");
    run("verify build:3");
    peaks
}

#[test]
#[cfg(target_os = "linux")]
fn many_entries_take_no_more_memory_than_few() {
    // The highest of all: a peak just before the end of a short process may be missed.
    let few_mib = peaks(2_000).into_iter().map(|(_, mib)| mib).max().unwrap();
    for (words, many_mib) in peaks(40_000) {
        assert!(
            many_mib <= few_mib + GROWTH_MIB_MAX,
            "2,000 entries take at most {few_mib} MiB, and `{words}` takes {many_mib} MiB for 40,000"
        );
    }
}

/// The highest peak of the commands that look at every build of a store, in MiB.
fn peak_of_builds(builds: u64) -> u64 {
    let place = Place::in_memory();
    let job = place.job("work");
    write(&job.path("file"), "content");
    job.baton(&format!("persist file --run {builds} --number {builds}"))
        .succeeds();
    history::lengthen(&place.path("store"), builds).unwrap();
    if builds <= 1000 {
        let shown = job.json("verify --all");
        assert_eq!(shown["records"], builds, "{shown}");
        assert_eq!(shown["findings"], json!([]), "{shown}");
    }
    let commands = [
        "verify --all",
        "prune --keep-last 10 --drop-damaged --dry-run --format json",
        "prune --keep-last 10 --grace 0s --no-other-writers",
    ];
    let peak = commands.map(|words| peak_mib(&job, words)).into_iter().max();
    assert_eq!(job.json("verify --all")["records"], 10);
    peak.unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn many_builds_take_little_more_memory_than_few() {
    /// The memory of the scratch space and two sorts, and 300 bytes for each of 30,000 builds.
    const GROWTH_MIB_MAX: u64 = 64;
    let (few_mib, many_mib) = (peak_of_builds(100), peak_of_builds(30_000));
    assert!(
        many_mib <= few_mib + GROWTH_MIB_MAX,
        "100 builds take at most {few_mib} MiB, and 30,000 take {many_mib} MiB"
    );
}

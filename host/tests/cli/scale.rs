//! Memory does not grow with the number of files: the same commands over few files and over many.
//!
//! The large figures of CHANGELOG.md and ARCHITECTURE.md come from the same commands over more: make 2,000,000 files, and run
//! `/usr/bin/time -v baton persist .`, `persist .` again, `attach latest --at new`, `attach latest --at new` again,
//! `show latest`, `show latest --format json`, `diff latest build:1`, and both dry runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use crate::files::write;
use crate::place::{Job, Place};

/// What many more entries may add: the pages of the scratch space that stay in memory, 16 MiB, and some noise.
const GROWTH_MIB_MAX: u64 = 28;
/// What an instance of the component may use, whatever the number of entries. The default is 512.
const INSTANCE_MIB: &str = "48";

/// Makes entries with paths of some 230 bytes. Most are symlinks, which cost the fewest system calls.
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
    let mut child = job
        .command(words.split_whitespace().chain(["--memory-mib", INSTANCE_MIB]))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(&status).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.split_whitespace().next()?.parse().ok());
        peak_kib = peak_kib.max(kib.unwrap_or_default());
        sleep(Duration::from_millis(1));
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}: {said}");
    peak_kib >> 10
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
    for (few, many) in peaks(2_000).into_iter().zip(peaks(40_000)) {
        let (words, few_mib) = few;
        let (_, many_mib) = many;
        assert!(
            many_mib <= few_mib + GROWTH_MIB_MAX,
            "`{words}` takes {few_mib} MiB for 2,000 entries, and {many_mib} MiB for 40,000"
        );
    }
}

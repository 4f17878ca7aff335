//! Interrupted runs: each leaves the directory as it was, or complete.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::files::{Listing, assert_same_listing, listing, noise, write, write_all};
use crate::place::{Job, Place};

/// Whether some file below a directory, in which things come and go, has something in it.
fn holds_bytes(dir: &Path) -> bool {
    let holds = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => holds_bytes(&entry.path()),
        // A file gets its size when it is planned, and its bytes from a worker.
        Ok(metadata) => std::os::unix::fs::MetadataExt::blocks(&metadata) > 0,
        Err(_) => false,
    };
    fs::read_dir(dir).into_iter().flatten().flatten().any(holds)
}

/// Runs baton, and sends it SIGTERM as soon as `is_time`.
fn terminated(job: &Job, words: &str, is_time: impl Fn() -> bool) -> Output {
    let run = job.start(words);
    while !is_time() {
        sleep(Duration::from_millis(1));
    }
    // It may have ended already: nobody has waited for it yet, so no other process has its id.
    let _ = kill_process(Pid::from_child(&run), Signal::TERM);
    run.wait_with_output().unwrap()
}

#[test]
fn a_signal_ends_a_run_in_order() {
    let place = Place::new();
    let job = place.job("work");
    for number in 0..30 {
        write(&job.path(&format!("tree/{number}")), noise(number, 4 << 20));
    }
    job.baton("persist tree --number 1").succeeds();
    write_all(&job.path("out"), &[("mine", "mine")]);
    let before = listing(&job.path("out"));
    let staging = job.path("out/.baton-attach");
    let output = terminated(&job, "attach latest --at out", || holds_bytes(&staging));
    let tells = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{tells}");
    assert!(
        tells.contains("error: interrupted") && tells.contains("hint: run the command again"),
        "{tells}"
    );
    assert_same_listing(&listing(&job.path("out")), &before);
}

/// Writes the files that attach will find: some stay, some change, some are removed, and some directories are new.
fn fill(root: &Path, version: u64) {
    for number in 0..300 {
        let dir = number % 20;
        write(
            &root.join(format!("tree/{dir}/{number}")),
            format!("{version} {number}"),
        );
        write(&root.join(format!("tree/new-{version}/{dir}/{number}")), "new");
    }
    for number in 0..4 {
        write(
            &root.join(format!("tree/large/{number}")),
            noise(number + version, 5 << 20),
        );
    }
}

#[test]
fn an_attach_that_is_interrupted_at_any_time_leaves_what_was_there_or_is_complete() {
    const TIMES: u32 = 24;
    let place = Place::in_memory();
    let job = place.job("work");
    let mut versions: Vec<Listing> = Vec::new();
    for version in [1, 2] {
        let _ = fs::remove_dir_all(job.path("tree"));
        fill(job.dir(), version);
        job.baton(&format!("persist tree --number {version}")).succeeds();
        versions.push(listing(&job.path("tree")));
    }
    let began = Instant::now();
    job.baton("attach build:2 --at out/tree --strip 1").succeeds();
    let takes = began.elapsed();
    let words = "attach build:2 --at out/tree --strip 1 --clean";
    let (mut ended, mut completed) = (0, 0);
    let mut after = Duration::ZERO;
    // Closer to each other where it is at work, and until it was complete a few times, on a busy machine too.
    while completed < 3 {
        let _ = fs::remove_dir_all(job.path("out"));
        job.baton("attach build:1 --at out/tree --strip 1").succeeds();
        let began = Instant::now();
        let output = terminated(&job, words, || began.elapsed() >= after);
        let is = listing(&job.path("out/tree"));
        match output.status.code() {
            Some(0) => {
                completed += 1;
                assert_same_listing(&is, &versions[1]);
            }
            // Without a code it had not begun.
            code => {
                assert!(matches!(code, Some(1) | None), "{output:?}");
                ended += 1;
                assert_same_listing(&is, &versions[0]);
            }
        }
        after += if after < takes { takes / TIMES } else { takes / 4 };
    }
    assert!(ended > 3, "{ended} ended");
}

#[test]
fn a_wait_for_another_attach_can_be_interrupted() {
    let place = Place::new();
    let job = place.job("work");
    write(&job.path("tree/file"), "content");
    job.baton("persist tree --number 1").succeeds();
    fs::create_dir(job.path("out")).unwrap();
    let held = fs::File::open(job.path("out")).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let began = Instant::now();
    let output = terminated(&job, "attach latest --at out", || {
        began.elapsed() > Duration::from_secs(1)
    });
    let tells = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{tells}");
    assert!(tells.contains("error: interrupted"), "{tells}");
    assert!(began.elapsed() < Duration::from_secs(10));
}

//! Killed at any moment: the store answers as before or as after, every file that has its name is whole, and the next
//! run succeeds.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::thread;
use std::time::{Duration, Instant};

use crate::files::{assert_same, listing, noise, seen, text, write};
use crate::place::{Job, Place};

/// The duration of each of the two tests, and the maximum number of kills.
const LONG: Duration = Duration::from_secs(20);
const KILLS: u64 = 40;

/// Starts baton, and kills it some time before it would be done. Returns whether it was done before that, and when it
/// was killed.
fn killed(job: &Job, words: &str, usual: Duration) -> (bool, Duration) {
    let after = usual.mul_f64(RandomState::new().hash_one(words) as f64 / u64::MAX as f64 * 1.1);
    let mut run = job.start(words);
    thread::sleep(after);
    run.kill().unwrap();
    (run.wait().unwrap().success(), after)
}

/// Returns how long a run takes that nobody disturbs.
fn timed(job: &Job, words: &str) -> Duration {
    let started = Instant::now();
    job.baton(words).succeeds();
    started.elapsed()
}

/// Writes the files of a build: some stay, some change, some are new.
fn write_build(job: &Job, tree: &str, build: u64) {
    let path = |name: &str| job.path(tree).join(name);
    for number in 0..150 {
        let seed = if number % 10 == build % 10 {
            build * 1000 + number
        } else {
            number
        };
        write(
            &path(&format!("text/{}/{number}", number % 5)),
            text(seed, 15_000),
        );
    }
    for number in 0..6 {
        let seed = if number == build % 6 {
            build * 1000 + number
        } else {
            number
        };
        write(&path(&format!("noise/{number}")), noise(seed, 3 << 20));
    }
    write(&path(&format!("new/in-{build}/file")), noise(build, 2 << 20));
}

#[test]
fn a_persist_that_is_killed_leaves_the_old_answer_or_the_new_one() {
    let place = Place::new();
    let job = place
        .job("work")
        .set("BATON_WORKSPACE", "w1")
        .set("BATON_JOB", "build");
    write_build(&job, "tree", 1);
    let usual = timed(&job, "persist tree --number 1");
    let (started, mut last, mut ended) = (Instant::now(), 1, 0);
    for number in 2..KILLS + 2 {
        write_build(&job, "tree", number);
        let (done, after) = killed(&job, &format!("persist tree --number {number}"), usual);
        ended += u64::from(done);
        let answer = job.baton("latest").succeeds().out;
        let now: u64 = answer.trim_end().strip_prefix("build:").unwrap().parse().unwrap();
        assert!(
            now == last && !done || now == number,
            "{now} after {last}, killed after {after:?}"
        );
        last = now;
        // What is visible is whole.
        if number % 5 == 0 {
            job.baton("attach latest --at checked --clean").succeeds();
            job.baton("attach workspace --at checked --clean").succeeds();
        }
        // The same step again completes what was begun, whatever that was.
        if number % 4 == 0 {
            job.baton(&format!("persist tree --number {number}")).succeeds();
            job.baton("latest").succeeds().prints([format!("build:{number}")]);
            last = number;
        }
        if started.elapsed() > LONG {
            break;
        }
    }
    println!("{ended} of the runs were done before they were killed");
    job.baton("persist tree --number 1000").succeeds();
    job.baton("attach latest --at out").succeeds();
    assert_same(&job.path("tree"), &job.path("out/tree"));
    job.baton("attach workspace --at workspace").succeeds();
    assert_same(&job.path("tree"), &job.path("workspace/tree"));
}

#[test]
fn an_attach_that_is_killed_leaves_no_file_that_is_not_whole() {
    let place = Place::new();
    let job = place.job("work");
    for (tree, number) in [("one", 1), ("two", 2)] {
        write_build(&job, tree, number);
        job.baton(&format!("persist . --root {tree} --number {number}"))
            .succeeds();
    }
    let trees = ["one", "two"].map(|tree| listing(&job.path(tree)));
    let usual = timed(&job, "attach build:1 --at out").max(Duration::from_millis(50));
    let started = Instant::now();
    for turn in 0..KILLS {
        if turn % 3 == 2 {
            fs::remove_dir_all(job.path("out")).unwrap();
        }
        let words = format!("attach build:{} --at out --clean", turn % 2 + 1);
        let (done, after) = killed(&job, &words, usual);
        for path in listing(&job.path("out"))
            .keys()
            .filter(|path| !path.starts_with(".baton-attach"))
        {
            let found = seen(&job.path("out").join(path));
            let is_file = job.path("out").join(path).is_file();
            let whole = trees.iter().any(|tree| tree.get(path) == Some(&found));
            assert!(
                whole || !is_file,
                "{path:?} is not whole, killed after {after:?}: {found:?}"
            );
        }
        if done || turn % 2 == 0 {
            job.baton(&words).succeeds();
            assert_same(&job.path(["one", "two"][turn as usize % 2]), &job.path("out"));
        }
        if started.elapsed() > LONG {
            break;
        }
    }
    job.baton("attach build:2 --at out --clean").succeeds();
    assert_same(&job.path("two"), &job.path("out"));
}

#[test]
fn a_persist_that_is_killed_is_no_obstacle_to_one_that_runs_meanwhile() {
    let place = Place::new();
    let job = place.job("work");
    write_build(&job, "tree", 1);
    let usual = timed(&job, "persist tree --number 1 --name warm");
    for number in 1..=5 {
        let other = job.start(&format!("persist tree --number {}", number * 2));
        let _ = killed(&job, &format!("persist tree --number {}", number * 2 + 1), usual);
        let output = other.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        job.baton(&format!("attach build:{} --at out --clean", number * 2))
            .succeeds();
        assert_same(&job.path("tree"), &job.path("out/tree"));
    }
}

//! Many processes at once on one store.

use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::files::{noise, text, write};
use crate::place::{Job, Place};

/// The time for which persists, attaches and prunes run concurrently.
const LONG: Duration = Duration::from_secs(60);

fn persist(job: &Job, number: u64) {
    write(&job.path("version"), number.to_string());
    job.clone().number(number).baton("persist version").succeeds();
}

/// Waits for a process. Returns its exit code.
fn ended(child: Child) -> i32 {
    let output = child.wait_with_output().unwrap();
    let code = output.status.code().unwrap();
    assert!(
        matches!(code, 0 | 3),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    code
}

/// Checks that a history is one: numbered without a gap, each move based on the one before.
fn events(job: &Job) -> Vec<Value> {
    let mut events = job.json("history production --limit 1000")["events"]
        .as_array()
        .unwrap()
        .clone();
    events.reverse();
    let mut before = Value::Null;
    for (event, sequence) in events.iter().zip(1..) {
        assert_eq!(event["sequence"], sequence);
        assert_eq!(event["based_on"], sequence - 1);
        assert_eq!(event["previous"], before);
        before = event["build"].clone();
    }
    events
}

#[test]
fn sixteen_processes_that_promote_at_once_make_one_history() {
    let place = Place::new();
    let job = place.job("work");
    for number in 1..=16 {
        persist(&job, number);
    }
    // All the same build: each of the moves is in the history.
    let children: Vec<_> = (0..16).map(|_| job.start("promote build:1 production")).collect();
    assert!(children.into_iter().map(ended).all(|code| code == 0));
    assert_eq!(events(&job).len(), 16);
    // Each another one: who is overtaken by a newer build stops, and the newest wins.
    let children: Vec<_> = (1..=16)
        .map(|number| job.start(&format!("promote build:{} production", (number * 7) % 16 + 1)))
        .collect();
    let done = children.into_iter().map(ended).filter(|code| *code == 0).count();
    let events = events(&job);
    assert_eq!(events.len(), 16 + done);
    let numbers: Vec<_> = events
        .iter()
        .map(|event| event["build"]["number"].as_u64())
        .collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    assert_eq!(numbers.last(), Some(&Some(16)));
    // Each on the condition that nobody else was first: one is.
    let children: Vec<_> = (0..16)
        .map(|_| job.start("promote build:8 production --if-current build:16"))
        .collect();
    assert_eq!(
        children.into_iter().map(ended).filter(|code| *code == 0).count(),
        1
    );
    job.baton("verify --all --data").succeeds();
}

#[test]
fn latest_never_moves_backwards_while_builds_come_in_any_order() {
    const BUILDS: u64 = 96;
    let place = Place::new();
    let poller = place.job("poller");
    persist(&place.job("first"), 1);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let persisters: Vec<_> = (0..8)
            .map(|process| {
                let place = &place;
                scope.spawn(move || {
                    let job = place.job(&format!("process-{process}"));
                    // 35 has no factor in common with 96, so each number comes once, in a wild order.
                    for turn in (process..BUILDS).step_by(8) {
                        persist(&job, turn * 35 % BUILDS + 2);
                    }
                })
            })
            .collect();
        let polled = scope.spawn(|| {
            let (mut last, mut polls) = (1, 0);
            while !done.load(Ordering::Relaxed) {
                let answer = poller.baton("latest").succeeds().out;
                let now: u64 = answer.trim_end().strip_prefix("build:").unwrap().parse().unwrap();
                assert!(now >= last, "{now} after {last}");
                (last, polls) = (now, polls + 1);
            }
            polls
        });
        let ended: Vec<_> = persisters
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        done.store(true, Ordering::Relaxed);
        ended.into_iter().for_each(|ended| ended.unwrap());
        assert!(polled.join().unwrap() > 10);
    });
    poller
        .baton("latest")
        .succeeds()
        .prints([format!("build:{}", BUILDS + 1)]);
}

/// Writes some files of which a few differ from build to build, and a large one that changes in part.
fn write_tree(job: &Job, number: u64) {
    for file in 0..20 {
        let seed = if file % 5 == number % 5 { number } else { file };
        write(&job.path(&format!("tree/{file}")), text(seed, 20_000));
    }
    let mut large = noise(1, 2 << 20);
    large.truncate((1 << 20) + (number % 7 * 100_000) as usize);
    write(&job.path("tree/large"), large);
}

#[test]
fn persists_attaches_and_prunes_lose_nothing_beside_each_other() {
    let place = Place::in_memory();
    let first = place.job("first");
    write_tree(&first, 1);
    first.clone().number(1).baton("persist tree").succeeds();
    let until = Instant::now() + LONG;
    thread::scope(|scope| {
        for process in 0..2 {
            let place = &place;
            scope.spawn(move || {
                let job = place.job(&format!("persist-{process}"));
                for number in (2..).map(|turn| turn * 2 + process) {
                    if Instant::now() > until {
                        break;
                    }
                    // The same trees come again, so that what is condemned is wanted again.
                    write_tree(&job, number % 4);
                    job.clone().number(number).baton("persist tree").succeeds();
                }
            });
        }
        let place = &place;
        scope.spawn(move || {
            let job = place.job("attach");
            while Instant::now() < until {
                job.baton("attach latest --at out --clean").succeeds();
            }
        });
        for _ in 0..2 {
            scope.spawn(move || {
                let job = place.job("prune");
                let mut removed = 0;
                while Instant::now() < until {
                    let ran = job.baton("prune --keep-last 2 --grace 1s --no-other-writers --format json");
                    // One of two prunes at once is told that the other one came first.
                    assert!(matches!(ran.code, Some(0 | 3)), "{}", ran.err);
                    let pruned: Value = serde_json::from_str(&ran.out).unwrap();
                    removed += pruned["removed"].as_u64().unwrap_or_default();
                }
                removed
            });
        }
    });
    let job = place.job("after");
    job.baton("verify --all --data").succeeds();
    let builds = job.json("builds --limit 1000")["builds"]
        .as_array()
        .unwrap()
        .len();
    assert!(builds < 30, "the prunes have pruned: {builds} builds are left");
    for selector in ["latest", "build:1"] {
        let _ = job.baton(&format!("attach {selector} --at out"));
    }
    job.baton("attach latest --at out --strict").succeeds();
    // And once everything has come to rest, nothing is left that nobody uses.
    thread::sleep(Duration::from_millis(1100));
    for _ in 0..3 {
        job.baton("prune --keep-last 1 --grace 0s --no-other-writers")
            .succeeds();
    }
    assert_eq!(place.store().trees().len(), 1);
    job.baton("verify --all --data").succeeds();
}

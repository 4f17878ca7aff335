//! Runs the command and the real component on the stores that the generator of the guest's tests writes from
//! docs/reference/format.md alone.

#[path = "../../../../guest/tests/hostile_stores/stores/mod.rs"]
mod stores;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::files::{Listing, listing};
use crate::place::{Job, Place, Ran};
use stores::written::{Written, digest};
use stores::{Case, End, content, honest};

/// The time limit of a command of a test, on a busy machine.
const TIME_MAX: Duration = Duration::from_secs(60);
/// Of so many cases an attach is tried on one, and of so many all commands. The guest's own tests try every case, without a
/// process for each.
const ATTACHED: usize = 3;
const EACH: usize = 24;

/// A job of the project whose builds the stores have.
fn scene() -> (Place, Job, PathBuf) {
    let place = Place::in_memory();
    let store = place.path("written");
    let job = place.job("work").store(&store).set("BATON_WORKSPACE", "w1");
    fs::write(job.path("precious"), "precious").unwrap();
    (place, job, store)
}

/// Writes a store into a directory. What a file system or the rules for keys do not let be there is left out.
fn write(written: &Written, store: &Path) {
    let _ = fs::remove_dir_all(store);
    for (key, bytes) in &written.objects {
        let file = store.join(key);
        let is_key = key
            .split('/')
            .all(|name| !matches!(name, "" | "." | "..") && name.len() <= 200);
        if is_key && fs::create_dir_all(file.parent().unwrap()).is_ok() {
            let _ = fs::write(file, bytes);
        }
    }
}

fn commands(selector: &str) -> [Vec<&str>; 8] {
    [
        vec!["attach", selector, "--at", "out"],
        vec!["latest"],
        vec!["show", selector],
        vec!["diff", "latest@honest", selector],
        vec!["builds"],
        vec!["history", "production"],
        vec!["verify", "--all"],
        vec!["prune", "--keep-last", "1", "--dry-run"],
    ]
}

/// All that a run must leave alone.
fn around(job: &Job) -> Listing {
    let mut all = listing(job.dir());
    all.retain(|path, _| !path.starts_with("out"));
    all
}

/// Checks that a command ended with a code of the documents, and not by a defect.
#[track_caller]
fn is_stated(name: &str, ran: &Ran) {
    const CODES: &str = include_str!("../../../../docs/reference/errors.md");
    let told = || format!("{name}: {:?}\n{}{}", ran.code, ran.out, ran.err);
    match ran.code {
        Some(0) => {}
        Some(1 | 3) => {
            let report: Value =
                serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", told()));
            // verify has findings in place of an error.
            if let Some(error) = report.get("error") {
                let code = error["code"].as_str().unwrap();
                assert!(CODES.contains(&format!("\n| `{code}` |")), "{}", told());
                assert!(!matches!(code, "internal" | "component-failed"), "{}", told());
            }
        }
        _ => panic!("{}", told()),
    }
    let is_seen = |c: char| c == '\n' || !c.is_control();
    assert!(ran.out.chars().chain(ran.err.chars()).all(is_seen), "{}", told());
}

fn tried(job: &Job, case: &Case, command: &[&str]) {
    let before = around(job);
    let began = Instant::now();
    let limits = ["--memory-mib", "128", "--format", "json"];
    let ran = job.run(command.iter().chain(&limits));
    let name = format!("{}: {command:?}", case.name);
    is_stated(&name, &ran);
    assert!(began.elapsed() < TIME_MAX, "{name} took {:?}", began.elapsed());
    assert!(
        around(job) == before,
        "{name} changed something beside its target"
    );
    if command[0] == "attach" {
        match case.end {
            End::Refused(codes) => {
                let report: Value = serde_json::from_str(&ran.out).unwrap();
                let code = report["error"]["code"].as_str().unwrap_or_default();
                assert!(codes.contains(&code), "{name}: {}{}", ran.out, ran.err);
            }
            End::Fine => assert_eq!(ran.code, Some(0), "{name}: {}{}", ran.out, ran.err),
            End::Stated => {}
        }
    }
}

/// Tries the cases of a list of which the number leaves `rest`, so that several tests share them.
fn all_of(rest: usize, of: usize) {
    let (_place, job, store) = scene();
    for (number, case) in stores::all()
        .iter()
        .enumerate()
        .filter(|(number, _)| number % of == rest && (number / of).is_multiple_of(ATTACHED))
    {
        write(&case.store, &store);
        let _ = fs::remove_dir_all(job.path("out"));
        let commands = commands(&case.selector);
        let count = match number / of {
            number if number.is_multiple_of(EACH) => commands.len(),
            _ => 1,
        };
        for command in &commands[..count] {
            tried(&job, case, command);
        }
    }
}

#[test]
fn every_command_ends_in_a_stated_way() {
    all_of(0, 2);
}

#[test]
fn every_command_ends_in_a_stated_way_on_the_others() {
    all_of(1, 2);
}

#[test]
fn what_the_document_says_is_attached() {
    let (_place, job, store) = scene();
    write(&honest(), &store);
    for selector in [
        "latest",
        "build:6",
        "sha:abc123",
        "tag:v1.2",
        "channel:production",
        "workflow:w1",
    ] {
        let _ = fs::remove_dir_all(job.path("out"));
        job.run(["attach", selector, "--at", "out"]).succeeds();
        let large = fs::read(job.path("out/large")).unwrap();
        assert_eq!(
            digest(&large),
            digest(&[content(3, 700_000), content(5, 900_000)].concat())
        );
        assert_eq!(fs::read(job.path("out/bin/run")).unwrap(), b"#!/bin/sh\n");
        assert_eq!(
            fs::read_link(job.path("out/bin/said")).unwrap(),
            Path::new("../hello \u{fc}")
        );
    }
    job.run(["verify", "--all", "--data"]).succeeds();
}

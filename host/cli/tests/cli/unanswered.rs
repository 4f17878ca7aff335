//! FIFOs and devices in place of files and directories: baton neither waits for them nor reads them.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::files::{write, write_all};
use crate::place::{Job, Place, Ran};

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

/// Runs baton, which must not take long, however it ends.
#[track_caller]
fn soon(job: &Job, words: &str) -> Ran {
    let began = Instant::now();
    let (ran, peak_mib) = job.observed(words);
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "`{words}` takes {:?}",
        began.elapsed()
    );
    assert!(peak_mib < 400, "`{words}` takes {peak_mib} MiB");
    ran
}

#[test]
fn what_a_person_names_is_a_regular_file_or_a_directory() {
    let place = Place::new();
    let job = place.job("work");
    write_all(
        job.dir(),
        &[("dist/app", "app"), (".circleci/config.yml", "version: 2.1")],
    );
    job.baton("persist dist --number 1").succeeds();
    fifo(&job.path("fifo"));
    let files = [
        "latest --component @",
        "component --component @",
        "latest --config @",
        "persist dist --sign @",
        "attach latest --at out --require-signed @",
        "verify --key @",
        "latest --store s3://bucket --region x --ca-file @",
        "latest --store circleci:gh/acme/shop --api https://127.0.0.1:9 --ca-file @",
        "local @",
    ];
    let directories = [
        "latest --store @",
        "persist dist --store @",
        "persist . --root @",
        "attach latest --at @",
        "attach latest --dry-run --at @",
    ];
    for name in ["fifo", "/dev/zero", "/dev/tty"] {
        for words in files.iter().chain(&directories) {
            let words = words.replace('@', name);
            let ran = soon(&job, &words);
            assert!(
                matches!(ran.code, Some(1 | 2)),
                "`{words}`: {:?} {}",
                ran.code,
                ran.err
            );
            let says = [
                "not a regular file",
                "not a directory",
                "is a file",
                "cannot be",
                "cannot open",
            ];
            assert!(
                says.iter().any(|why| ran.err.contains(why)),
                "`{words}`: {}",
                ran.err
            );
        }
    }
    // What the libraries of clouds read by themselves.
    for (store, variable) in [
        ("s3://bucket", "AWS_WEB_IDENTITY_TOKEN_FILE"),
        ("s3://bucket", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
        ("s3://bucket", "AWS_CONFIG_FILE"),
        ("s3://bucket", "AWS_SHARED_CREDENTIALS_FILE"),
        ("gs://bucket", "GOOGLE_APPLICATION_CREDENTIALS"),
        ("gs://bucket", "GOOGLE_SERVICE_ACCOUNT"),
        ("az://account/container", "AZURE_FEDERATED_TOKEN_FILE"),
    ] {
        for name in ["fifo", "/dev/zero"] {
            let job = job
                .clone()
                .set("AWS_REGION", "x")
                .set("AWS_ENDPOINT_URL", "https://127.0.0.1:9")
                .set(variable, name);
            let ran = soon(&job, &format!("latest --store {store}"));
            assert_eq!(ran.code, Some(1), "{variable}: {}", ran.err);
            ran.tells("not a regular file");
        }
    }
}

#[test]
fn an_object_that_is_none_is_told_and_not_waited_for() {
    let place = Place::new();
    let job = place.job("work");
    write_all(job.dir(), &[("dist/app", "app")]);
    job.baton("persist dist --number 1").succeeds();
    write(&job.path("dist/app"), "another");
    job.baton("persist dist --number 2").succeeds();
    let objects = place.store().keys("");
    assert!(objects.len() > 8);
    for key in objects {
        let bytes = place.store().get(&key);
        let file = place.path("store").join(&key);
        std::fs::remove_file(&file).unwrap();
        fifo(&file);
        for words in [
            "latest",
            "builds",
            "show latest",
            "verify",
            "verify --all",
            "attach latest --at out",
            "attach build:1 --at out",
            "persist dist --number 2",
            "prune --keep-last 1 --dry-run",
            "prune --keep-last 2",
        ] {
            let ran = soon(&job, words);
            assert!(
                matches!(ran.code, Some(0 | 1 | 3)),
                "{key}: `{words}`: {:?} {}",
                ran.code,
                ran.err
            );
        }
        // Replaces the file, whatever the command did to it.
        let _ = std::fs::remove_file(&file);
        write(&file, bytes);
    }
    job.baton("verify --all").succeeds();
}

#[test]
fn the_time_limit_holds_in_chains_of_directories() {
    const CHAINS: usize = 12;
    const DEPTH: usize = 2000;
    let place = Place::in_memory();
    let job = place.job("work").number(1);
    let chain = vec!["a"; DEPTH].join("/");
    for number in 0..CHAINS {
        write(&job.path(&format!("root/{number}/top")), "");
        // No path is longer than 4,096 bytes.
        job.bash(&format!("cd root/{number} && mkdir -p {chain}"))
            .succeeds();
    }
    // What the artifact covers, so that `--clean` goes through all of it.
    let other = place.job("other").number(2);
    write(&other.path("root/new"), "");
    other.baton("persist root --name flat").succeeds();
    job.baton("persist root --name deep").succeeds();
    let limited = job.clone().set("BATON_TIMEOUT_SECONDS", "2");
    for words in [
        "persist root",
        "persist root --dry-run",
        "attach latest --name deep --at new",
        "attach latest --name deep --at .",
        "attach latest --name flat --at . --clean --dry-run",
        "attach latest --name flat --at . --clean",
    ] {
        let began = Instant::now();
        let (ran, _) = limited.observed(words);
        let took = began.elapsed();
        println!("`{words}` ends with {:?} after {took:?}", ran.code);
        assert!(took < Duration::from_secs(8), "`{words}` takes {took:?}");
        assert!(matches!(ran.code, Some(0 | 1)), "{}", ran.err);
    }
}

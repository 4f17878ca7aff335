//! The sandbox of a job. Each test is skipped, and prints it, where bubblewrap is missing.

use std::fs;
use std::process::Command;

use crate::laptop::{Laptop, sandboxes};
use crate::runner::config;

fn skipped() -> bool {
    if !sandboxes() {
        println!("skipped: bubblewrap (bwrap) cannot create sandboxes here");
    }
    !sandboxes()
}

/// Returns a config with one job that runs a script.
fn script(script: &str) -> String {
    let indented = script.replace('\n', "\n          ");
    config(
        &format!("  j:\n    executor: e\n    steps:\n      - checkout\n      - run: |\n          {indented}"),
        "[j]",
    )
}

#[test]
fn a_job_does_not_see_the_home_of_the_user() {
    if skipped() {
        return;
    }
    let laptop = Laptop::new();
    fs::create_dir_all(laptop.path("home/.ssh")).unwrap();
    fs::write(laptop.path("home/.ssh/id"), "precious").unwrap();
    let secret = laptop.path("home/.ssh/id").display().to_string();
    let real_home = std::env::var("HOME").unwrap_or_else(|_| "/root".to_owned());
    let ran = laptop
        .local(
            &script(&format!(
                "! cat {secret}\n! ls {real_home}/.ssh {real_home}/.bashrc {real_home}/.cargo\n! cat /etc/shadow | grep .\n! ls /proc/1/root{secret} /proc/1/cwd{secret}\nls -A ~ > ~/seen\nls /"
            )),
            &[],
        )
        .succeeds();
    assert_eq!(ran.read("j", "seen"), "project\nseen\n");
    assert!(!ran.err.contains("precious"), "{}", ran.err);
}

#[test]
fn a_job_does_not_write_to_the_system_or_the_repository() {
    if skipped() {
        return;
    }
    let laptop = Laptop::new();
    let head = laptop.git("rev-parse HEAD");
    let shop = laptop.path("shop").display().to_string();
    laptop
        .local(
            &script(&format!(
                "! touch /etc/baton-test\n! touch /usr/baton-test\n! rm -f /bin/sh\n! touch {shop}/x\n! mount -o remount,rw /usr\n! umount /usr\nchmod -R u+w .git; find .git/objects -type f -exec sh -c 'echo broken > $1' sh {{}} \\;"
            )),
            &[],
        )
        .succeeds();
    assert!(!std::path::Path::new("/etc/baton-test").exists());
    // The history is a copy.
    assert_eq!(laptop.git("rev-parse HEAD"), head);
    laptop.git("fsck --strict");
}

#[test]
fn a_job_does_not_reach_processes_of_the_user() {
    if skipped() {
        return;
    }
    let laptop = Laptop::new();
    let mut victim = Command::new("sleep").arg("300").spawn().unwrap();
    let pid = victim.id();
    let ran = laptop.local(
        &script(&format!(
            "! kill -9 {pid} || ! grep -q sleep.300 /proc/{pid}/cmdline\nkill -9 -1 || true"
        )),
        &[],
    );
    assert!(victim.try_wait().unwrap().is_none(), "{}", ran.err);
    victim.kill().unwrap();
    victim.wait().unwrap();
}

#[test]
fn a_job_does_not_see_files_of_other_jobs_or_the_state() {
    if skipped() {
        return;
    }
    let laptop = Laptop::new();
    let state = laptop.path("state").display().to_string();
    let jobs = format!(
        "
  first: {{executor: e, steps: [run: 'echo first-secret > ~/own; echo shared > /tmp/shared']}}
  second:
    executor: e
    steps:
      - run: '! cat {state}/jobs/*/home/own {state}/api.json {state}/lock'
      - run: '! grep -r first-secret {state}'
      - run: 'test ! -e /tmp/shared'
      - run: 'ls {state}/jobs > ~/seen'"
    );
    let ran = laptop
        .local(&config(&jobs, "[first, second: {requires: [first]}]"), &[])
        .succeeds();
    assert_eq!(ran.read("second", "seen").lines().count(), 1);
}

#[test]
fn absolute_paths_are_the_jobs_own_for_every_step() {
    if skipped() {
        return;
    }
    let laptop = Laptop::new();
    let jobs = "
  make:
    executor: e
    working_directory: /app/deep
    steps:
      - run: 'test $PWD = /app/deep; echo a > a; mkdir -p /tmp/out /var/data; echo b > /tmp/out/b; echo c > /var/data/c'
      - run: 'cat /app/deep/a /tmp/out/b /var/data/c > ~/seen'
      - store_artifacts: {path: /tmp/out}
      - persist_to_workspace: {root: /var, paths: [data]}
      - save_cache: {key: k, paths: [/var/data]}
  use:
    executor: e
    steps:
      - attach_workspace: {at: /tmp/attached}
      - restore_cache: {key: k}
      - run: 'cat /tmp/attached/data/c /var/data/c > ~/seen'";
    let ran = laptop
        .local(&config(jobs, "[make, use: {requires: [make]}]"), &[])
        .succeeds();
    assert_eq!(ran.read("make", "seen"), "a\nb\nc\n");
    assert_eq!(ran.read("use", "seen"), "c\nc\n");
    let saved = fs::read_to_string(laptop.path("state/api.json")).unwrap();
    assert!(saved.contains("\"path\": \"tmp/out/b\""), "{saved}");
    assert!(!std::path::Path::new("/app/deep").exists() && !std::path::Path::new("/var/data/c").exists());
}

/// Steps such as `store_artifacts` run outside of the sandbox, on files that the job wrote.
#[test]
fn no_link_of_a_job_leads_a_step_outside() {
    if skipped() {
        return;
    }
    let laptop = Laptop::new();
    let precious = laptop.path("precious");
    fs::create_dir(&precious).unwrap();
    fs::write(precious.join("key"), "precious").unwrap();
    let precious_path = precious.display().to_string();
    for step in [
        "store_artifacts: {path: link}",
        "store_artifacts: {path: link/key}",
        "store_artifacts: {path: holder}",
        "store_test_results: {path: link/key}",
        "persist_to_workspace: {root: link, paths: [key]}",
        "attach_workspace: {at: link/new}",
        "save_cache: {key: k, paths: [link/key]}",
        "checkout: {path: link}",
        "checkout: {path: link/new}",
    ] {
        let jobs = format!(
            "
  before: {{executor: e, steps: [run: touch x, persist_to_workspace: {{root: ., paths: [x]}}]}}
  j:
    executor: e
    steps:
      - run: ln -s {precious_path} link; mkdir holder; ln -s {precious_path}/key holder/key
      - {step}"
        );
        let ran = laptop.local(&config(&jobs, "[before, j: {requires: [before]}]"), &["--reset"]);
        assert_eq!(ran.code, Some(1), "{step}\n{}", ran.err);
        assert!(
            ran.err.contains("leads outside of the job's directory"),
            "{step}\n{}",
            ran.err
        );
        assert_eq!(fs::read_dir(&precious).unwrap().count(), 1, "{step}");
    }
    // Nor does a second checkout write through a link.
    fs::write(precious.join("build.sh"), "precious").unwrap();
    let jobs = format!(
        "  j: {{executor: e, steps: [checkout, run: 'rm build.sh; ln -s {precious_path}/build.sh build.sh', checkout]}}"
    );
    let ran = laptop.local(&config(&jobs, "[j]"), &["--reset"]).succeeds();
    assert_eq!(fs::read_to_string(precious.join("build.sh")).unwrap(), "precious");
    assert!(!ran.home("j", "project/build.sh").is_symlink());
}

/// git runs programs that the configuration of a repository names.
#[test]
fn a_job_gets_no_program_run_outside() {
    if skipped() {
        return;
    }
    let laptop = Laptop::new();
    let ran_file = laptop.path("ran").display().to_string();
    let jobs = format!(
        "
  j:
    executor: e
    steps:
      - checkout
      - run: |
          printf '#!/bin/sh\\ntouch {ran_file}\\n' > ~/evil; chmod +x ~/evil
          git config core.fsmonitor ~/evil; git config core.hooksPath ~
          rm -rf .git/index
      - checkout
      - run: {{command: 'true', environment: {{LD_PRELOAD: ~/evil, BASH_ENV: ~/evil, PATH: /usr/bin:/bin}}}}"
    );
    laptop.local(&config(&jobs, "[j]"), &[]).succeeds();
    assert!(!laptop.path("ran").exists());
}

#[test]
fn background_processes_are_seen_by_later_steps_and_end_with_the_job() {
    if skipped() {
        return;
    }
    let laptop = Laptop::new();
    let ran = laptop
        .local(
            &config(
                "
  j:
    executor: e
    steps:
      - run: {command: 'echo $$ > ~/pid; setsid sleep 299 & exec sleep 298', background: true}
      - run: while [ ! -s ~/pid ]; do sleep 0.05; done; kill -0 $(cat ~/pid)
      - run: setsid sleep 297 & true",
                "[j]",
            ),
            &[],
        )
        .succeeds();
    drop(ran);
    std::thread::sleep(std::time::Duration::from_millis(300));
    for number in [297, 298, 299] {
        let found = fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            command == format!("sleep\0{number}\0").into_bytes()
        });
        assert!(!found, "sleep {number}");
    }
}

#[test]
fn a_directory_may_be_shared() {
    if skipped() {
        return;
    }
    let laptop = Laptop::new();
    fs::create_dir(laptop.path("bucket")).unwrap();
    let shared = laptop.path("bucket").display().to_string();
    laptop
        .local(&script(&format!("echo a > {shared}/a")), &[])
        .succeeds();
    assert_eq!(fs::read_to_string(laptop.path("bucket/a")).unwrap(), "a\n");
}

#[test]
fn without_a_network_nothing_is_reached() {
    if skipped() {
        return;
    }
    let laptop = Laptop::new();
    let config = script("! curl -s --max-time 5 $BATON_CIRCLECI_API");
    laptop.local(&config, &["--no-network"]).succeeds();
    let config = script("curl -s --max-time 5 $BATON_CIRCLECI_API");
    laptop.local(&config, &[]).succeeds();
}

#[test]
fn without_bubblewrap_a_sandbox_is_given_up_only_on_request() {
    let laptop = Laptop::new();
    laptop.write(".circleci/config.yml", &script("true"));
    let run = |arguments: &[&str]| {
        Command::new(crate::laptop::BATON)
            .current_dir(laptop.path("shop"))
            .args(["local", "--state"])
            .arg(laptop.path("state"))
            .args(arguments)
            .env_clear()
            .env("PATH", laptop.path("home"))
            .env("HOME", laptop.path("home"))
            .output()
            .unwrap()
    };
    let refused = run(&[]);
    let err = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && err.contains("bubblewrap (bwrap) is not installed"),
        "{err}"
    );
    assert!(err.contains("--no-sandbox"), "{err}");
    // What would run can be printed in any case.
    assert!(run(&["--dry-run"]).status.success());
    let without = run(&["--no-sandbox"]);
    let err = String::from_utf8_lossy(&without.stderr);
    assert!(err.contains("there is no sandbox"), "{err}");
}

/// bubblewrap works without privileges, too.
#[test]
fn a_user_without_privileges_has_the_same_sandbox() {
    if skipped() || !rustix::process::geteuid().is_root() {
        return;
    }
    let laptop = Laptop::new();
    laptop.write(
        ".circleci/config.yml",
        &script("! touch /etc/baton-test\n! cat /proc/1/root/etc/hostname\necho $(id -u) > ~/seen"),
    );
    let binary = laptop.path("baton");
    fs::copy(crate::laptop::BATON, &binary).unwrap();
    baton_testkit::files::give(&laptop.path(""), 65534);
    let output = Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(&binary)
        .current_dir(laptop.path("shop"))
        .args(["local", "--state"])
        .arg(laptop.path("state"))
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", laptop.path("home"))
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    if err.contains("cannot create a sandbox") {
        println!("skipped: users without privileges cannot create sandboxes here: {err}");
        return;
    }
    assert!(output.status.success(), "{err}");
    let seen = fs::read_to_string(laptop.path("state/jobs/1-j/home/seen"));
    assert_eq!(seen.unwrap(), "65534\n");
}

//! Jobs that run concurrently, reruns and failures.

use crate::laptop::Laptop;
use crate::runner::config;

#[test]
fn jobs_that_do_not_wait_for_one_another_run_concurrently_and_their_lines_do_not_mix() {
    let laptop = Laptop::new();
    // Each waits for a sign of the other one, through the API on loopback: a variable of the project.
    let wait = |own: &str, other: &str| {
        format!(
            "
  {own}:
    executor: e
    steps:
      - run: |
          url=$BATON_CIRCLECI_API/api/v2/project/gh/acme/shop/envvar
          curl -sf -H \"Circle-Token: $CIRCLE_TOKEN\" -H 'Content-Type: application/json' -d '{{\"name\": \"{own}\", \"value\": \"1\"}}' $url >/dev/null
          for i in $(seq 200); do
            curl -sf -H \"Circle-Token: $CIRCLE_TOKEN\" $url/{other} >/dev/null && break
            sleep 0.1
          done
          curl -sf -H \"Circle-Token: $CIRCLE_TOKEN\" $url/{other}; echo
          for i in $(seq 50); do printf 'a long line of {own} '; echo \"number $i\"; done"
        )
    };
    let jobs = wait("first", "second") + &wait("second", "first");
    let ran = laptop
        .local(&config(&jobs, "[first, second]"), &["--jobs", "2"])
        .succeeds();
    for job in ["first", "second"] {
        let line = format!("[{job}] a long line of {job} number ");
        assert_eq!(
            ran.err.lines().filter(|it| it.starts_with(&line)).count(),
            50,
            "{}",
            ran.err
        );
    }
    // One at a time, the first waits in vain.
    let quick = jobs.replace("seq 200", "seq 2");
    let ran = laptop
        .local(&config(&quick, "[first, second]"), &["--jobs", "1", "--reset"])
        .ends(1);
    assert_eq!(ran.statuses()["first"], "failed");
    assert!(!ran.err.contains("[first]"), "{}", ran.err);
}

#[test]
fn a_job_whose_shell_is_missing_fails_alone() {
    let laptop = Laptop::new();
    let jobs = "
  broken: {executor: e, shell: /no/such/shell, steps: [run: a]}
  after: {executor: e, steps: [run: 'true']}
  other: {executor: e, steps: [run: echo done > done]}
  told: {executor: e, steps: [run: 'true']}";
    let calls = "[broken, after: {requires: [broken]}, other, told: {requires: [broken: failed]}]";
    let ran = laptop
        .local(&config(jobs, calls), &[])
        .ends(1)
        .tells("cannot start the shell `/no/such/shell`");
    let statuses: Vec<_> = ran.statuses().into_iter().collect();
    assert_eq!(
        statuses,
        [
            ("after", "not_run"),
            ("broken", "failed"),
            ("other", "success"),
            ("told", "success")
        ]
    );
    assert_eq!(ran.read("other", "project/done"), "done\n");
}

#[test]
fn a_step_runs_again_as_often_as_it_may() {
    let laptop = Laptop::new();
    let step = |reruns: u32| {
        format!(
            "
  j:
    executor: e
    steps:
      - run: {{command: 'echo x >> ~/runs; test $(wc -l < ~/runs) -ge 3', max_auto_reruns: {reruns}, auto_rerun_delay: 1s}}"
        )
    };
    let started = std::time::Instant::now();
    let ran = laptop.local(&config(&step(4), "[j]"), &[]).succeeds();
    assert!(started.elapsed().as_secs() >= 2);
    assert_eq!(ran.read("j", "runs"), "x\nx\nx\n");
    let ran = laptop
        .local(&config(&step(1), "[j]"), &[])
        .ends(1)
        .tells("automatic rerun 1 of 1");
    assert_eq!(ran.read("j", "runs"), "x\nx\n");
    laptop
        .local(&config(&step(6), "[j]"), &[])
        .ends(1)
        .tells("max_auto_reruns is a number from 1 to 5");
}

#[test]
fn a_workflow_runs_its_failed_jobs_again() {
    let laptop = Laptop::new();
    // The number of the job is higher each time.
    let jobs = "
  stable: {executor: e, steps: [run: 'true']}
  flaky: {executor: e, steps: [run: 'test $CIRCLE_BUILD_NUM -ge 3']}
  last: {executor: e, steps: [run: 'true']}";
    let calls = "[stable, flaky: {requires: [stable]}, last: {requires: [flaky]}]";
    let config = config(jobs, calls).replace("workflows: {w: {", "workflows: {w: {max_auto_reruns: 2, ");
    let ran = laptop
        .local(&config, &[])
        .succeeds()
        .tells("automatic rerun 1 of 2");
    assert_eq!(
        (ran.number("stable"), ran.number("flaky"), ran.number("last")),
        (1, 3, 4)
    );
}

#[test]
fn a_job_that_takes_too_long_is_ended_with_all_its_steps() {
    let laptop = Laptop::new();
    let jobs = "
  slow:
    executor: e
    steps:
      - run: while :; do echo on; sleep 0.2; done
      - run: {command: touch ~/late, when: always}
  quick: {executor: e, steps: [run: 'true']}";
    let ran = laptop
        .local(&config(jobs, "[slow, quick]"), &["--job-timeout", "2s"])
        .ends(1)
        .tells("the job took longer than 2s");
    assert_eq!(ran.statuses()["quick"], "success");
    assert!(!ran.home("slow", "late").exists());
}

#[test]
fn concurrent_jobs_that_persist_one_path_are_warned_of() {
    let laptop = Laptop::new();
    let jobs = "
  p:
    executor: e
    steps:
      - run: mkdir w; echo same > w/both; echo $CIRCLE_JOB > w/$CIRCLE_JOB
      - persist_to_workspace: {root: ., paths: [w]}
  last: {executor: e, steps: [attach_workspace: {at: .}]}";
    let calls = "[p: {name: a}, p: {name: b}, last: {requires: [a, b]}]";
    let ran = laptop
        .local(&config(jobs, calls), &[])
        .succeeds()
        .tells("the concurrent jobs a and b both persisted w/both: CircleCI fails here");
    assert_eq!(ran.read("last", "project/w/a"), "a\n");
    // Of consecutive jobs the later one wins, on CircleCI too.
    let calls = "[p: {name: a}, p: {name: b, requires: [a]}, last: {requires: [b]}]";
    let ran = laptop.local(&config(jobs, calls), &[]).succeeds();
    assert!(!ran.err.contains("both persisted"), "{}", ran.err);
}

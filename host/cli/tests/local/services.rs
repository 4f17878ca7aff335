//! Caches, tests, contexts and secrets.

use std::fs;

use crate::laptop::Laptop;
use crate::runner::config;

#[test]
fn a_cache_is_kept_for_later_jobs_and_runs() {
    let laptop = Laptop::new();
    let jobs = "
  j:
    executor: e
    environment: {FLAVOUR: sweet}
    steps:
      - run: echo locked > lock
      - restore_cache: {keys: ['v1-{{ .Branch }}-{{ checksum \"lock\" }}', v1-]}
      - run: 'cat ~/.deps/tool deps/lib 2>/dev/null || echo nothing'
      - run: 'mkdir -p ~/.deps deps; echo tool > ~/.deps/tool; chmod 700 ~/.deps/tool; echo \"lib of $CIRCLE_BUILD_NUM\" > deps/lib; ln -s lib deps/link'
      - save_cache: {key: 'v1-{{ .Branch }}-{{ checksum \"lock\" }}', paths: [~/.deps, deps, gone]}";
    let config = config(jobs, "[j]");
    laptop
        .local(&config, &[])
        .succeeds()
        .tells("no cache has a key that begins with v1-main-")
        .tells("saved the cache v1-main-");
    let second = laptop
        .local(&config.replace("; ln -s lib deps/link", ""), &[])
        .succeeds()
        .tells("restored the cache v1-main-")
        .tells("lib of 1")
        .tells("exists, and is not saved again");
    assert_eq!(second.read("j", "project/deps/link"), "lib of 2\n");
    // Another branch has only the beginning of the key.
    laptop
        .local(
            &config.replace("; ln -s lib deps/link", ""),
            &["--branch", "other"],
        )
        .succeeds()
        .tells("restored the cache v1-main-")
        .tells("saved the cache v1-other-");
    laptop
        .local(&config, &["--reset"])
        .succeeds()
        .tells("no cache has a key");
}

#[test]
fn a_key_that_cannot_be_filled_in_fails_the_step() {
    let laptop = Laptop::new();
    for (key, says) in [
        (
            "v1-{{ checksum \"gone\" }}",
            "cannot read gone for the key of the cache",
        ),
        ("v1-{{ .Moon }}", "unknown template {{ .Moon }}"),
        ("v1-{{ arch", "has {{ without }}"),
    ] {
        let jobs = format!("  j: {{executor: e, steps: [save_cache: {{key: '{key}', paths: [a]}}]}}");
        laptop.local(&config(&jobs, "[j]"), &[]).ends(1).tells(says);
    }
}

const RESULTS: &str = r#"<testsuite><testcase file="t/a.rb" classname="A" name="one" time="10"/>
<testcase file="t/b.rb" classname="B" name="two" time="1"><failure/></testcase>
<testcase file="t/c.rb" classname="C" name="three" time="1"><skipped/></testcase></testsuite>"#;

#[test]
fn results_of_tests_are_summed_up_and_split_the_next_run() {
    let laptop = Laptop::new();
    laptop.write("results/junit/r.xml", RESULTS);
    for file in ["t/a.rb", "t/b.rb", "t/c.rb"] {
        laptop.write(file, "");
    }
    let jobs = "
  test:
    executor: e
    parallelism: 2
    steps:
      - checkout
      - run: circleci tests glob 't/**/*.rb' | circleci tests split --split-by=timings > ~/share
      - run: circleci tests glob 't/*.rb' | circleci tests run --command='xargs echo > ~/run' --split-by=timings --verbose
      - run: circleci tests glob 't/*.rb' | circleci tests split > ~/by-name
      - run: 'if [ $CIRCLE_NODE_INDEX != 0 ]; then rm -r results; fi'
      - store_test_results: {path: results}";
    let config = config(jobs, "[test]");
    let first = laptop
        .local(&config, &[])
        .succeeds()
        .tells("1 tests passed, 1 failed, 1 were skipped, in 1 files")
        .tells("Error auto-detecting timing type, falling back to weighting by name.");
    let tests = &first.json["workflows"][0]["jobs"][0]["tests"];
    assert_eq!(
        (
            tests["passed"].as_u64(),
            tests["failed"].as_u64(),
            tests["skipped"].as_u64()
        ),
        (Some(1), Some(1), Some(1))
    );
    let read = |ran: &crate::laptop::Ran, node, name: &str| {
        fs::read_to_string(ran.node("test", node, name)).unwrap()
    };
    assert_eq!(read(&first, 0, "share"), "t/a.rb\nt/c.rb\n");
    let second = laptop.local(&config, &[]).succeeds();
    assert_eq!(read(&second, 0, "share"), "t/a.rb\n");
    assert_eq!(read(&second, 1, "share"), "t/b.rb\nt/c.rb\n");
    assert_eq!(read(&second, 1, "run"), "t/b.rb t/c.rb\n");
    assert_eq!(read(&second, 1, "by-name"), "t/b.rb\n");
}

#[test]
fn results_that_are_no_junit_xml_fail_the_step() {
    let laptop = Laptop::new();
    let jobs =
        "  j: {executor: e, steps: [run: 'echo \"<a></b>\" > r.xml', store_test_results: {path: r.xml}]}";
    laptop
        .local(&config(jobs, "[j]"), &[])
        .ends(1)
        .tells("cannot read the test results in");
}

#[test]
fn a_context_gives_its_variables_to_the_jobs_that_have_it() {
    let laptop = Laptop::new();
    let file = laptop.path("production.env").display().to_string();
    fs::write(&file, "# keys\nDEPLOY_KEY=a b=c\n\nONLY=context-value\n").unwrap();
    let jobs = "
  j:
    executor: e
    steps: [run: 'echo \"${DEPLOY_KEY-none}\" > seen']";
    let calls =
        "[j: {name: with, context: production}, j: {name: without}, j: {name: other, context: [staging]}]";
    let given = format!("production={file}");
    let ran = laptop
        .local(
            &config(jobs, calls),
            &["--context", &given, "--env", "DEPLOY_KEY=project"],
        )
        .succeeds()
        .tells("--context staging=FILE sets its variables");
    assert_eq!(ran.read("with", "project/seen"), "a b=c\n");
    assert_eq!(ran.read("without", "project/seen"), "project\n");
    assert_eq!(ran.read("other", "project/seen"), "project\n");
    fs::write(&file, "A=1\nsecret-without-a-name\n").unwrap();
    let ran = laptop
        .local(&config(jobs, calls), &["--context", &given])
        .ends(1)
        .tells("line 2: NAME=VALUE is expected");
    assert!(!ran.err.contains("secret-without"), "{}", ran.err);
}

#[test]
fn secrets_are_masked_in_the_output() {
    let laptop = Laptop::new();
    let file = laptop.path("c.env").display().to_string();
    fs::write(&file, "CONTEXT_KEY=context-secret\n").unwrap();
    let jobs = "
  j:
    executor: e
    steps:
      - run: 'echo \"key $KEY, $CONTEXT_KEY, $CIRCLE_TOKEN, $SHORT, $FLAG\"; printf %s \"${KEY:0:4}\"; sleep 0.3; printf %s\\\\n \"${KEY:4}\"'
      - run: 'echo \"$PLAIN\"; echo \"$KEY\" > seen'";
    let given = format!("c={file}");
    let ran = laptop
        .local(
            &config(jobs, "[j: {context: c}]")
                .replace("executor: e", "executor: e\n    environment: {PLAIN: not-secret}"),
            &[
                "--context",
                &given,
                "--env",
                "KEY=hunter2-secret",
                "--env",
                "SHORT=abc",
                "--env",
                "FLAG=true",
            ],
        )
        .succeeds()
        .tells("key ****, ****, ****, abc, true\n")
        .tells("\n****\n")
        .tells("not-secret\n");
    assert!(
        !ran.err.contains("hunter2") && !ran.err.contains("context-secret"),
        "{}",
        ran.err
    );
    assert_eq!(ran.read("j", "project/seen"), "hunter2-secret\n");
}

#[test]
fn a_step_that_asks_circleci_by_name_is_reported_before_the_first_step() {
    let laptop = Laptop::new();
    let jobs = "  j: {executor: e, steps: [run: 'true', run: {name: latest, command: 'true https://circleci.com/api/v1.1/x'}]}";
    let ran = laptop.local(&config(jobs, "[j]"), &[]).succeeds();
    let at = |text: &str| {
        ran.err
            .find(text)
            .unwrap_or_else(|| panic!("{text}: {}", ran.err))
    };
    assert!(at("the step latest of the job j asks https://circleci.com/") < at("-- run: true"));
}

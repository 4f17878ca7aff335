//! The latest build of a store with several counters, parallel nodes and builds of forks.

use crate::files::write;
use crate::place::{Job, Place, Stored};

/// Persists the text as the file `d/v`.
#[track_caller]
fn persist(job: &Job, text: &str) {
    write(&job.path("d/v"), text);
    job.baton("persist d").succeeds();
}

/// Returns what is attached, and what was said.
#[track_caller]
fn attached(job: &Job, selector: &str) -> (String, String) {
    let ran = job
        .baton(&format!("attach {selector} --at out --clean"))
        .succeeds();
    (std::fs::read_to_string(job.path("out/d/v")).unwrap(), ran.err)
}

/// Returns the codes of the warnings of `latest`.
fn warned(job: &Job) -> Vec<String> {
    let latest = job.json("latest");
    let warnings = latest["warnings"].as_array().unwrap().iter();
    warnings
        .map(|warning| warning["code"].as_str().unwrap().to_owned())
        .collect()
}

fn run(job: &Job, run: u64) -> Job {
    job.clone().set("BATON_RUN", run.to_string()).number(run)
}

/// A job of a workflow file of GitHub Actions.
fn github(place: &Place, file: &str, run: u64) -> Job {
    place
        .bare(&format!("github-{file}-{run}"))
        .set("GITHUB_ACTIONS", "true")
        .set("GITHUB_REPOSITORY", "acme/shop")
        .set("GITHUB_REF", "refs/heads/main")
        .set("GITHUB_REF_NAME", "main")
        .set("GITHUB_REF_TYPE", "branch")
        .set("GITHUB_EVENT_NAME", "push")
        .set("GITHUB_SHA", format!("{run:040x}"))
        .set(
            "GITHUB_WORKFLOW_REF",
            format!("acme/shop/.github/workflows/{file}@refs/heads/main"),
        )
        .set("GITHUB_RUN_NUMBER", run.to_string())
        .set("GITHUB_RUN_ID", format!("{file}{run}"))
        .set("GITHUB_RUN_ATTEMPT", "1")
        .set("GITHUB_JOB", "build")
}

fn jenkins(place: &Place, job: &str, number: u64) -> Job {
    place
        .bare(&format!("jenkins-{number}"))
        .set("JENKINS_URL", "https://jenkins.example.com/")
        .set("JOB_NAME", job)
        .set("BUILD_NUMBER", number.to_string())
        .set("BUILD_TAG", format!("jenkins-{job}-{number}"))
        .set("GIT_URL", "https://github.com/acme/shop.git")
        .set("GIT_BRANCH", "main")
        .set("GIT_COMMIT", format!("{number:040x}"))
}

#[test]
fn a_laptops_build_never_replaces_one_of_a_counter() {
    let place = Place::new();
    let job = place.job("work");
    persist(&job, "laptop");
    assert_eq!(attached(&job, "latest").0, "laptop");
    for number in [501, 502] {
        persist(&job.clone().number(number), &format!("ci{number}"));
    }
    job.baton("latest")
        .succeeds()
        .prints(["build:502"])
        .omits("warning");
    // One that is persisted later is passed over, and both sides say so.
    write(&job.path("d/v"), "laptop again");
    job.baton("persist d")
        .succeeds()
        .tells("has no run number")
        .tells("build:502")
        .tells("BATON_RUN");
    job.baton("latest")
        .succeeds()
        .prints(["build:502"])
        .tells("was persisted later")
        .tells("BATON_RUN");
    assert_eq!(warned(&job), ["lower-counter"]);
    // The list, a rollback and a prune follow the same order.
    let listed = job.json("builds");
    let numbers: Vec<u64> = listed["builds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["number"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers[..2], [502, 501]);
    assert_eq!(job.json("builds --branch main")["builds"], listed["builds"]);
    job.baton("prune --keep-last 1 --grace 1ms --dry-run").succeeds();
    job.baton("rollback --branch main")
        .succeeds()
        .prints(["build:501"]);
    job.baton("release --branch main")
        .succeeds()
        .prints(["build:502"]);
    persist(&job.clone().number(503), "ci503");
    job.baton("latest").succeeds().prints(["build:503"]);
}

#[test]
fn a_run_ranks_above_a_bare_number_of_the_same_runner() {
    let place = Place::new();
    let job = place.circle("build", 1234);
    write(&job.path("d/v"), "plain");
    job.baton("persist d")
        .succeeds()
        .tells("a rerun of an old pipeline counts as newer")
        .tells("<< pipeline.number >>");
    for (number, pipeline) in [(1240, 412), (1250, 413)] {
        let orb = place
            .circle("build", number)
            .workflow("w2")
            .set("BATON_RUN", pipeline.to_string());
        write(&orb.path("d/v"), pipeline.to_string());
        orb.baton("persist d").succeeds().omits("warning");
        job.baton("latest")
            .succeeds()
            .prints([format!("build:{number}")])
            .omits("warning");
    }
    let late = place.circle("build", 1260).workflow("w3");
    write(&late.path("d/v"), "plain again");
    late.baton("persist d")
        .succeeds()
        .tells("latest still answers build:1250");
    job.baton("latest")
        .succeeds()
        .prints(["build:1250"])
        .tells("persisted later")
        .tells("build:1260");
    // A rerun of the older pipeline does not win either.
    let rerun = place.circle("build", 1270).workflow("w4").set("BATON_RUN", "412");
    persist(&rerun, "rerun");
    job.baton("latest").succeeds().prints(["build:1250"]);
    job.baton("builds --limit 1 --format json").succeeds();
    assert_eq!(job.json("builds --limit 1")["builds"][0]["number"], 1250);
}

#[test]
fn of_two_runners_the_build_that_was_persisted_last_wins() {
    let place = Place::new();
    persist(&jenkins(&place, "shop", 1200), "jenkins 1200");
    for number in [57, 58, 59] {
        persist(&github(&place, "ci.yml", number), &format!("github {number}"));
    }
    let job = place.job("work");
    let (content, said) = attached(&job, "latest");
    assert_eq!(content, "github 59");
    assert!(
        said.contains("two counters") && said.contains("jenkins"),
        "{said}"
    );
    persist(&jenkins(&place, "shop", 1201), "jenkins 1201");
    assert_eq!(attached(&job, "latest").0, "jenkins 1201");
    assert_eq!(warned(&job), ["two-counters"]);
    // A slow old build of a counter still loses within it.
    persist(&jenkins(&place, "shop", 1199), "jenkins 1199");
    assert_eq!(attached(&job, "latest").0, "jenkins 1201");
    // A list and a rollback go from one counter to the other.
    let listed = job.json("builds");
    let numbers: Vec<u64> = listed["builds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["number"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1201, 59, 58, 57, 1200, 1199]);
    job.baton("rollback --branch main")
        .succeeds()
        .prints(["build:59"]);
    job.baton("rollback --branch main --steps 3")
        .succeeds()
        .prints(["build:1200"]);
    job.baton("release --branch main")
        .succeeds()
        .prints(["build:1201"]);
    job.baton("promote build:59 production").succeeds();
    job.baton("promote build:1201 production")
        .succeeds()
        .prints(["build:1201"]);
    job.baton("promote build:58 production")
        .ends(3)
        .tells("which is newer than build:58")
        .tells("persisted later");
}

#[test]
fn two_workflow_files_count_apart_and_a_common_counter_joins_them() {
    let place = Place::new();
    persist(&github(&place, "nightly.yml", 900), "nightly");
    persist(&github(&place, "ci.yml", 12), "ci");
    let job = place.job("work");
    assert_eq!(attached(&job, "latest").0, "ci");
    assert_eq!(warned(&job), ["two-counters"]);

    let place = Place::new();
    let joined = |file: &str, run: u64| github(&place, file, run).set("BATON_COUNTER", "commits");
    persist(&joined("nightly.yml", 900), "nightly");
    persist(&joined("ci.yml", 12), "ci");
    let job = place.job("work");
    assert_eq!(attached(&job, "latest").0, "nightly");
    assert_eq!(warned(&job), [""; 0]);
    assert_eq!(job.json("latest")["builds"][0]["counter"]["by"], "commits");
    // With a run that is named, too, two runners share the count.
    let place = Place::new();
    let named = |job: Job, run: &str| {
        job.set("BATON_COUNTER", "commits")
            .set("BATON_RUN", run.to_owned())
    };
    persist(&named(github(&place, "ci.yml", 3), "412"), "newer");
    persist(&named(jenkins(&place, "shop", 1200), "411"), "older");
    let job = place.job("work");
    assert_eq!(attached(&job, "latest").0, "newer");
    assert_eq!(warned(&job), [""; 0]);
    job.baton("show").succeeds();
    assert!(job.baton("show").out.contains("counted by   runs of commits"));
    persist(&named(jenkins(&place, "shop", 1201), "413"), "newest");
    assert_eq!(attached(&job, "latest").0, "newest");
}

#[test]
fn branches_that_jenkins_counts_apart_compare_by_their_dates() {
    let place = Place::new();
    let on = |branch: &str, number: u64| {
        jenkins(&place, &format!("shop/{branch}"), number)
            .set("BRANCH_NAME", branch)
            .set("GIT_COMMIT", "c0ffee1c0ffee1c0ffee1c0ffee1c0ffee1c0ffe")
    };
    persist(&on("release-1", 40), "one");
    persist(&on("release-2", 3), "two");
    let job = place.job("work");
    assert_eq!(attached(&job, "sha:c0ffee1").0, "two");
    job.baton("promote build:40 production").succeeds();
    job.baton("promote build:3 production")
        .succeeds()
        .prints(["build:3"]);
    job.baton("promote build:40 production").ends(3);
}

#[test]
fn a_build_of_which_a_node_is_missing_is_passed_over_with_its_name() {
    let place = Place::new();
    let job = place.job("work");
    persist(&run(&job, 1), "whole");
    for node in ["0/3", "2/3"] {
        let part = run(&job, 2).set("BATON_NODE", node);
        write(&part.path("d/v"), "part");
        write(&part.path(&format!("d/{}", &node[..1])), "part");
        part.baton("persist d").succeeds();
    }
    let (content, said) = attached(&job, "latest");
    assert_eq!(content, "whole");
    assert!(
        said.contains("node 1 of 3") && said.contains("build:2") && said.contains("--if-no-files"),
        "{said}"
    );
    assert_eq!(warned(&job), ["incomplete-skipped"]);
    job.baton("show build:2").ends(3).tells("node 1 of 3");
    // A node that has nothing says so.
    let empty = run(&job, 2).set("BATON_NODE", "1/3");
    empty
        .baton("persist nothing-here --if-no-files ignore")
        .succeeds();
    let (content, said) = attached(&job, "latest");
    assert_eq!(content, "part");
    assert!(!said.contains("warning"), "{said}");

    let third = run(&job, 3).set("BATON_NODE", "0/2");
    persist(&third, "0");
    run(&job, 3)
        .set("BATON_NODE", "1/2")
        .baton("persist nothing-here --if-no-files warn")
        .succeeds()
        .tells("warning");
    job.baton("latest").succeeds().prints(["build:3"]);
}

/// A node of a parallel job of each runner, as its variables have it: the position from 0, and a try of its own.
fn nodes(place: &Place, runner: &str, run: u64, index: u64, again: u64) -> Job {
    let job = place.bare(&format!("{runner}-{run}-{index}-{again}"));
    let common = |job: Job, pairs: &[(&'static str, String)]| {
        let mut job = job.set("BATON_PROJECT", "gh/acme/shop");
        for (variable, value) in pairs {
            job = job.set(variable, value.clone());
        }
        job
    };
    match runner {
        "gitlab" | "matrix" => {
            let name = match runner {
                "gitlab" => format!("rspec {}/3", index + 1),
                _ => format!("rspec: [linux, 3.{index}]"),
            };
            let pairs = [
                ("GITLAB_CI", "true".into()),
                ("CI_PROJECT_PATH", "acme/shop".into()),
                ("CI_COMMIT_BRANCH", "main".into()),
                ("CI_COMMIT_SHA", format!("{run:040x}")),
                ("CI_PIPELINE_ID", format!("90{run}")),
                ("CI_PIPELINE_IID", run.to_string()),
                ("CI_JOB_ID", (run * 100 + again * 10 + index).to_string()),
                ("CI_JOB_NAME", name),
                ("CI_NODE_INDEX", (index + 1).to_string()),
                ("CI_NODE_TOTAL", "3".into()),
            ];
            common(job, &pairs)
        }
        "buildkite" => {
            let pairs = [
                ("BUILDKITE", "true".into()),
                ("BUILDKITE_BRANCH", "main".into()),
                ("BUILDKITE_PULL_REQUEST", "false".into()),
                ("BUILDKITE_COMMIT", format!("{run:040x}")),
                ("BUILDKITE_BUILD_NUMBER", run.to_string()),
                ("BUILDKITE_BUILD_ID", format!("b{run}")),
                ("BUILDKITE_LABEL", format!("specs {} of 3", index + 1)),
                ("BUILDKITE_STEP_ID", format!("s{run}")),
                ("BUILDKITE_RETRY_COUNT", again.to_string()),
                ("BUILDKITE_PARALLEL_JOB", index.to_string()),
                ("BUILDKITE_PARALLEL_JOB_COUNT", "3".into()),
            ];
            common(job, &pairs)
        }
        _ => {
            let pairs = [
                ("GITHUB_RUN_ATTEMPT", (again + 1).to_string()),
                ("BATON_NODE", format!("{index}/3")),
            ];
            let github = github(place, "ci.yml", run);
            common(github, &pairs)
        }
    }
}

#[test]
fn nodes_that_are_run_again_one_by_one_are_one_build() {
    for runner in ["gitlab", "matrix", "buildkite", "github"] {
        let place = Place::new();
        let persist = |index: u64, again: u64| {
            let job = nodes(&place, runner, 7, index, again);
            write(&job.path(&format!("d/{index}")), format!("{index} {again}"));
            job.baton(&format!("persist d/{index}")).succeeds();
        };
        let job = place.job("work");
        let content = |selector: &str| -> Vec<String> {
            let ran = job.baton(&format!("attach {selector} --at out --clean"));
            assert!(!ran.err.contains("warning"), "{runner}: {}", ran.err);
            ran.succeeds();
            let read = |index| std::fs::read_to_string(job.path(&format!("out/d/{index}"))).unwrap();
            (0..3).map(read).collect()
        };
        persist(0, 0);
        persist(2, 0);
        job.baton("latest")
            .ends(3)
            .tells("only 2 of 3 parallel nodes")
            .tells("missing: node 1 of 3");
        // It failed before it persisted, and is run again by itself.
        persist(1, 1);
        job.baton("latest").succeeds().tells("3 files, 9 B");
        for selector in ["latest", "build:7", "sha:0000"] {
            assert_eq!(content(selector), ["0 0", "1 1", "2 0"], "{runner}");
        }
        job.baton("promote latest production").succeeds();
        persist(2, 2);
        assert_eq!(content("latest"), ["0 0", "1 1", "2 2"], "{runner}");
        assert_eq!(content("channel:production"), ["0 0", "1 1", "2 0"], "{runner}");
    }
}

#[test]
fn a_rebuild_of_an_old_build_is_not_the_latest() {
    let place = Place::new();
    let build = |number: u64| {
        place
            .bare(&format!("build-{number}"))
            .set("BATON_PROJECT", "gh/acme/shop")
            .set("BUILDKITE", "true")
            .set("BUILDKITE_BRANCH", "main")
            .set("BUILDKITE_COMMIT", format!("{number:040x}"))
            .set("BUILDKITE_BUILD_NUMBER", number.to_string())
            .set("BUILDKITE_BUILD_ID", format!("b{number}"))
            .set("BUILDKITE_STEP_KEY", "build")
            .set("BUILDKITE_RETRY_COUNT", "0")
    };
    persist(&build(10), "old");
    persist(&build(11), "new");
    let job = place.job("work");
    persist(&build(12).set("BUILDKITE_REBUILT_FROM_BUILD_NUMBER", "10"), "old");
    job.baton("latest").succeeds().prints(["build:11"]);
    persist(
        &build(13).set("BUILDKITE_REBUILT_FROM_BUILD_NUMBER", "11"),
        "again",
    );
    job.baton("latest").succeeds().prints(["build:13"]);
}

#[test]
fn a_workspace_of_which_a_node_is_missing_is_attached_with_a_warning() {
    let place = Place::new();
    let job = place.job("work").set("BATON_WORKSPACE", "w1");
    for (name, nodes) in [("test", ["0/3", "2/3"]), ("lint", ["0/2", "1/2"])] {
        for node in nodes {
            let part = run(&job, 2).set("BATON_JOB", name).set("BATON_NODE", node);
            let path = format!("{name}-{}", &node[..1]);
            write(&part.path(&path), "part");
            part.baton(&format!("persist {path}")).succeeds();
        }
    }
    for selector in ["workspace", "workflow:w1"] {
        let report = job.json(&format!("attach {selector} --at out"));
        let warnings = report["warnings"].as_array().unwrap();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert_eq!(warnings[0]["code"], "incomplete-workspace");
        let message = warnings[0]["message"].as_str().unwrap();
        assert!(
            message.contains("node 1 of 3 of test") && message.contains("--if-no-files"),
            "{message}"
        );
    }
    job.baton("attach --at out --job lint")
        .succeeds()
        .omits("warning");
    let empty = run(&job, 2).set("BATON_JOB", "test").set("BATON_NODE", "1/3");
    empty.baton("persist none --if-no-files ignore").succeeds();
    job.baton("attach --at out").succeeds().omits("warning");
}

#[test]
fn where_nothing_can_be_the_latest_the_error_names_what_there_is() {
    let place = Place::new();
    let job = place.job("work");
    persist(&fork(&job).set("BATON_PULL_REQUEST", "7"), "theirs");
    persist(
        &run(&job, 8).set("BATON_TAG", "v8").without("BATON_BRANCH"),
        "tag",
    );
    for selector in ["latest", "latest@main"] {
        job.baton(&format!("attach {selector} --at out"))
            .ends(3)
            .tells("none of its newest builds can be the latest of a branch")
            .tells("tag:v8")
            .tells("build:1 (pull request 7 of a fork)");
    }
}

#[test]
fn an_event_file_that_cannot_be_read_is_said() {
    let place = Place::new();
    let job = github(&place, "ci.yml", 7).set("BATON_PROJECT", "gh/acme/shop");
    let said = "warning: cannot read the event file that GITHUB_EVENT_PATH names";
    for event in ["none.json", "."] {
        let job = job.clone().set("GITHUB_EVENT_PATH", event);
        write(&job.path("d/v"), event);
        let ran = job.baton("persist d").succeeds().tells(said);
        assert_eq!(ran.err.matches(said).count(), 1, "{}", ran.err);
        job.baton("doctor").tells(said);
    }
    // Another runner's job has no business with it.
    let other = place.job("work").set("GITHUB_EVENT_PATH", "none.json");
    other.baton("latest").succeeds().omits("event file");
    let request = job
        .set("GITHUB_EVENT_PATH", "none.json")
        .set("GITHUB_HEAD_REF", "main");
    write(&request.path("d/v"), "theirs");
    request
        .set("GITHUB_RUN_NUMBER", "9")
        .baton("persist d")
        .succeeds()
        .tells(said);
    other.baton("latest").succeeds().prints(["build:7"]);
}

/// A build of a fork that says that it is of the same number, tag, commit, workflow and workspace.
fn fork(job: &Job) -> Job {
    job.clone()
        .set("BATON_FORK", "true")
        .set("BATON_RUN", "999")
        .number(1)
}

#[test]
fn a_forks_build_answers_for_no_other() {
    let place = Place::new();
    let job = place
        .job("work")
        .set("BATON_TAG", "v1")
        .set("BATON_WORKFLOW", "w1")
        .set("BATON_WORKSPACE", "w1");
    persist(&run(&job, 1), "ours");
    for kind in [
        fork(&job),
        fork(&job)
            .set("BATON_PULL_REQUEST", "7")
            .set("BATON_FORK", "false")
            .set("BATON_RUN", "998"),
    ] {
        persist(&kind.set("BATON_JOB", "evil"), "theirs");
    }
    persist(&fork(&job).set("BATON_RUN", "1000"), "theirs");
    for selector in [
        "latest",
        "build:1",
        "tag:v1",
        "sha:c0ffee1",
        "workspace",
        "workflow:w1",
    ] {
        assert_eq!(attached(&job, selector).0, "ours", "{selector}");
    }
    assert!(attached(&job, "workspace").1.contains("were left out"));
    job.baton("promote tag:v1 production").succeeds();
    assert_eq!(attached(&job, "channel:production").0, "ours");
    job.baton("verify --all").succeeds();
}

#[test]
fn a_forks_workspace_cannot_be_put_in_place_of_another() {
    let place = Place::new();
    let job = place
        .job("work")
        .set("BATON_WORKFLOW", "w1")
        .set("BATON_WORKSPACE", "w1");
    persist(&run(&job, 1), "ours");
    persist(&fork(&job).set("BATON_WORKSPACE", "evil"), "theirs");
    assert_eq!(attached(&job, "workflow:w1").0, "ours");
}

#[test]
fn a_forks_build_alone_answers_with_a_warning_and_is_promoted_only_if_allowed() {
    let place = Place::new();
    let job = place
        .job("work")
        .set("BATON_TAG", "v1")
        .set("BATON_WORKSPACE", "w9")
        .set("BATON_WORKFLOW", "w9");
    let theirs = fork(&job);
    persist(&theirs, "theirs");
    job.baton("latest").ends(3);
    for selector in ["build:1", "tag:v1", "sha:c0ffee1", "workspace", "workflow:w9"] {
        let (content, said) = attached(&job, selector);
        assert_eq!(content, "theirs", "{selector}");
        assert!(said.contains("a fork"), "{selector}: {said}");
        // Who is of a fork knows it.
        assert!(!attached(&theirs, selector).1.contains("warning"), "{selector}");
    }
    job.baton("promote tag:v1 production")
        .ends(1)
        .tells("a fork built this")
        .tells("--allow-fork");
    job.baton("promote tag:v1 production --allow-fork")
        .succeeds()
        .prints(["build:1"]);
    assert!(attached(&job, "channel:production").1.contains("a fork"));
    // What is not a fork's may follow it, whatever its number.
    persist(&run(&job, 5), "ours");
    job.baton("promote build:5 production")
        .succeeds()
        .prints(["build:5"]);
    // And the fork's is on the channel's way back, but no other.
    job.baton("rollback production --to build:1")
        .succeeds()
        .prints(["build:1"]);
}

/// Dates the records of a build as a machine does whose clock is in the year 2100.
fn date(store: &Stored, number: u64) {
    for key in store
        .keys("v1/projects/")
        .into_iter()
        .filter(|key| !key.contains("/workflows/"))
    {
        store.forge_record(&key, |record| {
            if record["number"] == number {
                record["created_ms"] = 4_102_444_800_000_u64.into();
            }
        });
    }
}

#[test]
fn a_date_ahead_of_the_clock_is_said_and_is_no_age() {
    let place = Place::new();
    let job = place.job("work");
    persist(&run(&job, 1), "one");
    persist(&run(&job, 2), "two");
    persist(&run(&job, 3), "three");
    date(&place.store(), 2);
    let listed = job.baton("builds").succeeds().out;
    assert!(listed.contains("(wrong clock?)"), "{listed}");
    job.baton("latest")
        .succeeds()
        .prints(["build:3"])
        .omits("warning");
    // By its neighbour it is old enough to go.
    std::thread::sleep(std::time::Duration::from_millis(20));
    let plan = job.json("prune --keep-last 1 --grace 1ms --dry-run");
    let removed: Vec<u64> = plan["builds"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["keep"] == false)
        .map(|it| it["build"]["number"].as_u64().unwrap())
        .collect();
    assert_eq!(removed, [1, 2]);
    date(&place.store(), 3);
    job.baton("latest")
        .succeeds()
        .prints(["build:3"])
        .tells("ahead of this machine's clock");
    assert_eq!(warned(&job), ["date-ahead"]);
}

#[test]
fn prune_keeps_steps_back_on_a_channel_and_the_last_that_is_left_is_named() {
    let place = Place::new();
    let job = place.job("work");
    for number in 1..=6 {
        persist(&run(&job, number), &number.to_string());
        job.baton(&format!("promote build:{number} production"))
            .succeeds();
    }
    std::thread::sleep(std::time::Duration::from_millis(20));
    let prune = |more: &str| {
        job.json(&format!(
            "prune --keep-last 1 --grace 1ms --no-other-writers {more}"
        ))["removed"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(prune(""), 2);
    job.baton("rollback production --steps 5")
        .ends(3)
        .tells("the last that is left is build:3, 3 steps back");
    assert_eq!(prune("--keep-channel-steps 2"), 1);
    job.baton("rollback production --steps 3")
        .ends(3)
        .tells("the last that is left is build:4, 2 steps back");
    job.baton("rollback production --steps 2")
        .succeeds()
        .prints(["build:4"]);
}

//! Which build is the latest, where numbers of several counters, parallel nodes and builds of forks are in one store.

use crate::files::write;
use crate::place::{Job, Place};
use crate::stored::Stored;

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
        .tells("latest answers build:1250");
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

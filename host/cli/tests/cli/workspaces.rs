//! Merging the layers that the jobs of one workflow persist.

use std::thread;

use crate::files::{listing, read, write, write_all};
use crate::place::{Job, Place};

/// Persists `content` as the file `path` of the job.
#[track_caller]
fn persist(job: &Job, path: &str, content: &str) {
    write(&job.path(path), content);
    job.run(["persist", path]).succeeds();
}

/// Attaches the workspace, and returns the files' contents by their paths.
#[track_caller]
fn attached(job: &Job, words: &str) -> Vec<(String, String)> {
    job.bash("rm -rf ws").succeeds();
    job.baton(&format!("attach --at ws {words}")).succeeds();
    contents(job)
}

fn contents(job: &Job) -> Vec<(String, String)> {
    let files = listing(&job.path("ws"))
        .into_keys()
        .filter(|path| job.path("ws").join(path).is_file());
    let content = |path: std::path::PathBuf| (path.display().to_string(), read(&job.path("ws").join(&path)));
    files.map(content).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(path, content)| ((*path).to_owned(), (*content).to_owned()))
        .collect()
}

#[test]
fn two_jobs_merge() {
    let place = Place::new();
    persist(&place.circle("build", 1), "out/app", "app");
    persist(&place.circle("docs", 2), "out/manual", "manual");
    let deploy = place.circle("deploy", 3);
    assert_eq!(
        attached(&deploy, ""),
        pairs(&[("out/app", "app"), ("out/manual", "manual")])
    );
    let report = deploy.json("attach --at again");
    let jobs: Vec<&str> = report["builds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["job"].as_str().unwrap())
        .collect();
    assert_eq!(jobs, ["build", "docs"]);
}

#[test]
fn artifacts_of_different_names_merge_too() {
    let place = Place::new();
    let build = place.circle("build", 1);
    write_all(build.dir(), &[("app", "app"), ("log", "log")]);
    build.baton("persist app --name app").succeeds();
    build.baton("persist log --name log").succeeds();
    let deploy = place.circle("deploy", 2);
    assert_eq!(attached(&deploy, ""), pairs(&[("app", "app"), ("log", "log")]));
    assert_eq!(attached(&deploy, "--name log"), pairs(&[("log", "log")]));
    deploy
        .baton("attach --at other --name nothing")
        .ends(3)
        .tells("no build of nothing in gh/acme/shop is in workspace w1; it has app by build, log by build");
}

#[test]
fn layers_can_be_limited_to_jobs() {
    let place = Place::new();
    persist(&place.circle("build", 1), "app", "app");
    persist(&place.circle("docs", 2), "manual", "manual");
    persist(&place.circle("lint", 3), "report", "report");
    let deploy = place.circle("deploy", 4);
    assert_eq!(attached(&deploy, "--job docs"), pairs(&[("manual", "manual")]));
    assert_eq!(
        attached(&deploy, "--job docs --job build"),
        pairs(&[("app", "app"), ("manual", "manual")])
    );
    deploy
        .baton("attach --at other --job test")
        .ends(3)
        .tells("by test");
}

#[test]
fn the_same_bytes_under_one_path_are_no_conflict() {
    let place = Place::new();
    persist(&place.circle("build", 1), "shared/version", "1.0");
    persist(&place.circle("docs", 2), "shared/version", "1.0");
    assert_eq!(
        attached(&place.circle("deploy", 3), ""),
        pairs(&[("shared/version", "1.0")])
    );
}

#[test]
fn other_bytes_under_one_path_are_refused_at_persist_and_name_both_jobs() {
    let place = Place::new();
    persist(&place.circle("build", 1), "shared/version", "1.0");
    let docs = place.circle("docs", 2);
    write(&docs.path("shared/version"), "2.0");
    let before = place.store().records("");
    docs.baton("persist shared")
        .ends(1)
        .tells("different bytes")
        .tells("build (build 1) and docs (build 2)")
        .tells(": shared/version");
    assert_eq!(place.store().records(""), before, "nothing became visible");
    // The conflict left no trace: the same build may persist once it is fixed.
    write(&docs.path("shared/version"), "1.0");
    docs.baton("persist shared").succeeds();
}

#[test]
fn a_conflict_that_persist_could_not_see_is_refused_at_attach() {
    let place = Place::new();
    persist(&place.circle("build", 1), "shared/version", "1.0");
    // As two jobs do that persist at the same time: neither sees the other's layer.
    let docs = place.circle("docs", 2);
    write(&docs.path("shared/version"), "2.0");
    docs.baton("persist shared --on-conflict newest").succeeds();

    let deploy = place.circle("deploy", 3);
    deploy
        .baton("attach --at ws")
        .ends(1)
        .tells("build (build 1) and docs (build 2)")
        .tells(": shared/version");
    assert!(!deploy.path("ws/shared").exists());
    assert_eq!(
        attached(&deploy, "--on-conflict newest"),
        pairs(&[("shared/version", "2.0")])
    );
    // One job alone contradicts nobody.
    assert_eq!(
        attached(&deploy, "--job build"),
        pairs(&[("shared/version", "1.0")])
    );
}

#[test]
fn the_newest_build_wins_a_conflict_and_not_the_last_to_persist() {
    let place = Place::new();
    for (name, number) in [("late", 9), ("early", 4)] {
        let job = place.circle(name, number);
        write(&job.path("version"), name);
        job.baton("persist version --on-conflict newest").succeeds();
    }
    assert_eq!(
        attached(&place.circle("deploy", 10), "--on-conflict newest"),
        pairs(&[("version", "late")])
    );
}

#[test]
fn a_file_of_one_job_and_a_directory_of_another_contradict() {
    let place = Place::new();
    persist(&place.circle("build", 1), "out", "a file");
    let docs = place.circle("docs", 2);
    write_all(docs.dir(), &[("out/one", "1"), ("out/two", "2")]);
    docs.baton("persist out")
        .ends(1)
        .tells("different things")
        .tells(": out");
    docs.baton("persist out --on-conflict newest").succeeds();
    let deploy = place.circle("deploy", 3);
    deploy.baton("attach --at ws").ends(1).tells("different things");
    assert_eq!(
        attached(&deploy, "--on-conflict newest"),
        pairs(&[("out/one", "1"), ("out/two", "2")])
    );
}

#[test]
fn a_rerun_finds_the_layers_of_the_first_run_and_replaces_its_own() {
    let place = Place::new();
    persist(&place.circle("build", 1), "app", "first");
    persist(&place.circle("docs", 2), "manual", "manual");
    // "Rerun from failed": a new workflow in the workspace of the first, in which only some jobs run again.
    let rerun = |name, number| place.circle(name, number).set("CIRCLE_WORKFLOW_ID", "w1-again");
    persist(&rerun("build", 5), "app", "second");

    let expected = pairs(&[("app", "second"), ("manual", "manual")]);
    let deploy = rerun("deploy", 6);
    assert_eq!(attached(&deploy, ""), expected);
    assert_eq!(attached(&deploy, "workflow:w1-again"), expected);
    assert_eq!(attached(&deploy, "workflow:w1"), expected);
    // From elsewhere, too.
    assert_eq!(
        attached(&place.circle("deploy", 7).workflow("w9"), "workflow:w1-again"),
        expected
    );
}

#[test]
fn a_rerun_with_fewer_files_leaves_none_of_the_old_ones() {
    let place = Place::new();
    let build = place.circle("build", 1);
    write_all(build.dir(), &[("out/old", "old"), ("out/kept", "kept")]);
    build.baton("persist out").succeeds();
    let again = place.circle("build", 2).set("CIRCLE_WORKFLOW_ID", "w1-again");
    write_all(again.dir(), &[("out/kept", "kept")]);
    again.baton("persist out").succeeds();
    assert_eq!(
        attached(&place.circle("deploy", 3), ""),
        pairs(&[("out/kept", "kept")])
    );
}

fn node(place: &Place, number: u64, index: u64, total: u64) -> Job {
    let job = place
        .circle("test", number)
        .set("CIRCLE_NODE_INDEX", index.to_string());
    job.set("CIRCLE_NODE_TOTAL", total.to_string())
}

#[test]
fn parallel_nodes_merge() {
    let place = Place::new();
    for index in 0..3 {
        let job = node(&place, 1, index, 3);
        write(&job.path(&format!("report-{index}")), index.to_string());
        job.baton(&format!("persist report-{index}")).succeeds();
    }
    let expected = pairs(&[("report-0", "0"), ("report-1", "1"), ("report-2", "2")]);
    let deploy = place.circle("deploy", 2);
    for selector in ["workspace", "latest", "build:1"] {
        assert_eq!(attached(&deploy, selector), expected, "{selector}");
    }
}

#[test]
fn parallel_nodes_that_disagree_are_both_named() {
    let place = Place::new();
    for index in 0..2 {
        let job = node(&place, 1, index, 2);
        write(&job.path("report"), index.to_string());
        job.baton("persist report --on-conflict newest").succeeds();
    }
    let deploy = place.circle("deploy", 2);
    deploy
        .baton("attach --at ws")
        .ends(1)
        .tells("test node 0 of 2 (build 1) and test node 1 of 2 (build 1)");
}

#[test]
fn the_latest_of_a_parallel_job_is_a_complete_build() {
    let place = Place::new();
    let report = |number, index, total| {
        let job = node(&place, number, index, total).workflow(&format!("w{number}"));
        write(
            &job.path(&format!("report-{index}")),
            format!("{index} of {number}"),
        );
        job.baton(&format!("persist report-{index}")).succeeds();
    };
    let deploy = place.circle("deploy", 20).workflow("release");
    report(1, 0, 2);
    deploy
        .baton("latest")
        .ends(3)
        .tells("only 1 of 2 parallel nodes of test (build 1) have persisted");
    report(1, 1, 2);
    report(2, 1, 2);
    // The second build lacks a node, so the first is still the answer.
    deploy.baton("latest").succeeds().prints(["build:1"]);
    assert_eq!(
        attached(&deploy, "latest"),
        pairs(&[("report-0", "0 of 1"), ("report-1", "1 of 1")])
    );
    report(2, 0, 2);
    deploy.baton("latest").succeeds().prints(["build:2"]);
    assert_eq!(
        attached(&deploy, "latest"),
        pairs(&[("report-0", "0 of 2"), ("report-1", "1 of 2")])
    );
}

#[test]
fn a_rerun_with_other_parallelism_replaces_all_nodes() {
    let place = Place::new();
    for index in 0..3 {
        persist(&node(&place, 1, index, 3), &format!("report-{index}"), "old");
    }
    for index in 0..2 {
        let again = node(&place, 2, index, 2).set("CIRCLE_WORKFLOW_ID", "w1-again");
        persist(&again, &format!("report-{index}"), "new");
    }
    let deploy = place.circle("deploy", 3);
    assert_eq!(
        attached(&deploy, ""),
        pairs(&[("report-0", "new"), ("report-1", "new")])
    );
}

#[test]
fn jobs_that_persist_at_once_all_arrive() {
    let place = Place::new();
    thread::scope(|scope| {
        for number in 1..=8 {
            let job = place.circle(&format!("job-{number}"), number);
            scope.spawn(move || persist(&job, &format!("file-{number}"), &number.to_string()));
        }
    });
    let deploy = place.circle("deploy", 9);
    let all: Vec<(String, String)> = (1..=8)
        .map(|n: u32| (format!("file-{n}"), n.to_string()))
        .collect();
    assert_eq!(attached(&deploy, ""), all);
    deploy.baton("latest").succeeds().prints(["build:8"]);
}

#[test]
fn without_a_workspace_the_error_names_the_variable() {
    let place = Place::new();
    let job = place.job("work");
    write(&job.path("file"), "content");
    job.baton("persist file").succeeds();
    job.baton("attach --at ws")
        .ends(1)
        .tells("BATON_WORKSPACE is not set");
    // It can be given by a flag, too.
    job.baton("persist file --workspace mine --number 5").succeeds();
    job.baton("attach --at ws --workspace mine").succeeds();
    assert_eq!(contents(&job), pairs(&[("file", "content")]));
}

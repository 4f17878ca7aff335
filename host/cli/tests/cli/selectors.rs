//! Selectors: the builds that they select, the errors if they select none, and the exit codes.

use crate::files::{read, write};
use crate::place::{Job, Place};

/// A history: builds 1 to 3 on main, 4 on a feature branch, 5 of a tag.
fn history() -> Place {
    let place = Place::new();
    for (number, commit) in [(1, "aaaa1111"), (2, "aaaa2222"), (3, "bbbb3333")] {
        persist(&place.job("work").number(number).set("BATON_COMMIT", commit));
    }
    persist(
        &place
            .job("work")
            .number(4)
            .set("BATON_COMMIT", "cccc4444")
            .branch("feature/login"),
    );
    persist(
        &place
            .job("work")
            .number(5)
            .set("BATON_COMMIT", "dddd5555")
            .without("BATON_BRANCH")
            .set("BATON_TAG", "v1.2"),
    );
    place
}

fn persist(job: &Job) {
    let number = job.variable("BATON_NUMBER");
    write(&job.path("number"), &number);
    job.baton("persist number --name app").succeeds();
    write(&job.path("number"), "");
}

/// Attaches what the selector means, and returns which build that was.
#[track_caller]
fn answer(job: &Job, selector: &str) -> String {
    job.bash("rm -rf out").succeeds();
    job.run(["attach", selector, "--name", "app", "--at", "out"])
        .succeeds();
    read(&job.path("out/number"))
}

#[test]
fn each_selector_finds_its_build() {
    let place = history();
    let job = place.job("work");
    let tree = job.json("show build:2 --name app")["builds"][0]["tree"]
        .as_str()
        .unwrap()
        .to_owned();
    for (selector, number) in [
        ("latest", "3"),
        ("latest@main", "3"),
        ("latest@feature/login", "4"),
        ("build:1", "1"),
        ("build:4", "4"),
        ("build:5", "5"),
        ("sha:aaaa1", "1"),
        ("sha:AAAA2222", "2"),
        ("sha:bbbb", "3"),
        ("tag:v1.2", "5"),
        (&format!("tree:{tree}"), "2"),
    ] {
        assert_eq!(answer(&job, selector), number, "{selector}");
    }
    assert_eq!(answer(&place.job("work").branch("feature/login"), "latest"), "4");
}

#[test]
fn of_several_builds_of_a_commit_the_newest_is_meant() {
    let place = Place::new();
    for number in [8, 9, 7] {
        persist(&place.job("work").number(number));
    }
    assert_eq!(answer(&place.job("work"), "sha:c0ffee1"), "9");
}

#[test]
fn an_ambiguous_commit_is_refused_and_lists_the_matches() {
    let place = history();
    let job = place.job("work");
    job.baton("attach sha:aaaa --name app --at out")
        .ends(1)
        .tells("aaaa1111, aaaa2222")
        .tells("more digits");
    assert!(!job.path("out/number").exists());
}

#[test]
fn what_is_unknown_names_what_is_near() {
    let place = history();
    let job = place.job("work");
    for (words, tells) in [
        (
            "attach latest@mian --name app --at out",
            "no build of app in gh/acme/shop is on branch mian; there are builds on main, feature/login: latest@mian",
        ),
        (
            "attach latest@login --name app --at out",
            "there are builds on feature/login, main: latest@login",
        ),
        (
            "attach build:99 --name app --at out",
            "the newest are build:5 (tag:v1.2, sha:dddd555), build:4 (sha:cccc444)",
        ),
        (
            "attach sha:eeee --name app --at out",
            "no build of app in gh/acme/shop is sha:eeee",
        ),
        (
            "attach tag:v1.3 --name app --at out",
            "no build of app in gh/acme/shop is tag:v1.3",
        ),
        (
            "latest --name other",
            "no build of other in gh/acme/shop is on branch main; the project has the artifacts app",
        ),
        (
            "latest --name app --branch develop",
            "there are builds on main, feature/login: latest",
        ),
        (
            "latest --name app --job deploy",
            "no build of app by deploy in gh/acme/shop is on branch main; its newest builds are by ",
        ),
        (
            "latest --name app --project gh/acme/other",
            "no build of app in gh/acme/other is on branch main; the project has no builds, but there are some of gh/acme/shop",
        ),
        (
            "show build:99 --name app",
            "no build of app in gh/acme/shop is build:99",
        ),
        (
            "attach workflow:nothing --at out",
            "nothing in gh/acme/shop is in workflow nothing; no job has persisted to it yet",
        ),
        (
            &format!("attach tree:{} --at out", "0".repeat(64)),
            "the tree is missing",
        ),
    ] {
        let code = if words.contains("tree:") { 1 } else { 3 };
        job.baton(words)
            .ends(code)
            .tells(tells)
            .tells("hint: ")
            .prints([""; 0]);
        assert!(!job.path("out/number").exists());
    }
}

#[test]
fn what_is_malformed_is_refused_with_what_was_meant() {
    let place = history();
    let job = place.job("work");
    for (selector, tells) in [
        ("lates", "did you mean `latest`?"),
        ("branch:main", "did you mean `latest@main`?"),
        ("build:x", "a build number is decimal digits"),
        ("1234", "did you mean `build:1234`?"),
        ("deadbeef", "did you mean `sha:deadbeef`?"),
        ("commit:deadbeef", "did you mean `sha:deadbeef`?"),
        ("sha:abc", "4 to 64 hexadecimal digits"),
        ("tree:abc", "64 hexadecimal digits"),
        ("latest@", "a name is missing"),
        ("workspace:w1", "did you mean `workflow:w1`?"),
        ("", "a selector is empty"),
        ("latest@a\nb", "no control characters"),
    ] {
        job.run(["attach", selector, "--at", "out"]).ends(1).tells(tells);
        job.run(["show", selector]).ends(1).tells(tells);
    }
}

#[test]
fn builds_are_listed_newest_first_and_filtered() {
    let place = history();
    let job = place.job("work");
    let listed = |words: &str| -> Vec<u64> {
        let value = job.json(&format!("builds --name app {words}"));
        value["builds"]
            .as_array()
            .unwrap()
            .iter()
            .map(|build| build["number"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(listed(""), [5, 4, 3, 2, 1]);
    assert_eq!(listed("--limit 2"), [5, 4]);
    assert_eq!(listed("--branch main"), [3, 2, 1]);
    assert_eq!(listed("--branch main --limit 1"), [3]);
    assert_eq!(listed("--tag v1.2"), [5]);
    assert_eq!(listed("--commit aaaa"), [2, 1]);
    assert_eq!(listed("--commit aaaa1"), [1]);
    assert_eq!(listed("--commit aaaa --branch feature/login"), [0; 0]);
    assert_eq!(listed("--job nobody"), [0; 0]);
    job.baton("builds --name other")
        .succeeds()
        .tells("no build matches")
        .prints([""; 0]);
    let table = job.baton("builds --name app --limit 1").succeeds();
    assert!(
        table.out.starts_with("BUILD") && table.out.contains("build:5"),
        "{}",
        table.out
    );
}

#[test]
fn a_number_that_two_jobs_share_needs_the_job() {
    let place = Place::new();
    for job in ["build", "docs"] {
        let job = place.job("work").number(7).set("BATON_JOB", job);
        write(&job.path("number"), job.variable("BATON_JOB"));
        job.baton("persist number --name app").succeeds();
    }
    let job = place.job("work");
    for selector in ["build:7", "latest", "sha:c0ffee1"] {
        job.run(["attach", selector, "--name", "app", "--at", "out"])
            .ends(1)
            .tells("build and docs")
            .tells("--job");
        job.run([
            "attach", selector, "--name", "app", "--at", "out", "--job", "docs",
        ])
        .succeeds();
        assert_eq!(read(&job.path("out/number")), "docs", "{selector}");
    }
}

#[test]
fn what_the_grammar_does_not_know_is_a_usage_error() {
    let place = Place::new();
    let job = place.job("work");
    for words in [
        "",
        "attach",
        "persist",
        "fly",
        "latest --nonsense",
        "attach --at out a b",
        "builds --limit 0",
    ] {
        job.baton(words).ends(2);
    }
    job.baton("attach latest --at out --format yaml")
        .ends(2)
        .tells("text, json");
    job.baton("--version")
        .succeeds()
        .prints([format!("baton {}", env!("CARGO_PKG_VERSION"))]);
}

#[test]
fn a_missing_value_names_its_variable() {
    let place = Place::new();
    let job = place.job("work");
    write(&job.path("file"), "x");
    job.baton("persist file --number 1").succeeds();
    let missing = |variable| place.job("work").without(variable);
    missing("BATON_PROJECT")
        .baton("persist file")
        .ends(1)
        .tells("BATON_PROJECT is not set");
    missing("BATON_PROJECT")
        .baton("latest")
        .ends(1)
        .tells("BATON_PROJECT is not set");
    missing("BATON_BRANCH")
        .baton("latest")
        .ends(1)
        .tells("BATON_BRANCH is not set");
    // A build of no branch is found by its number.
    missing("BATON_BRANCH")
        .baton("persist file --number 2")
        .succeeds();
    job.baton("show build:2").succeeds();
    job.baton("latest").succeeds().prints(["build:1"]);
    let wrong = place.job("work").set("BATON_COMMIT", "main");
    wrong
        .baton("persist file")
        .ends(1)
        .tells("BATON_COMMIT is \"main\"");
    place
        .job("work")
        .set("BATON_NUMBER", "seven")
        .baton("persist file")
        .ends(1)
        .tells("BATON_NUMBER is \"seven\"");
}

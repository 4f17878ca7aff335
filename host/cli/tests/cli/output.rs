//! Standard output and standard error: that what is printed arrives or the command fails, and that nothing in it moves a
//! cursor, reorders what is read or hides.

use std::fs::{self, OpenOptions};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::files::{write, write_all};
use crate::place::{Job, Place};

/// A name with one character of each kind that is never printed as it is.
const HOSTILE: &str = "a\u{1b}[2J\u{202e}b\u{200b}\u{feff}\n\u{9b}\u{e0041}c";
const SHOWN: &str = r"a\u{1b}[2J\u{202e}b\u{200b}\u{feff}\n\u{9b}\u{e0041}c";

const CONFIG: &str = "
version: 2.1
jobs:
  build:
    docker: [{ image: cimg/base:2025.01 }]
    steps: [{ run: 'true' }]
workflows:
  all: { jobs: [build] }
";

/// A project with builds, a channel and a config: every command has something to print.
fn scene(place: &Place) -> Job {
    let job = place.job("work").set("BATON_ACTOR", "ada");
    write_all(job.dir(), &[("dist/app", "1"), (".circleci/config.yml", CONFIG)]);
    job.clone().number(1).baton("persist dist").succeeds();
    write(&job.path("dist/app"), "2");
    job.clone().number(2).baton("persist dist").succeeds();
    job.baton("promote build:1 production").succeeds();
    job
}

/// Every command, with arguments with which it prints something and succeeds. In this order each may follow the others.
const COMMANDS: &[&str] = &[
    "--help",
    "--version",
    "help",
    "persist --help",
    "persist dist --number 3",
    "persist dist --number 4 --dry-run",
    "attach build:1 --at new --dry-run",
    "latest",
    "builds",
    "artifacts",
    "channels",
    "show",
    "show --format intoto",
    "diff build:1 build:2",
    "diff build:1 build:2 --stat",
    "promote build:2 production",
    "rollback production",
    "release production",
    "history production",
    "verify",
    "verify --all",
    "prune --dry-run",
    "prune",
    "remove build:2 --dry-run",
    "remove build:2",
    "policy attach latest --at out",
    "policy attach --help",
    "local --dry-run",
    "local --state state",
    "doctor",
    "component",
    "completions bash",
    "man",
];

/// Commands that print on standard error only.
const SILENT: &[&str] = &["verify", "verify --all"];

/// Returns each command as it is and with JSON, where it has any.
fn commands() -> Vec<String> {
    let mut commands = Vec::new();
    for command in COMMANDS {
        commands.push((*command).to_owned());
        let is_text = ["help", "--version", "intoto", "completions", "man"]
            .iter()
            .any(|it| command.contains(it));
        // A second move of the same kind would be refused.
        let moves = [
            "persist dist --number 3",
            "promote",
            "rollback",
            "release",
            "remove build:2",
        ];
        if !is_text && !moves.iter().any(|it| command.starts_with(it)) {
            commands.push(format!("--format json {command}"));
        }
    }
    commands.push("--format json attach latest --at other".to_owned());
    commands
}

#[test]
fn every_command_is_tried() {
    let place = Place::new();
    let help = place.bare("work").baton("--help").succeeds().out;
    let listed = help.split("Commands:\n").nth(1).unwrap().lines();
    for name in listed
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
    {
        assert!(
            COMMANDS
                .iter()
                .any(|command| command.split(' ').next() == Some(name)),
            "{name}"
        );
    }
}

/// Runs a command with its standard output going to `out`, and returns its exit code and what it says.
fn run_into(job: &Job, words: &str, out: impl Into<Stdio>) -> (Option<i32>, String) {
    let mut command: Command = job.command(words.split_whitespace());
    let output = command.stdout(out).stderr(Stdio::piped()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn what_cannot_be_written_fails_the_command() {
    let place = Place::new();
    let job = scene(&place);
    for words in commands() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (code, err) = run_into(&job, &words, full);
        if SILENT.contains(&words.as_str()) {
            assert_eq!(code, Some(0), "{words}: {err}");
            continue;
        }
        assert_eq!(code, Some(1), "{words}: {err}");
        assert!(
            err.contains("error: cannot write to standard output"),
            "{words}: {err}"
        );
        assert!(err.contains("No space left on device"), "{words}: {err}");
    }
    // What was to be done was done.
    job.baton("show build:3").succeeds();
    // A descriptor that cannot be written to is no other case.
    let (code, err) = run_into(&job, "latest", fs::File::open("/dev/null").unwrap());
    assert_eq!(code, Some(1), "{err}");
    // A failure keeps its own exit code, and its JSON is missed, too.
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (code, err) = run_into(&job, "--format json show build:99", full);
    assert_eq!(code, Some(3), "{err}");
    assert!(
        err.contains("build:99") && err.contains("cannot write to standard output"),
        "{err}"
    );
}

#[test]
fn a_closed_standard_output_fails_what_prints() {
    let place = Place::new();
    let job = scene(&place);
    for words in commands() {
        let ran = job.bash(&format!("exec baton {words} >&-"));
        match SILENT.contains(&words.as_str()) {
            true => drop(ran.succeeds()),
            false => drop(
                ran.ends(1)
                    .tells("cannot write to standard output")
                    .tells("Bad file descriptor"),
            ),
        }
    }
    // Without standard input, or errors, nothing is missed.
    job.bash("baton latest <&-").succeeds();
    job.bash("baton latest 2>&-").succeeds();
    // Python and Node open what swallows everything for reading, too.
    let null = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")
        .unwrap();
    let (code, err) = run_into(&job, "latest", null);
    assert_eq!(code, Some(0), "{err}");
}

#[test]
fn a_reader_that_has_enough_fails_nothing() {
    let place = Place::new();
    let job = scene(&place);
    for words in commands() {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (code, err) = run_into(&job, &words, writer);
        assert_eq!(code, Some(0), "{words}: {err}");
        assert!(!err.contains("standard output"), "{words}: {err}");
    }
    job.bash("baton show --format json | head -n 1").succeeds();
}

/// Checks that a text has no character that must not be printed, except line ends.
#[track_caller]
fn is_harmless(text: &str, words: &str) {
    let is_harmful = |c: &char| {
        (c.is_control() && *c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
            || matches!(c, '\u{61c}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
    };
    let found = text.chars().find(is_harmful);
    assert!(found.is_none(), "{words} prints {found:?}: {text:?}");
    // The line end of a name would begin a line of its own.
    assert!(
        !text.lines().any(|line| line.starts_with("\\u{9b}")),
        "{words}: {text:?}"
    );
}

/// Runs a command, and checks all that it prints and says.
#[track_caller]
fn tried(job: &Job, words: &[&str]) -> (String, String) {
    let ran = job.run(words);
    let shown = format!("{words:?}");
    is_harmless(&ran.out, &shown);
    is_harmless(&ran.err, &shown);
    (ran.out, ran.err)
}

#[test]
fn names_of_files_are_printed_harmlessly_and_kept_in_json() {
    let place = Place::new();
    let job = scene(&place);
    write(&job.path(&format!("dist/{HOSTILE}")), "x");
    std::os::unix::fs::symlink(HOSTILE, job.path("dist/link")).unwrap();
    crate::files::set_bits(&job.path(&format!("dist/{HOSTILE}")), 0o4755);
    let run = |words: &str| tried(&job, &words.split_whitespace().collect::<Vec<_>>());
    let path = format!("dist/{SHOWN}");
    assert!(run("persist dist --number 3 --dry-run").0.contains(&path));
    // The warning about its bits names it.
    assert!(run("persist dist --number 3").1.contains(&path));
    assert!(run("show").0.contains(&path));
    assert!(run("diff build:1 build:3").0.contains(&path));
    assert!(run("attach latest --at out --dry-run").0.contains(&path));
    run("attach latest --at out");
    run("verify --data");
    for (words, pointer) in [
        ("persist dist --number 4 --dry-run", "/steps/1/path"),
        ("persist dist --number 4", "/warnings/0/subject"),
        ("show", "/entries/2/path"),
        ("diff build:1 build:3", "/changes/0/after/path"),
        ("attach latest --at new --dry-run", "/steps/2/path"),
    ] {
        let (out, _) = run(&format!("{words} --format json"));
        let report: Value = serde_json::from_str(&out).unwrap();
        let wanted = format!("dist/{HOSTILE}");
        assert!(
            report.pointer(pointer).is_some() && out.contains("\\u202e"),
            "{words}: {out}"
        );
        let holds = |value: &Value| {
            value
                .to_string()
                .contains(&Value::from(wanted.clone()).to_string())
        };
        assert!(holds(&report), "{words}: {report}");
    }
}

#[test]
fn records_are_printed_harmlessly_and_kept_in_json() {
    let place = Place::new();
    let job = scene(&place);
    // What a store holds need not have been written by baton.
    for kind in ["builds", "numbers", "commits"] {
        for key in place.store().records(kind) {
            place.store().forge_record(&key, |record| {
                for field in ["actor", "url", "runner", "baton"] {
                    record[field] = HOSTILE.into();
                }
            });
        }
    }
    for words in [
        "latest",
        "builds",
        "channels",
        "show",
        "history production",
        "verify",
        "prune --dry-run",
        "diff build:1 build:2",
        "doctor",
        "attach latest --at out",
        "promote build:2 production",
    ] {
        let words: Vec<&str> = words.split_whitespace().collect();
        tried(&job, &words);
        let json = [&words[..], &["--format", "json"]].concat();
        let (out, err) = tried(&job, &json);
        serde_json::from_str::<Value>(&out).unwrap_or_else(|_| panic!("{json:?}: {out} {err}"));
    }
    let shown = job.json("show latest");
    assert_eq!(shown["builds"][0]["actor"], HOSTILE);
    assert!(job.baton("show latest").succeeds().out.contains(SHOWN));
}

#[test]
fn what_was_given_is_said_harmlessly() {
    let place = Place::new();
    let job = scene(&place);
    for words in [
        // Found by clap.
        &[HOSTILE][..],
        &["latest", HOSTILE],
        &["builds", HOSTILE],
        &["builds", "--limit", HOSTILE],
        &["builds", &format!("--{HOSTILE}")],
        &["--format", HOSTILE, "latest"],
        &["prune", "--grace", HOSTILE],
        // Found by the host.
        &["latest", "--store", HOSTILE],
        &["latest", "--store", &format!("{HOSTILE}://x")],
        &["latest", "--config", HOSTILE],
        &["latest", "--component", HOSTILE],
        &["local", HOSTILE],
        &["local", "--job", HOSTILE],
        &["local", "--approve", HOSTILE],
        &["persist", "dist", "--root", HOSTILE],
        &["persist", "dist", "--sign", HOSTILE],
        &["persist", "dist", "--number", HOSTILE],
        &["attach", "latest", "--at", HOSTILE, "--dry-run"],
        &["attach", "latest", "--at", &format!("dist/app/{HOSTILE}")],
        // Found by the component.
        &["attach", HOSTILE, "--at", "out"],
        &["show", &format!("latest@{HOSTILE}")],
        &["latest", "--branch", HOSTILE],
        &["latest", "--job", HOSTILE],
        &["latest", "--name", HOSTILE],
        &["latest", "--project", HOSTILE],
        &["builds", "--commit", HOSTILE],
        &["persist", HOSTILE],
        &["persist", "dist", "--name", HOSTILE],
        &["promote", "latest", HOSTILE],
        &["rollback", HOSTILE],
        &["history", HOSTILE],
        &["promote", "build:1", "staging", "--reason", HOSTILE],
        &["history", "staging"],
    ] {
        let (out, err) = tried(&job, words);
        assert!(!(out + &err).is_empty(), "{words:?}");
        let (out, err) = tried(&job, &[words, &["--format", "json"]].concat());
        if !out.is_empty() {
            serde_json::from_str::<Value>(&out).unwrap_or_else(|_| panic!("{words:?}: {out} {err}"));
        }
    }
    for variable in [
        "BATON_FORMAT",
        "BATON_STORE",
        "BATON_CONFIG",
        "BATON_BRANCH",
        "BATON_PROJECT",
        "BATON_NUMBER",
        "BATON_WORKERS",
        "BATON_COMPONENT",
        "BATON_JOB",
        "BATON_ACTOR",
    ] {
        let job = job.clone().set(variable, HOSTILE);
        for words in ["latest", "doctor", "persist dist", "--help"] {
            tried(&job, &words.split_whitespace().collect::<Vec<_>>());
        }
    }
    write(
        &job.path("baton.toml"),
        format!("{} = 1\n\u{202e}\u{9b}", "mystery"),
    );
    let (_, err) = tried(&job, &["latest"]);
    assert!(err.contains("baton.toml"), "{err}");
}

#[test]
fn a_long_text_is_cut() {
    let place = Place::new();
    let job = scene(&place);
    let long = "x".repeat(100_000);
    for words in [
        &["attach", &format!("tag:{long}"), "--at", "out"][..],
        &["latest", "--branch", &long],
        &["persist", &long],
        &["promote", "latest", &long],
        &["latest", "--store", &format!("{long}://x")],
    ] {
        for format in ["text", "json"] {
            let ran = job.run([words, &["--format", format]].concat());
            assert!(ran.err.len() < 50_000, "{}: {}", words[0], ran.err.len());
            assert!(ran.out.len() < 50_000, "{}: {}", words[0], ran.out.len());
            assert!(ran.err.contains("error: "), "{}", ran.err);
        }
    }
}

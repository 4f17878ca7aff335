//! Every code of a failure or a warning is provoked with the real command, and its hint is right where it appears.

mod server;
mod steps;
mod table;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::files::read;
use crate::place::{Job, Place, Ran};
use table::{Row, TABLE};

/// How a code is provoked.
pub(crate) enum How {
    /// With this command in the usual scene: see [`scene`].
    Words(&'static str),
    /// By these steps, of which the last one is returned.
    Steps(fn(&Place, &Job) -> Option<Ran>),
    /// With CircleCI's API at hand that gives this answer, by this command.
    Api(&'static str, &'static str),
    /// With the real command, by the tests in this file of the repository: they need a server.
    In(&'static str),
    /// With the component's own code, by the tests in this file: the command needs a server for it, or too much.
    Natively(&'static str),
    /// By nothing that comes from outside, and why.
    Never(&'static str),
}

/// The project `gh/acme/shop` with two builds of `main`, a channel, and things that are wrong in some way.
fn scene(place: &Place) -> Job {
    use crate::files::{write, write_all};
    let job = place
        .job("work")
        .set("BATON_ACTOR", "ada")
        .set("BATON_JOB", "build");
    write_all(
        job.dir(),
        &[
            ("dist/app", "1"),
            ("file", "x"),
            ("foreign/notes", "mine"),
            ("bad.toml", "mystery = 1"),
            ("bad.yml", "jobs: ["),
            (
                "orb.yml",
                "version: 2.1\norbs: { x: acme/tools@1.0 }\nworkflows: { a: { jobs: [x/y] } }\n",
            ),
            (
                "default.yml",
                "version: 2.1\nworkflows: { a: { when: pipeline.git.branch.is_default, jobs: [] } }\n",
            ),
            ("good.yml", GOOD),
            ("state/mine", "mine"),
            (
                "occupied/dist/app/file",
                "a directory where the artifact has a file",
            ),
        ],
    );
    job.clone().number(1).baton("persist dist").succeeds();
    write(&job.path("dist/app"), "2");
    job.clone().number(2).baton("persist dist").succeeds();
    job.baton("promote build:2 production").succeeds();
    job
}

const GOOD: &str = "
version: 2.1
jobs: { build: { docker: [{ image: cimg/base:2025.01 }], steps: [{ run: 'true' }] } }
workflows: { all: { jobs: [build] } }
";

/// The text of a failure and its JSON.
struct Said {
    code: String,
    hint: Option<String>,
}

/// Returns the code and the hint of a failure, or of the warning that has `wanted`.
fn said(ran: &Ran, wanted: &str) -> Result<Said, String> {
    let value: Value = serde_json::from_str(&ran.out).map_err(|error| error.to_string())?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let error = &value["error"];
    if error.is_object() {
        let hint = text(&error["hint"]);
        if hint
            .as_ref()
            .is_some_and(|hint| !ran.err.contains(&format!("hint: {hint}\n")))
        {
            return Err("the text has another hint".to_owned());
        }
        let code = text(&error["code"]).unwrap_or_default();
        return Ok(Said { code, hint });
    }
    let warnings = value["warnings"].as_array().cloned().unwrap_or_default();
    let is_there = warnings.iter().any(|warning| warning["code"] == wanted);
    let code = if is_there {
        wanted
    } else {
        "(no error, and no such warning)"
    };
    Ok(Said {
        code: code.to_owned(),
        hint: None,
    })
}

/// Provokes a code, and says what is wrong with the answer.
fn tried(row: &Row) -> Result<(), String> {
    let place = Place::new();
    let ran = match row.how {
        How::Words(words) => {
            let job = scene(&place);
            Some(job.run(words.split_whitespace().chain(["--format", "json"])))
        }
        How::Steps(steps) => steps(&place, &scene(&place)),
        How::Api(answer, words) => {
            let job = scene(&place).set("CIRCLE_TOKEN", "token");
            let api = server::answering(answer);
            let words = words.split_whitespace().map(str::to_owned);
            let more = [
                "--store",
                "circleci:gh/acme/shop",
                "--api",
                &api,
                "--format",
                "json",
            ];
            Some(job.run(words.chain(more.map(str::to_owned))))
        }
        How::In(_) | How::Natively(_) | How::Never(_) => None,
    };
    let Some(ran) = ran else { return Ok(()) };
    let wrong = |what: &str| Err(format!("{}: {what}\n{}{}", row.code, ran.out, ran.err));
    let Said { code, hint } = match said(&ran, row.code) {
        Ok(said) => said,
        Err(error) => return wrong(&error),
    };
    let hint = hint.unwrap_or_default();
    match code == row.code {
        false => wrong("another code"),
        true if !hint.contains(row.hint) || (row.hint.is_empty() && !hint.is_empty()) => {
            wrong("another hint")
        }
        true if row.not.iter().any(|word| hint.contains(word)) => wrong("a hint that misleads"),
        true => Ok(()),
    }
}

#[test]
fn every_code_is_provoked_and_its_hint_fits() {
    let wrong: Vec<String> = TABLE.iter().filter_map(|row| tried(row).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_code_is_forgotten() {
    let repository = baton_testkit::repository();
    let hints = read(&repository.join("host/cli/src/hints.rs"));
    let table = hints
        .split("HINTS:")
        .nth(1)
        .unwrap()
        .split("\n];")
        .next()
        .unwrap();
    let texts: Vec<&str> = table.split('"').skip(1).step_by(2).collect();
    let known: BTreeSet<&str> = texts.iter().step_by(2).copied().collect();
    let tried: BTreeSet<&str> = TABLE.iter().map(|row| row.code).collect();
    assert_eq!(tried, known);
    for row in TABLE {
        match row.how {
            How::In(file) => assert!(
                read(&repository.join(file)).contains(row.hint) && !row.hint.is_empty(),
                "{}: {file}",
                row.code
            ),
            How::Natively(file) => {
                let text = read(&repository.join(file));
                assert!(
                    text.contains(&format!("\"{}\"", row.code)),
                    "{}: {file}",
                    row.code
                );
            }
            How::Never(why) => assert!(why.len() > 10, "{}", row.code),
            _ => {}
        }
    }
}

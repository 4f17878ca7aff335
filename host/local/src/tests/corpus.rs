//! The configs of `corpus`, each with its plan or its error as a snapshot.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// Returns the files of a directory with this extension, by name.
fn files(directory: &Path, extension: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<(String, String)> = entries
        .filter(|path| path.extension().is_some_and(|it| it == extension))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// Returns the pipeline and the selection that the first line of a config names.
fn asked(text: &str) -> (Pipeline, Selection) {
    let mut pipeline = Pipeline {
        id: "00000000-0000-4000-8000-000000000007".to_owned(),
        number: 7,
        branch: Some("main".to_owned()),
        default_branch: Some("main".to_owned()),
        revision: "0123456789abcdef0123456789abcdef01234567".to_owned(),
        message: ("Add a shop".to_owned(), String::new()),
        git_url: "https://github.com/acme/shop".to_owned(),
        project_slug: "gh/acme/shop".to_owned(),
        project_type: "github".to_owned(),
        ..Pipeline::default()
    };
    let mut selection = Selection::default();
    let first = text.lines().next().unwrap();
    let words = first.strip_prefix("# pipeline:").unwrap_or_default();
    for word in words.split_whitespace() {
        let (name, value) = word.split_once('=').unwrap();
        let value = value.to_owned();
        match name.split_once('.').unwrap_or((name, "")) {
            ("branch", _) => pipeline.branch = Some(value),
            ("tag", _) => (pipeline.branch, pipeline.tag) = (None, Some(value)),
            ("parameter", name) => pipeline.arguments.push((name.to_owned(), value)),
            ("value", name) => pipeline.values.push((name.to_owned(), value)),
            ("workflow", _) => selection.workflow = Some(value),
            ("job", _) => selection.job = Some(value),
            other => panic!("{other:?}"),
        }
    }
    (pipeline, selection)
}

/// Returns a plan with the commands of its steps, and its notes.
fn shown(plan: &Plan) -> String {
    let mut shown = plan.to_string();
    for workflow in &plan.workflows {
        for job in &workflow.jobs {
            let JobKind::Build(build) = &job.kind else {
                continue;
            };
            writeln!(shown, "commands of {} in {}", job.name, build.working_directory).unwrap();
            for (name, value) in &build.environment {
                writeln!(shown, "  {name}={value}").unwrap();
            }
            for step in &build.steps {
                if let Action::Run(run) = &step.action {
                    writeln!(shown, "  {:?}", run.command).unwrap();
                }
            }
        }
    }
    for note in &plan.notes {
        writeln!(shown, "note: {note}").unwrap();
    }
    shown
}

#[test]
fn the_corpus_comes_to_what_its_snapshots_say() {
    let orbs = files(&corpus().join("orbs"), "yml").into_iter();
    let orbs: Vec<OrbSource> = orbs
        .map(|(name, text)| OrbSource {
            file: format!("orbs/{name}.yml"),
            name: name.replace('~', "/"),
            text,
        })
        .collect();
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(corpus().join("snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let configs = files(&corpus(), "yml");
    for (name, text) in &configs {
        let file = format!("{name}.yml");
        let (pipeline, selection) = asked(text);
        let config = Config {
            file: &file,
            text,
            orbs: &orbs,
            unavailable: &[],
        };
        let shown = match plan(config, &pipeline, &selection) {
            Ok(plan) => shown(&plan),
            Err(error) => format!("error: {error}"),
        };
        let is_refused = shown.starts_with("error: ");
        assert_eq!(is_refused, name.starts_with("refused-"), "{name}: {shown}");
        settings.bind(|| insta::assert_snapshot!(name.as_str(), shown));
    }
    let snapshots = files(&corpus().join("snapshots"), "snap");
    assert_eq!(snapshots.len(), configs.len(), "a snapshot without a config");
}

//! `baton local`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow};
use baton_host::Options;
use baton_host::builds::BuildContext;
use baton_host::context::{Field, FieldValues};
use baton_local::api::Continuation;
use baton_local::run::{Event, NodeName, OrbLibrary, Outcome, RunOptions, Session};
use baton_local::{Action, Config, Job, JobKind, OrbSource, Pipeline, Plan, Selection};
use serde_json::{Value, json};

use super::args::{Format, Local};
use super::failure::Failure;
use super::settings::Settings;
use super::signals;
use super::sink::{note, pass_on, print_json, print_lines, print_table, say};
use super::stores::data_directory;

/// baton's own orb, which needs no file. The name is that of its examples.
const ORB: (&str, &str) = ("baton-ci/baton", include_str!("../orb.yml"));
/// CircleCI takes configs of 3 MB at most.
const CONFIG_BYTES_MAX: u64 = 16 << 20;
/// The commit of a directory without one.
const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

pub(crate) fn run(settings: &Settings, args: Local) -> Result<(), Failure> {
    let file = args.file.display().to_string();
    let text = baton_host::files::read_text(&args.file, CONFIG_BYTES_MAX)
        .with_context(|| format!("{file} cannot be read"))?;
    let orbs = orbs(&args)?;
    let found = settings.look_up_context(
        &FieldValues::default()
            .with(Field::Project, args.project.clone())
            .with(Field::Branch, args.branch.clone())
            .with(Field::DefaultBranch, args.default_branch.clone()),
    )?;
    let actor = found.actor.clone();
    let here = std::env::current_dir().context("the current directory cannot be found")?;
    let (project, pipeline) = pipeline(found, &args, &file, &here);
    let session = Session::open(&state(&args, &project)?)?;
    if args.reset {
        session.reset()?;
    }
    let pipeline = session.begin(&project, pipeline);
    let circleci = (!args.offline).then(|| settings.circleci()).transpose()?;
    let mut planner = Planner {
        args: &args,
        orbs: &orbs,
        library: OrbLibrary::open(session.orbs(), circleci, args.update_orbs)?,
    };
    let planned = planner.plan(&file, &text, &pipeline)?;
    if args.dry_run {
        print_plan(&planned, &pipeline, settings.format);
        return nothing_ran(&planned, &args);
    }
    nothing_ran(&planned, &args)?;
    note("note: there is no Docker here: jobs run on this machine, as you, and can do what you can");
    let options = RunOptions {
        repository: repository(&here),
        project,
        variables: variables(&args)?,
        path: std::env::var_os("PATH").unwrap_or_default(),
        binary: std::env::current_exe().context("this program cannot be found")?,
        actor,
        approved: args.approved.clone(),
        transfer: interruptible(settings)?,
    };
    let mut outcome = session.run(&planned, &pipeline, &options, &report)?;
    if planned.is_setup && outcome.is_success() {
        let (planned, pipeline) = planner.continued(&file, &pipeline, session.continuation())?;
        let continued = session.run(&planned, &pipeline, &options, &report)?;
        outcome.workflows.extend(continued.workflows);
    }
    print_outcome(&outcome, &pipeline, settings.format);
    match outcome.is_success() {
        true => Ok(()),
        false => Err(Failure::Reported(1)),
    }
}

/// Plans the configs of one pipeline.
struct Planner<'a> {
    args: &'a Local,
    orbs: &'a [OrbSource],
    library: OrbLibrary,
}

impl Planner<'_> {
    /// Plans a config, and prints the notes.
    fn plan(&mut self, file: &str, text: &str, pipeline: &Pipeline) -> Result<Plan, Failure> {
        let config = Config {
            file,
            text,
            orbs: self.orbs,
            unavailable: &[],
        };
        let selection = Selection {
            workflow: self.args.workflow.clone(),
            job: self.args.job.clone(),
        };
        let planned = self.library.plan(config, pipeline, &selection)?;
        for text in &planned.notes {
            note(&format!("note: {text}"));
        }
        // The config that continues a setup workflow may have the jobs that are named.
        if !planned.is_setup {
            check_approved(&planned, &self.args.approved)?;
        }
        Ok(planned)
    }

    /// Plans the config that a setup workflow continued the pipeline with.
    fn continued(
        &mut self,
        file: &str,
        pipeline: &Pipeline,
        continuation: Option<Continuation>,
    ) -> Result<(Plan, Pipeline), Failure> {
        let Some(continuation) = continuation else {
            return Err(anyhow!("the setup workflow ended and did not continue the pipeline").into());
        };
        let pipeline = Pipeline {
            arguments: continuation.parameters,
            ..pipeline.clone()
        };
        let planned = self.plan(&format!("{file} (continued)"), &continuation.config, &pipeline)?;
        if planned.is_setup {
            return Err(anyhow!("the config that continues the pipeline has setup: true itself").into());
        }
        nothing_ran(&planned, self.args)?;
        Ok((planned, pipeline))
    }
}

/// Returns the slug of the project, and the pipeline as far as it is known before it has a number.
fn pipeline(found: BuildContext, args: &Local, file: &str, here: &Path) -> (String, Pipeline) {
    let name = found.project.unwrap_or_else(|| "local/project".to_owned());
    let (project, git_url) = project(&name);
    let pipeline = Pipeline {
        branch: found.branch.filter(|_| args.tag.is_none()),
        tag: args.tag.clone(),
        default_branch: found.default_branch,
        revision: found.commit.unwrap_or_else(|| NO_COMMIT.to_owned()),
        base_revision: NO_COMMIT.to_owned(),
        message: message(here),
        project_type: project_type(&project).to_owned(),
        project_slug: project.clone(),
        git_url,
        config_file: file.to_owned(),
        actor: found.actor.unwrap_or_default(),
        received_at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        arguments: args.parameters.clone(),
        values: args.values.clone(),
        ..Pipeline::default()
    };
    (project, pipeline)
}

/// Returns the first line of the commit's message, and the rest; nothing where git does not know.
fn message(here: &Path) -> (String, String) {
    let asked = Command::new("git")
        .args(["log", "-1", "--format=%B"])
        .current_dir(here)
        .output();
    let Ok(output) = asked else {
        return Default::default();
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let (subject, body) = text.trim().split_once('\n').unwrap_or((text.trim(), ""));
    (subject.trim().to_owned(), body.trim().to_owned())
}

/// Returns the directory where the runs of a project are kept.
fn state(args: &Local, project: &str) -> Result<PathBuf, Failure> {
    if let Some(state) = &args.state {
        return Ok(state.clone());
    }
    let data = data_directory().context("the home directory is unknown: name a directory with --state")?;
    Ok(data.join("local").join(project.replace('/', "_")))
}

/// Fails where a workflow is named and none of its jobs runs. The notes say why.
fn nothing_ran(planned: &Plan, args: &Local) -> Result<(), Failure> {
    match &args.workflow {
        Some(name) if planned.workflows.iter().all(|it| it.jobs.is_empty()) => {
            say(&format!("the workflow {name} runs no job"));
            Err(Failure::Reported(3))
        }
        _ => Ok(()),
    }
}

/// Refuses the approval of what waits for none: the name is a wrong one.
fn check_approved(planned: &Plan, approved: &[String]) -> Result<(), Failure> {
    let jobs = planned.workflows.iter().flat_map(|workflow| &workflow.jobs);
    let waiting: Vec<&str> = jobs
        .filter(|job| job.kind == JobKind::Approval)
        .map(|job| job.name.as_str())
        .collect();
    match approved.iter().find(|name| !waiting.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) if waiting.is_empty() => {
            Err(anyhow!("--approve {name} approves nothing: no job waits for an approval").into())
        }
        Some(name) => Err(anyhow!(
            "--approve {name} approves nothing: these wait for an approval: {}",
            waiting.join(", ")
        )
        .into()),
    }
}

fn orbs(args: &Local) -> Result<Vec<OrbSource>, Failure> {
    let mut orbs = Vec::new();
    for (name, file) in &args.orbs {
        let text = baton_host::files::read_text(file, CONFIG_BYTES_MAX)
            .with_context(|| format!("the orb {name} cannot be read from {}", file.display()))?;
        orbs.push(OrbSource {
            name: name.clone(),
            file: file.display().to_string(),
            text,
        });
    }
    // The first of a name is taken: a file goes before what is built in.
    let (name, text) = ORB;
    orbs.push(OrbSource {
        name: name.to_owned(),
        file: format!("{name} (built in)"),
        text: text.to_owned(),
    });
    Ok(orbs)
}

fn variables(args: &Local) -> Result<Vec<(String, String)>, Failure> {
    let mut variables = Vec::new();
    for given in &args.variables {
        let (name, value) = match given.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => {
                let value = std::env::var(given)
                    .with_context(|| format!("the variable {given} of --env has no value here"))?;
                (given.as_str(), value)
            }
        };
        variables.push((name.to_owned(), value));
    }
    Ok(variables)
}

/// Returns the slug that CircleCI would give to a project, and the URL of its repository. What is neither on GitHub nor on
/// Bitbucket has a slug of two ids there.
fn project(name: &str) -> (String, String) {
    let parts: Vec<&str> = name.split('/').collect();
    match parts.as_slice() {
        ["gh", owner, repository] => (
            name.to_owned(),
            format!("https://github.com/{owner}/{repository}"),
        ),
        ["bb", owner, repository] => (
            name.to_owned(),
            format!("https://bitbucket.org/{owner}/{repository}"),
        ),
        [.., owner, repository] => (
            format!("circleci/{owner}/{repository}"),
            format!("https://localhost/{owner}/{repository}"),
        ),
        _ => (
            format!("circleci/local/{name}"),
            format!("https://localhost/local/{name}"),
        ),
    }
}

fn project_type(slug: &str) -> &'static str {
    match slug.split('/').next() {
        Some("gh") => "github",
        Some("bb") => "bitbucket",
        _ => "circleci",
    }
}

/// Returns the repository that the directory is in, else the directory.
fn repository(here: &Path) -> PathBuf {
    let top = here.ancestors().find(|dir| dir.join(".git").exists());
    top.unwrap_or(here).to_owned()
}

/// Lets Ctrl-C and the runner's signal end a run in order.
fn interruptible(settings: &Settings) -> Result<Options, Failure> {
    let mut options = settings.options.clone();
    options.interrupt = signals::interrupt()?;
    Ok(options)
}

/// Prints an event. The output of steps is passed on as it arrives.
fn report(event: Event<'_>) {
    match event {
        Event::WorkflowStarted(workflow) => {
            note("");
            note(&format!("== workflow {}", workflow.name));
        }
        Event::NodeStarted {
            node,
            number,
            directory,
            ..
        } => {
            let which = match node {
                NodeName { total: 1, .. } => String::new(),
                NodeName { index, total, .. } => format!(", node {index} of {total}"),
            };
            note("");
            note(&format!(
                "-- job {} ({number}{which}) in {}",
                node.job,
                directory.display()
            ));
        }
        Event::StepStarted { step, .. } => note(&format!("-- {}: {}", step.action.kind(), step.name)),
        Event::Output { bytes, .. } => pass_on(bytes),
        Event::StepEnded {
            step,
            failure: Some(failure),
            took,
            ..
        } => say(&format!(
            "-- {} failed after {}: {}",
            step.name,
            seconds(took),
            failure
        )),
        Event::StepEnded { .. } => {}
        Event::Note { text, .. } => note(&format!("note: {text}")),
        _ => {}
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

fn print_plan(planned: &Plan, pipeline: &Pipeline, format: Format) {
    match format {
        Format::Text => print_lines(&planned.to_string()),
        Format::Json => {
            let workflows = planned.workflows.iter().map(|workflow| {
                json!({
                    "name": workflow.name,
                    "jobs": workflow.jobs.iter().map(job_json).collect::<Value>(),
                })
            });
            print_json(&json!({
                "dry_run": true,
                "pipeline": pipeline.number,
                "workflows": workflows.collect::<Value>(),
                "notes": planned.notes,
            }));
        }
    }
}

fn job_json(job: &Job) -> Value {
    let requires: Vec<&str> = job.requires.iter().map(|it| it.job.as_str()).collect();
    let (kind, executor, nodes, steps) = match &job.kind {
        JobKind::Approval => ("approval", None, None, Vec::new()),
        JobKind::NoOp => ("no-op", None, None, Vec::new()),
        JobKind::Build(build) => {
            let steps = build.steps.iter().map(|step| {
                let command = match &step.action {
                    Action::Run(run) => Some(&run.command),
                    _ => None,
                };
                json!({ "kind": step.action.kind(), "name": step.name, "command": command })
            });
            let executor = Some(&build.executor);
            ("build", executor, Some(build.parallelism), steps.collect())
        }
    };
    json!({
        "name": job.name,
        "kind": kind,
        "requires": requires,
        "executor": executor,
        "nodes": nodes,
        "steps": steps,
    })
}

fn print_outcome(outcome: &Outcome, pipeline: &Pipeline, format: Format) {
    match format {
        Format::Text => {
            note("");
            let mut rows = vec![["WORKFLOW", "JOB", "BUILD", "STATUS"].map(str::to_owned).to_vec()];
            for workflow in &outcome.workflows {
                for job in &workflow.jobs {
                    rows.push(vec![
                        workflow.name.clone(),
                        job.name.clone(),
                        job.number
                            .map_or_else(|| "-".to_owned(), |number| number.to_string()),
                        job.ending.name().to_owned(),
                    ]);
                }
            }
            print_table(&rows);
        }
        Format::Json => {
            let workflows = outcome.workflows.iter().map(|workflow| {
                let jobs = workflow.jobs.iter().map(|job| {
                    json!({
                        "name": job.name,
                        "number": job.number,
                        "status": job.ending.name(),
                        "directories": job.directories,
                    })
                });
                json!({ "name": workflow.name, "jobs": jobs.collect::<Value>() })
            });
            print_json(&json!({
                "pipeline": pipeline.number,
                "success": outcome.is_success(),
                "workflows": workflows.collect::<Value>(),
            }));
        }
    }
}

//! `baton local`.

mod printed;
mod reporter;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, anyhow};
use baton_host::Options;
use baton_host::builds::BuildContext;
use baton_host::context::{Field, FieldValues};
use baton_local::api::Continuation;
use baton_local::run::{OrbLibrary, Outcome, RunOptions, Session, check_sandbox};
use baton_local::{Action, Config, JobKind, OrbSource, Pipeline, Plan, Selection};

use super::args::Local;
use super::failure::Failure;
use super::settings::Settings;
use super::signals;
use super::sink::{note, say};
use super::stores::data_directory;
use printed::{print_outcome, print_plan};
use reporter::Reporter;

/// baton's own orb, which needs no file. The name is that of its examples.
const ORB: (&str, &str) = ("baton-ci/baton", include_str!("../../orb.yml"));
/// CircleCI takes configs of 3 MB at most.
const CONFIG_BYTES_MAX: u64 = 16 << 20;
/// The hosts of CircleCI in steps that do not know of the API on loopback.
const CIRCLECI_HOSTS: [&str; 3] = [
    "https://circleci.com/",
    "https://app.circleci.com/",
    "https://output.circle-artifacts.com/",
];
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
    let sandbox = sandbox(&args)?;
    print_hard_coded_hosts(&planned);
    let options = RunOptions {
        repository: repository(&here),
        project,
        variables: variables(&args)?,
        contexts: contexts(&args)?,
        jobs: jobs(&args),
        job_time_max: args.job_timeout,
        sandbox,
        writable: writable(&args)?,
        network: !args.no_network,
        path: std::env::var_os("PATH").unwrap_or_default(),
        binary: std::env::current_exe().context("this program cannot be found")?,
        actor,
        approved: args.approved.clone(),
        transfer: interruptible(settings)?,
    };
    let mut outcome = run_plan(&session, &planned, &pipeline, &options)?;
    if planned.is_setup && outcome.is_success() {
        let (planned, pipeline) = planner.continued(&file, &pipeline, session.continuation())?;
        print_hard_coded_hosts(&planned);
        let continued = run_plan(&session, &planned, &pipeline, &options)?;
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

/// Runs a plan, and prints what happens.
fn run_plan(
    session: &Session,
    planned: &Plan,
    pipeline: &Pipeline,
    options: &RunOptions,
) -> Result<Outcome, Failure> {
    let reporter = Reporter {
        prefixed: options.jobs > 1 && node_count(planned) > 1,
    };
    Ok(session.run(planned, pipeline, options, &|event| reporter.report(event))?)
}

/// Prints a note for each step that asks CircleCI by name: it reaches the real service.
fn print_hard_coded_hosts(planned: &Plan) {
    for job in planned.workflows.iter().flat_map(|workflow| &workflow.jobs) {
        let JobKind::Build(build) = &job.kind else {
            continue;
        };
        for step in &build.steps {
            let Action::Run(run) = &step.action else {
                continue;
            };
            let host = CIRCLECI_HOSTS.iter().find(|host| run.command.contains(*host));
            if let Some(host) = host {
                note(&format!(
                    "note: the step {} of the job {} asks {host}, the real service: the API of this run is at \
                     $BATON_CIRCLECI_API",
                    step.name, job.name
                ));
            }
        }
    }
}

/// Returns how many nodes the plan has.
fn node_count(planned: &Plan) -> u32 {
    let jobs = planned.workflows.iter().flat_map(|workflow| &workflow.jobs);
    jobs.map(|job| match &job.kind {
        JobKind::Build(build) => build.parallelism,
        JobKind::Approval | JobKind::NoOp => 0,
    })
    .sum()
}

/// Returns how many nodes run at a time.
fn jobs(args: &Local) -> usize {
    match args.jobs {
        Some(jobs) => jobs.into(),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    }
}

/// Returns the program that creates sandboxes, or nothing if the user wants none.
fn sandbox(args: &Local) -> Result<Option<PathBuf>, Failure> {
    if args.no_sandbox {
        say(
            "warning: there is no sandbox: jobs run as the current user, with access to all files of that user",
        );
        return Ok(None);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|directory| directory.join("bwrap"))
        .find(|program| program.is_file());
    let advice = "jobs run without a sandbox only with --no-sandbox";
    let Some(program) = found else {
        return Err(anyhow!("bubblewrap (bwrap) is not installed, and {advice}").into());
    };
    match check_sandbox(&program) {
        Ok(()) => Ok(Some(program)),
        Err(reason) => {
            let program = program.display();
            Err(anyhow!("{program} cannot create a sandbox, and {advice}: {reason}").into())
        }
    }
}

/// Returns the directories that jobs may write to, without links.
fn writable(args: &Local) -> Result<Vec<PathBuf>, Failure> {
    let canonical = |path: &PathBuf| {
        let canonical = path.canonicalize();
        canonical.with_context(|| format!("cannot use the directory {} of --writable", path.display()))
    };
    Ok(args.writable.iter().map(canonical).collect::<Result<_, _>>()?)
}

/// Returns the variables of each context.
fn contexts(args: &Local) -> Result<BTreeMap<String, Vec<(String, String)>>, Failure> {
    let mut contexts = BTreeMap::new();
    for (name, file) in &args.contexts {
        let text = baton_host::files::read_text(file, CONFIG_BYTES_MAX)
            .with_context(|| format!("cannot read the context {name} from {}", file.display()))?;
        let mut variables = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            // The line is not shown: it may be a secret.
            let (variable, value) = line
                .split_once('=')
                .filter(|(name, _)| !name.is_empty())
                .ok_or_else(|| anyhow!("{}: line {}: NAME=VALUE is expected", file.display(), at + 1))?;
            variables.push((variable.to_owned(), value.to_owned()));
        }
        contexts.insert(name.clone(), variables);
    }
    Ok(contexts)
}

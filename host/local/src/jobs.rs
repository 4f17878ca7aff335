//! One job: its parameters and its executor, filled in, and its steps.

use super::actions;
use super::error::{LocalError, Place};
use super::namespace::{Found, Namespace, Section};
use super::pipeline::PipelineValues;
use super::plan::{Build, JobKind};
use super::steps::Steps;
use super::template::Scope;
use super::yaml::Yaml;

/// More nodes than CircleCI gives to anybody.
const PARALLELISM_MAX: i64 = 1000;

/// How a workflow calls a job.
pub(crate) struct Call<'a> {
    pub(crate) job: Found<'a>,
    pub(crate) arguments: Vec<(String, Yaml)>,
    pub(crate) before: Yaml,
    pub(crate) after: Yaml,
}

/// Returns what the job does.
pub(crate) fn expand(
    config: &Namespace,
    pipeline: &PipelineValues<'_>,
    call: &Call<'_>,
    place: &Place,
) -> Result<JobKind, LocalError> {
    let job = &call.job;
    let parameters = config.bind(job, &call.arguments, pipeline, place)?;
    let (call_place, place) = (place, &job.place.called_from(place));
    let scope = Scope {
        pipeline,
        parameters: &parameters,
        prefix: "parameters",
        in_orb: job.namespace.in_orb(),
    };
    // What is declared is no use of it.
    let used = match job.body {
        Yaml::Map(entries) => {
            let kept = entries
                .iter()
                .filter(|(key, _)| key != "parameters" && key != "description");
            Yaml::Map(kept.cloned().collect())
        }
        other => return Err(place.wrong(format!("a job is expected, not {}", other.kind()))),
    };
    let body = scope.fill(&used, place)?;
    if let Some(named) = body.get("type") {
        let within = place.within("type");
        if let Some(kind) = kind(&named.scalar(&within)?, &within)? {
            return Ok(kind);
        }
    }
    let executor = executor(config, pipeline, job.namespace, &body, place)?;
    // The machine of the job replaces that of its executor.
    let machines = ["docker", "machine", "macos", "windows"];
    let is_own = machines.iter().any(|kind| body.get(kind).is_some());
    let either = |key: &str| match body.get(key) {
        None if is_own && machines.contains(&key) => None,
        None => executor.get(key),
        own => own,
    };
    let container_environment = docker_environment(either("docker"), place)?;
    let mut environment = actions::environment(executor.get("environment"), &place.within("executor"))?;
    environment.extend(actions::environment(
        body.get("environment"),
        &place.within("environment"),
    )?);
    let mut steps = Steps {
        config,
        pipeline,
        expanded: Vec::new(),
        count: 0,
    };
    steps.add(&call.before, config, &call_place.within("pre-steps"))?;
    let own = body
        .get("steps")
        .ok_or_else(|| place.wrong("the job has no steps"))?;
    steps.add(own, job.namespace, &place.within("steps"))?;
    steps.add(&call.after, config, &call_place.within("post-steps"))?;
    Ok(JobKind::Build(Box::new(Build {
        executor: described(either, place)?,
        image: image(either("docker")),
        container_environment,
        environment,
        working_directory: match either("working_directory") {
            Some(directory) => directory.scalar(&place.within("working_directory"))?,
            None => "~/project".to_owned(),
        },
        shell: either("shell")
            .map(|shell| shell_text(shell, place))
            .transpose()?,
        parallelism: parallelism(body.get("parallelism"), &place.within("parallelism"))?,
        steps: steps.expanded,
    })))
}

/// Returns what a job of a type does that has no steps; nothing for one that has.
///
/// # Errors
///
/// [`LocalError::Wrong`] for a type that does not exist.
pub(crate) fn kind(name: &str, place: &Place) -> Result<Option<JobKind>, LocalError> {
    match name {
        "build" => Ok(None),
        "approval" => Ok(Some(JobKind::Approval)),
        // Releases and locks are CircleCI's own.
        "no-op" | "release" | "lock" | "unlock" => Ok(Some(JobKind::NoOp)),
        other => Err(place.wrong(format!(
            "the type {other:?} does not exist; expected one of: build, approval, no-op, release, lock, unlock"
        ))),
    }
}

/// Returns the executor that a job names, filled in; nothing where the job says all itself.
fn executor(
    config: &Namespace,
    pipeline: &PipelineValues<'_>,
    from: &Namespace,
    body: &Yaml,
    place: &Place,
) -> Result<Yaml, LocalError> {
    let Some(named) = body.get("executor") else {
        return Ok(Yaml::Null);
    };
    let place = place.within("executor");
    let (name, arguments): (&str, Vec<(String, Yaml)>) = match named {
        Yaml::Text(name) => (name, Vec::new()),
        Yaml::Map(entries) => {
            let name = named
                .get("name")
                .and_then(Yaml::as_text)
                .ok_or_else(|| place.wrong("the name of the executor is missing"))?;
            let arguments = entries.iter().filter(|(key, _)| key != "name");
            (name, arguments.cloned().collect())
        }
        other => return Err(place.wrong(format!("an executor is expected, not {}", other.kind()))),
    };
    let found = config
        .look_up(from, Section::Executors, name)?
        .ok_or_else(|| Namespace::unknown(from, Section::Executors, name, &place))?;
    let parameters = from.bind(&found, &arguments, pipeline, &place)?;
    let place = found.place.called_from(&place);
    let scope = Scope {
        pipeline,
        parameters: &parameters,
        prefix: "parameters",
        in_orb: found.namespace.in_orb(),
    };
    let entries = found.body.entries(&place)?;
    let kept = entries
        .iter()
        .filter(|(key, _)| key != "parameters" && key != "description");
    scope.fill(&Yaml::Map(kept.cloned().collect()), &place)
}

/// Returns the variables of the container that steps would run in: the first one.
fn docker_environment(docker: Option<&Yaml>, place: &Place) -> Result<Vec<(String, String)>, LocalError> {
    match docker {
        Some(Yaml::List(containers)) => {
            let first = containers.first().and_then(|first| first.get("environment"));
            actions::environment(first, &place.within("docker"))
        }
        _ => Ok(Vec::new()),
    }
}

/// Returns the image of the container that steps would run in: the first one.
fn image(docker: Option<&Yaml>) -> Option<String> {
    match docker? {
        Yaml::List(containers) => containers.first()?.get("image")?.as_text().map(str::to_owned),
        _ => None,
    }
}

/// Returns what CircleCI would run the job in.
fn described<'y>(either: impl Fn(&str) -> Option<&'y Yaml>, place: &Place) -> Result<String, LocalError> {
    if let Some(docker) = either("docker") {
        let containers = docker.items(&place.within("docker"))?;
        let images: Vec<&str> = containers
            .iter()
            .filter_map(|container| container.get("image")?.as_text())
            .collect();
        return Ok(format!("docker: {}", images.join(", ")));
    }
    if let Some(machine) = either("machine") {
        let image = machine.get("image").and_then(Yaml::as_text);
        return Ok(image.map_or_else(|| "a machine".to_owned(), |image| format!("machine: {image}")));
    }
    if either("macos").is_some() {
        return Ok("macOS".to_owned());
    }
    Err(place.wrong("the job has no executor: docker, machine, macos or executor is missing"))
}

fn shell_text(shell: &Yaml, place: &Place) -> Result<String, LocalError> {
    Ok(shell.texts(&place.within("shell"))?.join(" "))
}

fn parallelism(value: Option<&Yaml>, place: &Place) -> Result<u32, LocalError> {
    let number = match value {
        None => return Ok(1),
        Some(Yaml::Integer(number)) => *number,
        Some(other) => other.scalar(place)?.parse().unwrap_or(0),
    };
    match u32::try_from(number) {
        Ok(nodes) if nodes >= 1 && number <= PARALLELISM_MAX => Ok(nodes),
        _ => Err(place.wrong(format!("parallelism is a number from 1 to {PARALLELISM_MAX}"))),
    }
}

//! The keys that a config may have, checked before anything is expanded: a key that is misspelled would otherwise be one that
//! nobody reads.
//!
//! The lists follow CircleCI's configuration reference and its published schema. The schema itself is not used: it lacks
//! `setup`, refuses keys that CircleCI accepts, and only reports that a value fits none of its alternatives.

use super::error::{LocalError, Place};
use super::spelling::{similar, unknown_key};
use super::yaml::Yaml;

type Checked = Result<(), LocalError>;

const CONFIG: [&str; 13] = [
    "version",
    "setup",
    "orbs",
    "commands",
    "parameters",
    "executors",
    "jobs",
    "job-groups",
    "workflows",
    "experimental",
    "description",
    "display",
    "examples",
];
const EXECUTOR: [&str; 10] = [
    "docker",
    "machine",
    "macos",
    "windows",
    "resource_class",
    "shell",
    "working_directory",
    "environment",
    "parameters",
    "description",
];
/// The keys that a job has besides those of an executor.
const JOB: [&str; 10] = [
    "type",
    "executor",
    "steps",
    "parallelism",
    "branches",
    "retention",
    "circleci_ip_ranges",
    // Of jobs of the types release, lock and unlock.
    "plan_name",
    "validation",
    "key",
];
const CONTAINER: [&str; 8] = [
    "image",
    "name",
    "entrypoint",
    "command",
    "user",
    "environment",
    "auth",
    "aws_auth",
];
const MACHINE: [&str; 5] = [
    "enabled",
    "image",
    "docker_layer_caching",
    "resource_class",
    "shell",
];
const MACOS: [&str; 4] = ["xcode", "resource_class", "shell", "code_signing"];
const COMMAND: [&str; 3] = ["description", "parameters", "steps"];
const PARAMETER: [&str; 4] = ["type", "default", "description", "enum"];
const WORKFLOW: [&str; 5] = ["jobs", "when", "unless", "triggers", "max_auto_reruns"];
const TYPES: [&str; 7] = [
    "string",
    "boolean",
    "integer",
    "enum",
    "executor",
    "steps",
    "env_var_name",
];

/// Checks a whole config.
///
/// # Errors
///
/// [`LocalError::Wrong`] for the first key that does not exist, with what was probably meant.
pub(crate) fn check_config(body: &Yaml, place: &Place) -> Checked {
    for (key, _) in body.entries(place)? {
        // Any other key may hold what anchors share.
        if !CONFIG.contains(&key.as_str())
            && let Some(meant) = similar(key, &CONFIG)
            && body.get(meant).is_none()
        {
            return Err(unknown_key(place, key, &CONFIG));
        }
    }
    check_definitions(body, place)?;
    each(body, place, "parameters", check_parameter)?;
    each(body, place, "job-groups", |group, place| {
        check_keys(group, place, &["jobs"])?;
        check_calls(group, place)
    })?;
    each(body, place, "workflows", |workflow, place| {
        if matches!(workflow, Yaml::Map(_)) {
            check_keys(workflow, place, &WORKFLOW)?;
            check_triggers(workflow, place)?;
            check_calls(workflow, place)?;
        }
        Ok(())
    })?;
    each(body, place, "orbs", |orb, place| match orb {
        Yaml::Map(_) => check_orb(orb, place),
        _ => Ok(()),
    })
}

/// Checks an orb.
pub(crate) fn check_orb(body: &Yaml, place: &Place) -> Checked {
    check_definitions(body, place)?;
    each(body, place, "orbs", |orb, place| match orb {
        Yaml::Map(_) => check_orb(orb, place),
        _ => Ok(()),
    })
}

fn check_definitions(body: &Yaml, place: &Place) -> Checked {
    each(body, place, "commands", |command, place| {
        check_keys(command, place, &COMMAND)?;
        each(command, place, "parameters", check_parameter)
    })?;
    each(body, place, "executors", check_executor)?;
    each(body, place, "jobs", check_job)
}

/// Checks each entry of the map under a key.
fn each(body: &Yaml, place: &Place, key: &str, check: impl Fn(&Yaml, &Place) -> Checked) -> Checked {
    let Some(map) = body.get(key) else { return Ok(()) };
    let place = place.within(key);
    for (name, value) in map.entries(&place)? {
        check(value, &place.within(name))?;
    }
    Ok(())
}

fn check_keys(map: &Yaml, place: &Place, known: &[&str]) -> Checked {
    for (key, _) in map.entries(place)? {
        if !known.contains(&key.as_str()) {
            return Err(unknown_key(place, key, known));
        }
    }
    Ok(())
}

fn check_job(job: &Yaml, place: &Place) -> Checked {
    let known: Vec<&str> = EXECUTOR.into_iter().chain(JOB).collect();
    check_keys(job, place, &known)?;
    check_machines(job, place)
}

fn check_executor(executor: &Yaml, place: &Place) -> Checked {
    check_keys(executor, place, &EXECUTOR)?;
    check_machines(executor, place)
}

/// Checks the machine of a job or an executor.
fn check_machines(body: &Yaml, place: &Place) -> Checked {
    each(body, place, "parameters", check_parameter)?;
    let kinds = ["docker", "machine", "macos", "windows"];
    let named: Vec<&str> = kinds
        .into_iter()
        .filter(|kind| body.get(kind).is_some())
        .collect();
    if let [one, other, ..] = named.as_slice() {
        return Err(place.within(*other).wrong(format!(
            "{one} is given, too; a job has one of docker, machine and macos"
        )));
    }
    if let Some(Yaml::List(containers)) = body.get("docker") {
        let place = place.within("docker");
        for (at, container) in containers.iter().enumerate() {
            if let Yaml::Map(_) = container {
                check_keys(container, &place.item(at), &CONTAINER)?;
                if container.get("image").is_none() {
                    return Err(place.item(at).wrong("image is missing"));
                }
            }
        }
    }
    for (kind, known) in [
        ("machine", MACHINE.as_slice()),
        ("macos", &MACOS),
        ("retention", &["caches"]),
    ] {
        if let Some(map @ Yaml::Map(_)) = body.get(kind) {
            check_keys(map, &place.within(kind), known)?;
        }
    }
    Ok(())
}

fn check_parameter(parameter: &Yaml, place: &Place) -> Checked {
    check_keys(parameter, place, &PARAMETER)?;
    let place = place.within("type");
    match parameter.get("type").and_then(Yaml::as_text) {
        Some(known) if TYPES.contains(&known) => Ok(()),
        Some(other) => Err(place.wrong(format!(
            "the type {other:?} does not exist; expected one of: {}",
            TYPES.join(", ")
        ))),
        None => Err(place.wrong("the type of the parameter is missing")),
    }
}

fn check_triggers(workflow: &Yaml, place: &Place) -> Checked {
    let place = place.within("triggers");
    let triggers = workflow.get("triggers").unwrap_or(&Yaml::Null).items(&place)?;
    for (at, trigger) in triggers.iter().enumerate() {
        let place = place.item(at);
        check_keys(trigger, &place, &["schedule"])?;
        if let Some(schedule) = trigger.get("schedule") {
            let place = place.within("schedule");
            check_keys(schedule, &place, &["cron", "filters"])?;
            check_filters(schedule, &place)?;
        }
    }
    Ok(())
}

/// Checks what the jobs of a workflow or a group are called with, besides their own parameters.
fn check_calls(body: &Yaml, place: &Place) -> Checked {
    let place = place.within("jobs");
    for (at, call) in body
        .get("jobs")
        .unwrap_or(&Yaml::Null)
        .items(&place)?
        .iter()
        .enumerate()
    {
        if let Yaml::Map(entries) = call
            && let [(job, options @ Yaml::Map(_))] = entries.as_slice()
        {
            let place = place.item(at).within(job);
            check_filters(options, &place)?;
            if let Some(matrix @ Yaml::Map(_)) = options.get("matrix") {
                check_keys(
                    matrix,
                    &place.within("matrix"),
                    &["parameters", "exclude", "alias"],
                )?;
            }
        }
    }
    Ok(())
}

fn check_filters(body: &Yaml, place: &Place) -> Checked {
    let Some(filters @ Yaml::Map(_)) = body.get("filters") else {
        return Ok(());
    };
    let place = place.within("filters");
    check_keys(filters, &place, &["branches", "tags"])?;
    for kind in ["branches", "tags"] {
        if let Some(filter) = filters.get(kind) {
            check_keys(filter, &place.within(kind), &["only", "ignore"])?;
        }
    }
    Ok(())
}

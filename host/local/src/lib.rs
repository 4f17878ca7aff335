//! CircleCI's configs on this machine: planned as CircleCI would, and run without it.
//!
//! [`plan`] expands a config for one pipeline: orbs, commands, jobs, executors, parameters, conditions, matrices, filters
//! and the order of jobs. It does nothing else: what it returns is a value that prints. A [`run::Session`] then does what
//! the plan says. Jobs run on this machine, in a sandbox if there is one.

mod actions;
pub mod api;
mod calls;
pub mod command;
mod error;
mod expression;
mod filters;
mod jobs;
mod logic;
mod matrix;
mod namespace;
mod orbs;
mod order;
mod parameters;
mod pattern;
mod pipeline;
mod plan;
mod requires;
pub mod run;
mod shape;
mod spelling;
mod steps;
mod template;
mod version;
mod workflows;
mod yaml;

use namespace::{Namespace, Section};
use pipeline::PipelineValues;
use workflows::Workflows;

pub use error::{LocalError, Place};
pub use orbs::{OrbReference, OrbSource};
pub use pipeline::Pipeline;
pub use plan::{Action, Build, Job, JobKind, Plan, Requirement, Run, Status, Step, When, Workflow};
pub use yaml::Yaml;

/// A config to plan.
#[derive(Debug, Clone, Copy)]
pub struct Config<'a> {
    /// The file, for errors.
    pub file: &'a str,
    /// The text of the config.
    pub text: &'a str,
    /// Orbs that the config names and does not contain.
    pub orbs: &'a [OrbSource],
    /// Orbs that are not available. Only a workflow that does not run may use them.
    pub unavailable: &'a [OrbReference],
}

/// The part of a config to plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only this workflow.
    pub workflow: Option<String>,
    /// Only this job, and those that it requires.
    pub job: Option<String>,
}

/// Returns what a config comes to for a pipeline.
///
/// # Errors
///
/// [`LocalError::OrbMissing`] for an orb that is used and not among those of the config; else [`LocalError`] with the place
/// where something is wrong, or is not known here.
pub fn plan(config: Config<'_>, pipeline: &Pipeline, selection: &Selection) -> Result<Plan, LocalError> {
    let (body, place) = Yaml::read(config.text, config.file)?;
    let body = version::checked(body, &place)?;
    shape::check_config(&body, &place)?;
    let is_setup = match body.get("setup") {
        None => false,
        Some(setup) => setup
            .as_bool()
            .ok_or_else(|| place.within("setup").wrong("setup is a boolean"))?,
    };
    // In a config with setup: true a selection may be for the one that continues the pipeline.
    let of_setup = selection.workflow.as_ref().is_none_or(|name| {
        body.get("workflows")
            .is_some_and(|workflows| workflows.get(name).is_some())
    });
    let all = Selection::default();
    let selection = if is_setup && !of_setup { &all } else { selection };
    let pipeline = &Pipeline {
        in_setup: is_setup,
        ..pipeline.clone()
    };
    let values = PipelineValues::bind(pipeline, &body, &place)?;
    let namespace = Namespace::config(body, place.clone(), &values, config.orbs)?;
    let mut workflows = Workflows {
        config: &namespace,
        values: &values,
        pipeline,
        unavailable: config.unavailable,
        notes: Vec::new(),
    };
    let place = place.within("workflows");
    let planned = match (namespace.get("workflows"), namespace.own(Section::Jobs, "build")) {
        (Some(bodies), _) => plan_workflows(&mut workflows, bodies, selection, &place)?,
        // Without workflows CircleCI runs the job build.
        (None, Some(_)) => {
            let build = Yaml::List(vec![Yaml::Text("build".to_owned())]);
            let body = Yaml::Map(vec![("jobs".to_owned(), build)]);
            workflows
                .plan("workflow", &body, &namespace.place)?
                .into_iter()
                .collect()
        }
        (None, None) => {
            workflows.check_jobs()?;
            let note = "nothing runs: the config has neither workflows nor a job build";
            workflows.notes.push(note.to_owned());
            Vec::new()
        }
    };
    let mut plan = Plan {
        workflows: planned,
        notes: workflows.notes,
        is_setup,
    };
    if is_setup {
        let note =
            "the config has setup: true: the setup workflow chooses the config that continues the pipeline";
        plan.notes.push(note.to_owned());
    }
    if let Some(job) = &selection.job {
        only_job(&mut plan, job, &place)?;
    }
    Ok(plan)
}

/// Plans the workflows that are wanted.
fn plan_workflows(
    workflows: &mut Workflows<'_>,
    bodies: &Yaml,
    selection: &Selection,
    place: &Place,
) -> Result<Vec<Workflow>, LocalError> {
    let bodies = bodies.entries(place)?.iter();
    let bodies: Vec<&(String, Yaml)> = bodies
        .filter(|(name, body)| name != "version" || matches!(body, Yaml::Map(_)))
        .collect();
    if let Some(wanted) = &selection.workflow
        && !bodies.iter().any(|(name, _)| name == wanted)
    {
        let names: Vec<&str> = bodies.iter().map(|(name, _)| name.as_str()).collect();
        return Err(place.wrong(format!(
            "there is no workflow {wanted}; there are {}",
            names.join(", ")
        )));
    }
    let mut planned = Vec::new();
    for (name, body) in bodies {
        if selection.workflow.as_ref().is_none_or(|wanted| wanted == name) {
            planned.extend(workflows.plan(name, body, &place.within(name))?);
        }
    }
    Ok(planned)
}

/// Leaves one job, and what it requires.
fn only_job(plan: &mut Plan, job: &str, place: &Place) -> Result<(), LocalError> {
    let names: Vec<String> = plan
        .workflows
        .iter()
        .flat_map(|workflow| workflow.jobs.iter().map(|job| job.name.clone()))
        .collect();
    if !names.iter().any(|name| name == job) {
        return Err(place.wrong(format!(
            "no workflow that runs has a job {job}; they have {}",
            names.join(", ")
        )));
    }
    plan.workflows
        .retain(|workflow| workflow.jobs.iter().any(|it| it.name == job));
    for workflow in &mut plan.workflows {
        workflow.jobs = order::up_to(std::mem::take(&mut workflow.jobs), job);
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! CircleCI's configs on this machine: planned as CircleCI would, and run without it.
//!
//! [`plan`] expands a config for one pipeline: orbs, commands, jobs, executors, parameters, conditions, matrices, filters
//! and the order of jobs. It does nothing else: what it returns is a value that prints. A [`run::Session`] then does what
//! the plan says. There is no Docker: every step runs on this machine, as the user who started it.

mod actions;
pub mod api;
mod error;
mod expression;
mod jobs;
mod logic;
mod matrix;
mod namespace;
mod order;
mod parameters;
mod pattern;
mod pipeline;
mod plan;
pub mod run;
mod steps;
mod template;
mod workflows;
mod yaml;

use namespace::Namespace;
use pipeline::PipelineValues;
use workflows::Workflows;

pub use error::{LocalError, Place};
pub use namespace::OrbSource;
pub use pipeline::Pipeline;
pub use plan::{Action, Build, Job, JobKind, Plan, Requirement, Run, Status, Step, When, Workflow};
pub use yaml::Yaml;

/// A config to plan.
#[derive(Debug, Clone, Copy)]
pub struct Config<'a> {
    /// The file, for errors.
    pub file: &'a str,
    /// What is in it.
    pub text: &'a str,
    /// Orbs that the config names as in the registry.
    pub orbs: &'a [OrbSource],
}

/// Which part of a config is wanted.
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
/// [`LocalError`] with the place in the config where something is wrong, or is not known here.
pub fn plan(config: Config<'_>, pipeline: &Pipeline, selection: &Selection) -> Result<Plan, LocalError> {
    let place = Place::file(config.file);
    let body = Yaml::parse(config.text, config.file)?;
    if body.get("version").map(Yaml::to_string).as_deref() != Some("2.1") {
        return Err(place.wrong("the version of the config must be 2.1"));
    }
    if body.get("setup") == Some(&Yaml::Bool(true)) {
        return Err(place.unsupported(
            "a config with setup: true is continued by another one, and that does not run here",
        ));
    }
    let values = PipelineValues::bind(pipeline, &body, &place)?;
    let config = Namespace::config(body, place.clone(), &values, config.orbs)?;
    let place = place.within("workflows");
    // Without workflows CircleCI runs the job build.
    let implicit = Yaml::Map(vec![(
        "jobs".to_owned(),
        Yaml::List(vec![Yaml::Text("build".to_owned())]),
    )]);
    let implicit = Yaml::Map(vec![("workflow".to_owned(), implicit)]);
    let bodies = match config.get("workflows") {
        Some(bodies) => bodies,
        None if config.get("jobs").is_some_and(|jobs| jobs.get("build").is_some()) => &implicit,
        None => return Err(place.wrong("the config has neither workflows nor a job build")),
    };
    let mut workflows = Workflows {
        config: &config,
        values: &values,
        pipeline,
        notes: Vec::new(),
    };
    let mut planned = Vec::new();
    let mut names = Vec::new();
    for (name, body) in bodies
        .entries(&place)?
        .iter()
        .filter(|(name, _)| name != "version")
    {
        names.push(name.as_str());
        if selection.workflow.as_ref().is_some_and(|wanted| wanted != name) {
            continue;
        }
        planned.extend(workflows.plan(name, body, &place.within(name))?);
    }
    if let Some(wanted) = &selection.workflow
        && !names.contains(&wanted.as_str())
    {
        return Err(place.wrong(format!(
            "there is no workflow {wanted}; there are {}",
            names.join(", ")
        )));
    }
    let mut plan = Plan {
        workflows: planned,
        notes: workflows.notes,
    };
    if let Some(job) = &selection.job {
        only_job(&mut plan, job, &place)?;
    }
    Ok(plan)
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

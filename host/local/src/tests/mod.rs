//! Whole configs, planned.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod corpus;
mod expansion;
mod refused;
mod workflows;

use super::*;

fn planned_of(
    text: &str,
    pipeline: &Pipeline,
    selection: &Selection,
    orbs: &[OrbSource],
) -> Result<Plan, String> {
    let config = Config {
        file: "config.yml",
        text,
        orbs,
        unavailable: &[],
    };
    plan(config, pipeline, selection).map_err(|error| error.to_string())
}

fn on_main() -> Pipeline {
    Pipeline {
        number: 7,
        branch: Some("main".to_owned()),
        ..Pipeline::default()
    }
}

fn planned(text: &str) -> Result<Plan, String> {
    planned_of(text, &on_main(), &Selection::default(), &[])
}

fn jobs(plan: &Plan) -> Vec<&str> {
    plan.workflows
        .iter()
        .flat_map(|it| it.jobs.iter().map(|job| job.name.as_str()))
        .collect()
}

/// Returns the commands of a job.
fn commands(plan: &Plan, name: &str) -> Vec<String> {
    let job = plan
        .workflows
        .iter()
        .flat_map(|it| &it.jobs)
        .find(|job| job.name == name);
    let JobKind::Build(build) = &job.unwrap().kind else {
        panic!("{name}")
    };
    let run = |step: &Step| match &step.action {
        Action::Run(run) => Some(run.command.clone()),
        _ => None,
    };
    build.steps.iter().filter_map(run).collect()
}

const HEAD: &str = "version: 2.1\nexecutors: {e: {docker: [{image: a}]}}\n";

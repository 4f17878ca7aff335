//! The plan and the outcome of a run, as text and as JSON.

use baton_local::run::{Outcome, TestCounts};
use baton_local::{Action, Job, JobKind, Pipeline, Plan};
use serde_json::{Value, json};

use crate::args::Format;
use crate::sink::{note, print_json, print_lines, print_table};

pub(super) fn print_plan(planned: &Plan, pipeline: &Pipeline, format: Format) {
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

pub(super) fn print_outcome(outcome: &Outcome, pipeline: &Pipeline, format: Format) {
    match format {
        Format::Text => {
            note("");
            let mut jobs = outcome.workflows.iter().flat_map(|workflow| &workflow.jobs);
            let has_tests = jobs.any(|job| job.tests.is_some());
            let mut heading = ["WORKFLOW", "JOB", "BUILD", "STATUS"].map(str::to_owned).to_vec();
            heading.extend(has_tests.then(|| "TESTS".to_owned()));
            let mut rows = vec![heading];
            for workflow in &outcome.workflows {
                for job in &workflow.jobs {
                    let mut row = vec![
                        workflow.name.clone(),
                        job.name.clone(),
                        job.number
                            .map_or_else(|| "-".to_owned(), |number| number.to_string()),
                        job.ending.name().to_owned(),
                    ];
                    row.extend(has_tests.then(|| tests_text(job.tests)));
                    rows.push(row);
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
                        "tests": job.tests.map(|tests| json!({
                            "passed": tests.passed,
                            "failed": tests.failed,
                            "skipped": tests.skipped,
                        })),
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

fn tests_text(tests: Option<TestCounts>) -> String {
    match tests {
        None => "-".to_owned(),
        Some(tests) => format!(
            "{} passed, {} failed, {} skipped",
            tests.passed, tests.failed, tests.skipped
        ),
    }
}

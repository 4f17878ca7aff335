//! The plan and the outcome of a run, as text and as JSON.

use baton_local::run::{Outcome, TestCounts};
use baton_local::{Action, Job, JobKind, Pipeline, Plan, Step, Workflow};

use crate::args::Format;
use crate::json;
use crate::sink::{note, print_json, print_lines, print_table};

pub(super) fn print_plan(planned: &Plan, pipeline: &Pipeline, format: Format) {
    match format {
        Format::Text => print_lines(&planned.to_string()),
        Format::Json => {
            let workflow = |workflow: &Workflow| json::LocalWorkflow {
                jobs: workflow.jobs.iter().map(planned_job).collect(),
                name: workflow.name.clone(),
            };
            print_json(&json::LocalPlan {
                dry_run: true,
                notes: planned.notes.clone(),
                pipeline: pipeline.number,
                workflows: planned.workflows.iter().map(workflow).collect(),
            });
        }
    }
}

fn planned_job(job: &Job) -> json::PlannedJob {
    let (kind, build) = match &job.kind {
        JobKind::Approval => ("approval", None),
        JobKind::NoOp => ("no-op", None),
        JobKind::Build(build) => ("build", Some(build)),
    };
    let step = |step: &Step| json::LocalStep {
        command: match &step.action {
            Action::Run(run) => Some(run.command.clone()),
            _ => None,
        },
        kind: step.action.kind().to_owned(),
        name: step.name.clone(),
    };
    json::PlannedJob {
        executor: build.map(|build| build.executor.clone()),
        kind,
        name: job.name.clone(),
        nodes: build.map(|build| build.parallelism.into()),
        requires: job.requires.iter().map(|it| it.job.clone()).collect(),
        steps: build
            .map(|build| build.steps.iter().map(step).collect())
            .unwrap_or_default(),
    }
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
                let job = workflow.jobs.iter().map(|job| json::LocalJob {
                    directories: job.directories.clone(),
                    name: job.name.clone(),
                    number: job.number,
                    status: job.ending.name(),
                    tests: job.tests.map(|tests| json::LocalTests {
                        failed: tests.failed,
                        passed: tests.passed,
                        skipped: tests.skipped,
                    }),
                });
                json::LocalWorkflow {
                    jobs: job.collect(),
                    name: workflow.name.clone(),
                }
            });
            print_json(&json::LocalRun {
                pipeline: pipeline.number,
                success: outcome.is_success(),
                workflows: workflows.collect(),
            });
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

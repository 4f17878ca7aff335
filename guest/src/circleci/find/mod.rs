//! Which jobs a selector means, by what the API says now.
//!
//! | selector | requests until the job is known |
//! |---|---|
//! | `latest` | 2 or 3 where v1.1 serves, and more where an old pipeline was run again (`by_branch.rs`); else 1 + 2 for each pipeline that is looked into (`by_pipeline.rs`) |
//! | `build:N` | 1 |
//! | `sha:…`, `tag:…` | 1 for each 20 pipelines or so, all of the newest 100 for fewer than 40 digits, and 2 for the one that fits |
//! | `workflow:ID`, `workspace` | 1 |
//!
//! Jobs are ordered by pipeline, then by number: a rerun of an old pipeline has a high number, and is old all the same.

mod by_branch;
mod by_pipeline;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use by_branch::ByBranch;
use by_pipeline::{ByPipeline, Fits};

use super::api::{JobDetails, WorkflowJob};
use super::send::Client;
use super::{Job, time_ms};
use crate::error::{Error, Result};
use crate::lookup::Scope;
use crate::ports::Http;
use crate::selector::{Selector, nearest};

/// The most jobs of one workflow whose artifacts are asked for.
const JOBS_MAX: usize = 200;
/// How many names an error suggests.
const SUGGESTED: usize = 5;

/// What a selector means.
pub(super) enum Found {
    /// One of these, the first that will do.
    First(Candidates),
    /// All of these, in the order in which they apply.
    All(Vec<Job>),
}

/// Jobs, the newest first, as far as anybody asks for them.
pub(super) enum Candidates {
    Known(VecDeque<Job>),
    ByBranch(Box<ByBranch>),
    ByPipeline(Box<ByPipeline>),
}

/// What a search has seen: for the error where nothing fits.
#[derive(Default)]
pub(super) struct Seen {
    /// How far it went, for example "the newest 40 pipelines of branch main were searched".
    how_far: String,
    /// Names of successful jobs.
    names: BTreeSet<String>,
    /// A job that would fit, had it been successful.
    unsuccessful: Option<String>,
}

/// Returns what a scope means.
pub(super) fn find(client: &Client<'_, impl Http>, scope: &Scope) -> Result<Found> {
    let wanted = scope.jobs.clone();
    let selector = scope.parsed()?;
    if !scope.having.is_empty() {
        let message = "what jobs of CircleCI stored is not looked up by the files that it has";
        return Err(Error::invalid("wrong-having", message, &scope.selector));
    }
    let by_pipeline = |fits| {
        Found::First(Candidates::ByPipeline(Box::new(ByPipeline::new(
            fits,
            wanted.clone(),
        ))))
    };
    Ok(match selector {
        Selector::Latest { branch } => {
            let branch = branch.as_deref().map_or_else(|| scope.context.branch(), Ok)?;
            match ByBranch::new(client, branch, wanted.clone())? {
                Some(search) => Found::First(Candidates::ByBranch(Box::new(search))),
                None => by_pipeline(Fits::Branch(branch.to_owned())),
            }
        }
        Selector::Build(number) => {
            let job = job(client.job(number)?);
            if !fits(&wanted, job.name.as_deref()) {
                let message = format!(
                    "{} is none of the jobs that are wanted: {}",
                    job.shown(),
                    wanted.join(", ")
                );
                return Err(Error::nothing_matched(
                    "no-successful-job",
                    message,
                    &scope.selector,
                ));
            }
            Found::First(Candidates::Known([job].into()))
        }
        Selector::Commit(prefix) => by_pipeline(Fits::Commit(prefix)),
        Selector::Tag(tag) => by_pipeline(Fits::Tag(tag)),
        Selector::Workflow(id) => Found::All(of_workflows(client, &[&id], scope)?),
        Selector::Workspace => {
            let workspace = scope.context.workspace()?;
            // A rerun's own jobs, and those of the first run that it did not run again.
            let own = scope.context.workflow.as_deref().filter(|own| *own != workspace);
            let ids: Vec<&str> = std::iter::once(workspace).chain(own).collect();
            Found::All(of_workflows(client, &ids, scope)?)
        }
        Selector::Channel(_) | Selector::Tree(_) => {
            let message = "CircleCI knows no channels and no trees: its jobs are found by latest, build:, sha:, tag:, workflow: or workspace";
            return Err(Error::invalid(
                "selector-not-for-circleci",
                message,
                &scope.selector,
            ));
        }
    })
}

/// Returns the successful jobs of workflows; of a name that several of them have, the last one's.
fn of_workflows(client: &Client<'_, impl Http>, ids: &[&str], scope: &Scope) -> Result<Vec<Job>> {
    let mut by_name = BTreeMap::new();
    let mut seen = Seen::default();
    for id in ids {
        for item in client.jobs(id)? {
            if item.status != "success" {
                if fits(&scope.jobs, Some(&item.name)) {
                    seen.unsuccessful = Some(format!("{} is {}", item.name, item.status));
                }
                continue;
            }
            seen.names.insert(item.name.clone());
            // The job that asks has stored nothing yet, whatever its status will be.
            if let Some(job) = workflow_job(item, id)
                && fits(&scope.jobs, job.name.as_deref())
            {
                by_name.insert(job.name.clone(), job);
            }
        }
    }
    if by_name.is_empty() || by_name.len() > JOBS_MAX {
        seen.how_far = format!("the jobs of workflow {} were searched", ids.join(", "));
        return Err(seen.nothing(&scope.jobs, &scope.selector));
    }
    let mut jobs: Vec<Job> = by_name.into_values().collect();
    jobs.sort_by_key(|job| job.number);
    Ok(jobs)
}

impl Candidates {
    /// Returns the next job, older than all before.
    pub(super) fn next(&mut self, client: &Client<'_, impl Http>) -> Result<Option<Job>> {
        match self {
            Candidates::Known(jobs) => Ok(jobs.pop_front()),
            Candidates::ByBranch(search) => search.next(client),
            Candidates::ByPipeline(search) => search.next(client),
        }
    }

    /// Whether a search that has come to its end has seen all that there is.
    pub(super) fn is_exhaustive(&self) -> bool {
        match self {
            Candidates::Known(_) => true,
            Candidates::ByBranch(search) => search.is_exhaustive(),
            Candidates::ByPipeline(search) => search.is_exhaustive(),
        }
    }

    /// Returns the error for a search that has come to its end.
    pub(super) fn nothing(&self, scope: &Scope) -> Error {
        match self {
            Candidates::Known(_) => Seen::default().nothing(&scope.jobs, &scope.selector),
            Candidates::ByBranch(search) => search.seen().nothing(&scope.jobs, &scope.selector),
            Candidates::ByPipeline(search) => search.seen().nothing(&scope.jobs, &scope.selector),
        }
    }
}

impl Seen {
    /// Says what was searched, how far, and what would match.
    fn nothing(&self, wanted: &[String], selector: &str) -> Error {
        let job = match wanted {
            [] => "no successful job".to_owned(),
            names => format!("no successful job {}", names.join(" or ")),
        };
        let mut message = format!("{job} was found for {selector}: {}", self.how_far);
        if let Some(unsuccessful) = &self.unsuccessful {
            message.push_str(&format!("; {unsuccessful}"));
        }
        let names = || self.names.iter().map(String::as_str);
        let mut near: Vec<&str> = wanted
            .iter()
            .flat_map(|name| nearest(name, names(), SUGGESTED))
            .collect();
        if near.is_empty() {
            near = names().take(SUGGESTED).collect();
        }
        if !near.is_empty() {
            message.push_str(&format!("; successful were {}", near.join(", ")));
        }
        Error::nothing_matched("no-successful-job", message, selector)
    }
}

/// Whether a job's name is one of those that are wanted. No names: all are.
fn fits(wanted: &[String], name: Option<&str>) -> bool {
    wanted.is_empty() || name.is_some_and(|name| wanted.iter().any(|wanted| wanted == name))
}

pub(super) fn job(details: JobDetails) -> Job {
    Job {
        number: details.number,
        name: Some(details.name),
        workflow: details.latest_workflow.map(|workflow| workflow.id),
        url: details.web_url,
        stopped_ms: time_ms(details.stopped_at.as_deref()),
        unsuccessful: Some(details.status).filter(|status| status != "success"),
        ..Job::default()
    }
}

/// Returns a job of a workflow, if it ran: an approval has no number.
fn workflow_job(item: WorkflowJob, workflow: &str) -> Option<Job> {
    Some(Job {
        number: item.job_number?,
        name: Some(item.name),
        workflow: Some(workflow.to_owned()),
        stopped_ms: time_ms(item.stopped_at.as_deref()),
        ..Job::default()
    })
}

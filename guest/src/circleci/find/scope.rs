//! The jobs that a scope means.

use std::collections::{BTreeMap, VecDeque};

use super::super::job::{Job, is_wanted, job, workflow_job};
use super::super::send::Client;
use super::by_branch::ByBranch;
use super::by_pipeline::{ByPipeline, PipelineFilter};
use super::searched::SearchReport;
use crate::error::{Error, Result};
use crate::lookup::Scope;
use crate::ports::Http;
use crate::selector::Selector;

/// The most jobs of one workflow whose artifacts are asked for.
const JOBS_MAX: usize = 200;

/// The jobs that a selector means.
pub(in crate::circleci) enum Matches {
    /// One of these, the first that will do.
    First(Candidates),
    /// All of these, in the order in which they apply.
    All(Vec<Job>),
}

/// Jobs, the newest first, as far as anybody asks for them.
pub(in crate::circleci) enum Candidates {
    Known(VecDeque<Job>),
    ByBranch(Box<ByBranch>),
    ByPipeline(Box<ByPipeline>),
}

/// Returns what a scope means.
pub(in crate::circleci) fn find(client: &Client<'_, impl Http>, scope: &Scope) -> Result<Matches> {
    let wanted = scope.jobs.clone();
    let selector = scope.parsed()?;
    if !scope.having.is_empty() {
        let message = "--having does not work with the artifacts of CircleCI";
        return Err(Error::invalid("wrong-having", message, &scope.selector));
    }
    let by_pipeline = |fits| {
        Matches::First(Candidates::ByPipeline(Box::new(ByPipeline::new(
            fits,
            wanted.clone(),
        ))))
    };
    Ok(match selector {
        Selector::Latest { branch } => {
            let branch = branch.as_deref().map_or_else(|| scope.context.branch(), Ok)?;
            match ByBranch::new(client, branch, wanted.clone())? {
                Some(search) => Matches::First(Candidates::ByBranch(Box::new(search))),
                None => by_pipeline(PipelineFilter::Branch(branch.to_owned())),
            }
        }
        Selector::Build(number) => {
            let job = job(client.job(number)?);
            if !is_wanted(&wanted, job.name.as_deref()) {
                let message = format!(
                    "{} is not one of the wanted jobs: {}",
                    job.shown(),
                    wanted.join(", ")
                );
                return Err(Error::nothing_matched(
                    "no-successful-job",
                    message,
                    &scope.selector,
                ));
            }
            Matches::First(Candidates::Known([job].into()))
        }
        Selector::Commit(prefix) => by_pipeline(PipelineFilter::Commit(prefix)),
        Selector::Tag(tag) => by_pipeline(PipelineFilter::Tag(tag)),
        Selector::Workflow(id) => Matches::All(of_workflows(client, &[&id], scope)?),
        Selector::Workspace => {
            let workspace = scope.context.workspace()?;
            // A rerun's own jobs, and those of the first run that it did not run again.
            let own = scope.context.workflow.as_deref().filter(|own| *own != workspace);
            let ids: Vec<&str> = std::iter::once(workspace).chain(own).collect();
            Matches::All(of_workflows(client, &ids, scope)?)
        }
        Selector::Channel(_) | Selector::Tree(_) => {
            let message = "CircleCI has no channels and no trees: select its jobs by latest, build:, sha:, tag:, workflow: or workspace";
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
    let mut report = SearchReport::default();
    for id in ids {
        for item in client.jobs(id)? {
            if item.status != "success" {
                if is_wanted(&scope.jobs, Some(&item.name)) {
                    report.unsuccessful = Some(format!("{} is {}", item.name, item.status));
                }
                continue;
            }
            report.names.insert(item.name.clone());
            // The job that asks has stored nothing yet, whatever its status will be.
            if let Some(job) = workflow_job(item, id)
                && is_wanted(&scope.jobs, job.name.as_deref())
            {
                by_name.insert(job.name.clone(), job);
            }
        }
    }
    if by_name.is_empty() || by_name.len() > JOBS_MAX {
        report.how_far = format!("the jobs of workflow {} were searched", ids.join(", "));
        return Err(report.nothing(&scope.jobs, &scope.selector));
    }
    let mut jobs: Vec<Job> = by_name.into_values().collect();
    jobs.sort_by_key(|job| job.number);
    Ok(jobs)
}

impl Candidates {
    /// Returns the next job, older than all before.
    pub(crate) fn next(&mut self, client: &Client<'_, impl Http>) -> Result<Option<Job>> {
        match self {
            Candidates::Known(jobs) => Ok(jobs.pop_front()),
            Candidates::ByBranch(search) => search.next(client),
            Candidates::ByPipeline(search) => search.next(client),
        }
    }

    /// Returns whether a search that has come to its end has report all that there is.
    pub(crate) fn is_exhaustive(&self) -> bool {
        match self {
            Candidates::Known(_) => true,
            Candidates::ByBranch(search) => search.is_exhaustive(),
            Candidates::ByPipeline(search) => search.is_exhaustive(),
        }
    }

    /// Returns the error for a search that has come to its end.
    pub(crate) fn nothing(&self, scope: &Scope) -> Error {
        match self {
            Candidates::Known(_) => SearchReport::default().nothing(&scope.jobs, &scope.selector),
            Candidates::ByBranch(search) => search.report().nothing(&scope.jobs, &scope.selector),
            Candidates::ByPipeline(search) => search.report().nothing(&scope.jobs, &scope.selector),
        }
    }
}

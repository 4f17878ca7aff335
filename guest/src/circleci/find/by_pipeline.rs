//! Successful jobs, pipeline by pipeline, the newest first: by v2 alone. It costs two requests a pipeline, and one more
//! for each rerun, so it is limited in depth.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::api::Pipeline;
use super::super::job::{Job, is_wanted, workflow_job};
use super::super::send::Client;
use super::searched::SearchReport;
use crate::error::{Error, Result};
use crate::ports::Http;

/// So many pages of pipelines are listed, some 20 each.
const PAGES_MAX: usize = 5;
/// Into so many pipelines is looked.
const PIPELINES_MAX: usize = 40;
/// Hex digits of a whole commit: fewer may begin another one as well.
const COMMIT_DIGITS: usize = 40;

/// A condition for pipelines.
pub(in super::super) enum PipelineFilter {
    /// Those of a branch, except those of forks.
    Branch(String),
    /// Those of the one commit that begins with this, except those of forks: anyone can push to a fork.
    Commit(String),
    /// Those of a tag, except those of forks.
    Tag(String),
}

pub(in super::super) struct ByPipeline {
    filter: PipelineFilter,
    wanted: Vec<String>,
    /// Jobs of the pipeline that was looked into last.
    jobs: VecDeque<Job>,
    pipelines: VecDeque<Pipeline>,
    /// The token of the next page. `Some(None)` is the first.
    token: Option<Option<String>>,
    pages: usize,
    listed: usize,
    /// Those that would fit, were they not of forks.
    of_forks: usize,
    searched: usize,
    commits: BTreeSet<String>,
    names: BTreeSet<String>,
    unsuccessful: Option<String>,
}

impl ByPipeline {
    pub(super) fn new(filter: PipelineFilter, wanted: Vec<String>) -> ByPipeline {
        ByPipeline {
            filter,
            wanted,
            jobs: VecDeque::new(),
            pipelines: VecDeque::new(),
            token: Some(None),
            pages: 0,
            listed: 0,
            of_forks: 0,
            searched: 0,
            commits: BTreeSet::new(),
            names: BTreeSet::new(),
            unsuccessful: None,
        }
    }

    /// Returns the newest job that is left.
    pub(super) fn next(&mut self, client: &Client<'_, impl Http>) -> Result<Option<Job>> {
        loop {
            if let Some(job) = self.jobs.pop_front() {
                return Ok(Some(job));
            }
            if self.searched == PIPELINES_MAX {
                return Ok(None);
            }
            // That a few digits mean one commit is known when the others were listed, too.
            if matches!(&self.filter, PipelineFilter::Commit(prefix) if prefix.len() < COMMIT_DIGITS)
                && self.searched == 0
            {
                while self.more(client)? {}
            }
            if let Some(pipeline) = self.pipelines.pop_front() {
                self.searched += 1;
                self.look_into(client, &pipeline)?;
            } else if !self.more(client)? {
                return Ok(None);
            }
        }
    }

    /// Lists more pipelines. Returns whether there were any to list.
    fn more(&mut self, client: &Client<'_, impl Http>) -> Result<bool> {
        // A commit has few pipelines, and they lie together: once found, the rest of the project is of no use.
        let enough = !matches!(self.filter, PipelineFilter::Branch(_)) && self.searched > 0;
        let Some(token) = self.token.take_if(|_| self.pages < PAGES_MAX && !enough) else {
            return Ok(false);
        };
        let branch = match &self.filter {
            PipelineFilter::Branch(branch) => Some(branch.as_str()),
            PipelineFilter::Commit(_) | PipelineFilter::Tag(_) => None,
        };
        let page = client.pipelines(branch, token.as_deref())?;
        self.pages += 1;
        self.listed += page.items.len();
        self.token = page.next().map(Some);
        let all = page.items.into_iter().filter(|it| self.filter.matches(it));
        let (forks, mut fitting): (Vec<Pipeline>, Vec<Pipeline>) = all.partition(|it| it.vcs.is_fork());
        self.of_forks += forks.len();
        if let PipelineFilter::Commit(prefix) = &self.filter {
            self.commits
                .extend(fitting.iter().filter_map(|it| it.vcs.revision.clone()));
            if self.commits.len() > 1 {
                let shown: Vec<&str> = self.commits.iter().take(5).map(String::as_str).collect();
                let message = format!("several commits begin with {prefix}: {}", shown.join(", "));
                return Err(Error::invalid(
                    "ambiguous-commit",
                    message,
                    &format!("sha:{prefix}"),
                ));
            }
        }
        // The specification does not promise the order that the service has.
        fitting.sort_by_key(|it| std::cmp::Reverse(it.number));
        self.pipelines.extend(fitting);
        Ok(true)
    }

    /// Takes the successful jobs of a pipeline: of all of its workflows, reruns included, the newest first.
    fn look_into(&mut self, client: &Client<'_, impl Http>, pipeline: &Pipeline) -> Result<()> {
        // A rerun lists the jobs that it did not run again, too, under their numbers.
        let mut found = BTreeMap::new();
        for workflow in client.workflows(pipeline)? {
            for item in client.jobs(&workflow.id)? {
                let wanted = is_wanted(&self.wanted, Some(&item.name));
                if item.status == "success" {
                    self.names.insert(item.name.clone());
                } else if wanted && self.unsuccessful.is_none() {
                    let number = item
                        .job_number
                        .map_or_else(String::new, |number| format!(" (build:{number})"));
                    self.unsuccessful = Some(format!("its newest {}{number} is {}", item.name, item.status));
                }
                if item.status != "success" || !wanted {
                    continue;
                }
                if let Some(job) = workflow_job(item, &workflow.id) {
                    found.insert(job.number, job);
                }
            }
        }
        self.jobs.extend(found.into_values().rev().map(|job| Job {
            branch: pipeline.vcs.branch.clone(),
            tag: pipeline.vcs.tag.clone(),
            commit: pipeline.vcs.revision.clone(),
            pipeline: Some(pipeline.number),
            fork: pipeline.vcs.is_fork(),
            ..job
        }));
        Ok(())
    }

    /// Returns whether nothing is left that could be searched.
    pub(super) fn is_exhaustive(&self) -> bool {
        self.token.is_none() && self.pipelines.is_empty()
    }

    pub(super) fn report(&self) -> SearchReport {
        let of = match &self.filter {
            PipelineFilter::Branch(branch) => format!(" of branch {branch}"),
            PipelineFilter::Commit(_) | PipelineFilter::Tag(_) => String::new(),
        };
        let mut how_far = match (self.listed, self.searched) {
            (0, _) => format!("there is no pipeline{of}"),
            (listed, 0) => format!("none of the newest {listed} pipelines{of} fits"),
            (listed, searched) => {
                format!("{searched} of the newest {listed} pipelines{of} were looked into")
            }
        };
        if self.of_forks > 0 {
            how_far.push_str(&format!("; {} of forks were left out", self.of_forks));
        }
        SearchReport {
            how_far,
            names: self.names.clone(),
            unsuccessful: self.unsuccessful.clone(),
        }
    }
}

impl PipelineFilter {
    fn matches(&self, pipeline: &Pipeline) -> bool {
        let vcs = &pipeline.vcs;
        match self {
            PipelineFilter::Branch(branch) => vcs.branch.as_ref().is_none_or(|of| of == branch),
            PipelineFilter::Commit(prefix) => {
                let commit = vcs.revision.as_ref().map(|commit| commit.to_ascii_lowercase());
                commit.is_some_and(|commit| commit.starts_with(prefix.as_str()))
            }
            PipelineFilter::Tag(tag) => vcs.tag.as_ref() == Some(tag),
        }
    }
}

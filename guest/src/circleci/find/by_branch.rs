//! The newest successful jobs of a branch, with v1.1's help: one request gives the last hundred, whatever pipelines and
//! workflows they are of.
//!
//! v1.1 does not say which pipeline a job is of, and the highest number may be that of a rerun of an old one. So v2's
//! list of the branch's pipelines is joined by commit, which gives each job the newest pipeline that it can be of. The
//! best job is the answer once that is certain: because no other pipeline had the commit, or because its workflow was
//! asked. That makes two requests, or three where a commit was built more than once.

use std::collections::BTreeSet;

use super::super::api::{Build, Pipeline};
use super::super::send::Client;
use super::super::{Job, time_ms};
use super::{Seen, fits};
use crate::error::{Error, Problem, Result};
use crate::ports::Http;

/// v1.1 gives so many at most.
const PAGE: usize = 100;
/// So many pages of v1.1 are looked at.
const BUILD_PAGES_MAX: usize = 3;
/// So many pages of the branch's pipelines, some 20 each.
const PIPELINE_PAGES_MAX: usize = 5;
/// So many workflows are asked for their pipelines.
const WORKFLOWS_MAX: usize = 20;

pub(in super::super) struct ByBranch {
    branch: String,
    wanted: Vec<String>,
    candidates: Vec<Candidate>,
    builds_seen: usize,
    builds_end: bool,
    pipelines: Vec<Pipeline>,
    pages: usize,
    /// Where the next page of pipelines begins. `Some(None)` is the first.
    token: Option<Option<String>>,
    asked: usize,
    names: BTreeSet<String>,
}

struct Candidate {
    build: Build,
    /// Its pipeline, once its workflow was asked.
    pipeline: Option<u64>,
}

/// What is known of a candidate's pipeline.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Bound {
    /// It is this one, or an older one.
    at_most: u64,
    certain: bool,
    /// Whether a pipeline of its commit is known.
    joined: bool,
}

impl ByBranch {
    /// Asks v1.1, and returns `None` where it does not serve, or knows nothing of the branch.
    pub(super) fn new(
        client: &Client<'_, impl Http>,
        branch: &str,
        wanted: Vec<String>,
    ) -> Result<Option<ByBranch>> {
        let Some(builds) = client
            .builds(branch, 0, PAGE)?
            .filter(|builds| !builds.is_empty())
        else {
            return Ok(None);
        };
        let mut search = ByBranch {
            branch: branch.to_owned(),
            wanted,
            candidates: Vec::new(),
            builds_seen: 0,
            builds_end: false,
            pipelines: Vec::new(),
            pages: 0,
            token: Some(None),
            asked: 0,
            names: BTreeSet::new(),
        };
        search.take(builds);
        while search.candidates.is_empty()
            && !search.builds_end
            && search.builds_seen < BUILD_PAGES_MAX * PAGE
        {
            let more = client.builds(branch, search.builds_seen, PAGE)?;
            search.take(more.unwrap_or_default());
        }
        Ok(Some(search))
    }

    fn take(&mut self, builds: Vec<Build>) {
        self.builds_seen += builds.len();
        self.builds_end = builds.len() < PAGE;
        for build in builds {
            // The server filters by both, but what it does not know it may ignore.
            let of_branch = build.branch.as_ref().is_none_or(|branch| *branch == self.branch);
            let status = build.status.as_deref();
            if !of_branch || status.is_some_and(|status| !matches!(status, "success" | "fixed")) {
                continue;
            }
            let name = build.workflows.as_ref().and_then(|it| it.job_name.as_deref());
            self.names.extend(name.map(str::to_owned));
            if fits(&self.wanted, name) {
                self.candidates.push(Candidate {
                    build,
                    pipeline: None,
                });
            }
        }
    }

    /// Returns the newest job that is left.
    pub(super) fn next(&mut self, client: &Client<'_, impl Http>) -> Result<Option<Job>> {
        while let Some((at, bound)) = self.best() {
            if bound.certain {
                let candidate = self.candidates.swap_remove(at);
                match self.job(candidate, bound.at_most) {
                    // What a fork built is nobody's latest.
                    job if job.fork => continue,
                    job => return Ok(Some(job)),
                }
            }
            if !bound.joined && self.pages < PIPELINE_PAGES_MAX && self.more_pipelines(client)? {
                continue;
            }
            self.ask(client, at)?;
        }
        Ok(None)
    }

    /// Returns the candidate that is the newest, or may be.
    fn best(&self) -> Option<(usize, Bound)> {
        let bounds = self.candidates.iter().enumerate().map(|(at, candidate)| {
            let bound = self.bound(candidate);
            (bound.at_most, candidate.build.build_num, at, bound)
        });
        // The first page of pipelines is needed in any case: without it, all bounds are alike.
        bounds.max().map(|(_, _, at, bound)| (at, bound))
    }

    fn bound(&self, candidate: &Candidate) -> Bound {
        if let Some(at_most) = candidate.pipeline {
            return Bound {
                at_most,
                certain: true,
                joined: true,
            };
        }
        let commit = candidate.build.vcs_revision.as_deref();
        let of_commit = || {
            let pipelines = self.pipelines.iter();
            pipelines.filter(|it| commit.is_some() && it.vcs.revision.as_deref() == commit)
        };
        match of_commit().map(|it| it.number).max() {
            Some(at_most) => Bound {
                at_most,
                // Behind what was listed there may be an older pipeline of the same commit.
                certain: of_commit().count() == 1 && self.token.is_none(),
                joined: true,
            },
            None => Bound {
                at_most: match (
                    self.token.is_some(),
                    self.pipelines.iter().map(|it| it.number).min(),
                ) {
                    (true, None) => u64::MAX,
                    (true, Some(oldest)) => oldest.saturating_sub(1),
                    // The branch has no pipeline of this commit: a branch that was made anew, for example.
                    (false, _) => 0,
                },
                certain: false,
                joined: false,
            },
        }
    }

    /// Lists more pipelines. Returns whether there were any to list.
    fn more_pipelines(&mut self, client: &Client<'_, impl Http>) -> Result<bool> {
        let Some(token) = self.token.take() else {
            return Ok(false);
        };
        let page = client.pipelines(Some(&self.branch), token.as_deref())?;
        self.pages += 1;
        self.token = page.next().map(Some);
        self.pipelines.extend(page.items);
        Ok(true)
    }

    /// Asks a candidate's workflow which pipeline it is of.
    fn ask(&mut self, client: &Client<'_, impl Http>, at: usize) -> Result<()> {
        let workflow = self
            .candidates
            .get(at)
            .and_then(|it| it.build.workflows.as_ref()?.workflow_id.clone());
        if self.asked == WORKFLOWS_MAX {
            let message = format!(
                "the pipelines of {} jobs of branch {} are not among its newest, and {WORKFLOWS_MAX} of them were asked one by one; name a build with build:N",
                self.candidates.len(),
                self.branch
            );
            return Err(Error::limit("search-too-deep", message, &self.branch));
        }
        let pipeline = match &workflow {
            None => Some(0),
            Some(id) => {
                self.asked += 1;
                match client.workflow(id) {
                    // A workflow that is hidden or gone has no pipeline that could be compared.
                    Err(Error::Store(Problem { code, .. })) if code == "api-not-found" => Some(0),
                    found => Some(found?.pipeline_number),
                }
            }
        };
        for candidate in &mut self.candidates {
            let own = candidate
                .build
                .workflows
                .as_ref()
                .and_then(|it| it.workflow_id.as_ref());
            if own == workflow.as_ref() {
                candidate.pipeline = pipeline;
            }
        }
        Ok(())
    }

    fn job(&self, candidate: Candidate, pipeline: u64) -> Job {
        let build = candidate.build;
        let known = self.pipelines.iter().find(|it| it.number == pipeline);
        let (name, workflow) = build
            .workflows
            .map_or((None, None), |it| (it.job_name, it.workflow_id));
        Job {
            number: build.build_num,
            name,
            branch: Some(self.branch.clone()),
            tag: None,
            commit: build.vcs_revision,
            pipeline: Some(pipeline),
            workflow,
            url: build.build_url,
            stopped_ms: time_ms(build.stop_time.as_deref()),
            fork: known.is_some_and(|it| it.vcs.is_fork()),
            unsuccessful: None,
        }
    }

    pub(super) fn seen(&self) -> Seen {
        let newest = if self.builds_end { "all" } else { "the newest" };
        Seen {
            how_far: format!(
                "{newest} {} successful jobs of branch {} were searched",
                self.builds_seen, self.branch
            ),
            names: self.names.clone(),
            unsuccessful: None,
        }
    }
}

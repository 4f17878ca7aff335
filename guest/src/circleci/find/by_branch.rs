//! The newest successful jobs of a branch, with v1.1's help: one request gives the last hundred, whatever pipelines and
//! workflows they are of.
//!
//! v1.1 does not say which pipeline a job is of, and the highest number may be that of a rerun of an old one. So v2's
//! list of the branch's pipelines is joined by commit, which gives each job the newest pipeline that it can be of. The
//! best job is the answer once that is certain: because no other pipeline had the commit, or because its workflow was
//! asked. That makes two requests, or three where a commit was built more than once.
//!
//! A page of v1.1 has the highest job numbers. A newer pipeline whose job has a lower number than all of them is not on it,
//! for example where an old pipeline was run again. So no job is the answer before every newer pipeline is accounted for:
//! it began after the last job that v1.1 listed, so that all of its jobs have higher numbers; or it was looked into.

use std::collections::BTreeSet;

use super::super::api::{Pipeline, V1Job, V1Workflow};
use super::super::job::{Job, is_wanted, workflow_job};
use super::super::send::Client;
use super::searched::SearchReport;
use crate::date::time_ms;
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
/// Into so many pipelines is looked: two requests each, and one more for each rerun.
const LOOKED_MAX: usize = 20;
/// Another page of v1.1 is cheaper than a look into more pipelines than this.
const LOOKED_CHEAP: usize = 2;

pub(in super::super) struct ByBranch {
    branch: String,
    wanted: Vec<String>,
    candidates: Vec<Candidate>,
    builds_seen: usize,
    builds_end: bool,
    pipelines: Vec<Pipeline>,
    pages: usize,
    /// The token of the next page of pipelines. `Some(None)` is the first.
    token: Option<Option<String>>,
    asked: usize,
    /// Numbers of the jobs that are, or were, candidates: v1.1 and v2 both list them.
    known: BTreeSet<u64>,
    /// Numbers of the pipelines that were looked into.
    looked: BTreeSet<u64>,
    /// The lowest number that v1.1 listed, and when that job began, in milliseconds since 1970; 0 where that is not said.
    /// `None` if the list is not ordered by number: then it does not say what follows it.
    reach: Option<(u64, u64)>,
    names: BTreeSet<String>,
}

struct Candidate {
    build: V1Job,
    /// Its pipeline, once its workflow was asked.
    pipeline: Option<u64>,
}

/// The known limits of a candidate's pipeline.
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
            known: BTreeSet::new(),
            looked: BTreeSet::new(),
            reach: Some((u64::MAX, 0)),
            names: BTreeSet::new(),
        };
        search.take(builds);
        while search.candidates.is_empty()
            && !search.builds_end
            && search.builds_seen < BUILD_PAGES_MAX * PAGE
        {
            search.more_builds(client)?;
        }
        Ok(Some(search))
    }

    fn more_builds(&mut self, client: &Client<'_, impl Http>) -> Result<()> {
        let more = client.builds(&self.branch, self.builds_seen, PAGE)?;
        self.take(more.unwrap_or_default());
        Ok(())
    }

    fn take(&mut self, builds: Vec<V1Job>) {
        self.builds_seen += builds.len();
        self.builds_end = builds.len() < PAGE;
        for build in builds {
            let began = build.start_time.as_deref().or(build.stop_time.as_deref());
            self.reach = match self.reach {
                Some((lowest, _)) if build.build_num <= lowest => Some((build.build_num, time_ms(began))),
                _ => None,
            };
            // The server filters by both, but what it does not know it may ignore.
            let of_branch = build.branch.as_ref().is_none_or(|branch| *branch == self.branch);
            let status = build.status.as_deref();
            if !of_branch || status.is_some_and(|status| !matches!(status, "success" | "fixed")) {
                continue;
            }
            let name = build.workflows.as_ref().and_then(|it| it.job_name.as_deref());
            self.names.extend(name.map(str::to_owned));
            if is_wanted(&self.wanted, name) && self.known.insert(build.build_num) {
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
                if !self.accounted(client, bound.at_most)? {
                    continue;
                }
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

    /// Returns whether every pipeline newer than this one is accounted for. If not, does one thing about it.
    fn accounted(&mut self, client: &Client<'_, impl Http>, pipeline: u64) -> Result<bool> {
        if self.builds_end {
            return Ok(true);
        }
        let oldest = self.pipelines.iter().map(|it| it.number).min();
        let reached = self.token.is_none() || oldest.is_some_and(|oldest| oldest <= pipeline);
        if !reached && self.pages < PIPELINE_PAGES_MAX {
            self.more_pipelines(client)?;
            return Ok(false);
        }
        let open: Vec<Pipeline> = self
            .pipelines
            .iter()
            .filter(|it| it.number > pipeline && self.is_open(it))
            .cloned()
            .collect();
        if reached && open.is_empty() {
            return Ok(true);
        }
        let more = self.builds_seen < BUILD_PAGES_MAX * PAGE;
        if more && (!reached || open.len() > LOOKED_CHEAP) {
            self.more_builds(client)?;
            return Ok(false);
        }
        match open.iter().max_by_key(|it| it.number) {
            Some(newest) if self.looked.len() < LOOKED_MAX => self.look_into(client, newest)?,
            _ => {
                let message = format!(
                    "the newest job that was seen on branch {} is of pipeline {pipeline}, and there are too many newer pipelines to look into; name a build with build:N",
                    self.branch
                );
                return Err(Error::limit("search-too-deep", message, &self.branch));
            }
        }
        Ok(false)
    }

    /// Returns whether a pipeline may have a job that was not seen.
    fn is_open(&self, pipeline: &Pipeline) -> bool {
        let created_ms = time_ms(pipeline.created_at.as_deref());
        let listed = self
            .reach
            .is_some_and(|(_, began_ms)| began_ms > 0 && began_ms < created_ms);
        !listed && !pipeline.vcs.is_fork() && !self.looked.contains(&pipeline.number)
    }

    /// Adds the jobs of a pipeline that are wanted to the candidates.
    fn look_into(&mut self, client: &Client<'_, impl Http>, pipeline: &Pipeline) -> Result<()> {
        self.looked.insert(pipeline.number);
        for workflow in client.workflows(pipeline)? {
            for item in client.jobs(&workflow.id)? {
                if item.status != "success" {
                    continue;
                }
                self.names.insert(item.name.clone());
                let stop_time = item.stopped_at.clone();
                let Some(job) = workflow_job(item, &workflow.id)
                    .filter(|job| is_wanted(&self.wanted, job.name.as_deref()))
                else {
                    continue;
                };
                if self.known.insert(job.number) {
                    let build = V1Job {
                        build_num: job.number,
                        branch: Some(self.branch.clone()),
                        vcs_revision: pipeline.vcs.revision.clone(),
                        status: None,
                        start_time: None,
                        stop_time,
                        build_url: None,
                        workflows: Some(V1Workflow {
                            job_name: job.name,
                            workflow_id: job.workflow,
                        }),
                    };
                    self.candidates.push(Candidate {
                        build,
                        pipeline: Some(pipeline.number),
                    });
                }
            }
        }
        Ok(())
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
                // After the listed ones there may be an older pipeline of the same commit.
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
                    // The branch has no pipeline of this commit: a branch that was created again, for example.
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
            // 0 stands for one that could not be asked for.
            pipeline: (pipeline > 0).then_some(pipeline),
            workflow,
            url: build.build_url,
            stopped_ms: time_ms(build.stop_time.as_deref()),
            fork: known.is_some_and(|it| it.vcs.is_fork()),
            unsuccessful: None,
        }
    }

    /// Returns whether nothing is left that could be searched.
    pub(super) fn is_exhaustive(&self) -> bool {
        self.builds_end
    }

    pub(super) fn report(&self) -> SearchReport {
        let newest = if self.builds_end { "all" } else { "the newest" };
        SearchReport {
            how_far: format!(
                "{newest} {} successful jobs of branch {} were searched",
                self.builds_seen, self.branch
            ),
            names: self.names.clone(),
            unsuccessful: None,
        }
    }
}

//! A workflow: its jobs, each once the jobs that it requires ended as required. Jobs that do not wait for one another run
//! concurrently.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use super::assignment::Assignment;
use super::events::{Event, NodeName, Reporter};
use super::node::{self, NodeOutcome};
use super::options::RunOptions;
use super::outcome::{Ending, JobOutcome, WorkflowOutcome};
use super::services::{Services, unknown};
use super::test_results::TestResults;
use super::upstream::Upstream;
use crate::api::{JobRecord, JobStatus, WorkflowRecord, WorkflowStatus};
use crate::error::{LocalError, Place};
use crate::pipeline::Pipeline;
use crate::plan::{Build, Job, JobKind, Status, Workflow};

/// A workflow to run.
pub(super) struct WorkflowRun<'a> {
    pub(super) services: &'a Services,
    pub(super) pipeline: &'a Pipeline,
    pub(super) options: &'a RunOptions,
    pub(super) record: &'a WorkflowRecord,
    pub(super) planned: &'a Workflow,
    pub(super) report: Reporter<'a>,
}

/// A job of which a node has started.
struct Started {
    record: JobRecord,
    /// The variables of the project when the job started.
    variables: BTreeMap<String, String>,
    upstream: Upstream,
    /// The outcomes of its nodes, by their index.
    nodes: BTreeMap<u32, NodeOutcome>,
}

/// A message of the thread of a node: the job's place in the plan, the node's index, and the outcome.
type Message = (usize, u32, Result<NodeOutcome, LocalError>);

impl WorkflowRun<'_> {
    /// Runs the jobs, and after a failure those that did not succeed again as often as the plan says.
    pub(super) fn run(&self, place: &Place) -> Result<WorkflowOutcome, LocalError> {
        (self.report)(Event::WorkflowStarted(self.planned));
        let api = &self.services.api;
        let mut record = self.record.clone();
        let mut jobs: Vec<Option<JobOutcome>> = vec![None; self.planned.jobs.len()];
        for attempt in 0..=self.planned.max_auto_reruns {
            if attempt > 0 {
                record = api.add_rerun(&record.id).map_err(unknown(place))?;
                let of = self.planned.max_auto_reruns;
                self.note(&format!("the workflow failed; automatic rerun {attempt} of {of}"));
                for job in &mut jobs {
                    *job = job.take().filter(|job| job.ending == Ending::Success);
                }
            }
            self.run_jobs(&record, &mut jobs, place)?;
            let has = |ending| jobs.iter().flatten().any(|job| job.ending == ending);
            let status = if has(Ending::Failed) {
                WorkflowStatus::Failed
            } else if has(Ending::OnHold) {
                WorkflowStatus::OnHold
            } else {
                WorkflowStatus::Success
            };
            api.set_workflow_status(&record.id, status)
                .map_err(unknown(place))?;
            if status != WorkflowStatus::Failed {
                break;
            }
        }
        Ok(WorkflowOutcome {
            name: self.planned.name.clone(),
            jobs: jobs.into_iter().flatten().collect(),
        })
    }

    /// Runs the jobs that have no outcome yet: each once the jobs that it requires have ended, and at most as many nodes at
    /// a time as the options allow.
    fn run_jobs(
        &self,
        workflow: &WorkflowRecord,
        outcomes: &mut [Option<JobOutcome>],
        place: &Place,
    ) -> Result<(), LocalError> {
        let mut started: BTreeMap<usize, Arc<Mutex<Started>>> = BTreeMap::new();
        let mut queue: VecDeque<(usize, u32)> = VecDeque::new();
        let mut failure = None;
        let (sender, messages) = mpsc::channel::<Message>();
        std::thread::scope(|scope| {
            let mut running = 0;
            loop {
                if failure.is_none() {
                    let begun = self.begin(workflow, outcomes, &mut started, &mut queue, place);
                    failure = begun.err();
                }
                while failure.is_none() && running < self.options.jobs.max(1) {
                    let Some((at, index)) = queue.pop_front() else {
                        break;
                    };
                    let Some(job) = started.get(&at).cloned() else {
                        continue;
                    };
                    let sender = sender.clone();
                    running += 1;
                    scope.spawn(move || {
                        let outcome = self.node(workflow, at, index, &job, place);
                        // The receiver waits for every node.
                        let _ = sender.send((at, index, outcome));
                    });
                }
                if running == 0 {
                    break;
                }
                let Ok((at, index, outcome)) = messages.recv() else {
                    break;
                };
                running -= 1;
                let ended = outcome.and_then(|outcome| self.end(at, index, outcome, &started, place));
                match ended {
                    Ok(None) => {}
                    Ok(Some(outcome)) => {
                        if let Some(slot) = outcomes.get_mut(at) {
                            *slot = Some(outcome);
                        }
                    }
                    Err(error) => {
                        // The first error is returned, and the status of the job is for later look-ups only.
                        if let Some(job) = started.get(&at) {
                            let record = &locked(job).record;
                            let api = &self.services.api;
                            let _ = api.set_job_status(&record.project, record.number, JobStatus::Failed);
                        }
                        failure.get_or_insert(error);
                    }
                }
            }
        });
        failure.map_or(Ok(()), Err)
    }

    /// Decides about each job whose requirements have ended: it ends without a run, or its nodes are queued.
    fn begin(
        &self,
        workflow: &WorkflowRecord,
        outcomes: &mut [Option<JobOutcome>],
        started: &mut BTreeMap<usize, Arc<Mutex<Started>>>,
        queue: &mut VecDeque<(usize, u32)>,
        place: &Place,
    ) -> Result<(), LocalError> {
        for (at, job) in self.planned.jobs.iter().enumerate() {
            let is_open = outcomes.get(at).is_some_and(Option::is_none) && !started.contains_key(&at);
            let requirements: Option<Vec<bool>> = job
                .requires
                .iter()
                .map(|requirement| {
                    let ended = outcomes.iter().flatten().find(|it| it.name == requirement.job)?;
                    let status = status(ended.ending);
                    Some(status.is_some_and(|it| requirement.statuses.contains(&it)))
                })
                .collect();
            let Some(requirements) = requirements.filter(|_| is_open) else {
                continue;
            };
            let ending = match &job.kind {
                _ if requirements.contains(&false) => Ending::NotRun,
                JobKind::NoOp => Ending::Success,
                JobKind::Approval if self.options.approved.contains(&job.name) => Ending::Success,
                JobKind::Approval => {
                    self.note(&format!(
                        "{0} waits for an approval: --approve {0} gives it",
                        job.name
                    ));
                    Ending::OnHold
                }
                JobKind::Build(build) => {
                    let job = self.start(workflow, job, build, &place.within(&job.name))?;
                    started.insert(at, Arc::new(Mutex::new(job)));
                    queue.extend((0..build.parallelism).map(|index| (at, index)));
                    continue;
                }
            };
            if let Some(slot) = outcomes.get_mut(at) {
                *slot = Some(JobOutcome {
                    name: job.name.clone(),
                    ending,
                    number: None,
                    directories: Vec::new(),
                    tests: None,
                });
            }
        }
        Ok(())
    }

    fn start(
        &self,
        workflow: &WorkflowRecord,
        job: &Job,
        build: &Build,
        place: &Place,
    ) -> Result<Started, LocalError> {
        let api = &self.services.api;
        let record = api
            .add_job(&workflow.id, &job.name, build.parallelism)
            .map_err(unknown(place))?;
        for context in job
            .contexts
            .iter()
            .filter(|it| !self.options.contexts.contains_key(*it))
        {
            self.note(&format!(
                "the job {} has the context {context}: --context {context}=FILE sets its variables",
                job.name
            ));
        }
        Ok(Started {
            variables: api.variables(&record.project),
            record,
            upstream: Upstream::of(job, self.planned),
            nodes: BTreeMap::new(),
        })
    }

    /// Runs a node, on a thread of its own.
    fn node(
        &self,
        workflow: &WorkflowRecord,
        at: usize,
        index: u32,
        started: &Mutex<Started>,
        place: &Place,
    ) -> Result<NodeOutcome, LocalError> {
        let (record, variables, upstream) = {
            let started = locked(started);
            (
                started.record.clone(),
                started.variables.clone(),
                started.upstream.clone(),
            )
        };
        let (job, build) = match self.planned.jobs.get(at).map(|job| (job, &job.kind)) {
            Some((job, JobKind::Build(build))) => (job, build),
            _ => return Err(place.wrong("only jobs with steps have nodes")),
        };
        let assignment = Assignment {
            services: self.services,
            options: self.options,
            pipeline: self.pipeline,
            workflow,
            job,
            build,
            record: &record,
            name: NodeName {
                job: job.name.clone(),
                index,
                total: build.parallelism,
            },
            variables: &variables,
            upstream: &upstream,
            report: self.report,
        };
        node::run(&assignment, &place.within(&job.name))
    }

    /// Records the outcome of a node. Returns the outcome of the job if it was the last one.
    fn end(
        &self,
        at: usize,
        index: u32,
        outcome: NodeOutcome,
        started: &BTreeMap<usize, Arc<Mutex<Started>>>,
        place: &Place,
    ) -> Result<Option<JobOutcome>, LocalError> {
        let (Some(started), Some(job)) = (started.get(&at), self.planned.jobs.get(at)) else {
            return Ok(None);
        };
        let mut started = locked(started);
        started.nodes.insert(index, outcome);
        if started.nodes.len() < started.record.nodes as usize {
            return Ok(None);
        }
        let succeeded = started.nodes.values().all(|node| node.succeeded);
        let mut tests: Option<TestResults> = None;
        for results in started.nodes.values().filter_map(|node| node.tests.as_ref()) {
            tests.get_or_insert_default().add(results);
        }
        if let Some(tests) = &tests {
            self.services.save_timings(&job.name, &tests.timings)?;
        }
        let record = &started.record;
        let status = match succeeded {
            true => JobStatus::Success,
            false => JobStatus::Failed,
        };
        self.services
            .api
            .set_job_status(&record.project, record.number, status)
            .map_err(unknown(place))?;
        self.services.save()?;
        Ok(Some(JobOutcome {
            name: job.name.clone(),
            ending: match succeeded {
                true => Ending::Success,
                false => Ending::Failed,
            },
            number: Some(record.number),
            directories: started
                .nodes
                .values()
                .map(|node| node.directory.clone())
                .collect(),
            tests: tests.map(|tests| tests.counts),
        }))
    }

    fn note(&self, text: &str) {
        (self.report)(Event::Note { node: None, text });
    }
}

/// A panic of another thread leaves nothing incomplete: each change is one assignment.
fn locked(started: &Mutex<Started>) -> MutexGuard<'_, Started> {
    started.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns how a job ended, in the words of `requires`; `None` for one that waits.
fn status(ending: Ending) -> Option<Status> {
    match ending {
        Ending::Success => Some(Status::Success),
        Ending::Failed => Some(Status::Failed),
        Ending::NotRun => Some(Status::NotRun),
        Ending::OnHold => None,
    }
}

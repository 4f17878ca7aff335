//! One node of a job: its place, its variables, and its steps one after the other.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use super::place::NodePlace;
use super::shell::{Background, Command, Ended};
use super::workflow::{Upstream, WorkflowRun};
use super::{Occurrence, Watch, artifacts, checkout, environment, shell, workspace};
use crate::api::Job as ApiJob;
use crate::error::{LocalError, Place};
use crate::plan::{Action, Build, Job, Run, Step, When};

/// CircleCI's own shell.
const SHELL: &str = "bash -eo pipefail";

/// What one node of a job knows.
pub(super) struct NodeRun<'a> {
    pub(super) workflow: &'a WorkflowRun<'a>,
    pub(super) job: &'a Job,
    pub(super) build: &'a Build,
    pub(super) api_job: &'a ApiJob,
    pub(super) node: u32,
    /// The project's variables, as they were when the job began.
    pub(super) variables: &'a BTreeMap<String, String>,
    pub(super) upstream: &'a Upstream,
}

/// What a node is in the middle of.
pub(super) struct Node<'a> {
    pub(super) run: &'a NodeRun<'a>,
    pub(super) place: NodePlace,
    pub(super) working_directory: PathBuf,
    variables: BTreeMap<String, OsString>,
    background: Vec<Background>,
}

impl NodeRun<'_> {
    /// Runs the node. Returns where it worked, and whether all steps did what they should.
    pub(super) fn run(&self, place: &Place, watch: Watch<'_>) -> Result<(PathBuf, bool), LocalError> {
        let options = self.workflow.options;
        let jobs = self.workflow.session.directory.join("jobs");
        let nodes = (self.node, self.build.parallelism);
        let number = self.api_job.number;
        let made = NodePlace::make(&jobs, number, &self.job.name, nodes, &options.binary)?;
        let working_directory = made.resolve(&made.home, &self.build.working_directory);
        fs::create_dir_all(&working_directory).map_err(LocalError::files(
            "the working directory cannot be made",
            &working_directory,
        ))?;
        watch(Occurrence::Node {
            job: self.job,
            number,
            node: nodes,
            directory: &made.directory,
        });
        let directory = made.directory.clone();
        let variables = environment::variables(self, &made, &self.build.working_directory);
        let mut node = Node {
            run: self,
            place: made,
            working_directory,
            variables,
            background: Vec::new(),
        };
        let succeeded = node.steps(place, watch)?;
        Ok((directory, succeeded))
    }
}

impl Node<'_> {
    fn steps(&mut self, place: &Place, watch: Watch<'_>) -> Result<bool, LocalError> {
        let mut succeeded = true;
        for (at, step) in self.run.build.steps.iter().enumerate() {
            let runs = match step.when {
                When::OnSuccess => succeeded,
                When::Always => true,
                When::OnFail => !succeeded,
            };
            if !runs {
                continue;
            }
            if self.run.workflow.options.options.interrupt.is_set() {
                return Err(LocalError::Interrupted(place.clone()));
            }
            watch(Occurrence::Step(step));
            let started = Instant::now();
            let place = place.within(format!("step {} ({})", at + 1, step.name));
            let failure = self.step(step, at, &place, watch)?;
            watch(Occurrence::StepEnded {
                step,
                failure: failure.as_deref(),
                took: started.elapsed(),
            });
            succeeded &= failure.is_none();
            if self.place.halted.exists() {
                watch(Occurrence::Note("the step has ended the job"));
                break;
            }
        }
        Ok(succeeded)
    }

    /// Does one step. Returns why it failed; nothing where it did not.
    fn step(
        &mut self,
        step: &Step,
        at: usize,
        place: &Place,
        watch: Watch<'_>,
    ) -> Result<Option<String>, LocalError> {
        match &step.action {
            Action::Run(run) => self.command(run, place, watch),
            Action::Checkout { path } => {
                let target = match path {
                    Some(path) => self.place.resolve(&self.working_directory, path),
                    None => self.working_directory.clone(),
                };
                let options = self.run.workflow.options;
                let pipeline = self.run.workflow.pipeline;
                let session = &self.run.workflow.session.directory;
                checkout::run(&options.repository, &target, pipeline, session)
            }
            Action::Persist { root, paths } => workspace::persist(self, at, root, paths, place, watch),
            Action::Attach { at } => workspace::attach(self, at, place, watch),
            Action::StoreArtifacts { path, destination } => {
                artifacts::store(self, path, destination.as_deref(), place, watch)
            }
            Action::Nothing { why } => {
                watch(Occurrence::Note(why));
                Ok(None)
            }
        }
    }

    fn command(&mut self, run: &Run, place: &Place, watch: Watch<'_>) -> Result<Option<String>, LocalError> {
        let directory = match &run.working_directory {
            Some(directory) => self.place.resolve(&self.working_directory, directory),
            None => self.working_directory.clone(),
        };
        if !directory.is_dir() {
            return Ok(Some(format!(
                "the working directory {} is not there",
                directory.display()
            )));
        }
        let mut variables = self.variables.clone();
        for (name, value) in &run.environment {
            variables.insert(name.clone(), value.into());
        }
        let shell = run.shell.as_deref().or(self.run.build.shell.as_deref());
        let command = Command {
            shell: shell.unwrap_or(SHELL),
            text: &run.command,
            directory: &directory,
            variables: &variables,
            no_output_time_max: run.no_output_time_max,
            interrupt: &self.run.workflow.options.options.interrupt,
        };
        if run.background {
            self.background.push(shell::start(&command, place)?);
            watch(Occurrence::Note(
                "it goes on in the background, and ends with the job",
            ));
            return Ok(None);
        }
        let ended = shell::run(&command, place, &mut |output| watch(Occurrence::Output(output)))?;
        Ok(match ended {
            Ended::Code(0) => None,
            Ended::Code(code) => Some(format!("it ended with exit code {code}")),
            Ended::Signal(signal) => Some(format!("signal {signal} ended it")),
            Ended::Silent => Some(format!(
                "it said nothing for {} s, and was ended (no_output_timeout)",
                run.no_output_time_max.as_secs()
            )),
            Ended::Interrupted => return Err(LocalError::Interrupted(place.clone())),
        })
    }
}

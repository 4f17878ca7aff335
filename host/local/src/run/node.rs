//! A node of a job: its directories, its variables, and its steps in their order.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use super::assignment::Assignment;
use super::directories::NodeDirectories;
use super::events::Event;
use super::shell::{Background, Command, Ended};
use super::{artifacts, checkout, continuation, environment, shell, workspace};
use crate::error::{LocalError, Place};
use crate::plan::{Action, Run, Step, When};

/// CircleCI's default shell.
const SHELL: &str = "bash -eo pipefail";

/// The outcome of a node.
pub(super) struct NodeOutcome {
    pub(super) directory: PathBuf,
    /// Whether all steps succeeded.
    pub(super) succeeded: bool,
}

/// A node while it runs.
struct Node<'a> {
    assignment: &'a Assignment<'a>,
    directories: NodeDirectories,
    working_directory: PathBuf,
    variables: BTreeMap<String, OsString>,
    background: Vec<Background>,
}

/// Runs a node.
pub(super) fn run(assignment: &Assignment<'_>, place: &Place) -> Result<NodeOutcome, LocalError> {
    let (number, build) = (assignment.record.number, assignment.build);
    let jobs = assignment.services.directory().join("jobs");
    let directories = NodeDirectories::create(&jobs, number, &assignment.name, &assignment.options.binary)?;
    let working_directory = directories.resolve(&directories.home, &build.working_directory);
    fs::create_dir_all(&working_directory).map_err(LocalError::files(
        "cannot create the working directory",
        &working_directory,
    ))?;
    let directory = directories.directory.clone();
    (assignment.report)(Event::NodeStarted {
        node: &assignment.name,
        job: assignment.job,
        number,
        directory: &directory,
    });
    let variables = environment::variables(assignment, &directories);
    let mut node = Node {
        assignment,
        directories,
        working_directory,
        variables,
        background: Vec::new(),
    };
    let succeeded = node.steps(place)?;
    Ok(NodeOutcome { directory, succeeded })
}

impl Node<'_> {
    fn steps(&mut self, place: &Place) -> Result<bool, LocalError> {
        let mut succeeded = true;
        for (at, step) in self.assignment.build.steps.iter().enumerate() {
            let runs = match step.when {
                When::OnSuccess => succeeded,
                When::Always => true,
                When::OnFail => !succeeded,
            };
            if !runs {
                continue;
            }
            if self.assignment.options.transfer.interrupt.is_set() {
                return Err(LocalError::Interrupted(place.clone()));
            }
            let (report, name) = (self.assignment.report, &self.assignment.name);
            report(Event::StepStarted { node: name, step });
            let started = Instant::now();
            let place = place.within(format!("step {} ({})", at + 1, step.name));
            let failure = self.step(step, at, &place)?;
            report(Event::StepEnded {
                node: name,
                step,
                failure: failure.as_deref(),
                took: started.elapsed(),
            });
            succeeded &= failure.is_none();
            if self.directories.halted.exists() {
                self.assignment.note("the step has ended the job");
                break;
            }
        }
        Ok(succeeded)
    }

    /// Runs one step. Returns why it failed, if it did.
    fn step(&mut self, step: &Step, at: usize, place: &Place) -> Result<Option<String>, LocalError> {
        let it = self.assignment;
        let resolve = |path: &str| self.directories.resolve(&self.working_directory, path);
        match &step.action {
            Action::Run(run) => self.command(run, place),
            Action::Checkout { path } => {
                let target = path
                    .as_deref()
                    .map_or_else(|| self.working_directory.clone(), resolve);
                checkout::run(
                    &it.options.repository,
                    &target,
                    it.pipeline,
                    it.services.directory(),
                )
            }
            Action::Persist { root, paths } => workspace::persist(it, at, &resolve(root), paths, place),
            Action::Attach { at } => workspace::attach(it, &resolve(at), place),
            Action::StoreArtifacts { path, destination } => {
                artifacts::store(it, path, &resolve(path), destination.as_deref(), place)
            }
            Action::Continue {
                configuration,
                parameters,
            } => {
                let parameters = continuation::parameters(parameters, &resolve(parameters));
                Ok(continuation::run(it, &resolve(configuration), &parameters))
            }
            Action::Nothing { why } => {
                it.note(why);
                Ok(None)
            }
        }
    }

    fn command(&mut self, run: &Run, place: &Place) -> Result<Option<String>, LocalError> {
        let directory = match &run.working_directory {
            Some(directory) => self.directories.resolve(&self.working_directory, directory),
            None => self.working_directory.clone(),
        };
        if !directory.is_dir() {
            return Ok(Some(format!(
                "the working directory {} does not exist",
                directory.display()
            )));
        }
        let mut variables = self.variables.clone();
        for (name, value) in &run.environment {
            variables.insert(name.clone(), value.into());
        }
        let shell = run.shell.as_deref().or(self.assignment.build.shell.as_deref());
        let command = Command {
            shell: shell.unwrap_or(SHELL),
            text: &run.command,
            directory: &directory,
            variables: &variables,
            no_output_time_max: run.no_output_time_max,
            interrupt: &self.assignment.options.transfer.interrupt,
        };
        if run.background {
            self.background.push(shell::start(&command, place)?);
            self.assignment
                .note("it continues in the background, and ends with the job");
            return Ok(None);
        }
        let node = &self.assignment.name;
        let mut output = |bytes: &[u8]| (self.assignment.report)(Event::Output { node, bytes });
        let ended = shell::run(&command, place, &mut output)?;
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

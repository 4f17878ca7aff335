//! A node of a job: its directories, its variables, and its steps in their order.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::assignment::Assignment;
use super::caches::Saved;
use super::directories::NodeDirectories;
use super::events::Event;
use super::inside::Inside;
use super::keys::KeyValues;
use super::launcher::Launcher;
use super::masking::{MaskedLines, Secrets};
use super::shell::{Background, Command, Ended};
use super::test_results::{self, TestResults};
use super::{artifacts, checkout, continuation, environment, shell, workspace};
use crate::command;
use crate::error::{LocalError, Place};
use crate::plan::{Action, Run, Step, When};

/// CircleCI's default shell.
const SHELL: &str = "bash -eo pipefail";
/// How often a wait checks whether the run was interrupted.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// The outcome of a node.
#[derive(Debug)]
pub(super) struct NodeOutcome {
    pub(super) directory: PathBuf,
    /// Whether all steps succeeded.
    pub(super) succeeded: bool,
    /// The results of its tests, if it stored any.
    pub(super) tests: Option<TestResults>,
}

/// A node while it runs.
struct Node<'a> {
    assignment: &'a Assignment<'a>,
    directories: NodeDirectories,
    inside: Inside,
    working_directory: PathBuf,
    variables: BTreeMap<String, OsString>,
    secrets: Secrets,
    deadline: Instant,
    timed_out: bool,
    tests: Option<TestResults>,
    // In this order: what runs in the background ends before its sandbox does.
    background: Vec<Background>,
    launcher: Launcher,
}

/// Runs a node.
pub(super) fn run(assignment: &Assignment<'_>, place: &Place) -> Result<NodeOutcome, LocalError> {
    let (number, options) = (assignment.record.number, assignment.options);
    let services = assignment.services;
    let jobs = services.directory().join("jobs");
    let binary = options.sandbox.is_none().then_some(options.binary.as_path());
    let directories = NodeDirectories::create(&jobs, number, &assignment.name, binary)?;
    let directory = directories.directory.clone();
    let timings = directory.join(command::TIMINGS);
    services
        .timings(&assignment.job.name)?
        .write(&timings)
        .map_err(LocalError::files("cannot write", &timings))?;
    (assignment.report)(Event::NodeStarted {
        node: &assignment.name,
        job: assignment.job,
        number,
        directory: &directory,
    });
    let failed = |directory, reason: &str| {
        assignment.note(reason);
        Ok(NodeOutcome {
            directory,
            succeeded: false,
            tests: None,
        })
    };
    let launcher = match Launcher::start(options, &directories) {
        Ok(launcher) => launcher,
        Err(reason) => return failed(directory, &reason),
    };
    let inside = launcher.inside(options, &directories);
    let working_directory = inside.resolve(&inside.home, &assignment.build.working_directory);
    let working_directory = match inside.create(&working_directory) {
        Ok(working_directory) => working_directory,
        Err(error) => {
            let path = &assignment.build.working_directory;
            return failed(
                directory,
                &format!("cannot create the working directory {path}: {error}"),
            );
        }
    };
    let mut node = Node {
        variables: environment::variables(assignment, &directories),
        secrets: Secrets::among(environment::secrets(assignment)),
        assignment,
        directories,
        inside,
        working_directory,
        deadline: Instant::now() + options.job_time_max,
        timed_out: false,
        tests: None,
        background: Vec::new(),
        launcher,
    };
    let succeeded = node.steps(place)?;
    Ok(NodeOutcome {
        directory,
        succeeded,
        tests: node.tests.take(),
    })
}

impl Node<'_> {
    fn steps(&mut self, place: &Place) -> Result<bool, LocalError> {
        let (report, name) = (self.assignment.report, &self.assignment.name);
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
            self.check_interrupt(place)?;
            report(Event::StepStarted { node: name, step });
            let started = Instant::now();
            let place = place.within(format!("step {} ({})", at + 1, step.name));
            let failure = match self.step(step, at, &place) {
                // The job fails alone; the others continue.
                Err(LocalError::Files { what, path, source }) => {
                    Some(format!("{what} {}: {source}", path.display()))
                }
                other => other?,
            };
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
            // On CircleCI not even steps that always run follow.
            if self.timed_out {
                break;
            }
        }
        Ok(succeeded)
    }

    /// Runs one step. Returns why it failed, if it did.
    fn step(&mut self, step: &Step, at: usize, place: &Place) -> Result<Option<String>, LocalError> {
        let it = self.assignment;
        let resolve = |path: &str| self.inside.resolve(&self.working_directory, path);
        match &step.action {
            Action::Run(run) => self.run_with_reruns(run, place),
            Action::Checkout { path } => {
                let target = path
                    .as_deref()
                    .map_or_else(|| self.working_directory.clone(), resolve);
                let state = it.services.directory();
                checkout::run(&it.options.repository, &target, &self.inside, it.pipeline, state)
            }
            Action::Persist { root, paths } => {
                workspace::persist(it, at, &self.inside, &resolve(root), paths, place)
            }
            Action::Continue {
                configuration,
                parameters,
            } => {
                let configuration = match self.inside.open(&resolve(configuration)) {
                    Ok(opened) => opened.path,
                    Err(error) => return Ok(Some(format!("cannot read {configuration}: {error}"))),
                };
                // Parameters that are given as such are no file.
                let file = self.inside.open(&resolve(parameters));
                let file = file.map(|opened| opened.path).unwrap_or_default();
                let parameters = continuation::parameters(parameters, &file);
                Ok(continuation::run(it, &configuration, &parameters))
            }
            Action::Attach { at } => workspace::attach(it, &self.inside, &resolve(at), place),
            Action::StoreArtifacts { path, destination } => artifacts::store(
                it,
                path,
                &self.inside,
                &resolve(path),
                destination.as_deref(),
                place,
            ),
            Action::SaveCache { key, paths } => self.save_cache(at, key, paths),
            Action::RestoreCache { keys } => self.restore_cache(keys),
            Action::StoreTestResults { path } => Ok(self.store_test_results(&resolve(path))),
            Action::Nothing { why } => {
                it.note(why);
                Ok(None)
            }
        }
    }

    fn run_with_reruns(&mut self, run: &Run, place: &Place) -> Result<Option<String>, LocalError> {
        let mut failure = self.command(run, place)?;
        for attempt in 1..=run.max_auto_reruns {
            let Some(reason) = failure.as_ref().filter(|_| !self.timed_out) else {
                break;
            };
            self.assignment.note(&format!(
                "{reason}; automatic rerun {attempt} of {}",
                run.max_auto_reruns
            ));
            let begin = Instant::now() + run.auto_rerun_delay;
            while Instant::now() < begin {
                self.check_interrupt(place)?;
                std::thread::sleep(CHECK_INTERVAL.min(begin.saturating_duration_since(Instant::now())));
            }
            failure = self.command(run, place)?;
        }
        Ok(failure)
    }

    fn command(&mut self, run: &Run, place: &Place) -> Result<Option<String>, LocalError> {
        let directory = match &run.working_directory {
            Some(directory) => self.inside.resolve(&self.working_directory, directory),
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
            directory: &self.inside.seen(&directory),
            variables: &variables,
            no_output_time_max: run.no_output_time_max,
            deadline: self.deadline,
            interrupt: &self.assignment.options.transfer.interrupt,
            launcher: &self.launcher,
        };
        if run.background {
            return Ok(match shell::start(&command) {
                Ok(background) => {
                    self.background.push(background);
                    self.assignment
                        .note("it continues in the background, and ends with the job");
                    None
                }
                Err(reason) => Some(reason),
            });
        }
        let node = &self.assignment.name;
        let output = |bytes: &[u8]| {
            if !bytes.is_empty() {
                (self.assignment.report)(Event::Output { node, bytes });
            }
        };
        let mut lines = MaskedLines::new(&self.secrets);
        let ended = shell::run(&command, place, &mut |bytes| output(&lines.add(bytes)))?;
        output(&lines.finish());
        Ok(match ended {
            Ended::Code(0) => None,
            Ended::Code(code) => Some(format!("it ended with exit code {code}")),
            Ended::Signal(signal) => Some(format!("signal {signal} ended it")),
            Ended::NotStarted(reason) => Some(reason),
            Ended::Silent => Some(format!(
                "it printed nothing for {} s, and was ended (no_output_timeout)",
                run.no_output_time_max.as_secs()
            )),
            Ended::TimedOut => {
                self.timed_out = true;
                let limit = self.assignment.options.job_time_max;
                Some(format!(
                    "the job took longer than {}, and was ended",
                    humantime::format_duration(limit)
                ))
            }
            Ended::Interrupted => return Err(LocalError::Interrupted(place.clone())),
        })
    }

    fn key_values(&self) -> KeyValues<'_> {
        KeyValues {
            pipeline: self.assignment.pipeline,
            number: self.assignment.record.number,
            variables: &self.variables,
            inside: &self.inside,
            working_directory: &self.working_directory,
        }
    }

    fn save_cache(&self, step: usize, key: &str, paths: &[String]) -> Result<Option<String>, LocalError> {
        let it = self.assignment;
        let key = match self.key_values().fill(key) {
            Ok(key) => key,
            Err(reason) => return Ok(Some(reason)),
        };
        // A relative path is restored to the same directory, whatever the working directory is then.
        let paths: Vec<(String, PathBuf)> = paths
            .iter()
            .map(|path| match path.starts_with(['/', '~']) {
                true => (path.clone(), self.inside.resolve(&self.working_directory, path)),
                false => (
                    format!("{}/{path}", it.build.working_directory),
                    self.working_directory.join(path),
                ),
            })
            .collect();
        let owner = format!("{}-{}-{step}", it.record.number, it.name.index);
        match it.services.caches.save(&key, &paths, &self.inside, &owner)? {
            Saved::New(copied) => it.note(&format!(
                "saved the cache {key}: {} files, {} bytes",
                copied.files, copied.bytes
            )),
            Saved::Exists => it.note(&format!("the cache {key} exists, and is not saved again")),
        }
        Ok(None)
    }

    fn restore_cache(&self, keys: &[String]) -> Result<Option<String>, LocalError> {
        let it = self.assignment;
        let values = self.key_values();
        let keys: Vec<String> = match keys.iter().map(|key| values.fill(key)).collect() {
            Ok(keys) => keys,
            Err(reason) => return Ok(Some(reason)),
        };
        let resolve = |path: &str| self.inside.resolve(&self.inside.home, path);
        match it.services.caches.restore(&keys, &self.inside, resolve)? {
            Some(restored) => it.note(&format!(
                "restored the cache {}: {} files, {} bytes",
                restored.key, restored.copied.files, restored.copied.bytes
            )),
            None => it.note(&format!(
                "no cache has a key that begins with {}",
                keys.join(" or ")
            )),
        }
        Ok(None)
    }

    fn store_test_results(&mut self, path: &std::path::Path) -> Option<String> {
        if !path.exists() {
            self.assignment
                .note(&format!("{} does not exist", path.display()));
            return None;
        }
        match test_results::read(&self.inside, path) {
            Ok((results, files)) => {
                let counts = results.counts;
                self.assignment.note(&format!(
                    "{} tests passed, {} failed, {} were skipped, in {files} files",
                    counts.passed, counts.failed, counts.skipped
                ));
                self.tests.get_or_insert_default().add(&results);
                None
            }
            Err(reason) => Some(reason),
        }
    }

    fn check_interrupt(&self, place: &Place) -> Result<(), LocalError> {
        match self.assignment.options.transfer.interrupt.is_set() {
            true => Err(LocalError::Interrupted(place.clone())),
            false => Ok(()),
        }
    }
}

//! The plan of a config for one pipeline: which jobs of which workflows run, in which order, and each of their steps. It
//! is a value that prints, and nothing has been done yet.

use std::fmt;
use std::time::Duration;

use baton_host::escaped;

/// All that one pipeline runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// The workflows, in the order of the config.
    pub workflows: Vec<Workflow>,
    /// Messages about what is left out, and why.
    pub notes: Vec<String>,
    /// Whether the config has `setup: true`, so that one of its jobs continues the pipeline with another config.
    pub is_setup: bool,
}

/// One workflow. A job comes after all that it requires.
#[derive(Debug, Clone, PartialEq)]
pub struct Workflow {
    /// The name in the config.
    pub name: String,
    /// The jobs, in an order in which they can run.
    pub jobs: Vec<Job>,
    /// How often failed jobs run again, with the jobs after them.
    pub max_auto_reruns: u32,
}

/// One job of a workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The name in the workflow.
    pub name: String,
    /// The jobs that must have ended before, and how.
    pub requires: Vec<Requirement>,
    /// The contexts whose variables it has.
    pub contexts: Vec<String>,
    /// The action.
    pub kind: JobKind,
}

/// A job that another one waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The job's name.
    pub job: String,
    /// How it must have ended, one of these.
    pub statuses: Vec<Status>,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// All its steps did.
    Success,
    /// One of its steps failed.
    Failed,
    /// A person has ended it, or has not approved it.
    Canceled,
    /// A job that it requires did not end as it must.
    NotRun,
}

/// The kind of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum JobKind {
    /// It waits for a person.
    Approval,
    /// Nothing: others wait for it.
    NoOp,
    /// It runs steps.
    Build(Box<Build>),
}

/// A job that runs steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Build {
    /// The executor on CircleCI, for example `docker: cimg/base:current`. Here it runs on this machine.
    pub executor: String,
    /// The image of a docker executor's first container.
    pub image: Option<String>,
    /// Variables of the container.
    pub container_environment: Vec<(String, String)>,
    /// Variables of the executor and the job.
    pub environment: Vec<(String, String)>,
    /// Where steps run; `~` is the job's own home.
    pub working_directory: String,
    /// The shell of steps that name none.
    pub shell: Option<String>,
    /// How many nodes run it.
    pub parallelism: u32,
    /// The steps, in their order.
    pub steps: Vec<Step>,
}

/// One step of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The name for people.
    pub name: String,
    /// Whether it runs after another one failed.
    pub when: When,
    /// The action.
    pub action: Action,
}

/// Whether a step runs after another one failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum When {
    /// Only while all is well.
    #[default]
    OnSuccess,
    /// In any case.
    Always,
    /// Only after a failure.
    OnFail,
}

/// The action of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Runs a command in a shell.
    Run(Box<Run>),
    /// Brings the repository to a directory.
    Checkout {
        /// The directory; nothing for the working directory.
        path: Option<String>,
    },
    /// Adds a layer to the workspace.
    Persist {
        /// The directory that paths are relative to.
        root: String,
        /// Paths and globs.
        paths: Vec<String>,
    },
    /// Brings the workspace to a directory.
    Attach {
        /// The directory.
        at: String,
    },
    /// Keeps files among the artifacts of the job.
    StoreArtifacts {
        /// A file or a directory.
        path: String,
        /// The prefix of their names; nothing for that of `path`.
        destination: Option<String>,
    },
    /// Continues the pipeline with another config.
    Continue {
        /// The file of the config.
        configuration: String,
        /// Its parameters: a JSON object, or the file of one.
        parameters: String,
    },
    /// Saves directories for later jobs.
    SaveCache {
        /// The key, with templates.
        key: String,
        /// Files and directories.
        paths: Vec<String>,
    },
    /// Restores what a job saved.
    RestoreCache {
        /// Keys or their beginnings, with templates, in the order in which they are tried.
        keys: Vec<String>,
    },
    /// Sums up the results of tests, and keeps their times.
    StoreTestResults {
        /// A file of JUnit XML, or a directory of them.
        path: String,
    },
    /// A step that CircleCI has and that means nothing here.
    Nothing {
        /// Why.
        why: &'static str,
    },
}

/// A command in a shell.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The text that the shell runs.
    pub command: String,
    /// Variables of this step.
    pub environment: Vec<(String, String)>,
    /// Where it runs; nothing for the job's working directory.
    pub working_directory: Option<String>,
    /// The shell; nothing for the job's.
    pub shell: Option<String>,
    /// Whether the next step begins at once.
    pub background: bool,
    /// The longest that it may be silent.
    pub no_output_time_max: Duration,
    /// How often it runs again after it failed.
    pub max_auto_reruns: u32,
    /// The time between two of its runs.
    pub auto_rerun_delay: Duration,
}

impl Action {
    /// Returns what CircleCI calls such a step.
    pub fn kind(&self) -> &'static str {
        match self {
            Action::Run(_) => "run",
            Action::Checkout { .. } => "checkout",
            Action::Persist { .. } => "persist_to_workspace",
            Action::Attach { .. } => "attach_workspace",
            Action::StoreArtifacts { .. } => "store_artifacts",
            Action::Continue { .. } => "continue",
            Action::SaveCache { .. } => "save_cache",
            Action::RestoreCache { .. } => "restore_cache",
            Action::StoreTestResults { .. } => "store_test_results",
            Action::Nothing { .. } => "nothing",
        }
    }
}

impl Status {
    /// Returns CircleCI's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Status::Success => "success",
            Status::Failed => "failed",
            Status::Canceled => "canceled",
            Status::NotRun => "not_run",
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for workflow in &self.workflows {
            writeln!(f, "workflow {}", escaped(&workflow.name))?;
            for job in &workflow.jobs {
                write!(f, "{job}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  job {}", escaped(&self.name))?;
        for (at, it) in self.requires.iter().enumerate() {
            let statuses: Vec<&str> = it.statuses.iter().map(|status| status.name()).collect();
            let before = if at == 0 { ", after " } else { " and " };
            write!(f, "{before}{}", escaped(&it.job))?;
            if it.statuses != [Status::Success] {
                write!(f, " ({})", statuses.join(" or "))?;
            }
        }
        match &self.kind {
            JobKind::Approval => writeln!(f, "\n    waits for an approval"),
            JobKind::NoOp => writeln!(f, "\n    does nothing"),
            JobKind::Build(build) => write!(f, "\n{build}"),
        }
    }
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "    on this machine instead of {}", escaped(&self.executor))?;
        if self.parallelism > 1 {
            writeln!(f, "    {} nodes", self.parallelism)?;
        }
        for step in &self.steps {
            write!(f, "    {:<20} {}", step.action.kind(), escaped(&step.name))?;
            match step.when {
                When::OnSuccess => {}
                When::Always => f.write_str(" (always)")?,
                When::OnFail => f.write_str(" (after a failure)")?,
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

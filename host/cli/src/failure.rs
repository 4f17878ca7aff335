//! How a failure is shown, and with which code the process ends. The codes are listed in docs/reference/errors.md.

use std::error::Error as _;
use std::path::PathBuf;

use baton_host::context::ContextError;
use baton_host::store::StoreError;
use baton_host::{Error, PluginError, Problem, shortened};
use baton_local::LocalError;
use clap::CommandFactory as _;
use clap::error::ErrorKind;

use super::args::{Cli, Format};
use super::hints;
use super::json;
use super::sink::{self, MESSAGE_BYTES_MAX};
use super::usage;

/// How many causes are shown. Of more, those in the middle are left out: a component may write many lines.
const CAUSES_MAX: usize = 64;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A run failed.
    Run(Error),
    /// The context is wrong.
    Context(ContextError),
    /// A config cannot be planned or run.
    Local(LocalError),
    /// A file that nobody named says what only a person may.
    Distrusted {
        file: PathBuf,
        /// The keys, as people read them.
        keys: String,
    },
    /// The command itself, before or after a run.
    Command(anyhow::Error),
    /// The command line is wrong, or asks for the manual or the version.
    CommandLine(Box<clap::Error>),
    /// Standard output does not hold all that was printed.
    Output(std::io::Error),
    /// It was reported already.
    Reported(u8),
}

impl Failure {
    /// The command line is wrong as a whole, though each of its words may be right.
    pub(crate) fn usage(message: &str) -> Failure {
        let error = Cli::command().error(ErrorKind::ArgumentConflict, message);
        Failure::CommandLine(Box::new(error))
    }

    /// Adds what git said, where something is missing that git could have named.
    pub(crate) fn explained(mut self, git_said: Option<&str>) -> Failure {
        let missing = ["BATON_BRANCH", "BATON_PROJECT"];
        if let (Failure::Run(Error::Plugin(PluginError::MissingContext(problem))), Some(said)) =
            (&mut self, git_said)
            && problem.code == "missing-context"
            && missing.contains(&problem.subject.as_str())
        {
            problem.causes.push(said.to_owned());
        }
        self
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Run(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::Run(Error::Store(error))
    }
}

impl From<ContextError> for Failure {
    fn from(error: ContextError) -> Failure {
        Failure::Context(error)
    }
}

impl From<LocalError> for Failure {
    fn from(error: LocalError) -> Failure {
        Failure::Local(error)
    }
}

impl From<clap::Error> for Failure {
    fn from(error: clap::Error) -> Failure {
        Failure::CommandLine(Box::new(usage::safe(error)))
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::Command(error)
    }
}

/// The same for every failure: what there is to show.
pub(crate) struct Shown {
    pub(crate) kind: &'static str,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) subject: String,
    pub(crate) causes: Vec<String>,
}

impl Failure {
    /// Returns the process's exit code. What asks for the manual is no failure, and has 0.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::Reported(code) => *code,
            Failure::CommandLine(error) => u8::try_from(error.exit_code()).unwrap_or(2),
            Failure::Context(error) if error.is_of_a_flag() => 2,
            Failure::Run(Error::Plugin(PluginError::NothingMatched(_) | PluginError::Stale(_))) => 3,
            Failure::Run(Error::Plugin(PluginError::Internal(_)) | Error::Trap { .. } | Error::Engine(_)) => {
                70
            }
            _ => 1,
        }
    }

    /// Prints what failed while `command` ran: on standard error for people, and as JSON on standard output for scripts that
    /// asked for JSON.
    pub(crate) fn print(&self, format: Format, command: &str) {
        match self {
            Failure::Reported(_) => return,
            Failure::CommandLine(error) => return usage::print(error),
            _ => {}
        }
        let shown = self.shown();
        let hint = hints::of(&shown, command);
        if format == Format::Json {
            let Shown {
                kind,
                code,
                message,
                subject,
                causes,
            } = &shown;
            let error = json::ErrorShown {
                causes,
                code,
                hint,
                kind,
                message,
                subject,
            };
            sink::print_json(&json::Failed { error });
        }
        sink::say_lines(&render(&shown, hint));
    }

    /// Returns what there is to show, each part of it cut to what a person may want to read.
    pub(crate) fn shown(&self) -> Shown {
        let mut shown = self.whole();
        shown.message = shortened(&shown.message, MESSAGE_BYTES_MAX).into_owned();
        shown.subject = shortened(&shown.subject, MESSAGE_BYTES_MAX).into_owned();
        if let Some(more) = shown
            .causes
            .len()
            .checked_sub(CAUSES_MAX)
            .filter(|more| *more > 0)
        {
            let kept = CAUSES_MAX / 2;
            let left_out = format!("({more} lines left out)");
            shown.causes.splice(kept..kept + more, [left_out]);
        }
        for cause in &mut shown.causes {
            *cause = shortened(cause, MESSAGE_BYTES_MAX).into_owned();
        }
        shown
    }

    fn whole(&self) -> Shown {
        match self {
            Failure::Run(error) => shown_error(error),
            Failure::Context(error) => Shown {
                kind: "invalid",
                code: "wrong-context".to_owned(),
                message: error.to_string(),
                subject: String::new(),
                causes: error.source().map(ToString::to_string).into_iter().collect(),
            },
            Failure::Local(error) => shown_local(error),
            Failure::Distrusted { file, keys } => Shown {
                kind: "invalid",
                code: "config-distrusted".to_owned(),
                message: format!(
                    "{} sets {keys}, which a file that comes with a checkout must not: it decides which code runs, with which identity, or where data goes",
                    file.display()
                ),
                subject: String::new(),
                causes: Vec::new(),
            },
            Failure::Command(error) => Shown {
                kind: "invalid",
                code: "command".to_owned(),
                message: error.to_string(),
                subject: String::new(),
                causes: error.chain().skip(1).map(ToString::to_string).collect(),
            },
            Failure::Output(error) => Shown {
                kind: "output",
                code: "output".to_owned(),
                message: "cannot write to standard output".to_owned(),
                subject: String::new(),
                causes: vec![error.to_string()],
            },
            Failure::CommandLine(_) | Failure::Reported(_) => Shown {
                kind: "invalid",
                code: String::new(),
                message: String::new(),
                subject: String::new(),
                causes: Vec::new(),
            },
        }
    }
}

fn shown_error(error: &Error) -> Shown {
    let (kind, problem) = match error {
        Error::Plugin(PluginError::Invalid(it)) => ("invalid", it),
        Error::Plugin(PluginError::MissingContext(it)) => ("missing-context", it),
        Error::Plugin(PluginError::NothingMatched(it)) => ("nothing-matched", it),
        Error::Plugin(PluginError::Stale(it)) => ("stale", it),
        Error::Plugin(PluginError::Conflict(it)) => ("conflict", it),
        Error::Plugin(PluginError::Unsupported(it)) => ("unsupported", it),
        Error::Plugin(PluginError::Files(it)) => ("files", it),
        Error::Plugin(PluginError::Store(it)) => ("store", it),
        Error::Plugin(PluginError::Limit(it)) => ("limit", it),
        Error::Plugin(PluginError::Internal(it)) => ("internal", it),
        Error::Plugin(PluginError::Damaged(damage)) => {
            let mut causes = Vec::new();
            if !damage.expected.is_empty() {
                causes.push(format!("expected {}", damage.expected));
            }
            if !damage.found.is_empty() {
                causes.push(format!("found    {}", damage.found));
            }
            let (message, subject) = (damage.message.clone(), damage.key.clone());
            return Shown {
                kind: "damaged",
                code: "damaged".to_owned(),
                message,
                subject,
                causes,
            };
        }
        other => return shown_host(other),
    };
    let Problem {
        code,
        message,
        subject,
        causes,
        ..
    } = problem.clone();
    Shown {
        kind,
        code,
        message,
        subject,
        causes,
    }
}

/// Returns the text for a wrong config, or a failure of its run.
fn shown_local(error: &LocalError) -> Shown {
    let (kind, code) = match error {
        LocalError::Yaml { .. } | LocalError::Wrong { .. } => ("invalid", "wrong-config"),
        LocalError::Unsupported { .. } => ("unsupported", "config-unsupported"),
        LocalError::OrbMissing { .. } => ("invalid", "orb-missing"),
        LocalError::Orb { .. } => ("invalid", "orb-unavailable"),
        LocalError::Busy(_) => ("invalid", "local-busy"),
        LocalError::Foreign(_) => ("invalid", "local-state-foreign"),
        LocalError::Unsafe { .. } => ("invalid", "local-state-unsafe"),
        LocalError::Interrupted(_) => ("interrupted", "interrupted"),
        _ => ("files", "local-run"),
    };
    Shown {
        kind,
        code: code.to_owned(),
        message: error.to_string(),
        subject: String::new(),
        causes: causes_of(error),
    }
}

/// Returns the text for an error of the host.
fn shown_host(error: &Error) -> Shown {
    let (kind, code) = match error {
        Error::Trap { .. } => ("internal", "component-failed"),
        Error::Engine(_) => ("internal", "engine"),
        Error::Memory { .. } => ("limit", "memory-limit"),
        Error::NoMemory(_) => ("limit", "no-memory"),
        Error::Timeout { .. } => ("limit", "time-limit"),
        Error::Unsigned { .. } => ("invalid", "not-signed"),
        Error::Interrupted => ("interrupted", "interrupted"),
        Error::CircleCi { .. } => ("invalid", "circleci-unusable"),
        Error::ComponentFile { .. } | Error::ComponentInvalid { .. } => ("invalid", "wrong-component"),
        Error::Directory {
            what: "root", source, ..
        } if source.kind() == std::io::ErrorKind::NotFound => ("invalid", "root-missing"),
        Error::Directory { what: "root", .. } => ("invalid", "root-unusable"),
        Error::Directory { .. } => ("files", "target-unusable"),
        Error::DirectoryRemoved { .. } => ("files", "directory-removed"),
        Error::Store(error) => ("store", error.code()),
        Error::Plugin(_) => ("internal", "internal"),
    };
    let mut causes = Vec::new();
    if let Error::Trap { report, .. } = error {
        causes.extend(report.lines().map(str::to_owned));
    }
    causes.extend(causes_of(error));
    Shown {
        kind,
        code: code.to_owned(),
        message: error.to_string(),
        subject: String::new(),
        causes,
    }
}

fn causes_of(error: &dyn std::error::Error) -> Vec<String> {
    let mut causes = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    causes
}

/// Returns the text for people: what and where, why, and what to do. A line end is one of a cause's only: what parses
/// files shows where they are wrong on several lines.
fn render(shown: &Shown, hint: Option<&str>) -> String {
    let one_line = |text: &str| text.replace('\n', "\\n");
    // What the message names already is not said twice.
    let names_it = matches!(shown.kind, "store" | "missing-context");
    let told = names_it && shown.message.contains(&shown.subject);
    let place = if shown.subject.is_empty() || told {
        String::new()
    } else {
        format!(": {}", one_line(&shown.subject))
    };
    let mut text = format!("error: {}{place}\n", one_line(&shown.message));
    for cause in &shown.causes {
        text.push_str(&format!(
            "  caused by: {}\n",
            cause.trim_end().replace('\n', "\n    ")
        ));
    }
    if let Some(hint) = hint {
        text.push_str(&format!("\nhint: {hint}\n"));
    }
    text
}

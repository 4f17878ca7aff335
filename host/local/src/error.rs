//! Why a config cannot be planned or run.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use baton_host::escaped;

use super::orbs::OrbReference;

/// Where in a config something is: the file, the keys that lead there, for example `jobs.build.steps[2].run`, and the line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    source: Arc<Source>,
    path: Vec<String>,
    /// Where it is called from, the nearest call first.
    callers: Vec<String>,
}

/// A file with the lines of its keys.
#[derive(Debug, Default, PartialEq, Eq)]
struct Source {
    file: String,
    lines: Lines,
}

/// The line of a key or an item, and those of what is below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lines {
    /// From 1; 0 where it is unknown.
    pub(crate) line: u64,
    pub(crate) below: Vec<(String, Lines)>,
}

impl Place {
    /// Returns the place of a whole file, whose lines are unknown.
    pub fn file(name: impl Into<String>) -> Place {
        Place::root(name, Lines::default())
    }

    /// Returns the place of a whole file.
    pub(crate) fn root(name: impl Into<String>, lines: Lines) -> Place {
        let file = name.into();
        Place {
            source: Arc::new(Source { file, lines }),
            path: Vec::new(),
            callers: Vec::new(),
        }
    }

    /// Returns the place of a key of this one.
    #[must_use]
    pub fn within(&self, key: impl Into<String>) -> Place {
        let mut inner = self.clone();
        inner.path.push(key.into());
        inner
    }

    /// Returns the place of an item of this list, from 0.
    #[must_use]
    pub(crate) fn item(&self, at: usize) -> Place {
        self.within(item_key(at))
    }

    /// Returns whether the last key is this one.
    pub(crate) fn ends_with(&self, key: &str) -> bool {
        self.path.last().is_some_and(|last| last == key)
    }

    /// Returns this place as one that is called from another.
    #[must_use]
    pub(crate) fn called_from(&self, caller: &Place) -> Place {
        let mut called = self.clone();
        let nearest = Some(caller.position()).filter(|_| !caller.path.is_empty());
        called.callers = nearest
            .into_iter()
            .chain(caller.callers.iter().cloned())
            .collect();
        called.callers.dedup();
        called
    }

    /// Returns the error that what is here is wrong.
    pub(crate) fn wrong(&self, message: impl Into<String>) -> LocalError {
        LocalError::Wrong {
            place: self.clone(),
            message: message.into(),
        }
    }

    /// Returns the error that what is here is right for CircleCI, and not known here.
    pub(crate) fn unsupported(&self, message: impl Into<String>) -> LocalError {
        LocalError::Unsupported {
            place: self.clone(),
            message: message.into(),
        }
    }

    /// Returns the file with the line of the last key on the way that the file has.
    fn position(&self) -> String {
        let mut lines = &self.source.lines;
        let mut line = lines.line;
        for key in &self.path {
            let Some((_, below)) = lines.below.iter().find(|(name, _)| name == key) else {
                break;
            };
            lines = below;
            line = below.line;
        }
        match line {
            0 => self.source.file.clone(),
            line => format!("{}:{line}", self.source.file),
        }
    }
}

/// Returns what an item of a list is called in a path.
pub(crate) fn item_key(at: usize) -> String {
    format!("[{at}]")
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.position())?;
        for (at, key) in self.path.iter().enumerate() {
            let before = match (at, key.starts_with('[')) {
                (0, _) => ": ",
                (_, true) => "",
                (_, false) => ".",
            };
            write!(f, "{before}{}", escaped(key))?;
        }
        Ok(())
    }
}

/// Shows the calls that lead to a place, in parentheses.
struct Callers<'a>(&'a Place);

impl fmt::Display for Callers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.callers.as_slice() {
            [] => Ok(()),
            callers => write!(f, " (called from {})", callers.join(", ")),
        }
    }
}

/// Why a config cannot be planned or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalError {
    /// A config or an orb is not YAML.
    #[error("{place}: cannot be read as YAML")]
    Yaml {
        /// The file, with the line.
        place: Place,
        /// The message of the parser, with line and column.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Something in a config is wrong for CircleCI, too.
    #[error("{place}: {message}{}", Callers(place))]
    Wrong {
        /// Where.
        place: Place,
        /// The mistake, and the correct form.
        message: String,
    },
    /// Something in a config is right for CircleCI, and cannot be done here.
    #[error("{place}: {message}{}", Callers(place))]
    Unsupported {
        /// Where.
        place: Place,
        /// The feature.
        message: String,
    },
    /// An orb that a config uses is not among those that were given.
    #[error(
        "{place}: the orb {reference} is used and was neither given nor fetched{}",
        Callers(place)
    )]
    OrbMissing {
        /// Where it is named.
        place: Place,
        /// The reference to the orb.
        reference: OrbReference,
    },
    /// An orb cannot be fetched.
    #[error("{place}: cannot fetch the orb {reference}")]
    Orb {
        /// Where it is named.
        place: Place,
        /// The reference to the orb.
        reference: OrbReference,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file or a directory of a run cannot be used.
    #[error("{what}: {}", path.display())]
    Files {
        /// The operation.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Another run has the directory.
    #[error("another run of baton local works in {}", .0.display())]
    Busy(PathBuf),
    /// The directory for runs has something else in it.
    #[error("{} has files in it that are not of baton local, which removes what it finds", .0.display())]
    Foreign(PathBuf),
    /// The directory for runs, or an entry of it, is not the user's alone.
    #[error("cannot use {} for runs: {reason}", path.display())]
    Unsafe {
        /// The directory or the entry.
        path: PathBuf,
        /// Why it is refused.
        reason: String,
    },
    /// The person ended it.
    #[error("it was interrupted: {0}")]
    Interrupted(Place),
    /// A step could not be done, though its config is right.
    #[error("{message}: {place}")]
    Step {
        /// Where.
        place: Place,
        /// The operation.
        message: String,
        /// Why it failed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl LocalError {
    /// Returns a closure for `map_err`: what was being done, on which path.
    pub(crate) fn files(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> LocalError {
        let path = path.into();
        move |source| LocalError::Files { what, path, source }
    }
}

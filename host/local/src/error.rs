//! Why a config cannot be planned or run.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Where in a config something is: the file, and the names that lead there, for example `jobs/build` and `step 3 (run)`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    file: String,
    names: Vec<String>,
}

impl Place {
    /// Returns the place of a whole file.
    pub fn file(name: impl Into<String>) -> Place {
        Place {
            file: name.into(),
            names: Vec::new(),
        }
    }

    /// Returns a place within this one.
    #[must_use]
    pub fn within(&self, name: impl Into<String>) -> Place {
        let mut inner = self.clone();
        inner.names.push(name.into());
        inner
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
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        for (at, name) in self.names.iter().enumerate() {
            write!(f, "{}{name}", if at == 0 { ": " } else { ", " })?;
        }
        Ok(())
    }
}

/// Why a config cannot be planned or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalError {
    /// A config or an orb is not YAML.
    #[error("{file} is not as YAML is")]
    Yaml {
        /// The file.
        file: String,
        /// What the parser says, with line and column.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Something in a config is wrong for CircleCI, too.
    #[error("{message}: {place}")]
    Wrong {
        /// Where.
        place: Place,
        /// What, and what would be right.
        message: String,
    },
    /// Something in a config is right for CircleCI, and cannot be done here.
    #[error("{message}: {place}")]
    Unsupported {
        /// Where.
        place: Place,
        /// What.
        message: String,
    },
    /// A file or a directory of a run cannot be used.
    #[error("{what}: {}", path.display())]
    Files {
        /// What was being done.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the operating system says.
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
        /// What was being done.
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

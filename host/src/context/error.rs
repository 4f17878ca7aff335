//! Errors of the detection.

use super::provenance::Provenance;

/// A flag, a variable, git or the event file has a value that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// A value of the wrong form.
    #[error("{origin} is {value:?}, but must be {expected}")]
    Value {
        /// The flag, the variable or the git command.
        origin: Provenance,
        /// The value. Credentials in a URL are left out.
        value: String,
        /// The form that is expected, to be read after "must be".
        expected: &'static str,
    },
    /// A variable or the answer of git is not UTF-8.
    #[error("{origin} is {shown:?}, which is not UTF-8")]
    NotUtf8 {
        /// The variable or the git command.
        origin: Provenance,
        /// The value, with a replacement character for each wrong byte.
        shown: String,
    },
    /// The file that `GITHUB_EVENT_PATH` names is not JSON.
    #[error("the event file that GITHUB_EVENT_PATH names is not JSON")]
    Event(#[source] serde_json::Error),
}

impl ContextError {
    /// Whether a flag has the wrong value: then the command line is wrong, and not the environment.
    #[must_use]
    pub const fn is_of_a_flag(&self) -> bool {
        matches!(
            self,
            Self::Value {
                origin: Provenance::Flag(_),
                ..
            }
        )
    }
}

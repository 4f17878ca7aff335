//! Why the context cannot be found.

use super::found::Source;

/// The runner, a variable or a flag says something that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// A flag or a variable holds a value of the wrong form.
    #[error("{origin} is {value:?}, but must be {expected}")]
    Value {
        /// The flag, the variable or the git command.
        origin: Source,
        /// What it holds. Credentials in a URL are left out.
        value: String,
        /// The form that is expected, to be read after "must be".
        expected: &'static str,
    },
    /// A variable or the answer of git is not UTF-8.
    #[error("{origin} is {shown:?}, which is not UTF-8")]
    NotUtf8 {
        /// The variable or the git command.
        origin: Source,
        /// What it holds, with a replacement character for each wrong byte.
        shown: String,
    },
    /// The file that `GITHUB_EVENT_PATH` names is not JSON.
    #[error("the event file that GITHUB_EVENT_PATH names is not JSON")]
    Event(#[source] serde_json::Error),
}

impl ContextError {
    /// Whether a flag holds the value: then the command line is wrong, and not what surrounds it.
    #[must_use]
    pub const fn is_of_a_flag(&self) -> bool {
        matches!(
            self,
            Self::Value {
                origin: Source::Flag(_),
                ..
            }
        )
    }
}

//! Errors by meaning. The WIT `error` is the same list.

use std::borrow::Cow;

/// The code of [`Error::not_the_object`].
const NOT_THE_OBJECT: &str = "not-the-object";

/// Every fallible function of this crate returns this.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A description of a failure or a warning, for people and for scripts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problem {
    /// A stable kebab-case word, listed in docs/reference/errors.md.
    pub code: Cow<'static, str>,
    /// One sentence without a final period.
    pub message: String,
    /// The path, key or value concerned, as it is: the host escapes what it shows.
    pub subject: String,
    /// Its causes, outermost first.
    pub causes: Vec<String>,
}

/// Stored bytes that are not what their name or their reference says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Damage {
    /// The object that holds them.
    pub key: String,
    /// The fault, as one sentence without a final period.
    pub message: String,
    /// The digest that was expected, or empty.
    pub expected: String,
    /// The digest of what was found, or empty.
    pub found: String,
}

/// A failure. An outcome that a caller must expect is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request cannot be served with these values or files: the user can fix that.
    #[error("{}", .0.message)]
    Invalid(Problem),
    /// The runner did not say something that is needed.
    #[error("{}", .0.message)]
    MissingContext(Problem),
    /// Nothing matched.
    #[error("{}", .0.message)]
    NothingMatched(Problem),
    /// Returns the error that the state has changed that the request was based on.
    #[error("{}", .0.message)]
    Stale(Problem),
    /// Two jobs say different things.
    #[error("{}", .0.message)]
    Conflict(Problem),
    /// Stored bytes are missing, truncated or altered.
    #[error("{} in {}", .0.message, .0.key)]
    Damaged(Damage),
    /// Made by a later version.
    #[error("{}", .0.message)]
    Unsupported(Problem),
    /// A file system operation failed.
    #[error("{}", .0.message)]
    Files(Problem),
    /// The store failed.
    #[error("{}", .0.message)]
    Store(Problem),
    /// Returns the error that a documented limit was reached.
    #[error("{}", .0.message)]
    Limit(Problem),
    /// Returns the error for a defect of baton.
    #[error("{}", .0.message)]
    Internal(Problem),
}

fn problem(code: &'static str, message: impl Into<String>, subject: &str) -> Problem {
    Problem {
        code: code.into(),
        message: message.into(),
        subject: subject.to_owned(),
        causes: Vec::new(),
    }
}

impl Error {
    /// Returns an error that the user can fix. `code` is listed in docs/reference/errors.md, `subject` is the path or value.
    pub fn invalid(code: &'static str, message: impl Into<String>, subject: &str) -> Error {
        Error::Invalid(problem(code, message, subject))
    }

    /// Returns the error for a value that the runner did not give and `variable` would.
    pub fn missing(what: &str, variable: &str) -> Error {
        let message = format!("the runner did not say which {what} this is: {variable} is not set");
        Error::MissingContext(problem("missing-context", message, variable))
    }

    /// Returns the error for the branch of a build of a tag.
    pub fn tag_build(tag: &str) -> Error {
        let message = format!(
            "this is a build of the tag {tag}, and a tag has no branch: name one, as in latest@BRANCH, or take tag:{tag}"
        );
        Error::MissingContext(problem("tag-build", message, &format!("tag:{tag}")))
    }

    /// Returns the error for the workspace of a build without a CI system.
    pub fn no_workspace() -> Error {
        let message = "no CI system runs here, so there is no workspace: BATON_WORKSPACE is not set";
        Error::MissingContext(problem("no-workspace", message, "BATON_WORKSPACE"))
    }

    /// Returns the error that nothing matched `subject`.
    pub fn nothing_matched(code: &'static str, message: impl Into<String>, subject: &str) -> Error {
        Error::NothingMatched(problem(code, message, subject))
    }

    /// Returns the error that the state has changed that the request was based on.
    pub fn stale(code: &'static str, message: impl Into<String>, subject: &str) -> Error {
        Error::Stale(problem(code, message, subject))
    }

    /// Returns the error that two jobs disagree about `subject`.
    pub fn conflict(code: &'static str, message: impl Into<String>, subject: &str) -> Error {
        Error::Conflict(problem(code, message, subject))
    }

    /// Returns the error for a later version of the format.
    pub fn unsupported(message: impl Into<String>, subject: &str) -> Error {
        Error::Unsupported(problem("later-format", message, subject))
    }

    /// Returns the error that a documented limit was reached.
    pub fn limit(code: &'static str, message: impl Into<String>, subject: &str) -> Error {
        Error::Limit(problem(code, message, subject))
    }

    /// Returns the error for a defect of baton.
    pub fn internal(message: impl Into<String>) -> Error {
        Error::Internal(problem("internal", message, ""))
    }

    /// Returns the error for damaged bytes if no digest can be shown.
    pub fn damaged(key: &str, message: impl Into<String>) -> Error {
        Error::damaged_digest(key, message, String::new(), String::new())
    }

    /// Returns the error for stored bytes with another digest than expected.
    pub fn damaged_digest(key: &str, message: impl Into<String>, expected: String, found: String) -> Error {
        Error::Damaged(Damage {
            key: key.to_owned(),
            message: message.into(),
            expected,
            found,
        })
    }

    /// Returns the error for an answer that is not the object `key`: something between the store and baton answers in
    /// its place, or alters what it sends. It says nothing of what lies in the store.
    pub fn not_the_object(key: &str, what: &str) -> Error {
        let message = format!("the store answered with something that is not the object: {what}");
        Error::Store(problem(NOT_THE_OBJECT, message, key))
    }

    /// Returns what is wrong with an object, for those who look at all objects or store one again: also where it is only
    /// known what the store answered.
    pub fn into_damage(self) -> Result<Damage> {
        match self {
            Error::Damaged(damage) => Ok(damage),
            Error::Store(problem) if problem.code == NOT_THE_OBJECT => Ok(Damage {
                key: problem.subject,
                message: problem.message,
                expected: String::new(),
                found: String::new(),
            }),
            other => Err(other),
        }
    }

    /// Adds what led to it.
    #[must_use]
    pub fn because(mut self, cause: impl ToString) -> Error {
        if let Some(problem) = self.problem_mut() {
            problem.causes.push(cause.to_string());
        }
        self
    }

    fn problem_mut(&mut self) -> Option<&mut Problem> {
        match self {
            Error::Invalid(problem)
            | Error::MissingContext(problem)
            | Error::NothingMatched(problem)
            | Error::Stale(problem)
            | Error::Conflict(problem)
            | Error::Unsupported(problem)
            | Error::Files(problem)
            | Error::Store(problem)
            | Error::Limit(problem)
            | Error::Internal(problem) => Some(problem),
            Error::Damaged(_) => None,
        }
    }
}

/// Returns a warning: the same shape as a failure, but the run continues.
pub fn warning(code: &'static str, message: impl Into<String>, subject: &str) -> Problem {
    problem(code, message, subject)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_names_as_they_are() {
        let error = Error::invalid("wrong-name", "\u{1b}[2J", "a\nb").because("\u{202e}");
        let Error::Invalid(problem) = error else {
            unreachable!("an invalid request")
        };
        assert_eq!(
            (problem.message.as_str(), problem.subject.as_str()),
            ("\u{1b}[2J", "a\nb")
        );
        assert_eq!(problem.causes, ["\u{202e}"]);
    }
}

//! The failures that the component reports.

use crate::mirror::mirror;

mirror! {
    /// A failure or a warning, for a person and for a script.
    pub struct Problem = types::Problem {
        /// A stable word in kebab case. docs/reference/errors.md lists all of them; scripts may rely on it.
        code: String,
        /// One sentence without a final period: the operation that failed, and why.
        message: String,
        /// The path, key or value concerned, or empty. It can hold control and invisible characters, as every text of a
        /// problem can: escape them before you show it ([`escaped`](crate::escaped)).
        subject: String,
        /// The causes, outermost first. Can be empty.
        causes: Vec<String>,
    }
}

mirror! {
    /// Stored bytes that do not have the digest that their name or a reference to them has.
    pub struct Damage = types::Damage {
        /// The key of the object that holds the bytes.
        key: String,
        /// The message, one sentence without a final period.
        message: String,
        /// The expected digest, or empty if none is known.
        expected: String,
        /// The digest of the bytes that were read, or empty if nothing could be read.
        found: String,
    }
}

mirror! {
    /// A failure that the component reports, by its meaning.
    pub variant PluginError = types::Error {
        /// The request or the files cannot be served as they are. The user can correct that.
        Invalid(Problem),
        /// The CI system did not give a value that this request needs. `subject` names the variable.
        MissingContext(Problem),
        /// Nothing matched the selector, the name or the paths.
        NothingMatched(Problem),
        /// The request was based on a state that no longer holds: another run was faster.
        Stale(Problem),
        /// Two jobs say different things about one path or one build.
        Conflict(Problem),
        /// Stored bytes are missing, truncated or altered.
        Damaged(Damage),
        /// A later version of the format wrote the store or an object.
        Unsupported(Problem),
        /// A file system operation failed in the granted directory.
        Files(Problem),
        /// The store failed.
        Store(Problem),
        /// A documented limit was reached: memory, entries or time.
        Limit(Problem),
        /// A defect of baton or of the component.
        Internal(Problem),
    }
}

impl Problem {
    /// Returns a problem without a subject and without causes.
    pub fn new(code: &str, message: impl Into<String>) -> Problem {
        Problem {
            code: code.to_owned(),
            message: message.into(),
            subject: String::new(),
            causes: Vec::new(),
        }
    }

    /// Returns this problem with the path, key or value that it concerns.
    pub fn about(mut self, subject: impl Into<String>) -> Problem {
        self.subject = subject.into();
        self
    }
}

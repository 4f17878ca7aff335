//! The checked value of a field.

use std::fmt;

/// The checked value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A name, a commit, a pull request's number or a URL.
    Text(String),
    /// A run, a number or an attempt.
    Number(u64),
    /// One node of a job that runs as several in parallel. Displayed as `INDEX/TOTAL`.
    Node {
        /// From 0, below `total`.
        index: u32,
        /// The number of nodes of the job, at least 1.
        total: u32,
    },
    /// Whether the commit comes from a fork.
    Boolean(bool),
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => formatter.write_str(text),
            Self::Number(number) => number.fmt(formatter),
            Self::Node { index, total } => write!(formatter, "{index}/{total}"),
            Self::Boolean(boolean) => boolean.fmt(formatter),
        }
    }
}

//! A value together with where it was found.

use std::fmt;

use serde::{Serialize, Serializer};

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found<T> {
    /// The value itself.
    pub value: T,
    /// Who said so.
    pub source: Source,
}

impl<T> Found<T> {
    /// Returns the value as found in an environment variable.
    pub(super) const fn in_variable(name: &'static str, value: T) -> Self {
        Self {
            value,
            source: Source::Variable(name),
        }
    }

    /// Returns another value that was made from this one, with the same source.
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Found<U> {
        Found {
            value: change(self.value),
            source: self.source,
        }
    }

    /// Returns what can be made of this value, with the same source.
    pub(super) fn and_then<U>(self, change: impl FnOnce(T) -> Option<U>) -> Option<Found<U>> {
        change(self.value).map(|value| Found {
            value,
            source: self.source,
        })
    }
}

/// Where a value was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// An environment variable. `GITHUB_EVENT_PATH` stands for the file that it names.
    Variable(&'static str),
    /// A git command.
    Git(&'static str),
    /// A flag of the command line.
    Flag(&'static str),
    /// A key of `baton.toml`.
    Config(&'static str),
    /// Nobody said anything, and baton assumed it.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) | Self::Git(name) | Self::Flag(name) => formatter.write_str(name),
            Self::Config(key) => write!(formatter, "{key} in baton.toml"),
            Self::Default => formatter.write_str("default"),
        }
    }
}

/// Serialized as it is displayed.
impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One node of a job that runs as several in parallel. Displayed and given as `INDEX/TOTAL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Node {
    /// From 0, below `total`.
    pub index: u32,
    /// How many nodes the job has, at least 1.
    pub total: u32,
}

impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.index, self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_displayed_as_its_bare_name() {
        assert_eq!(Source::Variable("CIRCLE_BRANCH").to_string(), "CIRCLE_BRANCH");
        assert_eq!(Source::Flag("--branch").to_string(), "--branch");
        assert_eq!(
            Source::Git("git rev-parse HEAD").to_string(),
            "git rev-parse HEAD"
        );
        assert_eq!(Source::Default.to_string(), "default");
    }
}

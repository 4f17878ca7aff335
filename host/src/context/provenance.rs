//! A value together with its provenance.

use std::fmt;

use serde::{Serialize, Serializer};

/// A value and its provenance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value itself.
    pub value: T,
    /// Where the value comes from.
    pub provenance: Provenance,
}

/// A text that may be absent.
pub(super) type Text = Option<Sourced<String>>;

impl<T> Sourced<T> {
    /// Returns the value of an environment variable.
    pub(super) const fn in_variable(name: &'static str, value: T) -> Self {
        Self {
            value,
            provenance: Provenance::Variable(name),
        }
    }

    /// Returns another value that is derived from this one, with the same provenance.
    pub(super) fn map<U>(self, derive: impl FnOnce(T) -> U) -> Sourced<U> {
        Sourced {
            value: derive(self.value),
            provenance: self.provenance,
        }
    }

    /// Returns a value that is derived from this one if there is one, with the same provenance.
    pub(super) fn and_then<U>(self, derive: impl FnOnce(T) -> Option<U>) -> Option<Sourced<U>> {
        derive(self.value).map(|value| Sourced {
            value,
            provenance: self.provenance,
        })
    }
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provenance {
    /// An environment variable. `GITHUB_EVENT_PATH` also stands for the content of the file that it names.
    Variable(&'static str),
    /// A git command.
    Git(&'static str),
    /// A flag of the command line.
    Flag(&'static str),
    /// A key of `baton.toml`.
    Config(&'static str),
    /// No source gives a value, and baton uses the default.
    Default,
}

impl fmt::Display for Provenance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) | Self::Git(name) | Self::Flag(name) => formatter.write_str(name),
            Self::Config(key) => write!(formatter, "{key} in baton.toml"),
            Self::Default => formatter.write_str("default"),
        }
    }
}

/// Serializes the displayed form.
impl Serialize for Provenance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provenance_is_displayed_as_its_bare_name() {
        assert_eq!(Provenance::Variable("CIRCLE_BRANCH").to_string(), "CIRCLE_BRANCH");
        assert_eq!(Provenance::Flag("--branch").to_string(), "--branch");
        assert_eq!(
            Provenance::Git("git rev-parse HEAD").to_string(),
            "git rev-parse HEAD"
        );
        assert_eq!(Provenance::Default.to_string(), "default");
    }
}

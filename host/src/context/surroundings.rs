//! What the context is read from.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;

use super::found::Source;
use super::git::Git;
use super::overrides::Overrides;

/// What the context is read from. Whoever starts baton fills it in.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// The environment variables of the process. The value of one that is not UTF-8 has replacement characters.
    pub variables: BTreeMap<String, String>,
    /// The names of the variables whose values are not UTF-8. One that is used is an error.
    pub not_utf8: BTreeSet<String>,
    /// What `baton.toml` says, used where neither a flag nor a variable of baton does.
    pub config: Overrides,
    /// The text of the file that `GITHUB_EVENT_PATH` names, on GitHub Actions.
    pub event: Option<String>,
    /// What git says of the working directory.
    pub git: Git,
}

impl Surroundings {
    /// Reads the environment variables of a process.
    #[must_use]
    pub fn of(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut surroundings = Self::default();
        for (name, value) in variables {
            // No variable that baton knows has such a name.
            let Ok(name) = name.into_string() else { continue };
            let value = value.into_string().unwrap_or_else(|value| {
                surroundings.not_utf8.insert(name.clone());
                value.to_string_lossy().into_owned()
            });
            surroundings.variables.insert(name, value);
        }
        surroundings
    }

    /// Whether what was found there was UTF-8 as it was found.
    pub(super) fn is_utf8(&self, source: Source) -> bool {
        match source {
            Source::Variable(name) => !self.not_utf8.contains(name),
            Source::Git(command) => !self.git.not_utf8.contains(&command),
            Source::Flag(_) | Source::Config(_) | Source::Default => true,
        }
    }
}

/// Shows how much there is, and no value: variables and events hold secrets.
impl fmt::Debug for Surroundings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Surroundings")
            .field("variables", &self.variables.len())
            .field("event_bytes", &self.event.as_ref().map(String::len))
            .field("git", &self.git)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_value() {
        let surroundings = Surroundings {
            variables: BTreeMap::from([("TOKEN".to_owned(), "hunter2".to_owned())]),
            event: Some("hunter2".to_owned()),
            ..Surroundings::default()
        };
        let shown = format!("{surroundings:?}");
        assert!(shown.contains("variables: 1"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

//! What the context is read from.

use std::collections::BTreeMap;
use std::fmt;

use super::git::Git;

/// What the context is read from. Whoever starts baton fills it in.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// The environment variables of the process. A variable that is not UTF-8 is left out.
    pub variables: BTreeMap<String, String>,
    /// The text of the file that `GITHUB_EVENT_PATH` names, on GitHub Actions.
    pub event: Option<String>,
    /// What git says of the working directory.
    pub git: Git,
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
            git: Git::none(),
        };
        let shown = format!("{surroundings:?}");
        assert!(shown.contains("variables: 1"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

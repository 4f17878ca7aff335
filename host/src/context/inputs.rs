//! The inputs from which the context is detected.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;

use super::field_values::FieldValues;
use super::git::Git;
use super::provenance::Provenance;

/// The inputs from which the context is detected. The caller fills them in.
#[derive(Clone, Default)]
pub struct Inputs {
    /// The environment variables of the process. A value that is not UTF-8 has replacement characters.
    pub variables: BTreeMap<String, String>,
    /// The names of the variables whose values are not UTF-8. Using one of them is an error.
    pub not_utf8: BTreeSet<String>,
    /// The values of `baton.toml`, used where no flag and no `BATON_*` variable gives one.
    pub config: FieldValues,
    /// The text of the file that `GITHUB_EVENT_PATH` names, on GitHub Actions.
    pub event: Option<String>,
    /// The answers of git about the working directory.
    pub git: Git,
}

impl Inputs {
    /// Reads the environment variables of a process.
    #[must_use]
    pub fn from_variables(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut inputs = Self::default();
        for (name, value) in variables {
            // No variable that baton knows has such a name.
            let Ok(name) = name.into_string() else { continue };
            let value = value.into_string().unwrap_or_else(|value| {
                inputs.not_utf8.insert(name.clone());
                value.to_string_lossy().into_owned()
            });
            inputs.variables.insert(name, value);
        }
        inputs
    }

    /// Whether the original value is UTF-8.
    pub(super) fn is_utf8(&self, provenance: Provenance) -> bool {
        match provenance {
            Provenance::Variable(name) => !self.not_utf8.contains(name),
            Provenance::Git(command) => !self.git.not_utf8.contains(&command),
            Provenance::Flag(_) | Provenance::Config(_) | Provenance::Default => true,
        }
    }
}

/// Shows sizes and no values: variables and events hold secrets.
impl fmt::Debug for Inputs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Inputs")
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
        let inputs = Inputs {
            variables: BTreeMap::from([("TOKEN".to_owned(), "hunter2".to_owned())]),
            event: Some("hunter2".to_owned()),
            ..Inputs::default()
        };
        let shown = format!("{inputs:?}");
        assert!(shown.contains("variables: 1"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

//! The environment variables, and the forms in which CI systems write values into them.

use std::collections::BTreeMap;

use super::error::ContextError;
use super::provenance::{Sourced, Text};
use super::{check, pull_request};

/// The environment variables. An empty one counts as unset.
#[derive(Clone, Copy)]
pub(super) struct Variables<'a>(&'a BTreeMap<String, String>);

impl<'a> Variables<'a> {
    pub(super) const fn new(variables: &'a BTreeMap<String, String>) -> Self {
        Self(variables)
    }

    /// Returns the variable's value.
    pub(super) fn value(self, name: &str) -> Option<&'a str> {
        self.0.get(name).and_then(|value| trimmed(value))
    }

    /// Returns the value of a `BATON_*` variable, with any white space around it.
    pub(super) fn own(self, name: &'static str) -> Text {
        let value = non_empty(self.0.get(name)?)?;
        Some(Sourced::in_variable(name, value.to_owned()))
    }

    /// Returns the value of the first variable that names a pull request. A value that says that there is none counts as unset.
    pub(super) fn pull_request(self, names: &[&'static str]) -> Text {
        names.iter().find_map(|name| {
            self.text(name)
                .filter(|found| !pull_request::is_none(&found.value))
        })
    }

    /// Returns the variable's value and its provenance.
    pub(super) fn text(self, name: &'static str) -> Text {
        self.value(name)
            .map(|value| Sourced::in_variable(name, value.to_owned()))
    }

    /// Returns the first of the variables that is set.
    pub(super) fn first(self, names: &[&'static str]) -> Text {
        names.iter().find_map(|name| self.text(name))
    }

    /// Whether a variable such as `CI` is set to anything other than `false` or `0`.
    pub(super) fn is_yes(self, name: &str) -> bool {
        self.value(name)
            .is_some_and(|value| !matches!(value, "false" | "0"))
    }

    /// Returns the parallel node from its two variables, as `INDEX/TOTAL`. A job of one node has none: it is not parallel.
    ///
    /// `first` is the index that the runner gives to the first node.
    pub(super) fn node(
        self,
        index: &'static str,
        total: &'static str,
        first: u32,
    ) -> Result<Text, ContextError> {
        let (Some(index), Some(total)) = (self.text(index), self.text(total)) else {
            return Ok(None);
        };
        let count = check::nodes(&total)?;
        if count <= 1 {
            return Ok(None);
        }
        let position = check::whole(&index)?.checked_sub(u64::from(first));
        match position {
            Some(position) if position < u64::from(count) => {
                Ok(Some(index.map(|_| format!("{position}/{count}"))))
            }
            _ => Err(check::refused(&index, "the index of one of the job's nodes")),
        }
    }
}

/// Returns a server's URL as a part of a name: without the scheme, credentials, and the slash at its end.
pub(super) fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    rest.trim_end_matches('/')
}

/// Returns the value, unless it is empty.
///
/// CircleCI writes `<nil>` into a variable that is set from an empty pipeline value.
pub(super) fn non_empty(value: &str) -> Option<&str> {
    (!value.is_empty() && value.trim() != "<nil>").then_some(value)
}

/// Returns the value without white space around it, unless it is empty. A value of white space alone is returned unchanged: it
/// is not a documented way to leave a value out, and the check of the field refuses it.
pub(super) fn trimmed(value: &str) -> Option<&str> {
    let value = non_empty(value)?;
    let trimmed = value.trim();
    Some(if trimmed.is_empty() { value } else { trimmed })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn empty_and_nil_count_as_unset_and_white_space_does_not() {
        let map = variables(&[
            ("EMPTY", ""),
            ("BLANK", " \n"),
            ("NIL", "<nil>"),
            ("SET", " main\n"),
        ]);
        let variables = Variables::new(&map);
        assert_eq!(variables.text("EMPTY"), None);
        let blank = Some(Sourced::in_variable("BLANK", " \n".to_owned()));
        assert_eq!(variables.text("BLANK"), blank);
        let as_written = Some(Sourced::in_variable("SET", " main\n".to_owned()));
        assert_eq!(variables.own("SET"), as_written);
        assert_eq!(variables.own("EMPTY"), None);
        assert_eq!(variables.text("NIL"), None);
        assert_eq!(
            variables.first(&["EMPTY", "NIL", "SET"]),
            Some(Sourced::in_variable("SET", "main".to_owned()))
        );
    }

    #[test]
    fn a_node_counts_from_zero_wherever_its_runner_starts() {
        let map = variables(&[("I", "3"), ("N", "3"), ("ONE", "1")]);
        let variables = Variables::new(&map);
        let node = variables.node("I", "N", 1).unwrap().unwrap();
        assert_eq!(node, Sourced::in_variable("I", "2/3".to_owned()));
        let one = variables.node("I", "ONE", 0).unwrap();
        assert_eq!(one, None, "one node is not parallel");
        assert_eq!(variables.node("I", "UNSET", 0).unwrap(), None);
    }

    #[test]
    fn a_node_out_of_range_names_the_variable() {
        let map = variables(&[("I", "3"), ("N", "3"), ("Z", "0")]);
        let variables = Variables::new(&map);
        let high = variables.node("I", "N", 0).unwrap_err();
        assert_eq!(
            high.to_string(),
            "I is \"3\", but must be the index of one of the job's nodes"
        );
        let low = variables.node("Z", "N", 1).unwrap_err();
        assert_eq!(
            low.to_string(),
            "Z is \"0\", but must be the index of one of the job's nodes"
        );
    }
}

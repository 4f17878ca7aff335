//! What one runner says of a build, before it is parsed.

use std::collections::BTreeMap;

use super::error::ContextError;
use super::found::{Found, Node, Source};
use super::{parse, pull_request};

/// A value that may be absent, as text.
pub(super) type Text = Option<Found<String>>;

/// What one runner says. Text is parsed only once it is known to be used: a flag mends a broken variable.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) project: Text,
    pub(super) branch: Text,
    pub(super) default_branch: Text,
    pub(super) tag: Text,
    pub(super) commit: Text,
    pub(super) run: Text,
    pub(super) number: Text,
    pub(super) attempt: Text,
    pub(super) counter: Text,
    /// Where each branch is counted by itself.
    pub(super) counter_part: Text,
    pub(super) workflow: Text,
    pub(super) workspace: Text,
    pub(super) job: Text,
    pub(super) node: Option<Result<Found<Node>, ContextError>>,
    pub(super) pull_request: Text,
    pub(super) fork: Option<Found<bool>>,
    pub(super) url: Text,
    pub(super) actor: Text,
}

impl Reading {
    /// Whether git may name the branch where the runner does not. On a tag, a pull request or a fork's commit
    /// a local branch would only be an accident of the checkout, and could pass for a build of that branch.
    pub(super) fn lets_git_name_the_branch(&self) -> bool {
        let from_fork = self.fork.as_ref().is_some_and(|fork| fork.value);
        self.tag.is_none() && self.pull_request.is_none() && !from_fork
    }
}

/// The environment variables. An empty one counts as unset.
#[derive(Clone, Copy)]
pub(super) struct Variables<'a>(&'a BTreeMap<String, String>);

impl<'a> Variables<'a> {
    pub(super) const fn new(variables: &'a BTreeMap<String, String>) -> Self {
        Self(variables)
    }

    /// Returns the variable's value.
    pub(super) fn value(self, name: &str) -> Option<&'a str> {
        self.0.get(name).and_then(|value| meaningful(value))
    }

    /// Returns the value of a variable of baton's own, as somebody wrote it.
    pub(super) fn own(self, name: &'static str) -> Text {
        let value = given(self.0.get(name)?)?;
        Some(Found::in_variable(name, value.to_owned()))
    }

    /// Returns the value of the first variable that names a pull request. What says that there is none counts as unset.
    pub(super) fn pull_request(self, names: &[&'static str]) -> Text {
        names.iter().find_map(|name| {
            self.text(name)
                .filter(|found| !pull_request::says_none(&found.value))
        })
    }

    /// Returns the variable's value and its source.
    pub(super) fn text(self, name: &'static str) -> Text {
        self.value(name)
            .map(|value| Found::in_variable(name, value.to_owned()))
    }

    /// Returns the first of the variables that is set.
    pub(super) fn first(self, names: &[&'static str]) -> Text {
        names.iter().find_map(|name| self.text(name))
    }

    /// Whether a variable such as `CI` says yes.
    pub(super) fn says_yes(self, name: &str) -> bool {
        self.value(name)
            .is_some_and(|value| !matches!(value, "false" | "0"))
    }

    /// Returns the parallel node from its two variables. A job of one node has none: it is not parallel.
    ///
    /// `first` is the index that the runner gives to the first node.
    pub(super) fn node(
        self,
        index: &'static str,
        total: &'static str,
        first: u32,
    ) -> Option<Result<Found<Node>, ContextError>> {
        let (index, total) = (self.text(index)?, self.text(total)?);
        node_of(&index, &total, first).transpose()
    }
}

fn node_of(
    index: &Found<String>,
    total: &Found<String>,
    first: u32,
) -> Result<Option<Found<Node>>, ContextError> {
    let count = parse::nodes(total)?;
    if count <= 1 {
        return Ok(None);
    }
    let position = parse::whole(index)?.value;
    let from_zero = position
        .checked_sub(u64::from(first))
        .and_then(|position| u32::try_from(position).ok());
    match from_zero {
        Some(from_zero) if from_zero < count => Ok(Some(Found {
            value: Node {
                index: from_zero,
                total: count,
            },
            source: index.source,
        })),
        _ => Err(parse::refused(index, "the index of one of the job's nodes")),
    }
}

/// Returns a server's URL as a part of a name: without the scheme, credentials, and the slash at its end.
pub(super) fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    rest.trim_end_matches('/')
}

/// Returns the value as it was given, unless it is empty.
///
/// CircleCI writes `<nil>` into a variable that is set from an empty pipeline value.
pub(super) fn given(value: &str) -> Option<&str> {
    (!value.is_empty() && value.trim() != "<nil>").then_some(value)
}

/// Returns what a runner says, without white space around it. A value of white space alone is returned as it is: it is
/// no way to say nothing, and whoever uses it refuses it.
pub(super) fn meaningful(value: &str) -> Option<&str> {
    let value = given(value)?;
    let trimmed = value.trim();
    Some(if trimmed.is_empty() { value } else { trimmed })
}

/// Returns text that git gave.
pub(super) fn from_git(command: &'static str, value: Option<&str>) -> Text {
    let value = meaningful(value?)?.to_owned();
    Some(Found {
        value,
        source: Source::Git(command),
    })
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
        let blank = Some(Found::in_variable("BLANK", " \n".to_owned()));
        assert_eq!(variables.text("BLANK"), blank);
        let as_written = Some(Found::in_variable("SET", " main\n".to_owned()));
        assert_eq!(variables.own("SET"), as_written);
        assert_eq!(variables.own("EMPTY"), None);
        assert_eq!(variables.text("NIL"), None);
        assert_eq!(
            variables.first(&["EMPTY", "NIL", "SET"]),
            Some(Found::in_variable("SET", "main".to_owned()))
        );
    }

    #[test]
    fn a_node_counts_from_zero_wherever_its_runner_starts() {
        let map = variables(&[("I", "3"), ("N", "3"), ("ONE", "1")]);
        let variables = Variables::new(&map);
        let node = variables.node("I", "N", 1).unwrap().unwrap();
        assert_eq!(node, Found::in_variable("I", Node { index: 2, total: 3 }));
        assert!(
            variables.node("I", "ONE", 0).is_none(),
            "one node is not parallel"
        );
        assert!(variables.node("I", "UNSET", 0).is_none());
    }

    #[test]
    fn a_node_out_of_range_names_the_variable() {
        let map = variables(&[("I", "3"), ("N", "3"), ("Z", "0")]);
        let variables = Variables::new(&map);
        let high = variables.node("I", "N", 0).unwrap().unwrap_err();
        assert_eq!(
            high.to_string(),
            "I is \"3\", but must be the index of one of the job's nodes"
        );
        let low = variables.node("Z", "N", 1).unwrap().unwrap_err();
        assert_eq!(
            low.to_string(),
            "Z is \"0\", but must be the index of one of the job's nodes"
        );
    }
}

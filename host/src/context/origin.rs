//! Where a runner has a field: a variable, a value that is derived from several, or nothing.

use super::error::ContextError;
use super::git::Git;
use super::github_event::GithubEvent;
use super::provenance::{Provenance, Sourced, Text};
use super::variables::Variables;

/// The inputs from which the values of a runner are derived.
#[derive(Clone, Copy)]
pub(super) struct RunnerInputs<'a> {
    pub(super) variables: Variables<'a>,
    pub(super) event: &'a GithubEvent,
    pub(super) git: &'a Git,
}

/// Where one runner has one field. [`Origin::documentation`] is the cell of docs/reference/runners.md.
pub(super) struct Origin {
    source: Source,
    /// A better hint than the field's own for a missing value on this runner.
    hint: Option<&'static str>,
}

enum Source {
    /// The first of these variables that is set.
    Variables(&'static [&'static str]),
    /// The parallel node from the variables of its index, of the first node's index, and of the number of nodes.
    Node {
        index: &'static str,
        total: &'static str,
        first: u32,
    },
    /// A value derived from several variables, from the event or from git, and its documentation.
    Derived(fn(RunnerInputs<'_>) -> Text, &'static str),
    /// The same value for every build.
    Constant(&'static str),
    /// The runner does not give the value, but a person can. The text is the documentation.
    Unset(&'static str),
    /// The runner has no such thing, so that it is not missing either.
    NotApplicable,
}

/// The runner has the field in the first of these variables that is set.
pub(super) const fn variables(names: &'static [&'static str]) -> Origin {
    Origin::new(Source::Variables(names))
}

/// The runner has the node in two variables. `first` is the index of the first node.
pub(super) const fn node(index: &'static str, total: &'static str, first: u32) -> Origin {
    Origin::new(Source::Node { index, total, first })
}

/// The field is derived from what the runner has.
pub(super) const fn derived(derive: fn(RunnerInputs<'_>) -> Text, documentation: &'static str) -> Origin {
    Origin::new(Source::Derived(derive, documentation))
}

/// The field is the same for every build.
pub(super) const fn constant(value: &'static str) -> Origin {
    Origin::new(Source::Constant(value))
}

/// The runner does not give the field. Git or a person may.
pub(super) const fn unset(documentation: &'static str) -> Origin {
    Origin::new(Source::Unset(documentation))
}

/// The runner has no such thing.
pub(super) const fn not_applicable() -> Origin {
    Origin::new(Source::NotApplicable)
}

impl Origin {
    const fn new(source: Source) -> Self {
        Self { source, hint: None }
    }

    /// Returns the same origin with a hint of its own for a missing value.
    pub(super) const fn with_hint(self, hint: &'static str) -> Self {
        Self {
            hint: Some(hint),
            ..self
        }
    }

    /// Returns the hint for a missing value that replaces the field's own.
    pub(super) const fn hint(&self) -> Option<&'static str> {
        self.hint
    }

    /// Whether a build of this runner can have the field at all.
    pub(super) const fn is_applicable(&self) -> bool {
        !matches!(self.source, Source::NotApplicable)
    }

    /// Returns the value, unchecked.
    ///
    /// # Errors
    ///
    /// Fails if the variables of a node contradict each other.
    pub(super) fn read(&self, inputs: RunnerInputs<'_>) -> Result<Text, ContextError> {
        match self.source {
            Source::Variables(names) => Ok(inputs.variables.first(names)),
            Source::Node { index, total, first } => inputs.variables.node(index, total, first),
            Source::Derived(derive, _) => Ok(derive(inputs)),
            Source::Constant(value) => Ok(Some(Sourced {
                value: value.to_owned(),
                provenance: Provenance::Default,
            })),
            Source::Unset(_) | Source::NotApplicable => Ok(None),
        }
    }

    /// Returns the origin in Markdown.
    pub(super) fn documentation(&self) -> String {
        match self.source {
            Source::Variables(names) => {
                let names = names.iter().map(|name| format!("`{name}`"));
                names.collect::<Vec<_>>().join(", else ")
            }
            Source::Node { index, total, first } => {
                let counted = if first == 0 { "" } else { " less one" };
                format!("`{index}`{counted} and `{total}`, if there is more than one node")
            }
            Source::Derived(_, documentation) | Source::Unset(documentation) => documentation.to_owned(),
            Source::Constant(value) => format!("always `{value}`"),
            Source::NotApplicable => "none".to_owned(),
        }
    }
}

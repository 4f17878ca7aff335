//! The detected context: every value with its provenance.

use std::collections::BTreeMap;

use super::field::Field;
use super::provenance::{Provenance, Sourced};
use super::runners::Runner;
use super::value::Value;

/// The build that asks: the fields of the WIT record `build-context`, each with its provenance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The CI system.
    pub runner: Sourced<Runner>,
    pub(super) values: BTreeMap<Field, Sourced<Value>>,
    /// On a runner that counts each branch separately: the branch's part of the counter.
    pub(super) counter_part: Option<String>,
    /// Whether a person named the counter and the run, so that other runners may share the count.
    pub(super) counter_shared: bool,
}

/// One line of the report about a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The name of the field, as in the WIT record.
    pub name: &'static str,
    /// The value, displayed.
    pub value: Option<String>,
    /// Where the value comes from.
    pub provenance: Option<Provenance>,
}

impl Context {
    /// Returns the value of a field, and its provenance.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&Sourced<Value>> {
        self.values.get(&field)
    }

    /// Whether the field has a value.
    #[must_use]
    pub fn has(&self, field: Field) -> bool {
        self.values.contains_key(&field)
    }

    /// Returns the value of a field that is a text.
    #[must_use]
    pub fn text(&self, field: Field) -> Option<&str> {
        match &self.get(field)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the value of a field that is a number.
    #[must_use]
    pub fn number(&self, field: Field) -> Option<u64> {
        match self.get(field)?.value {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// Returns the index and the total of the parallel node.
    #[must_use]
    pub fn node(&self) -> Option<(u32, u32)> {
        match self.get(Field::Node)?.value {
            Value::Node { index, total } => Some((index, total)),
            _ => None,
        }
    }

    /// Whether the commit comes from a fork. A pull request of unknown origin counts as a fork's.
    #[must_use]
    pub fn is_fork(&self) -> bool {
        self.get(Field::Fork)
            .is_some_and(|fork| fork.value == Value::Boolean(true))
    }

    /// Returns the branch's part of the counter, on a runner that counts each branch separately.
    #[must_use]
    pub fn counter_part(&self) -> Option<&str> {
        self.counter_part.as_deref()
    }

    /// Whether a person named the counter and the run, so that other runners may share the count.
    #[must_use]
    pub const fn is_counter_shared(&self) -> bool {
        self.counter_shared
    }

    /// Returns the runner and every field in the order of the WIT record.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let runner = Row {
            name: "runner",
            value: Some(self.runner.value.to_string()),
            provenance: Some(self.runner.provenance),
        };
        let fields = Field::ALL.iter().map(|field| {
            let value = self.get(*field);
            Row {
                name: field.name(),
                value: value.map(|value| value.value.to_string()),
                provenance: value.map(|value| value.provenance),
            }
        });
        [runner].into_iter().chain(fields).collect()
    }
}

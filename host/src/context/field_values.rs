//! Values that a person gives to fields, as text.

use std::collections::BTreeMap;

use super::field::Field;
use super::variables::non_empty;

/// The values that a person gives to fields of the context, as text: with flags, or in `baton.toml`.
///
/// An empty text counts as none, so that an orb can always pass `--branch "<< parameters.branch >>"`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldValues(BTreeMap<Field, String>);

impl FieldValues {
    /// Returns these values with another one, if there is one.
    #[must_use]
    pub fn with(mut self, field: Field, value: Option<String>) -> Self {
        if let Some(value) = value {
            self.0.insert(field, value);
        }
        self
    }

    /// Returns the text of a field, unless it is empty.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&str> {
        non_empty(self.0.get(&field)?)
    }
}

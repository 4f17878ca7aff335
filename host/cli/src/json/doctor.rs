//! `baton doctor` and `baton component`.

#[cfg(test)]
use schemars::JsonSchema;
use serde::Serialize;

/// The result of `baton doctor`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Doctor {
    pub(crate) checks: Vec<Check>,
    /// The fields of the build, in a fixed order. Null if the context is wrong.
    pub(crate) context: Option<Vec<Field>>,
    /// Why git named no branch, if it was asked and did not.
    pub(crate) git: Option<String>,
    /// The fields that this kind of build could have, and does not.
    pub(crate) missing: Option<Vec<Missing>>,
}

/// One check.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Check {
    /// The result, or the problem.
    pub(crate) found: String,
    /// The remedy, or empty.
    pub(crate) hint: String,
    pub(crate) ok: bool,
    pub(crate) what: String,
}

/// A field of the context.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Field {
    pub(crate) field: String,
    /// A flag, a variable, a git command, or `default`.
    pub(crate) source: Option<String>,
    pub(crate) value: Option<String>,
}

/// A field of the context that is missing.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Missing {
    pub(crate) field: String,
    pub(crate) hint: String,
    pub(crate) variable: String,
}

/// The result of `baton component`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Component {
    /// BLAKE3, 64 hex digits.
    pub(crate) digest: String,
    /// The file that it was read from. Null for the built-in one.
    pub(crate) file: Option<String>,
    /// SHA-256, 64 hex digits.
    pub(crate) sha256: String,
    pub(crate) size_bytes: u64,
    /// Its world, as WIT text.
    pub(crate) wit: String,
}

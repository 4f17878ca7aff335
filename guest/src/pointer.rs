//! The pointer: what can be moved, a channel or the latest of a branch.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::name::{self, SHORT_BYTES_MAX, check};
use crate::selector;

/// A channel or a branch that can be moved: names one history of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pointer {
    /// A channel, for example `production`.
    Channel(String),
    /// The latest of a branch, if that is not simply the newest build.
    Branch(String),
}

impl Pointer {
    /// Checks the name of the channel or the branch.
    pub fn check_name(&self) -> Result<()> {
        match self {
            Pointer::Channel(name) => check_channel(name),
            Pointer::Branch(name) => name::check_foreign("a branch", name),
        }
    }

    /// Returns its name for messages: the selector that follows it.
    pub fn selector(&self) -> String {
        match self {
            Pointer::Channel(name) => format!("channel:{name}"),
            Pointer::Branch(name) => format!("latest@{name}"),
        }
    }
}

/// Checks the name of a channel. A selector is not a name: it was probably meant as a selector, or is in the position
/// of the build.
pub fn check_channel(name: &str) -> Result<()> {
    check("a channel", name, SHORT_BYTES_MAX)?;
    if !selector::is_begun(name) {
        return Ok(());
    }
    let message = match name.split_once([':', '@']) {
        Some(("channel", channel)) => format!("a channel is named without its kind: {channel}"),
        Some(("latest", branch)) => {
            format!(
                "{branch} is a branch, not a channel: name it with --branch {branch}, or as latest@{branch}"
            )
        }
        _ => "a channel cannot have the name of a selector; the build comes before the channel".to_owned(),
    };
    Err(Error::invalid("wrong-name", message, name))
}

//! The extent of a search, for the error if no job is found.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::selector::nearest;

/// The maximum number of names that an error suggests.
const SUGGESTED: usize = 5;

/// The extent of a search, for the error if nothing matches.
#[derive(Default)]
pub(super) struct SearchReport {
    /// The extent of the search, for example "the newest 40 pipelines of branch main were searched".
    pub(super) how_far: String,
    /// Names of successful jobs.
    pub(super) names: BTreeSet<String>,
    /// A job that would fit, had it been successful.
    pub(super) unsuccessful: Option<String>,
}

impl SearchReport {
    /// Says what was searched, how far, and what would match.
    pub(super) fn nothing(&self, wanted: &[String], selector: &str) -> Error {
        let job = match wanted {
            [] => "no successful job".to_owned(),
            names => format!("no successful job {}", names.join(" or ")),
        };
        let mut message = format!("{job} was found for {selector}: {}", self.how_far);
        if let Some(unsuccessful) = &self.unsuccessful {
            message.push_str(&format!("; {unsuccessful}"));
        }
        let names = || self.names.iter().map(String::as_str);
        let mut near: Vec<&str> = wanted
            .iter()
            .flat_map(|name| nearest(name, names(), SUGGESTED))
            .collect();
        if near.is_empty() {
            near = names().take(SUGGESTED).collect();
        }
        if !near.is_empty() {
            message.push_str(&format!("; successful jobs are {}", near.join(", ")));
        }
        Error::nothing_matched("no-successful-job", message, selector)
    }
}

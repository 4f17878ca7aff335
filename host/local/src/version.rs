//! The version of a config. In version 2 nothing is expanded: the keys of version 2.1 do not exist, and `<<` is text.

use super::error::{LocalError, Place};
use super::yaml::Yaml;

/// Keys that only version 2.1 has.
const OF_2_1: [&str; 5] = ["orbs", "commands", "executors", "parameters", "job-groups"];

/// Returns a config as version 2.1 has it.
///
/// # Errors
///
/// [`LocalError::Wrong`] for a version that does not exist, and for a config of version 2 that uses what version 2.1 has.
pub(crate) fn checked(body: Yaml, place: &Place) -> Result<Yaml, LocalError> {
    let version = body.get("version").map(Yaml::to_string);
    match version.as_deref() {
        Some("2.1") => return Ok(body),
        Some("2" | "2.0") => {}
        Some(other) => {
            let message = format!("the version {other} does not exist; expected 2.1");
            return Err(place.within("version").wrong(message));
        }
        None => return Err(place.wrong("the version is missing; expected version: 2.1")),
    }
    match OF_2_1.into_iter().find(|key| body.get(key).is_some()) {
        Some(key) => Err(place
            .within(key)
            .wrong(format!("version 2 has no {key}; write version: 2.1"))),
        None => Ok(literal(body)),
    }
}

/// Returns a value whose texts stay as they are when references are filled in.
fn literal(value: Yaml) -> Yaml {
    match value {
        Yaml::Text(text) => Yaml::Text(text.replace("<<", "\\<<")),
        Yaml::List(items) => Yaml::List(items.into_iter().map(literal).collect()),
        Yaml::Map(entries) => {
            let entries = entries.into_iter().map(|(key, value)| (key, literal(value)));
            Yaml::Map(entries.collect())
        }
        other => other,
    }
}

//! The step that continues a pipeline with another config.

use std::path::Path;

use serde_json::Value;

use super::assignment::Assignment;
use crate::api::Continuation;

/// CircleCI takes configs of 3 MB at most.
const CONFIG_BYTES_MAX: u64 = 16 << 20;

/// Continues the pipeline with the config in a file. `parameters` is a JSON object, or what the file of one has. Returns why
/// it failed, if it did.
pub(super) fn run(assignment: &Assignment<'_>, configuration: &Path, parameters: &str) -> Option<String> {
    let config = match baton_host::files::read_text(configuration, CONFIG_BYTES_MAX) {
        Ok(config) => config,
        Err(error) => return Some(format!("cannot read {}: {error}", configuration.display())),
    };
    let parameters: Value = match serde_json::from_str(parameters) {
        Ok(parameters) => parameters,
        Err(error) => return Some(format!("the parameters are no JSON: {error}")),
    };
    let continued = Continuation::new(config, &parameters)
        .and_then(|continuation| assignment.services.api.continue_pipeline(continuation));
    continued.err()
}

/// Returns parameters that are given as such, or as the file that has them.
pub(super) fn parameters(given: &str, file: &Path) -> String {
    match baton_host::files::read_text(file, CONFIG_BYTES_MAX) {
        Ok(text) => text,
        Err(_) if given.is_empty() => "{}".to_owned(),
        Err(_) => given.to_owned(),
    }
}

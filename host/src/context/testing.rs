//! Shared by the tests of the runners: environments as lines of `NAME=value`, and contexts as lines to compare.

use std::collections::BTreeMap;

use super::{Context, ContextError, FieldValues, Git, Inputs, Remote};

/// Returns the variables of the environments, a later one winning. An empty value unsets for all purposes.
pub(super) fn variables(environments: &[&str]) -> BTreeMap<String, String> {
    let lines = environments.iter().flat_map(|environment| environment.lines());
    lines
        .filter_map(|line| line.trim().split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Returns the answers of git in an ordinary repository.
pub(super) fn git() -> Git {
    Git {
        branch: Some("git-branch".to_owned()),
        commit: Some("1111111111111111111111111111111111111111".to_owned()),
        default_branch: Some("git-main".to_owned()),
        remote: Remote::parse("https://jane:t0ken@git.example.com/acme/shop.git"),
        top_level: Some("checkout".to_owned()),
        user: Some("Jane Doe".to_owned()),
        ..Git::none()
    }
}

/// Detects the context in an environment in which git knows nothing.
pub(super) fn detect(environments: &[&str]) -> Result<Context, ContextError> {
    detect_with(environments, None, Git::none())
}

/// Detects the context in an environment with an event file and git.
pub(super) fn detect_with(
    environments: &[&str],
    event: Option<&str>,
    git: Git,
) -> Result<Context, ContextError> {
    let inputs = Inputs {
        variables: variables(environments),
        event: event.map(str::to_owned),
        git,
        ..Inputs::default()
    };
    Context::detect(&inputs, &FieldValues::default())
}

/// Returns every field that has a value as `name: value (provenance)`, a line each.
pub(super) fn shown(context: &Context) -> Vec<String> {
    let rows = context.rows().into_iter();
    rows.filter_map(|row| Some(format!("{}: {} ({})", row.name, row.value?, row.provenance?)))
        .collect()
}

/// Returns the one field as `value (provenance)`.
pub(super) fn field(context: &Context, name: &str) -> Option<String> {
    let prefix = format!("{name}: ");
    shown(context)
        .iter()
        .find_map(|line| line.strip_prefix(&prefix).map(str::to_owned))
}

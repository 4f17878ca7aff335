//! Filters: for which branches and tags a workflow runs a job.

use super::error::{LocalError, Place};
use super::expression;
use super::logic;
use super::pattern;
use super::pipeline::Pipeline;
use super::template::Scope;
use super::yaml::Yaml;

/// Returns whether an expression says that the job runs, or the branch or the tag of the pipeline is one for it.
///
/// # Errors
///
/// [`LocalError`] for what is neither an expression nor a map of branches and tags.
pub(crate) fn pass(
    filters: &Yaml,
    pipeline: &Pipeline,
    scope: &Scope<'_>,
    place: &Place,
) -> Result<bool, LocalError> {
    match filters {
        Yaml::Text(text) => {
            let value = expression::evaluate(text, scope, place)?;
            return Ok(logic::truthy(&value));
        }
        Yaml::Bool(passes) => return Ok(*passes),
        _ => {}
    }
    let filters = &scope.fill(filters, place)?;
    filters.entries(place)?;
    let (kind, name) = match (&pipeline.tag, &pipeline.branch) {
        (Some(tag), _) => ("tags", tag),
        (None, Some(branch)) => ("branches", branch),
        (None, None) => return Ok(filters.get("branches").is_none()),
    };
    let place = place.within(kind);
    // Without a filter a job runs for every branch and for no tag.
    let Some(filter) = filters.get(kind) else {
        return Ok(kind == "branches");
    };
    let named = |key: &str| -> Result<Option<bool>, LocalError> {
        let place = place.within(key);
        match filter.get(key) {
            Some(names) => Ok(Some(pattern::names(&names.texts(&place)?, name, &place)?)),
            None => Ok(None),
        }
    };
    // Where both are given, CircleCI uses `only`.
    Ok(match (named("only")?, named("ignore")?) {
        (Some(only), _) => only,
        (None, Some(ignored)) => !ignored,
        (None, None) => kind == "branches",
    })
}

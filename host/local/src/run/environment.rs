//! The variables that a job sees: those that CircleCI sets, those of the project, those of the job. Nothing else: what the
//! person who started the run has in the environment stays there.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::assignment::Assignment;
use super::directories::NodeDirectories;
use crate::command;

/// Returns the variables of a node, before those of a step.
pub(super) fn variables(
    assignment: &Assignment<'_>,
    directories: &NodeDirectories,
) -> BTreeMap<String, OsString> {
    let options = assignment.options;
    let mut variables = BTreeMap::new();
    let mut path = directories.programs.clone().into_os_string();
    path.push(":");
    path.push(&options.path);
    variables.insert("PATH".to_owned(), path);
    variables.insert("HOME".to_owned(), directories.home.clone().into_os_string());
    variables.insert(
        "TMPDIR".to_owned(),
        directories.temporary.clone().into_os_string(),
    );
    variables.insert(
        "BASH_ENV".to_owned(),
        directories.bash_env.clone().into_os_string(),
    );
    let node = directories.directory.clone().into_os_string();
    variables.insert(command::NODE_VARIABLE.to_owned(), node);
    // Later ones go before earlier ones: the order of CircleCI's "environment variable precedence".
    let in_order = [
        assignment.build.container_environment.clone(),
        of_api(assignment),
        assignment.variables.clone().into_iter().collect(),
        options.variables.clone(),
        of_contexts(assignment).cloned().collect(),
        of_circleci(assignment),
        assignment.build.environment.clone(),
    ];
    for (name, value) in in_order.into_iter().flatten() {
        variables.insert(name, value.into());
    }
    variables
}

/// Returns the values that are masked in the output of steps: as on CircleCI those of the project and of contexts.
pub(super) fn secrets<'a>(assignment: &'a Assignment<'_>) -> impl Iterator<Item = &'a str> {
    let given = assignment.options.variables.iter().chain(of_contexts(assignment));
    let stored = assignment.variables.values().map(String::as_str);
    let token = std::iter::once(assignment.services.token.as_str());
    given.map(|(_, value)| value.as_str()).chain(stored).chain(token)
}

/// Returns the variables of the contexts that the job has.
fn of_contexts<'a>(assignment: &'a Assignment<'_>) -> impl Iterator<Item = &'a (String, String)> {
    let contexts = &assignment.options.contexts;
    let names = assignment.job.contexts.iter();
    names.filter_map(|name| contexts.get(name)).flatten()
}

/// Returns the address of the API and its token. On CircleCI they would be variables of the project.
fn of_api(assignment: &Assignment<'_>) -> Vec<(String, String)> {
    let services = assignment.services;
    let mut variables = vec![
        ("CIRCLE_TOKEN".to_owned(), services.token.clone()),
        ("BATON_CIRCLECI_API".to_owned(), services.api_url()),
    ];
    let key = services.api.continuation_key();
    variables.extend(key.map(|key| ("CIRCLE_CONTINUATION_KEY".to_owned(), key)));
    variables
}

fn of_circleci(assignment: &Assignment<'_>) -> Vec<(String, String)> {
    let (pipeline, workflow, node) = (assignment.pipeline, assignment.workflow, &assignment.name);
    let (owner, repository) = pipeline.owner_and_name();
    let number = assignment.record.number.to_string();
    let build_url = format!("{}/{number}", assignment.services.api_url());
    let mut variables = vec![
        ("CI", "true".to_owned()),
        ("CIRCLECI", "true".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("CIRCLE_BUILD_URL", build_url),
        ("CIRCLE_BUILD_NUM", number),
        ("CIRCLE_JOB", node.job.clone()),
        ("CIRCLE_NODE_INDEX", node.index.to_string()),
        ("CIRCLE_NODE_TOTAL", node.total.to_string()),
        // Of a repository that is neither on GitHub nor on Bitbucket the project is named by these two.
        ("CIRCLE_ORGANIZATION_ID", owner.to_owned()),
        ("CIRCLE_PROJECT_ID", repository.to_owned()),
        ("CIRCLE_PIPELINE_ID", pipeline.id.clone()),
        ("CIRCLE_PROJECT_USERNAME", owner.to_owned()),
        ("CIRCLE_PROJECT_REPONAME", repository.to_owned()),
        ("CIRCLE_REPOSITORY_URL", pipeline.git_url.clone()),
        ("CIRCLE_SHA1", pipeline.revision.clone()),
        ("CIRCLE_WORKFLOW_ID", workflow.id.clone()),
        ("CIRCLE_WORKFLOW_JOB_ID", assignment.record.id.clone()),
        ("CIRCLE_WORKFLOW_WORKSPACE_ID", workflow.workspace.clone()),
        (
            "CIRCLE_WORKING_DIRECTORY",
            assignment.build.working_directory.clone(),
        ),
    ];
    let optional = [
        ("CIRCLE_BRANCH", &pipeline.branch),
        ("CIRCLE_TAG", &pipeline.tag),
        ("CIRCLE_USERNAME", &assignment.options.actor),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            variables.push((name, value.clone()));
        }
    }
    variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

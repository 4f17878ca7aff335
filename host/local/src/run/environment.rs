//! The variables that a job sees: those that CircleCI sets, those of the project, those of the job. Nothing else: what the
//! person who started the run has in the environment stays there.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::job::NodeRun;
use super::place::NodePlace;

/// Returns the variables of a node, before those of a step.
pub(super) fn variables(
    run: &NodeRun<'_>,
    place: &NodePlace,
    working_directory: &str,
) -> BTreeMap<String, OsString> {
    let workflow = run.workflow;
    let options = workflow.options;
    let mut variables = BTreeMap::new();
    let mut path = place.programs.clone().into_os_string();
    path.push(":");
    path.push(&options.path);
    variables.insert("PATH".to_owned(), path);
    variables.insert("HOME".to_owned(), place.home.clone().into_os_string());
    variables.insert("TMPDIR".to_owned(), place.temporary.clone().into_os_string());
    variables.insert("BASH_ENV".to_owned(), place.bash_env.clone().into_os_string());
    // Later ones go before earlier ones: the order of CircleCI's "environment variable precedence".
    let in_order = [
        run.build.container_environment.clone(),
        of_api(run),
        run.variables.clone().into_iter().collect(),
        options.variables.clone(),
        of_circleci(run, working_directory),
        run.build.environment.clone(),
    ];
    for (name, value) in in_order.into_iter().flatten() {
        variables.insert(name, value.into());
    }
    variables
}

/// Returns where the API is, and what it takes: on CircleCI the project would have them.
fn of_api(run: &NodeRun<'_>) -> Vec<(String, String)> {
    let session = run.workflow.session;
    vec![
        ("CIRCLE_TOKEN".to_owned(), session.token.clone()),
        ("BATON_CIRCLECI_API".to_owned(), session.api_url()),
    ]
}

fn of_circleci(run: &NodeRun<'_>, working_directory: &str) -> Vec<(String, String)> {
    let workflow = run.workflow;
    let pipeline = workflow.pipeline;
    let (owner, repository) = pipeline.owner_and_name();
    let number = run.api_job.number.to_string();
    let mut variables = vec![
        ("CI", "true".to_owned()),
        ("CIRCLECI", "true".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        (
            "CIRCLE_BUILD_URL",
            format!("{}/{number}", workflow.session.api_url()),
        ),
        ("CIRCLE_BUILD_NUM", number),
        ("CIRCLE_JOB", run.job.name.clone()),
        ("CIRCLE_NODE_INDEX", run.node.to_string()),
        ("CIRCLE_NODE_TOTAL", run.build.parallelism.to_string()),
        // Of a repository that is neither on GitHub nor on Bitbucket the project is named by these two.
        ("CIRCLE_ORGANIZATION_ID", owner.to_owned()),
        ("CIRCLE_PROJECT_ID", repository.to_owned()),
        ("CIRCLE_PIPELINE_ID", pipeline.id.clone()),
        ("CIRCLE_PROJECT_USERNAME", owner.to_owned()),
        ("CIRCLE_PROJECT_REPONAME", repository.to_owned()),
        ("CIRCLE_REPOSITORY_URL", pipeline.git_url.clone()),
        ("CIRCLE_SHA1", pipeline.revision.clone()),
        ("CIRCLE_WORKFLOW_ID", workflow.workflow.id.clone()),
        ("CIRCLE_WORKFLOW_JOB_ID", run.api_job.id.clone()),
        (
            "CIRCLE_WORKFLOW_WORKSPACE_ID",
            workflow.workflow.workspace.clone(),
        ),
        ("CIRCLE_WORKING_DIRECTORY", working_directory.to_owned()),
    ];
    let optional = [
        ("CIRCLE_BRANCH", &pipeline.branch),
        ("CIRCLE_TAG", &pipeline.tag),
        ("CIRCLE_USERNAME", &workflow.options.actor),
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

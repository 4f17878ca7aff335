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
    for (name, value) in of_circleci(run, working_directory) {
        variables.insert(name.to_owned(), value.into());
    }
    let of_project = run.variables.iter();
    let given = options.variables.iter().map(|(name, value)| (name, value));
    let of_job = run.build.environment.iter().map(|(name, value)| (name, value));
    for (name, value) in of_project.chain(given).chain(of_job) {
        variables.insert(name.clone(), value.into());
    }
    variables
}

fn of_circleci(run: &NodeRun<'_>, working_directory: &str) -> Vec<(&'static str, String)> {
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
        ("CIRCLE_TOKEN", workflow.session.token.clone()),
        ("BATON_CIRCLECI_API", workflow.session.api_url()),
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
}

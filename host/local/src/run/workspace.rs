//! The steps `persist_to_workspace` and `attach_workspace`, by baton itself on a store in the directory of the runs.

use std::sync::Arc;

use super::job::Node;
use super::{Occurrence, Watch};
use crate::error::{LocalError, Place};
use baton_host::{Baton, BuildContext, DirectoryStore, Error, OnConflict, PluginError, request};

/// Adds a layer. Returns why it failed; nothing where it did not.
pub(super) fn persist(
    node: &Node<'_>,
    step: usize,
    root: &str,
    paths: &[String],
    place: &Place,
    watch: Watch<'_>,
) -> Result<Option<String>, LocalError> {
    let baton = opened(node, place)?;
    let root = node.place.resolve(&node.working_directory, root);
    if !root.is_dir() {
        return Ok(Some(format!("the root {} is not there", root.display())));
    }
    let mut request = request::persist(paths, context(node));
    // A job may persist several times: each is a layer of its own, and the later one wins.
    request.name = format!("step {:04}", step + 1);
    // CircleCI finds conflicts when the workspace is attached.
    request.on_conflict = OnConflict::Newest;
    match baton.persist(&root, request, &mut ()) {
        Ok(Some(persisted)) => {
            let said = format!("persisted {} files, {} bytes", persisted.files, persisted.bytes);
            watch(Occurrence::Note(&said));
            Ok(None)
        }
        Ok(None) => Ok(None),
        Err(error) => failed("the workspace cannot be persisted", error, place),
    }
}

/// Brings the layers of the jobs that this one requires. Returns why it failed; nothing where it did not.
pub(super) fn attach(
    node: &Node<'_>,
    at: &str,
    place: &Place,
    watch: Watch<'_>,
) -> Result<Option<String>, LocalError> {
    let upstream = node.run.upstream;
    let nothing = "no job that this one requires has persisted anything";
    if upstream.names.is_empty() {
        watch(Occurrence::Note(nothing));
        return Ok(None);
    }
    let baton = opened(node, place)?;
    let at = node.place.resolve(&node.working_directory, at);
    let request = |jobs: &[String], on_conflict| {
        let mut request = request::attach("workspace", context(node));
        request.scope.jobs = jobs.to_vec();
        request.on_conflict = on_conflict;
        request
    };
    let mut attached = baton.attach(&at, request(&upstream.names, OnConflict::Fail), &mut ());
    // Of jobs that run one after the other the later one wins. Of those side by side none does, on CircleCI as here.
    if let Err(Error::Plugin(PluginError::Conflict(_))) = attached {
        let conflict = upstream.side_by_side.iter().find_map(|jobs| {
            let mut request = request(jobs, OnConflict::Fail);
            request.dry_run = true;
            let tried = baton.attach(&at, request, &mut ());
            matches!(tried, Err(Error::Plugin(PluginError::Conflict(_)))).then_some(tried)
        });
        attached = match conflict {
            Some(conflict) => conflict,
            None => baton.attach(&at, request(&upstream.names, OnConflict::Newest), &mut ()),
        };
    }
    match attached {
        Ok(Some(attached)) => {
            let said = format!("attached {} files, {} bytes", attached.files, attached.bytes);
            watch(Occurrence::Note(&said));
            Ok(None)
        }
        Ok(None) => Ok(None),
        Err(Error::Plugin(PluginError::NothingMatched(_))) => {
            watch(Occurrence::Note(nothing));
            Ok(None)
        }
        Err(error) => failed("the workspace cannot be attached", error, place),
    }
}

fn opened(node: &Node<'_>, place: &Place) -> Result<Baton, LocalError> {
    let workflow = node.run.workflow;
    let directory = workflow.session.directory.join("workspaces");
    let wrong = |source: Error| LocalError::Step {
        place: place.clone(),
        message: "the store of the workspaces cannot be used".to_owned(),
        source: Box::new(source),
    };
    let store = DirectoryStore::create(&directory).map_err(|error| wrong(error.into()))?;
    Baton::new(Arc::new(store), workflow.options.options.clone()).map_err(wrong)
}

/// Returns which build this is: that of the job, whatever the variables of the step say.
fn context(node: &Node<'_>) -> BuildContext {
    let run = node.run;
    let workflow = run.workflow;
    BuildContext {
        project: Some(run.api_job.project.clone()),
        branch: workflow.pipeline.branch.clone(),
        tag: workflow.pipeline.tag.clone(),
        run: Some(workflow.pipeline.number),
        number: Some(run.api_job.number),
        attempt: Some(run.api_job.number),
        workflow: Some(workflow.workflow.id.clone()),
        workspace: Some(workflow.workflow.workspace.clone()),
        job: Some(run.job.name.clone()),
        node: (run.build.parallelism > 1).then_some(baton_host::Node {
            index: run.node,
            total: run.build.parallelism,
        }),
        ..request::context("circleci")
    }
}

/// What the person can mend ends the step, and what is wrong with baton ends the run.
fn failed(message: &str, error: Error, place: &Place) -> Result<Option<String>, LocalError> {
    match error {
        Error::Interrupted => Err(LocalError::Interrupted(place.clone())),
        Error::Plugin(PluginError::Internal(_)) | Error::Trap { .. } => Err(LocalError::Step {
            place: place.clone(),
            message: message.to_owned(),
            source: Box::new(error),
        }),
        error => {
            let which = match &error {
                Error::Plugin(
                    PluginError::Conflict(problem)
                    | PluginError::NothingMatched(problem)
                    | PluginError::Invalid(problem)
                    | PluginError::Files(problem),
                ) => format!(": {}", problem.subject),
                _ => String::new(),
            };
            Ok(Some(format!("{message}: {error}{which}")))
        }
    }
}

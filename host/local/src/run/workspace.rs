//! The steps `persist_to_workspace` and `attach_workspace`, done by baton on a store in the state directory.

use std::path::Path;
use std::sync::Arc;

use super::assignment::Assignment;
use crate::error::{LocalError, Place};
use baton_host::{Baton, BuildContext, DirectoryStore, Error, OnConflict, PluginError, request};

/// Adds a layer. Returns why it failed, if it did.
pub(super) fn persist(
    assignment: &Assignment<'_>,
    step: usize,
    root: &Path,
    paths: &[String],
    place: &Place,
) -> Result<Option<String>, LocalError> {
    let baton = open(assignment, place)?;
    if !root.is_dir() {
        return Ok(Some(format!("the root {} does not exist", root.display())));
    }
    let mut request = request::persist(paths, context(assignment));
    // A job may persist several times: each is a layer of its own, and the later one wins.
    request.name = format!("step {:04}", step + 1);
    // CircleCI finds conflicts when the workspace is attached.
    request.on_conflict = OnConflict::Newest;
    match baton.persist(root, request, &mut ()) {
        Ok(Some(persisted)) => {
            let said = format!("persisted {} files, {} bytes", persisted.files, persisted.bytes);
            assignment.note(&said);
            Ok(None)
        }
        Ok(None) => Ok(None),
        Err(error) => failed("the workspace cannot be persisted", error, place),
    }
}

/// Attaches the layers of the jobs that this one requires. Returns why it failed, if it did.
pub(super) fn attach(
    assignment: &Assignment<'_>,
    at: &Path,
    place: &Place,
) -> Result<Option<String>, LocalError> {
    let upstream = assignment.upstream;
    let nothing = "no job that this one requires has persisted anything";
    if upstream.names.is_empty() {
        assignment.note(nothing);
        return Ok(None);
    }
    let baton = open(assignment, place)?;
    let request = |jobs: &[String], on_conflict| {
        let mut request = request::attach("workspace", context(assignment));
        request.scope.jobs = jobs.to_vec();
        request.on_conflict = on_conflict;
        request
    };
    let mut attached = baton.attach(at, request(&upstream.names, OnConflict::Fail), &mut ());
    // Of consecutive jobs the later one wins. Concurrent jobs must not persist one path, on CircleCI as here.
    if let Err(Error::Plugin(PluginError::Conflict(_))) = attached {
        let conflict = upstream.concurrent.iter().find_map(|jobs| {
            let mut request = request(jobs, OnConflict::Fail);
            request.dry_run = true;
            let tried = baton.attach(at, request, &mut ());
            matches!(tried, Err(Error::Plugin(PluginError::Conflict(_)))).then_some(tried)
        });
        attached = match conflict {
            Some(conflict) => conflict,
            None => baton.attach(at, request(&upstream.names, OnConflict::Newest), &mut ()),
        };
    }
    match attached {
        Ok(Some(attached)) => {
            let said = format!("attached {} files, {} bytes", attached.files, attached.bytes);
            assignment.note(&said);
            Ok(None)
        }
        Ok(None) => Ok(None),
        Err(Error::Plugin(PluginError::NothingMatched(_))) => {
            assignment.note(nothing);
            Ok(None)
        }
        Err(error) => failed("the workspace cannot be attached", error, place),
    }
}

fn open(assignment: &Assignment<'_>, place: &Place) -> Result<Baton, LocalError> {
    let directory = assignment.services.directory().join("workspaces");
    let wrong = |source: Error| LocalError::Step {
        place: place.clone(),
        message: "the store of the workspaces cannot be used".to_owned(),
        source: Box::new(source),
    };
    let store = DirectoryStore::create(&directory).map_err(|error| wrong(error.into()))?;
    Baton::new(Arc::new(store), assignment.options.transfer.clone()).map_err(wrong)
}

/// Returns the context of this job's builds. Variables of a step do not change it.
fn context(assignment: &Assignment<'_>) -> BuildContext {
    let (record, workflow, pipeline) = (assignment.record, assignment.workflow, assignment.pipeline);
    let node = &assignment.name;
    BuildContext {
        project: Some(record.project.clone()),
        branch: pipeline.branch.clone(),
        tag: pipeline.tag.clone(),
        run: Some(pipeline.number),
        number: Some(record.number),
        attempt: Some(record.number),
        workflow: Some(workflow.id.clone()),
        workspace: Some(workflow.workspace.clone()),
        job: Some(node.job.clone()),
        node: (node.total > 1).then_some(baton_host::Node {
            index: node.index,
            total: node.total,
        }),
        ..request::context("circleci")
    }
}

/// Turns an error into the failure of the step, or of the run if it is a defect of baton.
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

//! The steps `persist_to_workspace` and `attach_workspace`, done by baton on a store in the state directory.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::assignment::Assignment;
use super::inside::Inside;
use crate::error::{LocalError, Place};
use baton_host::attach::AttachRequest;
use baton_host::builds::{BuildContext, Kind, OnConflict, Scope};
use baton_host::persist::PersistRequest;
use baton_host::{Baton, DirectoryStore, Error, PluginError, builds};

/// Adds a layer. Returns why it failed, if it did.
pub(super) fn persist(
    assignment: &Assignment<'_>,
    step: usize,
    inside: &Inside,
    root: &Path,
    paths: &[String],
    place: &Place,
) -> Result<Option<String>, LocalError> {
    let baton = open(assignment, place)?;
    if !root.is_dir() {
        return Ok(Some(format!("the root {} does not exist", root.display())));
    }
    let root = match inside.open(root) {
        Ok(opened) => opened.path,
        Err(error) => return Ok(Some(format!("cannot open the root: {error}"))),
    };
    let request = PersistRequest::new(paths, context(assignment))
        // A job may persist several times: each is a layer of its own, and the later one wins.
        .name(format!("step {:04}", step + 1))
        // CircleCI finds conflicts when the workspace is attached.
        .on_conflict(OnConflict::Newest);
    match baton.persist(&root, &request, &mut ()) {
        Ok(persisted) => {
            let said = format!("persisted {} files, {} bytes", persisted.files, persisted.bytes);
            assignment.note(&said);
            Ok(None)
        }
        Err(error) => failed("the workspace cannot be persisted", error, place),
    }
}

/// Attaches the layers of the jobs that this one requires. Returns why it failed, if it did.
pub(super) fn attach(
    assignment: &Assignment<'_>,
    inside: &Inside,
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
    let at = match inside.create(at) {
        Ok(at) => &at.clone(),
        Err(error) => return Ok(Some(format!("cannot create the directory: {error}"))),
    };
    let request = |jobs: &[String], on_conflict| {
        let mut scope = Scope::new("workspace", context(assignment));
        scope.jobs = jobs.to_vec();
        AttachRequest::new(scope).on_conflict(on_conflict)
    };
    let mut attached = baton.attach(at, &request(&upstream.names, OnConflict::Fail), &mut ());
    // Of consecutive jobs the later one wins. Concurrent jobs must not persist one path, on CircleCI as here.
    if let Err(Error::Plugin(PluginError::Conflict(_))) = attached {
        let conflict = upstream.concurrent.iter().find_map(|jobs| {
            match baton.plan_attach(at, &request(jobs, OnConflict::Fail)) {
                Err(error @ Error::Plugin(PluginError::Conflict(_))) => Some(Err(error)),
                _ => None,
            }
        });
        attached = match conflict {
            Some(conflict) => conflict,
            None => baton.attach(at, &request(&upstream.names, OnConflict::Newest), &mut ()),
        };
    }
    match attached {
        Ok(attached) => {
            let said = format!("attached {} files, {} bytes", attached.files, attached.bytes);
            assignment.note(&said);
            match overlap(&baton, assignment) {
                Ok(Some(warning)) => assignment.note(&warning),
                Ok(None) => {}
                Err(error) => return failed("cannot compare what jobs persisted", error, place),
            }
            Ok(None)
        }
        Err(Error::Plugin(PluginError::NothingMatched(_))) => {
            assignment.note(nothing);
            Ok(None)
        }
        Err(error) => failed("the workspace cannot be attached", error, place),
    }
}

/// Returns a warning if two concurrent jobs persisted one path. baton accepts equal files, CircleCI does not.
fn overlap(baton: &Baton, assignment: &Assignment<'_>) -> Result<Option<String>, Error> {
    let files = |job: &String| -> Result<BTreeSet<String>, Error> {
        let mut scope = Scope::new("workspace", context(assignment));
        scope.jobs = vec![job.clone()];
        let details = match baton.show(&scope) {
            Err(Error::Plugin(PluginError::NothingMatched(_))) => return Ok(BTreeSet::new()),
            details => details?,
        };
        let mut files = BTreeSet::new();
        for entry in details.entries {
            let entry = entry?;
            if entry.kind != Kind::Directory {
                files.insert(entry.path);
            }
        }
        Ok(files)
    };
    for jobs in &assignment.upstream.concurrent {
        let [first, second] = jobs.as_slice() else {
            continue;
        };
        let others = files(second)?;
        if let Some(path) = files(first)?.intersection(&others).next() {
            return Ok(Some(format!(
                "warning: the concurrent jobs {first} and {second} both persisted {path}: CircleCI fails here, even though \
                 their files are equal"
            )));
        }
    }
    Ok(None)
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
    let mut context = BuildContext::new("circleci");
    context.project = Some(record.project.clone());
    context.branch = pipeline.branch.clone();
    context.tag = pipeline.tag.clone();
    context.run = Some(pipeline.number);
    context.number = Some(record.number);
    context.attempt = Some(record.number);
    context.workflow = Some(workflow.id.clone());
    context.workspace = Some(workflow.workspace.clone());
    context.job = Some(node.job.clone());
    context.node = (node.total > 1).then(|| builds::Node::new(node.index, node.total));
    context
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

//! The layers of a workspace, and where a workflow's workspace is.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{all_keys, read};
use crate::error::{Error, Result};
use crate::keys::{self, Project};
use crate::ports::{PutMode, PutOutcome, Store, get_intact};
use crate::record::{LAYER_MS_MAX, Record, open, seal};

/// The most layers of one workspace.
const LAYERS_MAX: usize = 10_000;

/// Returns the layers of a workspace, oldest first: of each artifact, job and node the newest.
pub fn layers(store: &impl Store, keys: &Project, workspace: &str) -> Result<Vec<Record>> {
    let prefix = keys.workspace(workspace);
    let mut newest: Vec<String> = Vec::new();
    for key in all_keys(store, &prefix, LAYERS_MAX)? {
        let dir = |key: &str| key.rsplit_once('/').map(|(dir, _)| dir.to_owned());
        // Keys of one directory follow each other, newest first.
        if newest.last().is_none_or(|last| dir(last) != dir(&key)) {
            newest.push(key);
        }
    }
    let mut records = newest
        .iter()
        .map(|key| read(store, key))
        .collect::<Result<Vec<_>>>()?;
    records.sort_by_key(|record| (record.order, record.created_ms, record.node));
    // A rerun with another number of nodes replaces them all.
    let totals: HashMap<_, _> = records
        .iter()
        .map(|r| ((r.artifact.clone(), r.job.clone()), r.node.total))
        .collect();
    records.retain(|r| totals.get(&(r.artifact.clone(), r.job.clone())) == Some(&r.node.total));
    Ok(records)
}

/// Returns the keys of all layers of the build of `record`.
pub(crate) fn layer_keys(store: &impl Store, record: &Record) -> Result<Vec<String>> {
    let Some(own) = record.layer_key() else {
        return Ok(Vec::new());
    };
    let (prefix, _) = own.rsplit_once('-').unwrap_or_default();
    all_keys(store, &format!("{prefix}-"), LAYERS_MAX)
}

/// Returns a layer of the build of `record`, or, where none can be read, the time in a damaged one's key, if it has one: a
/// record with that time has the same key.
pub(crate) fn layer_of(store: &impl Store, record: &Record) -> Result<Option<Result<Record, Option<u64>>>> {
    let mut damaged = None;
    for key in layer_keys(store, record)? {
        match read(store, &key) {
            Ok(layer) => return Ok(Some(Ok(layer))),
            Err(error) => {
                error.into_damage()?;
                let time = key.rsplit('-').next();
                let time = time.and_then(|time| u64::from_str_radix(time, 16).ok());
                damaged.get_or_insert(Err(time.map(|time| !time & LAYER_MS_MAX)));
            }
        }
    }
    Ok(damaged)
}

/// What a rerun leaves under its own name: where its layers are.
#[derive(Serialize, Deserialize)]
struct WorkflowName {
    workspace: String,
}

/// Lets `workflow:ID` find the workspace of a rerun, whose own ID is not the workspace's. Returns the bytes written.
pub fn remember_workflow(store: &impl Store, record: &Record) -> Result<u64> {
    if let (Some(workflow), Some(workspace)) = (&record.workflow, &record.workspace)
        && workflow != workspace
    {
        let key = format!(
            "{}{}",
            Project::new(&record.project).workflow(workflow),
            keys::name(workspace)
        );
        let bytes = seal(
            "workflow",
            &WorkflowName {
                workspace: workspace.clone(),
            },
        )?;
        if store.put(&key, &bytes, PutMode::Create)? == PutOutcome::Stored {
            return Ok(bytes.len() as u64);
        }
        if let Err(error) = workspace_of(store, &key) {
            error.into_damage()?;
            store.put(&key, &bytes, PutMode::Repair)?;
            return Ok(bytes.len() as u64);
        }
    }
    Ok(0)
}

/// Reads where a rerun's layers are.
pub(crate) fn workspace_of(store: &impl Store, key: &str) -> Result<String> {
    let WorkflowName { workspace } = get_intact(store, key, None, |bytes| open("workflow", key, &bytes))?
        .ok_or_else(|| Error::damaged(key, "the workflow's name is missing"))?;
    // The key names it, too: another one's name does not belong here.
    if key.rsplit('/').next() != Some(keys::name(&workspace).as_str()) {
        let message = format!("it names the workspace {workspace}, and does not belong here");
        return Err(Error::damaged(key, message));
    }
    Ok(workspace)
}

pub(super) fn workflow_layers(store: &impl Store, keys: &Project, workflow: &str) -> Result<Vec<Record>> {
    let Some(key) = store.list(&keys.workflow(workflow), None, 1)?.pop() else {
        return layers(store, keys, workflow);
    };
    layers(store, keys, &workspace_of(store, &key)?)
}

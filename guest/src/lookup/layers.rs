//! The layers of a workspace, and where a workflow's workspace is.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{all_keys, read};
use crate::error::{Error, Result};
use crate::keys::{self, Project};
use crate::ports::{PutMode, PutOutcome, Store, get_intact};
use crate::record::{Record, open, seal};

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
    }
    Ok(0)
}

pub(super) fn workflow_layers(store: &impl Store, keys: &Project, workflow: &str) -> Result<Vec<Record>> {
    let Some(key) = store.list(&keys.workflow(workflow), None, 1)?.pop() else {
        return layers(store, keys, workflow);
    };
    let WorkflowName { workspace } = get_intact(store, &key, None, |bytes| open("workflow", &key, &bytes))?
        .ok_or_else(|| Error::damaged(&key, "the workflow's name is missing"))?;
    layers(store, keys, &workspace)
}

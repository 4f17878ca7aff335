//! The layers of a workspace, and where a workflow's workspace is.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::read::{all_keys, read, warn_of_trust};
use super::scope::Scope;
use crate::error::{Error, Problem, Result, warning};
use crate::keys::{self, Project};
use crate::ports::{PutMode, PutOutcome, Store, get_intact};
use crate::recency::{Across, newest_first};
use crate::record::Record;
use crate::sealed::{open, seal};

/// The most layers of one workspace.
const LAYERS_MAX: usize = 10_000;

/// Returns the layers of a workspace, oldest first: of each artifact, job and node the newest. Those of forks and pull
/// requests count only where there are no others.
pub(super) fn layers(
    store: &impl Store,
    keys: &Project,
    workspace: &str,
    scope: &Scope,
    warnings: &mut Vec<Problem>,
) -> Result<Vec<Record>> {
    let now_ms = scope.context.now_ms;
    let trusted = layers_of(store, keys, workspace, true, now_ms)?;
    if trusted.is_empty() {
        let untrusted = layers_of(store, keys, workspace, false, now_ms)?;
        warn_of_trust(&untrusted, scope, warnings);
        return Ok(untrusted);
    }
    if let Some(key) = store.list(&layers_prefix(keys, workspace, false), None, 1)?.pop() {
        let record = read(store, &key)?;
        let message = format!(
            "layers that {} persisted to this workspace were left out, because others persisted to it too",
            record.origin()
        );
        warnings.push(warning(
            "untrusted-left-out",
            message,
            &record.build_id().to_string(),
        ));
    }
    Ok(trusted)
}

fn layers_prefix(keys: &Project, workspace: &str, trusted: bool) -> String {
    format!("{}{}/", keys.workspace(workspace), keys::trust(trusted))
}

/// Returns the layers of a workspace that are trusted, or those that are not, oldest first.
pub fn layers_of(
    store: &impl Store,
    keys: &Project,
    workspace: &str,
    trusted: bool,
    now_ms: u64,
) -> Result<Vec<Record>> {
    let mut newest: Vec<String> = Vec::new();
    for key in all_keys(store, &layers_prefix(keys, workspace, trusted), LAYERS_MAX)? {
        let dir = |key: &str| key.rsplit_once('/').map(|(dir, _)| dir.to_owned());
        // Keys of one counter follow each other, newest first.
        if newest.last().is_none_or(|last| dir(last) != dir(&key)) {
            newest.push(key);
        }
    }
    let mut records = newest
        .iter()
        .map(|key| read(store, key))
        .collect::<Result<Vec<_>>>()?;
    // Jobs of one run that share a number ran in the order of their dates.
    records.sort_by_key(|record| Reverse((record.created_ms, record.node)));
    let mut records = newest_first(records, Across::Dates, now_ms, Record::recency);
    let mut seen = HashSet::new();
    records.retain(|r| seen.insert((r.artifact.clone(), r.job.clone(), r.node.index)));
    // A rerun with another number of nodes replaces them all.
    let mut totals: HashMap<_, u32> = HashMap::new();
    for r in &records {
        totals
            .entry((r.artifact.clone(), r.job.clone()))
            .or_insert(r.node.total);
    }
    records.retain(|r| totals.get(&(r.artifact.clone(), r.job.clone())) == Some(&r.node.total));
    records.reverse();
    Ok(records)
}

/// Returns the keys of all revisions of a build's node, of those that begin as `key` does, newest first.
pub(crate) fn revisions(store: &impl Store, key: &str) -> Result<Vec<String>> {
    let mut keys = all_keys(store, &format!("{}-", keys::stem(key)), LAYERS_MAX)?;
    keys.retain(|key| keys::leaf(key).is_some());
    Ok(keys)
}

/// The object under a rerun's own ID, which names the workspace with its layers.
#[derive(Serialize, Deserialize)]
struct WorkflowName {
    workspace: String,
}

/// Lets `workflow:ID` find the workspace of a rerun, whose own ID is not the workspace's. Returns the bytes written.
pub fn remember_workflow(store: &impl Store, record: &Record) -> Result<u64> {
    if let (Some(key), Some(workspace)) = (workflow_key(record), &record.workspace) {
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

/// Returns the key that says in which workspace the layers of the record's workflow are, where they are not in its own.
pub(crate) fn workflow_key(record: &Record) -> Option<String> {
    let (workflow, workspace) = (record.workflow.as_ref()?, record.workspace.as_ref()?);
    (workflow != workspace).then(|| {
        let workflow = Project::new(&record.project).workflow(workflow, record.trusted());
        format!("{workflow}{}", keys::name(workspace))
    })
}

/// Reads where a rerun's layers are.
pub(crate) fn workspace_of(store: &impl Store, key: &str) -> Result<String> {
    let WorkflowName { workspace } = get_intact(store, key, None, |bytes| open("workflow", key, &bytes))?
        .ok_or_else(|| Error::damaged(key, "the workflow's name is missing"))?;
    // The key names it, too: another one's name does not belong here.
    if key.rsplit('/').next() != Some(keys::name(&workspace).as_str()) {
        let message = format!("it names the workspace {workspace}, which has another key");
        return Err(Error::damaged(key, message));
    }
    Ok(workspace)
}

/// Returns the layers of a workflow: those of its own workspace, or of the one that it names. What is not trusted names no
/// workspace for what is.
pub(super) fn workflow_layers(
    store: &impl Store,
    workflow: &str,
    scope: &Scope,
    warnings: &mut Vec<Problem>,
) -> Result<Vec<Record>> {
    let keys = scope.context.keys()?;
    if let Some(workspace) = named(store, &keys, workflow, true)? {
        return layers(store, &keys, &workspace, scope, warnings);
    }
    let own = layers(store, &keys, workflow, scope, warnings)?;
    if own.is_empty()
        && let Some(workspace) = named(store, &keys, workflow, false)?
    {
        return layers(store, &keys, &workspace, scope, warnings);
    }
    Ok(own)
}

/// Returns the workspace that a rerun left under the name of its workflow.
fn named(store: &impl Store, keys: &Project, workflow: &str, trusted: bool) -> Result<Option<String>> {
    let Some(key) = store.list(&keys.workflow(workflow, trusted), None, 1)?.pop() else {
        return Ok(None);
    };
    workspace_of(store, &key).map(Some)
}

//! The records of a build that an event or another record names.

use std::collections::HashSet;

use super::not_found::removal;
use super::read::all_keys;
use crate::build_id::BuildId;
use crate::error::{Error, Result};
use crate::keys::{self, Project};
use crate::lookup::read::read;
use crate::order::{Leaf, inverted};
use crate::ports::Store;
use crate::record::Record;

/// Returns the records of all nodes of the build that a record is of, as far as there are any. Of a parallel job, those of
/// all attempts.
pub(crate) fn nodes_of(store: &impl Store, record: &Record) -> Result<Vec<Record>> {
    let keys = node_keys(
        store,
        &Project::new(&record.project),
        &record.artifact,
        &record.build_id(),
    )?;
    let mut records = keys
        .iter()
        .map(|(key, _)| read(store, key))
        .collect::<Result<Vec<_>>>()?;
    if records.is_empty() {
        records.push(record.clone());
    }
    Ok(records)
}

/// Returns the records of a build that an event names: one for each of its nodes. What was run again later does not count.
pub fn by_id(store: &impl Store, keys: &Project, artifact: &str, id: &BuildId) -> Result<Vec<Record>> {
    let mut seen = HashSet::new();
    let mut counts = |leaf: &Leaf| leaf.attempt <= id.order.attempt && seen.insert(leaf.node.index);
    let mut records = Vec::new();
    for (key, leaf) in node_keys(store, keys, artifact, id)? {
        if counts(&leaf) {
            records.push(read(store, &key)?);
        }
    }
    if records.len() < id.nodes as usize {
        let message = match removal(store, keys, artifact, id.number)? {
            Some(removed) => removed,
            None => format!("{id} of {artifact} is no longer in the store"),
        };
        return Err(Error::nothing_matched("build-gone", message, &id.to_string()));
    }
    records.sort_by_key(|record| record.node);
    Ok(records)
}

/// Returns the keys of the newest revision of each node of a build, the last attempt first. Of a parallel job, those of all
/// attempts: its nodes may have been run again one by one.
fn node_keys(
    store: &impl Store,
    keys: &Project,
    artifact: &str,
    id: &BuildId,
) -> Result<Vec<(String, Leaf)>> {
    let mut prefix = keys.run(artifact, id);
    if id.nodes == 1 {
        prefix += &format!("{}-{}-", inverted(id.order.attempt), id.job);
    }
    let mut all = all_keys(store, &prefix, usize::from(u16::MAX))?;
    keys::keep_newest(&mut all);
    let leaves = all.into_iter().filter_map(|key| Some((keys::leaf(&key)?, key)));
    let own = leaves.filter(|(leaf, _)| leaf.job == id.job && leaf.node.total == id.nodes);
    Ok(own.map(|(leaf, key)| (key, leaf)).collect())
}

//! The artifacts of a job, and what they are: a store of baton's, or plain files.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::send::Client;
use crate::error::Result;
use crate::keys;
use crate::path;
use crate::ports::Http;

/// More artifacts than this are refused: each is held in memory, at some 300 bytes.
pub(super) const ARTIFACTS_MAX: usize = 200_000;

/// One file that a job stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// As the job named it: an enemy's, until it is checked.
    pub path: String,
    /// Which of the parallel nodes stored it.
    pub node: u32,
    /// Where it is. CircleCI has changed these before, so they are never put together here.
    pub url: String,
}

/// Returns all artifacts of a job.
pub(super) fn all(client: &Client<'_, impl Http>, number: u64) -> Result<Vec<Artifact>> {
    let items = client.artifacts(number)?;
    Ok(items
        .into_iter()
        .map(|item| Artifact {
            path: item.path,
            node: item.node_index,
            url: item.url,
        })
        .collect())
}

/// Returns the objects of the stores that lie among artifacts, by key: every directory with a marker and a tree is one.
/// Nodes and jobs that each persisted to a directory of their own make up one store: what has the same key is the same
/// by its name, or made once by one job run.
pub(super) fn store_objects<'a>(
    artifacts: impl Iterator<Item = &'a Artifact> + Clone,
) -> BTreeMap<String, String> {
    let roots: BTreeSet<&str> = artifacts
        .clone()
        .filter_map(|artifact| artifact.path.strip_suffix(keys::STORE))
        .filter(|root| root.is_empty() || root.ends_with('/'))
        .collect();
    let mut objects = BTreeMap::new();
    for root in roots {
        let of_root = artifacts.clone().filter_map(|artifact| {
            let key = artifact.path.strip_prefix(root)?;
            (key.starts_with(keys::VERSION) && path::fault(key).is_none()).then_some((key, artifact))
        });
        if !of_root.clone().any(|(key, _)| key.starts_with(keys::TREES)) {
            continue;
        }
        for (key, artifact) in of_root {
            objects
                .entry(key.to_owned())
                .or_insert_with(|| artifact.url.clone());
        }
    }
    objects
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(paths: &[&str]) -> Vec<String> {
        let artifact = |path: &&str| Artifact {
            path: (*path).to_owned(),
            node: 0,
            url: format!("u/{path}"),
        };
        let artifacts: Vec<Artifact> = paths.iter().map(artifact).collect();
        store_objects(artifacts.iter()).into_keys().collect()
    }

    #[test]
    fn a_store_is_told_from_plain_files() {
        assert_eq!(
            found(&["out/v1/store", "out/v1/trees/aa/bb", "out/v1/packs/x", "log.txt"]),
            ["v1/packs/x", "v1/store", "v1/trees/aa/bb"]
        );
        assert_eq!(
            found(&["v1/store", "v1/trees/aa/bb"]),
            ["v1/store", "v1/trees/aa/bb"]
        );
        // A file of this name alone, or under a longer name, is nobody's marker.
        assert_eq!(found(&["out/v1/store", "out/readme"]), Vec::<String>::new());
        assert_eq!(found(&["xv1/store", "xv1/trees/aa/bb"]), Vec::<String>::new());
        assert_eq!(found(&["a/v1/trees/aa/bb"]), Vec::<String>::new());
    }

    #[test]
    fn stores_of_several_nodes_are_one() {
        let two = found(&["0/v1/store", "0/v1/trees/a", "1/v1/store", "1/v1/trees/b"]);
        assert_eq!(two, ["v1/store", "v1/trees/a", "v1/trees/b"]);
    }

    #[test]
    fn a_key_that_leads_elsewhere_is_left_out() {
        let kept = found(&["v1/store", "v1/trees/a", "v1/../x", "v1//y"]);
        assert_eq!(kept, ["v1/store", "v1/trees/a"]);
    }
}

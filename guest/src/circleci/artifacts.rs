//! The artifacts of a job, and what they are: a store of baton's, or plain files.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use super::send::Client;
use crate::error::{Error, Result};
use crate::keys;
use crate::path::{self, PATH_BYTES_MAX};
use crate::ports::Http;

/// More artifacts than this are refused: each is held in memory, at some 300 bytes.
pub(super) const ARTIFACTS_MAX: usize = 200_000;

/// One file that a job stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// As the job named it: an enemy's, until it is checked.
    pub path: String,
    /// The index of the parallel node that stored it.
    pub node: u32,
    /// Its URL. CircleCI has changed the form of these before, so they are never constructed here.
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

/// A store among artifacts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Objects {
    /// URLs, by key.
    pub(super) objects: BTreeMap<String, String>,
    /// So many artifacts are not part of it.
    pub(super) beside: usize,
}

/// Returns the store that lies among artifacts, if there is one: a directory with a marker and a tree. Nodes and jobs that
/// each stored theirs under this one path make up one store: what has the same key is the same by its name, or made once by
/// one job run. Stores under several paths are an error: nobody could say which one is meant.
pub(super) fn store_objects<'a>(
    artifacts: impl Iterator<Item = &'a Artifact> + Clone,
    selector: &str,
) -> Result<Option<Objects>> {
    let marked: HashSet<&str> = artifacts
        .clone()
        .filter_map(|artifact| artifact.path.strip_suffix(keys::STORE))
        .filter(|root| root.is_empty() || root.ends_with('/'))
        .collect();
    if marked.is_empty() {
        return Ok(None);
    }
    let in_store = || {
        let artifacts = artifacts.clone();
        artifacts.filter_map(|artifact| Some((split(&artifact.path, &marked)?, artifact)))
    };
    let roots: BTreeSet<&str> = in_store()
        .filter(|((_, key), _)| key.starts_with(keys::TREES))
        .map(|((root, _), _)| root)
        .collect();
    let mut roots = roots.into_iter();
    let Some(root) = roots.next() else {
        return Ok(None);
    };
    if let Some(other) = roots.next() {
        let more = roots.count();
        let message = format!(
            "baton stores lie under several paths among the artifacts: {}, {}{}",
            shown(root),
            shown(other),
            if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            }
        );
        return Err(Error::invalid("several-stores", message, selector));
    }
    let mut objects = BTreeMap::new();
    let mut part = 0;
    for ((_, key), artifact) in in_store().filter(|((of, _), _)| *of == root) {
        part += 1;
        if path::fault(key).is_none() {
            objects
                .entry(key.to_owned())
                .or_insert_with(|| artifact.url.clone());
        }
    }
    Ok(Some(Objects {
        objects,
        beside: artifacts.count() - part,
    }))
}

/// Splits a path after the first of the roots that it lies below.
fn split<'a>(path: &'a str, roots: &HashSet<&str>) -> Option<(&'a str, &'a str)> {
    // No file has a longer one, and each `v1/` in it costs a look.
    if path.len() > PATH_BYTES_MAX {
        return None;
    }
    path.match_indices(keys::VERSION)
        .map(|(at, _)| path.split_at(at))
        .find(|(root, _)| roots.contains(root))
}

fn shown(root: &str) -> &str {
    match root.trim_end_matches('/') {
        "" => "the top",
        root => root,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
    use super::*;

    fn objects(paths: &[&str]) -> Result<Option<Objects>> {
        let artifact = |path: &&str| Artifact {
            path: (*path).to_owned(),
            node: 0,
            url: format!("u/{path}"),
        };
        let artifacts: Vec<Artifact> = paths.iter().map(artifact).collect();
        store_objects(artifacts.iter(), "latest")
    }

    fn found(paths: &[&str]) -> Vec<String> {
        objects(paths)
            .unwrap()
            .unwrap_or_default()
            .objects
            .into_keys()
            .collect()
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
    fn stores_under_one_path_are_one_and_under_several_an_error() {
        let two = found(&["o/v1/store", "o/v1/trees/a", "o/v1/store", "o/v1/trees/b"]);
        assert_eq!(two, ["v1/store", "v1/trees/a", "v1/trees/b"]);
        let several = objects(&["0/v1/store", "0/v1/trees/a", "v1/store", "v1/trees/b"]);
        let Err(Error::Invalid(problem)) = several else {
            panic!("{several:?}")
        };
        assert_eq!(problem.code, "several-stores");
        assert!(problem.message.contains("the top, 0"), "{}", problem.message);
    }

    #[test]
    fn what_is_not_part_of_a_store_is_counted() {
        let found = objects(&["o/v1/store", "o/v1/trees/a", "o/readme", "src/v1/x", "xv1/store"]);
        assert_eq!(found.unwrap().unwrap().beside, 3);
    }

    /// Many directories with a marker, and many artifacts: each artifact is looked at a few times, not once for each marker.
    #[test]
    fn many_roots_take_no_long_time() {
        let paths: Vec<String> = (0..100_000)
            .flat_map(|n| [format!("{n}/v1/store"), format!("{n}/v1/x")])
            .collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        assert_eq!(objects(&paths).unwrap(), None);
    }

    #[test]
    fn a_key_that_leads_elsewhere_is_left_out() {
        let kept = found(&["v1/store", "v1/trees/a", "v1/../x", "v1//y"]);
        assert_eq!(kept, ["v1/store", "v1/trees/a"]);
    }
}

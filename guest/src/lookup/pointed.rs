//! What an event decides: the latest of a branch that was rolled back, the build of a channel, and what came before.

use std::collections::HashSet;

use super::absent::{no_earlier, nothing_on_branch, removal};
use super::newest::{Begin, Search, Until, newest, steps_before};
use super::{Scope, all_keys, read, warn_of_trust};
use crate::error::{Error, Problem, Result, warning};
use crate::event::{Action, Pointer, history};
use crate::keys::{self, Project};
use crate::order::{Leaf, inverted};
use crate::ports::Store;
use crate::record::{BuildId, Placed, Record};

/// Returns the latest build of a branch: the newest, unless a rollback says otherwise.
pub(super) fn latest(
    store: &impl Store,
    scope: &Scope,
    branch: &str,
    warnings: &mut Vec<Problem>,
) -> Result<Vec<Record>> {
    let keys = scope.context.keys()?;
    let prefix = keys.branch(scope.artifact(), branch);
    let mut search = Search::branch(&prefix, scope);
    let moves = history(
        scope.context.project()?,
        scope.artifact(),
        &Pointer::Branch(branch.to_owned()),
    );
    let Some(event) = moves
        .last(store)?
        .filter(|event| event.action == Action::Rollback)
    else {
        return newest(store, &search, scope, warnings);
    };
    if !event.held {
        // It holds only until something newer is there, and intact.
        let mut passed_over = Vec::new();
        let found = match newest(store, &search, scope, &mut passed_over) {
            Err(Error::NothingMatched(_)) => Vec::new(),
            Err(Error::Damaged(_)) if search.lenient => Vec::new(),
            found => found?,
        };
        warnings.extend(passed_over);
        let is_newer = |found: Placed| {
            let seen = event.newest.as_ref();
            seen.is_none_or(|seen| {
                found
                    .standing()
                    .is_newer_than(&seen.standing(), scope.context.now_ms)
            })
        };
        if Placed::of(&found).is_some_and(is_newer) {
            return Ok(found);
        }
    }
    warnings.push(warning(
        if event.held { "held" } else { "rolled-back" },
        event.rolled_back(),
        &event.pointer.selector(),
    ));
    let there =
        by_id(store, &keys, scope.artifact(), &event.build.id).and_then(|found| scope.check_fit(found));
    // Whoever wrote the event: what was not built on the branch is never its latest.
    if let Ok(found) = &there
        && found
            .iter()
            .any(|record| !record.eligible() || record.branch.as_deref() != Some(branch))
    {
        let message = format!("it points to {}, which is not of branch {branch}", event.build.id);
        return Err(Error::damaged(&event.key(), message));
    }
    let begin = match there {
        Ok(found) if found.first().is_some_and(|record| scope.wants(record)) => return Ok(found),
        // Of another job, what was there when that build was.
        Ok(_) => Begin::Run,
        Err(Error::Damaged(_)) if search.lenient => Begin::Attempt,
        Err(error) => return Err(error),
    };
    let build = &event.build;
    search.until = Some(Until { build, begin });
    newest(store, &search, scope, warnings)
}

/// Returns the newest build of a branch, whatever a rollback says.
pub fn newest_of_branch(store: &impl Store, scope: &Scope, branch: &str) -> Result<Vec<Record>> {
    let prefix = scope.context.keys()?.branch(scope.artifact(), branch);
    let search = Search::branch(&prefix, scope);
    let found = newest(store, &search, scope, &mut Vec::new())?;
    match found.is_empty() {
        true => Err(nothing_on_branch(store, scope, branch)?),
        false => Ok(found),
    }
}

/// Returns the build that is `steps` builds before another one on its branch.
pub fn before(
    store: &impl Store,
    scope: &Scope,
    branch: &str,
    build: &Placed,
    steps: u32,
) -> Result<Vec<Record>> {
    let prefix = scope.context.keys()?.branch(scope.artifact(), branch);
    let search = Search::branch(&prefix, scope);
    steps_before(store, &search, scope, build, steps)?
        .map_err(|there| no_earlier(there, &build.id, &Pointer::Branch(branch.to_owned())))
}

pub(super) fn on_channel(
    store: &impl Store,
    scope: &Scope,
    channel: &str,
    warnings: &mut Vec<Problem>,
) -> Result<Vec<Record>> {
    let pointer = Pointer::Channel(channel.to_owned());
    let history = history(scope.context.project()?, scope.artifact(), &pointer);
    let Some(event) = history.last(store)? else {
        return Ok(Vec::new());
    };
    if event.held {
        warnings.push(warning("held", event.rolled_back(), &pointer.selector()));
    }
    let found = by_id(store, &scope.context.keys()?, scope.artifact(), &event.build.id)?;
    warn_of_trust(&found, scope, warnings);
    Ok(found)
}

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
            None => format!("{id} of {artifact} is not in the store any more"),
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

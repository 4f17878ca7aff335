//! The latest build of a branch, which a rollback may decide; the build of a channel; and builds before another one.

use super::by_id::by_id;
use super::newest::{Begin, Search, Until, newest, steps_before};
use super::not_found::{no_earlier, nothing_on_branch};
use super::read::warn_of_trust;
use super::scope::Scope;
use crate::build_id::DatedBuild;
use crate::error::{Error, Problem, Result, warning};
use crate::event::{Action, history};
use crate::pointer::Pointer;
use crate::ports::Store;
use crate::record::Record;

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
        // The rollback ends when a newer and intact build exists.
        let mut passed_over = Vec::new();
        let found = match newest(store, &search, scope, &mut passed_over) {
            Err(Error::NothingMatched(_)) => Vec::new(),
            Err(Error::Damaged(_)) if search.lenient => Vec::new(),
            found => found?,
        };
        warnings.extend(passed_over);
        let is_newer = |found: DatedBuild| {
            let seen = event.newest.as_ref();
            seen.is_none_or(|seen| {
                found
                    .recency()
                    .is_newer_than(&seen.recency(), scope.context.now_ms)
            })
        };
        if DatedBuild::of(&found).is_some_and(is_newer) {
            return Ok(found);
        }
    }
    warnings.push(warning(
        if event.held { "held" } else { "rolled-back" },
        event.rolled_back(),
        &event.pointer.selector(),
    ));
    let there =
        by_id(store, &keys, scope.artifact(), &event.build.id).and_then(|found| scope.check_undamaged(found));
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
        // For another job: its newest build at the time of that build.
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
    build: &DatedBuild,
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

//! What to say where a selector means nothing: what is near it.

use super::list::{Query, list};
use super::{Scope, sound};
use crate::error::{Error, Result};
use crate::event::Pointer;
use crate::keys::{self, Project};
use crate::ports::{Store, get_intact};
use crate::prune::Note;
use crate::record::{BuildId, Record, open};
use crate::selector::{Selector, nearest};
use crate::store_format;

/// RFC 3339 has four digits for a year.
const YEAR_10000_MS: u64 = 253_402_300_800_000;

/// How many names an error suggests.
pub(super) const SUGGESTED: usize = 5;
/// Of how many the nearest are taken.
const KNOWN_MAX: usize = 50;

/// Returns the names right below a prefix, decoded, at most `most` of them: one request a name.
fn names_below(store: &impl Store, prefix: &str, most: usize) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let mut after = None;
    while names.len() < most {
        let Some(key) = store.list(prefix, after.as_deref(), 1)?.pop() else {
            break;
        };
        let name = key
            .strip_prefix(prefix)
            .and_then(|rest| rest.split('/').next())
            .unwrap_or_default();
        let behind = Some(format!("{prefix}{name}/~~"));
        // A name that sorts behind is none of baton's, and would come for ever.
        if behind == after {
            break;
        }
        after = behind;
        names.extend(keys::text(name));
    }
    Ok(names)
}

/// Returns the error for a selector that means nothing, with what is near it.
pub(super) fn nothing(store: &impl Store, scope: &Scope, selector: &Selector) -> Result<Error> {
    store_format::explain_absence(store)?;
    let artifact = scope.artifact();
    let keys = scope.context.keys()?;
    let of_jobs = match scope.jobs.as_slice() {
        [] => String::new(),
        jobs => format!(" by {}", jobs.join(", ")),
    };
    let message = match selector {
        Selector::Latest { branch } => {
            let branch = branch
                .as_deref()
                .or(scope.context.branch.as_deref())
                .unwrap_or_default();
            let hint = near(store, &keys.branches(artifact), branch, "it is on")?;
            format!("no build of {artifact}{of_jobs} is on branch {branch}{hint}")
        }
        Selector::Channel(channel) => {
            let hint = near(store, &keys.channels(artifact), channel, "there are")?;
            format!("no build of {artifact}{of_jobs} is on channel {channel}{hint}")
        }
        Selector::Workspace | Selector::Workflow(_) => {
            let named = scope
                .name
                .as_ref()
                .map(|name| format!(" of {name}"))
                .unwrap_or_default();
            format!("nothing{named} was persisted to this workspace{of_jobs} yet")
        }
        _ => {
            let removed = match selector {
                Selector::Build(number) => removal(store, &keys, artifact, *number)?,
                _ => None,
            };
            if let Some(message) = removed {
                return Ok(Error::nothing_matched("no-build", message, &selector.to_string()));
            }
            let known = recent(store, scope)?;
            let hint = if known.is_empty() {
                String::new()
            } else {
                format!("; the newest are {}", known.join(", "))
            };
            format!("no build of {artifact}{of_jobs} matches{hint}")
        }
    };
    let code = match selector {
        Selector::Channel(_) => "no-channel",
        _ => "no-build",
    };
    Ok(Error::nothing_matched(code, message, &selector.to_string()))
}

/// Returns the error for a branch that has no build, with the branches that are near it.
pub(super) fn nothing_on_branch(store: &impl Store, scope: &Scope, branch: &str) -> Result<Error> {
    let selector = Selector::Latest {
        branch: Some(branch.to_owned()),
    };
    nothing(store, scope, &selector)
}

/// Returns the error for a rollback that goes behind the first build.
pub(crate) fn no_earlier(steps: u32, build: &BuildId, pointer: &Pointer) -> Error {
    let before = match steps {
        0 => "no build lies".to_owned(),
        1 => "only 1 build lies".to_owned(),
        steps => format!("only {steps} builds lie"),
    };
    let message = format!("{before} before {build}");
    Error::nothing_matched("no-earlier-build", message, &pointer.selector())
}

/// Returns the error for what was never moved.
pub(crate) fn no_history(store: &impl Store, scope: &Scope, pointer: &Pointer) -> Result<Error> {
    match pointer {
        Pointer::Channel(channel) => nothing(store, scope, &Selector::Channel(channel.clone())),
        Pointer::Branch(branch) => {
            store_format::explain_absence(store)?;
            let message = format!("the latest of branch {branch} was never rolled back");
            Ok(Error::nothing_matched("no-history", message, &pointer.selector()))
        }
    }
}

/// Returns the end of a message: the names below a prefix that are near one, else any.
fn near(store: &impl Store, prefix: &str, wanted: &str, lead: &str) -> Result<String> {
    let known = names_below(store, prefix, KNOWN_MAX)?;
    let mut near = nearest(wanted, known.iter().map(String::as_str), SUGGESTED);
    if near.is_empty() {
        near = known.iter().map(String::as_str).take(SUGGESTED).collect();
    }
    match near.is_empty() {
        true => Ok(String::new()),
        false => Ok(format!("; {lead} {}", near.join(", "))),
    }
}

/// Says that a build was removed, by whom and why, if somebody did.
fn removal(store: &impl Store, keys: &Project, artifact: &str, number: u64) -> Result<Option<String>> {
    let Some(key) = store.list(&keys.removals(artifact, number), None, 1)?.pop() else {
        return Ok(None);
    };
    let note = get_intact(store, &key, None, |bytes| open::<Note>("removal", &key, &bytes));
    let Some(note) = sound(note)? else {
        return Ok(Some(format!("build:{number} of {artifact} was removed")));
    };
    let by = note.actor.map(|actor| format!(" by {actor}")).unwrap_or_default();
    let why = note
        .reason
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default();
    let since = std::time::Duration::from_millis(note.created_ms.min(YEAR_10000_MS - 1));
    let when = humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + since);
    Ok(Some(format!(
        "build:{number} of {artifact} was removed at {when}{by}{why}"
    )))
}

/// Returns how the newest builds are named: number, and commit where there is one.
fn recent(store: &impl Store, scope: &Scope) -> Result<Vec<String>> {
    let query = Query {
        scope: Scope {
            jobs: Vec::new(),
            ..scope.clone()
        },
        limit: SUGGESTED,
        ..Query::default()
    };
    let shown = |record: Record| match record.commit {
        Some(commit) => format!(
            "build:{} (sha:{})",
            record.number,
            commit.get(..7).unwrap_or(&commit)
        ),
        None => format!("build:{}", record.number),
    };
    Ok(list(store, &query)?.into_iter().map(shown).collect())
}

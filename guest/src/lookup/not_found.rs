//! Errors for selectors without a match: what was searched, and which builds exist.

use super::list::{Query, list};
use super::names::{Page, artifacts, names};
use super::read::{ignore_damage, read};
use super::scope::Scope;
use crate::build_id::BuildId;
use crate::context::Context;
use crate::date::date;
use crate::error::{Error, Result};
use crate::keys::{self, Project};
use crate::pointer::Pointer;
use crate::ports::{Store, get_intact};
use crate::record::Record;
use crate::removal_note::Note;
use crate::sealed::open;
use crate::selector::{Selector, nearest};
use crate::store_format;

/// The maximum number of names that an error suggests.
pub(super) const SUGGESTED: usize = 5;
/// Of how many names the nearest are taken: those that begin like the wanted one, and the first.
const KNOWN_MAX: usize = 25;
/// The maximum number of builds that are searched for their jobs and tags.
const BUILDS_MAX: usize = 32;

/// Returns the error for a selector that means nothing, with what is near it.
pub(super) fn nothing(store: &impl Store, scope: &Scope, selector: &Selector) -> Result<Error> {
    store_format::explain_absence(store)?;
    let project = scope.context.project()?;
    let artifact = scope.artifact();
    if let Selector::Build(number) = selector
        && let Some(message) = removal(store, &scope.context.keys()?, artifact, *number)?
    {
        return Ok(Error::nothing_matched("no-build", message, &selector.to_string()));
    }
    let of_jobs = match scope.jobs.as_slice() {
        [] => String::new(),
        jobs => format!(" by {}", jobs.join(", ")),
    };
    let (searched, there) = match selector {
        Selector::Latest { branch } => {
            let branch = branch
                .as_deref()
                .or(scope.context.branch.as_deref())
                .unwrap_or_default();
            (
                format!("is on branch {branch}"),
                on_branches(store, scope, branch)?,
            )
        }
        Selector::Channel(channel) => (
            format!("is on channel {channel}"),
            on_channels(store, scope, channel)?,
        ),
        Selector::Workspace => (
            match &scope.context.workspace {
                Some(workspace) => format!("is in workspace {workspace}"),
                None => "is in this workspace".to_owned(),
            },
            in_workspace(store, scope, scope.context.workspace.as_deref())?,
        ),
        Selector::Workflow(workflow) => (
            format!("is in workflow {workflow}"),
            in_workspace(store, scope, Some(workflow))?,
        ),
        other => (format!("is {other}"), newest(store, scope, other)?),
    };
    let what = match (selector, &scope.name) {
        (Selector::Workspace | Selector::Workflow(_), None) => "nothing".to_owned(),
        _ => format!("no build of {artifact}"),
    };
    let there = match there.is_empty() {
        true => elsewhere(store, scope, selector)?,
        false => there,
    };
    let code = match selector {
        Selector::Channel(_) => "no-channel",
        _ => "no-build",
    };
    let message = format!("{what}{of_jobs} in {project} {searched}; {there}");
    Ok(Error::nothing_matched(code, message, &selector.to_string()))
}

/// Returns names that a message shows, and how many more there are.
fn listed(shown: &[String], known: &Page<String>) -> String {
    let more = known.items.len().saturating_sub(shown.len());
    let shown = shown.join(", ");
    match (more, known.more) {
        (0, false) => shown,
        (0, true) => format!("{shown} and more"),
        (more, false) => format!("{shown} and {more} more"),
        (more, true) => format!("{shown} and at least {more} more"),
    }
}

/// Returns names below a prefix: those that begin like the wanted one, and the first ones.
fn known(store: &impl Store, prefix: &str, wanted: &str) -> Result<Page<String>> {
    let half = wanted.chars().count().div_ceil(2);
    let start: String = wanted.chars().take(half).collect();
    let mut page = names(store, prefix, "", KNOWN_MAX)?;
    if page.more && !start.is_empty() {
        let near = names(store, prefix, &start, KNOWN_MAX)?;
        page.items.extend(near.items);
        page.items.sort();
        page.items.dedup();
    }
    Ok(page)
}

/// Returns the names to show: the nearest, then what is to be among them, else the first.
fn chosen(wanted: &str, known: &Page<String>, also: Option<&str>) -> Vec<String> {
    let all = || known.items.iter().map(String::as_str);
    let mut chosen = nearest(wanted, all(), SUGGESTED);
    chosen.extend(also.filter(|name| !chosen.contains(name)));
    if chosen.is_empty() || chosen == [also.unwrap_or_default()] {
        chosen.extend(all().filter(|name| Some(*name) != also));
        chosen.truncate(SUGGESTED);
    }
    chosen.into_iter().map(str::to_owned).collect()
}

/// Says which branches have builds; where the branch has some, which jobs made them.
fn on_branches(store: &impl Store, scope: &Scope, branch: &str) -> Result<String> {
    let prefix = scope.context.keys()?.branches(scope.artifact());
    let mut known = known(store, &prefix, branch)?;
    if known.items.iter().any(|name| name == branch) {
        return by_jobs(store, scope, Some(branch));
    }
    if known.items.is_empty() {
        return Ok(String::new());
    }
    let default = scope.context.default_branch.as_deref().unwrap_or("main");
    let has_default = !store
        .list(&format!("{prefix}{}/", keys::name(default)), None, 1)?
        .is_empty();
    if has_default && !known.items.iter().any(|name| name == default) {
        known.items.push(default.to_owned());
    }
    let shown = chosen(branch, &known, has_default.then_some(default));
    Ok(format!("there are builds on {}", listed(&shown, &known)))
}

/// Says what there is where no build can be the latest of any branch: those of tags, forks and pull requests.
fn on_no_branch(store: &impl Store, scope: &Scope) -> Result<String> {
    let found = builds(store, scope, None)?;
    let mut names: Vec<String> = found
        .into_iter()
        .map(|record| match record.trusted() {
            true => shown(record),
            false => format!("build:{} ({})", record.number, record.origin()),
        })
        .collect();
    names.dedup();
    names.truncate(SUGGESTED);
    Ok(match names.is_empty() {
        true => String::new(),
        false => format!(
            "none of its newest builds can be the latest of a branch: {}",
            names.join(", ")
        ),
    })
}

/// Says which jobs made the newest builds.
fn by_jobs(store: &impl Store, scope: &Scope, branch: Option<&str>) -> Result<String> {
    let found = builds(store, scope, branch)?;
    let mut jobs: Vec<String> = found
        .into_iter()
        .map(|record| record.job.unwrap_or_else(|| "no job".to_owned()))
        .collect();
    jobs.sort();
    jobs.dedup();
    let (shown, more) = jobs.split_at_checked(SUGGESTED).unwrap_or((&jobs, &[]));
    let more = match more.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Ok(match shown.is_empty() {
        true => String::new(),
        false => format!("its newest builds are by {}{more}", shown.join(", ")),
    })
}

/// Says which channels there are, and whether a branch was meant.
fn on_channels(store: &impl Store, scope: &Scope, channel: &str) -> Result<String> {
    let keys = scope.context.keys()?;
    let known = known(store, &keys.channels(scope.artifact()), channel)?;
    let there = match known.items.is_empty() {
        true => "the artifact has no channels".to_owned(),
        false => format!("there are {}", listed(&chosen(channel, &known, None), &known)),
    };
    let branch = match channel.parse() {
        Ok(Selector::Channel(name)) => {
            return Ok(format!("{there}; a channel is named without its kind: {name}"));
        }
        Ok(Selector::Latest { branch: Some(branch) }) => branch,
        _ => channel.to_owned(),
    };
    let prefix = keys.branch(scope.artifact(), &branch);
    Ok(match store.list(&prefix, None, 1)?.is_empty() {
        true => there,
        false => {
            format!("{there}; {branch} is a branch: name it with --branch {branch}, or as latest@{branch}")
        }
    })
}

/// Says who persisted what to a workspace.
fn in_workspace(store: &impl Store, scope: &Scope, workspace: Option<&str>) -> Result<String> {
    let Some(workspace) = workspace else {
        return Ok(String::new());
    };
    let prefix = scope.context.keys()?.workspace(workspace);
    let mut layers = Vec::new();
    for key in store.list(&prefix, None, BUILDS_MAX as u32)? {
        let record = read(store, &key)?;
        let by = record.job.map(|job| format!(" by {job}")).unwrap_or_default();
        layers.push(format!("{}{by}", record.artifact));
    }
    layers.sort();
    layers.dedup();
    let more = layers.len() > SUGGESTED;
    layers.truncate(SUGGESTED);
    let more = if more { " and more" } else { "" };
    Ok(match layers.is_empty() {
        true => "no job has persisted to it yet".to_owned(),
        false => format!("it has {}{more}", layers.join(", ")),
    })
}

/// Says what the newest builds are, or those whose tags are near.
fn newest(store: &impl Store, scope: &Scope, selector: &Selector) -> Result<String> {
    let all_jobs = Scope {
        jobs: Vec::new(),
        ..scope.clone()
    };
    let found = builds(store, &all_jobs, None)?;
    if let Selector::Tag(tag) = selector {
        let tags: Vec<&str> = found.iter().filter_map(|record| record.tag.as_deref()).collect();
        let near = nearest(tag, tags.iter().copied(), SUGGESTED);
        if !near.is_empty() {
            return Ok(format!("there are tags {}", near.join(", ")));
        }
    }
    let mut shown: Vec<String> = found.into_iter().map(shown).collect();
    shown.dedup();
    shown.truncate(SUGGESTED);
    Ok(match shown.is_empty() {
        true => String::new(),
        false => format!("the newest are {}", shown.join(", ")),
    })
}

/// Returns how a build is named: its number, its tag, and its commit where there is one.
fn shown(record: Record) -> String {
    let commit = record
        .commit
        .map(|commit| format!("sha:{}", commit.get(..7).unwrap_or(&commit)));
    let tag = record.tag.map(|tag| format!("tag:{tag}"));
    let names: Vec<String> = tag.into_iter().chain(commit).collect();
    match names.is_empty() {
        true => format!("build:{}", record.number),
        false => format!("build:{} ({})", record.number, names.join(", ")),
    }
}

fn builds(store: &impl Store, scope: &Scope, branch: Option<&str>) -> Result<Vec<Record>> {
    let query = Query {
        scope: Scope {
            jobs: Vec::new(),
            ..scope.clone()
        },
        branch: branch.map(str::to_owned),
        limit: BUILDS_MAX,
        ..Query::default()
    };
    list(store, &query)
}

/// Says what there is where the artifact has nothing: other artifacts of the project, else other projects.
fn elsewhere(store: &impl Store, scope: &Scope, selector: &Selector) -> Result<String> {
    let Context { project, .. } = &scope.context;
    let of_project = artifacts(store, &scope.context, None, KNOWN_MAX)?;
    if of_project.items.iter().any(|name| name == scope.artifact()) {
        return match selector {
            Selector::Latest { .. } => on_no_branch(store, scope),
            _ => by_jobs(store, scope, None),
        };
    }
    if !of_project.items.is_empty() {
        let shown = chosen(scope.artifact(), &of_project, None);
        return Ok(format!(
            "the project has the artifacts {}",
            listed(&shown, &of_project)
        ));
    }
    let project = project.as_deref().unwrap_or_default();
    let projects = known(store, keys::PROJECTS, project)?;
    Ok(match projects.items.is_empty() {
        true => "the store has no builds at all".to_owned(),
        false => format!(
            "the project has no builds, but there are some of {}",
            listed(&chosen(project, &projects, None), &projects)
        ),
    })
}

/// Returns the error for a branch that has no build, with the branches that are near it.
pub(super) fn nothing_on_branch(store: &impl Store, scope: &Scope, branch: &str) -> Result<Error> {
    let selector = Selector::Latest {
        branch: Some(branch.to_owned()),
    };
    nothing(store, scope, &selector)
}

/// Returns the error for a rollback to before the first build.
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

/// Returns the message that a build was removed, with the actor and the reason, if it was.
pub(super) fn removal(
    store: &impl Store,
    keys: &Project,
    artifact: &str,
    number: u64,
) -> Result<Option<String>> {
    let Some(key) = store.list(&keys.removals(artifact, number), None, 1)?.pop() else {
        return Ok(None);
    };
    let note = get_intact(store, &key, None, |bytes| open::<Note>("removal", &key, &bytes));
    let Some(note) = ignore_damage(note)? else {
        return Ok(Some(format!("build:{number} of {artifact} was removed")));
    };
    let by = note.actor.map(|actor| format!(" by {actor}")).unwrap_or_default();
    let why = note
        .reason
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default();
    let when = date(note.created_ms);
    Ok(Some(format!(
        "build:{number} of {artifact} was removed at {when}{by}{why}"
    )))
}

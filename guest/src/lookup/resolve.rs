//! From the selector of a scope to the builds that it means.

use super::by_files::newest_having;
use super::counters::Form;
use super::latest::{latest, on_channel};
use super::layers::{layers, workflow_layers};
use super::newest::{Search, newest};
use super::not_found::{SUGGESTED, nothing};
use super::read::warn_of_trust;
use super::scope::{DamagedTree, Layer, Resolved, Scope};
use super::warnings::missing_layers;
use crate::error::{Error, Problem, Result};
use crate::keys::{self, Project};
use crate::ports::Store;
use crate::record::Record;
use crate::selector::Selector;
use crate::{lookup, store_format};

/// The search of a branch ends after this many consecutive damaged builds.
const FALLBACKS_MAX: usize = 32;

/// Returns what the selector of a scope means. Reads records only.
pub fn resolve(store: &impl Store, scope: &Scope) -> Result<Resolved> {
    let selector = scope.parsed()?;
    if !scope.having.is_empty() && !matches!(selector, Selector::Latest { .. }) {
        let message = "--having works with the latest build of a branch only";
        return Err(Error::invalid("wrong-having", message, &scope.selector));
    }
    let mut warnings = Vec::new();
    let found = match &selector {
        Selector::Tree(id) => {
            let tree = id
                .parse()
                .map_err(|error| Error::internal("a checked id").because(error))?;
            return Ok(Resolved {
                layers: vec![Layer { record: None, tree }],
                warnings,
            });
        }
        Selector::Workspace => {
            let workspace = scope.context.workspace()?;
            layers(store, &scope.context.keys()?, workspace, scope, &mut warnings)?
        }
        Selector::Workflow(workflow) => workflow_layers(store, workflow, scope, &mut warnings)?,
        Selector::Latest { branch } => {
            let branch = branch.as_deref().map_or_else(|| scope.context.branch(), Ok)?;
            match scope.having.is_empty() {
                true => latest(store, scope, branch, &mut warnings)?,
                false => newest_having(store, scope, branch, &mut warnings)?,
            }
        }
        Selector::Channel(channel) => on_channel(store, scope, channel, &mut warnings)?,
        Selector::Build(number) => by_name(store, scope, &mut warnings, |keys, trusted| {
            Ok(Some((keys.numbers(scope.artifact(), trusted), Some(*number))))
        })?,
        Selector::Tag(tag) => by_name(store, scope, &mut warnings, |keys, trusted| {
            Ok(Some((keys.tag(scope.artifact(), trusted, tag), None)))
        })?,
        Selector::Commit(prefix) => by_name(store, scope, &mut warnings, |keys, trusted| {
            let commit = only_commit(store, keys, scope.artifact(), trusted, prefix)?;
            Ok(commit.map(|commit| {
                let prefix = keys.commits(scope.artifact(), trusted, &commit);
                (format!("{prefix}/"), None)
            }))
        })?,
    };
    let several = matches!(selector, Selector::Workspace | Selector::Workflow(_));
    let wanted: Vec<Record> = found
        .into_iter()
        .filter(|record| scope.wants(record))
        .filter(|record| !several || scope.name.as_ref().is_none_or(|name| *name == record.artifact))
        .collect();
    if wanted.is_empty() {
        return Err(nothing(store, scope, &selector)?);
    }
    if several {
        warnings.extend(missing_layers(&wanted));
    }
    Ok(Resolved {
        layers: wanted.into_iter().map(Layer::from).collect(),
        warnings,
    })
}

/// Calls `with` for the builds of a scope. A latest build whose tree turns out to be missing or damaged is replaced by
/// the newest one before it, with a warning, unless the scope is strict: then `with` begins again.
pub fn intact<T>(
    store: &impl Store,
    scope: &Scope,
    mut with: impl FnMut(&Resolved) -> Result<T>,
) -> Result<(T, Resolved)> {
    store_format::check(store)?;
    let mut scope = scope.clone();
    let mut first_damage = None;
    loop {
        let resolved = match (resolve(store, &scope), first_damage.take()) {
            // That nothing is left is less to know than what is wrong with the newest.
            (Err(Error::NothingMatched(_) | Error::Damaged(_)), Some(damage)) => return Err(damage),
            (resolved, damage) => {
                first_damage = damage;
                resolved?
            }
        };
        let damage = match with(&resolved) {
            Err(Error::Damaged(damage)) if scope.may_fall_back() => damage,
            done => return Ok((done?, resolved)),
        };
        let first = first_damage.get_or_insert(Error::Damaged(damage.clone()));
        // Whichever of its trees it is, the build is passed over.
        let damaged = |layer: &Layer| DamagedTree {
            tree: layer.tree,
            damage: damage.clone(),
        };
        scope.damaged.extend(resolved.layers.first().map(damaged));
        if scope.damaged.len() > FALLBACKS_MAX || resolved.layers.is_empty() {
            return Err(first.clone());
        }
    }
}

/// Returns the newest build below a prefix of look-up keys, whatever its state: who names a build wants that one. What
/// a fork or a pull request built answers only where nothing else does, with a warning.
fn by_name(
    store: &impl Store,
    scope: &Scope,
    warnings: &mut Vec<Problem>,
    prefix: impl Fn(&Project, bool) -> Result<Option<(String, Option<u64>)>>,
) -> Result<Vec<Record>> {
    let keys = scope.context.keys()?;
    for trusted in [true, false] {
        let Some((prefix, number)) = prefix(&keys, trusted)? else {
            continue;
        };
        let search = Search {
            form: match number {
                Some(_) => Form::Spread,
                None => Form::Flat,
            },
            by_name: true,
            number,
            lenient: false,
            ..Search::branch(&prefix, scope)
        };
        let found = newest(store, &search, scope, warnings)?;
        if !found.is_empty() {
            warn_of_trust(&found, scope, warnings);
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// Returns the one commit that begins with `prefix`, in full.
fn only_commit(
    store: &impl Store,
    keys: &Project,
    artifact: &str,
    trusted: bool,
    prefix: &str,
) -> Result<Option<String>> {
    let start = keys.commits(artifact, trusted, prefix);
    let mut found: Vec<String> = Vec::new();
    let mut after = None;
    while found.len() <= SUGGESTED {
        let Some(key) = store.list(&start, after.as_deref(), 1)?.pop() else {
            break;
        };
        let rest = key
            .strip_prefix(&start)
            .and_then(|rest| rest.split('/').next())
            .unwrap_or_default();
        let commit = format!("{prefix}{rest}");
        after = Some(keys::behind(&format!("{start}{rest}"), &key));
        if found.last() != Some(&commit) {
            found.push(commit);
        }
    }
    match found.as_slice() {
        [] => Ok(None),
        [commit] => Ok(Some(commit.clone())),
        several => {
            let more = if several.len() > SUGGESTED {
                " and more"
            } else {
                ""
            };
            let shown: Vec<&str> = several.iter().take(SUGGESTED).map(String::as_str).collect();
            let message = format!("several commits begin with {prefix}: {}{more}", shown.join(", "));
            Err(Error::invalid(
                "ambiguous-commit",
                message,
                &format!("sha:{prefix}"),
            ))
        }
    }
}

/// Returns the one job run that a scope's selector means.
pub(crate) fn one_build(store: &impl Store, scope: &Scope) -> Result<(Vec<Record>, Vec<Problem>)> {
    let resolved = lookup::resolve(store, scope)?;
    let records: Vec<Record> = resolved
        .layers
        .into_iter()
        .filter_map(|layer| layer.record)
        .collect();
    let mut ids = records.iter().map(|record| record.build_id().all_attempts());
    match ids.next() {
        Some(first) if ids.all(|other| other == first) => Ok((records, resolved.warnings)),
        _ => Err(Error::invalid(
            "not-one-build",
            "this selector does not mean one build; build:N, sha:, tag:, channel: or latest does",
            &scope.selector,
        )),
    }
}

//! Plans an attach: compares the merged tree with the directory, and cuts the work into tasks by pack.

use std::collections::{HashMap, HashSet};

use super::case::check_name_differs;
use super::compare::Comparing;
use super::compared::Compared;
use super::coverage::{self, Coverage, Prefixes};
use super::cut::tasks;
use super::layout::{Merged, lay_out};
use super::request::Attach;
use super::staging;
use crate::error::{Error, Result};
use crate::glob::Selection;
use crate::lookup::{self, Layer, Resolved};
use crate::ports::{Files, Scratch, Store};
use crate::transfer_plan::Planned;
use crate::tree::{Entries, Entry, Located};
use crate::workspace::{Merge, Only};

/// Compares a tree with the directory, and decides what each worker will do.
pub fn plan(
    store: &impl Store,
    files: &impl Files,
    scratch: &dyn Scratch,
    request: &Attach,
) -> Result<Planned> {
    // What is no pattern must not cost a look-up, unless it may be a path of the artifact.
    let asked = check_only(&request.only, true)?;
    let attempt = |resolved: &Resolved| {
        let seen = scan_trees(store, &resolved.layers, request, &asked)?;
        let open = || Merge::open(store, &resolved.layers, request.on_conflict);
        let mut merge = open()?;
        let mut next = || {
            let located = merge.next_entry()?;
            Ok(located.map(|Located { entry, table }| Merged {
                entry,
                table: Some(table),
            }))
        };
        let compared = compare(files, scratch, request, seen, &mut next)?;
        let staging_dirs = compared.rest.staging_dirs.clone();
        let planned = (|| {
            if compared.folds_case {
                let (mut merge, mut names) = (open()?, HashMap::new());
                while let Some(Located { entry, .. }) = merge.next_entry()? {
                    check_name_differs(&mut names, &entry.path)?;
                }
            }
            tasks(scratch, compared)
        })();
        if planned.is_err() {
            // Nobody abandons what has no plan. A failure here would only hide the one that led to it.
            drop(staging::clear(files, &staging_dirs));
        }
        planned
    };
    let ((compared, tasks), resolved) = match lookup::intact(store, &request.scope, attempt) {
        Err(Error::NothingMatched(nothing)) => {
            // That a pattern is none is more to know than that there is no build.
            check_only(&request.only, false)?;
            return Err(Error::NothingMatched(nothing));
        }
        planned => planned?,
    };
    let record = |layer: &Layer| layer.record.clone();
    let builds: Vec<_> = resolved.layers.iter().filter_map(record).collect();
    let Compared {
        mut rest,
        steps,
        warnings,
        ..
    } = compared;
    rest.builds.clone_from(&builds);
    let mut planned = Planned {
        files: rest.files,
        bytes: rest.bytes,
        may_fall_back: request.scope.may_fall_back(),
        builds,
        warnings: resolved.warnings.into_iter().chain(warnings).collect(),
        steps,
        ..Planned::default()
    };
    if !request.dry_run {
        planned.tasks = tasks;
        planned.rest = crate::wire::write(&rest)?;
    }
    Ok(planned)
}

/// Facts about an artifact that are needed before its entries are compared.
struct Scanned {
    /// The paths that exist among those that are written like patterns.
    there: HashSet<String>,
    layers: Vec<coverage::Layer>,
    prefixes: Prefixes,
}

/// Looks through the trees for that, where it is needed: without `--clean` and `--only` no entry is read for it.
fn scan_trees(
    store: &impl Store,
    layers: &[Layer],
    request: &Attach,
    asked: &HashSet<String>,
) -> Result<Scanned> {
    let mut seen = Scanned {
        there: HashSet::new(),
        layers: Vec::new(),
        prefixes: Prefixes::new(request.layout),
    };
    for layer in layers {
        if !request.clean && asked.is_empty() {
            break;
        }
        let mut entries = Entries::open(store, &layer.tree)?;
        let mut covering = coverage::Layer {
            covers: entries.covers().to_vec(),
            ..coverage::Layer::default()
        };
        let is_needed = covering.covers.is_empty() || seen.prefixes.is_asked();
        if !asked.is_empty() || (request.clean && is_needed) {
            while let Some(Located { entry, .. }) = entries.next_entry()? {
                seen.there.extend(asked.get(&entry.path).cloned());
                seen.prefixes.see(&entry);
                covering.see(&entry);
            }
        }
        seen.layers.push(covering);
    }
    Ok(seen)
}

/// Compares files of which nothing but the paths is known, and which are to be written whole. `entries` are as a tree
/// would have them: in path order, each with its parent.
pub(crate) fn plan_downloads<'s>(
    files: &impl Files,
    scratch: &'s dyn Scratch,
    request: &Attach,
    entries: Vec<Entry>,
) -> Result<Compared<'s>> {
    let mut seen = Scanned {
        there: entries.iter().map(|entry| entry.path.clone()).collect(),
        layers: vec![coverage::Layer::default()],
        prefixes: Prefixes::new(request.layout),
    };
    for entry in &entries {
        seen.prefixes.see(entry);
        seen.layers.iter_mut().for_each(|layer| layer.see(entry));
    }
    let paths: Vec<String> = entries.iter().map(|entry| entry.path.clone()).collect();
    let mut entries = entries.into_iter().map(|entry| Merged { entry, table: None });
    let compared = compare(files, scratch, request, seen, &mut || Ok(entries.next()))?;
    if compared.folds_case {
        let mut names = HashMap::new();
        let differ = paths
            .iter()
            .try_for_each(|path| check_name_differs(&mut names, path));
        if differ.is_err() {
            drop(staging::clear(files, &compared.rest.staging_dirs));
        }
        differ?;
    }
    Ok(compared)
}

/// Refuses what is no pattern, where every path exists that is written like one, or none. Returns these paths.
fn check_only(only: &[String], paths_exist: bool) -> Result<HashSet<String>> {
    let mut asked = HashSet::new();
    if only.is_empty() {
        return Ok(asked);
    }
    Selection::parse(only, |path| {
        asked.insert(path.to_owned());
        Ok::<_, Error>(paths_exist)
    })?;
    Ok(asked)
}

/// Compares what is merged and wanted with what exists, and makes the staging directories.
fn compare<'s>(
    files: &impl Files,
    scratch: &'s dyn Scratch,
    request: &Attach,
    seen: Scanned,
    next: &mut dyn FnMut() -> Result<Option<Merged>>,
) -> Result<Compared<'s>> {
    let mut only = Only::new(&request.only, |path| seen.there.contains(path))?;
    let wanted = only.selection().cloned();
    let coverage = match request.clean {
        true => Some(Coverage::of(&seen.layers, wanted, seen.prefixes.into_found())?),
        false => None,
    };
    let mut comparing = Comparing::new(files, scratch, request, coverage.as_ref())?;
    let streams = request.layout.keeps_paths();
    let mut known = true;
    // Other paths have another order, so all of them must be known before the first is compared.
    let mut all = Vec::new();
    while let Some(merged) = next()? {
        known &= merged.table.is_some();
        let (path, content) = (merged.entry.path.clone(), merged.entry.content.clone());
        only.take((&path, &content), merged, &mut |merged| match streams {
            true => comparing.entry(&merged.entry, merged.table.as_deref()),
            false => {
                all.push(merged);
                Ok(())
            }
        })?;
    }
    let mut warnings = only.end()?;
    let (laid_out, left_out) = lay_out(all, request.layout, known && !streams)?;
    for merged in laid_out {
        comparing.entry(&merged.entry, merged.table.as_deref())?;
    }
    let compared = comparing.finish()?;
    warnings.extend(compared.warnings);
    warnings.extend(left_out);
    Ok(Compared { warnings, ..compared })
}

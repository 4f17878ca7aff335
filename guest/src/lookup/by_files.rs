//! The newest build that has certain files. That a build has them is in its tree, so builds are looked into one by one, and
//! only so many.

use super::latest::latest;
use super::list::{Query, list};
use super::scope::Scope;
use crate::build_id::BuildId;
use crate::error::{Error, Problem, Result, warning};
use crate::glob::Glob;
use crate::ports::Store;
use crate::record::Record;
use crate::tree::{Content, Entries, Located};

/// The maximum number of records to check. A job that ran as several nodes has one for each of them.
const SEARCHED_MAX: u32 = 100;

/// Returns the newest build of a branch, from its latest on, of which each pattern of the scope matches a file or a symlink.
/// Builds that are damaged or incomplete are passed over.
pub(super) fn newest_having(
    store: &impl Store,
    scope: &Scope,
    branch: &str,
    warnings: &mut Vec<Problem>,
) -> Result<Vec<Record>> {
    if let Some(excludes) = scope.having.iter().find(|pattern| pattern.starts_with('!')) {
        let message = format!(
            "pattern `{excludes}` only excludes, and --having takes patterns that the files of a build match"
        );
        return Err(Error::invalid("wrong-glob", message, ""));
    }
    let wanted = scope
        .having
        .iter()
        .map(|pattern| Glob::parse(pattern))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Error::invalid("wrong-glob", error.to_string(), ""))?;
    // Most often it is the latest, and no other is looked at.
    let first = latest(store, scope, branch, warnings)?;
    let Some(newest) = first.first().map(|record| record.build_id().all_attempts()) else {
        return Ok(first);
    };
    if has(store, scope, &first, &wanted, warnings)? {
        return Ok(first);
    }
    let query = Query {
        scope: scope.clone(),
        branch: Some(branch.to_owned()),
        limit: SEARCHED_MAX as usize,
        ..Query::default()
    };
    let listed = list(store, &query)?;
    let searched = listed.len();
    let older = builds(listed).skip_while(|(id, _)| *id != newest).skip(1);
    for (_, mut nodes) in older {
        let is_whole = nodes
            .first()
            .is_some_and(|record| nodes.len() == record.node.total as usize);
        if is_whole && has(store, scope, &nodes, &wanted, warnings)? {
            nodes.sort_by_key(|record| record.node);
            return Ok(nodes);
        }
    }
    let reach = match searched < SEARCHED_MAX as usize {
        true => "no build".to_owned(),
        false => format!("none of the newest {SEARCHED_MAX} builds"),
    };
    let message = format!(
        "{reach} of {} in {} on branch {branch} has files that match {}",
        scope.artifact(),
        scope.context.project()?,
        scope.having.join(" and ")
    );
    Err(Error::nothing_matched("no-build", message, &scope.selector))
}

/// Returns the builds that records are of, in their order: of each node the last attempt.
fn builds(records: Vec<Record>) -> impl Iterator<Item = (BuildId, Vec<Record>)> {
    let mut builds: Vec<(BuildId, Vec<Record>)> = Vec::new();
    for record in records {
        let id = record.build_id().all_attempts();
        match builds.iter_mut().find(|(other, _)| *other == id) {
            Some((_, nodes)) if nodes.iter().all(|node| node.node != record.node) => nodes.push(record),
            Some(_) => {}
            None => builds.push((id, vec![record])),
        }
    }
    builds.into_iter()
}

/// Returns whether each pattern matches something in the trees of a build.
fn has(
    store: &impl Store,
    scope: &Scope,
    nodes: &[Record],
    wanted: &[Glob],
    warnings: &mut Vec<Problem>,
) -> Result<bool> {
    // All of a tree is read: a build that has the files and is damaged is passed over, too.
    let found = scope.check_undamaged(nodes.to_vec()).and_then(|nodes| {
        let mut found = vec![false; wanted.len()];
        for record in &nodes {
            let mut entries = Entries::open(store, &record.tree)?;
            while let Some(Located { entry, .. }) = entries.next_entry()? {
                if entry.content == Content::Directory {
                    continue;
                }
                for (wanted, found) in wanted.iter().zip(&mut found) {
                    *found = *found || includes(wanted, &entry.path);
                }
            }
        }
        Ok(found)
    });
    match found {
        Err(error @ Error::Damaged(_)) if !scope.strict => {
            let build = nodes.first().map(|record| record.build_id().to_string());
            let message = format!("a newer build is damaged and was passed over: {error}");
            warnings.push(warning("damaged-skipped", message, &build.unwrap_or_default()));
            Ok(false)
        }
        found => Ok(!found?.contains(&false)),
    }
}

/// Returns whether a pattern matches a path or a directory above it. A pattern that is the path as it is written is
/// that path.
fn includes(pattern: &Glob, path: &str) -> bool {
    let mut ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    ends.any(|end| {
        path.get(..end)
            .is_some_and(|path| path == pattern.text() || pattern.matches(path))
    })
}

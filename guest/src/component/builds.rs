//! The export `builds`: questions about what is in the store.

use super::convert::{builds, context, jobs, scope, to_wit_error, wit_problems, wit_time};
use super::exports::builds as wit;
use super::http::Granted as GrantedHttp;
use super::imports::types::Kind;
use super::store::Granted;
use crate::circleci::{self, Artifacts, plain};
use crate::diff;
use crate::error::{Error, Problem, Result};
use crate::lookup::{self, Query, Scope};
use crate::record::Record;
use crate::tree::{Content, Entry};

impl wit::Guest for super::Component {
    fn resolve(wanted: wit::Scope) -> Result<wit::Resolution, wit::Error> {
        resolve(&scope(wanted)).map_err(to_wit_error)
    }

    fn list(query: wit::Query) -> Result<Vec<wit::Build>, wit::Error> {
        let query = Query {
            scope: scope(query.scope),
            branch: query.branch,
            commit: query.commit,
            tag: query.tag,
            limit: query.limit as usize,
        };
        if query.scope.circleci.is_some() {
            return Err(to_wit_error(circleci::not_listed()));
        }
        lookup::list(&Granted, &query).map(builds).map_err(to_wit_error)
    }

    fn artifacts(
        who: wit::BuildContext,
        after: Option<String>,
        limit: u32,
    ) -> Result<wit::Names, wit::Error> {
        lookup::artifacts(&Granted, &context(who), after.as_deref(), limit as usize)
            .map(|page| wit::Names {
                names: page.items,
                more: page.more,
            })
            .map_err(to_wit_error)
    }

    fn show(wanted: wit::Scope) -> Result<wit::Details, wit::Error> {
        show(&scope(wanted)).map_err(to_wit_error)
    }

    fn diff(before: wit::Scope, after: wit::Scope) -> Result<wit::Difference, wit::Error> {
        difference(&scope(before), &scope(after)).map_err(to_wit_error)
    }
}

fn resolve(scope: &Scope) -> Result<wit::Resolution> {
    if let Some(source) = &scope.circleci {
        let (found, warnings) = circleci::resolve(&GrantedHttp::new(), source, scope)?;
        return Ok(wit::Resolution {
            builds: jobs(found, &source.project),
            warnings: wit_problems(warnings),
        });
    }
    let resolved = lookup::resolve(&Granted, scope)?;
    let records: Vec<Record> = resolved
        .layers
        .into_iter()
        .filter_map(|layer| layer.record)
        .collect();
    Ok(wit::Resolution {
        builds: builds(records),
        warnings: wit_problems(resolved.warnings),
    })
}

fn show(scope: &Scope) -> Result<wit::Details> {
    let (entries, found, warnings) = entries(scope, true)?;
    if entries.len() > crate::tree::ENTRIES_MAX {
        return Err(Error::limit(
            "tree-too-large",
            "the merged layers have too many entries",
            &scope.selector,
        ));
    }
    Ok(wit::Details {
        builds: found,
        entries: entries.into_iter().map(tree_entry).collect(),
        warnings: wit_problems(warnings),
    })
}

/// Returns the merged entries of what a scope means, wherever that is. Plain artifacts have paths only.
fn entries(scope: &Scope, plain_too: bool) -> Result<(Vec<Entry>, Vec<wit::Build>, Vec<Problem>)> {
    let Some(source) = &scope.circleci else {
        let (entries, records, warnings) = diff::entries(&Granted, scope)?;
        return Ok((entries, builds(records), warnings));
    };
    let http = GrantedHttp::new();
    let (artifacts, mut warnings) = circleci::open(&http, source, scope)?;
    match artifacts {
        Artifacts::Store(store, inner) => {
            let (entries, records, more) = diff::entries(&store, &inner)?;
            warnings.extend(more);
            Ok((entries, builds(records), warnings))
        }
        Artifacts::Plain(stored) if plain_too => {
            let entries = plain::entries(&stored)?;
            let found = stored.into_iter().map(|(job, _)| job).collect();
            Ok((entries, jobs(found, &source.project), warnings))
        }
        Artifacts::Plain(stored) => {
            let first = stored.first().map(|(job, _)| job.shown());
            Err(circleci::only_plain(&first.unwrap_or_default()))
        }
    }
}

fn difference(before: &Scope, after: &Scope) -> Result<wit::Difference> {
    let (before, before_builds, mut warnings) = entries(before, false)?;
    let (after, after_builds, more) = entries(after, false)?;
    warnings.extend(more);
    let changes = diff::changes(before, after).into_iter();
    Ok(wit::Difference {
        before: before_builds,
        after: after_builds,
        changes: changes
            .map(|change| wit::Change {
                before: change.before.map(tree_entry),
                after: change.after.map(tree_entry),
            })
            .collect(),
        warnings: wit_problems(warnings),
    })
}

fn tree_entry(entry: Entry) -> wit::TreeEntry {
    let (kind, size, digest, target) = match entry.content {
        Content::Directory => (Kind::Directory, 0, String::new(), String::new()),
        Content::Symlink(target) => (Kind::Symlink, 0, String::new(), target),
        Content::File { size, digest, .. } => (Kind::File, size, digest.to_string(), String::new()),
    };
    wit::TreeEntry {
        path: entry.path,
        kind,
        bits: entry.bits,
        modified: wit_time(entry.modified),
        size,
        digest,
        target,
    }
}

//! The export `builds`: questions about what is in the store.

use super::convert::{builds, scope, to_wit_error, wit_problems, wit_time};
use super::exports::builds as wit;
use super::imports::types::Kind;
use super::store::Granted;
use crate::diff::{self, Difference};
use crate::error::{Error, Result};
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
        lookup::list(&Granted, &query).map(builds).map_err(to_wit_error)
    }

    fn show(wanted: wit::Scope) -> Result<wit::Details, wit::Error> {
        show(&scope(wanted)).map_err(to_wit_error)
    }

    fn diff(before: wit::Scope, after: wit::Scope) -> Result<wit::Difference, wit::Error> {
        diff::diff(&Granted, &scope(before), &scope(after))
            .map(difference)
            .map_err(to_wit_error)
    }
}

fn resolve(scope: &Scope) -> Result<wit::Resolution> {
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
    let (entries, records, warnings) = diff::entries(&Granted, scope)?;
    if entries.len() > crate::tree::ENTRIES_MAX {
        return Err(Error::limit(
            "tree-too-large",
            "the merged layers have too many entries",
            &scope.selector,
        ));
    }
    Ok(wit::Details {
        builds: builds(records),
        entries: entries.into_iter().map(tree_entry).collect(),
        warnings: wit_problems(warnings),
    })
}

fn difference(difference: Difference) -> wit::Difference {
    wit::Difference {
        before: builds(difference.before),
        after: builds(difference.after),
        changes: difference
            .changes
            .into_iter()
            .map(|change| wit::Change {
                before: change.before.map(tree_entry),
                after: change.after.map(tree_entry),
            })
            .collect(),
        warnings: wit_problems(difference.warnings),
    }
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

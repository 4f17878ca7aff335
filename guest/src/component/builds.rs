//! The export `builds`: questions about what is in the store.

use super::convert::{builds, scope, to_wit_error, wit_time};
use super::exports::builds as wit;
use super::imports::types::Kind;
use super::store::Granted;
use crate::error::{Error, Result};
use crate::lookup::{self, Query, Scope};
use crate::record::Record;
use crate::tree::{Content, Tree};
use crate::workspace::{self, OnConflict};

impl wit::Guest for super::Component {
    fn resolve(wanted: wit::Scope) -> Result<Vec<wit::Build>, wit::Error> {
        resolve(&scope(wanted)).map(builds).map_err(to_wit_error)
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
}

fn resolve(scope: &Scope) -> Result<Vec<Record>> {
    let layers = lookup::resolve(&Granted, scope)?;
    Ok(layers.into_iter().filter_map(|layer| layer.record).collect())
}

fn show(scope: &Scope) -> Result<wit::Details> {
    let mut layers = Vec::new();
    for layer in lookup::resolve(&Granted, scope)? {
        let tree = Tree::load(&Granted, &layer.tree)?;
        layers.push((layer, tree));
    }
    let mut entries = Vec::new();
    for merged in workspace::merge(&layers, OnConflict::Newest)? {
        let entry = merged.entry;
        let (kind, size, digest, target) = match entry.content {
            Content::Directory => (Kind::Directory, 0, String::new(), String::new()),
            Content::Symlink(target) => (Kind::Symlink, 0, String::new(), target),
            Content::File { size, digest, .. } => (Kind::File, size, digest.to_string(), String::new()),
        };
        let modified = wit_time(entry.modified);
        entries.push(wit::TreeEntry {
            path: entry.path,
            kind,
            bits: entry.bits,
            modified,
            size,
            digest,
            target,
        });
    }
    if entries.len() > crate::tree::ENTRIES_MAX {
        return Err(Error::limit(
            "tree-too-large",
            "the merged layers have too many entries",
            &scope.selector,
        ));
    }
    let records = layers.into_iter().filter_map(|(layer, _)| layer.record).collect();
    Ok(wit::Details {
        builds: builds(records),
        entries,
    })
}

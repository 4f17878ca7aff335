//! The export `builds`: questions about what is in the store.

use super::convert::{builds, context, jobs, scope, to_wit_error, wit_problems, wit_time};
use super::exports::builds as wit;
use super::http::Granted as GrantedHttp;
use super::imports::types::Kind;
use super::scratch::Granted as Scratch;
use super::store::Granted;
use crate::circleci::{self, Artifacts, plain};
use crate::diff::{self, Change};
use crate::error::{Problem, Result};
use crate::lookup::{self, Query, Scope};
use crate::ports::Store;
use crate::record::Record;
use crate::scratch_list::ScratchList;
use crate::tree::{Content, Entry};
use crate::workspace::{Merge, OnConflict};

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

    fn entries(page: wit::Page) -> Result<Vec<wit::TreeEntry>, wit::Error> {
        let entries = ScratchList::read_page(&Scratch, &page).map_err(to_wit_error)?;
        Ok(entries.into_iter().map(tree_entry).collect())
    }

    fn changes(page: wit::Page) -> Result<Vec<wit::Change>, wit::Error> {
        let changes: Vec<Change> = ScratchList::read_page(&Scratch, &page).map_err(to_wit_error)?;
        let change = |change: Change| wit::Change {
            before: change.before.map(tree_entry),
            after: change.after.map(tree_entry),
        };
        Ok(changes.into_iter().map(change).collect())
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
    let Listed {
        entries,
        builds,
        warnings,
    } = listed(scope, true)?;
    Ok(wit::Details {
        builds,
        entries: entries.pages()?,
        warnings: wit_problems(warnings),
    })
}

/// The builds that a scope means, and their merged entries.
struct Listed {
    entries: ScratchList<Entry>,
    builds: Vec<wit::Build>,
    warnings: Vec<Problem>,
}

/// Lists what a scope means, wherever that is. Plain artifacts have paths only.
fn listed(scope: &Scope, plain_too: bool) -> Result<Listed> {
    let Some(source) = &scope.circleci else {
        return stored(&Granted, scope);
    };
    let http = GrantedHttp::new();
    let (artifacts, mut warnings) = circleci::open(&http, source, scope)?;
    match artifacts {
        Artifacts::Store(store, inner) => {
            let listed = stored(&store, &inner)?;
            warnings.extend(listed.warnings);
            Ok(Listed { warnings, ..listed })
        }
        Artifacts::Plain(stored) if plain_too => {
            let entries = ScratchList::of(&Scratch, plain::entries(&stored)?)?;
            let found = stored.into_iter().map(|(job, _)| job).collect();
            Ok(Listed {
                entries,
                builds: jobs(found, &source.project),
                warnings,
            })
        }
        Artifacts::Plain(stored) => {
            let first = stored.first().map(|(job, _)| job.shown());
            Err(circleci::only_plain(&first.unwrap_or_default()))
        }
    }
}

fn stored(store: &impl Store, scope: &Scope) -> Result<Listed> {
    let (entries, resolved) = lookup::intact(store, scope, |resolved| {
        let mut merge = Merge::open(store, &resolved.layers, OnConflict::Newest)?;
        diff::list(&Scratch, || Ok(merge.next_entry()?.map(|located| located.entry)))
    })?;
    let records = resolved.layers.into_iter().filter_map(|layer| layer.record);
    Ok(Listed {
        entries,
        builds: builds(records.collect()),
        warnings: resolved.warnings,
    })
}

fn difference(before: &Scope, after: &Scope) -> Result<wit::Difference> {
    let (before, after) = (listed(before, false)?, listed(after, false)?);
    let changes = diff::changes(&Scratch, &before.entries, &after.entries)?;
    let warnings = before.warnings.into_iter().chain(after.warnings);
    Ok(wit::Difference {
        before: before.builds,
        after: after.builds,
        changes: changes.pages()?,
        warnings: wit_problems(warnings.collect()),
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

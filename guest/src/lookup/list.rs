//! Lists of builds.

use super::{SEARCHED_MAX, Scope, read};
use crate::error::{Error, Result};
use crate::keys;
use crate::name;
use crate::ports::Store;
use crate::record::Record;
use crate::store_format;

/// Which builds a list shows.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// The artifact, the project and the jobs. The selector has no meaning here.
    pub scope: Scope,
    /// Only of this branch.
    pub branch: Option<String>,
    /// Only of commits that begin with this.
    pub commit: Option<String>,
    /// Only of this tag.
    pub tag: Option<String>,
    /// At most this many.
    pub limit: usize,
}

/// Returns builds, newest first: by order on one branch, by number over all. Narrows by the most selective look-up, then
/// filters.
pub fn list(store: &impl Store, query: &Query) -> Result<Vec<Record>> {
    query.scope.check_names()?;
    for (what, wanted) in [("a branch", &query.branch), ("a tag", &query.tag)] {
        if let Some(wanted) = wanted {
            name::check_foreign(what, wanted)?;
        }
    }
    store_format::check(store)?;
    let keys = query.scope.context.keys()?;
    let artifact = query.scope.artifact();
    let commit = query.commit.as_ref().map(|commit| commit.to_lowercase());
    let prefix = match (&commit, &query.tag, &query.branch) {
        (Some(commit), ..) if commit.len() < 4 || commit.bytes().any(|byte| !byte.is_ascii_hexdigit()) => {
            return Err(Error::invalid(
                "wrong-commit",
                "a commit is named by 4 to 64 hex digits",
                commit,
            ));
        }
        (Some(commit), ..) => keys.commits(artifact, commit),
        (None, Some(tag), _) => keys.tag(artifact, tag),
        (None, None, Some(branch)) => keys.branch(artifact, branch),
        (None, None, None) => keys.numbers(artifact),
    };
    // The keys of several commits come by commit: the newest are known when all are read.
    let enough = if commit.is_some() { usize::MAX } else { query.limit };
    let mut found = Vec::new();
    let mut searched = 0;
    let mut after: Option<String> = None;
    // A filter that hardly matches must not read the whole history.
    while found.len() < enough && searched < SEARCHED_MAX {
        let page = store.list(&prefix, after.as_deref(), 100)?;
        let last = page.len() < 100;
        searched += page.len();
        for key in &page {
            if keys::leaf(key).is_none() {
                continue;
            }
            let record = read(store, key)?;
            let fits = |wanted: &Option<String>, has: &Option<String>| wanted.is_none() || wanted == has;
            if fits(&query.branch, &record.branch)
                && fits(&query.tag, &record.tag)
                && query.scope.wants(&record)
            {
                found.push(record);
            }
            if found.len() == enough {
                break;
            }
        }
        after = page.last().cloned();
        if last {
            break;
        }
    }
    if commit.is_some() {
        found.sort_by_key(|record| std::cmp::Reverse((record.number, record.order)));
        found.truncate(query.limit);
    }
    if found.is_empty() {
        store_format::explain_absence(store)?;
    }
    Ok(found)
}

//! Reading records and keys, as every look-up does.

use super::scope::Scope;
use crate::error::{Error, Problem, Result, warning};
use crate::ports::{Store, get_intact};
use crate::record::Record;

/// The search of a branch ends after this many consecutive builds that are incomplete, or of other jobs.
pub(super) const SEARCHED_MAX: usize = 2_000;

/// Says that a fork or a pull request built what was found, unless one asks.
pub(super) fn warn_of_trust(found: &[Record], scope: &Scope, warnings: &mut Vec<Problem>) {
    if let Some(record) = found.iter().find(|record| !record.trusted())
        && scope.context.trusted()
    {
        let message = format!(
            "only {} built a match: trust it as far as you trust its author",
            record.origin()
        );
        warnings.push(warning("untrusted", message, &record.build_id().to_string()));
    }
}

/// Returns the default in place of a missing, damaged or too large object: for objects that only save work.
pub(crate) fn ignore_damage<T: Default>(found: Result<T>) -> Result<T> {
    match found {
        Err(Error::NothingMatched(_) | Error::Conflict(_) | Error::Limit(_)) => Ok(T::default()),
        Err(error) => error.into_damage().map(|_| T::default()),
        found => found,
    }
}

/// Reads the record under a key that a listing gave.
pub fn read(store: &impl Store, key: &str) -> Result<Record> {
    get_intact(store, key, None, |bytes| Record::open(key, &bytes))?
        .ok_or_else(|| Error::damaged(key, "the record is missing"))
}

/// Returns all keys below a prefix, of which there may be about `most`.
pub(super) fn all_keys(store: &impl Store, prefix: &str, most: usize) -> Result<Vec<String>> {
    let mut keys: Vec<String> = Vec::new();
    loop {
        let page = store.list(prefix, keys.last().map(String::as_str), 1000)?;
        let last = page.len() < 1000;
        keys.extend(page);
        if last {
            return Ok(keys);
        }
        if keys.len() > most {
            let message = format!("the workspace has more than {most} layers");
            return Err(Error::limit("too-many-layers", message, prefix));
        }
    }
}

//! The names that a store has: projects, artifacts, branches and channels. A name costs one listing of one key, so
//! every list is a page of a stated length.

use super::read;
use crate::context::Context;
use crate::error::Result;
use crate::event::Event;
use crate::keys;
use crate::name;
use crate::ports::Store;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// In the order of their keys.
    pub items: Vec<T>,
    /// Whether more follow.
    pub more: bool,
}

/// Returns the artifacts of the project that follow `after`, at most `most` of them.
pub fn artifacts(
    store: &impl Store,
    context: &Context,
    after: Option<&str>,
    most: usize,
) -> Result<Page<String>> {
    let prefix = context.keys()?.artifacts();
    let Page { items, more } = below(store, &prefix, "", after, most)?;
    let mut names = Vec::with_capacity(items.len());
    for NamedKey { encoded, key } in items {
        names.push(match keys::text(&encoded) {
            Some(name) => name,
            // A long name is not whole in its key.
            None => read(store, &key)?.artifact,
        });
    }
    Ok(Page { items: names, more })
}

/// Returns the last move of each channel of an artifact that follows `after`, at most `most` of them.
pub fn channels(
    store: &impl Store,
    context: &Context,
    artifact: &str,
    after: Option<&str>,
    most: usize,
) -> Result<Page<Event>> {
    name::check_artifact(artifact)?;
    let prefix = context.keys()?.channels(artifact);
    let Page { items, more } = below(store, &prefix, "", after, most)?;
    let last = items.iter().map(|found| Event::read(store, &found.key));
    Ok(Page {
        items: last.collect::<Result<_>>()?,
        more,
    })
}

/// Returns the names right below a prefix that begin with `start`, at most `most` of them. Those that are too long to be
/// read from a key are left out.
pub(super) fn names(store: &impl Store, prefix: &str, start: &str, most: usize) -> Result<Page<String>> {
    let Page { items, more } = below(store, prefix, start, None, most)?;
    let items = items.iter().filter_map(|found| keys::text(&found.encoded));
    Ok(Page {
        items: items.collect(),
        more,
    })
}

/// One name as it is in keys, with the first key below it.
struct NamedKey {
    encoded: String,
    key: String,
}

fn below(
    store: &impl Store,
    prefix: &str,
    start: &str,
    after: Option<&str>,
    most: usize,
) -> Result<Page<NamedKey>> {
    let begins = format!("{prefix}{}", keys::name(start));
    let mut after = after.map(|name| keys::behind(&format!("{prefix}{}", keys::name(name)), ""));
    let mut items: Vec<NamedKey> = Vec::new();
    while let Some(key) = store.list(&begins, after.as_deref(), 1)?.pop() {
        let encoded = key
            .strip_prefix(prefix)
            .and_then(|rest| rest.split('/').next())
            .unwrap_or_default()
            .to_owned();
        let end = keys::behind(&format!("{prefix}{encoded}"), &key);
        // A foreign key after all of baton's names: its name was found already, or is on an earlier page.
        let is_behind = end == key;
        after = Some(end);
        if is_behind {
            continue;
        }
        if items.len() == most {
            return Ok(Page { items, more: true });
        }
        items.push(NamedKey { encoded, key });
    }
    Ok(Page { items, more: false })
}

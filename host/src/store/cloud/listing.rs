//! Lists keys in order, whatever the order of the server.

use super::calls::Calls;
use super::failure::{RemoteFailure, RemoteKind};
use crate::store::{Key, StoreError};

/// The maximum number of keys of one request.
const PAGE_KEYS: usize = 1000;
/// The maximum number of keys to sort in memory: some 200 MB.
const SORTED_KEYS_MAX: usize = 2_000_000;

/// The order in which a server lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listing {
    /// By the bytes of whole keys, as Amazon, Google and Microsoft do.
    Bytes,
    /// By names, directory by directory, as servers do that keep objects in directories.
    Names,
    /// In no known order, or ignoring the start of the listing.
    Unordered,
}

impl Listing {
    /// Returns the word that is stored for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Listing::Bytes => "bytes",
            Listing::Names => "names",
            Listing::Unordered => "unordered",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Listing> {
        [Listing::Bytes, Listing::Names, Listing::Unordered]
            .into_iter()
            .find(|listing| listing.word() == word)
    }

    /// Returns a description for people.
    pub(super) fn described(self) -> &'static str {
        match self {
            Listing::Bytes => "in order of bytes",
            Listing::Names => "in order of names, a directory at a time",
            Listing::Unordered => {
                "in no known order: baton sorts the keys, which takes longer with more builds"
            }
        }
    }

    /// Whether `first` is listed before `second`.
    fn precedes(self, first: &str, second: &str) -> bool {
        match self {
            Listing::Bytes => first < second,
            Listing::Names => first.split('/').lt(second.split('/')),
            Listing::Unordered => false,
        }
    }

    /// Returns at most `limit` keys that begin with `prefix` and come after `start_after`.
    pub(super) fn list(
        self,
        calls: &Calls,
        prefix: &str,
        start_after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        if self == Listing::Unordered {
            return sorted(calls, prefix, start_after, limit);
        }
        let mut keys: Vec<String> = Vec::new();
        let mut from: Option<String> = None;
        while keys.len() < limit {
            let wanted = (limit - keys.len()).min(PAGE_KEYS);
            let page = calls.page(prefix, start_after, wanted, from.as_deref())?;
            for key in page.keys {
                let before = keys.last().map(String::as_str).or(start_after);
                // A server that breaks its own order once is not trusted.
                if before.is_some_and(|before| !self.precedes(before, &key)) {
                    return sorted(calls, prefix, start_after, limit);
                }
                // Other names were not written by baton, or belong to the host.
                if Key::parse(&key).is_ok() && keys.len() < limit {
                    keys.push(key);
                }
            }
            match page.next {
                Some(next) => from = Some(next),
                None => break,
            }
        }
        Ok(keys)
    }
}

/// Lists all keys below the prefix, and sorts them. This is slow for many keys, and correct on every server.
fn sorted(
    calls: &Calls,
    prefix: &str,
    start_after: Option<&str>,
    limit: usize,
) -> Result<Vec<String>, StoreError> {
    let mut keys: Vec<String> = Vec::new();
    let mut from: Option<String> = None;
    // Directory buckets accept only prefixes that end with a slash.
    let dir = prefix.rfind('/').and_then(|slash| prefix.get(..=slash));
    loop {
        let page = calls.page(dir.unwrap_or_default(), None, PAGE_KEYS, from.as_deref())?;
        let is_wanted =
            |key: &String| key.starts_with(prefix) && start_after.is_none_or(|after| key.as_str() > after);
        keys.extend(
            page.keys
                .into_iter()
                .filter(is_wanted)
                .filter(|key| Key::parse(key).is_ok()),
        );
        if keys.len() > SORTED_KEYS_MAX {
            let message = format!(
                "the server does not list in order, and there are more than {SORTED_KEYS_MAX} keys to sort"
            );
            return Err(StoreError::Remote {
                what: "listed",
                key: prefix.to_owned(),
                store: calls.location().to_owned(),
                source: RemoteFailure::new(RemoteKind::Answer, message),
            });
        }
        match page.next {
            Some(next) => from = Some(next),
            None => break,
        }
    }
    keys.sort_unstable();
    keys.dedup();
    keys.truncate(limit);
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_orders_differ_across_a_slash() {
        assert!(Listing::Bytes.precedes("a-b", "a/b") && !Listing::Names.precedes("a-b", "a/b"));
        assert!(Listing::Names.precedes("a/b", "a-b") && !Listing::Bytes.precedes("a/b", "a-b"));
        for listing in [Listing::Bytes, Listing::Names] {
            assert!(listing.precedes("a/b1", "a/b2") && !listing.precedes("a", "a"));
            assert_eq!(Listing::from_word(listing.word()), Some(listing));
        }
    }
}

//! Reads that are checked, and repeated where the bytes may have been altered on their way.

use super::store::Store;
use crate::error::{Error, Result};
use crate::id::Digest;

/// Reads an object, or the part `(offset, length)` of it, with `check`. If that finds damage, the object is read once more:
/// bytes can be altered in transit, too, and then no older build may replace an intact one.
///
/// Fails with [`Error::Damaged`] where the store keeps answering the same wrong bytes, and with a failure of the store
/// where the answer cannot be the object: a web page, gzip data, or different bytes at each attempt.
pub fn get_intact<T>(
    store: &impl Store,
    key: &str,
    range: Option<(u64, u64)>,
    mut check: impl FnMut(Vec<u8>) -> Result<T>,
) -> Result<Option<T>> {
    let Some(first) = store.get(key, range)? else {
        return Ok(None);
    };
    let found = check(first);
    if !matches!(found, Err(Error::Damaged(_))) {
        return found.map(Some);
    }
    let Some(second) = store.get(key, range)? else {
        return Ok(None);
    };
    let read = WrongAnswer::of(&second);
    match check(second) {
        Err(error @ Error::Damaged(_)) => Err(read.judge(store, key, range)?.unwrap_or(error)),
        found => found.map(Some),
    }
}

/// An answer of the store that is not the object.
pub(crate) struct WrongAnswer {
    length: u64,
    digest: Digest,
    foreign: Option<&'static str>,
}

impl WrongAnswer {
    /// Looks at an answer.
    pub(crate) fn of(bytes: &[u8]) -> WrongAnswer {
        WrongAnswer {
            length: bytes.len() as u64,
            digest: Digest::of(bytes),
            foreign: foreign(bytes),
        }
    }

    /// Returns the error for an answer that cannot be the object, or nothing where the store keeps wrong bytes.
    pub(crate) fn judge(
        &self,
        store: &impl Store,
        key: &str,
        range: Option<(u64, u64)>,
    ) -> Result<Option<Error>> {
        if let Some(what) = self.foreign {
            return Ok(Some(Error::not_the_object(key, what)));
        }
        let size = store.head(key)?;
        let wanted = match (size, range) {
            (None, _) => return Ok(None),
            (Some(size), None) => size,
            (Some(size), Some((offset, length))) => size.saturating_sub(offset).min(length),
        };
        if self.length != wanted {
            let what = format!("{} bytes of {wanted}", self.length);
            return Ok(Some(Error::not_the_object(key, &what)));
        }
        let third = store.get(key, range)?;
        let same = third.is_none_or(|third| Digest::of(&third) == self.digest);
        Ok((!same).then(|| Error::not_the_object(key, "different bytes at each attempt")))
    }
}

/// Returns what an answer is, where no object of a store can begin like this: objects are zstd frames or JSON.
fn foreign(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(&[0x1f, 0x8b, 0x08]) {
        return Some("gzip data");
    }
    let text = bytes
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(bytes)
        .trim_ascii_start();
    let begins = |with: &&str| {
        text.get(..with.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()))
    };
    ["<!doctype", "<html", "<head", "<body", "<?xml", "<error", "<!--"]
        .iter()
        .any(begins)
        .then_some("a web page or an XML document")
}

//! The objects of a store that a run may replace: the bounded exception to "existing objects stay".
//!
//! Three kinds may be replaced. An object whose name is the digest of the new bytes: that is always harmless.
//! An object that is not what its own first line says: it is damaged, and nobody can read it. And of the run's own project
//! a few objects, since a build that lost its bytes gets other ones, and its records with them. All other keys are safe
//! from a component, whatever it asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Deserialize;

use crate::bindings::types::Error as PluginError;
use crate::problem;
use crate::store::{Key, ObjectStore, StoreError};

/// How many objects of its project that are not damaged a run may replace: the records, the layer and the signatures of one
/// build are fewer.
const OWN_MAX: u32 = 64;
/// No record is larger. What is, and is not named by its bytes, is not looked at.
const LOOKED_AT_BYTES_MAX: u64 = 1 << 20;
/// docs/reference/format.md, "Keys".
const NAME_BYTES_MAX: usize = 180;

/// The repairs that a run has left. Its instances share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Repairs {
    /// The project as one name of a key. Absent: objects of no project.
    project: Option<String>,
    used: Arc<AtomicU32>,
}

impl Repairs {
    /// Returns what a run of a project may replace.
    pub(crate) fn of(project: Option<&str>) -> Repairs {
        Repairs {
            project: project.map(name),
            used: Arc::default(),
        }
    }

    /// Checks that an object may be replaced by these bytes.
    pub(crate) fn check(&self, store: &dyn ObjectStore, key: &str, bytes: &[u8]) -> Result<(), PluginError> {
        let parsed = Key::parse(key).map_err(|error| problem::store(&error))?;
        if is_named_by(key, bytes) {
            return Ok(());
        }
        // Whatever lies under the name of a digest, no other bytes belong there.
        if is_digest(key.rsplit('/').next().unwrap_or_default()) {
            let message = "only the bytes that a key is the digest of replace what lies there".to_owned();
            return Err(problem::internal(message, key));
        }
        if !is_whole(store, parsed).map_err(|error| problem::store(&error))? {
            return Ok(());
        }
        let is_own = self
            .project
            .as_ref()
            .is_some_and(|project| key.split('/').nth(2) == Some(project.as_str()));
        // Counted from zero, so the last one that fits sees one less.
        if is_own && self.used.fetch_add(1, Ordering::Relaxed) < OWN_MAX {
            return Ok(());
        }
        let message = match is_own {
            true => format!("a run replaces at most {OWN_MAX} objects of its project that are not damaged"),
            false => "what is in the store and not damaged is not replaced".to_owned(),
        };
        Err(problem::internal(message, key))
    }
}

/// Whether the last name of a key is the digest of the bytes.
pub(crate) fn is_named_by(key: &str, bytes: &[u8]) -> bool {
    key.rsplit('/').next() == Some(blake3::hash(bytes).to_hex().as_str())
}

fn is_digest(name: &str) -> bool {
    name.len() == 2 * blake3::OUT_LEN && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The first line of a small object, which describes the rest.
#[derive(Deserialize)]
struct Header {
    digest: String,
}

/// Whether an object matches its own first line. A missing object does not.
fn is_whole(store: &dyn ObjectStore, key: Key<'_>) -> Result<bool, StoreError> {
    match store.head(key)? {
        None => return Ok(false),
        Some(size) if size > LOOKED_AT_BYTES_MAX => return Ok(true),
        Some(_) => {}
    }
    let Some(bytes) = store.get(key, None)? else {
        return Ok(false);
    };
    let is_sealed = || {
        let border = bytes.iter().position(|byte| *byte == b'\n')?;
        let (head, body) = bytes.split_at_checked(border + 1)?;
        let header: Header = serde_json::from_slice(head).ok()?;
        Some(header.digest == blake3::hash(body).to_hex().as_str())
    };
    // Nothing else has a first line of JSON with a digest: a signature, say, is one line.
    let is_other = || serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes).is_ok();
    Ok(is_sealed().unwrap_or(false) || is_other() || ends_in_its_digest(&bytes))
}

/// Whether the last 32 bytes are the digest of the others: so a list of what is deleted ends.
fn ends_in_its_digest(bytes: &[u8]) -> bool {
    let border = bytes.len().saturating_sub(blake3::OUT_LEN);
    let (body, digest) = bytes.split_at(border);
    border > 0 && blake3::hash(body).as_bytes() == digest
}

/// Returns a text as one name of a key (docs/reference/format.md, "Keys").
fn name(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for (at, byte) in text.bytes().enumerate() {
        let is_plain = byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if is_plain && !(at == 0 && byte == b'.') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "~{byte:02X}");
        }
    }
    if encoded.len() > NAME_BYTES_MAX {
        let digest = blake3::hash(text.as_bytes()).to_hex();
        encoded.truncate(NAME_BYTES_MAX - 40);
        encoded.push_str("~-");
        encoded.extend(digest.chars().take(32));
    }
    encoded
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test fails by panicking"
    )]
    use super::*;
    use crate::store::{MemoryStore, PutMode};

    fn sealed(body: &str) -> Vec<u8> {
        let body = format!("{body}\n");
        let digest = blake3::hash(body.as_bytes()).to_hex();
        format!("{{\"baton\":\"record\",\"version\":1,\"digest\":\"{digest}\"}}\n{body}").into_bytes()
    }

    #[test]
    fn only_what_is_damaged_or_named_by_its_bytes_or_of_the_project_is_replaced() {
        let store = MemoryStore::default();
        let put = |key: &str, bytes: &[u8]| {
            store
                .put(Key::parse(key).unwrap(), bytes, PutMode::Overwrite)
                .unwrap();
        };
        let (own, other) = (
            "v1/projects/gh~2Fa~2Fb/builds/x",
            "v1/projects/gh~2Fc~2Fd/builds/x",
        );
        let mut list = b"a list".to_vec();
        let digest = blake3::hash(&list);
        list.extend_from_slice(digest.as_bytes());
        let whole = sealed("{}");
        let digest = blake3::hash(b"pack").to_hex();
        let pack = format!("v1/packs/{}/{digest}", &digest[..2]);
        put(own, &whole);
        put(other, &whole);
        put("v1/store", &whole);
        put("v1/condemned/7/fe", &list);
        put("v1/projects/gh~2Fc~2Fd/signatures/x", br#"{"payload":"x"}"#);
        put(&pack, b"torn");
        let repairs = Repairs::of(Some("gh/a/b"));
        let may = |repairs: &Repairs, key: &str, bytes: &[u8]| repairs.check(&store, key, bytes).is_ok();
        for kept in [
            other,
            "v1/store",
            "v1/condemned/7/fe",
            "v1/projects/gh~2Fc~2Fd/signatures/x",
            &pack,
        ] {
            assert!(!may(&repairs, kept, b"evil"), "{kept}");
        }
        assert!(may(&repairs, &pack, b"pack"));
        put(&pack, &whole);
        assert!(!may(&repairs, &pack, b"evil") && may(&repairs, &pack, b"pack"));
        // What was cut, altered or taken for something else is nobody's any more.
        for damaged in [
            &whole[..whole.len() - 2],
            b"",
            b"junk",
            b"{\"digest\":\"0\"}\nx\n",
        ] {
            put(other, damaged);
            assert!(may(&repairs, other, b"anything"), "{damaged:?}");
        }
        put(other, &whole);
        // A project's own are few, however many instances ask.
        let shared = repairs.clone();
        let granted = (0..500)
            .filter(|turn| may(if turn % 2 == 0 { &repairs } else { &shared }, own, b"other"))
            .count();
        assert_eq!(granted, OWN_MAX as usize);
        assert!(!may(&Repairs::default(), own, b"other"));
        // A project's name somewhere else in a key does not make it its own.
        put("v1/projects/other/builds/gh~2Fa~2Fb/x", &whole);
        assert!(!may(
            &Repairs::of(Some("gh/a/b")),
            "v1/projects/other/builds/gh~2Fa~2Fb/x",
            b"x"
        ));
    }

    #[test]
    fn a_name_of_a_key_is_as_the_format_has_it() {
        for (text, named) in [
            ("main", "main"),
            ("gh/acme/shop", "gh~2Facme~2Fshop"),
            (".hidden", "~2Ehidden"),
            ("ü.", "~C3~BC."),
        ] {
            assert_eq!(name(text), named);
        }
        let long = name(&"x".repeat(200));
        assert!(
            long.len() == 174 && long.starts_with("xxx") && long[140..].starts_with("~-"),
            "{long}"
        );
    }
}

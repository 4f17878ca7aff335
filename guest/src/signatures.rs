//! Signed statements of a build, as a store keeps them: each under the name of the key that made it. What is in one, and
//! whether it is right, is the host's business.

use crate::error::{Error, Result};
use crate::ports::{PutMode, PutOutcome, Store};
use crate::record::Record;

/// More signatures of one build than this are not counted.
const COUNTED_MAX: u32 = 100;
/// A larger envelope is not one of ours.
const ENVELOPE_BYTES_MAX: usize = 1 << 20;

/// The signatures that a store has of a build.
#[derive(Debug, PartialEq, Eq)]
pub struct Signatures {
    /// The object under the name of the key, whoever put it there.
    pub envelope: Option<Vec<u8>>,
    /// The number of signatures under other names. Counted only if there is none under this one.
    pub others: u32,
}

/// Returns what lies under the name of a key. It is asked for by that name: no number of others hides it.
pub fn get(store: &impl Store, record: &Record, key_id: &str) -> Result<Signatures> {
    let prefix = record.signatures_prefix();
    let envelope = store.get(&key_of(&prefix, key_id)?, None)?;
    // One that is too large, or empty, exists and signs nothing.
    let envelope = envelope.map(|it| match (1..=ENVELOPE_BYTES_MAX).contains(&it.len()) {
        true => it,
        false => Vec::new(),
    });
    let others = match envelope {
        Some(_) => 0,
        None => store.list(&prefix, None, COUNTED_MAX)?.len() as u32,
    };
    Ok(Signatures { envelope, others })
}

/// Stores a signed statement under the name of its key.
pub fn add(store: &impl Store, record: &Record, key_id: &str, envelope: &[u8]) -> Result<()> {
    let key = key_of(&record.signatures_prefix(), key_id)?;
    if envelope.len() > ENVELOPE_BYTES_MAX {
        let message = format!("a signed statement has {ENVELOPE_BYTES_MAX} bytes at most");
        return Err(Error::limit("statement-too-large", message, key_id));
    }
    if store.put(&key, envelope, PutMode::Create)? == PutOutcome::AlreadyExists
        && store.get(&key, None)?.is_none_or(|there| there != envelope)
    {
        // The same key gives the same signature of the same statement: anything else is damaged, or of what the build was
        // before its repair.
        store.put(&key, envelope, PutMode::Repair)?;
    }
    Ok(())
}

fn key_of(prefix: &str, key_id: &str) -> Result<String> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=100).contains(&key_id.len()) || !key_id.bytes().all(is_plain) {
        return Err(Error::invalid(
            "wrong-key",
            "this is not the name of a key",
            key_id,
        ));
    }
    Ok(format!("{prefix}{key_id}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::record::tests::example;
    use crate::testing::MemoryStore;

    #[test]
    fn no_number_of_others_hides_the_one_of_the_key() {
        let (store, record) = (MemoryStore::default(), example());
        let found = |envelope: Option<&[u8]>, others| Signatures {
            envelope: envelope.map(<[u8]>::to_vec),
            others,
        };
        assert_eq!(get(&store, &record, "wanted").unwrap(), found(None, 0));
        for number in 0..250 {
            add(&store, &record, &format!("a{number:03}"), b"junk").unwrap();
        }
        assert_eq!(get(&store, &record, "wanted").unwrap(), found(None, 100));
        add(&store, &record, "wanted", b"right").unwrap();
        assert_eq!(get(&store, &record, "wanted").unwrap(), found(Some(b"right"), 0));
        // The same one again changes nothing, and one of a build that was repaired since is replaced.
        add(&store, &record, "wanted", b"right").unwrap();
        add(&store, &record, "wanted", b"of the repaired build").unwrap();
        let repaired = get(&store, &record, "wanted").unwrap();
        assert_eq!(repaired, found(Some(b"of the repaired build"), 0));
        for wrong in ["", "A", "a/b", "..", &"a".repeat(101)] {
            assert!(get(&store, &record, wrong).is_err(), "{wrong}");
            assert!(add(&store, &record, wrong, b"x").is_err(), "{wrong}");
        }
        let large = vec![0; ENVELOPE_BYTES_MAX + 1];
        assert!(add(&store, &record, "large", &large).is_err());
    }
}

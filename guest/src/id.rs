//! Digests, and the ids made from them. Parsing validates; `Display` gives the whole id, `short` what people need.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A BLAKE3 digest: 32 bytes, shown as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest([u8; 32]);

/// A text that is not 64 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id has 64 of the characters 0-9 and a-f")]
pub struct IdError;

/// A digest in the making, of contents that come in pieces.
#[derive(Debug, Clone, Default)]
pub struct Hashing(blake3::Hasher);

impl Hashing {
    /// Adds the next bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Returns the digest of all that was added.
    pub fn digest(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

impl Digest {
    /// Returns the digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(*blake3::hash(bytes).as_bytes())
    }

    /// Returns the digest of a file that is kept in slices: the hash of each slice's digest and length (u64, little
    /// endian), in order. So nothing is hashed twice (docs/reference/format.md, "Files").
    pub fn of_slices<'a>(slices: impl IntoIterator<Item = (&'a Digest, u64)>) -> Digest {
        let mut hasher = blake3::Hasher::new();
        for (digest, length) in slices {
            hasher.update(&digest.0);
            hasher.update(&length.to_le_bytes());
        }
        Digest(*hasher.finalize().as_bytes())
    }

    /// Returns the 32 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the first twelve digits.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.short())
    }
}

impl FromStr for Digest {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(IdError);
        }
        blake3::Hash::from_hex(text)
            .map(|hash| Digest(*hash.as_bytes()))
            .map_err(|_| IdError)
    }
}

// Hex in JSON, bytes between guest calls.
impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            <[u8; 32]>::deserialize(deserializer).map(Digest)
        }
    }
}

macro_rules! id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Digest);

        impl $name {
            /// Returns the id of an object with these bytes.
            pub fn of(bytes: &[u8]) -> Self {
                $name(Digest::of(bytes))
            }

            /// Returns the digest.
            pub fn digest(&self) -> Digest {
                self.0
            }

            /// Returns the first twelve digits.
            pub fn short(&self) -> String {
                self.0.short()
            }
        }

        impl From<Digest> for $name {
            fn from(digest: Digest) -> Self {
                $name(digest)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.parse().map($name)
            }
        }
    };
}

id! {
    /// Names a pack: the digest of its bytes.
    PackId
}
id! {
    /// Names a tree: the digest of its stored bytes.
    TreeId
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn an_id_is_64_lower_case_digits() {
        let id = TreeId::of(b"baton");
        assert_eq!(id.to_string().parse::<TreeId>().unwrap(), id);
        assert_eq!(id.short().len(), 12);
        for wrong in [
            "",
            "abc",
            &id.to_string().to_uppercase(),
            &format!("{id}0"),
            &"g".repeat(64),
        ] {
            assert_eq!(wrong.parse::<TreeId>(), Err(IdError), "{wrong}");
        }
    }

    #[test]
    fn slices_with_other_borders_are_another_file() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        assert_ne!(
            Digest::of_slices([(&a, 1), (&b, 1)]),
            Digest::of_slices([(&a, 1), (&b, 2)])
        );
        assert_ne!(
            Digest::of_slices([(&a, 1), (&b, 1)]),
            Digest::of_slices([(&b, 1), (&a, 1)])
        );
    }
}

//! Keys of objects.

use std::fmt;

use super::error::StoreError;

/// A valid key: names of 1 to 200 of the characters `A-Z a-z 0-9 . _ ~ -`, none with a dot in front, joined by `/`; at
/// most 1,000 bytes. So a key is the same on every store, and never a path out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key<'a>(&'a str);

impl<'a> Key<'a> {
    /// Checks a key.
    pub fn parse(key: &'a str) -> Result<Key<'a>, StoreError> {
        let valid = !key.is_empty() && key.len() <= 1000 && key.split('/').all(is_name);
        if valid {
            Ok(Key(key))
        } else {
            Err(StoreError::Key(key.to_owned()))
        }
    }

    /// Returns the text.
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

pub(super) fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
    (1..=200).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(allowed)
}

/// Checks that a prefix, or the key after which a listing starts, can be the beginning of a key.
pub(crate) fn check_prefix(prefix: &str) -> Result<(), StoreError> {
    let complete = prefix.strip_suffix('/').unwrap_or(prefix);
    if complete.is_empty() && prefix.is_empty() {
        return Ok(());
    }
    Key::parse(complete).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leads_nowhere_else() {
        for wrong in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            ".",
            "..",
            "a/../b",
            "a/.b",
            "a b",
            "a\\b",
            "ü",
            "a\0",
            "a:b",
            &"x".repeat(201),
        ] {
            assert!(Key::parse(wrong).is_err(), "{wrong:?}");
        }
        for right in [
            "a",
            "v1/projects/gh~2Fx/builds/a_b/6/fb/2d/0-1",
            "a..b",
            "-rf",
            &"x".repeat(200),
        ] {
            assert!(Key::parse(right).is_ok(), "{right:?}");
        }
        assert!(check_prefix("").is_ok() && check_prefix("v1/").is_ok() && check_prefix("../").is_err());
        assert!(check_prefix("/").is_err());
    }
}

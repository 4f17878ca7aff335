//! Orbs that a config names and does not contain: their references, and where they come from.

use std::fmt;

use super::error::{LocalError, Place};

/// An orb that a config names: its text, and the file for errors.
#[derive(Debug, Clone)]
pub struct OrbSource {
    /// The reference or the name that it stands for: a reference such as `acme/deploy@1.2`, a URL, or a name such as `acme/deploy` for all versions.
    pub name: String,
    /// The file, for errors.
    pub file: String,
    /// The text of the orb.
    pub text: String,
}

/// How a config names an orb: `NAMESPACE/NAME@VERSION` in the registry, or an `https` URL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrbReference(String);

impl OrbReference {
    /// Reads a reference. Whether the version exists is for the registry to say; without one it is the newest.
    pub(crate) fn parse(text: &str, place: &Place) -> Result<OrbReference, LocalError> {
        let reference = OrbReference(text.trim().to_owned());
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_name = |name: &str| !name.is_empty() && !name.starts_with('.') && name.chars().all(is_part);
        let is_known = match reference.name().split_once('/') {
            _ if reference.is_url() => true,
            Some((namespace, name)) => is_name(namespace) && is_name(name),
            None => false,
        };
        if is_known
            && !reference
                .0
                .contains(|c: char| c.is_whitespace() || c.is_control())
        {
            return Ok(reference);
        }
        Err(place.wrong(format!(
            "{text:?} names no orb; write a reference such as acme/deploy@1.2.3, or an https URL"
        )))
    }

    /// Returns whether the orb lies at a URL, and not in the registry.
    pub fn is_url(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// Returns the reference as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name in the registry, without the version; a URL as it is.
    pub fn name(&self) -> &str {
        match self.is_url() {
            true => &self.0,
            false => self.0.split(['@', ':']).next().unwrap_or_default(),
        }
    }

    /// Returns the first of the sources that stands for the orb.
    pub(crate) fn find<'s>(&self, sources: &'s [OrbSource]) -> Option<&'s OrbSource> {
        sources
            .iter()
            .find(|source| source.name == self.0 || source.name == self.name())
    }
}

impl fmt::Display for OrbReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn references_name_the_registry_or_a_url() {
        let place = Place::file("config.yml");
        for (text, name) in [
            ("acme/deploy@1.2.3", "acme/deploy"),
            ("acme/deploy@7", "acme/deploy"),
            ("acme/deploy@volatile", "acme/deploy"),
            ("acme/deploy@dev:my-branch", "acme/deploy"),
            ("acme/deploy", "acme/deploy"),
            ("https://example.org/orb.yml", "https://example.org/orb.yml"),
        ] {
            assert_eq!(OrbReference::parse(text, &place).unwrap().name(), name);
        }
        for text in [
            "deploy@1",
            "../x/y@1",
            "acme/../y@1",
            "acme/x y@1",
            "<acme>/<x>@1",
            "http://example.org/orb.yml",
        ] {
            let error = OrbReference::parse(text, &place).unwrap_err().to_string();
            assert!(error.contains("names no orb"), "{text}: {error}");
        }
    }

    #[test]
    fn a_source_stands_for_a_version_or_for_all() {
        let source = |name: &str| OrbSource {
            name: name.to_owned(),
            file: name.to_owned(),
            text: String::new(),
        };
        let sources = [source("acme/a@1"), source("acme/a"), source("acme/a@2")];
        let found = |reference: &str| {
            let reference = OrbReference::parse(reference, &Place::file("config.yml")).unwrap();
            reference.find(&sources).map(|source| source.name.as_str())
        };
        assert_eq!(found("acme/a@1"), Some("acme/a@1"));
        assert_eq!(found("acme/a@2"), Some("acme/a"));
        assert_eq!(found("acme/b@1"), None);
    }
}

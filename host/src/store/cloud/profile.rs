//! AWS's profile files: keys, region and address of a named profile. What runs programs or opens browsers (SSO,
//! `credential_process`) is left to the AWS command line, which can put its result into the environment.

use std::collections::BTreeMap;
use std::path::Path;

/// Files of profiles are edited by hand.
const BYTES_MAX: u64 = 4 << 20;

use super::failure::{RemoteFailure, RemoteKind};

/// The settings of a profile.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Profile(BTreeMap<String, String>);

impl Profile {
    /// Reads the profile `name` from files; the first that says something wins. One that is not there is passed over.
    pub(super) fn read<'a>(
        name: &str,
        files: impl IntoIterator<Item = &'a Path>,
    ) -> Result<Profile, RemoteFailure> {
        let mut profile = Profile::default();
        for file in files {
            let text = match crate::files::read_text(file, BYTES_MAX) {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => {
                    let message = format!(
                        "the file with profiles {} cannot be read: {error}",
                        file.display()
                    );
                    return Err(RemoteFailure::new(RemoteKind::Options, message));
                }
            };
            for (key, value) in section(&text, name) {
                profile.0.entry(key).or_insert(value);
            }
        }
        Ok(profile)
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Returns the settings of one section. The credentials file names a profile `[NAME]`, the other `[profile NAME]`.
fn section(text: &str, name: &str) -> Vec<(String, String)> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        // A line that is indented belongs to the setting before: none that is used here has such.
        if line.starts_with([' ', '\t', '#', ';']) {
            continue;
        }
        if let Some(title) = line
            .trim_end()
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            let title = title.trim();
            let title = title
                .strip_prefix("profile")
                .filter(|rest| rest.starts_with([' ', '\t']))
                .map_or(title, str::trim);
            inside = title == name;
        } else if let Some((key, value)) = line.split_once('=')
            && inside
        {
            found.push((key.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn both_files_are_understood_and_the_first_wins() {
        let dir = tempfile::tempdir().unwrap();
        let (credentials, config) = (dir.path().join("credentials"), dir.path().join("config"));
        std::fs::write(
            &credentials,
            "[default]\naws_access_key_id = A\n# note\n[ci]\naws_access_key_id=B\naws_secret_access_key = C=D \n",
        )
        .unwrap();
        std::fs::write(
            &config,
            "[default]\nregion = r1\n[profile ci]\nregion=r2\ns3 =\n  addressing_style = path\naws_access_key_id = no\n",
        )
        .unwrap();
        let missing = dir.path().join("missing");
        let files = [credentials.as_path(), config.as_path(), missing.as_path()];
        let ci = Profile::read("ci", files).unwrap();
        assert_eq!(ci.get("aws_access_key_id"), Some("B"));
        assert_eq!(ci.get("aws_secret_access_key"), Some("C=D"));
        assert_eq!(ci.get("region"), Some("r2"));
        assert_eq!(ci.get("addressing_style"), None);
        assert_eq!(Profile::read("default", files).unwrap().get("region"), Some("r1"));
        assert!(Profile::read("other", files).unwrap().is_empty());
    }
}

//! AWS profile files: the keys, the region and the address of a named profile. Profiles that run programs or open browsers (SSO,
//! `credential_process`) are not supported: the AWS command line can export their credentials into the environment.

use std::collections::BTreeMap;
use std::path::Path;

use object_store::aws::AwsCredential;

/// Files of profiles are edited by hand.
const BYTES_MAX: u64 = 4 << 20;

use super::failure::{RemoteFailure, RemoteKind, checked};
use super::options::Variables;
use crate::syntax::Syntax;

/// The settings of a profile.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Profile(BTreeMap<String, String>);

impl Profile {
    /// Reads the profile `name` from files. The first value of a key wins. A missing file is skipped.
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

    /// Returns the keys of the profile. Keys in the environment, or a token that is exchanged for some, take precedence.
    pub(super) fn credential(&self, variables: &Variables) -> Result<Option<AwsCredential>, RemoteFailure> {
        let others = [
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
        ];
        let unsigned = variables.get("AWS_SKIP_SIGNATURE").is_some();
        if unsigned || others.iter().any(|name| variables.get(name).is_some()) {
            return Ok(None);
        }
        let keys = (self.get("aws_access_key_id"), self.get("aws_secret_access_key"));
        if let (Some(key_id), Some(secret_key)) = keys {
            let token = self.get("aws_session_token");
            for value in [Some(key_id), Some(secret_key), token].into_iter().flatten() {
                checked(Syntax::Word, "a key of the profile", value)?;
            }
            return Ok(Some(AwsCredential {
                key_id: key_id.to_owned(),
                secret_key: secret_key.to_owned(),
                token: token.map(str::to_owned),
            }));
        }
        // To use another identity silently would be worse than to fail.
        let elsewhere = [
            "sso_session",
            "sso_start_url",
            "source_profile",
            "credential_process",
        ];
        match elsewhere.iter().find(|key| self.get(key).is_some()) {
            None => Ok(None),
            Some(key) => {
                let message = format!(
                    "the profile gets its credentials by {key}, which baton does not follow: put what `aws configure export-credentials --format env` prints into the environment"
                );
                Err(RemoteFailure::new(RemoteKind::Credentials, message))
            }
        }
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
        // An indented line belongs to the setting above. No setting that is used here has such lines.
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

//! The location of a store, as people write it: a directory or a URL.

use std::fmt;
use std::path::{Path, PathBuf};

use super::StoreError;
use crate::secret::redacted;

/// The location of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreLocation {
    /// A directory of this machine or of a shared disk.
    Directory(PathBuf),
    /// A bucket of an object store, or a part of one.
    Cloud(CloudLocation),
    /// The memory of this process, for tests.
    Memory,
    /// The artifacts of CircleCI jobs, to read: of the project with this slug, or of the project of the context.
    CircleCi(Option<String>),
}

/// A bucket, and the prefix of all keys in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudLocation {
    /// The API of the server.
    pub provider: Provider,
    /// The bucket, or Azure's container.
    pub bucket: String,
    /// Names joined by `/`, or empty.
    pub prefix: String,
}

/// The API of an object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Amazon S3, or a server that speaks its API.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

impl Provider {
    /// Returns the scheme of its URLs in `--store`.
    pub fn scheme(self) -> &'static str {
        match self {
            Provider::S3 => "s3",
            Provider::Gcs => "gs",
            Provider::Azure => "az",
        }
    }
}

impl StoreLocation {
    /// Parses a location: a path, `file:PATH`, `file:///PATH`, `s3://BUCKET/PREFIX`, `gs://…`, `az://CONTAINER/…`,
    /// `memory:`, `circleci:` or `circleci:SLUG`. A relative path is relative to `beside`.
    pub fn parse(text: &str, beside: &Path) -> Result<StoreLocation, StoreError> {
        let wrong = |reason: &str| StoreError::Location {
            given: redacted(text).into_owned(),
            reason: reason.to_owned(),
        };
        let (scheme, rest) = match text.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
            _ => (String::new(), text),
        };
        match scheme.as_str() {
            "" | "file" => {
                let path = match rest.strip_prefix("//") {
                    // The path of a URL is absolute; a name before it would be a host.
                    Some(path) if scheme == "file" && !path.starts_with('/') => {
                        return Err(wrong(
                            "a file URL has three slashes before its path: file:///PATH",
                        ));
                    }
                    Some(path) if scheme == "file" => path,
                    _ => rest,
                };
                match path.is_empty() {
                    true => Err(wrong("it is empty")),
                    false => Ok(StoreLocation::Directory(beside.join(path))),
                }
            }
            "memory" if rest.is_empty() => Ok(StoreLocation::Memory),
            "circleci" if rest.is_empty() => Ok(StoreLocation::CircleCi(None)),
            "circleci" => match is_slug(rest) {
                true => Ok(StoreLocation::CircleCi(Some(rest.to_owned()))),
                false => Err(wrong(
                    "a project of CircleCI is circleci:gh/OWNER/REPOSITORY, circleci:bb/OWNER/REPOSITORY or circleci:circleci/ID/ID",
                )),
            },
            "s3" => cloud(Provider::S3, rest).map_err(|reason| wrong(&reason)),
            "gs" => cloud(Provider::Gcs, rest).map_err(|reason| wrong(&reason)),
            "az" => cloud(Provider::Azure, rest).map_err(|reason| wrong(&reason)),
            _ => Err(wrong(
                "a store is a directory, or begins with file:, s3://, gs://, az://, circleci: or memory:",
            )),
        }
    }
}

impl fmt::Display for StoreLocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreLocation::Directory(path) => path.display().fmt(formatter),
            StoreLocation::Cloud(cloud) => cloud.fmt(formatter),
            StoreLocation::Memory => formatter.write_str("memory:"),
            StoreLocation::CircleCi(slug) => {
                write!(formatter, "circleci:{}", slug.as_deref().unwrap_or_default())
            }
        }
    }
}

impl fmt::Display for CloudLocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.provider.scheme(), self.bucket)?;
        if self.prefix.is_empty() {
            return Ok(());
        }
        write!(formatter, "/{}", self.prefix)
    }
}

/// Whether the text before a colon is a scheme. A path may contain a colon, and a scheme has more than one letter.
fn is_scheme(text: &str) -> bool {
    text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn cloud(provider: Provider, rest: &str) -> Result<StoreLocation, String> {
    let scheme = provider.scheme();
    let rest = rest
        .strip_prefix("//")
        .ok_or_else(|| format!("it has the form {scheme}://BUCKET/PREFIX"))?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    // The error does not repeat the text, which may contain a key.
    if rest.contains(['@', '?', '#']) {
        return Err("it must not contain credentials or signatures: set them in variables".to_owned());
    }
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    // `..` would name another path, and a dot at the end another host.
    let is_name = !bucket.starts_with(['.', '-']) && !bucket.ends_with('.') && !bucket.contains("..");
    if bucket.is_empty() || !bucket.bytes().all(is_letter) || !is_name {
        return Err(format!(
            "its bucket has a name that none can have: {scheme}://BUCKET/PREFIX"
        ));
    }
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    // The same names as in keys: every server accepts them, and none leaves the prefix.
    let valid = prefix.is_empty() || super::Key::parse(prefix).is_ok_and(|key| key.as_str().len() <= 200);
    if !valid {
        return Err("its prefix may have at most 200 of the characters A-Z a-z 0-9 . _ ~ - /, and no name in it may be empty or begin with a dot".to_owned());
    }
    Ok(StoreLocation::Cloud(CloudLocation {
        provider,
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
    }))
}

/// Whether a text has the form of a slug. The component interprets it.
fn is_slug(text: &str) -> bool {
    let known = ["gh", "github", "bb", "bitbucket", "circleci"];
    let mut parts = text.split('/');
    parts.next().is_some_and(|host| known.contains(&host))
        && parts.clone().count() == 2
        && parts.all(|part| {
            let is_other = |c: char| c.is_control() || "\\%?#;:@".contains(c);
            !matches!(part, "" | "." | "..") && !part.contains(is_other)
        })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn parse(text: &str) -> Result<StoreLocation, StoreError> {
        StoreLocation::parse(text, Path::new("/beside"))
    }

    #[test]
    fn every_form_is_understood() {
        for (text, shown) in [
            ("dir", "/beside/dir"),
            ("/abs", "/abs"),
            ("-rf", "/beside/-rf"),
            ("a:b", "/beside/a:b"),
            ("file:dir", "/beside/dir"),
            ("file:///abs/dir", "/abs/dir"),
            ("s3://bucket", "s3://bucket"),
            ("S3://bucket/a/b/", "s3://bucket/a/b"),
            ("gs://bucket/p", "gs://bucket/p"),
            ("az://container/p", "az://container/p"),
            ("memory:", "memory:"),
            ("circleci:", "circleci:"),
            ("circleci:gh/acme/shop", "circleci:gh/acme/shop"),
            ("circleci:circleci/9Yyt/44n9", "circleci:circleci/9Yyt/44n9"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused_with_a_reason() {
        for text in [
            "",
            "file:",
            "file://host/dir",
            "s3:bucket",
            "s3://",
            "s3:///prefix",
            "s3://bu cket",
            "s3://..",
            "s3://.",
            "s3://.bucket",
            "s3://a..b",
            "s3://bucket.",
            "s3://-bucket",
            "az://../x",
            "circleci:gh/acme/shop?x",
            "circleci:gh/acme/..%2f",
            "circleci:gh/acme/..;x",
            "circleci:gh/acme/shop\n",
            "circleci:gh/acme\\/shop",
            "s3://bucket/../x",
            "s3://bucket/a//b",
            "s3://bucket/.a",
            "s3://bucket/a?region=x",
            "ftp://host/dir",
            "memory:x",
            "circleci:acme/shop",
            "circleci://gh/acme/shop",
            "circleci:gl/acme/shop",
            "circleci:gh/../shop",
        ] {
            assert!(matches!(parse(text), Err(StoreError::Location { .. })), "{text}");
        }
    }

    #[test]
    fn a_password_in_a_location_is_not_repeated() {
        for text in [
            "s3://key:hunter2@bucket/p",
            "s3://key:hunter2/with/slash@bucket/p",
            "az://c/p?sig=hunter2",
            "https://account.example.com/c?sv=1&sig=hunter2",
        ] {
            let error = parse(text).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }
}

//! Values that several options take, and their limits.

use std::path::{Path, PathBuf};

use clap::builder::RangedU64ValueParser;

use crate::paths;

/// More threads than this share nothing sensibly.
pub(crate) const WORKERS_MAX: usize = 256;
/// An instance addresses no more.
pub(crate) const MEMORY_MIB_MAX: usize = 4096;
/// No step of a run takes a week.
pub(crate) const SECONDS_MAX: u64 = 7 * 24 * 60 * 60;

/// Reads a number from 1 to `max`.
pub(crate) fn up_to<N>(max: impl TryInto<u64>) -> RangedU64ValueParser<N>
where
    N: TryFrom<u64> + Clone + Send + Sync + 'static,
    <N as TryFrom<u64>>::Error: std::error::Error + Send + Sync + 'static,
{
    RangedU64ValueParser::new().range(1..=max.try_into().unwrap_or(u64::MAX))
}

/// Parses NAME=VALUE.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("there is no =")?;
    match name.is_empty() {
        true => Err("there is nothing before =".to_owned()),
        false => Ok((name.to_owned(), value.to_owned())),
    }
}

/// Where a key comes from: never from the command line itself, which others can see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// A PEM file.
    File(PathBuf),
    /// A variable that holds PEM text.
    Variable(String),
}

impl std::str::FromStr for KeySource {
    type Err = String;

    fn from_str(text: &str) -> Result<KeySource, Self::Err> {
        match text.strip_prefix("env:") {
            Some("") => Err("the name of a variable follows env:".to_owned()),
            Some(name) => Ok(KeySource::Variable(name.to_owned())),
            None if text.is_empty() => Err("give a PEM file, or env: and the name of a variable".to_owned()),
            None => Ok(KeySource::File(paths::expanded(Path::new(text))?)),
        }
    }
}

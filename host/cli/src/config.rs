//! `baton.toml`: which file is read, whose it may be, and what it may say.
//!
//! A file that baton finds in a checkout is written by whoever wrote the checkout: a pull request. So it may set defaults
//! that redirect neither code, identity nor data. What does needs the word of the person who runs baton: a flag, a
//! variable, or the file named by `--config` or `BATON_CONFIG`. [`KEYS`] says which key is which.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, anyhow};
use baton_host::store::StoreLocation;
use rustix::fs::OFlags;
use serde::Deserialize;

use super::args::StoreArgs;
use super::failure::Failure;
use super::paths;
use super::sink::say;

const NAME: &str = "baton.toml";
/// No file with defaults is larger.
const BYTES_MAX: u64 = 1 << 20;
/// Others may write a file or directory with this bit.
const OTHERS_WRITE: u32 = 0o002;
const GROUP_WRITES: u32 = 0o020;
/// Only the owner of a file may remove it from such a directory.
const STICKY: u32 = 0o1000;

/// The trust in a key of a file that baton found by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// It sets a default that redirects nothing.
    Safe,
    /// It is taken where neither the runner nor git say it.
    Last,
    /// It may name a directory below the file's own, and nothing else.
    Below,
    /// It is refused: it decides which code runs, with which identity, or where data goes.
    Refused,
}

/// A key of the file, and what it may do in one that nobody named.
pub(crate) const KEYS: [(&str, Trust); 14] = [
    ("store", Trust::Below),
    ("endpoint", Trust::Refused),
    ("region", Trust::Refused),
    ("addressing", Trust::Refused),
    ("ca-file", Trust::Refused),
    ("allow-http", Trust::Refused),
    ("role-arn", Trust::Refused),
    ("store-timeout-seconds", Trust::Safe),
    ("component", Trust::Refused),
    ("workers", Trust::Safe),
    ("memory-mib", Trust::Safe),
    ("timeout-seconds", Trust::Safe),
    ("project", Trust::Last),
    ("default-branch", Trust::Safe),
];

/// The keys of a file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Said {
    pub(crate) store: Option<String>,
    pub(crate) component: Option<PathBuf>,
    pub(crate) workers: Option<usize>,
    pub(crate) memory_mib: Option<usize>,
    pub(crate) timeout_seconds: Option<u64>,
    pub(crate) project: Option<String>,
    pub(crate) default_branch: Option<String>,
    /// The other keys: how the store is reached. An unknown key is an error.
    #[serde(flatten)]
    reach: toml::Table,
}

/// The file with defaults, read. Its paths are resolved, except the store, which may not be a path.
#[derive(Debug, Default)]
pub(crate) struct Config {
    pub(crate) file: Option<PathBuf>,
    /// Whether the person named it. Otherwise it was found.
    pub(crate) is_named: bool,
    pub(crate) said: Said,
    /// How the store is reached.
    pub(crate) reach: StoreArgs,
}

impl Config {
    /// Reads the file that is named, else the one that is found, if there is one.
    pub(crate) fn read(named: Option<&Path>) -> Result<Config, Failure> {
        let (file, text) = match named {
            Some(file) => (file.to_owned(), named_text(file)?),
            None => match found()? {
                Some(found) => found,
                None => return Ok(Config::default()),
            },
        };
        let wrong = || format!("{} is not as it should be", file.display());
        let table: toml::Table = toml::from_str(&text).with_context(wrong)?;
        if named.is_none() {
            check(&file, &table)?;
        }
        let mut said: Said = table.try_into().with_context(wrong)?;
        let reach: StoreArgs = said.reach.clone().try_into().with_context(wrong)?;
        let beside = directory_of(&file);
        said.component = below(beside, "component", said.component.as_ref())?;
        Ok(Config {
            reach: StoreArgs {
                ca_file: below(beside, "ca-file", reach.ca_file.as_ref())?,
                ..reach
            },
            is_named: named.is_some(),
            said,
            file: Some(file),
        })
    }

    /// Returns what relative paths in the file are relative to.
    pub(crate) fn beside(&self) -> &Path {
        self.file.as_deref().map_or(Path::new(""), directory_of)
    }
}

/// Returns the file that a key names. A relative path is relative to `beside`.
fn below(beside: &Path, key: &str, file: Option<&PathBuf>) -> Result<Option<PathBuf>, Failure> {
    let expanded = file.map(|file| paths::expanded(file)).transpose();
    let file = expanded.map_err(|reason| anyhow!("{key} in baton.toml cannot be used: {reason}"))?;
    Ok(file.map(|file| beside.join(file)))
}

fn directory_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

fn unreadable(file: &Path) -> String {
    format!("{} cannot be read", file.display())
}

fn named_text(file: &Path) -> Result<String, Failure> {
    Ok(baton_host::files::read_text(file, BYTES_MAX).with_context(|| unreadable(file))?)
}

fn text_of(file: &Path, open: &File) -> Result<String, Failure> {
    let mut text = String::new();
    let read = open.take(BYTES_MAX + 1).read_to_string(&mut text);
    if read.with_context(|| unreadable(file))? as u64 > BYTES_MAX {
        return Err(anyhow!("{} has more than {BYTES_MAX} bytes", file.display()).into());
    }
    Ok(text)
}

/// Finds the file, here or in a directory above, up to the top of the repository. One that somebody else may write is not
/// read, with a warning: a neighbour must neither decide anything nor be able to stop a run.
fn found() -> Result<Option<(PathBuf, String)>, Failure> {
    let here = std::env::current_dir().context("the current directory cannot be found")?;
    let Some(file) = nearest(&here) else {
        return Ok(None);
    };
    // Not through a symlink, and without waiting for a writer.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(&file);
    let open = match opened {
        Ok(open) => open,
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            say_not_read(&file, "it is a symlink");
            return Ok(None);
        }
        Err(error) => return Err(anyhow!(error).context(unreadable(&file)).into()),
    };
    let metadata = open.metadata().with_context(|| unreadable(&file))?;
    let directory = fs::metadata(directory_of(&file)).with_context(|| unreadable(&file))?;
    let doubt = match metadata.is_file() {
        false => Some("it is not a regular file".to_owned()),
        true => doubt("it", &metadata).or_else(|| doubt("its directory", &directory)),
    };
    if let Some(doubt) = doubt {
        say_not_read(&file, &doubt);
        return Ok(None);
    }
    let text = text_of(&file, &open)?;
    Ok(Some((file, text)))
}

/// Returns the nearest file of the name, from `here` up to the first directory that has `.git`.
fn nearest(here: &Path) -> Option<PathBuf> {
    for directory in here.ancestors() {
        let file = directory.join(NAME);
        if file.symlink_metadata().is_ok() {
            return Some(file);
        }
        if directory.join(".git").symlink_metadata().is_ok() {
            return None;
        }
    }
    None
}

fn say_not_read(file: &Path, why: &str) {
    say(&format!(
        "warning: {} is not read: {why}; name it with --config or BATON_CONFIG to use it",
        file.display()
    ));
}

/// Says why a file or directory may have been written by somebody else. It must belong to this user, to the one who called
/// sudo, or to root; and nobody else may write to it. The group may where it has its owner's number: that is how systems
/// number the group that is one user's own.
fn doubt(what: &str, metadata: &Metadata) -> Option<String> {
    let (owner, mode) = (metadata.uid(), metadata.mode());
    let user = rustix::process::geteuid().as_raw();
    let caller = || std::env::var("SUDO_UID").ok()?.parse().ok();
    if owner != user && owner != 0 && !(user == 0 && caller() == Some(owner)) {
        return Some(format!("{what} belongs to another user, number {owner}"));
    }
    // Where only owners remove files, others can add some, and not replace this one.
    if metadata.is_dir() && mode & STICKY != 0 {
        return None;
    }
    let is_private_group = owner != 0 && metadata.gid() == owner;
    if mode & OTHERS_WRITE != 0 {
        return Some(format!("{what} can be written by anybody"));
    }
    if mode & GROUP_WRITES != 0 && !is_private_group {
        return Some(format!(
            "{what} can be written by a group, number {}",
            metadata.gid()
        ));
    }
    None
}

/// Refuses what a file that nobody named must not say.
fn check(file: &Path, table: &toml::Table) -> Result<(), Failure> {
    let refused: Vec<&str> = KEYS
        .iter()
        .filter(|(key, trust)| match (table.get(*key), trust) {
            (None, _) | (_, Trust::Safe | Trust::Last) => false,
            (Some(toml::Value::String(store)), Trust::Below) => !is_below(store, directory_of(file)),
            (Some(_), Trust::Below | Trust::Refused) => true,
        })
        .map(|(key, _)| *key)
        .collect();
    match refused.is_empty() {
        true => Ok(()),
        false => Err(Failure::Distrusted {
            file: file.to_owned(),
            keys: refused
                .iter()
                .map(|key| format!("`{key}`"))
                .collect::<Vec<_>>()
                .join(", "),
        }),
    }
}

/// Whether a store is a directory below `directory`, whatever symlinks are on the way.
fn is_below(store: &str, directory: &Path) -> bool {
    let Ok(StoreLocation::Directory(path)) = StoreLocation::parse(store, directory) else {
        return false;
    };
    if store.starts_with('~') {
        return false;
    }
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    let Some(rest) = path
        .strip_prefix(directory)
        .ok()
        .filter(|rest| rest.components().all(is_plain))
    else {
        return false;
    };
    // The longest part of it that exists is where it leads.
    let mut existing = directory.to_owned();
    for part in rest.components() {
        let next = existing.join(part);
        if next.symlink_metadata().is_err() {
            break;
        }
        existing = next;
    }
    match (existing.canonicalize(), directory.canonicalize()) {
        (Ok(real), Ok(directory)) => real.starts_with(directory),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
    use super::*;

    /// A value that each key takes.
    fn sample(key: &str) -> &'static str {
        match key {
            "addressing" => "\"path\"",
            "allow-http" => "true",
            "workers" | "memory-mib" | "timeout-seconds" | "store-timeout-seconds" => "7",
            _ => "\"a\"",
        }
    }

    #[test]
    fn every_key_that_a_file_may_have_is_in_the_table() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("named.toml");
        for (key, _) in KEYS {
            fs::write(&file, format!("{key} = {}", sample(key))).unwrap();
            Config::read(Some(&file)).unwrap();
        }
        // What serde would take and the table does not know: its message lists the keys of each struct.
        fs::write(&file, "no-such-key = 1").unwrap();
        let Err(Failure::Command(error)) = Config::read(Some(&file)) else {
            panic!("an unknown key was taken");
        };
        let message = format!("{error:#}");
        let listed = message.split("expected one of").nth(1).unwrap();
        for key in listed.split('`').skip(1).step_by(2) {
            assert!(
                KEYS.iter().any(|(known, _)| *known == key),
                "{key} is not in the table"
            );
        }
    }

    #[test]
    fn the_documents_say_the_same_of_each_key() {
        let page = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/reference/configuration.md"
        );
        let page = fs::read_to_string(page).unwrap();
        let section = page.split("\n## baton.toml").nth(1).unwrap();
        let section = section.split("\n## ").next().unwrap();
        let rows: Vec<Vec<&str>> = section
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| line.split('|').map(str::trim).collect())
            .collect();
        let mut documented = Vec::new();
        for row in rows {
            let trust = match row.get(3).copied().unwrap_or_default() {
                "yes" => Trust::Safe,
                "if neither the runner nor git provides it" => Trust::Last,
                "a directory below the file" => Trust::Below,
                "no" => Trust::Refused,
                other => panic!("{other:?} of {row:?}"),
            };
            for key in row.get(1).unwrap().split('`').skip(1).step_by(2) {
                documented.push((key, trust));
            }
        }
        let (mut documented, mut known) = (documented, KEYS.to_vec());
        documented.sort_by_key(|(key, _)| *key);
        known.sort_by_key(|(key, _)| *key);
        assert_eq!(documented, known);
    }

    #[test]
    fn a_store_below_the_file_is_one_that_no_link_leads_out_of() {
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path().join("repository");
        fs::create_dir_all(here.join("kept")).unwrap();
        fs::create_dir(dir.path().join("outside")).unwrap();
        std::os::unix::fs::symlink("../outside", here.join("link")).unwrap();
        std::os::unix::fs::symlink("../missing", here.join("dangling")).unwrap();
        std::os::unix::fs::symlink("kept", here.join("inner")).unwrap();
        for below in ["kept", "kept/new/er", "./new", "file:kept", "inner/new"] {
            assert!(is_below(below, &here), "{below}");
        }
        for outside in [
            "../outside",
            "kept/../../outside",
            "/srv/store",
            "file:///srv/store",
            "s3://bucket",
            "gs://bucket",
            "az://container",
            "circleci:",
            "circleci:gh/evil/evil",
            "memory:",
            "link",
            "link/new",
            "dangling",
            "dangling/new",
            "",
            "~/store",
        ] {
            assert!(!is_below(outside, &here), "{outside}");
        }
    }
}

//! The commands that look builds up.

#[cfg(test)]
use schemars::JsonSchema;
use serde::Serialize;

use baton_host::builds::{Kind, TreeEntry};

use super::{Build, Warning};

/// The result of `baton latest`: one build, or one for each parallel node.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Latest {
    pub(crate) builds: Vec<Build>,
    pub(crate) warnings: Vec<Warning>,
}

/// The result of `baton latest set`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct LatestSet {
    /// The value before as the API shows it: masked.
    pub(crate) before: Option<String>,
    /// The new value.
    pub(crate) number: u64,
    pub(crate) variable: String,
    pub(crate) warnings: Vec<Warning>,
}

/// The result of `baton builds`, newest first.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Builds {
    pub(crate) builds: Vec<Build>,
}

/// The result of `baton artifacts`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Artifacts {
    pub(crate) artifacts: Vec<String>,
    /// Whether more follow the last one.
    pub(crate) more: bool,
}

/// The result of `baton show`. `E` is a list of [`Entry`].
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Show<E> {
    pub(crate) builds: Vec<Build>,
    /// In path order.
    pub(crate) entries: E,
    pub(crate) warnings: Vec<Warning>,
}

/// An entry of a tree.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Entry {
    /// Of files: 64 hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    kind: KindName,
    /// Three octal digits. Of files and directories.
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    modified: Modified,
    path: String,
    /// Of files, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// Of symlinks.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
enum KindName {
    File,
    Directory,
    Symlink,
    /// No tree of baton has one.
    Special,
}

/// A time since 1970.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
struct Modified {
    nanoseconds: u32,
    /// Negative before 1970.
    seconds: i64,
}

impl From<&TreeEntry> for Entry {
    fn from(entry: &TreeEntry) -> Entry {
        let kind = match entry.kind {
            Kind::File => KindName::File,
            Kind::Directory => KindName::Directory,
            Kind::Symlink => KindName::Symlink,
            Kind::Fifo | Kind::Socket | Kind::CharacterDevice | Kind::BlockDevice => KindName::Special,
        };
        let is_file = matches!(kind, KindName::File);
        let is_symlink = matches!(kind, KindName::Symlink);
        Entry {
            digest: is_file.then(|| entry.digest.clone()),
            kind,
            mode: (!is_symlink).then(|| format!("{:03o}", entry.bits)),
            modified: Modified {
                nanoseconds: entry.modified.nanoseconds,
                seconds: entry.modified.seconds,
            },
            path: entry.path.clone(),
            size: is_file.then_some(entry.size),
            target: is_symlink.then(|| entry.target.clone()),
        }
    }
}

/// The result of `baton diff`. `C` is a list of [`Change`], `S` the [`Sums`].
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Diff<C, S> {
    pub(crate) after: Vec<Build>,
    pub(crate) before: Vec<Build>,
    /// In path order. Null with `--stat`.
    pub(crate) changes: Option<C>,
    pub(crate) sums: S,
    pub(crate) warnings: Vec<Warning>,
}

/// A path that differs.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Change {
    pub(crate) after: Option<Entry>,
    pub(crate) before: Option<Entry>,
    pub(crate) change: ChangeKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ChangeKind {
    Added,
    Removed,
    /// Different contents, another target, or another type.
    Changed,
    /// Only the permission bits differ.
    Mode,
}

/// How many of each, and how large they are.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Sums {
    pub(crate) added: Sum,
    pub(crate) changed: ChangedSum,
    /// How many files and directories differ only in their permission bits.
    pub(crate) mode: u64,
    pub(crate) removed: Sum,
}

/// A number of files and their size.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Sum {
    pub(crate) bytes: u64,
    pub(crate) files: u64,
}

/// A number of files and their size in both builds.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct ChangedSum {
    pub(crate) bytes_after: u64,
    pub(crate) bytes_before: u64,
    pub(crate) files: u64,
}

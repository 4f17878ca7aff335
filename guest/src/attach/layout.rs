//! The target paths of an artifact's files: `--strip` removes leading names, `--flatten` keeps the last one.

use std::rc::Rc;

use crate::diff::same_content;
use crate::error::{Error, Problem, Result, warning};
use crate::path;
use crate::tree::{Content, Entry, Table};

/// An entry of the artifact, and the table of its part. Without one, nothing but its path and kind is known.
#[derive(Debug, Clone)]
pub(super) struct Merged {
    pub(super) entry: Entry,
    pub(super) table: Option<Rc<Table>>,
}

/// The treatment of the directories in the artifact's paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// They stay.
    #[default]
    AsPersisted,
    /// So many names are taken from the front of each path. What has no more names than that is left out, as by tar.
    Strip(usize),
    /// Every file and symlink comes into the one directory.
    Flat,
}

impl Layout {
    /// Returns whether every path stays as it is.
    pub(super) fn keeps_paths(self) -> bool {
        matches!(self, Layout::AsPersisted | Layout::Strip(0))
    }

    /// Returns where a path leads to, or `None` where it is left out.
    fn apply(self, merged: &Merged) -> Option<&str> {
        let path = &merged.entry.path;
        match self {
            Layout::AsPersisted => Some(path),
            Layout::Strip(count) => {
                let (end, _) = path.match_indices('/').nth(count.checked_sub(1)?)?;
                path.get(end + 1..)
            }
            Layout::Flat if merged.entry.content == Content::Directory => None,
            Layout::Flat => Some(path::file_name(path)),
        }
    }
}

/// Gives the entries the paths that `request` wants. Two that would get one path are an error, unless they are equal:
/// `known` says whether their content is. Returns what a person should know, too.
pub(super) fn lay_out(
    merged: Vec<Merged>,
    layout: Layout,
    known: bool,
) -> Result<(Vec<Merged>, Option<Problem>)> {
    if matches!(layout, Layout::AsPersisted | Layout::Strip(0)) {
        return Ok((merged, None));
    }
    let mut left_out = 0_u64;
    let mut laid_out = Vec::with_capacity(merged.len());
    for mut merged in merged {
        match layout.apply(&merged).map(str::to_owned) {
            Some(path) => {
                let from = std::mem::replace(&mut merged.entry.path, path);
                laid_out.push((from, merged));
            }
            None if merged.entry.content == Content::Directory => {}
            None => left_out += 1,
        }
    }
    laid_out.sort_by(|(_, a), (_, b)| path::compare(&a.entry.path, &b.entry.path));
    let mut result: Vec<(String, Merged)> = Vec::with_capacity(laid_out.len());
    for (from, merged) in laid_out {
        let Some((other, last)) = result
            .last()
            .filter(|(_, last)| last.entry.path == merged.entry.path)
        else {
            result.push((from, merged));
            continue;
        };
        let (a, b) = (&last.entry.content, &merged.entry.content);
        let is_one = a == &Content::Directory && b == &Content::Directory || known && same_content(a, b);
        if !is_one {
            let message = format!("two paths would become one: {other} and {from}");
            return Err(Error::conflict("paths-collide", message, &merged.entry.path));
        }
    }
    if result.is_empty() {
        let message = "nothing of the artifact is left after --strip";
        return Err(Error::nothing_matched("nothing-selected", message, ""));
    }
    let told = (left_out > 0).then(|| {
        let message = format!("--strip leaves out {left_out} files whose paths have too few names");
        warning("paths-left-out", message, "")
    });
    Ok((result.into_iter().map(|(_, merged)| merged).collect(), told))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::id::Digest;
    use crate::ports::Time;
    use crate::tree::Location;

    fn entry(path: &str, content: Option<&str>) -> Merged {
        let file = |text: &str| Content::File {
            size: text.len() as u64,
            digest: Digest::of(text.as_bytes()),
            location: Location::Empty,
        };
        Merged {
            entry: Entry {
                path: path.to_owned(),
                bits: 0o755,
                modified: Time::default(),
                content: content.map_or(Content::Directory, file),
            },
            table: None,
        }
    }

    fn laid_out(layout: Layout, known: bool, entries: &[(&str, Option<&str>)]) -> Result<Vec<String>> {
        let merged = entries
            .iter()
            .map(|(path, content)| entry(path, *content))
            .collect();
        let (merged, told) = lay_out(merged, layout, known)?;
        let paths = merged.into_iter().map(|merged| merged.entry.path);
        Ok(paths.chain(told.map(|told| told.message)).collect())
    }

    #[test]
    fn strip_takes_names_from_the_front_and_leaves_out_what_has_too_few() {
        let entries = [
            ("a", None),
            ("a/b", None),
            ("a/b/c", Some("1")),
            ("a/d", Some("2")),
            ("e", Some("3")),
        ];
        assert_eq!(
            laid_out(Layout::Strip(1), true, &entries).unwrap(),
            [
                "b",
                "b/c",
                "d",
                "--strip leaves out 1 files whose paths have too few names"
            ]
        );
        let told = "--strip leaves out 2 files whose paths have too few names";
        assert_eq!(laid_out(Layout::Strip(2), true, &entries).unwrap(), ["c", told]);
        assert!(laid_out(Layout::Strip(3), true, &entries).is_err());
        assert_eq!(laid_out(Layout::Strip(0), true, &entries).unwrap().len(), 5);
    }

    #[test]
    fn two_paths_become_one_only_where_they_are_equal() {
        let entries = [("a", None), ("a/x", Some("1")), ("b", None), ("b/x", Some("1"))];
        assert_eq!(laid_out(Layout::Flat, true, &entries).unwrap(), ["x"]);
        assert!(
            laid_out(Layout::Flat, false, &entries).is_err(),
            "nothing is known of them"
        );
        let other = [("a", None), ("a/x", Some("1")), ("b", None), ("b/x", Some("2"))];
        let error = laid_out(Layout::Strip(1), true, &other).unwrap_err();
        assert_eq!(error.to_string(), "two paths would become one: a/x and b/x");
        let kinds = [
            ("a", None),
            ("a/x", Some("1")),
            ("b", None),
            ("b/x", None),
            ("b/x/y", Some("2")),
        ];
        assert!(laid_out(Layout::Strip(1), true, &kinds).is_err());
    }
}

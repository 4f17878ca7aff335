//! The selectors that name what to attach: one grammar for the command line, the files and the WIT.
//!
//! | selector | names |
//! |---|---|
//! | `latest` | the newest build on the branch that the command works for |
//! | `latest@BRANCH` | the newest build on a branch |
//! | `build:NUMBER` | the build with this number |
//! | `sha:COMMIT` | the build of a commit: 4 to 64 hexadecimal digits, of which the first are enough |
//! | `tag:NAME` | the build of a tag |
//! | `channel:NAME` | the build that a channel points to |
//! | `workspace` | the layers of this workflow |
//! | `workflow:ID` | the layers of another workflow |
//! | `tree:ID` | one tree, by its 64 hexadecimal digits |
//!
//! This module reads and writes the text, and says what was probably meant where it cannot; what a selector resolves
//! to is decided elsewhere.

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::{fmt, iter, mem};

use crate::name;
use crate::text::shown;

/// Each kind, with the form that it is written in.
const KINDS: [(&str, &str); 8] = [
    ("latest", "latest@BRANCH"),
    ("build", "build:NUMBER"),
    ("sha", "sha:COMMIT"),
    ("tag", "tag:NAME"),
    ("channel", "channel:NAME"),
    ("workspace", "workspace"),
    ("workflow", "workflow:ID"),
    ("tree", "tree:ID"),
];

/// Other words that people use for a kind.
const SYNONYMS: [(&str, &str); 4] = [
    ("branch", "latest"),
    ("commit", "sha"),
    ("number", "build"),
    ("newest", "latest"),
];

/// Longest selector in bytes: git and the stores allow no name that is near it.
const SELECTOR_BYTES_MAX: usize = 1024;

/// Fewest digits of a commit: what git takes at least.
const COMMIT_DIGITS_MIN: usize = 4;

/// Fewest digits that look like a commit on their own: what git shows of one.
const BARE_COMMIT_DIGITS_MIN: usize = 7;

/// The digits of a BLAKE3 digest, and of the longest commit id of git.
const DIGEST_DIGITS: usize = 64;

/// Longest name, in characters, whose edit distance is computed: the work is the product of two lengths.
const COMPARED_MAX: usize = 256;

/// Fewest characters in common by which two names are near without being similar.
const SHARED_MIN: usize = 3;

/// A parsed selector.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selector {
    /// The newest build on a branch.
    Latest {
        /// The branch; with none, the one that the command works for.
        branch: Option<String>,
    },
    /// The build with this number.
    Build(u64),
    /// The build of a commit, by the first digits of its id or all of them, in lower case.
    Commit(String),
    /// The build of a tag.
    Tag(String),
    /// The build that a channel points to.
    Channel(String),
    /// The layers of this workflow.
    Workspace,
    /// The layers of the workflow with this id.
    Workflow(String),
    /// The tree with this id, in lower case.
    Tree(String),
}

impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest { branch: None } => formatter.write_str("latest"),
            Self::Latest { branch: Some(branch) } => write!(formatter, "latest@{branch}"),
            Self::Build(number) => write!(formatter, "build:{number}"),
            Self::Commit(prefix) => write!(formatter, "sha:{prefix}"),
            Self::Tag(name) => write!(formatter, "tag:{name}"),
            Self::Channel(name) => write!(formatter, "channel:{name}"),
            Self::Workspace => formatter.write_str("workspace"),
            Self::Workflow(id) => write!(formatter, "workflow:{id}"),
            Self::Tree(id) => write!(formatter, "tree:{id}"),
        }
    }
}

/// Why a text is no selector. `text` is what was given, cut when it is long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// The text is empty.
    #[error("a selector is empty; known are {}", known())]
    Empty,
    /// The text is longer than any name.
    #[error("selector `{text}` is {length_bytes} bytes long, more than {SELECTOR_BYTES_MAX}")]
    TooLong {
        /// Its start.
        text: String,
        /// Its whole length.
        length_bytes: usize,
    },
    /// The text starts with no known kind.
    #[error("unknown selector kind in `{text}`; known are {}{}", known(), did_you_mean(.suggestion))]
    UnknownKind {
        /// The text that was given.
        text: String,
        /// The probable correction.
        suggestion: Option<String>,
    },
    /// The kind is known, but what follows does not fit it.
    #[error("selector `{text}` is not valid: {reason}{}", did_you_mean(.suggestion))]
    Malformed {
        /// The text that was given.
        text: String,
        /// The part that does not fit.
        reason: &'static str,
        /// The probable correction, or the form of the kind.
        suggestion: Option<String>,
    },
}

fn did_you_mean(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map_or_else(String::new, |suggestion| {
        format!("; did you mean `{suggestion}`?")
    })
}

fn known() -> String {
    KINDS
        .iter()
        .fold("latest".to_owned(), |known, (_, form)| known + ", " + form)
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        if text.is_empty() {
            return Err(SelectorError::Empty);
        }
        if text.len() > SELECTOR_BYTES_MAX {
            return Err(SelectorError::TooLong {
                text: shown(text),
                length_bytes: text.len(),
            });
        }
        parse(text).map_err(|reason| {
            let suggestion = suggest(text).filter(|suggestion| shown(suggestion) == *suggestion);
            match reason {
                None => SelectorError::UnknownKind {
                    text: shown(text),
                    suggestion,
                },
                Some(reason) => SelectorError::Malformed {
                    text: shown(text),
                    reason,
                    suggestion,
                },
            }
        })
    }
}

/// Returns whether a text is a selector, or would be one with another value.
pub(crate) fn is_begun(text: &str) -> bool {
    match text.split_once([':', '@']) {
        Some((kind, _)) => KINDS.iter().any(|(known, _)| *known == kind),
        None => parse(text).is_ok(),
    }
}

/// Why a text is not parsed; none when its kind is unknown.
type Reason = Option<&'static str>;

pub(super) fn parse(text: &str) -> Result<Selector, Reason> {
    let (kind, rest) = text.split_at(text.find([':', '@']).unwrap_or(text.len()));
    match (kind, rest.split_at_checked(1)) {
        ("latest", None) => Ok(Selector::Latest { branch: None }),
        ("latest", Some(("@", branch))) => Ok(Selector::Latest {
            branch: Some(checked(branch)?),
        }),
        ("latest", _) => Err(Some("a branch follows `@`")),
        ("build", Some((":", number))) => Ok(Selector::Build(build_number(number)?)),
        ("sha", Some((":", prefix))) => match hexadecimal(prefix, COMMIT_DIGITS_MIN..=DIGEST_DIGITS) {
            Some(prefix) => Ok(Selector::Commit(prefix)),
            None => Err(Some("a commit is 4 to 64 hexadecimal digits")),
        },
        ("tag", Some((":", tag))) => Ok(Selector::Tag(checked(tag)?)),
        ("channel", Some((":", channel))) => Ok(Selector::Channel(checked(channel)?)),
        ("workspace", None) => Ok(Selector::Workspace),
        ("workspace", _) => Err(Some("this workflow's workspace takes no value")),
        ("workflow", Some((":", id))) => Ok(Selector::Workflow(checked(id)?)),
        ("tree", Some((":", id))) => match hexadecimal(id, DIGEST_DIGITS..=DIGEST_DIGITS) {
            Some(id) => Ok(Selector::Tree(id)),
            None => Err(Some("a tree id is 64 hexadecimal digits")),
        },
        _ if KINDS.iter().any(|(known, _)| *known == kind) => Err(Some("a value follows `:`")),
        _ => Err(None),
    }
}

/// Reads the name of a branch or a tag, or the id of a workflow, all of which other systems choose.
fn checked(text: &str) -> Result<String, Reason> {
    if text.is_empty() {
        return Err(Some("a name is missing"));
    }
    if !name::is_plain(text) || text.len() > name::LONG_BYTES_MAX {
        return Err(Some(
            "a name has no space at either end, and no control characters",
        ));
    }
    Ok(text.to_owned())
}

fn build_number(text: &str) -> Result<u64, Reason> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Some("a build number is decimal digits"));
    }
    text.parse()
        .map_err(|_| Some("a build number is at most 18446744073709551615"))
}

/// Returns the digits in lower case, if they are so many.
fn hexadecimal(text: &str, allowed: RangeInclusive<usize>) -> Option<String> {
    let is_hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hexadecimal && allowed.contains(&text.len())).then(|| text.to_ascii_lowercase())
}

/// Returns the selector that was probably meant, else the form of the kind that was.
fn suggest(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some(selector) = complete(text.trim_start_matches('#')) {
        return Some(selector.to_string());
    }
    let (head, rest) = text.split_at(text.find([':', '@', '=', '#']).unwrap_or(text.len()));
    let value = rest.get(1..).unwrap_or_default().trim();
    let head = head.trim().to_lowercase();
    let kind = match SYNONYMS.iter().find(|(synonym, _)| *synonym == head) {
        Some((_, kind)) => *kind,
        None => *nearest(&head, KINDS.iter().map(|(kind, _)| *kind), 1).first()?,
    };
    let meant = match (kind, value) {
        ("latest" | "workspace", "") => kind.to_owned(),
        ("latest", branch) => format!("latest@{branch}"),
        // Another workflow's workspace is named by the workflow.
        ("workspace", id) => format!("workflow:{id}"),
        (kind, value) => format!("{kind}:{value}"),
    };
    match parse(&meant) {
        Ok(selector) => Some(selector.to_string()),
        Err(_) => KINDS
            .iter()
            .find(|(known, _)| *known == kind)
            .map(|(_, form)| (*form).to_owned()),
    }
}

/// Returns what a value is that stands without a kind: all that baton and git print has a length of its own.
fn complete(value: &str) -> Option<Selector> {
    if let Ok(number) = build_number(value) {
        return Some(Selector::Build(number));
    }
    match hexadecimal(value, BARE_COMMIT_DIGITS_MIN..=DIGEST_DIGITS)? {
        id if id.len() == DIGEST_DIGITS => Some(Selector::Tree(id)),
        prefix => Some(Selector::Commit(prefix)),
    }
}

/// Returns up to `most` of the `known` names that are near a mistyped one, the nearest first.
///
/// Near is, without regard to case and in this order: at most a third of the longer one's characters away, where an
/// edit adds, drops, replaces or swaps; one name within the other; a common start of at least half of `wanted`.
/// Names that are equally near are in alphabetical order.
pub fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let near = known.filter_map(|name| Some((closeness(&wanted, &name.to_lowercase())?, name)));
    let mut near: Vec<_> = near.collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(most).map(|(_, name)| name).collect()
}

/// Returns the distance of two names.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Closeness {
    /// So many edits apart.
    Edits(usize),
    /// One is within the other, which is longer by so many characters.
    Within(usize),
    /// They start alike, and so many characters of the wanted name are left.
    Start(usize),
}

fn closeness(wanted: &str, name: &str) -> Option<Closeness> {
    let wanted_chars: Vec<char> = wanted.chars().collect();
    let name_chars: Vec<char> = name.chars().collect();
    let (wanted_length, name_length) = (wanted_chars.len(), name_chars.len());
    let (longest, apart) = (
        wanted_length.max(name_length),
        wanted_length.abs_diff(name_length),
    );
    if apart <= longest / 3 && longest <= COMPARED_MAX {
        let edits = distance(&wanted_chars, &name_chars);
        if edits <= longest / 3 {
            return Some(Closeness::Edits(edits));
        }
    }
    // Part of a name is often all that is remembered of it; a known name within the wanted one is often chance.
    if (name.contains(wanted) && wanted_length >= SHARED_MIN)
        || (wanted.contains(name) && name_length >= SHARED_MIN.max(wanted_length.div_ceil(2)))
    {
        return Some(Closeness::Within(apart));
    }
    let shared = wanted_chars
        .iter()
        .zip(&name_chars)
        .take_while(|(wanted, name)| wanted == name)
        .count();
    (shared >= SHARED_MIN.max(wanted_length.div_ceil(2))).then(|| Closeness::Start(wanted_length - shared))
}

/// Returns the Damerau-Levenshtein distance in its common form: what was swapped is not edited again.
fn distance(from: &[char], to: &[char]) -> usize {
    // The row above, and the one above that, which the first row does not look at.
    let mut above: Vec<usize> = (0..=to.len()).collect();
    let mut before = vec![0; above.len()];
    let mut previous_source = None;
    for (source, row_index) in from.iter().zip(1..) {
        let mut left = row_index;
        let mut row = vec![left];
        let mut previous_target = None;
        let cells = above
            .iter()
            .zip(above.iter().skip(1))
            .zip(iter::once(&0).chain(&before));
        for (target, ((diagonal, up), swapped)) in to.iter().zip(cells) {
            left = (left + 1)
                .min(up + 1)
                .min(diagonal + usize::from(source != target));
            if previous_source == Some(target) && previous_target == Some(source) {
                left = left.min(swapped + 1);
            }
            row.push(left);
            previous_target = Some(target);
        }
        before = mem::replace(&mut above, row);
        previous_source = Some(source);
    }
    above.last().copied().unwrap_or_default()
}

//! Globs over paths relative to a root, and the selection that a request makes with them.
//!
//! A path here is what a walk or a tree yields: names joined by `/`, with no leading or trailing `/`, no `.` and no
//! `..`. Matching is per Unicode scalar value and case-sensitive on every runner, so that one pattern takes the same
//! files everywhere.
//!
//! | pattern | matches |
//! |---|---|
//! | `*` | any run of characters within one name, also none; names that start with a dot are no exception |
//! | `?` | one character, never `/` |
//! | `[abc]` `[a-z]` `[!a]` `[^a]` | one character that is, or is not, in the class; a `]` that comes first is a member |
//! | `**` | any number of whole components, also none; as the last component at least one: `a/**` is not `a` itself |
//! | `{a,b}` | either; nests, may hold `/`, and is expanded as text before anything else is looked at |
//! | `\` | takes the next character as it is: `a\[1].txt`; names are separated by `/` on every runner |
//!
//! `.` stands for everything below the root; `./a`, `a/.` and `a/` are all `a`. A `]`, `}` or `,` that closes or
//! separates nothing is an ordinary character. There are no numeric ranges (`{1..9}`) and no `[:alpha:]`.
//!
//! In a [`Selection`], a text that exists as it is written is that path, and no pattern: `pages/[id].js` is the file of
//! that name where there is one. A shell that expands `pages/*` writes such texts, and nobody escapes them.
//!
//! No input makes matching exponential: `*` and `**` each go back to their latest occurrence only, so one alternative
//! costs at most its length times the path's. This module does no I/O: a walk asks [`Selection::check`] at each entry.

mod parse;
mod selection;

use std::sync::Arc;

pub use selection::{Selection, Shadowed, Verdict};

/// Longest pattern in bytes: PATH_MAX on Linux, so that no path that exists is too long to be written.
const PATTERN_BYTES_MAX: usize = 4096;

/// Most alternatives that the braces of one pattern may expand to.
const ALTERNATIVES_MAX: usize = 1000;

/// Most characters that expanding may write: a bound on the time and, at some 20 MiB, on the memory that it takes.
const EXPANDED_MAX: usize = 1 << 19;

/// Longest part of a text that an error repeats, in characters.
const SHOWN_MAX: usize = 200;

/// Why a list of patterns is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// The list has no pattern.
    #[error("no pattern is given; `.` selects everything below the root")]
    NoPattern,
    /// A pattern of the list is refused.
    #[error("pattern `{pattern}` {fault}")]
    Pattern {
        /// The pattern as it was given, cut when it is long.
        pattern: String,
        /// What is wrong with it.
        fault: GlobFault,
    },
}

/// What is wrong with one pattern, and what to write instead. The numbers count characters of the pattern from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GlobFault {
    /// Neither this pattern nor another of the request includes anything.
    #[error("only excludes, and no pattern includes anything; add one that does, such as `.`")]
    OnlyExcludes,
    /// The pattern, or an alternative of its braces, has no characters.
    #[error("is empty or has an empty alternative; `.` selects everything below the root")]
    Empty,
    /// The pattern has this many bytes, more than any path.
    #[error("is {0} bytes long, more than {PATTERN_BYTES_MAX}; split it into several patterns")]
    TooLong(usize),
    /// A NUL, which no path can contain.
    #[error("has a NUL at character {0}, which no path can have; remove it")]
    Nul(usize),
    /// The pattern, or an alternative of its braces, starts with `/`.
    #[error("is absolute; write it relative to the root, with no `/` at its start")]
    Absolute,
    /// A component is `..`.
    #[error("has `..` at character {0}; name something below the root, or choose a root further up")]
    Parent(usize),
    /// A `/` follows another.
    #[error("has an empty component at character {0}; write a single `/`")]
    EmptyComponent(usize),
    /// A `[` has no `]` in the same component.
    #[error("has a `[` at character {0} without a `]` before the next `/`; close it, or write `\\[`")]
    UnclosedClass(usize),
    /// A range of a class, from its first to its last character, goes backwards.
    #[error("has the range `{1}-{2}` at character {0}, which is backwards; write `{2}-{1}`")]
    ReversedRange(usize, char, char),
    /// A `{` has no `}`.
    #[error("has a `{{` at character {0} without a `}}`; close it, or write `\\{{`")]
    UnclosedBrace(usize),
    /// A `\` ends the pattern.
    #[error("ends in a `\\` that escapes nothing; remove it, or write `\\\\`; names are separated by `/`")]
    TrailingEscape,
    /// `**` shares its component with something else.
    #[error("has `**` beside other characters at character {0}; write `*`, or put `**` alone between `/`")]
    GluedStars(usize),
    /// The braces expand to too much.
    #[error(
        "expands to more than {ALTERNATIVES_MAX} alternatives or {EXPANDED_MAX} characters; \
         split it into several patterns"
    )]
    TooManyAlternatives,
}

impl GlobError {
    fn new(pattern: &str, fault: GlobFault) -> Self {
        Self::Pattern {
            pattern: shown(pattern),
            fault,
        }
    }
}

/// Returns `text` for a message: cut when it is long.
pub(crate) fn shown(text: &str) -> String {
    let cut = text.chars().nth(SHOWN_MAX).map(|_| '…');
    text.chars().take(SHOWN_MAX).chain(cut).collect()
}

/// One compiled pattern, e.g. `src/**/*.{rs,toml}`.
///
/// A leading `!` is an ordinary character here; only [`Selection`] gives it a meaning.
#[derive(Debug, Clone)]
pub struct Glob {
    text: String,
    /// What the braces expand to: at least one, and none is empty.
    alternatives: Vec<Alternative>,
}

impl Glob {
    /// Compiles `text`, or says what is wrong with it and what to write instead.
    pub fn parse(text: &str) -> Result<Self, GlobError> {
        compile(text, 0)
    }

    /// Returns the pattern that matches `path` and nothing else. `text` is what the user wrote.
    fn of_path(text: &str, path: &str) -> Self {
        Self {
            text: text.to_owned(),
            alternatives: vec![Alternative::new(path.chars().map(Piece::Char).collect())],
        }
    }

    /// Returns whether the pattern names exactly one path: no wildcard, and at most one alternative.
    ///
    /// [`Glob::text`] need not be that path as it stands: it may have escapes, and is not normalised.
    pub fn is_literal(&self) -> bool {
        match self.alternatives.as_slice() {
            [only] => only.pieces.iter().all(|piece| matches!(piece, Piece::Char(_))),
            _ => false,
        }
    }

    /// Returns a text that has this meaning as a pattern, with `mark` before it: for one that names a path, that path with
    /// what is special in it escaped.
    fn pattern(&self, mark: &str) -> String {
        let [only] = self.alternatives.as_slice() else {
            return self.text.clone();
        };
        let mut pattern = mark.to_owned();
        for piece in &only.pieces {
            let Piece::Char(char) = piece else {
                return self.text.clone();
            };
            if "*?[]{},\\!".contains(*char) {
                pattern.push('\\');
            }
            pattern.push(*char);
        }
        pattern
    }

    /// Returns whether the pattern matches `path` itself, which a directory above it does not decide.
    ///
    /// The root, an empty path, is matched by no pattern.
    pub fn matches(&self, path: &str) -> bool {
        let matches =
            |one: &Alternative| path.ends_with(&one.tail) && follow(&one.pieces, path.chars(), false);
        !path.is_empty() && self.alternatives.iter().any(matches)
    }

    /// Returns false only when no path below `directory` can match, so that a walk need not enter it.
    ///
    /// An empty `directory` is the root.
    pub fn may_match_below(&self, directory: &str) -> bool {
        let start = directory.chars().chain((!directory.is_empty()).then_some('/'));
        self.alternatives
            .iter()
            .any(|one| follow(&one.pieces, start.clone(), true))
    }

    /// Returns the pattern as it was given, also with the `!` that made it exclude.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// One way through the braces of a pattern.
#[derive(Debug, Clone)]
struct Alternative {
    pieces: Vec<Piece>,
    /// The characters after the last wildcard, by which a walk tells most paths apart at once.
    tail: String,
}

impl Alternative {
    fn new(pieces: Vec<Piece>) -> Self {
        let literal = |piece: &Piece| {
            if let Piece::Char(char) = piece {
                Some(*char)
            } else {
                None
            }
        };
        let backwards: Vec<char> = pieces.iter().rev().map_while(literal).collect();
        Self {
            pieces,
            tail: backwards.into_iter().rev().collect(),
        }
    }
}

/// One element of an alternative, over the characters of a path.
#[derive(Debug, Clone, PartialEq)]
enum Piece {
    /// This character, also `/`.
    Char(char),
    AnyChar,
    /// One character, not `/`, that is in one of the ranges, or in none of them.
    Class {
        negated: bool,
        ranges: Arc<[(char, char)]>,
    },
    /// Any run without `/`.
    AnyRun,
    /// Any number of components, each with the `/` after it. Stands where a component starts, and never last.
    AnyDepth,
}

impl Piece {
    fn accepts(&self, char: char) -> bool {
        match self {
            Self::Char(own) => *own == char,
            Self::AnyChar | Self::AnyRun | Self::AnyDepth => char != '/',
            Self::Class { negated, ranges } => {
                char != '/' && ranges.iter().any(|(low, high)| (*low..=*high).contains(&char)) != *negated
            }
        }
    }
}

/// Returns whether a path matches; with `below`, whether one can that starts like this, up to and with a `/`.
///
/// There are two points to go back to: the latest `*` of this component, and the latest `**`. Earlier ones need not
/// take more, because the latest reaches every later place by itself, and a component either matches or does not.
fn follow(mut pieces: &[Piece], mut chars: impl Iterator<Item = char> + Clone, below: bool) -> bool {
    let (mut run, mut depth) = (None, None);
    loop {
        let mut ahead = chars.clone();
        match (pieces.split_first(), ahead.next()) {
            (Some((Piece::AnyDepth, rest)), _) => {
                (pieces, depth) = (rest, Some((rest, chars.clone())));
                continue;
            }
            (Some((Piece::AnyRun, rest)), _) => {
                (pieces, run) = (rest, Some((rest, chars.clone())));
                continue;
            }
            (Some((piece, rest)), Some(char)) if piece.accepts(char) => {
                (pieces, chars) = (rest, ahead);
                if char == '/' {
                    run = None;
                }
                continue;
            }
            (None, None) => return true,
            // More may follow below; otherwise, going back would leave even fewer characters.
            (Some(_), None) => return below,
            (_, Some(_)) => {}
        }
        if let Some((rest, start)) = &mut run
            && start.next().is_some_and(|char| char != '/')
        {
            (pieces, chars) = (rest, start.clone());
        } else if let Some((rest, start)) = &mut depth
            && start.any(|char| char == '/')
        {
            (pieces, chars, run) = (rest, start.clone(), None);
        } else {
            return false;
        }
    }
}

/// Compiles `text` after its first `skip` characters.
fn compile(text: &str, skip: usize) -> Result<Glob, GlobError> {
    match parse::alternatives(text, skip) {
        Ok(alternatives) => Ok(Glob {
            text: text.to_owned(),
            alternatives: alternatives.into_iter().map(Alternative::new).collect(),
        }),
        Err(fault) => Err(GlobError::new(text, fault)),
    }
}

#[cfg(test)]
mod tests;

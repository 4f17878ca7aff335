//! One compiled pattern.

use super::error::GlobError;
use super::parse;
use super::piece::{Piece, follow};

/// One compiled pattern, e.g. `src/**/*.{rs,toml}`.
///
/// A leading `!` is an ordinary character here; only [`super::Selection`] gives it a meaning.
#[derive(Debug, Clone)]
pub struct Glob {
    text: String,
    /// The expansions of the braces: at least one, and none is empty.
    pub(super) alternatives: Vec<Alternative>,
}

impl Glob {
    /// Compiles `text`, or says what is wrong with it and what to write instead.
    pub fn parse(text: &str) -> Result<Self, GlobError> {
        compile(text, 0)
    }

    /// Returns the pattern that matches `path` and nothing else. `text` is what the user wrote.
    pub(super) fn of_path(text: &str, path: &str) -> Self {
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
    pub(super) fn pattern(&self, mark: &str) -> String {
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
pub(super) struct Alternative {
    pieces: Vec<Piece>,
    /// The characters after the last wildcard: they exclude most paths of a walk at once.
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

/// Compiles `text` after its first `skip` characters.
pub(super) fn compile(text: &str, skip: usize) -> Result<Glob, GlobError> {
    match parse::alternatives(text, skip) {
        Ok(alternatives) => Ok(Glob {
            text: text.to_owned(),
            alternatives: alternatives.into_iter().map(Alternative::new).collect(),
        }),
        Err(fault) => Err(GlobError::new(text, fault)),
    }
}

//! The elements of a pattern, and the matching of a path against them.

use std::sync::Arc;

/// One element of an alternative, over the characters of a path.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
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
pub(super) fn follow(
    mut pieces: &[Piece],
    mut chars: impl Iterator<Item = char> + Clone,
    below: bool,
) -> bool {
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

//! The text of a pattern: its characters become tokens, braces are expanded, and each alternative is brought to one form.

use super::error::{ALTERNATIVES_MAX, EXPANDED_MAX, GlobFault, PATTERN_BYTES_MAX};
use super::piece::Piece;

/// Returns what a pattern stands for after its first `skip` characters: one list of pieces for each way through its braces.
pub(super) fn alternatives(text: &str, skip: usize) -> Result<Vec<Vec<Piece>>, GlobFault> {
    let expanded = expand(tokens(text, skip)?)?;
    expanded
        .iter()
        .map(|alternative| normalise(alternative))
        .collect()
}

/// Returns the path that a text names as it is written, where that is not what it means as a pattern anyway: nothing for
/// one without special characters, or that can be no path below a root.
pub(super) fn literal(text: &str) -> Option<String> {
    let is_special = text.starts_with('!') || text.contains(['*', '?', '[', '{', '\\']);
    if !is_special || text.len() > PATTERN_BYTES_MAX || text.contains('\0') {
        return None;
    }
    let mut names = Vec::new();
    for name in text.strip_suffix('/').unwrap_or(text).split('/') {
        match name {
            "" | ".." => return None,
            "." => {}
            name => names.push(name),
        }
    }
    (!names.is_empty()).then(|| names.join("/"))
}

/// An element of a pattern's text. Elements of braces have the number of braces around them; other commas and
/// closing braces are characters.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    Piece(Piece),
    Open(usize),
    Comma(usize),
    Close(usize),
}

/// Something and its position in the text.
type Positioned<T> = (usize, T);

fn tokens(text: &str, skip: usize) -> Result<Vec<Positioned<Token>>, GlobFault> {
    if text.len() > PATTERN_BYTES_MAX {
        return Err(GlobFault::TooLong(text.len()));
    }
    let mut chars = (1..).zip(text.chars()).skip(skip);
    if let Some((position, _)) = chars.clone().find(|(_, char)| *char == '\0') {
        return Err(GlobFault::Nul(position));
    }
    let (mut tokens, mut open) = (Vec::new(), Vec::new());
    while let Some((position, char)) = chars.next() {
        let token = match char {
            '*' => Token::Piece(Piece::AnyRun),
            '?' => Token::Piece(Piece::AnyChar),
            '[' => Token::Piece(class(&mut chars, position)?),
            '\\' => {
                let (_, escaped) = chars.next().ok_or(GlobFault::TrailingEscape)?;
                Token::Piece(Piece::Char(escaped))
            }
            '{' => {
                open.push(position);
                Token::Open(open.len())
            }
            ',' if !open.is_empty() => Token::Comma(open.len()),
            '}' if open.pop().is_some() => Token::Close(open.len() + 1),
            _ => Token::Piece(Piece::Char(char)),
        };
        tokens.push((position, token));
    }
    match open.pop() {
        Some(position) => Err(GlobFault::UnclosedBrace(position)),
        None => Ok(tokens),
    }
}

/// Reads a class whose `[` stood at `open`.
fn class(chars: &mut (impl Iterator<Item = (usize, char)> + Clone), open: usize) -> Result<Piece, GlobFault> {
    let negated = matches!(chars.clone().next(), Some((_, '!' | '^')));
    if negated {
        chars.next();
    }
    let mut ranges = Vec::new();
    loop {
        let (position, low, escaped) = member(chars).ok_or(GlobFault::UnclosedClass(open))?;
        if low == ']' && !escaped && !ranges.is_empty() {
            return Ok(Piece::Class {
                negated,
                ranges: ranges.into(),
            });
        }
        let mut ahead = chars.clone();
        let high = match (ahead.next(), member(&mut ahead)) {
            // A `-` just before the end is a member.
            (Some((_, '-')), Some((_, high, escaped))) if escaped || high != ']' => {
                *chars = ahead;
                high
            }
            _ => low,
        };
        if high < low {
            return Err(GlobFault::ReversedRange(position, low, high));
        }
        ranges.push((low, high));
    }
}

/// Reads one character of a class: its position, itself, whether it was escaped. None where the component ends.
fn member(chars: &mut impl Iterator<Item = (usize, char)>) -> Option<(usize, char, bool)> {
    let (position, char) = chars.next()?;
    let (char, escaped) = if char == '\\' {
        (chars.next()?.1, true)
    } else {
        (char, false)
    };
    (char != '/').then_some((position, char, escaped))
}

/// Expands the braces, the first of an alternative at a time: they may nest too deep to recurse.
fn expand(tokens: Vec<Positioned<Token>>) -> Result<Vec<Vec<Positioned<Piece>>>, GlobFault> {
    let (mut pending, mut expanded, mut made) = (vec![tokens], Vec::new(), 0);
    while let Some(tokens) = pending.pop() {
        let first = tokens
            .iter()
            .zip(0..)
            .find_map(|((_, token), index)| match token {
                Token::Open(depth) => Some((index, *depth)),
                _ => None,
            });
        let Some((open, depth)) = first else {
            let pieces = tokens.into_iter().filter_map(|(position, token)| match token {
                Token::Piece(piece) => Some((position, piece)),
                _ => None,
            });
            expanded.push(pieces.collect());
            continue;
        };
        let (before, braces) = tokens.split_at(open);
        let mut parts = braces.splitn(2, |(_, token)| *token == Token::Close(depth));
        let inner = parts.next().and_then(|part| part.get(1..)).unwrap_or_default();
        let after = parts.next().unwrap_or_default();
        for alternative in inner.split(|(_, token)| *token == Token::Comma(depth)) {
            let alternative = [before, alternative, after].concat();
            made += alternative.len();
            pending.push(alternative);
            if pending.len() + expanded.len() > ALTERNATIVES_MAX || made > EXPANDED_MAX {
                return Err(GlobFault::TooManyAlternatives);
            }
        }
    }
    Ok(expanded)
}

/// Checks the components of one alternative, and leaves out what has no meaning: `.`, and a `/` at the end.
fn normalise(alternative: &[Positioned<Piece>]) -> Result<Vec<Piece>, GlobFault> {
    let separates = |(_, piece): &Positioned<Piece>| *piece == Piece::Char('/');
    match alternative.first() {
        None => return Err(GlobFault::Empty),
        Some(first) if separates(first) => return Err(GlobFault::Absolute),
        Some(_) => {}
    }
    if let Some([_, (position, _)]) = alternative.windows(2).find(|pair| pair.iter().all(separates)) {
        return Err(GlobFault::EmptyComponent(*position));
    }
    let mut pieces = Vec::new();
    for part in alternative.split(separates) {
        let component = component(part)?;
        if !matches!(component.as_slice(), [] | [Piece::Char('.')]) {
            if !matches!(pieces.last(), None | Some(Piece::AnyDepth)) {
                pieces.push(Piece::Char('/'));
            }
            pieces.extend(component);
        }
    }
    if pieces.is_empty() {
        pieces.push(Piece::AnyDepth);
    }
    if pieces.last() == Some(&Piece::AnyDepth) {
        pieces.push(Piece::AnyRun);
    }
    Ok(pieces)
}

fn component(part: &[Positioned<Piece>]) -> Result<Vec<Piece>, GlobFault> {
    let pieces: Vec<_> = part.iter().map(|(_, piece)| piece.clone()).collect();
    let start = part.first().map_or(0, |(position, _)| *position);
    let mut pairs = part.iter().zip(pieces.windows(2));
    match pairs.find(|(_, pair)| matches!(pair, [Piece::AnyRun, Piece::AnyRun])) {
        Some(_) if pieces.len() == 2 => Ok(vec![Piece::AnyDepth]),
        Some(((position, _), _)) => Err(GlobFault::GluedStars(*position)),
        None if pieces == [Piece::Char('.'), Piece::Char('.')] => Err(GlobFault::Parent(start)),
        None => Ok(pieces),
    }
}

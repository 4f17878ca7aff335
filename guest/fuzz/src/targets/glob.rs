//! A pattern, and paths that it is compared with: the matcher agrees with one that is written from the table of patterns
//! alone, and tries everything.

use baton_guest::glob::{Glob, GlobError, GlobFault, Selection};

/// An element of a pattern.
#[derive(Clone, PartialEq)]
enum Token {
    Char(char),
    Any,
    Star,
    /// Whether it is negated, and its ranges.
    Class(bool, Vec<(char, char)>),
}

/// More alternatives than this are not looked at: the matcher refuses them.
const ALTERNATIVES_MAX: usize = 1000;

/// Why a pattern has no meaning here.
enum Refused {
    Wrong,
    TooMany,
}

/// Reads what comes before a `,` or `}` of the braces around it, or to the end: all alternatives of it.
fn alternatives(chars: &mut &[char], depth: usize) -> Result<Vec<Vec<Token>>, Refused> {
    let mut all: Vec<Vec<Token>> = vec![Vec::new()];
    while let Some((first, rest)) = chars.split_first() {
        if depth > 0 && matches!(first, ',' | '}') {
            return Ok(all);
        }
        *chars = rest;
        let token = match first {
            '\\' => {
                let (escaped, rest) = rest.split_first().ok_or(Refused::Wrong)?;
                *chars = rest;
                Token::Char(*escaped)
            }
            '*' => Token::Star,
            '?' => Token::Any,
            '[' => class(chars)?,
            '{' => {
                let mut within = Vec::new();
                loop {
                    within.extend(alternatives(chars, depth + 1)?);
                    let (end, rest) = chars.split_first().ok_or(Refused::Wrong)?;
                    *chars = rest;
                    if *end == '}' {
                        break;
                    }
                }
                let pairs = all
                    .iter()
                    .flat_map(|before| within.iter().map(move |after| [&before[..], after].concat()));
                all = pairs.take(ALTERNATIVES_MAX + 1).collect();
                if all.len() > ALTERNATIVES_MAX {
                    return Err(Refused::TooMany);
                }
                continue;
            }
            other => Token::Char(*other),
        };
        all.iter_mut().for_each(|one| one.push(token.clone()));
    }
    if depth > 0 { Err(Refused::Wrong) } else { Ok(all) }
}

/// Reads a class after its `[`.
fn class(chars: &mut &[char]) -> Result<Token, Refused> {
    fn member(chars: &mut &[char]) -> Result<(char, bool), Refused> {
        let (first, rest) = chars.split_first().ok_or(Refused::Wrong)?;
        *chars = rest;
        let (char, escaped) = match first {
            '\\' => {
                let (escaped, rest) = chars.split_first().ok_or(Refused::Wrong)?;
                *chars = rest;
                (*escaped, true)
            }
            other => (*other, false),
        };
        if char == '/' {
            Err(Refused::Wrong)
        } else {
            Ok((char, escaped))
        }
    }
    let negated = matches!(chars.first(), Some('!' | '^'));
    if negated {
        *chars = &chars[1..];
    }
    let mut ranges = Vec::new();
    loop {
        let (low, escaped) = member(chars)?;
        if low == ']' && !escaped && !ranges.is_empty() {
            return Ok(Token::Class(negated, ranges));
        }
        let mut high = low;
        // A `-` just before the end is a member.
        if chars.first() == Some(&'-') && !matches!(chars.get(1), None | Some(']' | '/')) {
            let mut ahead = &chars[1..];
            if let Ok((char, _)) = member(&mut ahead) {
                (high, *chars) = (char, ahead);
            }
        }
        if high < low {
            return Err(Refused::Wrong);
        }
        ranges.push((low, high));
    }
}

/// Splits an alternative into its components. None of them: any number of components.
fn components(alternative: &[Token]) -> Result<Vec<Option<Vec<Token>>>, Refused> {
    let mut parts: Vec<&[Token]> = alternative.split(|token| *token == Token::Char('/')).collect();
    if parts.len() > 1 && parts.last().is_some_and(|last| last.is_empty()) {
        parts.pop();
    }
    let mut components = Vec::new();
    for part in parts {
        let stars = part.windows(2).any(|pair| pair == [Token::Star, Token::Star]);
        match part {
            [] => return Err(Refused::Wrong),
            [Token::Star, Token::Star] => components.push(None),
            _ if stars => return Err(Refused::Wrong),
            [Token::Char('.')] => {}
            [Token::Char('.'), Token::Char('.')] => return Err(Refused::Wrong),
            part => components.push(Some(part.to_vec())),
        }
    }
    if components.is_empty() {
        components.push(None);
    }
    if components.last() == Some(&None) {
        components.push(Some(vec![Token::Star]));
    }
    Ok(components)
}

/// Whether a component matches a name, by trying every length of every `*`.
fn names(tokens: &[Token], name: &[char]) -> bool {
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for token in tokens {
        let mut next = vec![false; name.len() + 1];
        for at in (0..=name.len()).filter(|at| reached[*at]) {
            match token {
                Token::Star => next[at..].fill(true),
                _ if at == name.len() => {}
                Token::Any => next[at + 1] = true,
                Token::Char(char) => next[at + 1] |= *char == name[at],
                Token::Class(negated, ranges) => {
                    let is_in = ranges
                        .iter()
                        .any(|(low, high)| *low <= name[at] && name[at] <= *high);
                    next[at + 1] |= is_in != *negated;
                }
            }
        }
        reached = next;
    }
    reached[name.len()]
}

/// Whether components match those of a path, by trying every depth of every `**`.
fn matches(components: &[Option<Vec<Token>>], path: &[Vec<char>]) -> bool {
    match (components.split_first(), path.split_first()) {
        (None, _) => path.is_empty(),
        (Some((None, rest)), _) => (0..=path.len()).any(|depth| matches(rest, &path[depth..])),
        (Some((Some(tokens), rest)), Some((name, below))) => names(tokens, name) && matches(rest, below),
        (Some((Some(_), _)), None) => false,
    }
}

fn reference(pattern: &str) -> Result<Vec<Vec<Option<Vec<Token>>>>, Refused> {
    if pattern.contains('\0') {
        return Err(Refused::Wrong);
    }
    let chars: Vec<char> = pattern.chars().collect();
    let mut rest = chars.as_slice();
    let all = alternatives(&mut rest, 0)?;
    all.iter().map(|one| components(one)).collect()
}

/// The first line is the pattern, each further one a path.
pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (pattern, paths) = text.split_once('\n').unwrap_or((text, ""));
    let parsed = Glob::parse(pattern);
    let selected = Selection::parse(&[pattern, "!x/**"], |_| Ok::<_, GlobError>(false));
    assert!(
        pattern.starts_with('!') || parsed.is_ok() == selected.is_ok(),
        "{pattern:?}"
    );
    // Every `**` of the reference tries every depth.
    if pattern.len() > 96 || pattern.matches("**").count() > 5 {
        return;
    }
    let too_many = GlobFault::TooManyAlternatives;
    let (glob, alternatives) = match (parsed, reference(pattern)) {
        (Ok(glob), Ok(alternatives)) => (glob, alternatives),
        (Err(GlobError::Pattern { fault, .. }), Ok(_)) if fault == too_many => return,
        (Err(_), Err(_)) => return,
        (parsed, _) => panic!("{pattern:?}: {parsed:?}, and the reference says otherwise"),
    };
    for path in paths
        .split('\n')
        .filter(|path| baton_guest::path::fault(path).is_none() && path.len() <= 64)
        .take(8)
    {
        let names: Vec<Vec<char>> = path.split('/').map(|name| name.chars().collect()).collect();
        let expected = alternatives.iter().any(|one| matches(one, &names));
        assert_eq!(glob.matches(path), expected, "{pattern:?} and {path:?}");
        let ends = path.match_indices('/').map(|(end, _)| end).chain([0]);
        for above in ends.map(|end| &path[..end]).filter(|_| expected) {
            assert!(
                glob.may_match_below(above),
                "{pattern:?} matches {path:?}, and nothing below {above:?}"
            );
        }
    }
}

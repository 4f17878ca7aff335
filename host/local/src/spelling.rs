//! Keys that resemble others: what was meant by one that does not exist.

use super::error::{LocalError, Place};

/// Returns the error that a map has a key that does not exist there.
pub(crate) fn unknown_key(place: &Place, key: &str, known: &[&str]) -> LocalError {
    let expected = match similar(key, known) {
        Some(meant) => format!("did you mean {meant:?}?"),
        None => format!("expected one of: {}", known.join(", ")),
    };
    place.within(key).wrong(format!("unknown key; {expected}"))
}

/// Returns the known word that a word is a slip of, if there is one. Two slips are taken for one only in longer words.
pub(crate) fn similar<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let slips_max = match word.len() {
        0..3 => 0,
        3..5 => 1,
        _ => 2,
    };
    let plain = |text: &str| text.to_ascii_lowercase().replace('-', "_");
    let slips = known
        .iter()
        .map(|it| (distance(&plain(word), &plain(it)), *it))
        .filter(|(slips, _)| *slips <= slips_max);
    slips.min_by_key(|(slips, _)| *slips).map(|(_, it)| it)
}

/// Returns how many letters are added, left out, replaced, or exchanged with the next one.
fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.chars().collect();
    let other: Vec<char> = other.chars().collect();
    let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
    let (mut before, mut row): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=other.len()).collect());
    for (line, letter) in one.iter().enumerate() {
        let mut next = vec![line + 1];
        for (column, wanted) in other.iter().enumerate() {
            let replaced = at(&row, column) + usize::from(letter != wanted);
            let mut slips = replaced.min(at(&row, column + 1) + 1).min(at(&next, column) + 1);
            let exchanged = line > 0
                && column > 0
                && one.get(line - 1) == Some(wanted)
                && other.get(column - 1) == Some(letter);
            if exchanged {
                slips = slips.min(at(&before, column - 1) + 1);
            }
            next.push(slips);
        }
        before = std::mem::replace(&mut row, next);
    }
    at(&row, other.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognized() {
        let known = [
            "environment",
            "parallelism",
            "when",
            "branches",
            "resource_class",
            "steps",
        ];
        for (word, meant) in [
            ("enviroment", Some("environment")),
            ("paralelism", Some("parallelism")),
            ("wen", Some("when")),
            ("hwen", Some("when")),
            ("branch", Some("branches")),
            ("resource-class", Some("resource_class")),
            ("Steps", Some("steps")),
            ("description", None),
            ("paths", None),
            ("on", None),
            ("a", None),
        ] {
            assert_eq!(similar(word, &known), meant, "{word}");
        }
    }
}

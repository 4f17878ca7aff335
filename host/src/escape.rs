//! Text from outside, made safe to show: the one escaper, for everything that is printed.
//!
//! Names come from file systems, repositories, servers and components. A control character can move a terminal's cursor,
//! a bidirectional one reorders what is read, one without width makes two names look alike. Such a character is printed
//! as an escape. Values stay as they are until they are printed: errors, records and the JSON of the component are not
//! escaped on their way, so an embedder that prints them calls this, too.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Characters that are no control characters and that nobody sees: without width, bidirectional, separators of lines,
/// fillers and tags. The default-ignorable code points of Unicode 16, its line separators and its annotation marks.
const INVISIBLE: [(char, char); 18] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

fn is_escaped(character: char) -> bool {
    let is_within = |(first, last): &(char, char)| (*first..=*last).contains(&character);
    character.is_control() || (!character.is_ascii() && INVISIBLE.iter().any(is_within))
}

/// Returns one line of text as it may be shown: control characters, line ends among them, and characters that nobody sees
/// are escaped as Rust writes them, for example `\n` and `\u{202e}`. A backslash stays one, so the text cannot be read back.
pub fn escaped(text: &str) -> Cow<'_, str> {
    replaced(text, |shown, character| shown.extend(character.escape_default()))
}

/// Returns serialized JSON with the same characters as `\uXXXX`, which leaves each value as it was. Control characters
/// below U+0020 stay: outside of texts they are white space, and within texts they are escaped already.
pub fn escaped_json(json: &str) -> Cow<'_, str> {
    replaced(json, |shown, character| {
        if character < ' ' {
            shown.push(character);
            return;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a text cannot fail.
            let _ = write!(shown, "\\u{unit:04x}");
        }
    })
}

fn replaced(text: &str, escape: impl Fn(&mut String, char)) -> Cow<'_, str> {
    let Some(first) = text.find(is_escaped) else {
        return Cow::Borrowed(text);
    };
    let (plain, rest) = text.split_at(first);
    let mut shown = String::with_capacity(text.len() + 16);
    shown.push_str(plain);
    for character in rest.chars() {
        match is_escaped(character) {
            true => escape(&mut shown, character),
            false => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// Returns a text that has at most `bytes_max` bytes, and where it was longer, says how long.
pub fn shortened(text: &str, bytes_max: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max {
        return Cow::Borrowed(text);
    }
    let kept = text
        .get(..text.floor_char_boundary(bytes_max))
        .unwrap_or_default();
    Cow::Owned(format!("{kept}… (cut: {} bytes in all)", text.len()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn what_nobody_sees_is_shown_escaped() {
        assert_eq!(escaped("a\nb\u{1b}[2J\u{9b}"), "a\\nb\\u{1b}[2J\\u{9b}");
        assert_eq!(escaped("gpj.\u{202e}exe"), "gpj.\\u{202e}exe");
        assert_eq!(
            escaped("ma\u{200b}in \u{feff}\u{e0041}"),
            "ma\\u{200b}in \\u{feff}\\u{e0041}"
        );
        for plain in ["grüße", "日本語", "a\\b", "עברית", "~/x y", ""] {
            assert!(matches!(escaped(plain), Cow::Borrowed(shown) if shown == plain));
        }
    }

    #[test]
    fn json_keeps_its_values() {
        for character in ('\0'..=char::MAX).filter(|character| is_escaped(*character)) {
            let text = format!("a{character}\\\"{character}ü");
            let json = serde_json::to_string_pretty(&[&text]).unwrap();
            let shown = escaped_json(&json);
            assert!(shown.chars().all(|c| c == '\n' || !is_escaped(c)), "{shown:?}");
            assert_eq!(serde_json::from_str::<Vec<String>>(&shown).unwrap(), [text]);
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(shortened("grün", 5), "grün");
        assert_eq!(shortened("grüne", 3), "gr… (cut: 6 bytes in all)");
    }
}

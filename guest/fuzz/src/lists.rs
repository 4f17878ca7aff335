//! The output of the host for the lists that a component returns: every text of a plan's steps, of a tree's entries, of
//! builds and warnings is printed as a line or as JSON, and goes through these functions.

use std::borrow::Cow;

use super::escape::{escaped, escaped_json, shortened};

/// The longest text that is shown in one line, as the command has it.
const LINE_BYTES_MAX: usize = 16_384;

/// The input is a list of texts, one a line.
pub(crate) fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let texts: Vec<&str> = text.split('\n').collect();
    for text in &texts {
        line(text);
    }
    line(&text);
    let json = serde_json::to_string_pretty(&texts).unwrap_or_else(|error| panic!("{error}"));
    let shown = escaped_json(&json);
    assert!(shown.chars().all(|c| c == '\n' || is_seen(c)), "{shown:?}");
    let read: Vec<Cow<'_, str>> =
        serde_json::from_str(&shown).unwrap_or_else(|error| panic!("{error}: {shown}"));
    assert_eq!(read, texts);
}

fn line(text: &str) {
    for bytes_max in [0, 1, 7, 64, LINE_BYTES_MAX] {
        let cut = shortened(text, bytes_max);
        assert!(cut.len() <= bytes_max + 48 && (text.len() > bytes_max || cut == text));
        assert!(text.len() <= bytes_max || text.starts_with(cut.split('…').next().unwrap_or_default()));
        let shown = escaped(&cut);
        assert!(shown.chars().all(is_seen), "{shown:?}");
        assert!(
            shown == cut || cut.chars().any(|c| !is_seen(c)),
            "{cut:?} became {shown:?}"
        );
        // An escape is ten characters at most.
        assert!(shown.len() <= cut.len() * 10);
    }
}

/// Whether a character neither moves a cursor, nor hides, nor reorders what is beside it. Those of the Unicode standard
/// that baton's users could meet, written independently.
fn is_seen(c: char) -> bool {
    let is_hidden = c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}'
            | '\u{61c}' | '\u{34f}' | '\u{180b}'..='\u{180f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{3164}' | '\u{ffa0}' | '\u{fe00}'..='\u{fe0f}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}');
    !is_hidden
}

//! Texts for messages: cut where they are long, and with bytes that are not UTF-8 escaped.

/// Returns the text of a name that need not be UTF-8: a wrong byte becomes `\xNN`. Like all text of an error it is not fit
/// for a terminal: the host escapes what it shows.
pub(crate) fn text_of(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for part in name.utf8_chunks() {
        text.push_str(part.valid());
        for byte in part.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// Longest part of a text that an error repeats, in characters.
pub(crate) const SHOWN_MAX: usize = 200;

/// Returns `text` for a message: cut when it is long.
pub(crate) fn shown(text: &str) -> String {
    let cut = text.chars().nth(SHOWN_MAX).map(|_| '…');
    text.chars().take(SHOWN_MAX).chain(cut).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_utf8_has_a_text() {
        assert_eq!(text_of(b"caf\xe9/\xff"), "caf\\xe9/\\xff");
        assert_eq!(text_of("grüße\n".as_bytes()), "grüße\n");
    }
}

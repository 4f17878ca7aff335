//! Texts that are taken for a selector.

use baton_guest::selector::{Selector, SelectorError, nearest};

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match text.parse::<Selector>() {
        Ok(selector) => {
            let shown = selector.to_string();
            assert_eq!(shown.parse(), Ok(selector));
            // Digits are brought to one form, all else stays as it was.
            assert!(
                shown.eq_ignore_ascii_case(text) || text.starts_with("build:0"),
                "{text:?} became {shown:?}"
            );
        }
        Err(error) => {
            assert!(error.to_string().len() < 4096);
            if let SelectorError::UnknownKind { suggestion, .. } | SelectorError::Malformed { suggestion, .. } =
                error
                && let Some(suggestion) = suggestion
                && let Ok(selector) = suggestion.parse::<Selector>()
            {
                assert_eq!(selector.to_string(), suggestion);
            }
        }
    }
    let known: Vec<&str> = text.split('\n').take(8).collect();
    let near = nearest(known.first().unwrap_or(&""), known.iter().copied().skip(1), 3);
    assert!(near.len() <= 3 && near.iter().all(|name| known.contains(name)));
}

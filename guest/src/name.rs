//! The one check of a name that somebody chose: of an artifact, a channel, a branch, a tag, a job and so on. It is the same
//! where a name is given and where it is looked up, so that whatever can be stored can be found.

use crate::error::{Error, Result};

/// The most bytes of the name of an artifact or a channel.
pub const SHORT_BYTES_MAX: usize = 100;

/// The most bytes of a name that another system chose, for example of a branch: a selector has room for it.
pub const LONG_BYTES_MAX: usize = 1000;

/// Checks the name of an artifact.
pub fn check_artifact(name: &str) -> Result<()> {
    check("an artifact", name, SHORT_BYTES_MAX)
}

/// Checks a name that another system chose. `what` has its article: "a branch".
pub fn check_foreign(what: &str, name: &str) -> Result<()> {
    check(what, name, LONG_BYTES_MAX)
}

pub(crate) fn check(what: &str, name: &str, bytes_max: usize) -> Result<()> {
    if !name.is_empty() && name.len() <= bytes_max && is_plain(name) {
        return Ok(());
    }
    let message = format!(
        "the name of {what} has 1 to {bytes_max} bytes, no control characters, and no space at either end"
    );
    // Quoted, or nobody sees the space.
    let shown: String = name.chars().take(bytes_max).collect();
    Err(Error::invalid("wrong-name", message, &format!("`{shown}`")))
}

/// Returns whether a name is free of what nobody sees: space at either end, and control characters. Characters that
/// reorder what is beside them may be in a name, since other systems allow them: they are escaped where it is shown.
pub fn is_plain(name: &str) -> bool {
    let at_an_end = |end: Option<char>| end.is_some_and(|end| end.is_whitespace() || is_zero_width(end));
    !at_an_end(name.chars().next())
        && !at_an_end(name.chars().next_back())
        && !name.contains(char::is_control)
}

fn is_zero_width(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::pointer::check_channel;
    use crate::selector::Selector;

    const WRONG: [&str; 12] = [
        "",
        " ",
        "\u{a0}",
        "\u{2003}\t",
        "\u{200b}",
        "production ",
        " production",
        "production\u{a0}",
        "pro\nduction",
        "pro\u{7f}duction",
        "production\u{202e}",
        "\u{feff}production",
    ];

    #[test]
    fn one_rule_for_every_name() {
        for name in WRONG {
            for error in [
                check_artifact(name),
                check_channel(name),
                check_foreign("a branch", name),
            ] {
                let error = error.unwrap_err().to_string();
                assert!(error.contains("no space at either end"), "{name:?}: {error}");
            }
        }
        for name in [
            "a",
            "feature/x y",
            "v1.2+build",
            "grüße",
            "a\u{202e}b",
            "日本",
            "👩\u{200d}💻",
            "-rf",
            "~",
        ] {
            check_artifact(name).unwrap();
            check_foreign("a tag", name).unwrap();
        }
        for selector in [
            "latest",
            "latest@main",
            "latest:main",
            "build:5",
            "build:x",
            "sha:abc123",
            "tag:v1",
            "channel:production",
            "workspace",
            "workflow:w",
            "tree:1",
        ] {
            assert!(check_channel(selector).is_err(), "{selector}");
        }
        for name in ["production", "build", "prod:eu", "a@b", "latest-stable", "Tag"] {
            check_channel(name).unwrap();
        }
        check_channel(&"x".repeat(100)).unwrap();
        check_channel(&"x".repeat(101)).unwrap_err();
        check_foreign("a branch", &"x".repeat(1000)).unwrap();
        check_foreign("a branch", &"x".repeat(1001)).unwrap_err();
    }

    #[test]
    fn what_can_be_named_can_be_selected_and_the_other_way_round() {
        let longest = "x".repeat(LONG_BYTES_MAX);
        for name in ["a", "feature/x y", "👩\u{200d}💻", &longest]
            .into_iter()
            .chain(WRONG)
        {
            for kind in ["latest@", "tag:", "channel:", "workflow:"] {
                let selected = format!("{kind}{name}").parse::<Selector>();
                assert_eq!(
                    selected.is_ok(),
                    check_foreign("a name", name).is_ok(),
                    "{kind}{name:?}"
                );
            }
        }
    }
}

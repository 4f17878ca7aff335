//! `circleci env subst`: variables in a text.

/// Replaces `$NAME` and `${NAME}` by the values of variables. A variable that is not set becomes the empty text.
pub(super) fn subst(text: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        filled.push_str(before);
        let braced = after.strip_prefix('{');
        let body = braced.unwrap_or(after);
        let is_part =
            |at: usize, c: char| c.is_ascii_alphabetic() || c == '_' || (at > 0 && c.is_ascii_digit());
        let end = body
            .char_indices()
            .find(|(at, c)| !is_part(*at, *c))
            .map_or(body.len(), |(at, _)| at);
        let (name, tail) = body.split_at(end);
        let tail = match braced {
            Some(_) => tail.strip_prefix('}'),
            None => Some(tail),
        };
        match tail {
            Some(tail) if !name.is_empty() => {
                filled.push_str(&variable(name).unwrap_or_default());
                rest = tail;
            }
            _ => {
                filled.push('$');
                rest = after;
            }
        }
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_and_everything_else_stays() {
        let variable = |name: &str| match name {
            "A" => Some("a value".to_owned()),
            "B_1" => Some("$A".to_owned()),
            _ => None,
        };
        for (text, expected) in [
            ("${A}-$B_1-$NONE-$", "a value-$A--$"),
            ("$Ab ${A ${} $1 $$A", " ${A ${} $1 $a value"),
            ("grüße $A!", "grüße a value!"),
            ("", ""),
        ] {
            assert_eq!(subst(text, variable), expected, "{text}");
        }
    }
}

//! The conditions of `when` and `unless`.

use super::error::{LocalError, Place};
use super::pattern;
use super::yaml::Yaml;

/// Returns whether a condition holds, once its references are filled in.
///
/// False, nothing, 0, an empty text and NaN are false, and so is the text `false`: that is what a boolean becomes within
/// a text. All else is true.
///
/// # Errors
///
/// [`LocalError`] for an operator that is not one, and for what a condition in the new language of expressions would be.
pub(crate) fn holds(condition: &Yaml, place: &Place) -> Result<bool, LocalError> {
    let entries = match condition {
        Yaml::Map(entries) => entries,
        Yaml::Null => return Ok(false),
        Yaml::Bool(value) => return Ok(*value),
        Yaml::Integer(value) => return Ok(*value != 0),
        Yaml::Number(value) => return Ok(*value != 0.0 && !value.is_nan()),
        Yaml::List(_) => return Err(place.wrong("a condition is expected, not a list")),
        Yaml::Text(text) => {
            let is_expression = [" == ", " != ", " and ", " or ", "not ", " starts-with "];
            if is_expression.iter().any(|part| text.contains(part)) {
                return Err(place.unsupported(format!(
                    "the expression {text:?} cannot be evaluated; write it with equal, and, or, not, matches"
                )));
            }
            return Ok(!text.is_empty() && text != "false");
        }
    };
    let [(operator, operand)] = entries.as_slice() else {
        return Err(place.wrong("a condition has one operator: and, or, not, equal or matches"));
    };
    match operator.as_str() {
        "and" => {
            let mut all = true;
            for item in operand.items(place)? {
                all &= holds(item, place)?;
            }
            Ok(all)
        }
        "or" => {
            let mut any = false;
            for item in operand.items(place)? {
                any |= holds(item, place)?;
            }
            Ok(any)
        }
        "not" => Ok(!holds(operand, place)?),
        "equal" => {
            let items = operand.items(place)?;
            Ok(items.windows(2).all(|pair| match pair {
                [one, other] => same(one, other),
                _ => true,
            }))
        }
        "matches" => {
            let text = |key: &str| {
                let value = operand.get(key);
                value
                    .ok_or_else(|| {
                        place.wrong(format!("matches needs pattern and value, and {key} is missing"))
                    })?
                    .scalar(place)
            };
            pattern::matches(&text("pattern")?, &text("value")?, place)
        }
        other => Err(place.wrong(format!(
            "{other} is no operator of a condition: there are and, or, not, equal and matches"
        ))),
    }
}

/// Scalars are the same where they read the same: an argument of the type enum is a text, whatever it looks like.
fn same(one: &Yaml, other: &Yaml) -> bool {
    one == other || (is_scalar(one) && is_scalar(other) && one.to_string() == other.to_string())
}

fn is_scalar(value: &Yaml) -> bool {
    !matches!(value, Yaml::List(_) | Yaml::Map(_))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn judged(condition: &str) -> Result<bool, String> {
        let condition = Yaml::parse(condition, "config.yml").unwrap();
        holds(&condition, &Place::file("config.yml")).map_err(|error| error.to_string())
    }

    #[test]
    fn conditions_hold_as_circleci_says() {
        for (condition, expected) in [
            ("true", true),
            ("''", false),
            ("any text", true),
            ("0", false),
            ("{not: ''}", true),
            ("{and: [true, 1, text]}", true),
            ("{and: [true, '']}", false),
            ("{or: [false, '', 1]}", true),
            ("{equal: [main, main]}", true),
            ("{equal: [main, dev]}", false),
            ("{equal: [a, a, b]}", false),
            ("{not: {equal: [1, '2']}}", true),
            ("{matches: {pattern: '^feature/.+$', value: feature/x}}", true),
            ("{matches: {pattern: 'eat', value: feature}}", false),
        ] {
            assert_eq!(judged(condition), Ok(expected), "{condition}");
        }
    }

    #[test]
    fn what_is_no_condition_is_an_error() {
        for (condition, says) in [
            ("{xor: [true]}", "xor is no operator"),
            ("{not: true, and: []}", "one operator"),
            ("[true]", "not a list"),
            ("{matches: {pattern: a}}", "value is missing"),
            ("a == b", "cannot be evaluated"),
        ] {
            let error = judged(condition).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}

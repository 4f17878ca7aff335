//! The conditions of `when` and `unless`: CircleCI's logic statements, and expressions.

use super::error::{LocalError, Place};
use super::expression;
use super::pattern;
use super::template::Scope;
use super::yaml::Yaml;

/// How deep statements may be nested, as CircleCI has it.
const DEPTH_MAX: usize = 100;

/// Returns whether a condition holds: an expression, a logic statement, or a value. References are not filled in yet: a text
/// that a parameter gives is a value, and never an expression.
///
/// # Errors
///
/// [`LocalError`] for an operator that does not exist, for a statement without arguments, and for a text that cannot be read
/// as an expression.
pub(crate) fn holds(condition: &Yaml, scope: &Scope<'_>, place: &Place) -> Result<bool, LocalError> {
    holds_at(condition, scope, place, 0)
}

fn holds_at(condition: &Yaml, scope: &Scope<'_>, place: &Place, depth: usize) -> Result<bool, LocalError> {
    if depth > DEPTH_MAX {
        return Err(place.wrong(format!("a condition is nested more than {DEPTH_MAX} levels deep")));
    }
    let entries = match condition {
        Yaml::Map(entries) => entries,
        Yaml::Text(text) => return text_holds(text, scope, place),
        value => return Ok(truthy(value)),
    };
    let [(operator, operand)] = entries.as_slice() else {
        return Err(place.wrong("a condition has one operator: and, or, not, equal or matches"));
    };
    let arguments = |operand: &Yaml| -> Result<Vec<Yaml>, LocalError> {
        let items = operand.items(place)?;
        if items.is_empty() {
            return Err(place.wrong(format!("{operator} has no arguments")));
        }
        Ok(items.to_vec())
    };
    match operator.as_str() {
        "and" | "or" => {
            let mut held = Vec::new();
            match operand {
                // A parameter gives the list, so its items are values.
                Yaml::Text(_) => {
                    let items = arguments(&scope.fill(operand, place)?)?;
                    held.extend(items.iter().map(truthy));
                }
                operand => {
                    for item in arguments(operand)? {
                        held.push(holds_at(&item, scope, place, depth + 1)?);
                    }
                }
            }
            Ok(match operator.as_str() {
                "and" => held.iter().all(|held| *held),
                _ => held.iter().any(|held| *held),
            })
        }
        "not" => Ok(!holds_at(operand, scope, place, depth + 1)?),
        "equal" => {
            let items = arguments(&scope.fill(operand, place)?)?;
            Ok(items.windows(2).all(|pair| match pair {
                [one, other] => same(one, other),
                _ => true,
            }))
        }
        "matches" => {
            let operand = scope.fill(operand, place)?;
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
            "there is no operator {other}: a condition has and, or, not, equal or matches"
        ))),
    }
}

/// Returns whether a text as the config has it holds: one reference or several, a single word, or an expression.
fn text_holds(text: &str, scope: &Scope<'_>, place: &Place) -> Result<bool, LocalError> {
    let is_word = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    // The parser cannot tell `no`, a boolean of YAML 1.1, from the text "no", which would be true.
    if ["y", "n", "yes", "no", "on", "off"].contains(&text.to_ascii_lowercase().as_str()) {
        return Err(place.wrong(format!("the condition is {text}; write true or false")));
    }
    if text.chars().all(is_word) {
        return Ok(!text.is_empty());
    }
    if is_references_only(text) {
        return Ok(truthy(&scope.fill(&Yaml::Text(text.to_owned()), place)?));
    }
    Ok(truthy(&expression::evaluate(text, scope, place)?))
}

/// Whether a text is nothing but references, as in `<<parameters.a>><<parameters.b>>`: their values, one after the other.
fn is_references_only(text: &str) -> bool {
    let mut rest = text.trim();
    while let Some(reference) = rest.strip_prefix("<<") {
        match reference.split_once(">>") {
            Some((_, after)) => rest = after.trim_start(),
            None => return false,
        }
    }
    rest.is_empty()
}

/// Returns whether a value is true: all but false, nothing, 0, NaN, an empty text and an empty list.
pub(crate) fn truthy(value: &Yaml) -> bool {
    match value {
        Yaml::Null => false,
        Yaml::Bool(value) => *value,
        Yaml::Integer(value) => *value != 0,
        Yaml::Number(value) => *value != 0.0 && !value.is_nan(),
        Yaml::Text(text) => !text.is_empty(),
        Yaml::List(items) => !items.is_empty(),
        Yaml::Map(_) => true,
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
    use crate::pipeline::{Pipeline, PipelineValues};

    fn judged(condition: &str) -> Result<bool, String> {
        let place = Place::file("config.yml");
        let config = "parameters: {deploy: {type: boolean, default: false}, words: {type: string, default: this and that}, \
                      off: {type: string, default: 'false'}, none: {type: string, default: ''}}";
        let config = Yaml::parse(config, "config.yml").unwrap();
        let pipeline = Pipeline {
            branch: Some("main".to_owned()),
            ..Pipeline::default()
        };
        let values = PipelineValues::bind(&pipeline, &config, &place).unwrap();
        let parameters = [
            ("no-steps".to_owned(), Yaml::List(Vec::new())),
            (
                "steps".to_owned(),
                Yaml::List(vec![Yaml::Text("checkout".to_owned())]),
            ),
            ("flag".to_owned(), Yaml::Bool(false)),
        ];
        let scope = Scope {
            pipeline: &values,
            parameters: &parameters,
            prefix: "parameters",
            in_orb: false,
        };
        let condition = Yaml::parse(condition, "config.yml").unwrap();
        holds(&condition, &scope, &place).map_err(|error| error.to_string())
    }

    #[test]
    fn conditions_hold_as_circleci_says() {
        for (condition, expected) in [
            ("true", true),
            ("''", false),
            ("text", true),
            ("0", false),
            ("[]", false),
            ("[a]", true),
            ("{not: ''}", true),
            ("{and: [true, 1, text]}", true),
            ("{and: [true, '']}", false),
            ("{or: [false, '', 1]}", true),
            ("{equal: [main, main]}", true),
            ("{equal: [main, dev]}", false),
            ("{equal: [a, a, b]}", false),
            ("{equal: [main, << pipeline.git.branch >>]}", true),
            ("{not: {equal: [1, '2']}}", true),
            ("{matches: {pattern: '^feature/.+$', value: feature/x}}", true),
            ("{matches: {pattern: 'eat', value: feature}}", false),
            ("pipeline.parameters.deploy", false),
            ("<< pipeline.parameters.deploy >>", false),
            ("pipeline.git.branch == \"main\"", true),
            ("<< pipeline.git.branch == \"main\" >>", true),
            (
                "{and: [pipeline.git.branch == \"main\", pipeline.parameters.deploy]}",
                false,
            ),
            ("{not: pipeline.parameters.deploy}", true),
            // A text that a parameter gives is a text.
            ("<< pipeline.parameters.words >>", true),
            ("<< pipeline.parameters.off >>", true),
            ("<< pipeline.parameters.none >>", false),
            ("<< parameters.flag >>", false),
            ("<< parameters.steps >>", true),
            ("<< parameters.no-steps >>", false),
            ("{and: << parameters.steps >>}", true),
            (
                "<< pipeline.parameters.none >><< pipeline.parameters.none >>",
                false,
            ),
            (
                "<< pipeline.parameters.none >><< pipeline.parameters.off >>",
                true,
            ),
        ] {
            assert_eq!(judged(condition), Ok(expected), "{condition}");
        }
    }

    #[test]
    fn what_is_no_condition_is_an_error() {
        for (condition, says) in [
            ("{xor: [true]}", "there is no operator xor"),
            ("{not: true, and: []}", "one operator"),
            ("{and: []}", "and has no arguments"),
            ("{or: }", "or has no arguments"),
            ("{equal: []}", "equal has no arguments"),
            ("{and: << parameters.no-steps >>}", "and has no arguments"),
            ("{matches: {pattern: a}}", "value is missing"),
            ("a sentence", "cannot evaluate the expression"),
            ("no", "write true or false"),
            ("{not: 'ON'}", "write true or false"),
            ("'a == b'", "neither a value of the pipeline"),
            ("v-<< pipeline.git.branch >>", "cannot evaluate the expression"),
        ] {
            let error = judged(condition).unwrap_err();
            assert!(error.contains(says), "{condition}: {error}");
        }
    }
}

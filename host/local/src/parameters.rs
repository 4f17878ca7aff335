//! The parameters of commands, jobs, executors and pipelines, and their arguments.

use super::error::{LocalError, Place};
use super::spelling::similar;
use super::yaml::Yaml;

/// Binds arguments to what is declared: each declared parameter gets its argument, else its default.
///
/// # Errors
///
/// [`LocalError::Wrong`] for an argument that nobody declared, a missing one, and one of the wrong type.
pub(crate) fn bind(
    declared: &Yaml,
    arguments: &[(String, Yaml)],
    place: &Place,
) -> Result<Vec<(String, Yaml)>, LocalError> {
    let declared = declared.entries(place)?;
    if let Some((name, _)) = arguments
        .iter()
        .find(|(name, _)| !declared.iter().any(|(known, _)| known == name))
    {
        let known: Vec<&str> = declared.iter().map(|(name, _)| name.as_str()).collect();
        let hint = match (similar(name, &known), known.is_empty()) {
            (Some(meant), _) => format!("did you mean {meant:?}?"),
            (None, true) => "none is declared".to_owned(),
            (None, false) => format!("expected one of: {}", known.join(", ")),
        };
        return Err(place
            .within(name)
            .wrong(format!("there is no parameter {name}; {hint}")));
    }
    let mut bound = Vec::new();
    for (name, declaration) in declared {
        let argument = arguments.iter().find(|(given, _)| given == name);
        let value = argument
            .map(|(_, value)| value)
            .or_else(|| declaration.get("default"))
            .ok_or_else(|| place.wrong(format!("the argument {name} is missing, and it has no default")))?;
        bound.push((
            name.clone(),
            checked(name, declaration, value, &place.within(name))?,
        ));
    }
    Ok(bound)
}

/// Returns the value as its type has it.
fn checked(name: &str, declaration: &Yaml, value: &Yaml, place: &Place) -> Result<Yaml, LocalError> {
    let declared_type = declaration
        .get("type")
        .and_then(Yaml::as_text)
        .unwrap_or_default();
    let wrong = |expected: &str| {
        Err(place.wrong(format!(
            "the argument {name} is {}, and {expected} is expected",
            value.kind()
        )))
    };
    match (declared_type, value) {
        ("string", Yaml::Text(_)) | ("integer", Yaml::Integer(_)) => Ok(value.clone()),
        ("string", Yaml::Null) => Ok(Yaml::Text(String::new())),
        ("string", _) => wrong("a text (in quotes, if it looks like something else)"),
        ("boolean", _) => value.as_bool().map_or_else(|| wrong("a boolean"), |it| Ok(Yaml::Bool(it))),
        ("integer", _) => wrong("an integer"),
        ("enum", _) => {
            let values = declaration.get("enum").unwrap_or(&Yaml::Null).texts(place)?;
            let value = value.scalar(place)?;
            if values.contains(&value) {
                return Ok(Yaml::Text(value));
            }
            Err(place.wrong(format!(
                "the argument {name} is {value}, and one of these is expected: {}",
                values.join(", ")
            )))
        }
        ("env_var_name", Yaml::Text(text)) if is_variable_name(text) => Ok(value.clone()),
        ("env_var_name", _) => wrong("the name of a variable"),
        ("executor", Yaml::Text(_) | Yaml::Map(_)) | ("steps", Yaml::List(_)) => Ok(value.clone()),
        ("executor", _) => wrong("the name of an executor, or a map with it"),
        ("steps", Yaml::Null) => Ok(Yaml::List(Vec::new())),
        ("steps", _) => wrong("a list of steps"),
        (other, _) => Err(place.wrong(format!(
            "the parameter {name} has the type {other:?}, and one of these is expected: string, boolean, integer, enum, \
             executor, steps, env_var_name"
        ))),
    }
}

/// Returns whether a text can name a variable, as POSIX has it.
pub(crate) fn is_variable_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn bound(declared: &str, arguments: &str) -> Result<String, String> {
        let place = Place::file("config.yml");
        let parse = |text: &str| Yaml::parse(text, "config.yml").unwrap();
        let arguments = parse(arguments);
        let bound = bind(&parse(declared), arguments.entries(&place).unwrap(), &place);
        bound
            .map(|bound| Yaml::Map(bound).to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn an_argument_goes_before_the_default() {
        let declared = "{a: {type: string, default: x}, b: {type: integer, default: 2}}";
        assert_eq!(bound(declared, "{b: 3}"), Ok("{a: x, b: 3}".to_owned()));
    }

    #[test]
    fn types_are_checked() {
        for (declared, argument, says) in [
            ("{a: {type: string}}", "{a: 1}", "a text (in quotes"),
            ("{a: {type: boolean}}", "{a: maybe}", "a boolean is expected"),
            ("{a: {type: integer}}", "{a: '1'}", "an integer is expected"),
            (
                "{a: {type: enum, enum: [x, y]}}",
                "{a: z}",
                "one of these is expected: x, y",
            ),
            ("{a: {type: env_var_name}}", "{a: 1X}", "the name of a variable"),
            ("{a: {type: steps}}", "{a: run}", "a list of steps"),
            ("{a: {type: text}}", "{a: b}", "the type \"text\""),
            ("{a: {type: string}}", "{}", "a is missing"),
            (
                "{a: {type: string}}",
                "{b: x, a: x}",
                "there is no parameter b; expected one of: a",
            ),
        ] {
            let error = bound(declared, argument).unwrap_err();
            assert!(
                error.contains(says) && error.starts_with("config.yml: "),
                "{error}"
            );
        }
    }

    #[test]
    fn booleans_are_those_of_yaml_1_1() {
        for (written, meant) in [("'yes'", "true"), ("'Off'", "false"), ("true", "true")] {
            let declared = "{a: {type: boolean}}";
            assert_eq!(
                bound(declared, &format!("{{a: {written}}}")),
                Ok(format!("{{a: {meant}}}"))
            );
        }
    }
}

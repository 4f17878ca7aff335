//! Checks JSON against docs/reference/json.schema.json. It knows the keywords that the schema uses and fails on any other one,
//! and it takes every object for closed: a field that the schema does not have is an error here, although readers should
//! ignore it. A validator crate would bring a dozen crates, and other features of those that baton uses.

use std::sync::LazyLock;

use serde_json::{Map, Value};

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let file = crate::repository().join("docs/reference/json.schema.json");
    serde_json::from_str(&crate::files::read(&file)).unwrap()
});

/// Returns the name of the definition for a command line and what it printed.
fn definition(words: &[String], printed: &Value) -> Option<String> {
    let definitions = SCHEMA["$defs"].as_object().unwrap();
    if printed.get("error").is_some() {
        return Some("error".to_owned());
    }
    // Definitions of parts begin with a capital letter.
    let is_command =
        |word: &String| word.starts_with(|c: char| c.is_ascii_lowercase()) && definitions.contains_key(word);
    let command = words.iter().find(|word| is_command(word))?;
    let given = |word: &str| words.iter().any(|it| it == word);
    let variant = match () {
        () if given("set") => format!("{command}-set"),
        () if given("--dry-run") => format!("{command}-dry-run"),
        () => command.clone(),
    };
    let found = if definitions.contains_key(&variant) {
        variant
    } else {
        command.clone()
    };
    Some(found)
}

/// Checks what a command printed. Panics and says where it is not as the schema has it.
pub(crate) fn check(words: &[String], printed: &Value) {
    let Some(name) = definition(words, printed) else {
        panic!("no definition in the schema is for {words:?}");
    };
    if let Err(wrong) = matches(&SCHEMA["$defs"][&name], printed, "$") {
        panic!("{words:?}: the output is not as the schema has {name}: {wrong}\n{printed:#}");
    }
}

fn matches(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    if schema.as_bool() == Some(true) {
        return Ok(());
    }
    let keywords = schema
        .as_object()
        .ok_or_else(|| format!("{at}: {schema} is no schema"))?;
    for (keyword, wanted) in keywords {
        match keyword.as_str() {
            "title" | "description" | "format" => {}
            "$ref" => {
                let name = wanted.as_str().and_then(|it| it.strip_prefix("#/$defs/"));
                matches(&SCHEMA["$defs"][name.unwrap()], value, at)?;
            }
            "type" => is_of_type(wanted, value, at)?,
            "const" if wanted == value => {}
            "enum" if wanted.as_array().unwrap().contains(value) => {}
            "const" | "enum" => return Err(format!("{at}: {value} is not {wanted}")),
            "minimum" => {
                if value.is_number() && value.as_f64() < wanted.as_f64() {
                    return Err(format!("{at}: {value} is below {wanted}"));
                }
            }
            "maximum" => {
                if value.is_number() && value.as_f64() > wanted.as_f64() {
                    return Err(format!("{at}: {value} is above {wanted}"));
                }
            }
            "anyOf" | "oneOf" => one_of(wanted, value, at)?,
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    matches(wanted, item, &format!("{at}[{index}]"))?;
                }
            }
            "properties" => has_only(wanted.as_object().unwrap(), value, at)?,
            "required" => {
                for name in wanted.as_array().unwrap().iter().filter_map(Value::as_str) {
                    if value.as_object().is_some_and(|fields| !fields.contains_key(name)) {
                        return Err(format!("{at}: {name} is missing"));
                    }
                }
            }
            "additionalProperties" if wanted == &Value::Bool(false) => {}
            other => return Err(format!("{at}: the keyword {other} is not known here")),
        }
    }
    Ok(())
}

fn is_of_type(wanted: &Value, value: &Value, at: &str) -> Result<(), String> {
    let kinds = match wanted {
        Value::Array(kinds) => kinds.clone(),
        kind => vec![kind.clone()],
    };
    let is = |kind: &str| match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    match kinds.iter().filter_map(Value::as_str).any(is) {
        true => Ok(()),
        false => Err(format!("{at}: {value} is not of type {wanted}")),
    }
}

fn one_of(schemas: &Value, value: &Value, at: &str) -> Result<(), String> {
    let mut wrong = Vec::new();
    for schema in schemas.as_array().unwrap() {
        match matches(schema, value, at) {
            Ok(()) => return Ok(()),
            Err(error) => wrong.push(error),
        }
    }
    Err(wrong.join("; or "))
}

fn has_only(fields: &Map<String, Value>, value: &Value, at: &str) -> Result<(), String> {
    for (name, field) in value.as_object().into_iter().flatten() {
        match fields.get(name) {
            Some(schema) => matches(schema, field, &format!("{at}.{name}"))?,
            None => return Err(format!("{at}: {name} is not in the schema")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_from_the_schema_is_found() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let good = json!({ "artifacts": ["a"], "more": false });
        check(&words("--format json artifacts"), &good);
        for wrong in [
            json!({ "artifacts": ["a"] }),
            json!({ "artifacts": "a", "more": false }),
            json!({ "artifacts": [1], "more": false }),
            json!({ "artifacts": ["a"], "more": null }),
            json!({ "artifacts": ["a"], "more": false, "extra": 1 }),
            json!([]),
        ] {
            let checked = std::panic::catch_unwind(|| check(&words("artifacts"), &wrong));
            assert!(checked.is_err(), "{wrong}");
        }
        let error = json!({ "error": { "causes": [], "code": "a", "hint": null, "kind": "store", "message": "a", "subject": "" } });
        check(&words("artifacts"), &error);
    }
}

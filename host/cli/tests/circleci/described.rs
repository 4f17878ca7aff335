//! Whether what is asked of the API, and what it answers, is as CircleCI describes it: in the OpenAPI document of v2, if
//! that lies beside the repository. v1.1 is not described there.
//!
//! The part of JSON Schema that the document uses is small, so it is checked here, and nothing is to be installed.

use std::sync::OnceLock;

use baton_local::api::Exchange;
use serde_json::Value;

fn document() -> Option<&'static Value> {
    static DOCUMENT: OnceLock<Option<Value>> = OnceLock::new();
    let read = || {
        let file = baton_testkit::repository().join("../shared/circleci/api-v2-openapi.json");
        match std::fs::read(&file) {
            Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
            Err(error) => {
                println!("skipped: answers are not compared with CircleCI's description: {error}");
                None
            }
        }
    };
    DOCUMENT.get_or_init(read).as_ref()
}

/// Checks requests and answers of v2.
pub(crate) fn check(exchanges: &[Exchange]) {
    let Some(document) = document() else { return };
    for exchange in exchanges {
        let asked = &exchange.request;
        let Some(path) = asked.path.strip_prefix("/api/v2") else {
            continue;
        };
        let method = asked.method.as_str().to_lowercase();
        let operation = operation(document, path, &method)
            .unwrap_or_else(|| panic!("{method} {path} is not in CircleCI's description"));
        check_query(operation, &asked.query, path);
        if method == "post" {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let body = serde_json::from_slice(&asked.body).unwrap();
            check_value(schema, &body, &format!("the body of {path}"));
        }
        if let (200..300, Some(json)) = (exchange.status, &exchange.json) {
            let answer = &operation["responses"][exchange.status.to_string()];
            assert!(
                !answer.is_null(),
                "{method} {path} does not answer {}",
                exchange.status
            );
            let schema = &answer["content"]["application/json"]["schema"];
            check_value(schema, json, &format!("the answer of {path}"));
        }
    }
}

/// Returns the operation whose path fits. A slug is one parameter of three names.
fn operation<'a>(document: &'a Value, path: &str, method: &str) -> Option<&'a Value> {
    let asked: Vec<&str> = path.split('/').skip(1).collect();
    let fits = |template: &str| {
        let mut names = asked.iter();
        for part in template.split('/').skip(1) {
            match part {
                "{project-slug}" => {
                    if names.by_ref().take(3).count() < 3 {
                        return false;
                    }
                }
                part if part.starts_with('{') => {
                    if names.next().is_none() {
                        return false;
                    }
                }
                part => {
                    if names.next() != Some(&part) {
                        return false;
                    }
                }
            }
        }
        names.next().is_none()
    };
    let paths = document["paths"].as_object().unwrap();
    // A template with fewer parameters is the better fit.
    let mut fitting: Vec<_> = paths.iter().filter(|(template, _)| fits(template)).collect();
    fitting.sort_by_key(|(template, _)| template.matches('{').count());
    fitting
        .into_iter()
        .find_map(|(_, operations)| operations.get(method))
}

fn check_query(operation: &Value, query: &str, path: &str) {
    let parameters = operation["parameters"].as_array().unwrap();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let name = pair.split('=').next().unwrap();
        // The description of the list of artifacts leaves its one parameter out, and answers with a token for it.
        let known = parameters
            .iter()
            .any(|it| it["in"] == "query" && it["name"] == name);
        assert!(known || name == "page-token", "{path} takes no {name}");
    }
}

fn check_value(schema: &Value, value: &Value, at: &str) {
    if value.is_null() {
        let nullable = schema["x-nullable"] == true || schema["nullable"] == true;
        // The trigger's actor may have no picture, whatever the description says of required fields.
        assert!(nullable, "{at} is null");
        return;
    }
    if let Some(options) = schema["anyOf"].as_array() {
        let types: Vec<_> = options.iter().map(|it| it["type"].as_str().unwrap()).collect();
        assert!(
            types.iter().any(|it| has_type(value, it)),
            "{at} is none of {types:?}"
        );
    }
    if let Some(wanted) = schema["type"].as_str() {
        assert!(has_type(value, wanted), "{at} is {value}, and not a {wanted}");
    }
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{at} is {value}, and none of {words:?}");
    }
    if let Some(least) = schema["minimum"].as_i64() {
        assert!(value.as_i64().unwrap() >= least, "{at} is {value}");
    }
    match schema["format"].as_str() {
        Some("uuid") => check_uuid(value.as_str().unwrap(), at),
        Some("date-time") => {
            let time = value.as_str().unwrap();
            assert!(humantime::parse_rfc3339(time).is_ok(), "{at} is {time}");
        }
        _ => {}
    }
    for required in schema["required"].as_array().into_iter().flatten() {
        let name = required.as_str().unwrap();
        assert!(value.get(name).is_some(), "{at} has no {name}");
    }
    if let (Some(fields), Some(known)) = (value.as_object(), schema["properties"].as_object()) {
        for (name, field) in fields {
            let schema = known.get(name);
            let schema = schema.unwrap_or_else(|| panic!("{at} has {name}, which is not described"));
            check_value(schema, field, &format!("{at}.{name}"));
        }
    }
    for item in value.as_array().into_iter().flatten() {
        check_value(&schema["items"], item, &format!("{at}[]"));
    }
}

fn has_type(value: &Value, wanted: &str) -> bool {
    match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        other => panic!("a type that is not known: {other}"),
    }
}

fn check_uuid(text: &str, at: &str) {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    let digits = text.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
    assert!(
        digits && lengths == [8, 4, 4, 4, 12],
        "{at} is {text}, and no UUID"
    );
}

/// A check that never fails would say nothing.
#[test]
fn what_is_not_described_is_noticed() {
    let Some(document) = document() else { return };
    let path = "/project/gh/acme/shop/7/artifacts";
    let schema = &operation(document, path, "get").unwrap()["responses"]["200"]["content"]["application/json"]
        ["schema"];
    let good = serde_json::json!({ "items": [{ "path": "a", "node_index": 0, "url": "u" }], "next_page_token": null });
    check_value(schema, &good, "");
    for bad in [
        serde_json::json!({ "items": [] }),
        serde_json::json!({ "items": [{ "path": "a", "node_index": -1, "url": "u" }], "next_page_token": null }),
        serde_json::json!({ "items": [{ "path": "a", "node_index": 0 }], "next_page_token": null }),
        serde_json::json!({ "items": [{ "path": 1, "node_index": 0, "url": "u" }], "next_page_token": null }),
        serde_json::json!({ "items": [], "next_page_token": null, "more": 1 }),
    ] {
        let noticed = std::panic::catch_unwind(|| check_value(schema, &bad, ""));
        assert!(noticed.is_err(), "{bad}");
    }
    assert!(operation(document, "/project/gh/acme/shop/7/bytes", "get").is_none());
    assert!(operation(document, "/project/gh/acme/shop/envvar", "put").is_none());
}

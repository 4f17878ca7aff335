//! Generates docs/reference/json.schema.json: a definition for the output of each command.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::*;
use crate::reference::check;

const PAGE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/reference/json.schema.json"
);

/// Adds a definition with this name for the output of a command.
fn define<T: JsonSchema>(generator: &mut SchemaGenerator, outputs: &mut Map<String, Value>, name: &str) {
    let schema = generator.subschema_for::<T>();
    outputs.insert(name.to_owned(), schema.to_value());
}

fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let (g, mut outputs) = (&mut generator, Map::new());
    let o = &mut outputs;
    define::<Failed>(g, o, "error");
    define::<Persisted>(g, o, "persist");
    define::<DryRun<Vec<Step>>>(g, o, "persist-dry-run");
    define::<Attached>(g, o, "attach");
    define::<DryRun<Vec<Step>>>(g, o, "attach-dry-run");
    define::<Latest>(g, o, "latest");
    define::<LatestSet>(g, o, "latest-set");
    define::<Builds>(g, o, "builds");
    define::<Artifacts>(g, o, "artifacts");
    define::<Channels>(g, o, "channels");
    define::<Show<Vec<Entry>>>(g, o, "show");
    define::<Diff<Vec<Change>, Sums>>(g, o, "diff");
    define::<Moved>(g, o, "promote");
    define::<Moved>(g, o, "rollback");
    define::<Moved>(g, o, "release");
    define::<History>(g, o, "history");
    define::<Verified>(g, o, "verify");
    define::<Prune<Vec<Decision>>>(g, o, "prune");
    define::<Removed>(g, o, "remove");
    define::<Policy>(g, o, "policy");
    define::<LocalRun>(g, o, "local");
    define::<LocalPlan>(g, o, "local-dry-run");
    define::<Doctor>(g, o, "doctor");
    define::<Component>(g, o, "component");
    let any: Vec<Value> = outputs
        .keys()
        .map(|name| json!({ "$ref": format!("#/$defs/{name}") }))
        .collect();
    let mut definitions = generator.take_definitions(true);
    definitions.append(&mut outputs);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The output of baton with --format json",
        "description": "One definition for each command, and `error` for a command that fails.",
        "anyOf": any,
        "$defs": definitions,
    })
}

#[test]
fn the_schema_is_that_of_the_types() {
    let is = std::fs::read_to_string(PAGE).unwrap_or_default();
    let should = serde_json::to_string_pretty(&schema()).expect("a schema is JSON") + "\n";
    check(PAGE, &is, &should);
}

#[test]
fn every_command_that_prints_json_has_a_definition() {
    let schema = schema();
    let command = <crate::args::Cli as clap::CommandFactory>::command();
    let text = ["completions", "man", "help"];
    for name in command.get_subcommands().map(clap::Command::get_name) {
        assert!(
            schema["$defs"].get(name).is_some() || text.contains(&name),
            "{name}"
        );
    }
}

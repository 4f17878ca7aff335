//! The orb as it is packed, for configs that have it inlined, and its examples.

use serde_json::Value;

/// Returns orb.yml.
pub(crate) fn packed() -> Value {
    let path = baton_testkit::repository().join("orb.yml");
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Returns a config with the orb in the place where it names it. JSON is YAML.
pub(crate) fn inlined(config: &str) -> String {
    let mut config: Value = serde_saphyr::from_str(config).unwrap();
    let mut orb = packed();
    let orb = orb.as_object_mut().unwrap();
    // What only the registry reads has no place in a config.
    orb.remove("examples");
    orb.remove("display");
    orb.remove("version");
    config["orbs"]["baton"] = Value::Object(orb.clone());
    config.to_string()
}

/// Returns the usage of an example, as text.
pub(crate) fn example(name: &str) -> String {
    packed()["examples"][name]["usage"].to_string()
}

/// Returns the names of all examples.
pub(crate) fn examples() -> Vec<String> {
    packed()["examples"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect()
}

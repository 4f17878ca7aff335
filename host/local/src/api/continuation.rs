//! How a setup workflow continues its pipeline: with another config, and values of its parameters.

use serde_json::Value;

/// The config that continues a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Continuation {
    /// The text of the config.
    pub config: String,
    /// The parameters of the pipeline, as text.
    pub parameters: Vec<(String, String)>,
}

/// A pipeline that waits to be continued.
#[derive(Debug, Default)]
pub(super) struct Expected {
    /// The key that a request must present; nothing where no setup workflow runs.
    pub(super) key: Option<String>,
    pub(super) given: Option<Continuation>,
}

impl Continuation {
    /// Returns a continuation with parameters that are a JSON object of texts, numbers and booleans.
    ///
    /// # Errors
    ///
    /// The reason, if the parameters are something else.
    pub fn new(config: String, parameters: &Value) -> Result<Continuation, String> {
        let empty = serde_json::Map::new();
        let parameters = match parameters {
            Value::Null => &empty,
            Value::Object(parameters) => parameters,
            _ => return Err("the parameters are no JSON object".to_owned()),
        };
        let parameters = parameters.iter().map(|(name, value)| match value {
            Value::String(text) => Ok((name.clone(), text.clone())),
            Value::Bool(_) | Value::Number(_) => Ok((name.clone(), value.to_string())),
            _ => Err(format!("the parameter {name} is no text, number or boolean")),
        });
        Ok(Continuation {
            config,
            parameters: parameters.collect::<Result<_, _>>()?,
        })
    }
}

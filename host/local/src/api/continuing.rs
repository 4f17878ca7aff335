//! The continuation of a pipeline by its setup workflow, through the API.

use serde::Deserialize;
use serde_json::Value;

use super::continuation::{Continuation, Expected};
use super::state::Api;

/// The body of a request to continue a pipeline.
#[derive(Deserialize)]
struct Body {
    #[serde(rename = "continuation-key")]
    key: String,
    configuration: String,
    #[serde(default)]
    parameters: Value,
}

impl Api {
    /// Lets requests with this key continue the pipeline, once.
    pub fn expect_continuation(&self, key: &str) {
        self.lock().expected = Expected {
            key: Some(key.to_owned()),
            given: None,
        };
    }

    /// Returns the key that continues the pipeline, if it is in a setup workflow.
    pub fn continuation_key(&self) -> Option<String> {
        self.lock().expected.key.clone()
    }

    /// Continues the pipeline.
    ///
    /// # Errors
    ///
    /// The reason, if no setup workflow runs, or the pipeline is continued already.
    pub fn continue_pipeline(&self, continuation: Continuation) -> Result<(), String> {
        let expected = &mut self.lock().expected;
        match (&expected.key, &expected.given) {
            (None, _) => Err("only a config with setup: true continues a pipeline".to_owned()),
            (Some(_), Some(_)) => Err("the pipeline is continued already".to_owned()),
            (Some(_), None) => {
                expected.given = Some(continuation);
                Ok(())
            }
        }
    }

    /// Continues the pipeline as the body of a request says.
    pub(super) fn continue_as_asked(&self, body: &[u8]) -> Result<(), String> {
        let body: Body =
            serde_json::from_slice(body).map_err(|error| format!("the body is not as expected: {error}"))?;
        let expected = self.continuation_key();
        let is_key = |key: &String| blake3::hash(key.as_bytes()) == blake3::hash(body.key.as_bytes());
        if !expected.as_ref().is_some_and(is_key) {
            return Err("the continuation key is wrong".to_owned());
        }
        self.continue_pipeline(Continuation::new(body.configuration, &body.parameters)?)
    }

    /// Ends the setup of a pipeline, and returns the config that continues it, if there is one.
    pub fn end_setup(&self) -> Option<Continuation> {
        std::mem::take(&mut self.lock().expected).given
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    #[test]
    fn a_pipeline_is_continued_once_and_with_its_key() {
        let api = Api::new();
        let body = |key: &str| {
            let parameters = json!({ "deploy": true, "to": "prod", "n": 3 });
            json!({ "continuation-key": key, "configuration": "version: 2.1", "parameters": parameters })
                .to_string()
        };
        assert!(api.continue_as_asked(body("k").as_bytes()).is_err());
        api.expect_continuation("k");
        assert!(api.continue_as_asked(body("x").as_bytes()).is_err());
        api.continue_as_asked(body("k").as_bytes()).unwrap();
        let again = api.continue_as_asked(body("k").as_bytes()).unwrap_err();
        assert_eq!(again, "the pipeline is continued already");
        let given = api.end_setup().unwrap();
        assert_eq!(given.config, "version: 2.1");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            given.parameters,
            [pair("deploy", "true"), pair("n", "3"), pair("to", "prod")]
        );
        assert_eq!(api.end_setup(), None);
        assert!(Continuation::new(String::new(), &json!([1])).is_err());
        assert!(Continuation::new(String::new(), &json!({ "a": {} })).is_err());
    }
}

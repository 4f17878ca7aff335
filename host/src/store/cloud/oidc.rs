//! The job's own identity: a token that the runner signs, and where each runner has it.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full, Limited};
use serde::Deserialize;

use super::failure::{RemoteFailure, RemoteKind};
use super::heard::{self, Asked, Heard};
use super::options::Variables;
use super::providers::checked;
use crate::forms::Form;
use crate::http::{HttpClient, HttpFailure, HttpFailureKind};

/// The audience of the token, as AWS expects it.
const AUDIENCE: &str = "sts.amazonaws.com";
/// A token is a few KiB.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// The usual variables of the token. GitLab's has no fixed name: the last is AWS's example in GitLab's documents.
const VARIABLES: [&str; 3] = ["CIRCLE_OIDC_TOKEN_V2", "BATON_OIDC_TOKEN", "GITLAB_OIDC_TOKEN"];

/// The variables with the URL of GitHub's tokens, and with the credential for it.
const REQUESTED: [&str; 2] = ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"];

/// The source of a token.
#[derive(Clone)]
pub(super) enum TokenSource {
    /// The runner has set it; on CircleCI it is valid for an hour.
    Given(String),
    /// GitHub hands out a new one at each request.
    Requested { url: String, bearer: String },
}

impl std::fmt::Debug for TokenSource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            TokenSource::Given(_) => "Given",
            TokenSource::Requested { .. } => "Requested",
        })
    }
}

#[derive(Deserialize)]
struct Answer {
    value: String,
}

impl TokenSource {
    /// Finds the token: in the variable that is named, else where the runner is known to have it.
    pub(super) fn find(variables: &Variables, named: Option<&str>) -> Result<TokenSource, RemoteFailure> {
        let missing = |message: String| RemoteFailure::new(RemoteKind::Credentials, message);
        if let Some(name) = named {
            let token = variables.get(name).ok_or_else(|| {
                missing(format!(
                    "the variable {name}, which should hold the job's OIDC token, is not set"
                ))
            })?;
            return Ok(TokenSource::Given(checked(Form::Word, name, token)?.to_owned()));
        }
        for name in VARIABLES {
            if let Some(token) = variables.get(name) {
                return Ok(TokenSource::Given(checked(Form::Word, name, token)?.to_owned()));
            }
        }
        let [url, bearer] = REQUESTED;
        if let (Some(address), Some(token)) = (variables.get(url), variables.get(bearer)) {
            return Ok(TokenSource::Requested {
                url: checked(Form::Question, url, address)?.to_owned(),
                bearer: checked(Form::Word, bearer, token)?.to_owned(),
            });
        }
        Err(missing(
            "a role is to be taken on, and the job has no OIDC token: neither CIRCLE_OIDC_TOKEN_V2, ACTIONS_ID_TOKEN_REQUEST_URL nor the variable of --oidc-token-var is set"
                .to_owned(),
        ))
    }

    /// Returns a token.
    pub(super) async fn token(&self, client: &HttpClient) -> Result<String, object_store::Error> {
        let (url, bearer) = match self {
            TokenSource::Given(token) => return Ok(token.clone()),
            TokenSource::Requested { url, bearer } => (url, bearer),
        };
        let joint = if url.contains('?') { '&' } else { '?' };
        let request = Request::get(format!("{url}{joint}audience={AUDIENCE}"))
            .header("authorization", format!("bearer {bearer}"))
            .header("accept", "application/json")
            .body(Full::new(Bytes::new()))
            .map_err(|error| failed(format!("the address of GitHub's tokens is not one: {error}")))?;
        let body = ask(client, request, "GitHub's token service").await?;
        let answer: Answer = serde_json::from_slice(&body)
            .map_err(|_| failed("GitHub's token service answered without a token".to_owned()))?;
        Ok(answer.value)
    }
}

/// Sends a request for credentials, notes the answer, and returns its body.
pub(super) async fn ask(
    client: &HttpClient,
    request: Request<Full<Bytes>>,
    service: &str,
) -> Result<Bytes, object_store::Error> {
    let answer = client.send(request).await.map_err(|failure| {
        heard::note_failure(Asked::Credentials, &failure);
        failed(format!("{service} did not answer: {failure}"))
    })?;
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX)
        .collect()
        .await
        .map_err(|error| {
            let failure = HttpFailure::new(HttpFailureKind::Interrupted, error.to_string());
            heard::note_failure(Asked::Credentials, &failure);
            failed(format!("{service} broke off: {error}"))
        })?;
    let body = body.to_bytes();
    let (code, message) = heard::error_of(&body);
    let refused = format!("{service} refused: {} {code} {message}", parts.status);
    heard::note(Heard {
        asked: Asked::Credentials,
        status: Some(parts.status.as_u16()),
        retry_after: heard::retry_after(&parts.headers),
        code,
        message,
        ..Heard::default()
    });
    if parts.status.is_success() {
        Ok(body)
    } else {
        Err(failed(refused))
    }
}

pub(super) fn failed(message: String) -> object_store::Error {
    object_store::Error::Generic {
        store: "credentials",
        source: message.into(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn variables(all: &[(&str, &str)]) -> Variables {
        Variables(
            all.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn each_runner_has_its_token_somewhere_else() {
        let given = |all: &[_], named| match TokenSource::find(&variables(all), named) {
            Ok(TokenSource::Given(token)) => token,
            Ok(TokenSource::Requested { .. }) => "requested".to_owned(),
            Err(failure) => failure.kind.code().to_owned(),
        };
        assert_eq!(given(&[("CIRCLE_OIDC_TOKEN_V2", "c")], None), "c");
        let github = [
            ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://u"),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t"),
        ];
        assert_eq!(given(&github, None), "requested");
        assert_eq!(given(&[("AWS_ID_TOKEN", "g")], Some("AWS_ID_TOKEN")), "g");
        assert_eq!(given(&[], Some("AWS_ID_TOKEN")), "store-credentials");
        assert_eq!(given(&[("CIRCLE_OIDC_TOKEN_V2", "")], None), "store-credentials");
    }

    #[test]
    fn no_token_is_shown() {
        let source = TokenSource::find(&variables(&[("CIRCLE_OIDC_TOKEN_V2", "hunter2")]), None).unwrap();
        assert!(!format!("{source:?}").contains("hunter2"));
    }
}

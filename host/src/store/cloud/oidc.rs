//! The identity of the job: the OIDC token, and where each runner provides it.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full, Limited};
use serde::Deserialize;

use super::failure::{RemoteFailure, RemoteKind, checked, credentials_error};
use super::options::Variables;
use super::response::{self, Response, Service};
use crate::http::{HttpClient, HttpFailure, HttpFailureKind};
use crate::secret::{RedactedUrl, Secret};
use crate::syntax::Syntax;

/// The audience of the token, as AWS expects it.
const AUDIENCE: &str = "sts.amazonaws.com";
/// A token is a few KiB.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// The variables with a token. GitLab's has no fixed name; `GITLAB_OIDC_TOKEN` is the example in GitLab's documentation.
const VARIABLES: [&str; 3] = ["CIRCLE_OIDC_TOKEN_V2", "BATON_OIDC_TOKEN", "GITLAB_OIDC_TOKEN"];

/// The variables with the address of GitHub's token service, and with the token that authenticates to it.
const REQUESTED: [&str; 2] = ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"];

/// Where a token comes from.
#[derive(Debug, Clone)]
pub(super) enum TokenSource {
    /// The runner has set it. On CircleCI it is valid for an hour.
    Given(Secret),
    /// GitHub issues a new one for each request.
    Requested { url: RedactedUrl, bearer: Secret },
}

/// The answer of GitHub's token service.
#[derive(Deserialize)]
struct GithubToken {
    value: String,
}

impl TokenSource {
    /// Finds the token in the variable that is named, else in the variables of the runners.
    pub(super) fn find(variables: &Variables, named: Option<&str>) -> Result<TokenSource, RemoteFailure> {
        let missing = |message: String| RemoteFailure::new(RemoteKind::Credentials, message);
        if let Some(name) = named {
            let token = variables.get(name).ok_or_else(|| {
                missing(format!(
                    "the variable {name}, which should hold the job's OIDC token, is not set"
                ))
            })?;
            return Ok(TokenSource::Given(checked(Syntax::Word, name, token)?.into()));
        }
        for name in VARIABLES {
            if let Some(token) = variables.get(name) {
                return Ok(TokenSource::Given(checked(Syntax::Word, name, token)?.into()));
            }
        }
        let [url, bearer] = REQUESTED;
        if let (Some(address), Some(token)) = (variables.get(url), variables.get(bearer)) {
            return Ok(TokenSource::Requested {
                url: checked(Syntax::Question, url, address)?.into(),
                bearer: checked(Syntax::Word, bearer, token)?.into(),
            });
        }
        Err(missing(
            "cannot assume the role, because the job has no OIDC token: neither CIRCLE_OIDC_TOKEN_V2, ACTIONS_ID_TOKEN_REQUEST_URL nor the variable of --oidc-token-var is set"
                .to_owned(),
        ))
    }

    /// Returns a token.
    pub(super) async fn token(&self, client: &HttpClient) -> Result<Secret, object_store::Error> {
        let (url, bearer) = match self {
            TokenSource::Given(token) => return Ok(token.clone()),
            TokenSource::Requested { url, bearer } => (url, bearer),
        };
        let (url, bearer) = (url.expose(), bearer.expose());
        let joint = if url.contains('?') { '&' } else { '?' };
        let request = Request::get(format!("{url}{joint}audience={AUDIENCE}"))
            .header("authorization", format!("bearer {bearer}"))
            .header("accept", "application/json")
            .body(Full::new(Bytes::new()))
            .map_err(|error| {
                credentials_error(format!(
                    "the address of GitHub's token service is not a URL: {error}"
                ))
            })?;
        let body = ask(client, request, "GitHub's token service").await?;
        let answer: GithubToken = serde_json::from_slice(&body)
            .map_err(|_| credentials_error("GitHub's token service answered without a token".to_owned()))?;
        Ok(answer.value.into())
    }
}

/// Sends a request for credentials, records the response, and returns its body.
pub(super) async fn ask(
    client: &HttpClient,
    request: Request<Full<Bytes>>,
    service: &str,
) -> Result<Bytes, object_store::Error> {
    let answer = client.send(request).await.map_err(|failure| {
        response::record_failure(Service::Credentials, &failure);
        credentials_error(format!("{service} did not answer: {failure}"))
    })?;
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX)
        .collect()
        .await
        .map_err(|error| {
            let failure = HttpFailure::new(HttpFailureKind::Interrupted, error.to_string());
            response::record_failure(Service::Credentials, &failure);
            credentials_error(format!("the answer of {service} ended early: {error}"))
        })?;
    let body = body.to_bytes();
    let (code, message) = response::error_of(&body);
    let refused = format!("{service} refused: {} {code} {message}", parts.status);
    response::record(Response {
        service: Service::Credentials,
        status: Some(parts.status.as_u16()),
        retry_after: response::retry_after(&parts.headers),
        code,
        message,
        ..Response::default()
    });
    if parts.status.is_success() {
        Ok(body)
    } else {
        Err(credentials_error(refused))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn variables(all: &[(&str, &str)]) -> Variables {
        all.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn each_runner_has_its_token_somewhere_else() {
        let given = |all: &[_], named| match TokenSource::find(&variables(all), named) {
            Ok(TokenSource::Given(token)) => token.expose().to_owned(),
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

//! Temporary credentials of AWS for the job's own identity: `AssumeRoleWithWebIdentity`, and again before they expire.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::oidc::{self, TokenSource};
use crate::forms::Form;
use crate::http::HttpClient;

/// Credentials are renewed this long before they end, or at half their life if that is shorter.
const AHEAD: Duration = Duration::from_secs(300);

/// Credentials that can be renewed on request.
#[async_trait]
pub(super) trait Renewable: std::fmt::Debug + Send + Sync {
    /// The server said to a request that began at `asked` that they have expired. Credentials that were fetched since are
    /// others: if several requests learn it at once, one of them renews the credentials.
    async fn expired(&self, asked: Instant);
}

/// Takes on a role.
#[derive(Debug)]
pub(super) struct RoleCredentials {
    pub(super) client: HttpClient,
    pub(super) source: TokenSource,
    pub(super) arn: String,
    /// The address of the token service.
    pub(super) endpoint: String,
    /// The name of the session in AWS's log: 2 to 64 letters, digits and `=,.@-`.
    pub(super) session: String,
    pub(super) current: Mutex<Option<Current>>,
}

#[derive(Debug)]
pub(super) struct Current {
    credential: Arc<AwsCredential>,
    renew_at: SystemTime,
    ends_at: SystemTime,
    fetched: Instant,
}

/// The parts of the answer that are needed.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    assume_role_with_web_identity_result: Outcome,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Outcome {
    credentials: Credentials,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
}

impl RoleCredentials {
    async fn fetch(&self) -> object_store::Result<Current> {
        let token = self.source.token(&self.client).await?;
        let form = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", &self.arn),
            ("RoleSessionName", &self.session),
            ("WebIdentityToken", &token),
        ]
        .map(|(name, value)| format!("{name}={}", percent_encoded(value)))
        .join("&");
        // In the body: an address ends up in logs.
        let request = Request::post(&self.endpoint)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(form)))
            .map_err(|error| {
                oidc::failed(format!(
                    "the token service's address {:?} is not one: {error}",
                    self.endpoint
                ))
            })?;
        let body = oidc::ask(&self.client, request, "AWS's token service").await?;
        current(&body).ok_or_else(|| {
            oidc::failed("AWS's token service answered something else than credentials".to_owned())
        })
    }
}

fn current(body: &[u8]) -> Option<Current> {
    let text = std::str::from_utf8(body).ok()?;
    let answer: Answer = quick_xml::de::from_str(text).ok()?;
    let found = answer.assume_role_with_web_identity_result.credentials;
    // They become headers.
    for value in [
        &found.access_key_id,
        &found.secret_access_key,
        &found.session_token,
    ] {
        Form::Word.check("", value).ok()?;
    }
    let expires = humantime::parse_rfc3339_weak(&found.expiration).ok()?;
    let now = SystemTime::now();
    let life = expires.duration_since(now).unwrap_or_default();
    Some(Current {
        credential: Arc::new(AwsCredential {
            key_id: found.access_key_id,
            secret_key: found.secret_access_key,
            token: Some(found.session_token),
        }),
        renew_at: expires - AHEAD.min(life / 2),
        ends_at: expires,
        fetched: Instant::now(),
    })
}

#[async_trait]
impl CredentialProvider for RoleCredentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        // Whoever comes second waits for the first, and finds what that one fetched.
        let mut place = self.current.lock().await;
        if let Some(current) = &*place
            && SystemTime::now() < current.renew_at
        {
            return Ok(Arc::clone(&current.credential));
        }
        let fetched = match (self.fetch().await, &*place) {
            (Ok(fetched), _) => fetched,
            // It was early: the current credentials are used until the next attempt.
            (Err(_), Some(current)) if SystemTime::now() < current.ends_at => {
                return Ok(Arc::clone(&current.credential));
            }
            (Err(error), _) => return Err(error),
        };
        let credential = Arc::clone(&fetched.credential);
        *place = Some(fetched);
        Ok(credential)
    }
}

#[async_trait]
impl Renewable for RoleCredentials {
    async fn expired(&self, asked: Instant) {
        let mut place = self.current.lock().await;
        if place.as_ref().is_some_and(|current| current.fetched <= asked) {
            *place = None;
        }
    }
}

/// Encodes a value of a form: all but RFC 3986's unreserved characters.
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn the_answer_is_read_and_renewed_in_time() {
        let answer = |expiration: &str| {
            format!(
                r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
                <AssumeRoleWithWebIdentityResult><SubjectFromWebIdentityToken>s</SubjectFromWebIdentityToken>
                <Credentials><SessionToken>t</SessionToken><SecretAccessKey>s/+=</SecretAccessKey>
                <Expiration>{expiration}</Expiration><AccessKeyId>ASIA</AccessKeyId></Credentials>
                </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"#
            )
        };
        let in_an_hour = SystemTime::now() + Duration::from_secs(3600);
        let text = answer(&humantime::format_rfc3339_seconds(in_an_hour).to_string());
        let found = current(text.as_bytes()).unwrap();
        assert_eq!(found.credential.key_id, "ASIA");
        assert_eq!(found.credential.secret_key, "s/+=");
        assert_eq!(found.credential.token.as_deref(), Some("t"));
        let ahead = in_an_hour.duration_since(found.renew_at).unwrap();
        assert!((299..=301).contains(&ahead.as_secs()), "{ahead:?}");
        let soon = SystemTime::now() + Duration::from_secs(10);
        let text = answer(&humantime::format_rfc3339_seconds(soon).to_string());
        assert!(current(text.as_bytes()).unwrap().renew_at < soon);
        assert!(current(b"<html>").is_none());
    }

    #[test]
    fn a_form_carries_any_value() {
        assert_eq!(percent_encoded("a b+c/ü~"), "a%20b%2Bc%2F%C3%BC~");
    }
}

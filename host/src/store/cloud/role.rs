//! Temporary AWS credentials for the job's OIDC token, from `AssumeRoleWithWebIdentity`. They are renewed before they expire.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use tokio::sync::Mutex;

use super::failure::credentials_error;
use super::oidc::{TokenSource, ask};
use super::xml;
use crate::http::HttpClient;
use crate::percent;
use crate::secret::RedactedUrl;
use crate::syntax::Syntax;

/// Credentials are renewed this long before they expire, or after half of their lifetime if that is earlier.
const AHEAD: Duration = Duration::from_secs(300);

/// Credentials that can be renewed on request.
#[async_trait]
pub(super) trait Renewable: std::fmt::Debug + Send + Sync {
    /// Discards credentials that the server refused as expired in a request that started at `started`. Newer credentials are kept, so
    /// that several failed requests cause one renewal.
    async fn expired(&self, started: Instant);
}

/// The credentials of an assumed role.
#[derive(Debug)]
pub(super) struct RoleCredentials {
    pub(super) client: HttpClient,
    pub(super) source: TokenSource,
    pub(super) arn: String,
    /// The address of the token service.
    pub(super) endpoint: RedactedUrl,
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

impl RoleCredentials {
    async fn fetch(&self) -> object_store::Result<Current> {
        let token = self.source.token(&self.client).await?;
        let form = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", &self.arn),
            ("RoleSessionName", &self.session),
            ("WebIdentityToken", token.expose()),
        ]
        .map(|(name, value)| format!("{name}={}", percent::encoded(value)))
        .join("&");
        // In the body, because addresses appear in logs.
        let request = Request::post(self.endpoint.expose())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(form)))
            .map_err(|error| {
                credentials_error(format!(
                    "the address {} of the token service is not a URL: {error}",
                    self.endpoint
                ))
            })?;
        let body = ask(&self.client, request, "AWS's token service").await?;
        current(&body).ok_or_else(|| {
            credentials_error("the answer of AWS's token service has no credentials".to_owned())
        })
    }
}

fn current(body: &[u8]) -> Option<Current> {
    // They become headers.
    let text = |element: &str| {
        let text = xml::text_of(body, element)?;
        Syntax::Word.check("", &text).ok()?;
        Some(text)
    };
    let expires = humantime::parse_rfc3339_weak(&text("Expiration")?).ok()?;
    let now = SystemTime::now();
    let life = expires.duration_since(now).unwrap_or_default();
    Some(Current {
        credential: Arc::new(AwsCredential {
            key_id: text("AccessKeyId")?,
            secret_key: text("SecretAccessKey")?,
            token: Some(text("SessionToken")?),
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
        // Concurrent callers wait for the lock, and use the credentials of the first.
        let mut place = self.current.lock().await;
        if let Some(current) = &*place
            && SystemTime::now() < current.renew_at
        {
            return Ok(Arc::clone(&current.credential));
        }
        let fetched = match (self.fetch().await, &*place) {
            (Ok(fetched), _) => fetched,
            // The current credentials have not expired yet: they are used until the next attempt.
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
    async fn expired(&self, started: Instant) {
        let mut place = self.current.lock().await;
        if place.as_ref().is_some_and(|current| current.fetched <= started) {
            *place = None;
        }
    }
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
}

//! Small documents over HTTP, for callers without a runtime of their own: one request at a time, tried a few times.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use tokio::runtime::{Builder, Runtime};

use super::{HttpClient, HttpFailure, HttpFailureKind, HttpOptions, all_addresses};

/// How often a request is tried, and how long the first pause lasts; each later one is twice as long.
const ATTEMPTS_MAX: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const REDIRECTS_MAX: usize = 5;

/// Fetches documents of a limited size.
#[derive(Debug)]
pub struct Documents {
    client: HttpClient,
    runtime: Runtime,
    bytes_max: usize,
}

/// Why a document could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// The server answered with another status than success.
    #[error("the server answered {0}")]
    Status(StatusCode),
    /// The document is larger than the limit.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    /// The document is not UTF-8.
    #[error("the answer is not UTF-8")]
    NotText,
    /// There was no answer, or no end of one.
    #[error("{0}")]
    Failed(String),
}

impl Documents {
    /// Creates a client for documents of at most `bytes_max` bytes.
    ///
    /// # Errors
    ///
    /// [`DocumentError::Failed`] for a proxy or a certificate that cannot be used.
    pub fn new(options: &HttpOptions, bytes_max: usize) -> Result<Documents, DocumentError> {
        let client = HttpClient::new(options, all_addresses())?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| DocumentError::Failed(format!("cannot start a runtime: {error}")))?;
        Ok(Documents {
            client,
            runtime,
            bytes_max,
        })
    }

    /// Sends JSON to a URL and returns the answer. Redirects are not followed: the token is for this server alone.
    ///
    /// # Errors
    ///
    /// [`DocumentError`] where there is no answer, or another one than success.
    pub fn post_json(&self, url: &str, token: Option<&str>, json: &str) -> Result<String, DocumentError> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(url)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json");
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(token)
                .map_err(|_| DocumentError::Failed("the token is no value of a header".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(json.as_bytes())));
        let request = request.map_err(|error| DocumentError::Failed(error.to_string()))?;
        self.tried(&request)
    }

    /// Returns the document at an `https` URL. Redirects to other `https` URLs are followed.
    ///
    /// # Errors
    ///
    /// [`DocumentError`] where there is no answer, or another one than success.
    pub fn get(&self, url: &str) -> Result<String, DocumentError> {
        let request = Request::builder().uri(url).body(Full::new(Bytes::new()));
        let request = request.map_err(|error| DocumentError::Failed(error.to_string()))?;
        self.tried(&request)
    }

    fn tried(&self, request: &Request<Full<Bytes>>) -> Result<String, DocumentError> {
        self.runtime.block_on(async {
            let mut pause = FIRST_PAUSE;
            for _ in 1..ATTEMPTS_MAX {
                match self.answer(request.clone()).await {
                    Err(failure) if failure.is_transient => {}
                    answer => return answer.map_err(|failure| failure.error),
                }
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            self.answer(request.clone())
                .await
                .map_err(|failure| failure.error)
        })
    }

    async fn answer(&self, mut request: Request<Full<Bytes>>) -> Result<String, Failure> {
        let mut redirects = 0;
        loop {
            let answer = self.client.send(request.clone()).await?;
            let status = answer.status();
            if status.is_redirection() && request.method() == Method::GET && redirects < REDIRECTS_MAX {
                redirects += 1;
                *request.uri_mut() = redirected(request.uri(), answer.headers().get(LOCATION))?;
                continue;
            }
            if !status.is_success() {
                return Err(Failure {
                    error: DocumentError::Status(status),
                    is_transient: status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS,
                });
            }
            let body = Limited::new(answer.into_body(), self.bytes_max).collect().await;
            let bytes = body.map_err(|error| match error.is::<LengthLimitError>() {
                true => DocumentError::TooLarge(self.bytes_max).into(),
                false => Failure {
                    error: DocumentError::Failed(error.to_string()),
                    is_transient: true,
                },
            })?;
            return String::from_utf8(bytes.to_bytes().into()).map_err(|_| DocumentError::NotText.into());
        }
    }
}

/// Returns where a redirect leads: to a whole `https` URL, or to another path of the same server.
fn redirected(from: &Uri, location: Option<&HeaderValue>) -> Result<Uri, Failure> {
    let wrong = || {
        Failure::from(DocumentError::Failed(
            "the server redirects to no https URL".to_owned(),
        ))
    };
    let location = location.and_then(|it| it.to_str().ok()).ok_or_else(wrong)?;
    let to = match (location.starts_with('/'), from.authority()) {
        (true, Some(authority)) => {
            format!("{}://{authority}{location}", from.scheme_str().unwrap_or("https"))
        }
        _ => location.to_owned(),
    };
    match to.parse::<Uri>() {
        Ok(to) if to.scheme_str() == Some("https") => Ok(to),
        _ => Err(wrong()),
    }
}

/// An attempt that failed, and whether another one may do better.
struct Failure {
    error: DocumentError,
    is_transient: bool,
}

impl From<DocumentError> for Failure {
    fn from(error: DocumentError) -> Failure {
        let is_transient = false;
        Failure { error, is_transient }
    }
}

impl From<HttpFailure> for Failure {
    fn from(failure: HttpFailure) -> Failure {
        let is_final = matches!(
            failure.kind(),
            HttpFailureKind::Name
                | HttpFailureKind::Refused
                | HttpFailureKind::Certificate
                | HttpFailureKind::Tls
                | HttpFailureKind::Request
        );
        Failure {
            error: DocumentError::Failed(failure.to_string()),
            is_transient: !is_final,
        }
    }
}

impl From<HttpFailure> for DocumentError {
    fn from(failure: HttpFailure) -> DocumentError {
        DocumentError::Failed(failure.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_stay_with_https() {
        let from = Uri::from_static("https://example.org/a/orb.yml");
        let to = |location: &'static str| {
            let location = HeaderValue::from_static(location);
            redirected(&from, Some(&location)).ok().map(|to| to.to_string())
        };
        assert_eq!(to("/b.yml").as_deref(), Some("https://example.org/b.yml"));
        assert_eq!(to("https://other.org/b").as_deref(), Some("https://other.org/b"));
        assert_eq!(to("http://other.org/b"), None);
        assert_eq!(to("b.yml"), None);
        assert!(redirected(&from, None).is_err());
    }
}

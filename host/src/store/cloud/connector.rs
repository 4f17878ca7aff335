//! Sends the library's requests with baton's own client, and records the responses.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::{BodyExt as _, Limited};
use object_store::ClientOptions;
use object_store::client::{
    ClientConfigKey, HttpClient as LibraryClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest,
    HttpResponse, HttpResponseBody, HttpService,
};

use super::response::{self, Response, Service};
use crate::http::{HttpClient, HttpFailure, HttpFailureKind, HttpOptions, Proxies, all_addresses};

/// The time limit to connect to a metadata service for credentials on the local network.
const METADATA_CONNECT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(1);
/// The time limit of its answer.
const METADATA_ANSWER_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(4);

/// Creates clients for the library: one for the store, and one for services that issue credentials.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) store: HttpClient,
    pub(super) options: HttpOptions,
    /// The library's options for the store.
    pub(super) library: ClientOptions,
    /// The end of the store's address. All other addresses are of services that issue credentials.
    pub(super) address: Arc<str>,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<LibraryClient> {
        let allows_http = options.get_config_value(&ClientConfigKey::AllowHttp).as_deref() == Some("true");
        // The library marks requests to metadata services, which have no TLS: it allows plain HTTP although the user did not, or it
        // asks for a shorter time to connect.
        let is_near = (allows_http && !self.options.allow_http)
            || options.get_config_value(&ClientConfigKey::ConnectTimeout)
                != self.library.get_config_value(&ClientConfigKey::ConnectTimeout);
        let client = if is_near {
            let near = HttpOptions {
                allow_http: true,
                proxies: Proxies::default(),
                connect_timeout: METADATA_CONNECT_TIMEOUT,
                first_byte_timeout: METADATA_ANSWER_TIMEOUT,
                ..self.options.clone()
            };
            HttpClient::new(&near, all_addresses()).map_err(|failure| object_store::Error::Generic {
                store: "HTTP",
                source: Box::new(failure),
            })?
        } else {
            self.store.clone()
        };
        Ok(LibraryClient::new(RecordingService {
            client,
            address: Arc::clone(&self.address),
        }))
    }
}

#[derive(Debug)]
struct RecordingService {
    client: HttpClient,
    address: Arc<str>,
}

#[async_trait]
impl HttpService for RecordingService {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let address = address_of(request.uri()).unwrap_or_default();
        let is_batch = request.method() == Method::POST;
        let service = if address == *self.address || address.ends_with(&format!(".{}", self.address)) {
            Service::Store
        } else {
            Service::Credentials
        };
        let answer = self.client.send(request).await.map_err(|failure| {
            response::record_failure(service, &failure);
            to_library(failure)
        })?;
        let (parts, body) = answer.into_parts();
        let mut response = Response {
            service,
            status: Some(parts.status.as_u16()),
            retry_after: response::retry_after(&parts.headers),
            region: header(&parts.headers, "x-amz-bucket-region"),
            ..Response::default()
        };
        if parts.status.is_success() && is_batch && service == Service::Store {
            // The response to a bulk delete is 200, and its body has an error for each key that failed.
            let text = Limited::new(body, response::BATCH_BYTES_MAX)
                .collect()
                .await
                .map_err(|error| {
                    let failure = HttpFailure::new(HttpFailureKind::Interrupted, error.to_string());
                    response::record_failure(service, &failure);
                    to_library(failure)
                })?
                .to_bytes();
            (response.code, response.message) = response::error_of(&text);
            response::record(response);
            return Ok(HttpResponse::from_parts(parts, HttpResponseBody::from(text)));
        }
        if parts.status.is_success() {
            response::record(response);
            let body = body.map_err(move |failure| {
                response::record_failure(service, &failure);
                to_library(failure)
            });
            return Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(body)));
        }
        // The body of an error may be incomplete. The status is enough.
        let text = Limited::new(body, response::ERROR_BYTES_MAX)
            .collect()
            .await
            .map_or_else(|_| Bytes::new(), |collected| collected.to_bytes());
        (response.code, response.message) = response::error_of(&text);
        response::record(response);
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::from(text)))
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Returns the host of a URL, and its port unless it is the default one.
pub(super) fn address_of(uri: &http::Uri) -> Option<String> {
    let host = uri.host()?;
    match (uri.port_u16(), uri.scheme_str()) {
        (None, _) | (Some(443), Some("https")) | (Some(80), Some("http")) => Some(host.to_owned()),
        (Some(port), _) => Some(format!("{host}:{port}")),
    }
}

fn to_library(failure: HttpFailure) -> HttpError {
    let kind = match failure.kind() {
        HttpFailureKind::Name | HttpFailureKind::Connect => HttpErrorKind::Connect,
        HttpFailureKind::TimedOut => HttpErrorKind::Timeout,
        HttpFailureKind::Interrupted => HttpErrorKind::Interrupted,
        HttpFailureKind::Refused
        | HttpFailureKind::Certificate
        | HttpFailureKind::Tls
        | HttpFailureKind::Request
        | HttpFailureKind::Other => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, failure)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn an_address_is_a_host_with_a_port_that_is_not_the_default_one() {
        for (url, address) in [
            ("https://host", "host"),
            ("https://host:443/x", "host"),
            ("http://host:443", "host:443"),
            ("http://host:80/", "host"),
            ("http://user:word@127.0.0.1:9000/bucket", "127.0.0.1:9000"),
        ] {
            assert_eq!(
                address_of(&url.parse().unwrap()).as_deref(),
                Some(address),
                "{url}"
            );
        }
    }
}

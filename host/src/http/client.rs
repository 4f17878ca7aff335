//! The client: a pool of connections, and one request at a time on each.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use reqwest::{NoProxy, Proxy, Url, redirect};

use super::failure::{HttpFailure, HttpFailureKind};
use super::options::HttpOptions;
use super::resolver::{AddressCheck, CheckedResolver, checked};
use super::roots;
use super::timed::{LastMove, Received, Sent};
use crate::secret::RedactedUrl;

/// The names and addresses of this machine. Requests to it may go without TLS, and never through a proxy.
const LOOPBACK: &str = "localhost,localhost.,127.0.0.0/8,::1";

/// Sends requests. Clones share their connections.
#[derive(Clone)]
pub(crate) struct HttpClient {
    client: reqwest::Client,
    options: HttpOptions,
    check: AddressCheck,
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("HttpClient").field(&self.options).finish()
    }
}

impl HttpClient {
    /// Creates a client. `check` receives every address before the client connects to it.
    pub(crate) fn new(options: &HttpOptions, check: AddressCheck) -> Result<HttpClient, HttpFailure> {
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(roots::tls(&options.ca_pem)?)
            .https_only(!options.allow_http)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .tcp_nodelay(true)
            .user_agent(concat!("baton/", env!("CARGO_PKG_VERSION")))
            .pool_max_idle_per_host(options.idle_connections_max)
            .connect_timeout(options.connect_timeout)
            // Only the options choose a proxy, never the environment.
            .no_proxy();
        let mut exempt = BTreeSet::new();
        let except = match options.proxies.except.as_deref() {
            Some(except) => format!("{except},{LOOPBACK}"),
            None => LOOPBACK.to_owned(),
        };
        for (proxy, make) in [
            (
                &options.proxies.http,
                Proxy::http as fn(String) -> reqwest::Result<Proxy>,
            ),
            (&options.proxies.https, Proxy::https),
        ] {
            let Some(proxy) = proxy else { continue };
            // An invalid URL may contain a password anywhere, so no error shows it.
            let wrong =
                || HttpFailure::new(HttpFailureKind::Request, "the URL of the proxy cannot be parsed");
            let url = with_scheme(proxy).parse::<Url>().map_err(|_| wrong())?;
            exempt.extend(url.host_str().map(str::to_owned));
            let no_proxy = NoProxy::from_string(&except);
            builder = builder.proxy(make(with_scheme(proxy)).map_err(|_| wrong())?.no_proxy(no_proxy));
        }
        let client = builder
            .dns_resolver(CheckedResolver {
                check: Arc::clone(&check),
                exempt: Arc::new(exempt),
            })
            .build()
            .map_err(HttpFailure::from_client)?;
        Ok(HttpClient {
            client,
            options: options.clone(),
            check,
        })
    }

    /// Sends a request, and returns once the head of the response has arrived. Must run on a tokio runtime.
    pub(crate) async fn send<B>(&self, request: Request<B>) -> Result<Response<Received>, HttpFailure>
    where
        B: Body<Data = Bytes> + Send + Sync + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let url: Url = parts
            .uri
            .to_string()
            .parse()
            .map_err(|error| HttpFailure::new(HttpFailureKind::Request, format!("not a URL: {error}")))?;
        self.check_url(&url)?;
        let asks_for_head = parts.method == Method::HEAD;
        let mut request = reqwest::Request::new(parts.method, url);
        *request.headers_mut() = parts.headers;
        let last_move = LastMove::now();
        if body.size_hint().exact() != Some(0) {
            *request.body_mut() = Some(reqwest::Body::wrap(Sent::new(body, last_move.clone())));
        }
        let limit = self.options.connect_timeout + self.options.first_byte_timeout;
        let mut answer = Box::pin(self.client.execute(request));
        let answer = loop {
            let deadline = last_move.when() + limit;
            match tokio::time::timeout_at(deadline, answer.as_mut()).await {
                Ok(answer) => break answer.map_err(HttpFailure::from_client)?,
                Err(_) if last_move.when() + limit > deadline => {}
                Err(_) => {
                    let message = format!("the server did not answer within {limit:?}");
                    return Err(HttpFailure::new(HttpFailureKind::TimedOut, message));
                }
            }
        };
        let length = answer
            .headers()
            .get(http::header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .filter(|_| !asks_for_head && answer.status() != http::StatusCode::NOT_MODIFIED);
        let (parts, body) = Response::<reqwest::Body>::from(answer).into_parts();
        let body = Received::new(body, length, self.options.idle_timeout);
        Ok(Response::from_parts(parts, body))
    }

    /// Checks a host that is an address, which never reaches the resolver, and whether the request may go without TLS.
    fn check_url(&self, url: &Url) -> Result<(), HttpFailure> {
        if url.scheme() == "http" && !self.options.allow_http {
            let host = url.host_str().unwrap_or_default();
            return Err(HttpFailure::new(
                HttpFailureKind::Request,
                format!("cannot send a request to {host} without TLS: allow-http is not set"),
            ));
        }
        let host = url.host_str().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        match literal.parse::<IpAddr>() {
            Ok(address) => checked(&self.check, host, address),
            Err(_) => Ok(()),
        }
    }
}

/// Returns the URL of a proxy, which may be given as `host:port` as for curl.
fn with_scheme(proxy: &RedactedUrl) -> String {
    let proxy = proxy.expose();
    if proxy.contains("://") {
        proxy.to_owned()
    } else {
        format!("http://{proxy}")
    }
}

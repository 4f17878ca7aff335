//! The state on loopback, over HTTP/1.1.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::body::{self, Body, End};
use super::routes::{self, Answer, decoded};
use super::state::{Api, Content};

/// No request that this API knows has a larger body.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// One request, as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// For example `GET`.
    pub method: Method,
    /// Not decoded.
    pub path: String,
    /// What stands behind `?`, not decoded.
    pub query: String,
    /// All of them.
    pub headers: HeaderMap,
    /// All of it.
    pub body: Bytes,
}

impl Asked {
    /// Returns a value of the query, decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| decoded(&value.replace('+', " ")))
            .next()
    }
}

/// A request and its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// What was asked.
    pub asked: Asked,
    /// The status of the answer.
    pub status: u16,
    /// What was answered, where that is JSON.
    pub json: Option<serde_json::Value>,
}

/// What goes wrong with an answer.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Another answer takes its place.
    Answer {
        /// Its status.
        status: u16,
        /// Its headers.
        headers: Vec<(String, String)>,
        /// Its body.
        body: String,
    },
    /// The connection is closed without an answer.
    Close,
    /// The connection is closed after so many bytes of an artifact.
    CutAfter(u64),
    /// Nothing comes after so many bytes of an artifact, and the connection stays.
    SilentAfter(u64),
    /// The answer comes so much later.
    Delay(Duration),
}

/// Decides whether something goes wrong with an answer.
pub type Faults = Arc<dyn Fn(&Asked) -> Option<Fault> + Send + Sync>;
/// Hears of every request that was answered.
pub type Record = Arc<dyn Fn(&Exchange) + Send + Sync>;

/// How a server answers.
#[derive(Clone)]
pub struct Settings {
    /// What every request must present. Default: none need.
    pub token: Option<String>,
    /// How many items a page has. Default: 20.
    pub page_size: usize,
    /// Whether v1.1 is served, too. Default: yes.
    pub v1: bool,
    /// The origin that artifacts are said to be at. Default: this server.
    pub artifacts_at: Option<String>,
    /// Artifacts that are said to be somewhere else, by their paths.
    pub artifact_urls: BTreeMap<String, String>,
    /// What goes wrong. Default: nothing.
    pub faults: Option<Faults>,
    /// Who hears of every request. Default: nobody.
    pub record: Option<Record>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            token: None,
            page_size: 20,
            v1: true,
            artifacts_at: None,
            artifact_urls: BTreeMap::new(),
            faults: None,
            record: None,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("token", &self.token.as_ref().map(|_| "(hidden)"))
            .field("page_size", &self.page_size)
            .field("v1", &self.v1)
            .field("artifacts_at", &self.artifacts_at)
            .finish_non_exhaustive()
    }
}

/// A server on 127.0.0.1, on a port that was free. It ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    // Dropping it ends the listener and every connection.
    runtime: Option<Runtime>,
}

impl Server {
    /// Starts a server of its own for a state.
    pub fn start(api: Api, settings: Settings) -> io::Result<Server> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            api,
            settings,
            base: format!("http://{address}"),
        });
        runtime.spawn(accept(listener, shared));
        Ok(Server {
            address,
            runtime: Some(runtime),
        })
    }

    /// Returns its origin, for example `http://127.0.0.1:40123`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A client may hold a connection open as long as it likes.
            runtime.shutdown_background();
        }
    }
}

struct Shared {
    api: Api,
    settings: Settings,
    base: String,
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Too many open files, for example: it may pass.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request| serve(Arc::clone(&shared), request));
            // What ends a connection early is the client's business, or a fault that was asked for.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn serve(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let (head, incoming) = request.into_parts();
    let body = Limited::new(incoming, REQUEST_BYTES_MAX)
        .collect()
        .await
        .map_err(io::Error::other)?
        .to_bytes();
    let asked = Asked {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
    };
    let fault = shared.settings.faults.as_ref().and_then(|faults| faults(&asked));
    let mut end = End::Whole;
    match fault {
        None => {}
        Some(Fault::Close) => return Err(io::ErrorKind::ConnectionReset.into()),
        Some(Fault::CutAfter(bytes)) => end = End::Broken(bytes),
        Some(Fault::SilentAfter(bytes)) => end = End::Silent(bytes),
        Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
        Some(Fault::Answer {
            status,
            headers,
            body,
        }) => {
            let mut response = Response::new(body::whole(body));
            *response.status_mut() = StatusCode::from_u16(status).map_err(io::Error::other)?;
            for (name, value) in headers {
                let name: HeaderName = name.parse().map_err(io::Error::other)?;
                let value: HeaderValue = value.parse().map_err(io::Error::other)?;
                response.headers_mut().append(name, value);
            }
            shared.record(&asked, status, None);
            return Ok(response);
        }
    }
    let answer = routes::answer(&shared.api, &shared.settings, &shared.base, &asked);
    shared.respond(&asked, answer, end)
}

impl Shared {
    fn record(&self, asked: &Asked, status: u16, json: Option<serde_json::Value>) {
        if let Some(record) = &self.settings.record {
            record(&Exchange {
                asked: asked.clone(),
                status,
                json,
            });
        }
    }

    fn respond(&self, asked: &Asked, answer: Answer, end: End) -> io::Result<Response<Body>> {
        match answer {
            Answer::Json(status, json) => {
                let mut response = Response::new(body::whole(json.to_string()));
                *response.status_mut() = status;
                let kind = HeaderValue::from_static("application/json;charset=utf-8");
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
                self.record(asked, status.as_u16(), Some(json));
                Ok(response)
            }
            Answer::Page(status, text) => {
                let mut response = Response::new(body::whole(text));
                *response.status_mut() = status;
                self.record(asked, status.as_u16(), None);
                Ok(response)
            }
            Answer::Content(content) => {
                let response = download(&asked.headers, &content, end)?;
                self.record(asked, response.status().as_u16(), None);
                Ok(response)
            }
        }
    }
}

/// Sends an artifact, or the range of it that is asked for.
fn download(headers: &HeaderMap, content: &Content, end: End) -> io::Result<Response<Body>> {
    let total = body::length(content)?;
    let range = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| range(text, total));
    let (offset, length) = range.unwrap_or((0, total));
    let mut response = Response::new(body::of(content, offset, length, end)?);
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, length.into());
    if range.is_some() {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let shown = format!("bytes {offset}-{}/{total}", offset + length.saturating_sub(1));
        let shown = HeaderValue::from_str(&shown).map_err(io::Error::other)?;
        response.headers_mut().insert(header::CONTENT_RANGE, shown);
    }
    Ok(response)
}

/// Returns offset and length of `bytes=FIRST-LAST`. Anything else asks for all, as RFC 9110 allows.
fn range(text: &str, total: u64) -> Option<(u64, u64)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let first: u64 = first.parse().ok()?;
    let end = total.checked_sub(1)?;
    let last = if last.is_empty() {
        end
    } else {
        last.parse::<u64>().ok()?.min(end)
    };
    (first <= last).then(|| (first, last - first + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_to_what_there_is() {
        assert_eq!(range("bytes=0-9", 100), Some((0, 10)));
        assert_eq!(range("bytes=90-200", 100), Some((90, 10)));
        assert_eq!(range("bytes=95-", 100), Some((95, 5)));
        for all in [
            "bytes=100-200",
            "bytes=-5",
            "bytes=9-0",
            "lines=0-9",
            "bytes=0-9,20-29",
        ] {
            assert_eq!(range(all, 100), None, "{all}");
        }
        assert_eq!(range("bytes=0-0", 0), None);
    }
}

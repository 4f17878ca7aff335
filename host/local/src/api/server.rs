//! The state on loopback, over HTTP/1.1.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::body::{self, Body, End};
use super::options::{Fault, ServerOptions};
use super::records::Content;
use super::request::{ApiRequest, Exchange};
use super::routes::{self, Answer};
use super::state::Api;

/// No request that this API knows has a larger body.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// A server on 127.0.0.1, on a port that was free. It ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    // Dropping it ends the listener and every connection.
    runtime: Option<Runtime>,
}

impl Server {
    /// Starts a server of its own for a state.
    pub fn start(api: Api, options: ServerOptions) -> io::Result<Server> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            api,
            options,
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
    options: ServerOptions,
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
            // What ends a connection early is the client's business, or a fault that was request for.
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
    let request = ApiRequest {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
    };
    let fault = shared.options.faults.as_ref().and_then(|faults| faults(&request));
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
            shared.observe(&request, status, None);
            return Ok(response);
        }
    }
    let answer = routes::answer(&shared.api, &shared.options, &shared.base, &request);
    shared.respond(&request, answer, end)
}

impl Shared {
    fn observe(&self, request: &ApiRequest, status: u16, json: Option<serde_json::Value>) {
        if let Some(observer) = &self.options.observer {
            observer(&Exchange {
                request: request.clone(),
                status,
                json,
            });
        }
    }

    fn respond(&self, request: &ApiRequest, answer: Answer, end: End) -> io::Result<Response<Body>> {
        match answer {
            Answer::Json(status, json) => {
                let mut response = Response::new(body::whole(json.to_string()));
                *response.status_mut() = status;
                let kind = HeaderValue::from_static("application/json;charset=utf-8");
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
                self.observe(request, status.as_u16(), Some(json));
                Ok(response)
            }
            Answer::Page(status, text) => {
                let mut response = Response::new(body::whole(text));
                *response.status_mut() = status;
                self.observe(request, status.as_u16(), None);
                Ok(response)
            }
            Answer::Content(content) => {
                let response = download(&request.headers, &content, end)?;
                self.observe(request, response.status().as_u16(), None);
                Ok(response)
            }
        }
    }
}

/// Sends an artifact, or the range of it that is request for.
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

//! The import `wasi:http`: the gate that every request of the component passes.
//!
//! It decides by the policy in `egress.rs`, adds the token where that belongs, and hands the request to the one client,
//! which has the connections, TLS, proxies, time limits and the check of addresses. It deliberately does not follow
//! redirects or try anything twice: the component does, and passes the gate again each time.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, Limited};
use wasmtime_wasi_http::{
    Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};

use super::Grants;
use super::egress::{Admitted, Policy, Tickets, may_say};
use crate::engine::Interrupt;
use crate::http::{HttpClient, HttpFailure, HttpFailureKind, Received};

/// The header that CircleCI takes its token from.
const TOKEN: HeaderName = HeaderName::from_static("circle-token");
/// Nothing that a component sends is larger: a variable and its value.
const REQUEST_BYTES_MAX: usize = 1 << 20;
/// How often a request that stands is looked at: how long an interruption takes at most.
const TICK: Duration = Duration::from_millis(20);

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Answered = Result<(Response<WasiBody>, Io), Error>;

/// What a run may ask over HTTP, and with what.
#[derive(Clone)]
pub(crate) struct Egress {
    pub(crate) policy: Policy,
    pub(crate) client: HttpClient,
    pub(crate) token: Option<HeaderValue>,
}

impl fmt::Debug for Egress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Egress")
            .field("policy", &self.policy)
            .field("token", &self.token.as_ref().map(|_| "(hidden)"))
            .finish_non_exhaustive()
    }
}

/// The gate of one instance. Without an egress, nothing passes.
pub(crate) struct Gate {
    egress: Option<Arc<Egress>>,
    tickets: Arc<Mutex<Tickets>>,
    /// How many requests were made.
    requests: usize,
    pub(super) interrupt: Interrupt,
}

impl Gate {
    pub(super) fn new(egress: Option<Arc<Egress>>) -> Gate {
        Gate {
            egress,
            tickets: Arc::default(),
            requests: 0,
            interrupt: Interrupt::default(),
        }
    }
}

impl WasiHttpView for Grants {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        // The handler of wasmtime-wasi-http 48 owns the options of a request, and leaves them in the table: after some
        // hundred requests it would be full. So it gets as much more room as there are such leftovers.
        let room = self.limits.handles_max.saturating_add(self.gate.requests);
        self.table.set_max_capacity(room);
        WasiHttpCtxView {
            hooks: &mut self.gate,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

/// Returns the limits of headers.
pub(super) fn context() -> WasiHttpCtx {
    WasiHttpCtx::new()
}

impl WasiHttpHooks for Gate {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        // What an answer says of cookies and of authentication is none of the component's business either.
        Arc::new(|name| {
            *name == TOKEN
                || name.as_str().contains("auth")
                || name.as_str().contains("cookie")
                || wasmtime_wasi_http::DEFAULT_FORBIDDEN_HEADERS.contains(name)
        })
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        _options: Option<RequestOptions>,
        _processed: Io,
    ) -> Box<dyn Future<Output = Answered> + Send> {
        self.requests = self.requests.saturating_add(1);
        let egress = self.egress.clone();
        let (tickets, interrupt) = (Arc::clone(&self.tickets), self.interrupt.clone());
        Box::new(async move {
            let (head, body) = request.into_parts();
            // Read first: an answer that comes before all is read, a refusal above all, would break off what the
            // component still writes, and be lost with it.
            let body = Limited::new(body, REQUEST_BYTES_MAX)
                .collect()
                .await
                .map_err(|_| Error::HttpRequestBodySize(None))?
                .to_bytes();
            let egress = egress.ok_or(Error::HttpRequestDenied)?;
            let request = Request::from_parts(head, body);
            egress.send(request, &tickets, interrupt).await
        })
    }
}

impl Egress {
    async fn send(
        &self,
        request: Request<Bytes>,
        tickets: &Mutex<Tickets>,
        interrupt: Interrupt,
    ) -> Answered {
        let (head, body) = request.into_parts();
        let admitted = {
            let mut tickets = tickets.lock().unwrap_or_else(PoisonError::into_inner);
            self.policy
                .admit(&head.method, &head.uri, &mut tickets)
                .ok_or(Error::HttpRequestDenied)?
        };
        let mut headers = HeaderMap::new();
        for (name, value) in &head.headers {
            if may_say(name) && *name != CONTENT_LENGTH {
                headers.append(name, value.clone());
            }
        }
        if let (Admitted::WithToken, Some(token)) = (admitted, &self.token) {
            headers.insert(TOKEN, token.clone());
        }
        let mut sent = Request::new(Full::new(body));
        *sent.method_mut() = head.method;
        *sent.uri_mut() = head.uri.clone();
        *sent.headers_mut() = headers;
        let answer = unless_interrupted(self.client.send(sent), &interrupt).await?;
        let location = answer.headers().get(LOCATION).and_then(|it| it.to_str().ok());
        if answer.status().is_redirection()
            && let Some(location) = location
        {
            let mut tickets = tickets.lock().unwrap_or_else(PoisonError::into_inner);
            self.policy.answered(admitted, &head.uri, location, &mut tickets);
        }
        let answer = answer.map(|inner| Interruptible { inner, interrupt }.boxed_unsync());
        Ok((answer, Box::new(std::future::ready(Ok(())))))
    }
}

/// Waits for an answer, and gives up where the user does.
async fn unless_interrupted<T>(
    answer: impl Future<Output = Result<T, HttpFailure>>,
    interrupt: &Interrupt,
) -> Result<T, Error> {
    let mut answer = std::pin::pin!(answer);
    loop {
        match tokio::time::timeout(TICK, answer.as_mut()).await {
            Ok(answer) => return answer.map_err(|failure| said(&failure)),
            Err(_) if interrupt.is_set() => return Err(Error::ConnectionTerminated),
            Err(_) => {}
        }
    }
}

/// A body that ends where the user interrupts the run.
struct Interruptible {
    inner: Received,
    interrupt: Interrupt,
}

impl Body for Interruptible {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.interrupt.is_set() {
            return Poll::Ready(Some(Err(Error::ConnectionTerminated)));
        }
        let frame = Pin::new(&mut self.inner).poll_frame(context);
        frame.map(|frame| frame.map(|frame| frame.map_err(|failure| said(&failure))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Says in the words of `wasi:http` what went wrong.
fn said(failure: &HttpFailure) -> Error {
    match failure.kind() {
        HttpFailureKind::Name => Error::DnsError {
            rcode: None,
            info_code: None,
        },
        HttpFailureKind::Refused => Error::DestinationIpProhibited,
        HttpFailureKind::Connect => Error::ConnectionRefused,
        HttpFailureKind::Certificate => Error::TlsCertificateError,
        HttpFailureKind::Tls => Error::TlsProtocolError,
        HttpFailureKind::TimedOut => Error::ConnectionReadTimeout,
        HttpFailureKind::Interrupted => Error::ConnectionTerminated,
        HttpFailureKind::Request => Error::HttpRequestUriInvalid,
        HttpFailureKind::Other => Error::InternalError(Some(failure.to_string())),
    }
}

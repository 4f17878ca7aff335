//! The import `wasi:http`: the gate that every request of the component passes.
//!
//! It decides by the policy in `egress.rs`, adds the token where that belongs, and hands the request to the one client,
//! which has the connections, TLS, proxies, time limits and the check of addresses. It deliberately does not follow
//! redirects or try anything twice: the component does, and passes the gate again each time.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, Limited};
use wasmtime_wasi_http::{Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks};

use super::egress::{Admitted, Policy, Tickets, may_say};
use super::watch::{Ended, Watch};
use crate::http::{HttpClient, HttpFailure, HttpFailureKind, Received};
use crate::interrupt::TICK;

/// The header that CircleCI takes its token from.
const TOKEN: HeaderName = HeaderName::from_static("circle-token");
/// Nothing that a component sends is larger: a variable and its value.
const REQUEST_BYTES_MAX: usize = 1 << 20;

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Answered = Result<(Response<WasiBody>, Io), Error>;

/// The requests that a run may send over HTTP, and the client for them.
#[derive(Clone)]
pub(crate) struct Egress {
    pub(crate) policy: Policy,
    pub(crate) client: HttpClient,
    /// For where redirects lead: it checks addresses more strictly.
    pub(crate) redirected: HttpClient,
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
    /// How many requests left something in the table.
    leftovers: usize,
    /// Of the call that is under way.
    watch: Watch,
}

impl Gate {
    pub(super) fn new(egress: Option<Arc<Egress>>) -> Gate {
        Gate {
            egress,
            tickets: Arc::default(),
            leftovers: 0,
            watch: Watch::default(),
        }
    }
}

impl Gate {
    /// Returns how many handles the requests so far left in the table. The handler of wasmtime-wasi-http 48 owns the
    /// options of a request, and leaves them there.
    pub(super) fn leftovers(&self) -> usize {
        self.leftovers
    }

    /// Sets the watch of the call that is under way.
    pub(super) fn set_watch(&mut self, watch: Watch) {
        self.watch = watch;
    }
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
        options: Option<RequestOptions>,
        _processed: Io,
    ) -> Box<dyn Future<Output = Answered> + Send> {
        self.leftovers = self.leftovers.saturating_add(usize::from(options.is_some()));
        let egress = self.egress.clone();
        let (tickets, watch) = (Arc::clone(&self.tickets), self.watch.clone());
        Box::new(async move {
            let (head, body) = request.into_parts();
            // Read first: an answer that comes before all is read, a refusal above all, would break off what the
            // component still writes, and be lost with it.
            let body = unless_ended(Limited::new(body, REQUEST_BYTES_MAX).collect(), &watch)
                .await?
                .map_err(|_| Error::HttpRequestBodySize(None))?
                .to_bytes();
            let egress = egress.ok_or(Error::HttpRequestDenied)?;
            let request = Request::from_parts(head, body);
            egress.send(request, &tickets, watch).await
        })
    }
}

impl Egress {
    async fn send(&self, request: Request<Bytes>, tickets: &Mutex<Tickets>, watch: Watch) -> Answered {
        let (head, body) = request.into_parts();
        let (admitted, url) = {
            let mut tickets = tickets.lock().unwrap_or_else(PoisonError::into_inner);
            self.policy
                .admit(&head.method, &head.uri, &body, &mut tickets)
                .ok_or(Error::HttpRequestDenied)?
        };
        let mut headers = HeaderMap::new();
        for (name, value) in &head.headers {
            if may_say(name) && *name != CONTENT_LENGTH {
                headers.append(name, value.clone());
            }
        }
        if let Some(token) = self.token.as_ref().filter(|_| admitted.has_token()) {
            headers.insert(TOKEN, token.clone());
        }
        let mut sent = Request::new(Full::new(body));
        *sent.method_mut() = head.method;
        *sent.uri_mut() = url.clone();
        *sent.headers_mut() = headers;
        let client = match admitted {
            Admitted::Api | Admitted::Artifact => &self.client,
            Admitted::Redirected => &self.redirected,
        };
        let answer = unless_ended(client.send(sent), &watch).await?;
        let answer = answer.map_err(|failure| said(&failure))?;
        let location = answer.headers().get(LOCATION).and_then(|it| it.to_str().ok());
        if answer.status().is_redirection()
            && let Some(location) = location
        {
            let mut tickets = tickets.lock().unwrap_or_else(PoisonError::into_inner);
            self.policy.answered(admitted, &url, location, &mut tickets);
        }
        let answer = answer.map(|inner| Watched::new(inner, watch).boxed_unsync());
        Ok((answer, Box::new(std::future::ready(Ok(())))))
    }
}

/// Waits, and gives up where the call must end.
async fn unless_ended<T>(waited: impl Future<Output = T>, watch: &Watch) -> Result<T, Error> {
    let mut waited = std::pin::pin!(waited);
    loop {
        watch.check().map_err(ended)?;
        if let Ok(done) = tokio::time::timeout(TICK, waited.as_mut()).await {
            return Ok(done);
        }
    }
}

/// A body that ends where the call must, even while nothing comes.
struct Watched {
    inner: Received,
    watch: Watch,
    tick: Pin<Box<tokio::time::Sleep>>,
}

impl Watched {
    fn new(inner: Received, watch: Watch) -> Watched {
        let tick = Box::pin(tokio::time::sleep(TICK));
        Watched { inner, watch, tick }
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Err(why) = self.watch.check() {
            return Poll::Ready(Some(Err(ended(why))));
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(|failure| said(&failure))));
        }
        // Nothing comes: the timer wakes this up to look again.
        while self.tick.as_mut().poll(context).is_ready() {
            let next = tokio::time::Instant::now() + TICK;
            self.tick.as_mut().reset(next);
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Returns the `wasi:http` error of a call that must end. The next grant that the component uses ends it.
fn ended(why: Ended) -> Error {
    match why {
        Ended::Interrupted => Error::ConnectionTerminated,
        Ended::TimedOut => Error::ConnectionReadTimeout,
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

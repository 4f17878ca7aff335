//! Bodies with time limits: the body of a request reports progress, and the body of a response fails if the server stalls.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::failure::{HttpFailure, HttpFailureKind};

/// The body of a request is sent in pieces of this size, so that progress is visible.
const PIECE_BYTES: usize = 64 << 10;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The time of the last progress.
#[derive(Debug, Clone)]
pub(super) struct LastMove(Arc<Mutex<Instant>>);

impl LastMove {
    pub(super) fn now() -> LastMove {
        LastMove(Arc::new(Mutex::new(Instant::now())))
    }

    pub(super) fn when(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moved(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// The body of a request. It records the time of each piece that is sent.
pub(super) struct Sent<B> {
    inner: Pin<Box<B>>,
    piece: Bytes,
    last_move: LastMove,
}

impl<B> Sent<B> {
    pub(super) fn new(body: B, last_move: LastMove) -> Sent<B> {
        Sent {
            inner: Box::pin(body),
            piece: Bytes::new(),
            last_move,
        }
    }
}

impl<B> Body for Sent<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.piece.is_empty() {
            match ready!(self.inner.as_mut().poll_frame(context)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => self.piece = bytes,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
            }
        }
        self.last_move.moved();
        let length = self.piece.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.piece.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.piece.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = (self.inner.size_hint(), self.piece.len() as u64);
        if let Some(exact) = hint.exact() {
            hint.set_exact(exact.saturating_add(rest));
        }
        hint
    }
}

/// The body of a response. It fails if the server stalls, or if the body is shorter than the announced length.
pub(crate) struct Received {
    inner: Pin<Box<reqwest::Body>>,
    idle_timeout: Duration,
    deadline: Pin<Box<Sleep>>,
    /// The number of bytes that are missing, if the server announced the length.
    rest: Option<u64>,
}

impl Received {
    pub(super) fn new(body: reqwest::Body, length: Option<u64>, idle_timeout: Duration) -> Received {
        Received {
            inner: Box::pin(body),
            idle_timeout,
            deadline: Box::pin(tokio::time::sleep(idle_timeout)),
            rest: length,
        }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = HttpFailure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpFailure>>> {
        let Poll::Ready(frame) = self.inner.as_mut().poll_frame(context) else {
            ready!(self.deadline.as_mut().poll(context));
            let message = format!("the server sent nothing for {:?}", self.idle_timeout);
            return Poll::Ready(Some(Err(HttpFailure::new(HttpFailureKind::TimedOut, message))));
        };
        let next = Instant::now() + self.idle_timeout;
        self.deadline.as_mut().reset(next);
        match frame {
            None => match self.rest {
                Some(rest) if rest > 0 => {
                    self.rest = None;
                    let message = format!("the response ended {rest} bytes before its announced length");
                    let failure = HttpFailure::new(HttpFailureKind::Interrupted, message);
                    Poll::Ready(Some(Err(failure)))
                }
                _ => Poll::Ready(None),
            },
            Some(Err(error)) => {
                self.rest = None;
                Poll::Ready(Some(Err(HttpFailure::from_client(error))))
            }
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, |bytes| bytes.len() as u64);
                self.rest = self.rest.map(|rest| rest.saturating_sub(length));
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream() && self.rest.is_none_or(|rest| rest == 0)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

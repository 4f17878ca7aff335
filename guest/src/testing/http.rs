//! The port for HTTP in memory, for tests: servers that answer from a script, and a clock that moves only when somebody
//! waits.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use crate::ports::{Http, HttpAnswer, HttpBody, HttpFailure, HttpRequest};

/// The result of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scripted {
    /// An answer. Its body may break off after the last piece.
    Answer {
        /// For example 200.
        status: u16,
        /// Names in lower case.
        headers: Vec<(String, String)>,
        /// The pieces that `next` returns, in order.
        pieces: Vec<Vec<u8>>,
        /// The failure with which the body ends, if it does.
        broken: Option<HttpFailure>,
    },
    /// None.
    Failure(HttpFailure),
}

impl Scripted {
    /// Returns an answer with a body in one piece.
    pub fn answer(status: u16, body: impl Into<Vec<u8>>) -> Scripted {
        Scripted::Answer {
            status,
            headers: Vec::new(),
            pieces: vec![body.into()],
            broken: None,
        }
    }

    /// Returns the answer with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Scripted {
        if let Scripted::Answer { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }
}

/// Servers that answer from a script. Public fields are for tests.
#[derive(Debug, Default)]
pub struct MemoryHttp {
    /// The answers of each URL: the first entry, until only one is left, which stays.
    pub script: RefCell<BTreeMap<String, VecDeque<Scripted>>>,
    /// The requests, in order.
    pub sent: RefCell<Vec<HttpRequest>>,
    /// The waits, in milliseconds, with their reasons.
    pub waits: RefCell<Vec<(u64, String)>>,
    /// In milliseconds since 1970.
    pub now: Rc<Cell<u64>>,
    /// The duration of every request, in milliseconds.
    pub takes_ms: Cell<u64>,
    /// The duration of every piece of a body, in milliseconds.
    pub piece_takes_ms: Cell<u64>,
}

impl MemoryHttp {
    /// Adds what a URL answers next.
    pub fn on(&self, url: &str, scripted: Scripted) {
        let mut script = self.script.borrow_mut();
        script.entry(url.to_owned()).or_default().push_back(scripted);
    }

    /// Adds what a URL answers next, as JSON.
    pub fn json(&self, url: &str, value: &serde_json::Value) {
        self.on(url, Scripted::answer(200, value.to_string()));
    }

    /// Returns the URLs that were asked, in order.
    pub fn urls(&self) -> Vec<String> {
        let sent = self.sent.borrow();
        sent.iter().map(|request| request.url.clone()).collect()
    }
}

/// The rest of a scripted body.
#[derive(Debug)]
pub struct MemoryBody {
    pieces: VecDeque<Vec<u8>>,
    broken: Option<HttpFailure>,
    now: Rc<Cell<u64>>,
    piece_takes_ms: u64,
}

impl HttpBody for MemoryBody {
    fn next(&mut self) -> Result<Option<Vec<u8>>, HttpFailure> {
        self.now.set(self.now.get() + self.piece_takes_ms);
        match (self.pieces.pop_front(), self.broken.take()) {
            (Some(piece), broken) => {
                self.broken = broken;
                Ok(Some(piece))
            }
            (None, Some(failure)) => Err(failure),
            (None, None) => Ok(None),
        }
    }
}

impl Http for MemoryHttp {
    type Body = MemoryBody;

    fn send(&self, request: &HttpRequest) -> Result<HttpAnswer<MemoryBody>, HttpFailure> {
        self.sent.borrow_mut().push(request.clone());
        self.now.set(self.now.get() + self.takes_ms.get());
        let mut script = self.script.borrow_mut();
        let scripted = match script.get_mut(&request.url) {
            None => Some(Scripted::answer(404, r#"{"message":"not in the script"}"#)),
            Some(queue) if queue.len() > 1 => queue.pop_front(),
            Some(queue) => queue.front().cloned(),
        };
        match scripted {
            Some(Scripted::Answer {
                status,
                headers,
                pieces,
                broken,
            }) => Ok(HttpAnswer {
                status,
                headers,
                body: MemoryBody {
                    pieces: pieces.into(),
                    broken,
                    now: Rc::clone(&self.now),
                    piece_takes_ms: self.piece_takes_ms.get(),
                },
            }),
            Some(Scripted::Failure(failure)) => Err(failure),
            None => Err(HttpFailure::Final("nothing is in the script".to_owned())),
        }
    }

    fn wait(&self, ms: u64, why: &str) {
        self.now.set(self.now.get() + ms);
        self.waits.borrow_mut().push((ms, why.to_owned()));
    }

    fn now_ms(&self) -> u64 {
        self.now.get()
    }

    fn random(&self) -> u64 {
        self.sent.borrow().len() as u64
    }
}

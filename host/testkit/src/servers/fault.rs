//! Faults of a network or a server, and the requests that they affect.

use std::sync::Arc;
use std::time::Duration;

use super::http::Message;

/// Changes an answer. The first message is the request.
pub type Rewriting = Arc<dyn Fn(&Message, &mut Message) + Send + Sync>;

/// The fault that a request meets.
#[derive(Clone)]
pub enum Fault {
    /// The proxy answers, and the server never hears of the request.
    Answer(Answer),
    /// The connection is reset when so many bytes of the request's body have arrived.
    ResetRequest { after_bytes: usize },
    /// The connection is reset when so many bytes of the answer's body were sent.
    ResetAnswer { after_bytes: usize },
    /// The server does what it was asked, and the connection is reset before the answer.
    LoseAnswer,
    /// The connection ends in order after so many bytes of a body that was announced whole.
    TruncateAnswer { to_bytes: usize },
    /// One bit of the body is another on its way to the server.
    FlipRequest { at: usize },
    /// One bit of the body is another on its way from the server.
    FlipAnswer { at: usize },
    /// The request is read, and nothing comes back.
    Stall,
    /// The answer stalls after so many bytes of its body.
    StallAnswer { after_bytes: usize },
    /// The server stops reading the request after so many bytes of its body.
    StallRequest { after_bytes: usize },
    /// The request goes to the server so much later.
    Delay(Duration),
    /// The answer is changed to that of a server of another kind.
    Rewrite(Rewriting),
}

/// The answer of a server that does not do what was asked.
#[derive(Debug, Clone)]
pub struct Answer {
    status: u16,
    fields: Vec<(&'static str, String)>,
    body: String,
}

impl Fault {
    pub fn rewrite(change: impl Fn(&Message, &mut Message) + Send + Sync + 'static) -> Fault {
        Fault::Rewrite(Arc::new(change))
    }
}

impl Answer {
    pub fn status(status: u16) -> Answer {
        Answer {
            status,
            fields: Vec::new(),
            body: String::new(),
        }
    }

    /// Returns an error as S3 words it.
    pub fn s3(status: u16, code: &str, message: &str) -> Answer {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
             <RequestId>0123456789ABCDEF</RequestId></Error>"
        );
        Answer {
            body,
            ..Answer::status(status)
        }
        .with("Content-Type", "application/xml")
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.fields.push((name, value.into()));
        self
    }

    pub fn message(&self) -> Message {
        let answer = Message::answer(self.status, self.body.as_str());
        self.fields
            .iter()
            .fold(answer, |answer, (name, value)| answer.with(name, value.as_str()))
    }
}

type Condition = Box<dyn Fn(&Message) -> bool + Send>;

/// To which requests a fault happens: to all, if nothing else is said.
pub struct Rule {
    fault: Fault,
    conditions: Vec<Condition>,
    skipped: usize,
    left: usize,
}

impl Rule {
    pub fn new(fault: Fault) -> Rule {
        Rule {
            fault,
            conditions: Vec::new(),
            skipped: 0,
            left: usize::MAX,
        }
    }

    /// Only to requests of which this holds.
    pub fn when(mut self, condition: impl Fn(&Message) -> bool + Send + 'static) -> Rule {
        self.conditions.push(Box::new(condition));
        self
    }

    pub fn method(self, method: &'static str) -> Rule {
        self.when(move |request| request.method() == method)
    }

    /// Only to requests whose path has this in it.
    pub fn path(self, part: &'static str) -> Rule {
        self.when(move |request| request.target().contains(part))
    }

    /// Starts after the first requests that match.
    pub fn after(mut self, requests: usize) -> Rule {
        self.skipped = requests;
        self
    }

    /// Only so often.
    pub fn times(mut self, times: usize) -> Rule {
        self.left = times;
        self
    }

    /// Returns what happens to this request. Every call counts.
    pub fn judge(&mut self, request: &Message) -> Option<Fault> {
        if !self.conditions.iter().all(|condition| condition(request)) {
            return None;
        }
        if self.skipped > 0 {
            self.skipped -= 1;
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        Some(self.fault.clone())
    }
}

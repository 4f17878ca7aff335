//! Arbitrary answers of CircleCI's API to any request.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use baton_guest::Result;
use baton_guest::attach::{Attach, Layout};
use baton_guest::circleci::{self, Artifacts, SetLatest, Source, plain};
use baton_guest::context::Context;
use baton_guest::lookup::{self, Scope};
use baton_guest::ports::{Http, HttpAnswer, HttpBody, HttpFailure, HttpRequest, Method};
use baton_guest::testing::{MemoryFiles, MemoryScratch};
use baton_guest::workspace::OnConflict;

const BASE: &str = "https://ci.example";

/// How long one request may be tried for, in milliseconds.
const PATIENCE_MS: u64 = 20_000;

/// No look-up asks more often. A find looks at pages of 100, and gives up after some.
const REQUESTS_MAX: usize = 20_000;

/// The selectors of the requests.
const SELECTORS: [&str; 8] = [
    "build:7",
    "latest@main",
    "sha:abc1234",
    "tag:v1",
    "workflow:w1",
    "latest",
    "workspace",
    "tree:00",
];

/// A server that gives one answer after the other: a letter for the status, a line with a header's value, the body.
struct Answers {
    left: RefCell<VecDeque<Vec<u8>>>,
    sent: Cell<usize>,
    now_ms: Cell<u64>,
}

impl Answers {
    fn of(data: &[u8]) -> Answers {
        let left = data.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
        Answers {
            left: RefCell::new(left),
            sent: Cell::new(0),
            now_ms: Cell::new(1_700_000_000_000),
        }
    }
}

struct Body(VecDeque<Vec<u8>>, Option<HttpFailure>);

impl HttpBody for Body {
    fn next(&mut self) -> Result<Option<Vec<u8>>, HttpFailure> {
        match (self.0.pop_front(), self.1.take()) {
            (Some(piece), failure) => {
                self.1 = failure;
                Ok(Some(piece))
            }
            (None, Some(failure)) => Err(failure),
            (None, None) => Ok(None),
        }
    }
}

impl Http for Answers {
    type Body = Body;

    fn send(&self, request: &HttpRequest) -> Result<HttpAnswer<Body>, HttpFailure> {
        self.sent.set(self.sent.get() + 1);
        assert!(self.sent.get() <= REQUESTS_MAX, "{} requests", self.sent.get());
        self.now_ms.set(self.now_ms.get() + 20);
        if let Some(path) = request
            .url
            .strip_prefix(BASE)
            .and_then(|rest| rest.strip_prefix("/api/"))
        {
            let path = path.split('?').next().unwrap_or_default();
            assert!(path.bytes().all(|byte| byte.is_ascii_graphic()), "{path:?}");
        }
        assert!(
            request.method == Method::Get
                || request.url.ends_with("/envvar")
                || request.method == Method::Head
        );
        let answer = self
            .left
            .borrow_mut()
            .pop_front()
            .unwrap_or_else(|| b"e\n{}".to_vec());
        let (letter, rest) = answer
            .split_first()
            .map_or((b'e', &[][..]), |(letter, rest)| (*letter, rest));
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let value = String::from_utf8_lossy(&rest[..end]).into_owned();
        let body = rest.get(end + 1..).unwrap_or_default();
        let (status, header) = match letter {
            b'b' => (200, "content-length"),
            b'c' => (302, "location"),
            b'd' => (429, "retry-after"),
            b'e' => (404, "x"),
            b'f' => (500, "retry-after"),
            b'g' => (206, "content-range"),
            b'h' => (401, "www-authenticate"),
            b'i' => return Err(HttpFailure::Transient(value)),
            b'j' => return Err(HttpFailure::Denied(value)),
            b'k' => (307, "location"),
            b'l' => (416, "content-range"),
            b'm' => (304, "etag"),
            _ => (200, "etag"),
        };
        let pieces = body.chunks(300).map(<[u8]>::to_vec).collect();
        let broken = (letter == b'n').then(|| HttpFailure::Transient("broken off".into()));
        Ok(HttpAnswer {
            status,
            headers: vec![(header.to_owned(), value)],
            body: Body(pieces, broken),
        })
    }

    fn wait(&self, ms: u64, _: &str) {
        assert!(ms <= PATIENCE_MS, "a wait of {ms} ms");
        self.now_ms.set(self.now_ms.get() + ms);
    }

    fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    fn random(&self) -> u64 {
        self.sent.get() as u64
    }
}

fn source() -> Source {
    Source {
        base_url: BASE.into(),
        project: "gh/acme/shop".into(),
        patience_ms: PATIENCE_MS,
        token_variable: "CIRCLE_TOKEN".into(),
        has_token: true,
        pinned: None,
    }
}

fn scope(choice: u8) -> Scope {
    Scope {
        selector: SELECTORS[usize::from(choice % 8)].to_owned(),
        jobs: if choice & 8 == 0 {
            Vec::new()
        } else {
            vec!["build".to_owned()]
        },
        circleci: Some(source()),
        context: Context {
            project: Some("gh/acme/shop".into()),
            branch: Some("main".into()),
            workflow: Some("w1".into()),
            workspace: Some("w1".into()),
            ..Context::default()
        },
        ..Scope::default()
    }
}

/// The first byte says what is asked for and how, the others are the answers, with a NUL between them.
pub(crate) fn check(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let http = Answers::of(rest);
    let scope = scope(*choice);
    let ended = match choice >> 4 {
        0 => circleci::resolve(&http, &source(), &scope).map(drop),
        1 => {
            let request = SetLatest {
                source: source(),
                variable: "BATON_LATEST_BUILD".to_owned(),
                number: 7,
                seen: None,
                force: choice & 1 == 1,
                context: scope.context.clone(),
            };
            circleci::set_latest(&http, &request).map(drop)
        }
        _ => opened(&http, &scope, *choice),
    };
    if let Err(error) = ended {
        super::is_stated(&error);
    }
}

fn opened(http: &Answers, scope: &Scope, choice: u8) -> Result<()> {
    let (artifacts, _) = circleci::open(http, &source(), scope)?;
    let stored = match artifacts {
        Artifacts::Store(store, inner) => return lookup::resolve(&store, &inner).map(drop),
        Artifacts::Plain(stored) => stored,
    };
    let files = MemoryFiles::default();
    files.symlink("link", "/etc");
    let before = files.listing();
    let request = Attach {
        scope: scope.clone(),
        only: Vec::new(),
        clean: false,
        layout: Layout::AsPersisted,
        on_conflict: if choice & 16 == 0 {
            OnConflict::Fail
        } else {
            OnConflict::Newest
        },
        dry_run: choice & 32 == 0,
    };
    let planned = plain::plan(&files, &MemoryScratch, &source(), &stored, &request)?.planned;
    if request.dry_run {
        return Ok(());
    }
    let tasks = planned.tasks.iter().take(50);
    let outcomes = tasks
        .map(|task| plain::run(http, &files, &planned.shared, &task.payload))
        .collect::<Result<Vec<_>>>();
    let finished =
        outcomes.and_then(|outcomes| plain::finish(&files, &MemoryScratch, &planned.rest, &outcomes));
    if finished.is_err() {
        plain::abandon(&files, &planned.rest)?;
    }
    // A run that fails leaves the directory as it was.
    assert!(
        finished.is_ok() || files.listing() == before,
        "{:?}",
        files.listing()
    );
    finished.map(drop)
}

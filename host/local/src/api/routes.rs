//! From a request to what the state answers.

use http::{HeaderMap, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answers;
use super::server::{Asked, Settings};
use super::state::{Api, Content, Job, JobStatus, State, Workflow, short_slug};

/// What is answered.
pub(super) enum Answer {
    Json(StatusCode, Value),
    /// The bytes of an artifact.
    Content(Content),
    /// A page for people: where a person has to log in.
    Page(StatusCode, &'static str),
}

impl Answer {
    fn message(status: StatusCode, message: &str) -> Answer {
        Answer::Json(status, json!({ "message": message }))
    }

    fn not_found(what: &str) -> Answer {
        Answer::message(StatusCode::NOT_FOUND, &format!("{what} not found"))
    }
}

#[derive(Deserialize)]
struct NewVariable {
    name: String,
    value: String,
}

/// Answers one request.
pub(super) fn answer(api: &Api, settings: &Settings, base: &str, asked: &Asked) -> Answer {
    if let Some(why) = from_a_page(&asked.headers) {
        return Answer::message(StatusCode::FORBIDDEN, why);
    }
    let parts: Vec<String> = asked.path.split('/').skip(1).map(decoded).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let admitted = settings
        .token
        .as_ref()
        .is_none_or(|token| presents(&asked.headers, token));
    match parts.as_slice() {
        ["output", ..] if !admitted => Answer::Page(StatusCode::UNAUTHORIZED, "log in to see artifacts"),
        ["output", "job", id, "artifacts", node, path @ ..] => artifact(&api.lock(), id, node, path),
        ["api", ..] if !admitted => Answer::message(StatusCode::UNAUTHORIZED, "You must log in first."),
        ["api", "v2", rest @ ..] => v2(api, settings, base, asked, rest),
        ["api", "v1.1", "project", host, owner, repository, "tree", branch] if settings.v1 => {
            let project = short_slug(&format!("{host}/{owner}/{repository}"));
            builds(&api.lock(), asked, &project, branch)
        }
        _ => Answer::not_found("Page"),
    }
}

fn v2(api: &Api, settings: &Settings, base: &str, asked: &Asked, rest: &[&str]) -> Answer {
    // A slug may come as three names or as one with encoded slashes: decoded, both have three names.
    if let ["project", a, b, c, "envvar"] = rest
        && asked.method == Method::POST
    {
        return set_variable(api, asked, &short_slug(&format!("{a}/{b}/{c}")));
    }
    if asked.method != Method::GET {
        return Answer::message(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed");
    }
    let state = &*api.lock();
    let items = match rest {
        ["pipeline", id, "workflow"] => {
            if state.pipeline(id).is_err() {
                return Answer::not_found("Pipeline");
            }
            let of = |it: &&Workflow| it.pipeline == *id;
            state
                .workflows
                .iter()
                .filter(of)
                .map(|it| answers::workflow(state, it))
                .collect()
        }
        ["pipeline", id] => return one(state.pipeline(id).ok().map(answers::pipeline), "Pipeline"),
        ["workflow", id] => {
            let found = state.workflow(id).ok();
            return one(found.map(|it| answers::workflow(state, it)), "Workflow");
        }
        ["workflow", id, "job"] => {
            if state.workflow(id).is_err() {
                return Answer::not_found("Workflow");
            }
            let of = |it: &&Job| it.workflow == *id;
            state.jobs.iter().filter(of).map(answers::workflow_job).collect()
        }
        ["project", a, b, c, rest @ ..] => {
            let project = short_slug(&format!("{a}/{b}/{c}"));
            if !state.knows(&project) {
                return Answer::not_found("Project");
            }
            match of_project(state, settings, base, asked, &project, rest) {
                Ok(items) => items,
                Err(answer) => return answer,
            }
        }
        _ => return Answer::not_found("Page"),
    };
    let token = asked.query("page-token");
    match answers::page(items, token.as_deref(), settings.page_size) {
        Some(page) => Answer::Json(StatusCode::OK, page),
        None => Answer::message(StatusCode::BAD_REQUEST, "Invalid page token"),
    }
}

/// Returns the items of a list of a project, or the answer where it is no list.
fn of_project(
    state: &State,
    settings: &Settings,
    base: &str,
    asked: &Asked,
    project: &str,
    rest: &[&str],
) -> Result<Vec<Value>, Answer> {
    match rest {
        ["pipeline"] => {
            let branch = asked.query("branch");
            let of_branch = |it: &Option<String>| branch.is_none() || *it == branch;
            let found = state.pipelines.iter().rev();
            Ok(found
                .filter(|it| it.of.project == project && of_branch(&it.of.branch))
                .map(answers::pipeline)
                .collect())
        }
        ["envvar"] => Ok(state
            .variables
            .iter()
            .filter(|((of, _), _)| of == project)
            .map(|((_, name), value)| answers::variable(name, value))
            .collect()),
        ["envvar", name] => {
            let key = (project.to_owned(), (*name).to_owned());
            let found = state.variables.get(&key);
            Err(one(
                found.map(|value| answers::variable(name, value)),
                "Environment variable",
            ))
        }
        ["job", number] => {
            let found = number.parse().ok().and_then(|number| state.job(project, number));
            Err(one(found.map(|job| answers::job(state, job)), "Job"))
        }
        [number, "artifacts"] => {
            let found = number.parse().ok().and_then(|number| state.job(project, number));
            let job = found.ok_or_else(|| Answer::not_found("Job"))?;
            let base = settings.artifacts_at.as_deref().unwrap_or(base);
            let shown = |(index, it): (usize, &super::Artifact)| {
                let url = settings.artifact_urls.get(&it.path).cloned().unwrap_or_else(|| {
                    let path = it.path.split('/').map(encoded).collect::<Vec<_>>().join("/");
                    // The index keeps paths apart that differ only in what a client would take away.
                    format!(
                        "{base}/output/job/{}/artifacts/{}/{path}?at={index}",
                        job.id, it.node
                    )
                });
                json!({ "path": it.path, "node_index": it.node, "url": url })
            };
            Ok(job.artifacts.iter().enumerate().map(shown).collect())
        }
        _ => Err(Answer::not_found("Page")),
    }
}

fn one(found: Option<Value>, what: &str) -> Answer {
    match found {
        Some(value) => Answer::Json(StatusCode::OK, value),
        None => Answer::not_found(what),
    }
}

fn set_variable(api: &Api, asked: &Asked, project: &str) -> Answer {
    if !api.lock().knows(project) {
        return Answer::not_found("Project");
    }
    match serde_json::from_slice::<NewVariable>(&asked.body) {
        Ok(NewVariable { name, value }) if !name.is_empty() => {
            api.set_variable(project, &name, &value);
            Answer::Json(StatusCode::CREATED, answers::variable(&name, &value))
        }
        _ => Answer::message(StatusCode::BAD_REQUEST, "a variable needs a name and a value"),
    }
}

/// Answers v1.1's list of the builds of a branch, newest first.
fn builds(state: &State, asked: &Asked, project: &str, branch: &str) -> Answer {
    let number = |name, default| asked.query(name).map_or(Some(default), |text| text.parse().ok());
    let (Some(limit), Some(offset)) = (number("limit", 30usize), number("offset", 0usize)) else {
        return Answer::message(StatusCode::BAD_REQUEST, "limit and offset are numbers");
    };
    if !state.knows(project) {
        return Answer::not_found("Project");
    }
    let successful = asked.query("filter").as_deref() == Some("successful");
    let mut jobs: Vec<&Job> = state
        .jobs
        .iter()
        .filter(|job| job.project == project && (!successful || job.status == JobStatus::Success))
        .filter(|job| {
            let workflow = state.workflow(&job.workflow).ok();
            let pipeline = workflow.and_then(|it| state.pipeline(&it.pipeline).ok());
            pipeline.is_some_and(|it| it.of.branch.as_deref() == Some(branch))
        })
        .collect();
    jobs.sort_by_key(|job| std::cmp::Reverse(job.number));
    let shown: Vec<Value> = jobs
        .into_iter()
        .skip(offset)
        .take(limit.min(100))
        .filter_map(|job| answers::build(state, job))
        .collect();
    Answer::Json(StatusCode::OK, Value::Array(shown))
}

fn artifact(state: &State, id: &str, node: &str, path: &[&str]) -> Answer {
    let path = path.join("/");
    let found = state.jobs.iter().find(|job| job.id == id).and_then(|job| {
        let mut there = job.artifacts.iter();
        there.find(|it| it.path == path && it.node.to_string() == node)
    });
    match found {
        Some(artifact) => Answer::Content(artifact.content.clone()),
        None => Answer::not_found("Artifact"),
    }
}

/// Returns why a request is refused that a page in a browser may have sent. A page of another site that resolves its own
/// name to this machine (DNS rebinding) shows by `Host`, and any script of a page shows by `Origin`. No client of the API
/// sends either.
fn from_a_page(headers: &HeaderMap) -> Option<&'static str> {
    let hosts: Vec<_> = headers.get_all(header::HOST).iter().collect();
    let loopback = match hosts.as_slice() {
        [host] => host.to_str().is_ok_and(is_loopback),
        _ => false,
    };
    if !loopback {
        return Some("Host does not name this machine.");
    }
    headers
        .contains_key(header::ORIGIN)
        .then_some("Requests of web pages are refused.")
}

/// Whether the value of `Host` is a name of this machine, with or without a port.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

/// Whether a request has the token in one of the three ways that CircleCI takes.
fn presents(headers: &HeaderMap, token: &str) -> bool {
    // The comparison of two hashes takes the same time wherever they differ.
    let is_token = |given: &str| blake3::hash(given.as_bytes()) == blake3::hash(token.as_bytes());
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if text("circle-token").is_some_and(is_token) {
        return true;
    }
    let Some(authorization) = text(header::AUTHORIZATION.as_str()) else {
        return false;
    };
    match authorization.split_once(' ') {
        Some(("Bearer", given)) => is_token(given),
        Some(("Basic", given)) => {
            use base64ct::{Base64, Encoding};
            Base64::decode_vec(given)
                .ok()
                .and_then(|pair| String::from_utf8(pair).ok())
                .is_some_and(|pair| pair.strip_suffix(':').is_some_and(is_token))
        }
        _ => false,
    }
}

/// Returns a name as it stands in a URL's path.
fn encoded(name: &str) -> String {
    let mut encoded = String::new();
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// Returns what a part of a URL says. A wrong escape stays as it is.
pub(super) fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let escape = (byte == b'%')
            .then(|| behind.get(..2).and_then(|hex| std::str::from_utf8(hex).ok()))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escape {
            Some(byte) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(byte);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn asked(method: Method, path: &str, headers: &[(&str, &str)]) -> Asked {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            map.append(name, value.parse().unwrap());
        }
        Asked {
            method,
            path: path.to_owned(),
            query: String::new(),
            headers: map,
            body: br#"{"name":"LATEST","value":"1"}"#.as_slice().into(),
        }
    }

    /// Returns the status of the answer to a request, of an API that has a project and a token.
    fn status(method: Method, path: &str, headers: &[(&str, &str)]) -> u16 {
        let api = Api::new();
        api.set_variable("gh/acme/shop", "A", "1");
        let settings = Settings {
            token: Some("secret".to_owned()),
            ..Settings::default()
        };
        match answer(&api, &settings, "", &asked(method, path, headers)) {
            Answer::Json(status, _) | Answer::Page(status, _) => status.as_u16(),
            Answer::Content(_) => 200,
        }
    }

    const VARIABLES: &str = "/api/v2/project/gh/acme/shop/envvar";

    #[test]
    fn a_request_without_the_token_learns_and_changes_nothing() {
        let host = ("host", "127.0.0.1:4000");
        for wrong in [
            vec![],
            vec![("circle-token", "")],
            vec![("circle-token", "Secret")],
            vec![("authorization", "Bearer secre")],
            vec![("authorization", "Basic c2VjcmV0")],
            vec![("authorization", "secret")],
        ] {
            let headers: Vec<_> = wrong.into_iter().chain([host]).collect();
            assert_eq!(status(Method::GET, VARIABLES, &headers), 401, "{headers:?}");
            assert_eq!(status(Method::POST, VARIABLES, &headers), 401, "{headers:?}");
            assert_eq!(status(Method::GET, "/output/job/a/artifacts/0/b", &headers), 401);
        }
        for right in [
            ("circle-token", "secret"),
            ("authorization", "Bearer secret"),
            ("authorization", "Basic c2VjcmV0Og=="),
        ] {
            assert_eq!(status(Method::GET, VARIABLES, &[host, right]), 200, "{right:?}");
            assert_eq!(status(Method::POST, VARIABLES, &[host, right]), 201, "{right:?}");
        }
    }

    #[test]
    fn a_page_in_a_browser_is_refused_even_with_the_token() {
        let token = ("circle-token", "secret");
        for host in [
            "evil.example:4000",
            "evil.example",
            "127.0.0.1.evil.example",
            "",
            "localhost:x",
        ] {
            assert_eq!(
                status(Method::GET, VARIABLES, &[token, ("host", host)]),
                403,
                "{host}"
            );
        }
        assert_eq!(status(Method::GET, VARIABLES, &[token]), 403);
        let twice = [token, ("host", "localhost"), ("host", "evil.example")];
        assert_eq!(status(Method::GET, VARIABLES, &twice), 403);
        for origin in ["https://evil.example", "null", "http://127.0.0.1:4000"] {
            let headers = [token, ("host", "localhost:4000"), ("origin", origin)];
            assert_eq!(status(Method::POST, VARIABLES, &headers), 403, "{origin}");
        }
        for host in ["127.0.0.1:4000", "localhost", "[::1]:4000", "[::1]"] {
            assert_eq!(
                status(Method::GET, VARIABLES, &[token, ("host", host)]),
                200,
                "{host}"
            );
        }
    }

    #[test]
    fn names_survive_a_url() {
        for name in ["a b", "grüße", "100%", "a/b", "%41", "~", "x?y#z"] {
            assert_eq!(decoded(&encoded(name)), name);
        }
        assert_eq!(decoded("%zz%4"), "%zz%4");
    }
}

//! The response to each request, from the state.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::admission::{from_a_page, presents};
use super::answers;
use super::escapes::{decoded, encoded};
use super::options::ServerOptions;
use super::records::{Artifact, Content, JobRecord, JobStatus, WorkflowRecord};
use super::request::ApiRequest;
use super::slug::short_slug;
use super::state::{Api, State};

/// The content of a response.
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
pub(super) fn answer(api: &Api, options: &ServerOptions, base: &str, request: &ApiRequest) -> Answer {
    if let Some(why) = from_a_page(&request.headers) {
        return Answer::message(StatusCode::FORBIDDEN, why);
    }
    let parts: Vec<String> = request.path.split('/').skip(1).map(decoded).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let admitted = options
        .token
        .as_ref()
        .is_none_or(|token| presents(&request.headers, token));
    match parts.as_slice() {
        ["output", ..] if !admitted => Answer::Page(StatusCode::UNAUTHORIZED, "log in to see artifacts"),
        ["output", "job", id, "artifacts", node, path @ ..] => artifact(&api.lock(), id, node, path),
        // Its key admits the request: the script of CircleCI's orb sends no token.
        ["api", "v2", "pipeline", "continue"] if request.method == Method::POST => {
            match api.continue_as_asked(&request.body) {
                Ok(()) => Answer::message(StatusCode::OK, "success"),
                Err(why) => Answer::message(StatusCode::BAD_REQUEST, &why),
            }
        }
        ["api", ..] if !admitted => Answer::message(StatusCode::UNAUTHORIZED, "You must log in first."),
        ["api", "v2", rest @ ..] => v2(api, options, base, request, rest),
        ["api", "v1.1", "project", host, owner, repository, "tree", branch] if options.v1 => {
            let project = short_slug(&format!("{host}/{owner}/{repository}"));
            builds(&api.lock(), request, &project, branch)
        }
        _ => Answer::not_found("Page"),
    }
}

fn v2(api: &Api, options: &ServerOptions, base: &str, request: &ApiRequest, rest: &[&str]) -> Answer {
    // A slug may come as three names or as one with encoded slashes: decoded, both have three names.
    if let ["project", a, b, c, "envvar"] = rest
        && request.method == Method::POST
    {
        return set_variable(api, request, &short_slug(&format!("{a}/{b}/{c}")));
    }
    if request.method != Method::GET {
        return Answer::message(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed");
    }
    let state = &*api.lock();
    let items = match rest {
        ["pipeline", id, "workflow"] => {
            if state.pipeline(id).is_err() {
                return Answer::not_found("Pipeline");
            }
            let of = |it: &&WorkflowRecord| it.pipeline == *id;
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
            let of = |it: &&JobRecord| it.workflow == *id;
            state.jobs.iter().filter(of).map(answers::workflow_job).collect()
        }
        ["project", a, b, c, rest @ ..] => {
            let project = short_slug(&format!("{a}/{b}/{c}"));
            if !state.knows(&project) {
                return Answer::not_found("Project");
            }
            match of_project(state, options, base, request, &project, rest) {
                Ok(items) => items,
                Err(answer) => return answer,
            }
        }
        _ => return Answer::not_found("Page"),
    };
    let token = request.query("page-token");
    match answers::page(items, token.as_deref(), options.page_size) {
        Some(page) => Answer::Json(StatusCode::OK, page),
        None => Answer::message(StatusCode::BAD_REQUEST, "Invalid page token"),
    }
}

/// Returns the items of a list of a project, or the answer where it is no list.
fn of_project(
    state: &State,
    options: &ServerOptions,
    base: &str,
    request: &ApiRequest,
    project: &str,
    rest: &[&str],
) -> Result<Vec<Value>, Answer> {
    match rest {
        ["pipeline"] => {
            let branch = request.query("branch");
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
            let base = options.artifacts_at.as_deref().unwrap_or(base);
            let shown = |(index, it): (usize, &Artifact)| {
                let url = options.artifact_urls.get(&it.path).cloned();
                let url = url.unwrap_or_else(|| artifact_url(base, &job.id, it, index));
                json!({ "path": it.path, "node_index": it.node, "url": url })
            };
            Ok(job.artifacts.iter().enumerate().map(shown).collect())
        }
        _ => Err(Answer::not_found("Page")),
    }
}

/// Returns the URL of an artifact, which ends in the name of the file: `wget` saves the file under it. Clients remove
/// empty parts and dots from a path, so URLs of paths that have some would become equal. Those end in the index instead.
fn artifact_url(base: &str, job: &str, artifact: &Artifact, index: usize) -> String {
    let parts: Vec<&str> = artifact.path.split('/').collect();
    let path = parts
        .iter()
        .map(|part| encoded(part))
        .collect::<Vec<_>>()
        .join("/");
    let url = format!("{base}/output/job/{job}/artifacts/{}/{path}", artifact.node);
    match parts.iter().any(|part| matches!(*part, "" | "." | "..")) {
        false => url,
        true => format!("{url}?at={index}"),
    }
}

fn one(found: Option<Value>, what: &str) -> Answer {
    match found {
        Some(value) => Answer::Json(StatusCode::OK, value),
        None => Answer::not_found(what),
    }
}

fn set_variable(api: &Api, request: &ApiRequest, project: &str) -> Answer {
    if !api.lock().knows(project) {
        return Answer::not_found("Project");
    }
    match serde_json::from_slice::<NewVariable>(&request.body) {
        Ok(NewVariable { name, value }) if !name.is_empty() => {
            api.set_variable(project, &name, &value);
            Answer::Json(StatusCode::CREATED, answers::variable(&name, &value))
        }
        _ => Answer::message(StatusCode::BAD_REQUEST, "a variable needs a name and a value"),
    }
}

/// Answers v1.1's list of the builds of a branch, newest first.
fn builds(state: &State, request: &ApiRequest, project: &str, branch: &str) -> Answer {
    let number = |name, default| {
        request
            .query(name)
            .map_or(Some(default), |text| text.parse().ok())
    };
    let (Some(limit), Some(offset)) = (number("limit", 30usize), number("offset", 0usize)) else {
        return Answer::message(StatusCode::BAD_REQUEST, "limit and offset are numbers");
    };
    if !state.knows(project) {
        return Answer::not_found("Project");
    }
    let successful = request.query("filter").as_deref() == Some("successful");
    let mut jobs: Vec<&JobRecord> = state
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use http::HeaderMap;

    use super::*;

    fn request(method: Method, path: &str, headers: &[(&str, &str)]) -> ApiRequest {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            map.append(name, value.parse().unwrap());
        }
        ApiRequest {
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
        let options = ServerOptions {
            token: Some("secret".to_owned()),
            ..ServerOptions::default()
        };
        match answer(&api, &options, "", &request(method, path, headers)) {
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
    fn the_url_of_an_artifact_ends_in_the_name_of_the_file() {
        let url = |path: &str| {
            let artifact = Artifact {
                path: path.to_owned(),
                node: 2,
                content: Content::from(b"".as_slice()),
            };
            artifact_url("http://h", "id", &artifact, 7)
        };
        assert_eq!(url("dist/app"), "http://h/output/job/id/artifacts/2/dist/app");
        assert_eq!(url("a b?.txt"), "http://h/output/job/id/artifacts/2/a%20b%3F.txt");
        // A client would ask for `b` in each case.
        for odd in ["a/../b", "/b", "b/", "./b"] {
            assert!(url(odd).ends_with("?at=7"), "{odd}");
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
}

//! The endpoints that baton asks, and as much of their JSON as it reads. A field that may be absent in some answer is
//! optional here: what is not used must not fail.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::send::{AttemptError, Client, attempt_error, late};
use super::slug::Slug;
use super::url::encoded;
use crate::error::{Error, Result, warning};
use crate::ports::{Http, HttpBody, HttpRequest, Method};

/// No answer in JSON is larger: a page of v1.1 has 100 builds of some KiB each.
const JSON_BYTES_MAX: usize = 32 << 20;
/// No list has more pages.
const PAGES_MAX: usize = 5_000;

/// One page of a list of v2.
#[derive(Debug, Deserialize)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) next_page_token: Option<String>,
}

impl<T> Page<T> {
    /// Returns where the next page begins, if there is one.
    pub(super) fn next(&self) -> Option<String> {
        self.next_page_token.clone().filter(|token| !token.is_empty())
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Pipeline {
    pub(super) id: String,
    pub(super) number: u64,
    pub(super) created_at: Option<String>,
    #[serde(default)]
    pub(super) vcs: Vcs,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Vcs {
    pub(super) branch: Option<String>,
    pub(super) tag: Option<String>,
    pub(super) revision: Option<String>,
    origin_repository_url: Option<String>,
    target_repository_url: Option<String>,
}

impl Vcs {
    /// Returns whether the commit comes from another repository than the one that it is meant for.
    pub(super) fn is_fork(&self) -> bool {
        match (&self.origin_repository_url, &self.target_repository_url) {
            (Some(origin), Some(target)) => origin != target,
            _ => false,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Workflow {
    pub(super) id: String,
    pub(super) pipeline_number: u64,
}

/// A job as its workflow's list has it.
#[derive(Debug, Deserialize)]
pub(super) struct WorkflowJob {
    pub(super) name: String,
    /// Absent for an approval, and before it was started.
    pub(super) job_number: Option<u64>,
    pub(super) status: String,
    pub(super) stopped_at: Option<String>,
}

/// A job as it is asked for by its number.
#[derive(Debug, Deserialize)]
pub(super) struct JobDetails {
    pub(super) number: u64,
    pub(super) name: String,
    pub(super) status: String,
    pub(super) stopped_at: Option<String>,
    pub(super) web_url: Option<String>,
    pub(super) latest_workflow: Option<IdOnly>,
}

#[derive(Debug, Deserialize)]
pub(super) struct IdOnly {
    pub(super) id: String,
}

/// A job as v1.1 lists it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct V1Job {
    pub(super) build_num: u64,
    pub(super) branch: Option<String>,
    pub(super) vcs_revision: Option<String>,
    pub(super) status: Option<String>,
    pub(super) start_time: Option<String>,
    pub(super) stop_time: Option<String>,
    pub(super) build_url: Option<String>,
    pub(super) workflows: Option<V1Workflow>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct V1Workflow {
    pub(super) job_name: Option<String>,
    pub(super) workflow_id: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ArtifactItem {
    pub(super) path: String,
    #[serde(default)]
    pub(super) node_index: u32,
    pub(super) url: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Variable {
    pub(super) value: String,
}

impl<H: Http> Client<'_, H> {
    pub(super) fn slug(&self) -> Result<Slug> {
        Slug::parse(&self.source.project)
    }

    fn get<T: DeserializeOwned>(&self, what: &str, path: &str) -> Result<T> {
        self.json(what, Method::Get, path, None)
    }

    /// Asks for JSON below `/api`.
    fn json<T: DeserializeOwned>(
        &self,
        what: &str,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<T> {
        let mut headers = vec![("accept", "application/json".to_owned())];
        if let Some(body) = &body {
            headers.push(("content-type", "application/json".to_owned()));
            headers.push(("content-length", body.len().to_string()));
        }
        let request = HttpRequest {
            method,
            url: format!("{}/api/{path}", self.source.base_url),
            headers,
            body,
        };
        self.with_retries(what, &request.url, |deadline_ms| {
            let (answer, from) = self.ask(what, &request, deadline_ms)?;
            let length = answer.header("content-length").and_then(|text| text.parse().ok());
            let bytes = self.whole(answer.body, length, &from, deadline_ms)?;
            serde_json::from_slice(&bytes).map_err(|error| {
                let message = format!("cannot read {what}: the answer does not have the expected form");
                let shown = super::url::shown(&from);
                AttemptError::Fatal(Error::Store(warning("api-answer", message, &shown)).because(error))
            })
        })
    }

    /// Returns a page of the pipelines of a project, newest first, or of one branch.
    pub(super) fn pipelines(&self, branch: Option<&str>, token: Option<&str>) -> Result<Page<Pipeline>> {
        let mut path = format!("v2/project/{}/pipeline", self.slug()?.in_v2());
        let mut mark = '?';
        for (name, value) in [("branch", branch), ("page-token", token)] {
            if let Some(value) = value {
                path.push_str(&format!("{mark}{name}={}", encoded(value)));
                mark = '&';
            }
        }
        let of = branch.map_or_else(String::new, |branch| format!(" of branch {branch}"));
        self.get(&format!("the list of pipelines{of}"), &path)
    }

    /// Returns all workflows of a pipeline, reruns included.
    pub(super) fn workflows(&self, pipeline: &Pipeline) -> Result<Vec<Workflow>> {
        let what = format!("the list of workflows of pipeline {}", pipeline.number);
        self.all(&what, &format!("v2/pipeline/{}/workflow", encoded(&pipeline.id)))
    }

    /// Returns one workflow.
    pub(super) fn workflow(&self, id: &str) -> Result<Workflow> {
        self.get(&format!("workflow {id}"), &format!("v2/workflow/{}", encoded(id)))
    }

    /// Returns all jobs of a workflow.
    pub(super) fn jobs(&self, workflow: &str) -> Result<Vec<WorkflowJob>> {
        let what = format!("the list of jobs of workflow {workflow}");
        self.all(&what, &format!("v2/workflow/{}/job", encoded(workflow)))
    }

    /// Returns one job.
    pub(super) fn job(&self, number: u64) -> Result<JobDetails> {
        let slug = self.slug()?.in_v2();
        self.get(
            &format!("build:{number}"),
            &format!("v2/project/{slug}/job/{number}"),
        )
    }

    /// Returns successful jobs of a branch by v1.1, the newest first, or `None` where v1.1 does not serve.
    pub(super) fn builds(&self, branch: &str, offset: usize, limit: usize) -> Result<Option<Vec<V1Job>>> {
        let Some(slug) = self.slug()?.in_v1() else {
            return Ok(None);
        };
        let path = format!(
            "v1.1/project/{slug}/tree/{}?filter=successful&limit={limit}&offset={offset}&shallow=true",
            encoded(branch)
        );
        let what = format!("the list of successful jobs of branch {branch}");
        match self.get(&what, &path) {
            Ok(builds) => Ok(Some(builds)),
            // v2 is asked in its place, and says what is wrong if that is not v1.1 itself.
            Err(Error::Store(problem))
                if matches!(&*problem.code, "api-not-found" | "api-forbidden" | "api-answer") =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns all artifacts of a job: every page, every node.
    pub(super) fn artifacts(&self, number: u64) -> Result<Vec<ArtifactItem>> {
        let slug = self.slug()?.in_v2();
        let what = format!("the list of artifacts of build:{number}");
        self.all(&what, &format!("v2/project/{slug}/{number}/artifacts"))
    }

    /// Returns a variable of the project, its value masked, or `None` where it is not set.
    pub(super) fn variable(&self, name: &str) -> Result<Option<Variable>> {
        let slug = self.slug()?.in_v2();
        let path = format!("v2/project/{slug}/envvar/{}", encoded(name));
        match self.get(&format!("the variable {name}"), &path) {
            Err(Error::Store(problem)) if problem.code == "api-not-found" => Ok(None),
            other => other.map(Some),
        }
    }

    /// Sets a variable of the project, whether it existed or not.
    pub(super) fn set_variable(&self, name: &str, value: &str) -> Result<()> {
        let slug = self.slug()?.in_v2();
        let body = serde_json::json!({ "name": name, "value": value }).to_string();
        let path = format!("v2/project/{slug}/envvar");
        let what = format!("the answer to setting {name}");
        let _: Variable = self.json(&what, Method::Post, &path, Some(body.into_bytes()))?;
        Ok(())
    }

    /// Returns the items of all pages of a list.
    fn all<T: DeserializeOwned>(&self, what: &str, path: &str) -> Result<Vec<T>> {
        let mut items = Vec::new();
        let mut token: Option<String> = None;
        let mut seen = BTreeSet::new();
        loop {
            let page: Page<T> = match &token {
                None => self.get(what, path)?,
                Some(token) => self.get(what, &format!("{path}?page-token={}", encoded(token)))?,
            };
            let next = page.next();
            let empty = page.items.is_empty();
            items.extend(page.items);
            if items.len() > super::artifacts::ARTIFACTS_MAX {
                let message = format!("{what} has more than {} items", super::artifacts::ARTIFACTS_MAX);
                return Err(Error::limit("too-many-artifacts", message, &self.source.project));
            }
            let Some(next) = next else {
                return Ok(items);
            };
            // A list that leads to where it was would never end.
            if !seen.insert(next.clone()) || empty || seen.len() == PAGES_MAX {
                let message = format!("cannot read {what}: its pages do not end");
                return Err(Error::Store(warning("api-answer", message, &self.source.project)));
            }
            token = Some(next);
        }
    }

    /// Reads a body to its end, and checks that it is whole.
    fn whole(
        &self,
        mut body: impl HttpBody,
        length: Option<u64>,
        from: &str,
        deadline_ms: u64,
    ) -> Result<Vec<u8>, AttemptError> {
        let mut bytes = Vec::new();
        while let Some(piece) = body.next().map_err(|failure| attempt_error(failure, from))? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > JSON_BYTES_MAX {
                let message = format!("an answer has more than {JSON_BYTES_MAX} bytes");
                let shown = super::url::shown(from);
                return Err(Error::Store(warning("api-answer", message, &shown)).into());
            }
            if self.http.now_ms() >= deadline_ms {
                return Err(late("the answer took too long"));
            }
        }
        match length {
            Some(length) if length != bytes.len() as u64 => Err(AttemptError::Retry {
                why: format!("the answer was cut off after {} of {length} bytes", bytes.len()),
                retry_after_ms: None,
                limited: false,
                progressed: false,
            }),
            _ => Ok(bytes),
        }
    }
}

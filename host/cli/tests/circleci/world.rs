//! A CircleCI of a test's own: the API, an origin with artifacts that demands the token and leads on to a third one, and
//! that third one, which notes what it is sent.

use std::sync::{Arc, Mutex};

use baton_local::api::{
    Api, ApiRequest, Artifact, Content, Exchange, Fault, JobStatus, NewPipeline, PipelineRecord, Server,
    ServerOptions, WorkflowStatus,
};

use crate::described;
use crate::place::{Job, Place};

pub(crate) const PROJECT: &str = "gh/acme/shop";
pub(crate) const TOKEN: &str = "CCIPAT_very-secret-0123456789abcdef";

/// The query of the URLs that the origin with artifacts redirects to: whoever has it can read the artifact.
pub(crate) const SIGNATURE: &str = "X-Signature=0123456789abcdef";

/// The requests to a server, in order.
pub(crate) type Record = Arc<Mutex<Vec<Exchange>>>;
/// The fault of a server. A test may change it at any time.
pub(crate) type Trouble = Arc<Mutex<Option<Box<dyn FnMut(&ApiRequest) -> Option<Fault> + Send>>>>;

pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) api: Api,
    pub(crate) asked: Record,
    /// The requests to the origin with artifacts.
    pub(crate) fetched: Record,
    /// The requests to the third origin.
    pub(crate) led: Record,
    /// At the API.
    pub(crate) trouble: Trouble,
    /// At the third origin.
    pub(crate) third_trouble: Trouble,
    api_server: Server,
    artifact_server: Server,
    /// Where artifacts lead. It ends with the world.
    _third: Server,
}

/// Lets a server note what it is asked.
pub(crate) fn recording(record: &Record) -> Option<baton_local::api::Observer> {
    let record = Arc::clone(record);
    Some(Arc::new(move |exchange: &Exchange| {
        record.lock().unwrap().push(exchange.clone());
    }))
}

fn troubled(trouble: &Trouble) -> Option<baton_local::api::Faults> {
    let trouble = Arc::clone(trouble);
    Some(Arc::new(move |asked: &ApiRequest| {
        trouble
            .lock()
            .unwrap()
            .as_mut()
            .and_then(|trouble| trouble(asked))
    }))
}

impl World {
    pub(crate) fn new() -> World {
        World::with(|_| {})
    }

    /// Starts the three servers; `change` has the last word about the API's.
    pub(crate) fn with(change: impl FnOnce(&mut ServerOptions)) -> World {
        let api = Api::new();
        let [asked, fetched, led] = [Record::default(), Record::default(), Record::default()];
        let [trouble, third_trouble] = [Trouble::default(), Trouble::default()];
        let third = Server::start(
            api.clone(),
            ServerOptions {
                faults: troubled(&third_trouble),
                observer: recording(&led),
                ..ServerOptions::default()
            },
        )
        .unwrap();
        let to = third.base_url();
        let lead_on = move |asked: &ApiRequest| {
            let presented = asked.headers.get("circle-token").and_then(|it| it.to_str().ok());
            (presented == Some(TOKEN)).then(|| Fault::Answer {
                status: 302,
                headers: vec![("location".to_owned(), format!("{to}{}?{SIGNATURE}", asked.path))],
                body: String::new(),
            })
        };
        let artifact_server = Server::start(
            api.clone(),
            ServerOptions {
                token: Some(TOKEN.to_owned()),
                faults: Some(Arc::new(lead_on)),
                observer: recording(&fetched),
                ..ServerOptions::default()
            },
        )
        .unwrap();
        let mut settings = ServerOptions {
            token: Some(TOKEN.to_owned()),
            artifacts_at: Some(artifact_server.base_url()),
            faults: troubled(&trouble),
            observer: recording(&asked),
            ..ServerOptions::default()
        };
        change(&mut settings);
        let api_server = Server::start(api.clone(), settings).unwrap();
        World {
            place: Place::new(),
            api,
            asked,
            fetched,
            led,
            trouble,
            third_trouble,
            api_server,
            artifact_server,
            _third: third,
        }
    }

    pub(crate) fn api_url(&self) -> String {
        self.api_server.base_url()
    }

    /// Returns a job on CircleCI that looks for files among its artifacts.
    pub(crate) fn job(&self, name: &str, number: u64) -> Job {
        let host = self.artifact_server.base_url().replace("http://", "");
        self.place
            .circle(name, number)
            .set("BATON_STORE", "circleci:")
            .set("BATON_CIRCLECI_API", self.api_url())
            .set("BATON_ARTIFACT_HOST", host)
            .set("CIRCLE_TOKEN", TOKEN)
    }

    /// Adds a pipeline of a commit that nothing else builds.
    pub(crate) fn pipeline(&self, branch: &str) -> PipelineRecord {
        let count = self.api.job_count();
        self.pipeline_of(branch, &format!("{count:040x}"))
    }

    pub(crate) fn pipeline_of(&self, branch: &str, revision: &str) -> PipelineRecord {
        self.api.add_pipeline(NewPipeline {
            project: PROJECT.to_owned(),
            branch: Some(branch.to_owned()),
            revision: revision.to_owned(),
            ..NewPipeline::default()
        })
    }

    /// Runs a workflow of one job in a pipeline. Returns the job's number.
    pub(crate) fn run(&self, pipeline: &PipelineRecord, job: &str, status: JobStatus) -> u64 {
        let workflow = self.api.add_workflow(&pipeline.id, "main").unwrap();
        self.run_in(&workflow.id, job, 1, status)
    }

    pub(crate) fn run_in(&self, workflow: &str, job: &str, nodes: u32, status: JobStatus) -> u64 {
        let job = self.api.add_job(workflow, job, nodes).unwrap();
        self.api.set_job_status(PROJECT, job.number, status).unwrap();
        let ended = match status {
            JobStatus::Success => WorkflowStatus::Success,
            JobStatus::Running => WorkflowStatus::Running,
            JobStatus::Failed | JobStatus::Canceled => WorkflowStatus::Failed,
        };
        self.api.set_workflow_status(workflow, ended).unwrap();
        job.number
    }

    /// Runs a successful job in a pipeline of its own, which stores one file. Returns its number.
    pub(crate) fn build(&self, branch: &str, content: &str) -> u64 {
        let number = self.run(&self.pipeline(branch), "build", JobStatus::Success);
        self.store(number, 0, "dist/app.js", content.as_bytes());
        number
    }

    pub(crate) fn store(&self, number: u64, node: u32, path: &str, content: &[u8]) {
        self.add(number, node, path, content.into());
    }

    pub(crate) fn add(&self, number: u64, node: u32, path: &str, content: Content) {
        let artifact = Artifact {
            path: path.to_owned(),
            node,
            content,
        };
        self.api.add_artifact(PROJECT, number, artifact).unwrap();
    }

    /// Lets something go wrong at the API from now on.
    pub(crate) fn trouble(&self, trouble: impl FnMut(&ApiRequest) -> Option<Fault> + Send + 'static) {
        *self.trouble.lock().unwrap() = Some(Box::new(trouble));
    }

    /// Returns the paths that the API was asked for since the last time, without their queries.
    pub(crate) fn requests(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap();
        let paths = asked.iter().map(|it| it.request.path.clone()).collect();
        described::check(&asked);
        asked.clear();
        paths
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            described::check(&self.asked.lock().unwrap());
        }
    }
}

/// Returns an answer of the API that is an error.
pub(crate) fn refusal(status: u16, message: &str) -> Fault {
    Fault::Answer {
        status,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: serde_json::json!({ "message": message }).to_string(),
    }
}

//! The JSON of each answer, as CircleCI's documents have it.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use super::records::{JobRecord, PipelineRecord, WorkflowRecord};
use super::state::State;

fn time(ms: u64) -> String {
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(ms)).to_string()
}

/// Returns where people would see a repository. Slugs that say nothing of it get a place that does not exist.
fn repository_url(project: &str) -> String {
    match project.split_once('/') {
        Some(("gh", rest)) => format!("https://github.com/{rest}"),
        Some(("bb", rest)) => format!("https://bitbucket.org/{rest}"),
        _ => format!("https://example.invalid/{project}"),
    }
}

pub(super) fn pipeline(pipeline: &PipelineRecord) -> Value {
    let of = &pipeline.of;
    let target = repository_url(&of.project);
    let origin = if of.fork {
        format!("{target}-fork")
    } else {
        target.clone()
    };
    let mut vcs = json!({
        "provider_name": "GitHub",
        "target_repository_url": target,
        "origin_repository_url": origin,
        "revision": of.revision,
    });
    if let Value::Object(fields) = &mut vcs {
        for (name, value) in [("branch", &of.branch), ("tag", &of.tag)] {
            if let Some(value) = value {
                fields.insert(name.to_owned(), json!(value));
            }
        }
    }
    json!({
        "id": pipeline.id,
        "number": pipeline.number,
        "project_slug": of.project,
        "created_at": time(pipeline.created_ms),
        "updated_at": time(pipeline.created_ms),
        "errors": [],
        "state": "created",
        "trigger": {
            "type": "webhook",
            "received_at": time(pipeline.created_ms),
            "actor": { "login": "somebody", "avatar_url": null },
        },
        "vcs": vcs,
    })
}

pub(super) fn workflow(state: &State, workflow: &WorkflowRecord) -> Value {
    let pipeline = state.pipelines.iter().find(|it| it.id == workflow.pipeline);
    json!({
        "id": workflow.id,
        "name": workflow.name,
        "status": workflow.status.word(),
        "created_at": time(workflow.created_ms),
        "stopped_at": workflow.stopped_ms.map(time),
        "pipeline_id": workflow.pipeline,
        "pipeline_number": pipeline.map_or(0, |it| it.number),
        "project_slug": pipeline.map_or("", |it| it.of.project.as_str()),
        "started_by": "03987f6a-4c27-4dc1-b6ab-c7e83bb3e713",
    })
}

pub(super) fn workflow_job(job: &JobRecord) -> Value {
    json!({
        "id": job.id,
        "job_number": job.number,
        "name": job.name,
        "started_at": time(job.started_ms),
        "stopped_at": job.stopped_ms.map(time),
        "dependencies": [],
        "project_slug": job.project,
        "status": job.status.word(),
        "type": "build",
    })
}

pub(super) fn job(state: &State, job: &JobRecord) -> Value {
    let workflow = state.workflows.iter().find(|it| it.id == job.workflow);
    let (organization, name) = job
        .project
        .rsplit_once('/')
        .map_or(("", job.project.as_str()), |(rest, name)| {
            (rest.rsplit_once('/').map_or(rest, |(_, it)| it), name)
        });
    let runs: Vec<Value> = (0..job.nodes)
        .map(|index| json!({ "index": index, "status": job.status.word() }))
        .collect();
    json!({
        "number": job.number,
        "name": job.name,
        "status": job.status.word(),
        "started_at": time(job.started_ms),
        "stopped_at": job.stopped_ms.map(time),
        "created_at": time(job.started_ms),
        "queued_at": time(job.started_ms),
        "duration": job.stopped_ms.map(|stopped| stopped.saturating_sub(job.started_ms)),
        "executor": { "resource_class": "medium", "type": "docker" },
        "project": {
            "id": "2b0f6f1c-3f0a-4d3c-8d6e-7f0f3d0a9b22",
            "slug": job.project,
            "name": name,
            "external_url": repository_url(&job.project),
        },
        "organization": { "name": organization },
        "contexts": [],
        "web_url": format!("https://app.circleci.com/jobs/{}/{}", job.project, job.number),
        "parallel_runs": runs,
        "parallelism": job.nodes,
        "latest_workflow": {
            "id": job.workflow,
            "name": workflow.map_or("", |it| it.name.as_str()),
        },
        "pipeline": { "id": workflow.map_or("", |it| it.pipeline.as_str()) },
        "messages": [],
    })
}

/// Returns a job as v1.1 shows it in a list with `shallow=true`.
pub(super) fn build(state: &State, job: &JobRecord) -> Option<Value> {
    let workflow = state.workflows.iter().find(|it| it.id == job.workflow)?;
    let pipeline = state.pipelines.iter().find(|it| it.id == workflow.pipeline)?;
    let (rest, repository) = job.project.rsplit_once('/')?;
    let (_, owner) = rest.rsplit_once('/')?;
    Some(json!({
        "build_num": job.number,
        "username": owner,
        "reponame": repository,
        "branch": pipeline.of.branch,
        "vcs_tag": pipeline.of.tag,
        "vcs_revision": pipeline.of.revision,
        "vcs_url": repository_url(&job.project),
        "status": job.status.word(),
        "outcome": job.stopped_ms.map(|_| job.status.word()),
        "lifecycle": if job.stopped_ms.is_some() { "finished" } else { "running" },
        "parallel": job.nodes,
        "start_time": time(job.started_ms),
        "stop_time": job.stopped_ms.map(time),
        "build_url": format!("https://circleci.com/{}/{}", job.project, job.number),
        "workflows": {
            "job_name": job.name,
            "job_id": job.id,
            "workflow_id": workflow.id,
            "workflow_name": workflow.name,
            "workspace_id": workflow.workspace,
        },
    }))
}

/// Returns a variable with all but the end of its value hidden.
pub(super) fn variable(name: &str, value: &str) -> Value {
    let end: String = value
        .char_indices()
        .rev()
        .take(4)
        .last()
        .map_or(String::new(), |(at, _)| {
            value.get(at..).unwrap_or_default().to_owned()
        });
    json!({ "name": name, "value": format!("xxxx{end}"), "created-at": time(0) })
}

/// Returns one page of a list, and where the next one begins.
pub(super) fn page(items: Vec<Value>, token: Option<&str>, size: usize) -> Option<Value> {
    let start = match token {
        None => 0,
        Some(token) => token.strip_prefix("from-")?.parse().ok()?,
    };
    let end = items.len().min(usize::saturating_add(start, size.max(1)));
    let next = (end < items.len()).then(|| format!("from-{end}"));
    Some(json!({ "items": items.get(start..end)?, "next_page_token": next }))
}

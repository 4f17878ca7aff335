//! Attacks on what is stored, and builds that are not those of the job.

use super::generated::baton::plugin::{store, types};

/// Returns every key of the store.
pub(super) fn keys() -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    loop {
        let page = store::list("", keys.last().map(String::as_str), 1000).unwrap_or_default();
        if page.is_empty() {
            return keys;
        }
        keys.extend(page);
    }
}

/// Tries to replace and to remove all existing objects, and missing ones.
pub(super) fn ravage() -> String {
    use store::PutMode::{Create, Named, Repair};
    let mut outcomes = Vec::new();
    for key in keys().into_iter().filter(|key| !key.starts_with("v1/dump/")) {
        for (how, mode) in [("create", Create), ("named", Named), ("repair", Repair)] {
            // Empty bytes, other bytes, and those of another object.
            for bytes in [&b""[..], b"evil", &[0; 2 << 20]] {
                outcomes.push(format!("{how} {key}: {:?}", store::put(&key, bytes, mode)));
            }
        }
        outcomes.push(format!("delete {key}: {:?}", store::delete(&[key.clone()])));
    }
    outcomes.join("\n")
}

/// Returns a build of this job, with one field changed.
pub(super) fn forged(context: &types::BuildContext, artifact: &str) -> types::Build {
    let node = context.node.unwrap_or(types::Node { index: 0, total: 1 });
    let mut build = types::Build {
        selector: "build:1".to_owned(),
        artifact: artifact.to_owned(),
        project: context.project.clone().unwrap_or_default(),
        branch: context.branch.clone(),
        tag: context.tag.clone(),
        commit: context.commit.clone(),
        number: context.number.unwrap_or(context.now_ms),
        counter: types::Counter {
            rank: types::Rank::Number,
            runner: context.runner.clone(),
            by: String::new(),
            part: None,
        },
        revision: 1,
        run: context.run.or(context.number).unwrap_or(context.now_ms),
        attempt: context.attempt.unwrap_or(0),
        workflow: context.workflow.clone(),
        workspace: context.workspace.clone(),
        job: context.job.clone(),
        node: Some(node),
        pull_request: context.pull_request.clone(),
        fork: context.fork,
        runner: context.runner.clone(),
        url: context.url.clone(),
        actor: context.actor.clone(),
        created_ms: context.now_ms,
        baton: env!("CARGO_PKG_VERSION").to_owned(),
        component: context.component.clone(),
        eligible: true,
        tree: "a".repeat(64),
        files: 1,
        bytes: 1,
    };
    let other = || Some("evil".to_owned());
    match artifact.strip_prefix("forge-").unwrap_or_default() {
        "artifact" => build.artifact = "other".to_owned(),
        "project" => build.project = "gh/victim/app".to_owned(),
        "branch" => build.branch = other(),
        "no-branch" => build.branch = None,
        "tag" => build.tag = other(),
        "commit" => build.commit = Some("f".repeat(40)),
        "number" => build.number += 1,
        "workflow" => build.workflow = other(),
        "workspace" => build.workspace = other(),
        "job" => build.job = other(),
        "node" => build.node = Some(types::Node { index: 0, total: 2 }),
        "pull-request" => build.pull_request = Some("7".to_owned()),
        "fork" => build.fork = !build.fork,
        "runner" => build.runner = "circleci".to_owned(),
        "url" => build.url = other(),
        "actor" => build.actor = other(),
        "time" => build.created_ms -= 1,
        "baton" => build.baton = "9.9.9".to_owned(),
        "component" => build.component = Some("b".repeat(64)),
        "no-component" => build.component = None,
        "tree" => build.tree = "../../evil\",\"x\":\"".to_owned(),
        _ => {}
    }
    build
}

/// Returns the fields of a context that `finish` needs from `plan`, a line each.
pub(super) fn carried(context: &types::BuildContext, artifact: &str) -> Vec<u8> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        artifact.to_owned(),
        text(&context.project),
        text(&context.branch),
        text(&context.commit),
        context.number.unwrap_or_default().to_string(),
        text(&context.job),
        context.runner.clone(),
        text(&context.actor),
        text(&context.component),
        context.now_ms.to_string(),
    ]
    .join("\n")
    .into_bytes()
}

pub(super) fn received(rest: &[u8]) -> (types::BuildContext, String) {
    let text = String::from_utf8_lossy(rest).into_owned();
    let mut lines = text.lines().map(str::to_owned);
    let mut next = || lines.next().unwrap_or_default();
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    let artifact = next();
    let context = types::BuildContext {
        project: some(next()),
        branch: some(next()),
        commit: some(next()),
        number: next().parse().ok(),
        job: some(next()),
        runner: next(),
        actor: some(next()),
        component: some(next()),
        now_ms: next().parse().unwrap_or_default(),
        default_branch: None,
        tag: None,
        run: None,
        attempt: None,
        counter: None,
        counter_part: None,
        counter_shared: false,
        workflow: None,
        workspace: None,
        node: None,
        pull_request: None,
        fork: false,
        url: None,
    };
    (context, artifact)
}

//! Requests with their usual values, to change what is different.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::bindings::{
    AttachRequest, BuildContext, IfNoFiles, Node, OnConflict, PersistRequest, Query, Scope, SpecialFiles,
};
use crate::context::Context;

/// Returns the context of a build of which nothing is known but the runner, for example `local`.
pub fn context(runner: &str) -> BuildContext {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    BuildContext {
        runner: runner.to_owned(),
        project: None,
        branch: None,
        default_branch: None,
        tag: None,
        commit: None,
        run: None,
        number: None,
        attempt: None,
        counter: None,
        counter_part: None,
        counter_shared: false,
        workflow: None,
        workspace: None,
        job: None,
        node: None,
        pull_request: None,
        fork: false,
        url: None,
        actor: None,
        component: None,
        now_ms: now.as_millis() as u64,
    }
}

impl From<Context> for BuildContext {
    fn from(found: Context) -> BuildContext {
        BuildContext {
            project: found.project.map(|it| it.value),
            branch: found.branch.map(|it| it.value),
            default_branch: found.default_branch.map(|it| it.value),
            tag: found.tag.map(|it| it.value),
            commit: found.commit.map(|it| it.value),
            run: found.run.map(|it| it.value),
            number: found.number.map(|it| it.value),
            attempt: found.attempt.map(|it| it.value),
            counter: found.counter.map(|it| it.value),
            counter_part: found.counter_part.map(|it| it.value),
            counter_shared: found.counter_shared,
            workflow: found.workflow.map(|it| it.value),
            workspace: found.workspace.map(|it| it.value),
            job: found.job.map(|it| it.value),
            node: found.node.map(|it| Node {
                index: it.value.index,
                total: it.value.total,
            }),
            pull_request: found.pull_request.map(|it| it.value),
            fork: found.fork.value,
            url: found.url.map(|it| it.value),
            actor: found.actor.map(|it| it.value),
            ..context(found.runner.value.as_str())
        }
    }
}

/// Returns the request to persist these paths as the artifact `default`.
pub fn persist<S: AsRef<str>>(paths: &[S], context: BuildContext) -> PersistRequest {
    PersistRequest {
        name: "default".to_owned(),
        paths: paths.iter().map(|path| path.as_ref().to_owned()).collect(),
        if_no_files: IfNoFiles::Fail,
        special_files: SpecialFiles::Fail,
        on_conflict: OnConflict::Fail,
        context,
        dry_run: false,
        repair: false,
    }
}

/// Returns the request to attach what a selector means.
pub fn attach(selector: &str, context: BuildContext) -> AttachRequest {
    AttachRequest {
        scope: scope(selector, context),
        only: Vec::new(),
        clean: false,
        strip: 0,
        flatten: false,
        on_conflict: OnConflict::Fail,
        dry_run: false,
    }
}

/// Returns the scope of a selector: of every job.
pub fn scope(selector: &str, context: BuildContext) -> Scope {
    Scope {
        selector: selector.to_owned(),
        name: None,
        jobs: Vec::new(),
        having: Vec::new(),
        strict: false,
        without: Vec::new(),
        circleci: None,
        context,
    }
}

/// Returns the query for the ten newest builds.
pub fn query(context: BuildContext) -> Query {
    Query {
        scope: scope("latest", context),
        branch: None,
        commit: None,
        tag: None,
        limit: 10,
    }
}

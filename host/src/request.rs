//! Requests with their usual values, to change what is different.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::bindings::{
    AttachRequest, BuildContext, IfNoFiles, Node, OnConflict, PersistRequest, Query, Scope, SpecialFiles,
};
use crate::context::{Context, Field};

/// Returns the context of a build of which nothing is known but the runner, for example `none`.
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
    fn from(detected: Context) -> BuildContext {
        let text = |field| detected.text(field).map(str::to_owned);
        BuildContext {
            project: text(Field::Project),
            branch: text(Field::Branch),
            default_branch: text(Field::DefaultBranch),
            tag: text(Field::Tag),
            commit: text(Field::Commit),
            run: detected.number(Field::Run),
            number: detected.number(Field::Number),
            attempt: detected.number(Field::Attempt),
            counter: text(Field::Counter),
            counter_part: detected.counter_part().map(str::to_owned),
            counter_shared: detected.is_counter_shared(),
            workflow: text(Field::Workflow),
            workspace: text(Field::Workspace),
            job: text(Field::Job),
            node: detected.node().map(|(index, total)| Node { index, total }),
            pull_request: text(Field::PullRequest),
            fork: detected.is_fork(),
            url: text(Field::Url),
            actor: text(Field::Actor),
            ..context(detected.runner.value.as_str())
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

//! Between the WIT's types and the crate's.

use super::imports::types as wit;
use crate::circleci::{Job, PinnedBuild, Source};
use crate::context::Context;
use crate::counter::{Counter, Rank};
use crate::error::{Damage, Error, Problem};
use crate::lookup::{DamagedTree, Scope};
use crate::order::{Node, Order};
use crate::ports::Time;
use crate::record::Record;
use crate::workspace::OnConflict;

pub(super) fn time(time: wit::Timestamp) -> Time {
    Time {
        seconds: time.seconds,
        nanoseconds: time.nanoseconds,
    }
}

pub(super) fn wit_time(time: Time) -> wit::Timestamp {
    wit::Timestamp {
        seconds: time.seconds,
        nanoseconds: time.nanoseconds,
    }
}

fn problem(problem: wit::Problem) -> Problem {
    let wit::Problem {
        code,
        message,
        subject,
        causes,
    } = problem;
    Problem {
        code: code.into(),
        message,
        subject,
        causes,
    }
}

pub(super) fn wit_problem(problem: Problem) -> wit::Problem {
    let Problem {
        code,
        message,
        subject,
        causes,
    } = problem;
    wit::Problem {
        code: code.into_owned(),
        message,
        subject,
        causes,
    }
}

pub(super) fn wit_problems(problems: Vec<Problem>) -> Vec<wit::Problem> {
    problems.into_iter().map(wit_problem).collect()
}

pub(super) fn damage(damage: wit::Damage) -> Damage {
    let wit::Damage {
        key,
        message,
        expected,
        found,
    } = damage;
    Damage {
        key,
        message,
        expected,
        found,
    }
}

pub(super) fn wit_damage(damage: Damage) -> wit::Damage {
    let Damage {
        key,
        message,
        expected,
        found,
    } = damage;
    wit::Damage {
        key,
        message,
        expected,
        found,
    }
}

pub(super) fn from_wit_error(error: wit::Error) -> Error {
    match error {
        wit::Error::Invalid(it) => Error::Invalid(problem(it)),
        wit::Error::MissingContext(it) => Error::MissingContext(problem(it)),
        wit::Error::NothingMatched(it) => Error::NothingMatched(problem(it)),
        wit::Error::Stale(it) => Error::Stale(problem(it)),
        wit::Error::Conflict(it) => Error::Conflict(problem(it)),
        wit::Error::Damaged(it) => Error::Damaged(damage(it)),
        wit::Error::Unsupported(it) => Error::Unsupported(problem(it)),
        wit::Error::Files(it) => Error::Files(problem(it)),
        wit::Error::Store(it) => Error::Store(problem(it)),
        wit::Error::Limit(it) => Error::Limit(problem(it)),
        wit::Error::Internal(it) => Error::Internal(problem(it)),
    }
}

pub(super) fn to_wit_error(error: Error) -> wit::Error {
    match error {
        Error::Invalid(it) => wit::Error::Invalid(wit_problem(it)),
        Error::MissingContext(it) => wit::Error::MissingContext(wit_problem(it)),
        Error::NothingMatched(it) => wit::Error::NothingMatched(wit_problem(it)),
        Error::Stale(it) => wit::Error::Stale(wit_problem(it)),
        Error::Conflict(it) => wit::Error::Conflict(wit_problem(it)),
        Error::Damaged(it) => wit::Error::Damaged(wit_damage(it)),
        Error::Unsupported(it) => wit::Error::Unsupported(wit_problem(it)),
        Error::Files(it) => wit::Error::Files(wit_problem(it)),
        Error::Store(it) => wit::Error::Store(wit_problem(it)),
        Error::Limit(it) => wit::Error::Limit(wit_problem(it)),
        Error::Internal(it) => wit::Error::Internal(wit_problem(it)),
    }
}

pub(super) fn scope(scope: wit::Scope) -> Scope {
    let wit::Scope {
        selector,
        name,
        jobs,
        having,
        strict,
        without,
        circleci,
        context: who,
    } = scope;
    // A name that is no tree's id is no tree of ours.
    let damaged = |unfit: wit::Unfit| {
        Some(DamagedTree {
            tree: unfit.tree.parse().ok()?,
            damage: damage(unfit.damage),
        })
    };
    Scope {
        selector,
        name,
        jobs,
        having,
        strict,
        damaged: without.into_iter().filter_map(damaged).collect(),
        circleci: circleci.map(source),
        context: context(who),
    }
}

pub(super) fn source(source: wit::CircleciSource) -> Source {
    let wit::CircleciSource {
        base_url,
        project,
        patience_ms,
        token_variable,
        has_token,
        told,
    } = source;
    Source {
        base_url,
        project,
        patience_ms,
        token_variable,
        has_token,
        pinned: told.map(|wit::ToldNumber { variable, number }| PinnedBuild { variable, number }),
    }
}

/// Returns a job of CircleCI that has no record.
pub(super) fn job(job: Job, project: &str) -> wit::Build {
    wit::Build {
        selector: format!("build:{}", job.number),
        artifact: String::new(),
        project: project.to_owned(),
        eligible: job.branch.is_some() && !job.fork,
        branch: job.branch,
        tag: job.tag,
        commit: job.commit,
        number: job.number,
        counter: wit::Counter {
            rank: match job.pipeline {
                Some(_) => wit::Rank::Run,
                None => wit::Rank::Number,
            },
            runner: "circleci".to_owned(),
            by: String::new(),
            part: None,
        },
        run: job.pipeline.unwrap_or(job.number),
        attempt: job.number,
        workflow: job.workflow,
        workspace: None,
        job: job.name,
        node: None,
        revision: 1,
        pull_request: None,
        fork: job.fork,
        runner: "circleci".to_owned(),
        url: job.url,
        actor: None,
        created_ms: job.stopped_ms,
        baton: String::new(),
        component: None,
        tree: String::new(),
        files: 0,
        bytes: 0,
    }
}

/// Returns jobs of CircleCI that have no records.
pub(super) fn jobs(jobs: Vec<Job>, project: &str) -> Vec<wit::Build> {
    jobs.into_iter().map(|it| job(it, project)).collect()
}

pub(super) fn context(context: wit::BuildContext) -> Context {
    Context {
        runner: context.runner,
        project: context.project,
        branch: context.branch,
        default_branch: context.default_branch,
        tag: context.tag,
        commit: context.commit,
        run: context.run,
        number: context.number,
        attempt: context.attempt,
        counter: context.counter,
        counter_part: context.counter_part,
        counter_shared: context.counter_shared,
        workflow: context.workflow,
        workspace: context.workspace,
        job: context.job,
        node: context
            .node
            .map(|wit::Node { index, total }| Node { index, total }),
        pull_request: context.pull_request,
        fork: context.fork,
        url: context.url,
        actor: context.actor,
        component: context.component,
        now_ms: context.now_ms,
    }
}

fn wit_counter(counter: Counter) -> wit::Counter {
    let Counter {
        rank,
        runner,
        by,
        part,
    } = counter;
    let rank = match rank {
        Rank::Run => wit::Rank::Run,
        Rank::Number => wit::Rank::Number,
        Rank::Time => wit::Rank::Time,
    };
    wit::Counter {
        rank,
        runner,
        by,
        part,
    }
}

fn counter(counter: wit::Counter) -> Counter {
    let wit::Counter {
        rank,
        runner,
        by,
        part,
    } = counter;
    let rank = match rank {
        wit::Rank::Run => Rank::Run,
        wit::Rank::Number => Rank::Number,
        wit::Rank::Time => Rank::Time,
    };
    Counter {
        rank,
        runner,
        by,
        part,
    }
}

pub(super) fn on_conflict(on_conflict: wit::OnConflict) -> OnConflict {
    match on_conflict {
        wit::OnConflict::Fail => OnConflict::Fail,
        wit::OnConflict::Newest => OnConflict::Newest,
    }
}

pub(super) fn build(record: Record) -> wit::Build {
    wit::Build {
        selector: format!("build:{}", record.number),
        eligible: record.eligible(),
        number: record.number,
        counter: wit_counter(record.counter),
        run: record.order.run,
        attempt: record.order.attempt,
        node: Some(record.node)
            .filter(|node| *node != Node::ONLY)
            .map(|Node { index, total }| wit::Node { index, total }),
        revision: record.revision,
        tree: record.tree.to_string(),
        artifact: record.artifact,
        project: record.project,
        branch: record.branch,
        tag: record.tag,
        commit: record.commit,
        workflow: record.workflow,
        workspace: record.workspace,
        job: record.job,
        pull_request: record.pull_request,
        fork: record.fork,
        runner: record.runner,
        url: record.url,
        actor: record.actor,
        created_ms: record.created_ms,
        baton: record.baton,
        component: record.component,
        files: record.files,
        bytes: record.bytes,
    }
}

/// Returns the record of a build that this component gave out.
pub(super) fn record(build: wit::Build) -> Result<Record, Error> {
    let tree = build
        .tree
        .parse()
        .map_err(|error| Error::internal("a build's tree is not an id").because(error))?;
    let node = build
        .node
        .map_or(Node::ONLY, |wit::Node { index, total }| Node { index, total });
    Ok(Record {
        artifact: build.artifact,
        project: build.project,
        branch: build.branch,
        tag: build.tag,
        commit: build.commit,
        number: build.number,
        counter: counter(build.counter),
        order: Order {
            run: build.run,
            attempt: build.attempt,
        },
        workflow: build.workflow,
        workspace: build.workspace,
        job: build.job,
        node,
        revision: build.revision,
        pull_request: build.pull_request,
        fork: build.fork,
        runner: build.runner,
        url: build.url,
        actor: build.actor,
        created_ms: build.created_ms,
        baton: build.baton,
        component: build.component,
        tree,
        files: build.files,
        bytes: build.bytes,
    })
}

pub(super) fn builds(records: Vec<Record>) -> Vec<wit::Build> {
    records.into_iter().map(build).collect()
}

//! Promote, rollback, release: what a channel and the latest of a branch point to, and who may move them.

mod history;

use std::cell::Cell;

use baton_guest::Error;
use baton_guest::channel::{self, Moved, Promote, Rollback, Target};
use baton_guest::context::Context;
use baton_guest::error::Result;
use baton_guest::event::Action;
use baton_guest::pointer::Pointer;
use baton_guest::ports::{PutMode, PutOutcome, Store};
use baton_guest::prune::{self, Policy, Remove};
use baton_guest::testing::{MemoryClock, MemoryScratch, MemoryStore};

use crate::prune::{damages, prune_at, request};
use crate::support::driver::{persisted_file, resolve, scope};
use crate::support::stores::copy;
use crate::support::{build, code};

/// One day after the time of the builds of [`build`].
const LATER_MS: u64 = 1_700_000_000_000 + 24 * 3_600_000;

pub(crate) fn who() -> Context {
    Context {
        actor: Some("ada".into()),
        url: Some("https://ci.example/1".into()),
        ..build(1)
    }
}

pub(crate) fn production() -> Pointer {
    Pointer::Channel("production".into())
}

pub(crate) fn main_branch() -> Pointer {
    Pointer::Branch("main".into())
}

pub(crate) fn promote(store: &impl Store, selector: &str) -> Result<Moved> {
    channel::promote(store, &promotion(selector))
}

fn promotion(selector: &str) -> Promote {
    Promote {
        scope: scope(selector, who()),
        channel: "production".into(),
        reason: None,
        if_current: None,
        allow_fork: false,
    }
}

pub(crate) fn back(pointer: Pointer, target: Target) -> Rollback {
    Rollback {
        pointer,
        scope: scope("latest", who()),
        target,
        reason: Some("it broke".into()),
        hold: true,
    }
}

pub(crate) fn rollback(store: &impl Store, pointer: Pointer, steps: u32) -> Result<Moved> {
    channel::rollback(store, &back(pointer, Target::Steps(steps)))
}

pub(crate) fn release(store: &impl Store, pointer: &Pointer) -> Result<Moved> {
    channel::release(store, &scope("latest", who()), pointer, None)
}

/// A store with the builds 1 to `count` of `main`.
pub(crate) fn with_builds(count: u64) -> MemoryStore {
    let store = MemoryStore::default();
    for run in 1..=count {
        persisted_file(&store, build(run), "version", &run.to_string());
    }
    store
}

fn number_of(store: &impl Store, selector: &str) -> u64 {
    resolve(store, selector, build(1)).unwrap()[0].number
}

#[test]
fn a_channel_points_where_it_was_promoted_to() {
    let store = with_builds(3);
    assert_eq!(promote(&store, "build:1").unwrap().event.sequence, 1);
    let moved = promote(&store, "latest").unwrap();
    assert_eq!((moved.event.sequence, moved.event.based_on), (2, 1));
    assert_eq!(moved.event.previous.unwrap().number, 1);
    assert_eq!(number_of(&store, "channel:production"), 3);
    let history = channel::events(&store, &scope("latest", who()), &production(), 10)
        .unwrap()
        .0;
    let seen: Vec<_> = history
        .iter()
        .map(|event| (event.sequence, event.build.id.number))
        .collect();
    assert_eq!(seen, [(2, 3), (1, 1)]);
    assert_eq!(history[0].actor.as_deref(), Some("ada"));
    assert_eq!(history[0].url.as_deref(), Some("https://ci.example/1"));
}

#[test]
fn each_artifact_has_channels_of_its_own() {
    let store = with_builds(1);
    promote(&store, "build:1").unwrap();
    let other = baton_guest::lookup::Scope {
        name: Some("docs".into()),
        ..scope("channel:production", build(1))
    };
    let error = baton_guest::lookup::resolve(&store, &other).unwrap_err();
    assert_eq!(code(&error), "no-channel");
}

#[test]
fn an_unknown_channel_names_near_ones() {
    let store = with_builds(1);
    promote(&store, "build:1").unwrap();
    let error = resolve(&store, "channel:prodution", build(1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no build of dist in gh/acme/shop is on channel prodution; there are production"
    );
}

#[test]
fn a_slow_old_job_does_not_move_a_channel_back() {
    let store = with_builds(2);
    promote(&store, "build:2").unwrap();
    let error = promote(&store, "build:1").unwrap_err();
    assert!(matches!(error, Error::Stale(_)));
    assert_eq!(code(&error), "older-build");
    // Who says what it replaces knows what it does.
    let knowing = Promote {
        if_current: Some("build:2".into()),
        allow_fork: false,
        ..promotion("build:1")
    };
    channel::promote(&store, &knowing).unwrap();
    assert_eq!(number_of(&store, "channel:production"), 1);
    assert_eq!(
        code(&channel::promote(&store, &knowing).unwrap_err()),
        "not-current"
    );
}

#[test]
fn a_rollback_holds_until_it_is_released() {
    let store = with_builds(4);
    promote(&store, "build:1").unwrap();
    promote(&store, "build:2").unwrap();
    promote(&store, "build:3").unwrap();
    assert_eq!(
        rollback(&store, production(), 1).unwrap().event.build.id.number,
        2
    );
    let error = promote(&store, "build:4").unwrap_err();
    assert_eq!(code(&error), "channel-held");
    assert!(error.to_string().contains("it broke"), "{error}");
    // Once more leads on, and not to where it came from.
    assert_eq!(
        rollback(&store, production(), 1).unwrap().event.build.id.number,
        1
    );
    assert_eq!(
        code(&rollback(&store, production(), 1).unwrap_err()),
        "no-earlier-build"
    );
    release(&store, &production()).unwrap();
    assert_eq!(number_of(&store, "channel:production"), 1);
    promote(&store, "build:4").unwrap();
    assert_eq!(
        rollback(&store, production(), 1).unwrap().event.build.id.number,
        1
    );
    release(&store, &production()).unwrap();
    assert_eq!(code(&release(&store, &production()).unwrap_err()), "not-held");
    let unknown = Pointer::Channel("produktion".into());
    let error = release(&store, &unknown).unwrap_err();
    assert_eq!(code(&error), "no-channel");
    assert!(error.to_string().ends_with("there are production"), "{error}");
}

#[test]
fn a_rollback_goes_several_steps_or_to_a_build() {
    let store = with_builds(4);
    for number in 1..=3 {
        promote(&store, &format!("build:{number}")).unwrap();
    }
    assert_eq!(
        rollback(&store, production(), 2).unwrap().event.build.id.number,
        1
    );
    release(&store, &production()).unwrap();
    let to = back(production(), Target::Build("build:4".into()));
    assert_eq!(channel::rollback(&store, &to).unwrap().event.build.id.number, 4);
    // It never was on the channel: a step back goes to the last older build of the channel.
    assert_eq!(
        rollback(&store, production(), 1).unwrap().event.build.id.number,
        1
    );
    for wrong in [0, 1001] {
        let error = rollback(&store, production(), wrong).unwrap_err();
        assert_eq!(code(&error), "wrong-steps");
    }
}

#[test]
fn a_rolled_back_branch_answers_the_older_build_until_it_is_released() {
    let store = with_builds(3);
    let moved = rollback(&store, main_branch(), 1).unwrap();
    assert_eq!(moved.event.build.id.number, 2);
    assert_eq!(number_of(&store, "latest@main"), 2);
    persisted_file(&store, build(4), "version", "4");
    assert_eq!(number_of(&store, "latest"), 2);
    let resolved = baton_guest::lookup::resolve(&store, &scope("latest", build(1))).unwrap();
    assert_eq!(resolved.warnings[0].code, "held");
    assert!(resolved.warnings[0].message.contains("by ada (it broke)"));
    assert_eq!(
        rollback(&store, main_branch(), 1).unwrap().event.build.id.number,
        1
    );
    assert_eq!(
        code(&rollback(&store, main_branch(), 1).unwrap_err()),
        "no-earlier-build"
    );
    let released = release(&store, &main_branch()).unwrap();
    assert_eq!(
        (released.event.build.id.number, number_of(&store, "latest")),
        (4, 4)
    );
}

#[test]
fn without_a_hold_the_next_build_is_the_latest() {
    let store = with_builds(3);
    let request = Rollback {
        hold: false,
        ..back(main_branch(), Target::Steps(2))
    };
    channel::rollback(&store, &request).unwrap();
    assert_eq!(number_of(&store, "latest"), 1);
    let resolved = baton_guest::lookup::resolve(&store, &scope("latest", build(1))).unwrap();
    assert_eq!(resolved.warnings[0].code, "rolled-back");
    assert!(
        resolved.warnings[0]
            .message
            .ends_with("and stays there until the next build")
    );
    persisted_file(&store, build(4), "version", "4");
    assert_eq!(number_of(&store, "latest"), 4);
}

#[test]
fn another_job_of_a_held_branch_is_answered_as_of_then() {
    let store = MemoryStore::default();
    for run in 1..=3 {
        for (attempt, job) in [(1, "app"), (2, "docs")] {
            let context = Context {
                job: Some(job.into()),
                attempt: Some(attempt),
                ..build(run)
            };
            persisted_file(&store, context, job, &run.to_string());
        }
    }
    let mut request = back(main_branch(), Target::Steps(1));
    request.scope.jobs = vec!["app".into()];
    assert_eq!(
        channel::rollback(&store, &request).unwrap().event.build.id.number,
        2
    );
    for (job, number) in [("app", 2), ("docs", 2)] {
        let mut scope = scope("latest", build(1));
        scope.jobs = vec![job.into()];
        let found = baton_guest::lookup::resolve(&store, &scope).unwrap();
        let record = found.layers[0].record.as_ref().unwrap();
        assert_eq!((record.number, record.job.as_deref()), (number, Some(job)));
    }
}

#[test]
fn a_branch_goes_back_only_to_what_could_be_its_latest() {
    let store = with_builds(2);
    persisted_file(
        &store,
        Context {
            branch: Some("other".into()),
            ..build(3)
        },
        "version",
        "3",
    );
    let request = back(main_branch(), Target::Build("build:3".into()));
    assert_eq!(
        code(&channel::rollback(&store, &request).unwrap_err()),
        "other-branch"
    );
}

#[test]
fn only_one_build_can_be_promoted() {
    let store = with_builds(1);
    let tree = resolve(&store, "latest", build(1)).unwrap()[0].tree;
    let error = promote(&store, &format!("tree:{tree}")).unwrap_err();
    assert_eq!(code(&error), "not-one-build");
}

#[test]
fn parallel_nodes_move_together() {
    let store = MemoryStore::default();
    for index in 0..3 {
        let context = Context {
            node: Some(baton_guest::order::Node { index, total: 3 }),
            ..build(1)
        };
        persisted_file(&store, context, &format!("part-{index}"), "x");
    }
    assert_eq!(promote(&store, "latest").unwrap().records.len(), 3);
    assert_eq!(resolve(&store, "channel:production", build(1)).unwrap().len(), 3);
}

/// Lets another mover come first, so often.
struct Overtaken<'a> {
    inner: &'a MemoryStore,
    times: Cell<u32>,
    by: &'a dyn Fn(&MemoryStore),
}

impl Store for Overtaken<'_> {
    fn get(&self, key: &str, range: Option<(u64, u64)>) -> Result<Option<Vec<u8>>> {
        self.inner.get(key, range)
    }
    fn head(&self, key: &str) -> Result<Option<u64>> {
        self.inner.head(key)
    }
    fn put(&self, key: &str, bytes: &[u8], mode: PutMode) -> Result<PutOutcome> {
        if let Some(left) = self.times.get().checked_sub(1) {
            self.times.set(left);
            (self.by)(self.inner);
        }
        self.inner.put(key, bytes, mode)
    }
    fn delete(&self, keys: &[String]) -> Result<()> {
        self.inner.delete(keys)
    }
    fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>> {
        self.inner.list(prefix, after, limit)
    }
}

#[test]
fn a_channel_is_no_selector() {
    let store = with_builds(1);
    for name in [
        "latest",
        "latest@main",
        "build:1",
        "channel:production",
        "tag:v1",
        "workspace",
    ] {
        let request = Promote {
            channel: name.into(),
            ..promotion("build:1")
        };
        assert_eq!(
            code(&channel::promote(&store, &request).unwrap_err()),
            "wrong-name",
            "{name}"
        );
        let pointer = Pointer::Channel(name.into());
        assert_eq!(
            code(&rollback(&store, pointer.clone(), 1).unwrap_err()),
            "wrong-name",
            "{name}"
        );
        assert_eq!(
            code(&release(&store, &pointer).unwrap_err()),
            "wrong-name",
            "{name}"
        );
        let events = channel::events(&store, &scope("latest", who()), &pointer, 10);
        assert_eq!(code(&events.unwrap_err()), "wrong-name", "{name}");
    }
}

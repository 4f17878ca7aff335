//! The calls that the commands make to the guest, on a store and a directory in memory.

use std::cell::Cell;

use baton_guest::attach::{self, Attach, Layout};
use baton_guest::context::Context;
use baton_guest::error::{Error, Result};
use baton_guest::lookup::{self, Query, Scope};
use baton_guest::persist::{self, IfNoFiles, Persist, SpecialFiles};
use baton_guest::pointer::Pointer;
use baton_guest::prune::{self, Policy, Prune};
use baton_guest::testing::{MemoryClock, MemoryFiles, MemoryScratch, MemoryStore};
use baton_guest::verify::{self, Verify};
use baton_guest::workspace::{Merge, OnConflict};
use baton_guest::{channel, diff};

use crate::stores::written::Written;

/// The commands, by name.
pub(crate) const COMMANDS: [&str; 11] = [
    "latest",
    "resolve",
    "builds",
    "show",
    "diff",
    "history",
    "verify",
    "prune",
    "prune-damaged",
    "persist",
    "attach",
];

/// Returns the context of a job of the project, on `main`.
fn context() -> Context {
    Context {
        runner: "circleci".into(),
        project: Some("gh/acme/shop".into()),
        branch: Some("main".into()),
        workflow: Some("w1".into()),
        workspace: Some("w1".into()),
        job: Some("deploy".into()),
        number: Some(900),
        run: Some(900),
        commit: Some("ab".repeat(20)),
        counter: Some("2b0f".into()),
        now_ms: NOW_MS,
        ..Context::default()
    }
}

/// A day after the builds.
const NOW_MS: u64 = 1_700_000_000_000 + 86_400_000;

pub(crate) fn scope(selector: &str) -> Scope {
    Scope {
        selector: selector.into(),
        name: Some("default".into()),
        context: context(),
        ..Scope::default()
    }
}

pub(crate) fn memory(written: &Written) -> MemoryStore {
    let store = MemoryStore::default();
    store.objects.borrow_mut().extend(written.objects.clone());
    store
}

/// Runs a command as its end is of interest here.
pub(crate) fn run(command: &str, store: &MemoryStore, selector: &str, files: &MemoryFiles) -> Result<()> {
    match command {
        "latest" => lookup::resolve(store, &scope("latest")).map(drop),
        "resolve" => lookup::resolve(store, &scope(selector)).map(drop),
        "builds" => builds(store),
        "show" => list(store, selector).map(drop),
        "diff" => {
            let (before, after) = (list(store, "latest@honest")?, list(store, selector)?);
            diff::changes(&MemoryScratch, &before, &after).map(drop)
        }
        "history" => {
            let pointer = Pointer::Channel("production".into());
            channel::events(store, &scope("latest"), &pointer, 100).map(drop)
        }
        "verify" => verified(store).map(drop),
        "prune" => pruned(store, false),
        "prune-damaged" => pruned(store, true),
        "persist" => persisted(store),
        _ => attached(store, selector, files),
    }
}

fn builds(store: &MemoryStore) -> Result<()> {
    let query = Query {
        scope: scope("latest"),
        branch: Some("main".into()),
        commit: None,
        tag: None,
        limit: 100,
    };
    lookup::list(store, &query)?;
    lookup::artifacts(store, &context(), None, 100)?;
    lookup::channels(store, &context(), "default", None, 100).map(drop)
}

fn list(
    store: &MemoryStore,
    selector: &str,
) -> Result<baton_guest::scratch_list::ScratchList<baton_guest::tree::Entry>> {
    let (entries, _) = lookup::intact(store, &scope(selector), |resolved| {
        let mut merge = Merge::open(store, &resolved.layers, OnConflict::Newest)?;
        diff::list(&MemoryScratch, || {
            Ok(merge.next_entry()?.map(|located| located.entry))
        })
    })?;
    Ok(entries)
}

/// Verifies all that there is, every byte. Returns what is wrong.
pub(crate) fn verified(store: &MemoryStore) -> Result<Vec<String>> {
    let request = Verify {
        scope: None,
        data: true,
        names_builds: false,
    };
    let planned = verify::plan(store, &MemoryScratch, &request)?;
    let tasks = planned
        .tasks
        .iter()
        .map(|task| verify::run(store, &MemoryScratch, &task.payload));
    let outcomes = tasks.collect::<Result<Vec<_>>>()?;
    let verified = verify::finish(store, &MemoryScratch, &planned.rest, &outcomes)?;
    Ok(verified
        .findings
        .iter()
        .map(|finding| format!("{:?}", finding.damage))
        .collect())
}

fn pruned(store: &MemoryStore, drop_damaged: bool) -> Result<()> {
    let request = Prune {
        context: context(),
        policy: Policy {
            keep_last: Some(1),
            drop_damaged,
            ..Policy::default()
        },
        grace_ms: 3_600_000,
        no_other_writers: false,
    };
    let clock = MemoryClock(Cell::new(NOW_MS));
    prune::plan(store, &clock, &MemoryScratch, &request).map(drop)
}

fn persisted(store: &MemoryStore) -> Result<()> {
    // A copy, for whatever comes after finds the store as it was.
    let copy = MemoryStore::default();
    copy.objects.borrow_mut().extend(store.objects.borrow().clone());
    let files = MemoryFiles::default();
    files.file("a", "another file", 0o644);
    let request = Persist {
        name: "default".into(),
        paths: vec![".".into()],
        special_files: SpecialFiles::Fail,
        if_no_files: IfNoFiles::Ignore,
        check_conflicts: true,
        context: context(),
        dry_run: false,
        repair: false,
    };
    let planned = persist::plan(&copy, &files, &MemoryScratch, &request)?;
    let mut worker = persist::Worker::new(0, &planned.shared, &MemoryScratch)?;
    let tasks = planned
        .tasks
        .iter()
        .map(|task| worker.run(&copy, &files, &MemoryScratch, &task.payload));
    let mut outcomes = tasks.collect::<Result<Vec<_>>>()?;
    outcomes.push(worker.close(&copy, &MemoryScratch)?);
    persist::finish(&copy, &files, &MemoryScratch, &planned.rest, &outcomes).map(drop)
}

fn attached(store: &MemoryStore, selector: &str, files: &MemoryFiles) -> Result<()> {
    let request = Attach {
        scope: scope(selector),
        only: Vec::new(),
        clean: false,
        layout: Layout::AsPersisted,
        on_conflict: OnConflict::Fail,
        dry_run: false,
    };
    let planned = attach::plan(store, files, &MemoryScratch, &request)?;
    let mut worker = attach::Worker::default();
    let tasks = planned
        .tasks
        .iter()
        .map(|task| worker.run(store, files, &MemoryScratch, &task.payload));
    let finished = tasks
        .collect::<Result<Vec<_>>>()
        .and_then(|outcomes| attach::finish(files, &MemoryScratch, &planned.rest, &outcomes));
    if finished.is_err() {
        attach::abandon(files, &planned.rest)?;
    }
    finished.map(drop)
}

/// Returns the code of an error.
pub(crate) fn code(error: &Error) -> String {
    match error {
        Error::Damaged(_) => "damaged".to_owned(),
        Error::Invalid(it)
        | Error::MissingContext(it)
        | Error::NothingMatched(it)
        | Error::Stale(it)
        | Error::Conflict(it)
        | Error::Unsupported(it)
        | Error::Files(it)
        | Error::Store(it)
        | Error::Limit(it)
        | Error::Internal(it) => it.code.to_string(),
    }
}

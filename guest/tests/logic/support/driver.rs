//! Runs a persist and an attach as `wit/transfer.wit` tells a host to: plan, tasks on some workers, close, finish.

use baton_guest::attach::{self, Attach, Attached};
use baton_guest::context::Context;
use baton_guest::error::Result;
use baton_guest::lookup::{self, Layer, Scope};
use baton_guest::persist::{self, IfNoFiles, Persist, Persisted};
use baton_guest::ports::{Files, Store};
use baton_guest::record::Record;
use baton_guest::testing::{MemoryFiles, MemoryScratch, MemoryStore};
use baton_guest::transfer_plan::Planned;
use baton_guest::workspace::OnConflict;

/// Everything below the root as the artifact `dist`.
pub(crate) fn everything(context: Context) -> Persist {
    Persist {
        name: "dist".into(),
        paths: vec![".".into()],
        special_files: baton_guest::persist::SpecialFiles::Fail,
        if_no_files: IfNoFiles::Ignore,
        check_conflicts: true,
        context,
        dry_run: false,
        repair: false,
    }
}

/// Returns the scope of a selector for the build that asks.
pub(crate) fn scope(selector: &str, context: Context) -> Scope {
    Scope {
        selector: selector.into(),
        name: Some("dist".into()),
        context,
        ..Scope::default()
    }
}

/// All files of what a selector means.
pub(crate) fn all_of(selector: &str, context: Context) -> Attach {
    Attach {
        scope: scope(selector, context),
        only: Vec::new(),
        clean: false,
        layout: attach::Layout::AsPersisted,
        on_conflict: OnConflict::Fail,
        dry_run: false,
    }
}

/// Persists on some workers, which take the tasks in turn.
pub(crate) fn persist(
    store: &impl Store,
    files: &impl Files,
    request: &Persist,
    workers: usize,
) -> Result<Persisted> {
    let planned = persist::plan(store, files, &MemoryScratch, request)?;
    let outcomes = work(store, files, &planned, workers)?;
    persist::finish(store, files, &MemoryScratch, &planned.rest, &outcomes)
}

/// Runs the tasks of a persist, and closes the workers.
pub(crate) fn work(
    store: &impl Store,
    files: &impl Files,
    planned: &Planned,
    workers: usize,
) -> Result<Vec<Vec<u8>>> {
    let worker = |index| persist::Worker::new(index as u32, &planned.shared, &MemoryScratch);
    let mut workers: Vec<persist::Worker> = (0..workers).map(worker).collect::<Result<_>>()?;
    let mut outcomes = Vec::new();
    for (number, task) in planned.tasks.iter().enumerate() {
        let turn = number % workers.len();
        outcomes.push(workers[turn].run(store, files, &MemoryScratch, &task.payload)?);
    }
    for worker in workers {
        outcomes.push(worker.close(store, &MemoryScratch)?);
    }
    Ok(outcomes)
}

/// Persists all of `files` with one worker. Returns the record.
pub(crate) fn persisted(store: &impl Store, files: &impl Files, context: Context) -> Record {
    persist(store, files, &everything(context), 1)
        .unwrap()
        .record
        .unwrap()
}

/// Persists one file of a few bytes: for tests that are about the build, and not about its files.
pub(crate) fn persisted_file(store: &impl Store, context: Context, path: &str, content: &str) -> Record {
    let files = MemoryFiles::default();
    files.file(path, content, 0o644);
    persisted(store, &files, context)
}

/// Attaches on some workers. After a failure it abandons, as a host does once it has a plan.
pub(crate) fn attach(
    store: &impl Store,
    files: &impl Files,
    request: &Attach,
    workers: usize,
) -> Result<Attached> {
    let planned = attach::plan(store, files, &MemoryScratch, request)?;
    let finished = attach_tasks(store, files, &planned, workers)
        .and_then(|outcomes| attach::finish(files, &MemoryScratch, &planned.rest, &outcomes));
    if finished.is_err() {
        attach::abandon(files, &planned.rest).unwrap();
    }
    finished
}

fn attach_tasks(
    store: &impl Store,
    files: &impl Files,
    planned: &Planned,
    workers: usize,
) -> Result<Vec<Vec<u8>>> {
    let mut workers: Vec<attach::Worker> = (0..workers).map(|_| attach::Worker::default()).collect();
    let turns = workers.len();
    let mut outcomes = Vec::new();
    for (number, task) in planned.tasks.iter().enumerate() {
        outcomes.push(workers[number % turns].run(store, files, &MemoryScratch, &task.payload)?);
    }
    outcomes.extend(workers.iter().map(|_| Vec::new()));
    Ok(outcomes)
}

/// Attaches the latest of `main` into an empty directory.
pub(crate) fn attached_latest(store: &impl Store) -> MemoryFiles {
    let files = MemoryFiles::default();
    attach(store, &files, &all_of("latest@main", super::build(1)), 1).unwrap();
    files
}

/// Returns what a selector resolves to, as records.
pub(crate) fn resolve(store: &impl Store, selector: &str, context: Context) -> Result<Vec<Record>> {
    resolve_scope(store, &scope(selector, context))
}

/// As [`resolve`], for a whole scope.
pub(crate) fn resolve_scope(store: &impl Store, scope: &Scope) -> Result<Vec<Record>> {
    let record = |layer: Layer| layer.record;
    Ok(lookup::resolve(store, scope)?
        .layers
        .into_iter()
        .filter_map(record)
        .collect())
}

/// Puts a record under all of its keys, with no tree: for tests of look-ups over many builds.
pub(crate) fn put_record(store: &MemoryStore, record: &Record) {
    let bytes = record.seal().unwrap();
    super::hostile::mark(store);
    for key in record.keys().into_iter().chain(record.layer_key()) {
        store.objects.borrow_mut().insert(key, bytes.clone());
    }
}

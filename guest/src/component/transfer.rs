//! The export `transfer`: persist and attach.

use std::cell::RefCell;

use super::attributes::Granted as GrantedFiles;
use super::convert::{build, builds, context, on_conflict, scope, to_wit_error, wit_problems};
use super::exports::transfer as wit;
use super::store::Granted as GrantedStore;
use crate::error::{Error, Result};
use crate::plan::{Action, Planned, Step, Task};
use crate::{attach, persist};

/// What `shared` and `rest` of a plan begin with: which of the two it is.
const PERSIST: u8 = b'p';
const ATTACH: u8 = b'a';

impl wit::Guest for super::Component {
    type Worker = Worker;

    fn plan(request: wit::Request) -> Result<wit::Planned, wit::Error> {
        match request {
            wit::Request::Persist(request) => plan_persist(request),
            wit::Request::Attach(request) => plan_attach(request),
        }
        .map_err(to_wit_error)
    }

    fn finish(rest: Vec<u8>, outcomes: Vec<wit::Outcome>) -> Result<wit::Report, wit::Error> {
        finish(&rest, &outcomes).map_err(to_wit_error)
    }

    fn abandon(rest: Vec<u8>) -> Result<(), wit::Error> {
        // A persist leaves nothing in the directory: it cannot even write there.
        if rest.first() == Some(&PERSIST) {
            return Ok(());
        }
        GrantedFiles::new()
            .and_then(|files| attach::abandon(&files))
            .map_err(to_wit_error)
    }
}

/// One worker of either kind. `None` once it is closed or has failed.
pub(super) struct Worker {
    state: RefCell<Option<State>>,
}

struct State {
    files: GrantedFiles,
    work: Work,
}

enum Work {
    Persist(Box<persist::Worker>),
    Attach(Box<attach::Worker>),
}

impl State {
    fn new(index: u32, shared: &[u8]) -> Result<State> {
        let work = match shared.split_first() {
            Some((&PERSIST, index_of_base)) => {
                Work::Persist(Box::new(persist::Worker::new(index, index_of_base)?))
            }
            Some((&ATTACH, _)) => Work::Attach(Box::default()),
            _ => return Err(Error::internal("`shared` is from no plan")),
        };
        Ok(State {
            files: GrantedFiles::new()?,
            work,
        })
    }
}

impl wit::GuestWorker for Worker {
    fn new(index: u32, shared: Vec<u8>) -> Worker {
        // A constructor cannot fail, so the first call says that there is no state.
        Worker {
            state: RefCell::new(State::new(index, &shared).ok()),
        }
    }

    fn run(&self, task: Vec<u8>) -> Result<wit::Outcome, wit::Error> {
        let mut state = self.state.borrow_mut();
        let State { files, work } = state.as_mut().ok_or_else(no_state)?;
        let outcome = match work {
            Work::Persist(worker) => worker.run(&GrantedStore, files, &task),
            Work::Attach(worker) => worker.run(&GrantedStore, files, &task),
        };
        if outcome.is_err() {
            *state = None;
        }
        outcome.map_err(to_wit_error)
    }

    fn close(&self) -> Result<wit::Outcome, wit::Error> {
        match self.state.borrow_mut().take().ok_or_else(no_state)?.work {
            Work::Persist(worker) => worker.close(&GrantedStore).map_err(to_wit_error),
            Work::Attach(_) => Ok(Vec::new()),
        }
    }
}

fn no_state() -> wit::Error {
    to_wit_error(Error::internal(
        "a worker was used that is closed, has failed, or is from no plan",
    ))
}

fn marked(mark: u8, bytes: Vec<u8>) -> Vec<u8> {
    let mut marked = Vec::with_capacity(bytes.len() + 1);
    marked.push(mark);
    marked.extend(bytes);
    marked
}

fn plan_persist(request: wit::PersistRequest) -> Result<wit::Planned> {
    let request = persist::Persist {
        name: request.name,
        paths: request.paths,
        if_no_files: match request.if_no_files {
            wit::IfNoFiles::Fail => persist::IfNoFiles::Fail,
            wit::IfNoFiles::Warn => persist::IfNoFiles::Warn,
            wit::IfNoFiles::Ignore => persist::IfNoFiles::Ignore,
        },
        check_conflicts: request.on_conflict == super::imports::types::OnConflict::Fail,
        context: context(request.context),
        dry_run: request.dry_run,
    };
    persist::plan(&GrantedStore, &GrantedFiles::new()?, &request).map(|planned| wit_planned(PERSIST, planned))
}

fn plan_attach(request: wit::AttachRequest) -> Result<wit::Planned> {
    let request = attach::Attach {
        scope: scope(request.scope),
        only: request.only,
        clean: request.clean,
        on_conflict: on_conflict(request.on_conflict),
        dry_run: request.dry_run,
    };
    attach::plan(&GrantedStore, &GrantedFiles::new()?, &request).map(|planned| wit_planned(ATTACH, planned))
}

fn wit_planned(mark: u8, planned: Planned) -> wit::Planned {
    wit::Planned {
        tasks: planned.tasks.into_iter().map(task).collect(),
        shared: marked(mark, planned.shared),
        rest: marked(mark, planned.rest),
        files: planned.files,
        bytes: planned.bytes,
        steps: planned.steps.into_iter().map(step).collect(),
        warnings: wit_problems(planned.warnings),
    }
}

fn task(task: Task) -> wit::Task {
    let Task {
        payload,
        files,
        bytes,
    } = task;
    wit::Task {
        payload,
        files,
        bytes,
    }
}

fn step(step: Step) -> wit::Step {
    let action = match step.action {
        Action::Store => wit::Action::Store,
        Action::Create => wit::Action::Create,
        Action::Replace => wit::Action::Replace,
        Action::Compare => wit::Action::Compare,
        Action::Remove => wit::Action::Remove,
    };
    wit::Step {
        action,
        path: step.path,
        bytes: step.bytes,
    }
}

fn finish(rest: &[u8], outcomes: &[Vec<u8>]) -> Result<wit::Report> {
    let files = GrantedFiles::new()?;
    match rest.split_first() {
        Some((&PERSIST, rest)) => {
            let report = persist::finish(&GrantedStore, &files, rest, outcomes)?;
            let record = report
                .record
                .ok_or_else(|| Error::internal("a persist ended without a record"))?;
            Ok(wit::Report::Persisted(wit::Persisted {
                files: record.files,
                bytes: record.bytes,
                build: build(record),
                directories: report.directories,
                symlinks: report.symlinks,
                new_files: report.new_files,
                new_bytes: report.new_bytes,
                stored_bytes: report.stored_bytes,
                base: report.base.map(build),
                repeated: report.repeated,
            }))
        }
        Some((&ATTACH, rest)) => {
            let report = attach::finish(&files, rest, outcomes)?;
            Ok(wit::Report::Attached(wit::Attached {
                builds: builds(report.builds),
                files: report.files,
                directories: report.directories,
                symlinks: report.symlinks,
                bytes: report.bytes,
                new_files: report.new_files,
                new_bytes: report.new_bytes,
                fetched_bytes: report.fetched_bytes,
                removed: report.removed,
            }))
        }
        _ => Err(Error::internal("`rest` is from no plan")),
    }
}

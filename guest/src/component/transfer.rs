//! The export `transfer`: persist, attach and verify.

use std::cell::RefCell;

use super::attributes::Granted as GrantedFiles;
use super::convert::{
    build, builds, context, jobs, on_conflict, scope, to_wit_error, wit_damage, wit_problems,
};
use super::exports::transfer as wit;
use super::http::Granted as GrantedHttp;
use super::origin::Origin;
use super::scratch::Granted as Scratch;
use super::store::Granted as GrantedStore;
use crate::circleci::{self, Artifacts, Source, plain};
use crate::error::{Error, Result};
use crate::scratch_list::ScratchList;
use crate::transfer_plan::{Planned, Step, StepKind, Task};
use crate::{attach, persist, verify};

/// The first byte of `shared` and `rest`: the kind of the transfer.
const PERSIST: u8 = b'p';
const ATTACH: u8 = b'a';
const VERIFY: u8 = b'v';
const DOWNLOAD: u8 = b'd';

impl wit::Guest for super::Component {
    type Worker = Worker;

    fn plan(request: wit::Request) -> Result<wit::Planned, wit::Error> {
        match request {
            wit::Request::Persist(request) => plan_persist(request),
            wit::Request::Attach(request) => plan_attach(request),
            wit::Request::Verify(request) => plan_verify(request),
        }
        .map_err(to_wit_error)
    }

    fn steps(page: wit::Page) -> Result<Vec<wit::Step>, wit::Error> {
        let steps = ScratchList::read_page(&Scratch, &page).map_err(to_wit_error)?;
        Ok(steps.into_iter().map(step).collect())
    }

    fn finish(rest: Vec<u8>, outcomes: Vec<wit::Outcome>) -> Result<wit::Report, wit::Error> {
        finish(&rest, &outcomes).map_err(to_wit_error)
    }

    fn abandon(rest: Option<Vec<u8>>) -> Result<(), wit::Error> {
        let Some(rest) = rest else {
            let abandoned = GrantedFiles::new().and_then(|files| attach::abandon_plan(&files));
            return abandoned.map_err(to_wit_error);
        };
        // Only an attach leaves anything in the directory: the others cannot even write there.
        let abandoned = match rest.split_first() {
            Some((&ATTACH, rest)) => GrantedFiles::new().and_then(|files| attach::abandon(&files, rest)),
            Some((&DOWNLOAD, rest)) => GrantedFiles::new().and_then(|files| plain::abandon(&files, rest)),
            _ => Ok(()),
        };
        abandoned.map_err(to_wit_error)
    }
}

/// One worker of any kind. `None` once it is closed or has failed.
pub(super) struct Worker {
    state: RefCell<Option<State>>,
}

enum State {
    Persist(GrantedFiles, Box<persist::Worker>),
    Attach(Origin, GrantedFiles, Box<attach::Worker>),
    Download(GrantedHttp, GrantedFiles, Vec<u8>),
    Verify(Origin),
}

impl State {
    fn new(index: u32, shared: &[u8]) -> Result<State> {
        match shared.split_first() {
            Some((&PERSIST, base)) => {
                let worker = persist::Worker::new(index, base, &Scratch)?;
                Ok(State::Persist(GrantedFiles::new()?, Box::new(worker)))
            }
            Some((&ATTACH, origin)) => Ok(State::Attach(
                Origin::from_shared(origin)?,
                GrantedFiles::new()?,
                Box::default(),
            )),
            Some((&DOWNLOAD, shared)) => Ok(State::Download(
                GrantedHttp::new(),
                GrantedFiles::new()?,
                shared.to_vec(),
            )),
            Some((&VERIFY, origin)) => Ok(State::Verify(Origin::from_shared(origin)?)),
            _ => Err(Error::internal("`shared` is not from a plan")),
        }
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
        let outcome = match state.as_mut().ok_or_else(no_state)? {
            State::Persist(files, worker) => worker.run(&GrantedStore, files, &Scratch, &task),
            State::Attach(origin, files, worker) => worker.run(origin, files, &Scratch, &task),
            State::Download(http, files, shared) => plain::run(http, files, shared, &task),
            State::Verify(origin) => verify::run(origin, &Scratch, &task),
        };
        if outcome.is_err() {
            *state = None;
        }
        outcome.map_err(to_wit_error)
    }

    fn close(&self) -> Result<wit::Outcome, wit::Error> {
        match self.state.borrow_mut().take().ok_or_else(no_state)? {
            State::Persist(_, worker) => worker.close(&GrantedStore, &Scratch).map_err(to_wit_error),
            State::Attach(..) | State::Download(..) | State::Verify(..) => Ok(Vec::new()),
        }
    }
}

fn no_state() -> wit::Error {
    to_wit_error(Error::internal(
        "a worker was used that is closed, has failed, or is not from a plan",
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
        special_files: match request.special_files {
            wit::SpecialFiles::Fail => persist::SpecialFiles::Fail,
            wit::SpecialFiles::Skip => persist::SpecialFiles::Skip,
        },
        check_conflicts: request.on_conflict == super::imports::types::OnConflict::Fail,
        context: context(request.context),
        dry_run: request.dry_run,
        repair: request.repair,
    };
    persist::plan(&GrantedStore, &GrantedFiles::new()?, &Scratch, &request)
        .and_then(|planned| wit_planned(PERSIST, planned))
}

fn plan_attach(request: wit::AttachRequest) -> Result<wit::Planned> {
    let request = attach::Attach {
        scope: scope(request.scope),
        only: request.only,
        clean: request.clean,
        layout: match (request.flatten, request.strip) {
            (true, _) => attach::Layout::Flat,
            (false, 0) => attach::Layout::AsPersisted,
            (false, names) => attach::Layout::Strip(names as usize),
        },
        on_conflict: on_conflict(request.on_conflict),
        dry_run: request.dry_run,
    };
    match &request.scope.circleci {
        None => attach::plan(&GrantedStore, &GrantedFiles::new()?, &Scratch, &request)
            .and_then(|planned| wit_planned(ATTACH, planned)),
        Some(source) => plan_attach_from(source, &request),
    }
}

fn plan_attach_from(source: &Source, request: &attach::Attach) -> Result<wit::Planned> {
    let (http, files) = (GrantedHttp::new(), GrantedFiles::new()?);
    let (artifacts, warnings) = circleci::open(&http, source, &request.scope)?;
    let mut planned = match artifacts {
        Artifacts::Store(store, scope) => {
            let request = attach::Attach {
                scope: *scope,
                ..request.clone()
            };
            let mut planned = attach::plan(&store, &files, &Scratch, &request)?;
            planned.shared = Origin::shared(store.index())?;
            wit_planned(ATTACH, planned)?
        }
        Artifacts::Plain(stored) => {
            let download = plain::plan(&files, &Scratch, source, &stored, request)?;
            wit::Planned {
                builds: jobs(download.jobs, &source.project),
                ..wit_planned(DOWNLOAD, download.planned)?
            }
        }
    };
    planned.warnings.extend(wit_problems(warnings));
    Ok(planned)
}

fn wit_planned(mark: u8, planned: Planned) -> Result<wit::Planned> {
    Ok(wit::Planned {
        tasks: planned.tasks.into_iter().map(task).collect(),
        shared: marked(mark, planned.shared),
        rest: marked(mark, planned.rest),
        files: planned.files,
        bytes: planned.bytes,
        steps: planned.steps.pages()?,
        warnings: wit_problems(planned.warnings),
        builds: builds(planned.builds),
        may_fall_back: planned.may_fall_back,
    })
}

fn plan_verify(request: wit::VerifyRequest) -> Result<wit::Planned> {
    let request = verify::Verify {
        scope: request.scope.map(scope),
        data: request.data,
        names_builds: request.names_builds,
    };
    let Some((source, scope)) = request
        .scope
        .as_ref()
        .and_then(|scope| Some((scope.circleci.as_ref()?, scope)))
    else {
        return verify::plan(&GrantedStore, &Scratch, &request).and_then(|planned| verifying(planned, None));
    };
    let http = GrantedHttp::new();
    match circleci::open(&http, source, scope)? {
        (Artifacts::Store(store, scope), warnings) => {
            let request = verify::Verify {
                scope: Some(*scope),
                ..request
            };
            let mut planned = verify::plan(&store, &Scratch, &request)?;
            planned.shared = Origin::shared(store.index())?;
            planned.warnings.extend(warnings);
            verifying(planned, Some(store.index()))
        }
        (Artifacts::Plain(stored), _) => {
            let first = stored.first().map(|(job, _)| job.shown());
            Err(circleci::only_plain(&first.unwrap_or_default()))
        }
    }
}

/// Adds to the rest of a plan where the trees are: the end reads some of them again.
fn verifying(mut planned: Planned, index: Option<&circleci::Index>) -> Result<wit::Planned> {
    let origin = index.map_or(Ok(Vec::new()), Origin::all)?;
    planned.rest = crate::wire::write(&(origin, planned.rest))?;
    wit_planned(VERIFY, planned)
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
        StepKind::Store => wit::Action::Store,
        StepKind::Create => wit::Action::Create,
        StepKind::Replace => wit::Action::Replace,
        StepKind::Compare => wit::Action::Compare,
        StepKind::Remove => wit::Action::Remove,
    };
    wit::Step {
        action,
        path: step.path,
        files: step.files,
        bytes: step.bytes,
    }
}

fn attached(report: attach::Attached) -> wit::Attached {
    wit::Attached {
        builds: builds(report.builds),
        files: report.files,
        directories: report.directories,
        symlinks: report.symlinks,
        bytes: report.bytes,
        new_files: report.new_files,
        new_bytes: report.new_bytes,
        fetched_bytes: report.fetched_bytes,
        removed: report.removed,
    }
}

fn finish(rest: &[u8], outcomes: &[Vec<u8>]) -> Result<wit::Report> {
    match rest.split_first() {
        Some((&PERSIST, rest)) => {
            let report = persist::finish(&GrantedStore, &GrantedFiles::new()?, &Scratch, rest, outcomes)?;
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
                stored_again: wit::StoredAgain {
                    lost_bytes: report.stored_again.lost_bytes,
                    sparse_bytes: report.stored_again.sparse_bytes,
                    condemned_bytes: report.stored_again.condemned_bytes,
                },
                base: report.base.map(build),
                repeated: report.repeated,
                repaired: report.repaired,
            }))
        }
        Some((&ATTACH, rest)) => {
            let report = attach::finish(&GrantedFiles::new()?, &Scratch, rest, outcomes)?;
            Ok(wit::Report::Attached(attached(report)))
        }
        Some((&DOWNLOAD, rest)) => {
            let report = plain::finish(&GrantedFiles::new()?, &Scratch, rest, outcomes)?;
            Ok(wit::Report::Attached(wit::Attached {
                builds: jobs(report.jobs, &report.project),
                ..attached(report.attached)
            }))
        }
        Some((&VERIFY, rest)) => {
            let (origin, rest): (Vec<u8>, Vec<u8>) = crate::wire::read(rest)?;
            let report = verify::finish(&Origin::from_shared(&origin)?, &Scratch, &rest, outcomes)?;
            let finding = |finding: verify::Finding| wit::Finding {
                remedy: match finding.remedy {
                    verify::Remedy::PersistAgain => wit::Remedy::PersistAgain,
                    verify::Remedy::Prune => wit::Remedy::Prune,
                    verify::Remedy::MoveAgain => wit::Remedy::MoveAgain,
                },
                damage: wit_damage(finding.damage),
                hurts: finding.affects,
                builds: builds(finding.builds),
            };
            Ok(wit::Report::Verified(wit::Verified {
                records: report.records,
                trees: report.trees,
                packs: report.packs,
                bytes: report.bytes,
                findings: report.findings.into_iter().map(finding).collect(),
            }))
        }
        _ => Err(Error::internal("`rest` is not from a plan")),
    }
}

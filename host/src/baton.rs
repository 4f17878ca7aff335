//! The embedding API: what a program needs to persist and attach, and all that the command uses.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::bindings::{
    AttachRequest, Attached, Build, Details, PersistRequest, Persisted, Planned, Query, Report, Request,
    Scope, Task,
};
use crate::component::Component;
use crate::engine::{Engine, Instance, Interrupt};
use crate::error::Error;
use crate::grants::{Access, Directory, Grants, Limits};
use crate::store::ObjectStore;

/// More workers than this gain nothing on one disk, and each costs some 25 MiB.
const WORKERS_MAX: usize = 8;

/// How a [`Baton`] runs. All values have defaults that suit a CI job.
#[derive(Debug, Clone)]
pub struct Options {
    /// The logic. Default: what is built in.
    pub component: Component,
    /// How many workers share a transfer. Default: one a core, at most eight.
    pub workers: usize,
    /// The most memory of one instance of the component, in bytes. Default: 512 MiB, enough for a tree of a million
    /// entries; a worker needs 25.
    pub memory_bytes_max: usize,
    /// The longest that one call into the component may take: one task, or the plan of a transfer. Default: 15 minutes. A
    /// component from a file is ended anywhere, the built-in one when it next asks for something.
    pub call_time_max: Duration,
    /// The most directories and files that one instance may hold open. Default: 256.
    pub handles_max: usize,
    /// What ends a run early.
    pub interrupt: Interrupt,
}

impl Default for Options {
    fn default() -> Options {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Options {
            component: Component::embedded(),
            workers: cores.min(WORKERS_MAX),
            memory_bytes_max: 512 << 20,
            call_time_max: Duration::from_secs(15 * 60),
            handles_max: 256,
            interrupt: Interrupt::default(),
        }
    }
}

/// Hears how a transfer goes. Every method has a default that does nothing.
pub trait Progress {
    /// The directory is in use by another attach, and this one waits.
    fn waiting(&mut self) {}

    /// What will be done is known. Returns whether to go on.
    fn planned(&mut self, plan: &Planned) -> bool {
        let _ = plan;
        true
    }

    /// A task is done.
    fn done(&mut self, task: &Task) {
        let _ = task;
    }
}

/// Says nothing.
impl Progress for () {}

/// The component, its store, and its limits.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use baton::{Baton, DirectoryStore, Options, request};
///
/// # let place = tempfile::tempdir()?;
/// # std::fs::create_dir_all(place.path().join("work/dist"))?;
/// # std::fs::write(place.path().join("work/dist/app"), "hello")?;
/// # let (store, root, target) = (place.path().join("store"), place.path().join("work"), place.path().join("out"));
/// let store = DirectoryStore::create(&store)?;
/// let baton = Baton::new(Arc::new(store), Options::default())?;
///
/// let mut context = request::context("local");
/// context.project = Some("gh/acme/shop".into());
/// context.branch = Some("main".into());
///
/// let persist = request::persist(&["dist"], context.clone());
/// let persisted = baton.persist(&root, persist, &mut ())?.ok_or("not a dry run")?;
///
/// let attach = request::attach("latest", context);
/// let attached = baton.attach(&target, attach, &mut ())?.ok_or("not a dry run")?;
/// assert_eq!(attached.bytes, persisted.bytes);
/// assert_eq!(std::fs::read_to_string(target.join("dist/app"))?, "hello");
/// # Ok(())
/// # }
/// ```
pub struct Baton {
    engine: Engine,
    store: Arc<dyn ObjectStore>,
    options: Options,
}

impl fmt::Debug for Baton {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Baton")
            .field("store", &self.store)
            .field("options", &self.options)
            .finish()
    }
}

impl Baton {
    /// Loads the component. Cheap for the one that is built in, a second or so for one from a file.
    pub fn new(store: Arc<dyn ObjectStore>, options: Options) -> Result<Baton, Error> {
        let engine = Engine::new(&options.component, options.interrupt.clone())?;
        Ok(Baton {
            engine,
            store,
            options,
        })
    }

    /// Stores files of `root` as an artifact. The component may read below `root`, and write to the store. Returns
    /// nothing where `progress` ended the run at the plan.
    pub fn persist(
        &self,
        root: &Path,
        request: PersistRequest,
        progress: &mut dyn Progress,
    ) -> Result<Option<Persisted>, Error> {
        let directory = Arc::new(Directory::read("root", root)?);
        let access = if request.dry_run {
            Access::Read
        } else {
            Access::Write
        };
        match self.transfer(&Request::Persist(request), &directory, access, progress)? {
            None => Ok(None),
            Some(Report::Persisted(report)) => Ok(Some(report)),
            Some(Report::Attached(_)) => Err(wrong_report()),
        }
    }

    /// Brings an artifact into `target`, which is made if it is not there. The component may change what is below
    /// `target`, and read from the store. Returns nothing where `progress` ended the run at the plan.
    pub fn attach(
        &self,
        target: &Path,
        request: AttachRequest,
        progress: &mut dyn Progress,
    ) -> Result<Option<Attached>, Error> {
        let is_new = !target.exists();
        let directory = match request.dry_run {
            true => Directory::read("target", target)?,
            false => Directory::write(target, &mut || progress.waiting())?,
        };
        match self.transfer(
            &Request::Attach(request),
            &Arc::new(directory),
            Access::Read,
            progress,
        ) {
            Ok(None) => Ok(None),
            Ok(Some(Report::Attached(report))) => Ok(Some(report)),
            Ok(Some(Report::Persisted(_))) => Err(wrong_report()),
            Err(error) => {
                if is_new {
                    // Only goes if it is empty, and then nobody misses it.
                    let _ = std::fs::remove_dir(target);
                }
                Err(error)
            }
        }
    }

    fn transfer(
        &self,
        request: &Request,
        directory: &Arc<Directory>,
        store_access: Access,
        progress: &mut dyn Progress,
    ) -> Result<Option<Report>, Error> {
        let grants = || self.grants(store_access, Some(Arc::clone(directory)));
        // Both closures need it, at different times.
        let progress = std::cell::RefCell::new(progress);
        let mut proceed = |plan: &Planned| progress.borrow_mut().planned(plan);
        let mut done = |task: &Task| progress.borrow_mut().done(task);
        self.engine
            .transfer(request, self.options.workers, &grants, &mut proceed, &mut done)
    }

    /// Returns the build that a selector means, or several for a workspace and for parallel nodes.
    pub fn resolve(&self, scope: &Scope) -> Result<Vec<Build>, Error> {
        self.ask()?.call("resolve", |store, plugin| {
            plugin.baton_plugin_builds().call_resolve(store, scope)
        })
    }

    /// Returns builds, newest first.
    pub fn list(&self, query: &Query) -> Result<Vec<Build>, Error> {
        self.ask()?.call("list", |store, plugin| {
            plugin.baton_plugin_builds().call_list(store, query)
        })
    }

    /// Returns the builds that a selector means, and their files.
    pub fn show(&self, scope: &Scope) -> Result<Details, Error> {
        self.ask()?.call("show", |store, plugin| {
            plugin.baton_plugin_builds().call_show(store, scope)
        })
    }

    /// A question needs no directory, and may not change the store.
    fn ask(&self) -> Result<Instance, Error> {
        self.engine.instance(self.grants(Access::Read, None)?)
    }

    fn grants(&self, store_access: Access, directory: Option<Arc<Directory>>) -> Result<Grants, Error> {
        let limits = Limits {
            memory_bytes_max: self.options.memory_bytes_max,
            call_time_max: self.options.call_time_max,
            handles_max: self.options.handles_max,
            memory_refused: false,
        };
        Grants::new(Arc::clone(&self.store), store_access, directory, limits)
    }
}

/// Only a component that is not baton's answers one request with the report of another.
fn wrong_report() -> Error {
    let message = "the component reported something else than was asked of it".to_owned();
    Error::Plugin(crate::problem::internal(message, ""))
}

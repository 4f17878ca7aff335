//! The entry point of the embedding API. The files of the verbs (`persist.rs`, `attach.rs`, `channel.rs` …) add its methods.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::bindings as wit;
use crate::circleci_access::{CircleCi, slug_path};
use crate::circleci_source::CircleciSource;
use crate::engine::Engine;
use crate::error::Error;
use crate::grants::{
    Directory, Egress, Grants, Limits, Operation, Policy, Repairs, ReservedPlaces, Resources, Scratch,
};
use crate::instance::{Instance, Paged};
use crate::mirror::Convert;
use crate::options::Options;
use crate::plugin_error::{PluginError, Problem};
use crate::store::ObjectStore;
use crate::transfer::{Done, Plan, Progress, Totals};

/// The component, its store, and its limits: everything that baton does is a method of this.
///
/// All methods block: they use threads of their own and wait for disks and servers. In an async program, call them in
/// `tokio::task::spawn_blocking` or an equivalent.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use baton_host::attach::AttachRequest;
/// use baton_host::builds::{BuildContext, Scope};
/// use baton_host::persist::PersistRequest;
/// use baton_host::{Baton, DirectoryStore, Options};
///
/// # let place = tempfile::tempdir()?;
/// # std::fs::create_dir_all(place.path().join("work/dist"))?;
/// # std::fs::write(place.path().join("work/dist/app"), "hello")?;
/// # let (store, root, target) = (place.path().join("store"), place.path().join("work"), place.path().join("out"));
/// let store = DirectoryStore::create(&store)?;
/// let baton = Baton::new(Arc::new(store), Options::default())?;
///
/// let mut context = BuildContext::new("my-runner");
/// context.project = Some("gh/acme/shop".into());
/// context.branch = Some("main".into());
///
/// let request = PersistRequest::new(["dist"], context.clone());
/// let persisted = baton.persist(&root, &request, &mut ())?;
///
/// let request = AttachRequest::new(Scope::new("latest", context));
/// let attached = baton.attach(&target, &request, &mut ())?;
/// assert_eq!(attached.bytes, persisted.bytes);
/// assert_eq!(std::fs::read_to_string(target.join("dist/app"))?, "hello");
/// # Ok(())
/// # }
/// ```
pub struct Baton {
    engine: Engine,
    store: Arc<dyn ObjectStore>,
    egress: Option<Arc<Egress>>,
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
    /// Loads the component: in some milliseconds if it is the built-in one, in a second or so from a file.
    ///
    /// # Errors
    ///
    /// If the component's file cannot be read or is not a component that this host can run, or if
    /// [`Options::circleci`] has no valid address.
    pub fn new(store: Arc<dyn ObjectStore>, options: Options) -> Result<Baton, Error> {
        let engine = Engine::new(&options.component, options.interrupt.clone())?;
        let egress = options.circleci.as_ref().map(CircleCi::egress).transpose()?;
        Ok(Baton {
            engine,
            store,
            egress: egress.map(Arc::new),
            options,
        })
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// Plans a transfer, and does not run it.
    pub(crate) fn plan(
        &self,
        request: &wit::transfer::Request,
        directory: Option<&Arc<Directory>>,
    ) -> Result<Plan, Error> {
        let (operation, resources) = self.of_transfer(request, directory);
        let grants = || Grants::new(operation.grants(), resources.clone());
        let (planned, planner) = self
            .engine
            .plan(request, &grants)
            .map_err(|error| said_of(directory, error))?;
        Ok(Plan {
            totals: Totals::of(&planned),
            steps: Paged::new(planner, planned.steps, |instance, page| {
                let steps = instance.call("steps", move |store, plugin| {
                    plugin.baton_plugin_transfer().call_steps(store, &page)
                });
                steps.map(Convert::convert)
            }),
        })
    }

    /// Plans a transfer and runs it, if `check` accepts the plan.
    pub(crate) fn transfer(
        &self,
        request: &wit::transfer::Request,
        directory: Option<&Arc<Directory>>,
        check: &mut dyn FnMut(&wit::transfer::Planned) -> Result<(), Error>,
        progress: &mut dyn Progress,
    ) -> Result<wit::transfer::Report, Error> {
        let (operation, resources) = self.of_transfer(request, directory);
        let grants = || Grants::new(operation.grants(), resources.clone());
        // Both closures need it, at different times.
        let progress = std::cell::RefCell::new(progress);
        let mut check = |planned: &wit::transfer::Planned| {
            check(planned)?;
            progress.borrow_mut().planned(&Totals::of(planned));
            Ok(())
        };
        let mut done = |task: &wit::transfer::Task| progress.borrow_mut().done(Done::of(task));
        self.engine
            .transfer(request, self.options.workers, &grants, &mut check, &mut done)
            .map_err(|error| said_of(directory, error))
    }

    /// Returns the operation of a transfer, and what it has to grant.
    fn of_transfer(
        &self,
        request: &wit::transfer::Request,
        directory: Option<&Arc<Directory>>,
    ) -> (Operation, Resources) {
        use wit::transfer::Request;
        let mut resources = self.resources();
        resources.directory = directory.cloned();
        let (operation, scope) = match request {
            Request::Persist(request) => {
                resources.repairs = Repairs::of(request.context.project.as_deref());
                let dry_run = request.dry_run;
                (Operation::Persist { dry_run }, None)
            }
            Request::Attach(request) => {
                let dry_run = request.dry_run;
                (Operation::Attach { dry_run }, Some(&request.scope))
            }
            Request::Verify(request) => (Operation::Verify, request.scope.as_ref()),
        };
        let source = scope.and_then(|scope| scope.circleci.as_ref());
        resources.egress = self.egress_to(source.map(|source| slug_path(&source.project)));
        (operation, resources)
    }

    /// Returns the egress of a run about these projects.
    pub(crate) fn egress_about<'a>(
        &self,
        sources: impl IntoIterator<Item = &'a CircleciSource>,
    ) -> Option<Arc<Egress>> {
        self.egress_to(sources.into_iter().map(|source| slug_path(&source.project)))
    }

    fn egress_to(&self, projects: impl IntoIterator<Item = String>) -> Option<Arc<Egress>> {
        let projects: Vec<String> = projects.into_iter().collect();
        self.egress_with(|policy| policy.about(projects))
    }

    pub(crate) fn egress_with(&self, change: impl FnOnce(&Policy) -> Policy) -> Option<Arc<Egress>> {
        let egress = self.egress.as_ref()?;
        Some(Arc::new(Egress {
            policy: change(&egress.policy),
            ..(**egress).clone()
        }))
    }

    pub(crate) fn reserved(&self) -> ReservedPlaces {
        let own = self.store.directory().into_iter();
        let others = self.options.reserved.iter().map(PathBuf::as_path);
        ReservedPlaces::find(own.chain(others), self.options.home.as_deref())
    }

    /// Returns what a new run has to grant: the store, temporary space of its own, and neither a directory nor servers.
    pub(crate) fn resources(&self) -> Resources {
        let options = &self.options;
        Resources {
            store: Arc::clone(&self.store),
            repairs: Repairs::default(),
            directory: None,
            scratch: Arc::new(Scratch::new(
                options.scratch_bytes_max,
                options.scratch_dir.clone(),
            )),
            egress: None,
            on_wait: options.on_wait.clone(),
            limits: Limits::new(
                options.memory_bytes_max,
                options.call_time_max,
                options.handles_max,
            ),
        }
    }

    /// Starts an instance for an operation that needs neither a directory nor servers.
    pub(crate) fn instance(&self, operation: Operation) -> Result<Instance, Error> {
        self.start(operation, self.resources())
    }

    pub(crate) fn start(&self, operation: Operation, resources: Resources) -> Result<Instance, Error> {
        self.engine.instance(Grants::new(operation.grants(), resources)?)
    }
}

/// Adds what happened to the directory of a run to the failure that it led to.
fn said_of(directory: Option<&Arc<Directory>>, error: Error) -> Error {
    match directory {
        Some(directory) => directory.failed(error),
        None => error,
    }
}

/// Only a component that is not baton's answers one request with the report of another.
pub(crate) fn wrong_report() -> Error {
    let message = "the component reported something else than was asked of it";
    Error::Plugin(PluginError::Internal(Problem::new("internal", message)))
}

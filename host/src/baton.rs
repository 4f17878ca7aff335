//! The embedding API: what a program needs to persist and attach, and all that the command uses.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::bindings::{
    Amount, AttachRequest, Attached, Build, BuildContext, Change as FileChange, ChannelPage, CircleciSource,
    Damage, Decision, FoundSignature, LatestSet, Moved, Names, Past, PersistRequest, Persisted, Planned,
    PluginError, Pointer, Problem, PromoteRequest, PruneRequest, Pruned, Query, RemoveRequest, Report,
    Request, Resolution, RollbackRequest, Scope, SetLatestRequest, Task, TreeEntry, Unfit, Verified,
    VerifyRequest,
};
use crate::circleci::{CircleCi, slug_path};
use crate::component::Component;
use crate::engine::{Engine, Steps};
use crate::error::Error;
use crate::grants::{
    Change, Directory, Egress, Grants, Limits, OnWait, Operation, Policy, Repairs, ReservedPlaces, Resources,
    Scratch,
};
use crate::instance::{Instance, Paged};
use crate::interrupt::Interrupt;
use crate::signing::{SigningKey, VerifyingKey};
use crate::statement;
use crate::store::ObjectStore;

/// An attach gives up after this many consecutive damaged builds.
const FALLBACKS_MAX: usize = 32;
/// Nor one that met this many damaged trees: a workspace has one for each job.
const UNFIT_MAX: usize = 10_000;
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
    /// The most temporary space of one run, in bytes. A run whose files are many keeps its lists there: 16 MiB in memory, and the
    /// rest in a file without a name. Default: 16 GiB.
    pub scratch_bytes_max: u64,
    /// The directory of that file. Default: `/tmp`; the command uses the system's directory for temporary files.
    pub scratch_dir: PathBuf,
    /// The longest that one call into the component may take: one task, or the plan of a transfer. Default: 15 minutes. A
    /// component from a file is ended anywhere, the built-in one when it next asks for something.
    pub call_time_max: Duration,
    /// The most directories and files that one instance may hold open. Default: 256.
    pub handles_max: usize,
    /// Ends a run early.
    pub interrupt: Interrupt,
    /// How CircleCI is reached, for scopes that look among its artifacts. Default: it is not, and no server is.
    pub circleci: Option<CircleCi>,
    /// Called before the run waits for a server. Default: no callback.
    pub on_wait: Option<OnWait>,
    /// Directories, besides the store's, that baton keeps for itself: what is in them is neither persisted nor removed.
    /// Default: none.
    pub reserved: Vec<PathBuf>,
    /// The key that signs what is persisted. Default: nothing is signed. What is signed is what the host knows of the job,
    /// and a tree: another component than the built-in one can name a tree that is not of the files that it read.
    pub sign: Option<SigningKey>,
    /// The key by which a build must be signed: attach refuses any other, verify finds it. Default: none need be. That the
    /// files are those of the signed tree is checked by the component.
    pub require_signed: Option<VerifyingKey>,
    /// The user's home directory, which no attach empties. Default: none is known.
    pub home: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Options {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Options {
            component: Component::embedded(),
            workers: cores.min(WORKERS_MAX),
            memory_bytes_max: 512 << 20,
            scratch_bytes_max: 16 << 30,
            scratch_dir: PathBuf::from("/tmp"),
            call_time_max: Duration::from_secs(15 * 60),
            handles_max: 256,
            interrupt: Interrupt::default(),
            circleci: None,
            on_wait: None,
            reserved: Vec::new(),
            sign: None,
            require_signed: None,
            home: None,
        }
    }
}

/// The builds that a selector means, and their files.
#[derive(Debug)]
pub struct Details {
    /// Several for a workspace, and for a job that ran as parallel nodes.
    pub builds: Vec<Build>,
    /// The entries of their merged trees, in path order.
    pub entries: Paged<TreeEntry>,
    /// Warnings, for example that a hold decided, or that newer builds are damaged.
    pub warnings: Vec<Problem>,
}

/// The differences between the builds of two selectors.
#[derive(Debug)]
pub struct Difference {
    /// The first selector's builds.
    pub before: Vec<Build>,
    /// The second selector's builds.
    pub after: Vec<Build>,
    /// In path order.
    pub changes: Paged<FileChange>,
    /// The warnings of the look-ups.
    pub warnings: Vec<Problem>,
}

/// The plan of a prune.
#[derive(Debug)]
pub struct PrunePlan {
    /// How many builds of the project were judged.
    pub builds: u64,
    /// How many of them are removed.
    pub removed: u64,
    /// One for each of them.
    pub decisions: Paged<Decision>,
    /// The objects that are deleted now.
    pub deleted: Amount,
    /// The unused objects that a later prune deletes.
    pub condemned: Amount,
    rest: Vec<u8>,
    scratch: Arc<Scratch>,
}

/// The plan of the removal of one build.
#[derive(Debug)]
pub struct Removal {
    /// The build: one for each node.
    pub builds: Vec<Build>,
    /// The channels and branches that point to it.
    pub pointed: Vec<String>,
    rest: Vec<u8>,
    scratch: Arc<Scratch>,
}

/// Receives the progress of a transfer. Every method has a default that does nothing.
pub trait Progress {
    /// The directory is in use by another attach, and this one waits.
    fn waiting(&mut self) {}

    /// The bytes of the latest build turned out to be damaged, and the attach begins again without it.
    fn fell_back(&mut self, damage: &Damage) {
        let _ = damage;
    }

    /// The plan is complete. `steps` lists its steps for a dry run. Returns whether to continue.
    fn planned(&mut self, plan: &Planned, steps: &mut Steps) -> Result<bool, Error> {
        let _ = (plan, steps);
        Ok(true)
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
/// let mut context = request::context("none");
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
    /// Loads the component. Cheap for the one that is built in, a second or so for one from a file.
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

    /// Stores files of `root` as an artifact, and signs it where there is a key. The component may read below `root`, and
    /// write to the store. Returns nothing where `progress` ended the run at the plan.
    pub fn persist(
        &self,
        root: &Path,
        mut request: PersistRequest,
        progress: &mut dyn Progress,
    ) -> Result<Option<Persisted>, Error> {
        let directory = Arc::new(self.root(root)?);
        request.context.component = Some(self.options.component.digest());
        let asked = request.clone();
        let persisted = match self.transfer(
            &Request::Persist(request),
            Some(&directory),
            &mut |_| Ok(()),
            progress,
        )? {
            None => return Ok(None),
            Some(Report::Persisted(report)) => report,
            Some(_) => return Err(wrong_report()),
        };
        if let Some(key) = &self.options.sign {
            statement::check(&persisted.build, &asked, persisted.repeated).map_err(|reason| {
                Error::Unsigned {
                    build: persisted.build.selector.clone(),
                    reason,
                }
            })?;
            let envelope = key.sign(&statement::of(&persisted.build));
            self.add_signature(&persisted.build, &key.verifying_key().id(), &envelope)?;
        }
        Ok(Some(persisted))
    }

    /// Opens the directory to persist from, without what baton keeps for itself in it.
    fn root(&self, root: &Path) -> Result<Directory, Error> {
        let directory = Directory::read("root", root)?.reserving(self.reserved());
        let failed = |source: std::io::Error| Error::Directory {
            what: "root",
            path: root.to_owned(),
            source,
        };
        if directory.lies_in_reserved() {
            return Err(failed(std::io::Error::other(
                "it is, or lies in, the store of baton, which is never persisted",
            )));
        }
        Ok(directory)
    }

    /// Brings an artifact into `target`, which is created if it is missing. The component may change the files below
    /// `target`, and read from the store. If the latest build is damaged, the one before is attached, unless the scope is
    /// strict. Returns `None` if `progress` ended the run at the plan.
    pub fn attach(
        &self,
        target: &Path,
        request: AttachRequest,
        progress: &mut dyn Progress,
    ) -> Result<Option<Attached>, Error> {
        let is_new = !target.exists();
        let directory = match request.dry_run {
            true => Directory::read("target", target)?,
            false => Directory::write(target, &self.options.interrupt, &mut || progress.waiting())?,
        };
        let directory = Arc::new(directory.reserving(self.reserved()));
        let attached = self.attach_intact(&directory, request, progress);
        directory.release();
        if attached.is_err() && is_new {
            // Only goes if it is empty, and then nobody misses it.
            let _ = std::fs::remove_dir(target);
        }
        attached
    }

    /// Attaches, and where the bytes of a build turn out to be damaged, what the component then thinks best.
    fn attach_intact(
        &self,
        directory: &Arc<Directory>,
        mut request: AttachRequest,
        progress: &mut dyn Progress,
    ) -> Result<Option<Attached>, Error> {
        let mut first_damage = None;
        let mut fallbacks = 0;
        loop {
            let (mut fallback, mut checked) = (Vec::new(), Vec::new());
            let attached = self.transfer(
                &Request::Attach(request.clone()),
                Some(directory),
                &mut |plan| {
                    self.signed(&plan.builds, request.scope.circleci.as_ref())
                        .collect::<Result<(), Error>>()?;
                    self.check_asked(&plan.builds, &request.scope)?;
                    checked.clone_from(&plan.builds);
                    if plan.may_fall_back {
                        fallback = plan.builds.iter().map(|build| build.tree.clone()).collect();
                    }
                    Ok(())
                },
                progress,
            );
            match attached {
                Err(Error::Plugin(PluginError::Damaged(damage)))
                    if !fallback.is_empty()
                        && fallbacks < FALLBACKS_MAX
                        && request.scope.without.len() < UNFIT_MAX =>
                {
                    fallbacks += 1;
                    progress.fell_back(&damage);
                    let unfit = |tree| Unfit {
                        tree,
                        damage: damage.clone(),
                    };
                    request.scope.without.extend(fallback.into_iter().map(unfit));
                    first_damage.get_or_insert(damage);
                }
                // That no other build is left is less to know than what is wrong with this one.
                Err(Error::Plugin(PluginError::NothingMatched(_) | PluginError::Damaged(_)))
                    if first_damage.is_some() =>
                {
                    let damage = first_damage.ok_or_else(wrong_report)?;
                    return Err(Error::Plugin(PluginError::Damaged(damage)));
                }
                Err(error) => return Err(error),
                Ok(None) => return Ok(None),
                Ok(Some(Report::Attached(report))) => {
                    // What was checked is what it must have attached.
                    let trees = |builds: &[Build]| builds.iter().map(statement::of).collect::<Vec<_>>();
                    let is_checked =
                        self.options.require_signed.is_none() || trees(&report.builds) == trees(&checked);
                    return if is_checked {
                        Ok(Some(report))
                    } else {
                        Err(wrong_report())
                    };
                }
                Ok(Some(_)) => return Err(wrong_report()),
            }
        }
    }

    /// Looks whether the store holds what it says, and changes nothing. Returns what was found, and, where a key is
    /// required, what it has not signed: as [`Error::Unsigned`].
    pub fn verify(
        &self,
        request: VerifyRequest,
        progress: &mut dyn Progress,
    ) -> Result<(Verified, Vec<Error>), Error> {
        let mut unsigned = Vec::new();
        let from = request.scope.as_ref().and_then(|scope| scope.circleci.clone());
        let report = self.transfer(
            &Request::Verify(request),
            None,
            &mut |plan| {
                for signed in self.signed(&plan.builds, from.as_ref()) {
                    match signed {
                        Err(error @ Error::Unsigned { .. }) => unsigned.push(error),
                        other => other?,
                    }
                }
                Ok(())
            },
            progress,
        )?;
        match report {
            Some(Report::Verified(report)) => Ok((report, unsigned)),
            _ => Err(wrong_report()),
        }
    }

    fn transfer(
        &self,
        request: &Request,
        directory: Option<&Arc<Directory>>,
        check: &mut dyn FnMut(&Planned) -> Result<(), Error>,
        progress: &mut dyn Progress,
    ) -> Result<Option<Report>, Error> {
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
        resources.egress = self.egress_about(scope.and_then(|scope| scope.circleci.as_ref()));
        let grants = || Grants::new(operation.grants(), resources.clone());
        // Both closures need it, at different times.
        let progress = std::cell::RefCell::new(progress);
        let mut proceed = |plan: &Planned, steps: &mut Steps| {
            check(plan)?;
            progress.borrow_mut().planned(plan, steps)
        };
        let mut done = |task: &Task| progress.borrow_mut().done(task);
        self.engine
            .transfer(request, self.options.workers, &grants, &mut proceed, &mut done)
            .map_err(|error| match directory {
                Some(directory) => directory.failed(error),
                None => error,
            })
    }

    /// Checks that builds are signed, if they must be. A tree that no build led to cannot be.
    fn signed<'a>(
        &'a self,
        builds: &'a [Build],
        from: Option<&'a CircleciSource>,
    ) -> impl Iterator<Item = Result<(), Error>> + 'a {
        let none = (builds.is_empty() && self.options.require_signed.is_some()).then(|| {
            Err(Error::Unsigned {
                build: "a tree without a build".to_owned(),
                reason: "only builds are signed".to_owned(),
            })
        });
        builds
            .iter()
            .map(move |build| self.check_signature(build, from))
            .chain(none)
    }

    /// Checks that a build is signed by the key that is required, if one is.
    fn check_signature(&self, build: &Build, from: Option<&CircleciSource>) -> Result<(), Error> {
        let Some(key) = &self.options.require_signed else {
            return Ok(());
        };
        let statement = self.statement(build)?;
        let mut found = self.signature(build, &key.id(), from)?;
        if found
            .envelope
            .as_ref()
            .is_some_and(|it| !key.verifies(it, &statement))
        {
            // Bytes can be altered on their way: a signature is read once more before it is called none.
            found = self.signature(build, &key.id(), from)?;
        }
        let FoundSignature { envelope, others } = found;
        let reason = match envelope {
            Some(envelope) if key.verifies(&envelope, &statement) => return Ok(()),
            Some(_) => format!(
                "the signature by the key {} is of another build or was altered",
                key.id()
            ),
            None if others == 0 => "it is not signed".to_owned(),
            None => format!("none of its {others} signatures is by the key {}", key.id()),
        };
        Err(Error::Unsigned {
            build: build.selector.clone(),
            reason,
        })
    }

    /// Checks, where a signature is required, that builds are of the project and the artifact that were asked about: a
    /// signed build of another one is none of this.
    fn check_asked(&self, builds: &[Build], scope: &Scope) -> Result<(), Error> {
        // At CircleCI the project has several names, and the API knows whose jobs these are.
        if self.options.require_signed.is_none() || scope.circleci.is_some() {
            return Ok(());
        }
        let is_other = |build: &&Build| {
            let (project, name) = (&scope.context.project, &scope.name);
            project.as_ref().is_some_and(|project| *project != build.project)
                || name.as_ref().is_some_and(|name| *name != build.artifact)
        };
        match builds.iter().find(is_other) {
            None => Ok(()),
            Some(build) => Err(Error::Unsigned {
                build: build.selector.clone(),
                reason: format!(
                    "it is of {} of {}, which was not asked for",
                    build.artifact, build.project
                ),
            }),
        }
    }

    /// Returns the builds that a selector means: several for a workspace and for parallel nodes.
    pub fn resolve(&self, scope: &Scope) -> Result<Resolution, Error> {
        let asked = scope.clone();
        self.ask_about(scope.circleci.as_ref())?
            .call("resolve", move |store, plugin| {
                plugin.baton_plugin_builds().call_resolve(store, &asked)
            })
    }

    /// Returns builds, newest first.
    pub fn list(&self, query: &Query) -> Result<Vec<Build>, Error> {
        let asked = query.clone();
        self.ask_about(query.scope.circleci.as_ref())?
            .call("list", move |store, plugin| {
                plugin.baton_plugin_builds().call_list(store, &asked)
            })
    }

    /// Returns the names of a project's artifacts that follow `after`, at most `limit` of them: 1 to 1,000.
    pub fn artifacts(&self, context: &BuildContext, after: Option<&str>, limit: u32) -> Result<Names, Error> {
        let (context, after) = (context.clone(), after.map(str::to_owned));
        self.instance(Operation::LookUp)?
            .call("artifacts", move |store, plugin| {
                plugin
                    .baton_plugin_builds()
                    .call_artifacts(store, &context, after.as_deref(), limit)
            })
    }

    /// Returns the channels of an artifact that follow `after`, each by its last move, at most `limit` of them: 1 to 1,000.
    pub fn channels(
        &self,
        context: &BuildContext,
        artifact: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<ChannelPage, Error> {
        let (context, artifact) = (context.clone(), artifact.to_owned());
        let after = after.map(str::to_owned);
        self.instance(Operation::LookUp)?
            .call("channels", move |store, plugin| {
                plugin
                    .baton_plugin_channels()
                    .call_list(store, &context, &artifact, after.as_deref(), limit)
            })
    }

    /// Returns the builds that a selector means, and their files.
    pub fn show(&self, scope: &Scope) -> Result<Details, Error> {
        let mut instance = self.ask_about(scope.circleci.as_ref())?;
        let scope = scope.clone();
        let details = instance.call("show", move |store, plugin| {
            plugin.baton_plugin_builds().call_show(store, &scope)
        })?;
        Ok(Details {
            builds: details.builds,
            entries: Paged::new(instance, details.entries, |instance, page| {
                instance.call("entries", move |store, plugin| {
                    plugin.baton_plugin_builds().call_entries(store, &page)
                })
            }),
            warnings: details.warnings,
        })
    }

    /// Returns what differs between the files that two selectors mean.
    pub fn diff(&self, before: &Scope, after: &Scope) -> Result<Difference, Error> {
        let sources = [before, after]
            .into_iter()
            .filter_map(|scope| scope.circleci.as_ref());
        let mut instance = self.ask_about(sources)?;
        let (before, after) = (before.clone(), after.clone());
        let difference = instance.call("diff", move |store, plugin| {
            plugin.baton_plugin_builds().call_diff(store, &before, &after)
        })?;
        Ok(Difference {
            before: difference.before,
            after: difference.after,
            changes: Paged::new(instance, difference.changes, |instance, page| {
                instance.call("changes", move |store, plugin| {
                    plugin.baton_plugin_builds().call_changes(store, &page)
                })
            }),
            warnings: difference.warnings,
        })
    }

    /// Points a channel at a build.
    pub fn promote(&self, request: &PromoteRequest) -> Result<Moved, Error> {
        let request = request.clone();
        self.instance(Operation::Move)?
            .call("promote", move |store, plugin| {
                plugin.baton_plugin_channels().call_promote(store, &request)
            })
    }

    /// Goes back to an earlier build, on a channel or as the latest of a branch.
    pub fn rollback(&self, request: &RollbackRequest) -> Result<Moved, Error> {
        let request = request.clone();
        self.instance(Operation::Move)?
            .call("rollback", move |store, plugin| {
                plugin.baton_plugin_channels().call_rollback(store, &request)
            })
    }

    /// Ends a hold.
    pub fn release(&self, pointer: &Pointer, scope: &Scope, reason: Option<&str>) -> Result<Moved, Error> {
        let (pointer, scope, reason) = (pointer.clone(), scope.clone(), reason.map(str::to_owned));
        self.instance(Operation::Move)?
            .call("release", move |store, plugin| {
                plugin
                    .baton_plugin_channels()
                    .call_release(store, &pointer, &scope, reason.as_deref())
            })
    }

    /// Returns the last moves, newest first, at most `limit`, and warnings of moves between them that are lost.
    pub fn history(&self, pointer: &Pointer, scope: &Scope, limit: u32) -> Result<Past, Error> {
        let (pointer, scope) = (pointer.clone(), scope.clone());
        self.instance(Operation::LookUp)?
            .call("history", move |store, plugin| {
                plugin
                    .baton_plugin_channels()
                    .call_history(store, &pointer, &scope, limit)
            })
    }

    /// Decides what a prune would remove. Changes nothing.
    pub fn plan_prune(&self, request: &PruneRequest) -> Result<PrunePlan, Error> {
        let resources = self.resources();
        let scratch = Arc::clone(&resources.scratch);
        let mut instance = self.start(Operation::PlanRemoval, resources)?;
        let request = request.clone();
        let plan = instance.call("decide", move |store, plugin| {
            plugin.baton_plugin_retention().call_decide(store, &request)
        })?;
        Ok(PrunePlan {
            builds: plan.builds,
            removed: plan.removed,
            deleted: plan.deleted,
            condemned: plan.condemned,
            decisions: Paged::new(instance, plan.decisions, |instance, page| {
                instance.call("decisions", move |store, plugin| {
                    plugin.baton_plugin_retention().call_decisions(store, &page)
                })
            }),
            rest: plan.rest,
            scratch,
        })
    }

    /// Does what was decided. The component may delete from the store.
    pub fn prune(&self, plan: &PrunePlan) -> Result<Pruned, Error> {
        let rest = plan.rest.clone();
        let resources = Resources {
            scratch: Arc::clone(&plan.scratch),
            ..self.resources()
        };
        self.start(Operation::Remove, resources)?
            .call("prune", move |store, plugin| {
                plugin.baton_plugin_retention().call_run(store, &rest)
            })
    }

    /// Decides what the removal of one build would remove. Changes nothing.
    pub fn plan_removal(&self, request: &RemoveRequest) -> Result<Removal, Error> {
        let resources = self.resources();
        let scratch = Arc::clone(&resources.scratch);
        let mut instance = self.start(Operation::PlanRemoval, resources)?;
        let request = request.clone();
        let removal = instance.call("decide-removal", move |store, plugin| {
            plugin
                .baton_plugin_retention()
                .call_decide_removal(store, &request)
        })?;
        Ok(Removal {
            builds: removal.builds,
            pointed: removal.pointed,
            rest: removal.rest,
            scratch,
        })
    }

    /// Removes the build. The component may delete from the store.
    pub fn remove(&self, plan: &Removal) -> Result<Pruned, Error> {
        let rest = plan.rest.clone();
        let resources = Resources {
            scratch: Arc::clone(&plan.scratch),
            ..self.resources()
        };
        self.start(Operation::Remove, resources)?
            .call("remove", move |store, plugin| {
                plugin.baton_plugin_retention().call_run(store, &rest)
            })
    }

    /// Returns what can be signed of a build: an in-toto statement that says what its record says, and is always the same.
    /// Of plain artifacts of CircleCI there is none.
    pub fn statement(&self, build: &Build) -> Result<Vec<u8>, Error> {
        if !build.tree.is_empty() {
            return Ok(statement::of(build));
        }
        Err(Error::Plugin(PluginError::Invalid(Problem {
            code: "plain-artifacts".to_owned(),
            message: format!(
                "{} has plain artifacts, of which CircleCI says neither sizes nor digests",
                build.selector
            ),
            subject: "circleci:".to_owned(),
            causes: Vec::new(),
        })))
    }

    /// Returns what lies where a build's signature by a key belongs.
    fn signature(
        &self,
        build: &Build,
        key_id: &str,
        from: Option<&CircleciSource>,
    ) -> Result<FoundSignature, Error> {
        let (build, key_id, source) = (build.clone(), key_id.to_owned(), from.cloned());
        self.ask_about(from)?.call("get", move |store, plugin| {
            plugin
                .baton_plugin_signatures()
                .call_get(store, &build, &key_id, source.as_ref())
        })
    }

    /// Sets the variable of a project of CircleCI that says which build is the latest. The component may set that one
    /// variable to that one number, besides what it may read.
    pub fn set_latest(&self, request: &SetLatestRequest) -> Result<LatestSet, Error> {
        let mut resources = self.resources();
        resources.egress = self.egress_with(|policy| {
            policy.with_change(Change {
                project: slug_path(&request.source.project),
                name: request.variable.clone(),
                number: request.number,
            })
        });
        let request = request.clone();
        self.start(Operation::SetLatest, resources)?
            .call("set-latest", move |store, plugin| {
                plugin.baton_plugin_circleci().call_set_latest(store, &request)
            })
    }

    /// Stores a signed statement of a build.
    fn add_signature(&self, build: &Build, key_id: &str, envelope: &[u8]) -> Result<(), Error> {
        let asked = self.ask_to_sign(build);
        let (build, key_id, envelope) = (build.clone(), key_id.to_owned(), envelope.to_vec());
        asked?.call("add", move |store, plugin| {
            plugin
                .baton_plugin_signatures()
                .call_add(store, &build, &key_id, &envelope)
        })
    }

    /// Asks to store the signature of a build, in place of one of what the build was before it was repaired.
    fn ask_to_sign(&self, build: &Build) -> Result<Instance, Error> {
        let resources = Resources {
            repairs: Repairs::of(Some(&build.project)),
            ..self.resources()
        };
        self.start(Operation::Sign, resources)
    }

    /// Asks about builds, which may be among the artifacts of these projects.
    fn ask_about<'a>(
        &self,
        sources: impl IntoIterator<Item = &'a CircleciSource>,
    ) -> Result<Instance, Error> {
        let resources = Resources {
            egress: self.egress_about(sources),
            ..self.resources()
        };
        self.start(Operation::LookUp, resources)
    }

    /// Returns the egress of a run about these projects.
    fn egress_about<'a>(&self, sources: impl IntoIterator<Item = &'a CircleciSource>) -> Option<Arc<Egress>> {
        let projects: Vec<String> = sources
            .into_iter()
            .map(|source| slug_path(&source.project))
            .collect();
        self.egress_with(|policy| policy.about(projects))
    }

    fn egress_with(&self, change: impl FnOnce(&Policy) -> Policy) -> Option<Arc<Egress>> {
        let egress = self.egress.as_ref()?;
        Some(Arc::new(Egress {
            policy: change(&egress.policy),
            ..(**egress).clone()
        }))
    }

    fn reserved(&self) -> ReservedPlaces {
        let own = self.store.directory().into_iter();
        let others = self.options.reserved.iter().map(PathBuf::as_path);
        ReservedPlaces::find(own.chain(others), self.options.home.as_deref())
    }

    /// Returns what a new run has to grant: the store, temporary space of its own, and neither a directory nor servers.
    fn resources(&self) -> Resources {
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
    fn instance(&self, operation: Operation) -> Result<Instance, Error> {
        self.start(operation, self.resources())
    }

    fn start(&self, operation: Operation, resources: Resources) -> Result<Instance, Error> {
        self.engine.instance(Grants::new(operation.grants(), resources)?)
    }
}

/// Only a component that is not baton's answers one request with the report of another.
fn wrong_report() -> Error {
    let message = "the component reported something else than was asked of it".to_owned();
    Error::Plugin(crate::problem::internal(message, ""))
}

//! Runs the component: one instance for a question, several on threads of their own for a transfer.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use wasmtime::component::{Linker, ResourceAny};
use wasmtime::{Store, UpdateDeadline};

use crate::bindings::{Planned, Plugin, PluginError, PluginPre, Report, Request, Task};
use crate::component::Component;
use crate::error::Error;
use crate::grants::{Ended, Grants, HasGrants};

/// How often a running component is looked at: how long an interruption takes at most.
const TICK: Duration = Duration::from_millis(20);

/// What one call may carry from the component: the largest is an object for the store. Lists that have no end come in pages.
const HOSTCALL_BYTES_MAX: usize = 256 << 20;

/// Asks a run to end. Cloned freely; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Ends the run that was given this, soon and with [`Error::Interrupted`].
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The component, ready to be instantiated any number of times.
pub(crate) struct Engine {
    engine: wasmtime::Engine,
    /// What errors call the component.
    name: String,
    plugin: PluginPre<Grants>,
    /// Whether compiled loops look up. Otherwise the grants do, at every call.
    interruptible: bool,
    interrupt: Interrupt,
}

impl Engine {
    pub(crate) fn new(component: &Component, interrupt: Interrupt) -> Result<Engine, Error> {
        let wrong = |error: wasmtime::Error| Error::Engine(format!("{error:#}"));
        let engine =
            wasmtime::Engine::new(&crate::tunables::config(!component.is_built_in())).map_err(wrong)?;
        let loaded = component.load(&engine)?;
        let mut linker: Linker<Grants> = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker).map_err(wrong)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_sync(&mut linker).map_err(wrong)?;
        Plugin::add_to_linker::<Grants, HasGrants>(&mut linker, |grants| grants).map_err(wrong)?;
        // What is missing here is what the component wants and nobody offers.
        let name = component.name();
        let invalid = |error: wasmtime::Error| Error::ComponentInvalid {
            name: name.clone(),
            reason: format!("{error:#}"),
        };
        let plugin = linker
            .instantiate_pre(&loaded)
            .and_then(PluginPre::new)
            .map_err(invalid)?;
        let interruptible = !component.is_built_in();
        if interruptible {
            start_ticking(&engine);
        }
        Ok(Engine {
            engine,
            name,
            plugin,
            interruptible,
            interrupt,
        })
    }

    /// Makes an instance with its grants.
    pub(crate) fn instance(&self, grants: Grants) -> Result<Instance, Error> {
        let mut store = Store::new(&self.engine, grants);
        store.limiter(|grants| &mut grants.limits);
        store.set_hostcall_fuel(HOSTCALL_BYTES_MAX);
        store.data_mut().start(&self.interrupt);
        if self.interruptible {
            store.set_epoch_deadline(1);
            store.epoch_deadline_callback(|store| {
                store.data().watch.check()?;
                Ok(UpdateDeadline::Continue(1))
            });
        }
        let plugin = self.plugin.instantiate(&mut store).map_err(|error| {
            match error.is::<wasmtime::Trap>() || store.data().limits.memory_refused() {
                true => ended("instantiate", &store, &error),
                // The built-in one has what it takes, so it is the system that does not give what an instance needs.
                false if !self.interruptible => Error::NoMemory(format!("{error:#}")),
                // Its exports have these names, but other types.
                false => Error::ComponentInvalid {
                    name: self.name.clone(),
                    reason: format!("{error:#}"),
                },
            }
        })?;
        Ok(Instance { store, plugin })
    }

    /// Plans a transfer and runs it: `grants` gives each instance its own. `progress` hears of every task that is done;
    /// `proceed` sees the plan and the steps of a dry run, and ends the run by returning `false` or an error.
    pub(crate) fn transfer(
        &self,
        request: &Request,
        workers: usize,
        grants: &(dyn Fn() -> Result<Grants, Error> + Sync),
        proceed: &mut dyn FnMut(&Planned, &mut Steps) -> Result<bool, Error>,
        progress: &mut dyn FnMut(&Task),
    ) -> Result<Option<Report>, Error> {
        let mut planner = self.instance(grants()?)?;
        let planned = planner.call("plan", |store, plugin| {
            plugin.baton_plugin_transfer().call_plan(store, request)
        })?;
        let mut steps = Paged::new(planner, planned.steps.clone(), |instance, page| {
            instance.call("steps", |store, plugin| {
                plugin.baton_plugin_transfer().call_steps(store, page)
            })
        });
        let proceeds = proceed(&planned, &mut steps);
        // An instance's memory never shrinks, so the one that planned ends before the workers start.
        drop(steps);
        match proceeds {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => {
                self.abandon(&planned.rest, grants);
                return Err(error);
            }
        }
        let Planned {
            tasks, shared, rest, ..
        } = planned;
        let run = self.run_tasks(tasks, &shared, workers, grants, progress);
        drop(shared);
        let finished = run.and_then(|outcomes| {
            let mut finisher = self.instance(grants()?)?;
            finisher.call("finish", |store, plugin| {
                plugin
                    .baton_plugin_transfer()
                    .call_finish(store, &rest, &outcomes)
            })
        });
        if finished.is_err() {
            self.abandon(&rest, grants);
        }
        finished.map(Some)
    }

    /// Takes back what a failed run left. Its own failure would only hide the one that led here, and the next run takes
    /// back what this could not.
    fn abandon(&self, rest: &[u8], grants: &(dyn Fn() -> Result<Grants, Error> + Sync)) {
        // Whoever interrupted the run wants this, too.
        self.interrupt.0.store(false, Ordering::Relaxed);
        let abandoned = grants()
            .and_then(|grants| self.instance(grants))
            .and_then(|mut instance| {
                instance.call("abandon", |store, plugin| {
                    plugin.baton_plugin_transfer().call_abandon(store, rest)
                })
            });
        drop(abandoned);
    }

    /// Runs all tasks. Returns their outcomes in order, and behind them those of the workers.
    fn run_tasks(
        &self,
        tasks: Vec<Task>,
        shared: &[u8],
        workers: usize,
        grants: &(dyn Fn() -> Result<Grants, Error> + Sync),
        progress: &mut dyn FnMut(&Task),
    ) -> Result<Vec<Vec<u8>>, Error> {
        let workers = workers.min(tasks.len()).max(1);
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let (sender, done) = mpsc::channel();
        let mut outcomes: Vec<Option<Vec<u8>>> = vec![None; tasks.len() + workers];
        let mut first_error = None;
        thread::scope(|scope| {
            for index in 0..workers {
                let (sender, tasks, next, failed) = (sender.clone(), &tasks, &next, &failed);
                scope.spawn(move || {
                    let work = || {
                        let mut instance = self.instance(grants()?)?;
                        let worker = Worker::new(&mut instance, index as u32, shared)?;
                        loop {
                            let number = next.fetch_add(1, Ordering::Relaxed);
                            // After a failure nobody needs the rest.
                            let Some(task) = tasks.get(number).filter(|_| !failed.load(Ordering::Relaxed))
                            else {
                                break;
                            };
                            let outcome = worker.run(&mut instance, &task.payload)?;
                            // The receiver outlives every worker.
                            let _ = sender.send(Ok((number, outcome)));
                        }
                        if failed.load(Ordering::Relaxed) {
                            return Ok(());
                        }
                        let outcome = worker.close(&mut instance)?;
                        let _ = sender.send(Ok((tasks.len() + index, outcome)));
                        Ok(())
                    };
                    if let Err(error) = work() {
                        failed.store(true, Ordering::Relaxed);
                        let _ = sender.send(Err(error));
                    }
                });
            }
            drop(sender);
            for message in done {
                match message {
                    Ok((number, outcome)) => {
                        if let Some(task) = tasks.get(number) {
                            progress(task);
                        }
                        if let Some(place) = outcomes.get_mut(number) {
                            *place = Some(outcome);
                        }
                    }
                    Err(error) => {
                        first_error.get_or_insert(error);
                    }
                }
            }
        });
        match first_error {
            Some(error) => Err(error),
            None => outcomes
                .into_iter()
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| Error::Engine("a worker ended without an outcome".to_owned())),
        }
    }
}

/// One instance of the component, with its grants.
pub(crate) struct Instance {
    store: Store<Grants>,
    plugin: Plugin,
}

impl Instance {
    /// Calls an export, under the limits.
    pub(crate) fn call<T>(
        &mut self,
        name: &'static str,
        call: impl FnOnce(&mut Store<Grants>, &Plugin) -> wasmtime::Result<Result<T, PluginError>>,
    ) -> Result<T, Error> {
        self.store.data_mut().watch.restart()?;
        match call(&mut self.store, &self.plugin) {
            // A call to a store ends early where the run is to end: what the component made of that is of no interest.
            Ok(Err(_)) if self.store.data().watch.is_interrupted() => Err(Error::Interrupted),
            Ok(outcome) => outcome.map_err(Error::Plugin),
            Err(error) => Err(ended(name, &self.store, &error)),
        }
    }
}

/// A long list that the component gives in pages. One is in memory at a time. After an error there are no more items.
pub struct Paged<T> {
    instance: Instance,
    pages: std::vec::IntoIter<Vec<u8>>,
    read: fn(&mut Instance, &Vec<u8>) -> Result<Vec<T>, Error>,
    page: std::vec::IntoIter<T>,
}

impl<T> Paged<T> {
    pub(crate) fn new(
        instance: Instance,
        pages: Vec<Vec<u8>>,
        read: fn(&mut Instance, &Vec<u8>) -> Result<Vec<T>, Error>,
    ) -> Paged<T> {
        Paged {
            instance,
            pages: pages.into_iter(),
            read,
            page: Vec::new().into_iter(),
        }
    }
}

impl<T> Iterator for Paged<T> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Result<T, Error>> {
        loop {
            if let Some(item) = self.page.next() {
                return Some(Ok(item));
            }
            let page = self.pages.next()?;
            match (self.read)(&mut self.instance, &page) {
                Ok(items) => self.page = items.into_iter(),
                Err(error) => {
                    self.pages = Vec::new().into_iter();
                    return Some(Err(error));
                }
            }
        }
    }
}

impl<T> std::fmt::Debug for Paged<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Paged")
            .field("pages", &self.pages.len())
            .finish_non_exhaustive()
    }
}

/// The steps of a dry run, in path order.
pub type Steps = Paged<crate::bindings::Step>;

/// One worker of a transfer, in an instance of its own.
struct Worker {
    handle: ResourceAny,
}

impl Worker {
    fn new(instance: &mut Instance, index: u32, shared: &[u8]) -> Result<Worker, Error> {
        let handle = instance.call("worker", |store, plugin| {
            plugin
                .baton_plugin_transfer()
                .worker()
                .call_constructor(store, index, shared)
                .map(Ok)
        })?;
        Ok(Worker { handle })
    }

    fn run(&self, instance: &mut Instance, task: &[u8]) -> Result<Vec<u8>, Error> {
        instance.call("worker.run", |store, plugin| {
            plugin
                .baton_plugin_transfer()
                .worker()
                .call_run(store, self.handle, task)
        })
    }

    fn close(&self, instance: &mut Instance) -> Result<Vec<u8>, Error> {
        instance.call("worker.close", |store, plugin| {
            plugin
                .baton_plugin_transfer()
                .worker()
                .call_close(store, self.handle)
        })
    }
}

/// Says why a call did not return.
fn ended(call: &'static str, store: &Store<Grants>, error: &wasmtime::Error) -> Error {
    let grants = store.data();
    match error.downcast_ref::<Ended>() {
        Some(Ended::Interrupted) => Error::Interrupted,
        Some(Ended::TimedOut) => Error::Timeout {
            call,
            limit: grants.limits.call_time_max,
        },
        None if grants.limits.memory_refused() => Error::Memory {
            call,
            limit_mib: (grants.limits.memory_bytes_max >> 20) as u64,
        },
        None => {
            let (stderr, trace) = (grants.stderr(), format!("{error:#}"));
            let report = if stderr.is_empty() {
                trace
            } else {
                format!("{stderr}\n{trace}")
            };
            Error::Trap { call, report }
        }
    }
}

/// Makes running components look up, until the engine is gone.
fn start_ticking(engine: &wasmtime::Engine) {
    let engine = engine.weak();
    thread::spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    });
}

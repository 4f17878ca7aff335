//! Runs the component: one instance for a question, several on threads of their own for a transfer.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use wasmtime::component::{Linker, ResourceAny};

use crate::bindings::transfer::{Planned, Report, Request, Task};
use crate::bindings::{Plugin, PluginPre};
use crate::component::Component;
use crate::error::Error;
use crate::grants::{Grants, HasGrants};
use crate::instance::{Instance, Loaded, in_time, too_many};
use crate::interrupt::{Interrupt, TICK};

/// How long the compilation of a component from a file may take.
const COMPILE_TIME_MAX: Duration = Duration::from_secs(300);
/// The time limit for removing what a failed run left.
const ABANDON_TIME_MAX: Duration = Duration::from_secs(30);

/// The maximum size of the outcomes of all tasks together. Those of a million files are some MiB.
const OUTCOMES_BYTES_MAX: usize = 64 << 20;
/// A plan has no more tasks: one is some 16 MiB.
const TASKS_MAX: usize = 1_000_000;
/// The maximum size of the part of a plan that each worker receives. The places of the packs of a store among artifacts are
/// some MiB.
const SHARED_BYTES_MAX: usize = 64 << 20;

/// Creates the grants of each instance of a run.
type NewGrants<'a> = dyn Fn() -> Result<Grants, Error> + Sync + 'a;

/// The component, ready to be instantiated any number of times.
pub(crate) struct Engine {
    loaded: Arc<Loaded>,
    interrupt: Interrupt,
}

impl Engine {
    pub(crate) fn new(component: &Component, interrupt: Interrupt) -> Result<Engine, Error> {
        let wrong = |error: wasmtime::Error| Error::Engine(format!("{error:#}"));
        let engine =
            wasmtime::Engine::new(&crate::tunables::config(!component.is_built_in())).map_err(wrong)?;
        let loaded = load(component, &engine, &interrupt)?;
        let mut linker: Linker<Grants> = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker).map_err(wrong)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_sync(&mut linker).map_err(wrong)?;
        Plugin::add_to_linker::<Grants, HasGrants>(&mut linker, |grants| grants).map_err(wrong)?;
        // An error here is an import of the component that this host does not provide.
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
        let loaded = Arc::new(Loaded {
            engine,
            name,
            plugin,
            interruptible,
        });
        Ok(Engine { loaded, interrupt })
    }

    /// Creates an instance with its grants.
    pub(crate) fn instance(&self, grants: Grants) -> Result<Instance, Error> {
        Instance::start(Arc::clone(&self.loaded), grants, self.interrupt.clone())
    }

    /// Plans a transfer. Returns the plan and the instance that made it, which can list its steps.
    pub(crate) fn plan(
        &self,
        request: &Request,
        grants: &NewGrants<'_>,
    ) -> Result<(Planned, Instance), Error> {
        let mut planner = self.instance(grants()?)?;
        let request = request.clone();
        let planned = planner.call("plan", move |store, plugin| {
            plugin.baton_plugin_transfer().call_plan(store, &request)
        });
        match planned {
            Ok(planned) => Ok((planned, planner)),
            Err(error) => {
                drop(planner);
                // A component that answers has removed what it left.
                if !matches!(error, Error::Plugin(_)) {
                    self.abandon(None, grants);
                }
                Err(error)
            }
        }
    }

    /// Plans a transfer and runs it: `grants` gives each instance its own. `check_plan` sees the plan, and ends the run with
    /// an error; `progress` is called after each task.
    pub(crate) fn transfer(
        &self,
        request: &Request,
        workers: usize,
        grants: &NewGrants<'_>,
        check_plan: &mut dyn FnMut(&Planned) -> Result<(), Error>,
        progress: &mut dyn FnMut(&Task),
    ) -> Result<Report, Error> {
        let (planned, planner) = self.plan(request, grants)?;
        // An instance's memory never shrinks, so the one that planned ends before the workers start.
        drop(planner);
        if let Err(error) = check_plan(&planned) {
            self.abandon(Some(&planned.rest), grants);
            return Err(error);
        }
        let Planned {
            tasks, shared, rest, ..
        } = planned;
        let run = check(shared.len(), SHARED_BYTES_MAX, "bytes for each worker")
            .and_then(|()| check(tasks.len(), TASKS_MAX, "tasks"))
            .and_then(|()| self.run_tasks(tasks, &shared, workers, grants, progress));
        drop(shared);
        let finished = run.and_then(|outcomes| {
            let mut finisher = self.instance(grants()?)?;
            let rest = rest.clone();
            finisher.call("finish", move |store, plugin| {
                plugin
                    .baton_plugin_transfer()
                    .call_finish(store, &rest, &outcomes)
            })
        });
        if finished.is_err() {
            self.abandon(Some(&rest), grants);
        }
        finished
    }

    /// Removes what a failed run left: with the rest of its plan, or without one if the plan failed. A failure of this call
    /// would only hide the original one, and the next run removes what remains.
    fn abandon(&self, rest: Option<&[u8]>, grants: &NewGrants<'_>) {
        let abandoned = grants().and_then(|mut grants| {
            // What has changed nothing has left nothing.
            if !grants.has_changed_files() {
                return Ok(());
            }
            grants.limits.call_time_max = grants.limits.call_time_max.min(ABANDON_TIME_MAX);
            // Who interrupted the run wants this, too.
            let mut instance = Instance::start(Arc::clone(&self.loaded), grants, Interrupt::default())?;
            let rest = rest.map(<[u8]>::to_vec);
            instance.call("abandon", move |store, plugin| {
                plugin
                    .baton_plugin_transfer()
                    .call_abandon(store, rest.as_deref())
            })
        });
        drop(abandoned);
    }

    /// Runs all tasks. Returns their outcomes in order, and after them those of the workers.
    fn run_tasks(
        &self,
        tasks: Vec<Task>,
        shared: &[u8],
        workers: usize,
        grants: &NewGrants<'_>,
        progress: &mut dyn FnMut(&Task),
    ) -> Result<Vec<Vec<u8>>, Error> {
        let workers = workers.min(tasks.len()).max(1);
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let (sender, done) = mpsc::channel();
        let mut outcomes: Vec<Option<Vec<u8>>> = vec![None; tasks.len() + workers];
        let mut first_error = None;
        let mut outcomes_bytes = 0;
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
                let sized = message.and_then(|(number, outcome)| {
                    outcomes_bytes += outcome.len();
                    check(outcomes_bytes, OUTCOMES_BYTES_MAX, "bytes as outcomes")?;
                    Ok((number, outcome))
                });
                match sized {
                    Ok((number, outcome)) => {
                        if let Some(task) = tasks.get(number) {
                            progress(task);
                        }
                        if let Some(place) = outcomes.get_mut(number) {
                            *place = Some(outcome);
                        }
                    }
                    Err(error) => {
                        failed.store(true, Ordering::Relaxed);
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

/// One worker of a transfer, in an instance of its own.
struct Worker {
    handle: ResourceAny,
}

impl Worker {
    fn new(instance: &mut Instance, index: u32, shared: &[u8]) -> Result<Worker, Error> {
        let shared = shared.to_vec();
        let handle = instance.call("worker", move |store, plugin| {
            plugin
                .baton_plugin_transfer()
                .worker()
                .call_constructor(store, index, &shared)
                .map(Ok)
        })?;
        Ok(Worker { handle })
    }

    fn run(&self, instance: &mut Instance, task: &[u8]) -> Result<Vec<u8>, Error> {
        let (handle, task) = (self.handle, task.to_vec());
        instance.call("worker.run", move |store, plugin| {
            plugin
                .baton_plugin_transfer()
                .worker()
                .call_run(store, handle, &task)
        })
    }

    fn close(&self, instance: &mut Instance) -> Result<Vec<u8>, Error> {
        let handle = self.handle;
        instance.call("worker.close", move |store, plugin| {
            plugin.baton_plugin_transfer().worker().call_close(store, handle)
        })
    }
}

fn check(count: usize, most: usize, what: &str) -> Result<(), Error> {
    match count <= most {
        true => Ok(()),
        false => Err(too_many(most, what)),
    }
}

/// Prepares a component to run. The compilation of one from a file may take any time.
fn load(
    component: &Component,
    engine: &wasmtime::Engine,
    interrupt: &Interrupt,
) -> Result<wasmtime::component::Component, Error> {
    if component.is_built_in() {
        return component.load(engine);
    }
    let (engine, compiled) = (engine.clone(), component.clone());
    in_time(COMPILE_TIME_MAX, interrupt, move || compiled.load(&engine))?.ok_or_else(|| {
        Error::ComponentInvalid {
            name: component.name(),
            reason: format!("compiling it takes longer than {} s", COMPILE_TIME_MAX.as_secs()),
        }
    })
}

/// Lets running components check whether they must end, until the engine is dropped.
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

//! One instance of the component on a thread of its own, and the thread that waits for it.
//!
//! A call may be stuck in the host, where neither compiled loops nor grants look whether it must end: in a sleep, in a poll,
//! or in the open of a file that does not answer. So a call is also ended from outside: who waits for the thread stops to
//! wait for it some time after the call should have ended, and leaves it behind. The thread ends with the process, or, as it
//! is looked at before anything else is served, when it comes back.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wasmtime::{Store, UpdateDeadline};

use crate::bindings::types::Error as Reported;
use crate::bindings::{Plugin, PluginPre};
use crate::error::Error;
use crate::grants::{Ended, Grants, Watch};
use crate::interrupt::{Interrupt, TICK};
use crate::mirror::Convert as _;
use crate::plugin_error::{PluginError, Problem};

/// The maximum size of one call of the component: the largest is an object for the store. Lists without a limit come in
/// pages.
const HOSTCALL_BYTES_MAX: usize = 256 << 20;
/// The call that gives files their names. Once it has begun, an interrupt lets it come to its end.
const FINISH: &str = "finish";

/// The component, linked: instances share it.
pub(crate) struct Loaded {
    pub(crate) engine: wasmtime::Engine,
    /// Its name in errors.
    pub(crate) name: String,
    pub(crate) plugin: PluginPre<Grants>,
    /// Whether compiled loops check whether they must end. Otherwise the grants do, at every call.
    pub(crate) interruptible: bool,
}

/// One instance of the component, with its grants. When it is dropped, its memory is free.
pub(crate) struct Instance {
    /// Absent where the thread was left behind.
    running: Option<(Sender<Call>, JoinHandle<()>)>,
    watch: Watch,
}

type Call = Box<dyn FnOnce(&mut Running) + Send>;

impl Instance {
    /// Creates an instance.
    pub(crate) fn start(
        loaded: Arc<Loaded>,
        mut grants: Grants,
        interrupt: Interrupt,
    ) -> Result<Instance, Error> {
        let watch = Watch::new(grants.limits.call_time_max, interrupt);
        grants.watch = watch.clone();
        let (calls, received) = mpsc::channel::<Call>();
        let (ready, outcome) = mpsc::channel();
        let thread = spawn("baton-instance", move || {
            let mut running = match Running::new(&loaded, grants) {
                Ok(running) => running,
                Err(error) => return drop(ready.send(Err(error))),
            };
            // Nobody receives it where this thread was left behind.
            let _ = ready.send(Ok(()));
            for call in received {
                call(&mut running);
            }
        })?;
        let mut instance = Instance {
            running: Some((calls, thread)),
            watch,
        };
        instance.wait("instantiate", &outcome)?;
        Ok(instance)
    }

    /// Calls an export, under the limits.
    pub(crate) fn call<T: Send + 'static>(
        &mut self,
        name: &'static str,
        call: impl FnOnce(&mut Store<Grants>, &Plugin) -> wasmtime::Result<Result<T, Reported>> + Send + 'static,
    ) -> Result<T, Error> {
        let Some((calls, _)) = &self.running else {
            return Err(Error::Engine(format!("`{name}` has no instance to run in")));
        };
        self.watch.restart(name == FINISH)?;
        let (answer, outcome) = mpsc::channel();
        let call: Call = Box::new(move |running| {
            // Nobody receives it where this thread was left behind.
            let _ = answer.send(running.call(name, call));
        });
        // A thread that has ended drops the call, and with it `answer`.
        let _ = calls.send(call);
        self.wait(name, &outcome)
    }

    /// Waits for what the thread answers, and leaves it behind where it does not.
    fn wait<T>(&mut self, name: &'static str, outcome: &Receiver<Result<T, Error>>) -> Result<T, Error> {
        wait(&self.watch, outcome).unwrap_or_else(|ended| {
            self.running = None;
            Err(match ended {
                Some(ended) => ended_by_host(name, ended, self.watch.limit()),
                None => Error::Engine(format!("the thread of an instance ended in `{name}`")),
            })
        })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some((calls, thread)) = self.running.take() {
            drop(calls);
            // A panic of it was reported where it was waited for.
            let _ = thread.join();
        }
    }
}

/// Does something that cannot be looked at on a thread of its own. Returns nothing where it takes longer than `limit`.
pub(crate) fn in_time<T: Send + 'static>(
    limit: Duration,
    interrupt: &Interrupt,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<Option<T>, Error> {
    let (answer, outcome) = mpsc::channel();
    spawn("baton-work", move || {
        // Nobody receives it where this thread was left behind.
        let _ = answer.send(work());
    })?;
    match wait(&Watch::new(limit, interrupt.clone()), &outcome) {
        Ok(outcome) => outcome.map(Some),
        Err(Some(Ended::Interrupted)) => Err(Error::Interrupted),
        Err(Some(Ended::TimedOut)) => Ok(None),
        Err(None) => Err(Error::Engine("a thread ended without an answer".to_owned())),
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| Error::NoMemory(format!("a thread cannot be started: {error}")))
}

/// Waits for an answer until it is overdue, and then returns why. Without a reason, the thread has ended.
fn wait<T>(watch: &Watch, outcome: &Receiver<T>) -> Result<T, Option<Ended>> {
    loop {
        match outcome.recv_timeout(TICK) {
            Ok(outcome) => return Ok(outcome),
            Err(RecvTimeoutError::Disconnected) => return Err(None),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(ended) = watch.overdue() {
            return Err(Some(ended));
        }
    }
}

/// The instance as its thread has it.
struct Running {
    store: Store<Grants>,
    plugin: Plugin,
}

impl Running {
    fn new(loaded: &Loaded, grants: Grants) -> Result<Running, Error> {
        let mut store = Store::new(&loaded.engine, grants);
        store.limiter(|grants| &mut grants.limits);
        store.set_hostcall_fuel(HOSTCALL_BYTES_MAX);
        if loaded.interruptible {
            store.set_epoch_deadline(1);
            store.epoch_deadline_callback(|store| {
                store.data().watch.check()?;
                Ok(UpdateDeadline::Continue(1))
            });
        }
        let plugin = loaded.plugin.instantiate(&mut store).map_err(|error| {
            let is_ended = error.is::<wasmtime::Trap>() || error.is::<Ended>();
            match is_ended || store.data().limits.memory_refused() {
                true => ended("instantiate", &store, &error),
                // The built-in one has what it takes, so it is the system that does not give what an instance needs.
                false if !loaded.interruptible => Error::NoMemory(format!("{error:#}")),
                // Its exports have these names, but other types.
                false => Error::ComponentInvalid {
                    name: loaded.name.clone(),
                    reason: format!("{error:#}"),
                },
            }
        })?;
        Ok(Running { store, plugin })
    }

    fn call<T>(
        &mut self,
        name: &'static str,
        call: impl FnOnce(&mut Store<Grants>, &Plugin) -> wasmtime::Result<Result<T, Reported>>,
    ) -> Result<T, Error> {
        match call(&mut self.store, &self.plugin) {
            // A call to a store ends early where the run is to end: what the component made of that is of no interest.
            Ok(Err(_)) if self.store.data().watch.is_interrupted() => Err(Error::Interrupted),
            Ok(outcome) => outcome.map_err(|error| Error::Plugin(error.convert())),
            Err(error) => Err(ended(name, &self.store, &error)),
        }
    }
}

/// Says why a call did not return.
fn ended(call: &'static str, store: &Store<Grants>, error: &wasmtime::Error) -> Error {
    let grants = store.data();
    match error.downcast_ref::<Ended>() {
        Some(ended) => ended_by_host(call, *ended, grants.watch.limit()),
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

/// Returns the error for more than baton's own component ever returns.
pub(crate) fn too_many(most: usize, what: &str) -> Error {
    let message = format!("the component returned more than {most} {what}");
    Error::Plugin(PluginError::Internal(Problem::new("internal", message)))
}

fn ended_by_host(call: &'static str, ended: Ended, limit: Duration) -> Error {
    match ended {
        Ended::Interrupted => Error::Interrupted,
        Ended::TimedOut => Error::Timeout { call, limit },
    }
}

/// A list has no more pages: baton's own component makes some for a million entries, of a MiB each.
const PAGES_MAX: usize = 100_000;

/// A long list that the component gives in pages. One is in memory at a time. After an error there are no more items.
pub struct Paged<T> {
    instance: Instance,
    pages: std::vec::IntoIter<Vec<u8>>,
    read: fn(&mut Instance, Vec<u8>) -> Result<Vec<T>, Error>,
    page: std::vec::IntoIter<T>,
}

impl<T> Paged<T> {
    pub(crate) fn new(
        instance: Instance,
        pages: Vec<Vec<u8>>,
        read: fn(&mut Instance, Vec<u8>) -> Result<Vec<T>, Error>,
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
            let left = self.pages.len();
            let page = self.pages.next()?;
            let read = match left > PAGES_MAX {
                true => Err(too_many(PAGES_MAX, "pages")),
                false => (self.read)(&mut self.instance, page),
            };
            match read {
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

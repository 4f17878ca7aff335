//! The grants of a run: the component reaches nothing else. One file for each import.

mod access;
mod attributes;
mod directory;
mod egress;
mod entries;
mod gate;
mod limits;
mod repair;
mod scratch;
mod standing;
mod store;
mod waiting;
mod watch;

use std::sync::Arc;

use wasmtime::component::{HasData, ResourceTable};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

pub use access::{Access, GrantSet, NetworkAccess, Operation, StoreAccess};
pub(crate) use directory::Directory;
pub(crate) use egress::{Change, Origin, Policy, is_inner};
pub(crate) use gate::Egress;
pub(crate) use limits::Limits;
pub(crate) use repair::Repairs;
pub(crate) use scratch::Scratch;
pub(crate) use standing::ReservedPlaces;
pub use waiting::OnWait;
pub(crate) use watch::{Ended, Watch};

use self::gate::Gate;
use crate::bindings::types::Error as PluginError;
use crate::error::Error;
use crate::store::ObjectStore;

/// The size of the part of a component's standard error that is kept for the report of a crash.
const STDERR_BYTES_MAX: usize = 16 << 10;

/// The resources that a run can grant. Its instances share most of them.
#[derive(Clone)]
pub(crate) struct Resources {
    pub(crate) store: Arc<dyn ObjectStore>,
    /// Where the store may be repaired.
    pub(crate) repairs: Repairs,
    pub(crate) directory: Option<Arc<Directory>>,
    pub(crate) scratch: Arc<Scratch>,
    pub(crate) egress: Option<Arc<Egress>>,
    pub(crate) on_wait: Option<OnWait>,
    pub(crate) limits: Limits,
}

/// The grants of one instance of the component.
pub(crate) struct Grants {
    store: Arc<dyn ObjectStore>,
    store_access: Option<StoreAccess>,
    repairs: Repairs,
    directory: Option<Arc<Directory>>,
    scratch: Arc<Scratch>,
    pub(crate) limits: Limits,
    /// Set by the instance.
    pub(crate) watch: Watch,
    /// The file that was written last, by its path: most writes continue in it.
    written: Option<(String, std::fs::File)>,
    names: Option<entries::Names>,
    on_wait: Option<OnWait>,
    gate: Gate,
    http: WasiHttpCtx,
    stderr: MemoryOutputPipe,
    wasi: WasiCtx,
    table: ResourceTable,
}

/// Gives the generated code what it needs of the state.
pub(crate) struct HasGrants;

impl HasData for HasGrants {
    type Data<'a> = &'a mut Grants;
}

impl crate::bindings::types::Host for Grants {}

impl Grants {
    /// Creates the state of one instance with exactly the access of `set`.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`] if the directory cannot be granted, or was opened for another access than `set` has.
    pub(crate) fn new(set: GrantSet, resources: Resources) -> Result<Grants, Error> {
        let Resources {
            store,
            repairs,
            directory,
            scratch,
            egress,
            on_wait,
            limits,
        } = resources;
        if directory.as_deref().map(Directory::access) != set.directory {
            return Err(Error::Engine(
                "the directory of a run was opened for another access than its operation has".to_owned(),
            ));
        }
        let stderr = MemoryOutputPipe::new(STDERR_BYTES_MAX);
        let mut wasi = WasiCtxBuilder::new();
        // Before the directory: a blocking call then stays on its thread, which makes walks and reads of small files
        // several times faster. Each instance has a thread of its own.
        wasi.allow_blocking_current_thread(true);
        wasi.stderr(stderr.clone());
        if let Some(directory) = &directory {
            let permissions = match directory.access() {
                Access::Read => FsPerms::ReadOnly,
                Access::Write => FsPerms::ReadWrite,
            };
            wasi.preopened_dir(directory.opened_path(), ".", permissions)
                .map_err(|error| Error::Engine(format!("the directory cannot be granted: {error:#}")))?;
        }
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles_max);
        Ok(Grants {
            store,
            store_access: set.store,
            repairs,
            directory,
            scratch,
            limits,
            watch: Watch::default(),
            written: None,
            names: None,
            on_wait,
            gate: Gate::new(egress.filter(|_| set.network.is_some())),
            http: WasiHttpCtx::new(),
            stderr,
            wasi: wasi.build(),
            table,
        })
    }

    /// Whether the run may have changed something in its directory.
    pub(crate) fn has_changed_files(&self) -> bool {
        self.directory.as_deref().is_some_and(Directory::is_changed)
    }

    /// Serves a call, unless the call that led here must end.
    fn watched<T>(
        &mut self,
        serve: impl FnOnce(&mut Grants) -> Result<T, PluginError>,
    ) -> wasmtime::Result<Result<T, PluginError>> {
        self.watch.check()?;
        let served = serve(self);
        if served.is_err() {
            // Calls that take long look, too, whether they must end.
            self.watch.check()?;
        }
        Ok(served)
    }

    /// Returns what the component wrote to its standard error.
    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.contents())
            .trim_end()
            .to_owned()
    }
}

impl WasiView for Grants {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Grants {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        // Without more room for what requests leave in the table, it would be full after some hundred of them.
        let room = self.limits.handles_max.saturating_add(self.gate.leftovers());
        self.table.set_max_capacity(room);
        self.gate.set_watch(self.watch.clone());
        WasiHttpCtxView {
            hooks: &mut self.gate,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

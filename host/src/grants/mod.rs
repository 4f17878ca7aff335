//! What a run is granted: the component reaches nothing else. A file an import.

mod attributes;
mod directory;
mod egress;
mod entries;
mod http;
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
use wasmtime_wasi_http::WasiHttpCtx;

pub(crate) use directory::Directory;
pub(crate) use egress::{Change, Origin, Policy, is_inner};
pub(crate) use http::Egress;
pub(crate) use limits::Limits;
pub(crate) use repair::Repairs;
pub(crate) use scratch::Scratch;
pub(crate) use standing::ReservedPlaces;
pub use waiting::OnWait;
pub(crate) use watch::{Ended, Watch};

use self::http::Gate;
use crate::bindings::PluginError;
use crate::error::Error;
use crate::store::ObjectStore;

/// How much of what a component writes to its standard error is kept for the report of a crash.
const STDERR_BYTES_MAX: usize = 16 << 10;

/// What a directory may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Only looked at.
    Read,
    /// Changed, too.
    Write,
}

/// What a store may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreAccess {
    /// Objects are read.
    Read,
    /// Objects are created, too: what exists stays.
    Create,
    /// What is damaged is replaced, too, within the bounds of a repair.
    Repair,
    /// Objects are created and deleted, and none is replaced.
    Delete,
}

/// Which servers an instance may ask, and who hears that it waits for one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Network {
    /// Absent: none.
    pub(crate) egress: Option<Arc<Egress>>,
    pub(crate) on_wait: Option<OnWait>,
}

/// What one instance of the component is granted.
pub(crate) struct Grants {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) store_access: StoreAccess,
    /// Where the access is [`StoreAccess::Repair`].
    pub(crate) repairs: Repairs,
    pub(crate) directory: Option<Arc<Directory>>,
    pub(crate) scratch: Arc<Scratch>,
    pub(crate) limits: Limits,
    /// Set by the instance.
    pub(crate) watch: Watch,
    /// The file that was written last, by its path: most writes go on in it.
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
    /// Makes the state of one instance: no environment, no arguments, no sockets, one directory if any, and HTTP to
    /// whom the gate lets pass.
    pub(crate) fn new(
        store: Arc<dyn ObjectStore>,
        (store_access, repairs): (StoreAccess, Repairs),
        directory: Option<Arc<Directory>>,
        scratch: Arc<Scratch>,
        network: Network,
        limits: Limits,
    ) -> Result<Grants, Error> {
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
            store_access,
            repairs,
            directory,
            scratch,
            limits,
            watch: Watch::default(),
            written: None,
            names: None,
            on_wait: network.on_wait,
            gate: Gate::new(network.egress),
            http: http::context(),
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

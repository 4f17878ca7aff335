//! The threads that speak to a bucket, and how a caller waits for them.

use std::future::Future;

use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};

/// Threads that move bytes and encrypt them.
const IO_THREADS: usize = 2;

/// An async runtime of a store's own. It can be used and dropped on any thread, those of another runtime included.
pub(super) struct IoRuntime {
    handle: Handle,
    /// Present until it is dropped.
    runtime: Option<Runtime>,
}

impl IoRuntime {
    pub(super) fn start() -> std::io::Result<IoRuntime> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(IO_THREADS)
            .thread_name("store-io")
            .enable_io()
            .enable_time()
            .build()?;
        Ok(IoRuntime {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }

    /// Enters the runtime, so that what is created here uses it.
    pub(super) fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// Waits for a future, and blocks this thread.
    pub(super) fn block_on<T, F>(&self, future: impl FnOnce() -> F + Send) -> T
    where
        T: Send,
        F: Future<Output = T>,
    {
        if Handle::try_current().is_err() {
            return self.handle.block_on(future());
        }
        // tokio panics if a task of one runtime waits for another runtime on its own thread.
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| self.handle.block_on(future()));
            waiting
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for IoRuntime {
    fn drop(&mut self) {
        // tokio panics if a task of another runtime drops a runtime in the usual way, which waits. No call is under way.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

//! How runs behave: limits, keys, and the services that they use.

use std::path::PathBuf;
use std::time::Duration;

use crate::circleci_access::CircleCi;
use crate::component::Component;
use crate::grants::OnWait;
use crate::interrupt::Interrupt;
use crate::signing::{SigningKey, VerifyingKey};

/// More workers gain nothing on one disk, and each needs some 25 MiB.
const WORKERS_MAX: usize = 8;

/// The behaviour of a [`Baton`](crate::Baton). The defaults suit a CI job: change the fields that you need.
///
/// ```
/// let mut options = baton_host::Options::default();
/// options.workers = 2;
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// The component that decides. Default: the built-in one.
    pub component: Component,
    /// The number of workers that share a transfer. Default: the number of cores, at most 8.
    pub workers: usize,
    /// The most memory of one instance of the component, in bytes. Default: 512 MiB, enough for a tree of a million entries; a
    /// worker needs 25 MiB.
    pub memory_bytes_max: usize,
    /// The most temporary space of one run, in bytes. A run with many files keeps its lists there: 16 MiB in memory, and the rest
    /// in a file without a name. Default: 16 GiB.
    pub scratch_bytes_max: u64,
    /// The directory of that file. Default: `/tmp`; the command uses the system's directory for temporary files.
    pub scratch_dir: PathBuf,
    /// The longest time for one call into the component: one task, or the plan of a transfer. Default: 15 minutes. A component
    /// from a file is ended anywhere, the built-in one when it next calls the host.
    pub call_time_max: Duration,
    /// The most directories and files that one instance may hold open. Default: 256.
    pub handles_max: usize,
    /// Ends a run early.
    pub interrupt: Interrupt,
    /// The access to CircleCI, for scopes that search its artifacts. Default: none, and no server is reached.
    pub circleci: Option<CircleCi>,
    /// Called before the run waits for a server. Default: no callback.
    pub on_wait: Option<OnWait>,
    /// Directories, besides the store's, that baton keeps for itself: their contents are neither persisted nor removed.
    /// Default: none.
    pub reserved: Vec<PathBuf>,
    /// The key that signs builds. Default: builds are not signed. The signed text has the host's knowledge of the job, and a
    /// tree. Another component than the built-in one can name a tree of other files than it read.
    pub sign: Option<SigningKey>,
    /// The key that must have signed a build: an attach refuses any other build, a verify reports it. Default: none. The
    /// component checks that the files are those of the signed tree.
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

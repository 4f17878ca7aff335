//! Brings the machine to rest before a timed run, so that no run pays for the work of an earlier one.
//!
//! Writes reach the disk after a run, and so do removals: a file system that is mounted with `discard` tells the disk
//! about every removed file, in the background, for seconds. `sync` does not wait for that, so this module reads the
//! disks' counters. `Case::keep_attached` describes an effect that it cannot undo.

use std::error::Error;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// A machine on which others work never rests; after this long the run starts all the same.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// A log is written now and then on any machine; this many operations in an interval still count as rest.
const OPERATIONS_MAX: u64 = 16;

/// Reads `inputs` into the page cache, writes back what is dirty, and waits until the disks are idle.
pub(crate) fn settle(inputs: &[&Path]) -> Result<(), Box<dyn Error>> {
    // Before the sync, because reading makes access times dirty.
    let mut block = vec![0; 1 << 20];
    for input in inputs {
        read_all(input, &mut block).map_err(|error| format!("{}: {error}", input.display()))?;
    }
    rustix::fs::sync();
    wait_for_disks();
    Ok(())
}

fn wait_for_disks() {
    let start = Instant::now();
    let mut before = disk_activity();
    while start.elapsed() < WAIT_MAX {
        thread::sleep(LOOK_INTERVAL);
        let now = disk_activity();
        if now.in_flight == 0 && now.operations.saturating_sub(before.operations) <= OPERATIONS_MAX {
            return;
        }
        before = now;
    }
    eprintln!("  the disks are still busy after {} s", WAIT_MAX.as_secs());
}

fn read_all(path: &Path, block: &mut [u8]) -> Result<(), std::io::Error> {
    let mut left: Vec<PathBuf> = vec![path.to_owned()];
    while let Some(path) = left.pop() {
        let kind = fs::symlink_metadata(&path)?.file_type();
        if kind.is_dir() {
            for entry in fs::read_dir(&path)? {
                left.push(entry?.path());
            }
        } else if kind.is_file() {
            let mut file = File::open(&path)?;
            while file.read(block)? > 0 {}
        }
    }
    Ok(())
}

/// The finished and current requests of all disks together. All zeros without `/proc`.
#[derive(Default)]
struct DiskActivity {
    operations: u64,
    in_flight: u64,
}

fn disk_activity() -> DiskActivity {
    let mut activity = DiskActivity::default();
    for line in fs::read_to_string("/proc/diskstats").unwrap_or_default().lines() {
        // Three fields of name, then (Documentation/admin-guide/iostats.rst, counted from 0) reads at 0,
        // writes at 4, in flight at 8, discards at 11, flushes at 15. Older kernels lack the last ones.
        let fields: Vec<u64> = line
            .split_whitespace()
            .skip(3)
            .map_while(|field| field.parse().ok())
            .collect();
        let field = |place: usize| fields.get(place).copied().unwrap_or_default();
        activity.operations += field(0) + field(4) + field(11) + field(15);
        activity.in_flight += field(8);
    }
    activity
}

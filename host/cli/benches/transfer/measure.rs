//! Runs a pipeline of processes and says what it cost: wall time, CPU time, peak memory.
//!
//! `wait4` would tell all three, but std and rustix do not offer it, and this crate has no unsafe code. So:
//!
//! - CPU time is read from `/proc/PID/stat` while the process is a zombie (`waitid` with `WNOWAIT`): user and
//!   system time of all its threads and of the children that it waited for, in steps of 10 ms.
//! - Peak memory is `VmHWM` of `/proc/PID/status`, read every 5 ms. The kernel keeps that high-water mark
//!   itself, so reading it now and then misses no spike but one in the last 5 ms. It is reset at exec,
//!   where `ru_maxrss` would still hold the peak of the benchmark, from which the process was cloned.
//!   Children of the process do not count. Several processes count as the sum of their peaks.
//! - No shell is involved: the processes are piped together here, so that each of them is seen, and each has
//!   to succeed.
//!
//! Where there is no `/proc`, CPU time and memory are unknown.

use std::error::Error;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

const SAMPLE_INTERVAL: Duration = Duration::from_millis(5);
/// USER_HZ: part of the kernel's interface, and 100 on every processor that baton is built for.
const TICKS_PER_SECOND: f64 = 100.0;
const LOG_LINES_MAX: usize = 20;

/// The cost of one run. Units: seconds, seconds, bytes.
pub(crate) struct Cost {
    pub(crate) wall: f64,
    pub(crate) cpu: Option<f64>,
    pub(crate) peak: Option<f64>,
}

/// Runs `stages`, each one's stdout being the next one's stdin, to their end. The last one's stdout and all
/// that they write to stderr goes to `log`, unless `output` names a file for stdout.
///
/// # Errors
///
/// A stage does not start, or does not exit with 0; the error shows the end of `log`.
pub(crate) fn run(stages: Vec<Command>, output: Option<&Path>, log: &Path) -> Result<Cost, Box<dyn Error>> {
    let shown = show(&stages);
    let log_file = File::create(log)?;
    let output_file = output.map_or_else(|| log_file.try_clone(), File::create)?;
    let start = Instant::now();
    let mut children =
        spawn_all(stages, output_file, &log_file).map_err(|error| format!("{shown}: {error}"))?;
    let (wall, peak) = watch(&children, start)?;
    // Still zombies: nothing has reaped them yet.
    let cpu = children.iter().map(|child| cpu_seconds(child.id())).sum();
    let mut failure = None;
    for child in &mut children {
        let status = child.wait()?;
        // The last that failed is to blame: when it stops reading, those before it die of SIGPIPE.
        failure = if status.success() { failure } else { Some(status) };
    }
    if let Some(status) = failure {
        return Err(format!("{status}: {shown}\n{}", tail(log)?).into());
    }
    Ok(Cost { wall, cpu, peak })
}

/// Returns the milliseconds from the spawn of a process to its exit, and does nothing else meanwhile.
pub(crate) fn start_up_ms(mut command: Command) -> Result<f64, Box<dyn Error>> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let start = Instant::now();
    let status = command.spawn()?.wait()?;
    let wall_ms = start.elapsed().as_secs_f64() * 1000.0;
    if status.success() {
        Ok(wall_ms)
    } else {
        Err(format!("{status}: {}", show(&[command])).into())
    }
}

/// Returns the command line as a person would type it, without quoting.
pub(crate) fn show(stages: &[Command]) -> String {
    let words = |stage: &Command| {
        let words = std::iter::once(stage.get_program()).chain(stage.get_args());
        words
            .map(|word| word.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    stages.iter().map(words).collect::<Vec<_>>().join(" | ")
}

fn spawn_all(stages: Vec<Command>, output: File, log: &File) -> Result<Vec<Child>, Box<dyn Error>> {
    let count = stages.len();
    let mut output = Some(output);
    let mut input = Stdio::null();
    let mut children: Vec<Child> = Vec::with_capacity(count);
    for (number, mut stage) in stages.into_iter().enumerate() {
        let file = if number + 1 == count { output.take() } else { None };
        stage
            .stdin(input)
            .stdout(file.map_or_else(Stdio::piped, Stdio::from))
            .stderr(log.try_clone()?);
        match stage.spawn() {
            Ok(mut child) => {
                input = child.stdout.take().map_or_else(Stdio::null, Stdio::from);
                children.push(child);
            }
            Err(error) => {
                // Those before it would wait for a reader for ever, were the pipe still open.
                drop(stage);
                for mut child in children {
                    child.kill()?;
                    child.wait()?;
                }
                return Err(error.into());
            }
        }
        // `stage` ends here, and with it this process's ends of the pipe: a stage that ends early must stop
        // the one before.
    }
    Ok(children)
}

/// Waits until all children have ended, without reaping them. Returns the seconds since `start`, and the peak
/// of memory.
fn watch(children: &[Child], start: Instant) -> Result<(f64, Option<f64>), Box<dyn Error>> {
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let sampler = scope.spawn(|| sample_peaks(children, &ended));
        let waited = children
            .iter()
            .try_for_each(|child| wait_without_reaping(child.id()));
        let wall = start.elapsed().as_secs_f64();
        ended.store(true, Ordering::Release);
        sampler.thread().unpark();
        let peak = sampler
            .join()
            .map_err(|_| "the thread that samples memory failed")?;
        waited?;
        Ok((wall, peak))
    })
}

/// Returns the last lines of a file.
fn tail(log: &Path) -> Result<String, Box<dyn Error>> {
    let text = String::from_utf8_lossy(&fs::read(log)?).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines
        .get(lines.len().saturating_sub(LOG_LINES_MAX)..)
        .unwrap_or_default()
        .join("\n"))
}

fn wait_without_reaping(process: u32) -> Result<(), Box<dyn Error>> {
    let pid = i32::try_from(process)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or("a process id of 0")?;
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    rustix::io::retry_on_intr(|| waitid(WaitId::Pid(pid), options))?;
    Ok(())
}

fn sample_peaks(children: &[Child], ended: &AtomicBool) -> Option<f64> {
    let mut peaks: Vec<Option<u64>> = vec![None; children.len()];
    while !ended.load(Ordering::Acquire) {
        for (peak, child) in peaks.iter_mut().zip(children) {
            *peak = (*peak).max(peak_bytes(child.id()));
        }
        thread::park_timeout(SAMPLE_INTERVAL);
    }
    peaks.into_iter().map(|peak| peak.map(|bytes| bytes as f64)).sum()
}

fn peak_bytes(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim()
        .strip_suffix(" kB")?
        .parse::<u64>()
        .ok()
        .map(|kib| kib << 10)
}

fn cpu_seconds(process: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name in parentheses, and may hold anything. After it come the state
    // and ten more fields, and then utime, stime, cutime and cstime.
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks: Option<Vec<f64>> = fields
        .split(' ')
        .skip(11)
        .take(4)
        .map(|field| field.parse().ok())
        .collect();
    Some(ticks?.iter().sum::<f64>() / TICKS_PER_SECOND)
}

//! A command in a shell, as a process group of its own: the processes that it started end with it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::launcher::{Invocation, Launcher};
use crate::error::{LocalError, Place};
use baton_host::Interrupt;

/// The interval at which the end of a command is checked that keeps its output open.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The longest time that output is read after the end of the command.
const DRAIN_TIME_MAX: Duration = Duration::from_millis(500);

/// A command to run.
pub(super) struct Command<'a> {
    pub(super) shell: &'a str,
    pub(super) text: &'a str,
    /// As the job sees it.
    pub(super) directory: &'a Path,
    pub(super) variables: &'a BTreeMap<String, OsString>,
    pub(super) no_output_time_max: Duration,
    /// The time at which the job must have ended.
    pub(super) deadline: Instant,
    pub(super) interrupt: &'a Interrupt,
    pub(super) launcher: &'a Launcher,
}

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Code(i32),
    Signal(i32),
    /// The shell could not be started.
    NotStarted(String),
    Silent,
    /// The job took too long.
    TimedOut,
    Interrupted,
}

/// A process group that is ended when this is dropped.
#[derive(Debug)]
pub(super) struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

/// Starts a command and discards its output. Returns why the shell cannot be started, if so.
pub(super) fn start(command: &Command<'_>) -> Result<Background, String> {
    spawned(command, |process| {
        process.stdout(Stdio::null()).stderr(Stdio::null());
    })
    .map(Background)
}

/// Runs a command to its end. `output` receives standard output and standard error in the order in which they arrive.
pub(super) fn run(
    command: &Command<'_>,
    place: &Place,
    output: &mut dyn FnMut(&[u8]),
) -> Result<Ended, LocalError> {
    let piped = |source: io::Error| failed("cannot create a pipe", place, source);
    let (mut reader, writer) = io::pipe().map_err(piped)?;
    let error_writer = writer.try_clone().map_err(piped)?;
    // The closure is consumed: its ends of the pipe are closed, and the command has the only ones.
    let started = spawned(command, move |process| {
        process.stdout(writer).stderr(error_writer);
    });
    let mut child = match started {
        Ok(child) => Background(child),
        Err(message) => return Ok(Ended::NotStarted(message)),
    };
    let (sender, pieces) = mpsc::channel::<Vec<u8>>();
    std::thread::spawn(move || {
        let mut buffer = [0; 8192];
        // An error ends the output as its end does.
        while let Ok(read @ 1..) = reader.read(&mut buffer) {
            let piece = buffer.get(..read).unwrap_or_default().to_vec();
            if sender.send(piece).is_err() {
                break;
            }
        }
    });
    let mut last_output = Instant::now();
    let mut ended: Option<(ExitStatus, Instant)> = None;
    loop {
        match pieces.recv_timeout(LOOK_EVERY) {
            Ok(piece) => {
                last_output = Instant::now();
                output(&piece);
            }
            Err(RecvTimeoutError::Disconnected) if ended.is_none() => {
                std::thread::sleep(LOOK_EVERY);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some((_, at)) = ended {
            // A process that it started still has the pipe.
            if at.elapsed() > DRAIN_TIME_MAX {
                break;
            }
            continue;
        }
        let waited = child.0.try_wait();
        ended = waited
            .map_err(|source| failed("cannot wait for the shell", place, source))?
            .map(|status| (status, Instant::now()));
        if ended.is_none() && command.interrupt.is_set() {
            return Ok(Ended::Interrupted);
        }
        if ended.is_none() && last_output.elapsed() > command.no_output_time_max {
            return Ok(Ended::Silent);
        }
        if ended.is_none() && Instant::now() > command.deadline {
            return Ok(Ended::TimedOut);
        }
    }
    Ok(match ended {
        Some((status, _)) => match (status.code(), status.signal()) {
            (Some(code), _) => Ended::Code(code),
            (None, signal) => Ended::Signal(signal.unwrap_or_default()),
        },
        None => Ended::Signal(0),
    })
}

/// Starts the shell, as a process group of its own. `connect` connects its output.
fn spawned(command: &Command<'_>, connect: impl FnOnce(&mut std::process::Command)) -> Result<Child, String> {
    let message =
        |error: &dyn std::fmt::Display| format!("cannot start the shell `{}`: {error}", command.shell);
    let mut words = command.shell.split_whitespace();
    let program = words.next().ok_or_else(|| message(&"it is empty"))?;
    let mut arguments: Vec<&str> = words.collect();
    arguments.extend(["-c", command.text]);
    let invocation = Invocation {
        program,
        arguments: &arguments,
        directory: command.directory,
        variables: command.variables,
    };
    let (mut process, input) = command
        .launcher
        .command(&invocation)
        .map_err(|error| message(&error))?;
    connect(&mut process);
    process.process_group(0).stdin(match input.is_empty() {
        true => Stdio::null(),
        false => Stdio::piped(),
    });
    let mut child = process.spawn().map_err(|error| message(&error))?;
    // The command holds the writing end of its output until it is dropped.
    drop(process);
    if let Some(mut stdin) = child.stdin.take() {
        // It fails if the program ended, and then its exit code says so.
        let _ = stdin.write_all(&input);
    }
    Ok(child)
}

/// Ends a process group, and waits for its first process.
fn end(child: &mut Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It fails where the whole group has ended already, which is what is wanted.
        let _ = kill_process_group(pid, Signal::KILL);
    }
    // A process that was killed can be waited for; one that was waited for answers at once.
    let _ = child.wait();
}

fn failed(message: impl Into<String>, place: &Place, source: io::Error) -> LocalError {
    LocalError::Step {
        place: place.clone(),
        message: message.into(),
        source: Box::new(source),
    }
}

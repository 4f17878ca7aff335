//! How the steps of a node are started: as they are, or isolated from this machine.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::Command;

use super::directories::NodeDirectories;
use super::inside::Inside;
pub(super) use super::invocation::Invocation;
use super::options::RunOptions;
use super::sandbox::Sandbox;

/// How steps are started.
#[derive(Debug)]
pub(super) enum Launcher {
    /// As the user, with all that the user can reach.
    Direct,
    Sandbox(Box<Sandbox>),
}

impl Launcher {
    /// Returns the launcher of a node, or why there is none.
    pub(super) fn start(options: &RunOptions, directories: &NodeDirectories) -> Result<Launcher, String> {
        let Some(program) = &options.sandbox else {
            return Ok(Launcher::Direct);
        };
        let sandbox = Sandbox::start(program, directories, options);
        sandbox
            .map(|sandbox| Launcher::Sandbox(Box::new(sandbox)))
            .map_err(|error| format!("cannot create the sandbox of the job: {error}"))
    }

    /// Returns the files that the job may reach.
    pub(super) fn inside(&self, options: &RunOptions, directories: &NodeDirectories) -> Inside {
        match self {
            Launcher::Direct => directories.inside(),
            Launcher::Sandbox(_) => Sandbox::inside(directories, &options.writable),
        }
    }

    /// Returns the command that starts a program, and what it reads from its standard input.
    pub(super) fn command(&self, invocation: &Invocation<'_>) -> io::Result<(Command, Vec<u8>)> {
        match self {
            Launcher::Direct => {
                let mut command = Command::new(invocation.program);
                command
                    .args(invocation.arguments)
                    .current_dir(invocation.directory)
                    .env_clear()
                    .envs(invocation.variables);
                Ok((command, Vec::new()))
            }
            Launcher::Sandbox(sandbox) => {
                check_program(invocation)?;
                sandbox.command(invocation)
            }
        }
    }
}

/// Checks that a program exists: in a sandbox its absence would be an exit code like any other.
fn check_program(invocation: &Invocation<'_>) -> io::Result<()> {
    let program = Path::new(invocation.program);
    // One in the job's own directories is not at this path here.
    if program.components().count() > 1 {
        let is_system =
            program.is_absolute() && !program.starts_with("/tmp") && !program.starts_with("/home");
        return match is_system && !program.exists() {
            true => Err(io::ErrorKind::NotFound.into()),
            false => Ok(()),
        };
    }
    let path = invocation
        .variables
        .get("PATH")
        .map_or(OsStr::new(""), |it| it.as_os_str());
    match std::env::split_paths(path).any(|directory| directory.join(program).is_file()) {
        true => Ok(()),
        false => Err(io::ErrorKind::NotFound.into()),
    }
}

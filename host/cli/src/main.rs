//! The command `baton`: parses flags, calls the library, prints text or JSON. One file for each command.

mod args;
mod artifacts;
mod attach;
mod builds;
mod channels;
mod component;
mod config;
mod diff;
mod doctor;
mod failure;
mod hints;
mod installing;
mod json;
mod latest;
mod local;
mod output;
mod panics;
mod paths;
mod persist;
mod policy;
mod progress;
mod prune;
#[cfg(test)]
mod reference;
mod remove;
mod run;
mod settings;
mod signals;
mod sink;
mod stores;
mod traced;
mod usage;
mod verify;

use nix::sys::signal::{SigSet, Signal};

fn main() -> std::process::ExitCode {
    // A file that grows beyond `ulimit -f` must fail the write, as a full disk does, and not end the process without a
    // word. All threads are started after this and inherit it; commands that are run get an empty mask from the standard
    // library. It fails only for a signal that does not exist.
    let mut blocked = SigSet::empty();
    blocked.add(Signal::SIGXFSZ);
    let _ = blocked.thread_block();
    // Jobs of `baton local` find this program as `circleci`, too.
    let mut arguments = std::env::args_os();
    if arguments
        .next()
        .is_some_and(|name| baton_local::command::is_meant(&name))
    {
        let arguments: Vec<String> = arguments.map(|it| it.to_string_lossy().into_owned()).collect();
        return std::process::ExitCode::from(baton_local::command::run(&arguments));
    }
    run::run()
}

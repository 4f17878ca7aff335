//! The command `baton`: flags in, text or JSON out. All it does is in the library.

mod cli;

use nix::sys::signal::{SigSet, Signal};

fn main() -> std::process::ExitCode {
    // A file that grows beyond `ulimit -f` must fail the write, as a full disk does, and not end the process without a
    // word. All threads are started after this and inherit it; commands that are run get an empty mask from the standard
    // library. It fails only for a signal that does not exist.
    let mut blocked = SigSet::empty();
    blocked.add(Signal::SIGXFSZ);
    let _ = blocked.thread_block();
    cli::run()
}

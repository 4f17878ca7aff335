//! The command `baton`: flags in, text or JSON out. All it does is in the library.

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}

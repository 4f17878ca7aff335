//! The error for a defect of baton: a panic, in its code or in a library's.

use std::panic::PanicHookInfo;

use super::sink::say_at_once;

/// The exit code of a defect.
const DEFECT: i32 = 70;

/// Lets a panic on any thread end the process with baton's own error. No clean-up is needed: the next run removes the
/// remains of an unfinished one.
pub(crate) fn install() {
    std::panic::set_hook(Box::new(|info| {
        say_at_once(&report(info));
        std::process::exit(DEFECT);
    }));
}

fn report(info: &PanicHookInfo<'_>) -> String {
    let message = info.payload_as_str().unwrap_or("no message");
    let place = info.location().map_or_else(
        || "an unknown place".to_owned(),
        |location| format!("{}:{}", location.file(), location.line()),
    );
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "error: baton {version} has a defect: it panicked at {place}\n  caused by: {}\n\nhint: report the lines above, the command and its options, and the system it ran on, without secrets; RUST_BACKTRACE=1 adds where it was called from\n{}",
        message.replace('\n', "\\n"),
        backtrace(),
    )
}

/// Returns the backtrace, where `RUST_BACKTRACE` asks for one.
fn backtrace() -> String {
    let trace = std::backtrace::Backtrace::capture();
    match trace.status() {
        std::backtrace::BacktraceStatus::Captured => format!("{trace}\n"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
    use std::process::Command;

    /// Set in the process that is to panic.
    const PANICS: &str = "PANICS_FOR_A_TEST";

    #[test]
    fn a_panic_on_any_thread_is_a_defect_that_is_told_in_full() {
        match std::env::var(PANICS).as_deref() {
            Ok("main") => {
                super::install();
                panic!("the sky\nfell");
            }
            Ok(_) => {
                super::install();
                std::thread::spawn(|| panic!("the sky\nfell")).join().unwrap();
            }
            Err(_) => {}
        }
        for thread in ["main", "other"] {
            let ended = Command::new(std::env::current_exe().unwrap())
                .args([
                    "--exact",
                    "panics::tests::a_panic_on_any_thread_is_a_defect_that_is_told_in_full",
                ])
                .args(["--nocapture", "--test-threads=1"])
                .env(PANICS, thread)
                .output()
                .unwrap();
            let told = String::from_utf8(ended.stderr).unwrap();
            assert_eq!(ended.status.code(), Some(70), "{told}");
            for part in [
                "error: baton ",
                "panics.rs:",
                "caused by: the sky\\nfell",
                "hint: report",
            ] {
                assert!(told.contains(part), "{part} is not in {told}");
            }
        }
    }
}

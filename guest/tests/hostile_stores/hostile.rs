//! Every command, on every hostile store.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use baton_guest::testing::{MemoryFiles, MemoryStore};
use baton_guest::{Error, Result};

use crate::asked::{COMMANDS, code, memory, run};
use crate::stores::{Case, End, all};

/// The peak memory limit of a test process. A single store above is of 40 MB, and an instance of the component
/// may have 512 MiB.
const MEMORY_KIB_MAX: u64 = 400 << 10;

/// A directory with something of each kind in it.
fn target() -> MemoryFiles {
    let files = MemoryFiles::default();
    files.file("mine", "mine", 0o600);
    files.file("d/mine", "mine", 0o644);
    files.symlink("out", "/etc");
    files
}

/// Returns what is wrong with how a command ended.
fn judge(
    command: &str,
    case: &Case,
    ended: Result<()>,
    before: &MemoryFiles,
    files: &MemoryFiles,
) -> Option<String> {
    const CODES: &str = include_str!("../../../docs/reference/errors.md");
    if let Err(error) = &ended {
        let code = code(error);
        if matches!(error, Error::Internal(_)) || !CODES.contains(&format!("\n| `{code}` |")) {
            return Some(format!("a code that no document has: {error:?}"));
        }
        if error.to_string().len() > 8192 {
            return Some(format!("a message of {} bytes", error.to_string().len()));
        }
    }
    if command != "attach" {
        return None;
    }
    match (case.end, &ended) {
        (End::Refused(codes), Err(error)) if !codes.contains(&code(error).as_str()) => {
            Some(format!("{error:?}"))
        }
        (End::Refused(_), Ok(())) => Some("it was attached".to_owned()),
        (End::Fine, Err(error)) => Some(format!("it was refused: {error:?}")),
        (_, Err(_)) if files.listing() != before.listing() => Some(format!("it left {:?}", files.listing())),
        (_, Ok(())) if files.content("mine").is_none() || files.content("d/mine").is_none() => {
            Some("what was there is gone".to_owned())
        }
        _ => None,
    }
}

fn tried(case: &Case, command: &str, store: &MemoryStore) -> Option<String> {
    let files = target();
    let objects = store.objects.borrow().clone();
    let ended = catch_unwind(AssertUnwindSafe(|| run(command, store, &case.selector, &files)));
    let Ok(ended) = ended else {
        return Some("a panic".to_owned());
    };
    if *store.objects.borrow() != objects {
        return Some("it changed the store".to_owned());
    }
    judge(command, case, ended, &target(), &files)
}

#[test]
fn every_command_ends_in_a_stated_way() {
    let mut wrong = Vec::new();
    let cases = all();
    for case in &cases {
        let store = memory(&case.store);
        for command in COMMANDS {
            if let Some(what) = tried(case, command, &store) {
                wrong.push(format!(
                    "{}: {command}: {}",
                    case.name,
                    what.chars().take(400).collect::<String>()
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len() * COMMANDS.len(),
        wrong.join("\n")
    );
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak: u64 = peak.unwrap().trim().trim_end_matches(" kB").parse().unwrap();
        assert!(peak < MEMORY_KIB_MAX, "{peak} KiB");
    }
}

//! Results that lie.

use super::exports::builds::{Change, Details, Difference, TreeEntry};
use super::exports::retention;
use super::exports::transfer::{
    Action, Attached, Finding, Planned, Remedy, Report, Request, Step, Task, Verified,
};
use super::generated::baton::plugin::attributes::{self, Edit};
use super::tried::told;
use super::{Failed, forged, planned, types};

/// A text that must be escaped before it is printed.
const PATH: &str = "../../etc/passwd\u{1b}[2J\u{202e}\r\n";

fn task(what: &str, bytes: u64) -> Task {
    Task {
        payload: what.as_bytes().to_vec(),
        files: bytes,
        bytes,
    }
}

/// Plans what the name of the artifact says. Returns nothing where that is no lie.
pub(super) fn plan(request: &Request) -> Option<Failed<Planned>> {
    let (name, context) = match request {
        Request::Attach(request) => (request.scope.name.as_deref()?, &request.scope.context),
        Request::Persist(request) => (request.name.as_str(), &request.context),
        Request::Verify(request) => {
            let scope = request.scope.as_ref()?;
            (scope.name.as_deref()?, &scope.context)
        }
    };
    let mut plan = planned(name.as_bytes().to_vec(), Vec::new());
    plan.shared = name.as_bytes().to_vec();
    match name {
        "lie-report" | "lie-verified" | "finish-sleep" | "finish-twice" | "finish-begun-sleep" => {}
        "lie-numbers" => {
            (plan.files, plan.bytes) = (u64::MAX, u64::MAX);
            plan.tasks = vec![task("", u64::MAX), task("", u64::MAX), task("", 1)];
        }
        "lie-outcomes" => plan.tasks = vec![task("", 1); 40],
        "lie-damage" => {
            plan.tasks = vec![task("", 1)];
            plan.builds = vec![forged(context, "default")];
            plan.may_fall_back = true;
        }
        "lie-shared" => {
            plan.shared = vec![1; 65 << 20];
            plan.tasks = vec![task("", 1); 8];
        }
        "lie-steps" => plan.steps = vec![vec![1]; 3],
        "lie-pages" => plan.steps = vec![Vec::new(); 4 << 20],
        "lie-tasks" => plan.tasks = vec![task("", 0); 2 << 20],
        "run-sleep" | "abandon-sleep" | "run-trap" | "worker-sleep" => plan.tasks = vec![task("", 1)],
        _ => return None,
    }
    if name == "abandon-sleep" {
        // A run without changes needs no `abandon`.
        let made = || "made".to_owned();
        let _ = attributes::edits(&[Edit::MakeDirectory(made()), Edit::RemoveDirectory(made())]);
    }
    Some(Ok(plan))
}

pub(super) fn steps() -> Failed<Vec<Step>> {
    let step = |path: &str| Step {
        action: Action::Remove,
        path: path.to_owned(),
        files: u64::MAX,
        bytes: u64::MAX,
    };
    Ok(vec![step(PATH), step(PATH), step("")])
}

fn sleep<T>() -> Failed<T> {
    std::thread::sleep(std::time::Duration::MAX);
    told("it slept")
}

fn damage() -> types::Damage {
    types::Damage {
        key: PATH.to_owned(),
        message: PATH.to_owned(),
        expected: PATH.to_owned(),
        found: String::new(),
    }
}

pub(super) fn run(shared: &[u8]) -> Failed<Vec<u8>> {
    match shared {
        b"lie-outcomes" => Ok(vec![1; 20 << 20]),
        b"lie-damage" => Err(types::Error::Damaged(damage())),
        b"run-sleep" => sleep(),
        b"run-trap" => core::arch::wasm32::unreachable(),
        b"abandon-sleep" => told("the run fails"),
        _ => Ok(Vec::new()),
    }
}

/// Ends as the plan said. Returns nothing where that is no lie.
pub(super) fn finish(rest: &[u8]) -> Option<Failed<Report>> {
    let lied = Report::Attached(Attached {
        builds: Vec::new(),
        files: u64::MAX,
        directories: u64::MAX,
        symlinks: u64::MAX,
        bytes: u64::MAX,
        new_files: u64::MAX,
        new_bytes: u64::MAX,
        fetched_bytes: u64::MAX,
        removed: u64::MAX,
    });
    match rest {
        b"finish-sleep" => Some(sleep()),
        b"finish-begun-sleep" => {
            let _ = attributes::begin_changes();
            Some(sleep())
        }
        b"finish-twice" => {
            let (one, two) = (attributes::begin_changes(), attributes::begin_changes());
            Some(told(&format!("first {}, then {}", one.is_ok(), two.is_ok())))
        }
        b"lie-verified" => {
            let finding = || Finding {
                damage: damage(),
                remedy: Remedy::Prune,
                hurts: u64::MAX,
                builds: Vec::new(),
            };
            Some(Ok(Report::Verified(Verified {
                records: u64::MAX,
                trees: u64::MAX,
                packs: u64::MAX,
                bytes: u64::MAX,
                findings: vec![finding(), finding()],
            })))
        }
        lie if lie.starts_with(b"lie-") => Some(Ok(lied)),
        _ => None,
    }
}

pub(super) fn abandon(rest: &[u8]) -> Failed<()> {
    match rest {
        b"abandon-sleep" => sleep(),
        _ => Ok(()),
    }
}

/// Shows builds and files that cannot be.
pub(super) fn details(scope: &types::Scope) -> Option<Failed<Details>> {
    let pages = match scope.name.as_deref()? {
        "lie-entries" => vec![vec![1]; 2],
        "lie-pages" => vec![Vec::new(); 4 << 20],
        _ => return None,
    };
    let mut build = forged(&scope.context, PATH);
    build.selector = PATH.to_owned();
    build.created_ms = u64::MAX;
    (build.files, build.bytes, build.number) = (u64::MAX, u64::MAX, u64::MAX);
    build.node = Some(types::Node { index: 9, total: 0 });
    build.tree = PATH.to_owned();
    Some(Ok(Details {
        builds: vec![build.clone(), build],
        entries: pages,
        warnings: Vec::new(),
    }))
}

pub(super) fn entries(page: &[u8]) -> Failed<Vec<TreeEntry>> {
    let times = [
        (i64::MIN, u32::MAX),
        (i64::MAX, u32::MAX),
        (-1, 999_999_999),
        (i64::MAX / 1000, 0),
        (0, 4_000_000_000),
    ];
    let entry = |(seconds, nanoseconds)| TreeEntry {
        path: PATH.to_owned(),
        kind: types::Kind::File,
        bits: u16::MAX,
        modified: types::Timestamp { seconds, nanoseconds },
        size: u64::MAX,
        digest: PATH.to_owned(),
        target: PATH.to_owned(),
    };
    // An empty page is one of very many.
    let times = if page.is_empty() { &times[..0] } else { &times[..] };
    Ok(times.iter().copied().map(entry).collect())
}

pub(super) fn difference() -> Difference {
    Difference {
        before: Vec::new(),
        after: Vec::new(),
        changes: vec![vec![1]; 2],
        warnings: Vec::new(),
    }
}

/// Adds, removes and changes the same, which has all the bytes that there are.
pub(super) fn changes(page: &[u8]) -> Failed<Vec<Change>> {
    let entries = entries(page)?.into_iter();
    let changes = entries.flat_map(|entry| {
        let (one, mut other) = (Some(entry.clone()), entry);
        other.digest.clear();
        [(None, one.clone()), (one.clone(), None), (one, Some(other))]
    });
    Ok(changes.map(|(before, after)| Change { before, after }).collect())
}

/// Would prune everything, and more.
pub(super) fn prune() -> retention::Plan {
    let all = || retention::Amount {
        objects: u64::MAX,
        bytes: u64::MAX,
    };
    retention::Plan {
        builds: 0,
        removed: u64::MAX,
        decisions: vec![vec![1]; 2],
        deleted: all(),
        condemned: all(),
        rest: Vec::new(),
    }
}

//! The forms of what is printed, as text and as JSON. docs/reference/json.md describes the JSON, `sink.rs` writes both.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use baton_host::attach::Attached;
use baton_host::builds::{Build, Counter, Kind, Rank, TreeEntry};
use baton_host::persist::Persisted;
use baton_host::transfer::Step;
use baton_host::{Problem, shortened};
use serde_json::{Value, json};

use super::sink::{MESSAGE_BYTES_MAX, say};

/// Says what a person should know. A great many of one kind are summed up.
pub(crate) fn warn(warnings: &[Problem]) {
    const SHOWN: usize = 10;
    for warning in warnings.iter().take(SHOWN) {
        say(&format!("warning: {}: {}", warning.message, warning.subject));
    }
    if let Some(more) = warnings.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        say(&format!("warning: and {} more like these", counted(more as u64)));
    }
}

/// Adds to a sum of what a component says. It may say anything, so a sum that is too large stays at the most.
pub(crate) fn add(sum: &mut u64, more: u64) {
    *sum = sum.saturating_add(more);
}

/// Returns a build as JSON.
pub(crate) fn build_json(build: &Build) -> Value {
    json!({
        "selector": build.selector,
        "artifact": build.artifact,
        "project": build.project,
        "branch": build.branch,
        "tag": build.tag,
        "commit": build.commit,
        "number": build.number,
        "counter": counter_json(&build.counter),
        "order": { "run": build.run, "attempt": build.attempt },
        "workflow": build.workflow,
        "workspace": build.workspace,
        "job": build.job,
        "node": build.node.map(|node| json!({ "index": node.index, "total": node.total })),
        "revision": build.revision,
        "pull_request": build.pull_request,
        "fork": build.fork,
        "eligible": build.eligible,
        "runner": build.runner,
        "url": build.url,
        "actor": build.actor,
        "created_ms": build.created_ms,
        "baton": build.baton,
        "component": build.component,
        "tree": build.tree,
        "files": build.files,
        "bytes": build.bytes,
    })
}

fn counter_json(counter: &Counter) -> Value {
    let rank = match counter.rank {
        Rank::Run => "run",
        Rank::Number => "number",
        Rank::Time => "time",
    };
    json!({ "rank": rank, "runner": counter.runner, "by": counter.by, "part": counter.part })
}

pub(crate) fn builds_json(builds: &[Build]) -> Value {
    builds.iter().map(build_json).collect()
}

pub(crate) fn warnings_json(warnings: &[Problem]) -> Value {
    let shown = |it: &Problem| {
        json!({
            "code": it.code,
            "message": shortened(&it.message, MESSAGE_BYTES_MAX),
            "subject": shortened(&it.subject, MESSAGE_BYTES_MAX),
        })
    };
    warnings.iter().map(shown).collect()
}

pub(crate) fn entry_json(entry: &TreeEntry) -> Value {
    let mut value = json!({
        "path": entry.path,
        "kind": kind_name(entry.kind),
        "modified": { "seconds": entry.modified.seconds, "nanoseconds": entry.modified.nanoseconds },
    });
    let more = match entry.kind {
        Kind::File => {
            json!({ "mode": format!("{:03o}", entry.bits), "size": entry.size, "digest": entry.digest })
        }
        Kind::Symlink => json!({ "target": entry.target }),
        _ => json!({ "mode": format!("{:03o}", entry.bits) }),
    };
    if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    value
}

pub(crate) fn step_json(step: &Step) -> Value {
    json!({ "action": action_name(step), "path": step.path, "files": step.files, "bytes": step.bytes })
}

pub(crate) fn action_name(step: &Step) -> &'static str {
    match step.action {
        baton_host::transfer::StepKind::Store => "store",
        baton_host::transfer::StepKind::Create => "create",
        baton_host::transfer::StepKind::Replace => "replace",
        baton_host::transfer::StepKind::Compare => "compare",
        baton_host::transfer::StepKind::Remove => "remove",
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Symlink => "symlink",
        Kind::Fifo | Kind::Socket | Kind::CharacterDevice | Kind::BlockDevice => "special",
    }
}

pub(crate) fn persisted_json(report: &Persisted, warnings: &[Problem], took: Duration) -> Value {
    json!({
        "build": build_json(&report.build),
        "files": report.files,
        "directories": report.directories,
        "symlinks": report.symlinks,
        "bytes": report.bytes,
        "new_files": report.new_files,
        "new_bytes": report.new_bytes,
        "stored_bytes": report.stored_bytes,
        "stored_again": {
            "lost_bytes": report.stored_again.lost_bytes,
            "sparse_bytes": report.stored_again.sparse_bytes,
            "condemned_bytes": report.stored_again.condemned_bytes,
        },
        "base": report.base.as_ref().map(build_json),
        "repeated": report.repeated,
        "repaired": report.repaired,
        "seconds": took.as_secs_f64(),
        "warnings": warnings_json(warnings),
    })
}

pub(crate) fn attached_json(report: &Attached, warnings: &[Problem], took: Duration) -> Value {
    json!({
        "builds": builds_json(&report.builds),
        "files": report.files,
        "directories": report.directories,
        "symlinks": report.symlinks,
        "bytes": report.bytes,
        "new_files": report.new_files,
        "new_bytes": report.new_bytes,
        "fetched_bytes": report.fetched_bytes,
        "removed": report.removed,
        "seconds": took.as_secs_f64(),
        "warnings": warnings_json(warnings),
    })
}

/// Returns how people name a build: number, branch or tag, commit, and the revision where there are several.
pub(crate) fn named(build: &Build) -> String {
    let place = build.branch.as_ref().or(build.tag.as_ref());
    let commit = build
        .commit
        .as_ref()
        .map(|commit| commit.get(..7).unwrap_or(commit).to_owned());
    let revision = (build.revision > 1).then(|| format!("revision {}", build.revision));
    let details: Vec<String> = place.cloned().into_iter().chain(commit).chain(revision).collect();
    match details.is_empty() {
        true => build.selector.clone(),
        false => format!("{} ({})", build.selector, details.join(", ")),
    }
}

/// Returns a number with its thousands apart.
pub(crate) fn counted(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns `3 files` or `1 file`.
pub(crate) fn files(number: u64) -> String {
    several(number, "file")
}

/// Returns a number of things that take an `s`.
pub(crate) fn several(number: u64, thing: &str) -> String {
    format!(
        "{} {thing}{}",
        counted(number),
        if number == 1 { "" } else { "s" }
    )
}

/// Returns a size in decimal units.
pub(crate) fn sized(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    let mut size = bytes as f64;
    let mut shown = format!("{bytes} B");
    for unit in UNITS {
        if size < 1000.0 {
            break;
        }
        size /= 1000.0;
        shown = format!("{size:.1} {unit}");
    }
    shown
}

/// Returns how long ago a time in milliseconds since 1970 was. A time to come is one of a wrong clock, here or where the build
/// ran.
pub(crate) fn age(created_ms: u64) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis() as u64;
    age_at(now, created_ms)
}

fn age_at(now_ms: u64, created_ms: u64) -> String {
    let seconds = now_ms.abs_diff(created_ms) / 1000;
    let distance = match seconds {
        0..60 => return "just now".to_owned(),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    };
    match created_ms > now_ms {
        true => format!("in {distance} (wrong clock?)"),
        false => format!("{distance} ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_come_is_no_age() {
        const HOUR_MS: u64 = 3_600_000;
        for (created_ms, shown) in [
            (0, "5 h ago"),
            (5 * HOUR_MS - 120_000, "2 min ago"),
            (5 * HOUR_MS + 59_000, "just now"),
            (5 * HOUR_MS + 180_000, "in 3 min (wrong clock?)"),
            (8 * HOUR_MS, "in 3 h (wrong clock?)"),
            (100 * HOUR_MS, "in 3 days (wrong clock?)"),
        ] {
            assert_eq!(age_at(5 * HOUR_MS, created_ms), shown);
        }
    }

    #[test]
    fn figures_read_well() {
        assert_eq!(
            ["0", "999", "1,000", "1,234,567"],
            [0, 999, 1000, 1_234_567]
                .map(counted)
                .each_ref()
                .map(String::as_str)
        );
        assert_eq!(sized(999), "999 B");
        assert_eq!(sized(1_500), "1.5 kB");
        assert_eq!(sized(734_003_200), "734.0 MB");
        assert_eq!(files(1), "1 file");
    }
}

//! The text forms of builds, numbers and times. `json/` has the values of the JSON, `sink.rs` writes both.

use std::time::{SystemTime, UNIX_EPOCH};

use baton_host::Problem;
use baton_host::builds::Build;
use baton_host::transfer::Step;

use super::sink::say;

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

pub(crate) fn action_name(step: &Step) -> &'static str {
    match step.action {
        baton_host::transfer::StepKind::Store => "store",
        baton_host::transfer::StepKind::Create => "create",
        baton_host::transfer::StepKind::Replace => "replace",
        baton_host::transfer::StepKind::Compare => "compare",
        baton_host::transfer::StepKind::Remove => "remove",
    }
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

//! Warnings about builds that a look-up passed over, with the remedy: they explain an unexpected answer.

use std::collections::BTreeMap;

use super::candidate::{Candidate, Incomplete};
use super::scope::Scope;
use crate::build_id::DatedBuild;
use crate::counter::Rank;
use crate::error::{Error, Problem, Result, warning};
use crate::record::Record;

/// A counter that has been silent for this long, in milliseconds, feeds the artifact no more: a workflow file that was
/// renamed, say. 30 days.
const SILENT_MS: u64 = 30 * 24 * 3_600_000;

/// The runner that has a number for jobs and no variable for that of the pipeline.
const CIRCLECI: &str = "circleci";

/// Says of which jobs of a workspace nodes are missing. `layers` are the newest of each artifact, job and node.
pub(super) fn missing_layers(layers: &[Record]) -> Vec<Problem> {
    let mut jobs: BTreeMap<(&str, Option<&str>), Vec<Record>> = BTreeMap::new();
    for layer in layers {
        let of = (layer.artifact.as_str(), layer.job.as_deref());
        jobs.entry(of).or_default().push(layer.clone());
    }
    let missing = jobs.into_values().filter_map(|records| {
        let first = records.first()?;
        let subject = first.build_id().to_string();
        let is_whole = records.len() >= first.node.total as usize;
        let missing = Incomplete::new(records);
        let message = format!(
            "a layer of this workspace is missing: {}",
            missing.what_is_missing()
        );
        (!is_whole).then(|| warning("incomplete-workspace", message, &subject))
    });
    missing.collect()
}

/// Returns the error where there are only builds of which nodes are missing, or no record where there is nothing.
pub(super) fn only_incomplete(candidates: &[Candidate], scope: &Scope) -> Result<Vec<Record>> {
    let Some(incomplete) = candidates
        .iter()
        .find_map(|candidate| candidate.incomplete.as_ref())
    else {
        return Ok(Vec::new());
    };
    let Some(record) = incomplete.records.first() else {
        return Ok(Vec::new());
    };
    let message = format!(
        "only {} of {} parallel nodes{} (build {}) have persisted; missing: {}",
        incomplete.records.len(),
        record.node.total,
        incomplete.job(),
        record.number,
        incomplete.missing()
    );
    Err(Error::nothing_matched(
        "incomplete-build",
        message,
        &scope.selector,
    ))
}

/// Says what was passed over for the answer.
pub(super) fn warn(candidates: &[Candidate], answer: usize, scope: &Scope, warnings: &mut Vec<Problem>) {
    let now_ms = scope.context.now_ms;
    let Some(taken) = candidates.get(answer).and_then(Candidate::dated) else {
        return;
    };
    if taken.recency().is_ahead(now_ms) {
        warnings.push(ahead(&taken, now_ms));
    }
    for incomplete in candidates
        .iter()
        .filter_map(|candidate| candidate.incomplete.as_ref())
    {
        if let Some(build) = DatedBuild::of(&incomplete.records)
            && build.recency().is_newer_than(&taken.recency(), now_ms)
        {
            let message = format!("a newer build was passed over: {}", incomplete.what_is_missing());
            warnings.push(warning("incomplete-skipped", message, &build.id.to_string()));
        }
    }
    let others = candidates.iter().enumerate().filter(|(at, _)| *at != answer);
    let others: Vec<DatedBuild> = others.filter_map(|(_, candidate)| candidate.dated()).collect();
    for other in others.iter().filter(|other| other.id.trusted == taken.id.trusted) {
        let outranks = |above: &&DatedBuild| other.recency().is_outranked_by(&above.recency());
        warnings.extend(match others.iter().chain([&taken]).find(outranks) {
            Some(above) => lower_counter(&taken, other, above, now_ms),
            None => equal_counter(&taken, other, now_ms),
        });
    }
}

/// Says that the newest build of a counter was passed over for its rank, where somebody may have expected it.
fn lower_counter(taken: &DatedBuild, other: &DatedBuild, above: &DatedBuild, now_ms: u64) -> Option<Problem> {
    // One that was persisted before the answer is missed by nobody.
    if other.created_ms <= taken.created_ms || other.recency().is_ahead(now_ms) {
        return None;
    }
    let lacks = match other.id.counter.rank {
        Rank::Time => "has no run number",
        _ => "has a job number and no run number",
    };
    let message = format!(
        "a build that was persisted later was passed over, because it {lacks} and {} ({}) has one; where it is persisted, {}",
        above.id,
        above.id.counter,
        set_run(&other.id.counter.runner)
    );
    Some(warning("lower-counter", message, &other.id.to_string()))
}

/// Says that two counters feed an artifact.
fn equal_counter(taken: &DatedBuild, other: &DatedBuild, now_ms: u64) -> Option<Problem> {
    if other.recency().is_ahead(now_ms) {
        return Some(ahead(other, now_ms));
    }
    if taken.created_ms.abs_diff(other.created_ms) > SILENT_MS {
        return None;
    }
    let message = format!(
        "two counters feed this artifact, {} and {}: their numbers do not compare, and {}, which was persisted last, was taken; give each an artifact of its own with --name, or one count with BATON_RUN and BATON_COUNTER",
        taken.id.counter, other.id.counter, taken.id
    );
    Some(warning("two-counters", message, &other.id.to_string()))
}

/// Says where a build that is persisted now is not going to be the latest of its branch, or may become it wrongly.
/// `newest` is the newest build that is known.
pub fn ranks_low(record: &Record, newest: Option<&Record>) -> Option<Problem> {
    if !record.eligible() {
        return None;
    }
    let subject = record.build_id().to_string();
    let above = newest.filter(|newest| {
        newest.eligible()
            && newest.branch == record.branch
            && record.recency().is_outranked_by(&newest.recency())
    });
    let lacks = match record.counter.rank {
        Rank::Run => return None,
        Rank::Number => "has a job number and no run number",
        Rank::Time => "has no run number",
    };
    if let Some(newest) = above {
        let message = format!(
            "this build {lacks}, so latest still answers {} ({}); {}",
            newest.build_id(),
            newest.counter,
            set_run(&record.runner)
        );
        return Some(warning("lower-counter", message, &subject));
    }
    let is_bare = record.counter.rank == Rank::Number && record.runner == CIRCLECI;
    is_bare.then(|| {
        let message = format!(
            "this build {lacks}, so a rerun of an old pipeline counts as newer than it; {}",
            set_run(&record.runner)
        );
        warning("no-run-number", message, &subject)
    })
}

/// Returns what gives a build a run number.
fn set_run(runner: &str) -> &'static str {
    match runner {
        CIRCLECI => "set BATON_RUN to << pipeline.number >>, as the orb does",
        _ => "set BATON_RUN to the number of the pipeline",
    }
}

/// Says that the date of a build is ahead of the clock.
fn ahead(build: &DatedBuild, now_ms: u64) -> Problem {
    let minutes = build.created_ms.saturating_sub(now_ms) / 60_000;
    let by = match minutes {
        0..120 => format!("{minutes} min"),
        120..2880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1440),
    };
    let message = format!(
        "its date is {by} ahead of this machine's clock: the clock here, or that of the machine that persisted it, is wrong"
    );
    warning("date-ahead", message, &build.id.to_string())
}

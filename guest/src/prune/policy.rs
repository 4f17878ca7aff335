//! Which builds are kept, and why. Decides on records alone, and touches nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::event::{Action, Event, Pointer};
use crate::id::TreeId;
use crate::order::Order;
use crate::record::{BuildId, Record};
use crate::survey::{Found, Present};

/// What is kept besides what always is: the newest of each branch, what a channel or a rollback points to, and what is
/// younger than the grace period. Without a rule that keeps something, every build is kept but those of branches that are
/// gone.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The newest builds of each branch, so many.
    pub keep_last: Option<u32>,
    /// Builds that are younger than this, in milliseconds.
    pub keep_within_ms: Option<u64>,
    /// Builds of tags.
    pub keep_tags: bool,
    /// Branches that do not exist any more: they have no newest build that must be kept.
    pub branches_gone: Vec<String>,
    /// Builds whose record or tree is missing or damaged, or of which a pack is missing or too short, are removed, whatever
    /// else would keep them.
    pub drop_damaged: bool,
}

/// One build, all of its nodes, and what becomes of it.
#[derive(Debug)]
pub struct Decision {
    /// A record for each node, with its keys.
    pub found: Vec<Found>,
    /// Why it is kept. Empty: it is removed.
    pub reasons: Vec<String>,
}

impl Decision {
    /// Returns the record of the first node.
    pub fn record(&self) -> Option<&Record> {
        self.found.first().map(|found| &found.record)
    }
}

/// Names a build among all: project, artifact, job run.
type Key = (String, String, BuildId);
/// Where a build stands in its line: whole ones come first, then the order.
type Rank = (bool, Order);
/// One line of builds: project, artifact, branch, and the job where it counts.
type Line = (String, String, String, Option<String>);

/// What else a decision depends on.
pub(super) struct Circumstances<'a> {
    /// Only its builds are judged, all others are kept.
    pub project: &'a str,
    pub now_ms: u64,
    pub grace_ms: u64,
    /// Trees whose builds are dropped.
    pub damaged: &'a HashSet<TreeId>,
}

/// Decides on each build of a store.
pub(super) fn decide(
    found: Vec<Found>,
    present: &[Present],
    policy: &Policy,
    circumstances: &Circumstances<'_>,
) -> Vec<Decision> {
    let Circumstances {
        project,
        now_ms,
        grace_ms,
        damaged,
    } = *circumstances;
    let (broken, found): (Vec<Found>, Vec<Found>) = found
        .into_iter()
        .partition(|found| damaged.contains(&found.record.tree));
    let mut decisions = judge(found, present, policy, (project, now_ms, grace_ms));
    let pointed = pointed_to(present);
    for mut decision in by_build(broken) {
        // What something points to is not dropped: it stops the prune, and a person decides.
        if let Some(record) = decision.record() {
            decision.reasons = pointed.get(&key(record)).cloned().unwrap_or_default();
        }
        decisions.push(decision);
    }
    decisions
}

fn key(record: &Record) -> Key {
    (record.project.clone(), record.artifact.clone(), record.build_id())
}

fn by_build(found: Vec<Found>) -> impl Iterator<Item = Decision> {
    let mut builds: BTreeMap<Key, Vec<Found>> = BTreeMap::new();
    for found in found {
        builds.entry(key(&found.record)).or_default().push(found);
    }
    builds.into_values().map(|mut found| {
        found.sort_by_key(|found| found.record.node);
        Decision {
            found,
            reasons: Vec::new(),
        }
    })
}

fn judge(
    found: Vec<Found>,
    present: &[Present],
    policy: &Policy,
    (project, now_ms, grace_ms): (&str, u64, u64),
) -> Vec<Decision> {
    let mut builds: BTreeMap<Key, Decision> = by_build(found)
        .filter_map(|decision| Some((key(decision.record()?), decision)))
        .collect();
    let pointed = pointed_to(present);
    let newest = newest(&builds, policy);
    let last = last(&builds, policy);
    let judges = policy.keep_last.is_some() || policy.keep_within_ms.is_some() || policy.keep_tags;
    let held = held_runs(present);
    for (key, decision) in &mut builds {
        let Some(record) = decision.record() else {
            continue;
        };
        let age_ms = decision
            .found
            .iter()
            .map(|found| now_ms.saturating_sub(found.record.created_ms))
            .min()
            .unwrap_or_default();
        let is_gone = is_gone(record, policy);
        let mut reasons = Vec::new();
        if key.0 != project {
            reasons.push("of another project".to_owned());
        } else if !judges && !is_gone {
            reasons.push("no rule says otherwise".to_owned());
        }
        if age_ms < grace_ms {
            reasons.push("younger than the grace period".to_owned());
        }
        reasons.extend(pointed.get(key).into_iter().flatten().cloned());
        let branch = record.branch.as_deref().unwrap_or_default();
        if held.contains(&(&key.0, &key.1, branch, key.2.order.run)) {
            reasons.push(format!("of the run that branch {branch} was rolled back to"));
        }
        if newest.contains(key) {
            reasons.push(format!("newest of branch {branch}"));
        }
        if last.contains(key) {
            let count = policy.keep_last.unwrap_or_default();
            reasons.push(format!("among the last {count} of branch {branch}"));
        }
        if policy.keep_within_ms.is_some_and(|within_ms| age_ms < within_ms) {
            reasons.push("young enough".to_owned());
        }
        if let (Some(tag), true) = (&record.tag, policy.keep_tags) {
            reasons.push(format!("tag {tag}"));
        }
        decision.reasons = reasons;
    }
    builds.into_values().collect()
}

fn is_gone(record: &Record, policy: &Policy) -> bool {
    record
        .branch
        .as_ref()
        .is_some_and(|branch| policy.branches_gone.contains(branch))
}

/// Returns what channels and rollbacks point to, and where a channel would go back to.
pub(super) fn pointed_to(present: &[Present]) -> HashMap<Key, Vec<String>> {
    let mut pointed: HashMap<Key, Vec<String>> = HashMap::new();
    let mut keep = |event: &Event, why: String| {
        let key = (event.project.clone(), event.artifact.clone(), event.build.clone());
        pointed.entry(key).or_default().push(why);
    };
    for Present { last, before } in present {
        match &last.pointer {
            Pointer::Channel(channel) => {
                keep(last, format!("on channel {channel}"));
                if let Some(before) = before {
                    keep(before, format!("a step back on channel {channel}"));
                }
            }
            Pointer::Branch(branch) if last.action == Action::Rollback => {
                keep(last, format!("branch {branch} was rolled back to it"));
            }
            Pointer::Branch(_) => {}
        }
    }
    pointed
}

/// Returns the runs that branches are held at: `latest` answers every job's build of such a run.
fn held_runs(present: &[Present]) -> HashSet<(&str, &str, &str, u64)> {
    let held = present
        .iter()
        .filter_map(|Present { last, .. }| match &last.pointer {
            Pointer::Branch(branch) if last.action == Action::Rollback => Some((
                last.project.as_str(),
                last.artifact.as_str(),
                branch.as_str(),
                last.build.order.run,
            )),
            _ => None,
        });
    held.collect()
}

/// Returns the newest complete build of each branch and job. A line without any complete one keeps its newest.
fn newest(builds: &BTreeMap<Key, Decision>, policy: &Policy) -> HashSet<Key> {
    let mut newest: HashMap<Line, (Rank, &Key)> = HashMap::new();
    for (key, decision) in builds {
        if let Some((line, rank)) = line_and_rank(decision, policy, true) {
            let best = newest.entry(line).or_insert((rank, key));
            if best.0 < rank {
                *best = (rank, key);
            }
        }
    }
    newest.into_values().map(|(_, key)| key.clone()).collect()
}

/// Returns the last builds of each branch.
fn last(builds: &BTreeMap<Key, Decision>, policy: &Policy) -> HashSet<Key> {
    let count = policy.keep_last.unwrap_or_default() as usize;
    let mut last: HashMap<Line, Vec<(Rank, &Key)>> = HashMap::new();
    for (key, decision) in builds {
        if let Some((line, rank)) = line_and_rank(decision, policy, false) {
            last.entry(line).or_default().push((rank, key));
        }
    }
    let mut kept = HashSet::new();
    for mut builds in last.into_values() {
        builds.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
        kept.extend(builds.into_iter().take(count).map(|(_, key)| key.clone()));
    }
    kept
}

/// Returns the line that a build belongs to, if any, and its rank there: whole ones first, then by order.
fn line_and_rank(decision: &Decision, policy: &Policy, by_job: bool) -> Option<(Line, Rank)> {
    let record = decision.record()?;
    let branch = record.branch.clone()?;
    if !record.eligible() || is_gone(record, policy) {
        return None;
    }
    // What a killed persist left under other keys is not on the branch, and displaces nothing there.
    let on_branch = |found: &&Found| {
        found
            .record
            .keys()
            .last()
            .is_some_and(|key| found.keys.contains(key))
    };
    let nodes: HashSet<u32> = decision
        .found
        .iter()
        .filter(on_branch)
        .map(|found| found.record.node.index)
        .collect();
    if nodes.is_empty() {
        return None;
    }
    let is_whole = nodes.len() >= record.node.total as usize;
    let job = record.job.clone().filter(|_| by_job);
    let line = (record.project.clone(), record.artifact.clone(), branch, job);
    Some((line, (is_whole, record.order)))
}

//! Which builds are kept, and why. Decides on records alone, and touches nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::counter::{Across, Counter, newest_first};
use crate::event::{Action, Event, Pointer};
use crate::id::TreeId;
use crate::keys;
use crate::order::Order;
use crate::record::{BuildId, Placed, Record};
use crate::survey::{Found, Present};

/// What is kept besides what always is: the newest of each branch, what a channel or a rollback points to, and what is
/// younger than the grace period. Without a rule that keeps something, every build is kept but those of branches that are
/// gone.
#[derive(Debug, Clone)]
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
    /// What so many steps back on a channel lead to is kept.
    pub keep_channel_steps: u32,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            keep_last: None,
            keep_within_ms: None,
            keep_tags: false,
            branches_gone: Vec::new(),
            drop_damaged: false,
            keep_channel_steps: CHANNEL_STEPS,
        }
    }
}

/// How many steps back on a channel are kept where nobody says: who rolls back seldom stops at the first.
const CHANNEL_STEPS: u32 = 3;

/// One build, all of its nodes, and what becomes of it.
#[derive(Debug)]
pub(super) struct Decision {
    /// A record for each node, with its keys.
    pub found: Vec<Found>,
    /// Why it is kept. Empty: it is removed.
    pub reasons: Vec<String>,
}

impl Decision {
    /// Returns the record of the first node.
    pub(super) fn record(&self) -> Option<&Record> {
        self.found.first().map(|found| &found.record)
    }
}

/// Names a build among all: project, artifact, job run.
type Key = (String, String, BuildId);
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
    let newest = newest(&builds, policy, now_ms);
    let last = last(&builds, policy, now_ms);
    let judges = policy.keep_last.is_some() || policy.keep_within_ms.is_some() || policy.keep_tags;
    let held = held_runs(present);
    let ages = Ages::of_all(
        builds
            .iter()
            .filter(|(key, _)| key.0 == project)
            .filter_map(|(_, build)| placed(build)),
        now_ms,
    );
    for (key, decision) in &mut builds {
        let Some(record) = decision.record() else {
            continue;
        };
        let age = ages.of(decision, now_ms);
        let age_ms = age.unwrap_or_default();
        let is_gone = is_gone(record, policy);
        let mut reasons = Vec::new();
        if key.0 != project {
            reasons.push("of another project".to_owned());
        } else if !judges && !is_gone {
            reasons.push("no rule says otherwise".to_owned());
        }
        if age.is_none() {
            reasons.push("its date is ahead of the clock, and no other build tells its age".to_owned());
        } else if age_ms < grace_ms {
            reasons.push("younger than the grace period".to_owned());
        }
        reasons.extend(pointed.get(key).into_iter().flatten().cloned());
        let branch = record.branch.as_deref().unwrap_or_default();
        if held.contains(&(&key.0, &key.1, branch, &key.2.counter, key.2.order.run)) {
            reasons.push(format!("of the run that branch {branch} was rolled back to"));
        }
        if newest.contains(key) {
            reasons.push(format!("newest of branch {branch}"));
        }
        if last.contains(key) {
            let count = policy.keep_last.unwrap_or_default();
            reasons.push(format!("among the last {count} of branch {branch}"));
        }
        if age.is_some() && policy.keep_within_ms.is_some_and(|within_ms| age_ms < within_ms) {
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
        let key = (
            event.project.clone(),
            event.artifact.clone(),
            event.build.id.clone(),
        );
        pointed.entry(key).or_default().push(why);
    };
    for Present { last, before } in present {
        match &last.pointer {
            Pointer::Channel(channel) => {
                keep(last, format!("on channel {channel}"));
                for (step, before) in (1u32..).zip(before) {
                    let steps = match step {
                        1 => "a step".to_owned(),
                        steps => format!("{steps} steps"),
                    };
                    keep(before, format!("{steps} back on channel {channel}"));
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
fn held_runs(present: &[Present]) -> HashSet<(&str, &str, &str, &Counter, u64)> {
    let held = present
        .iter()
        .filter_map(|Present { last, .. }| match &last.pointer {
            Pointer::Branch(branch) if last.action == Action::Rollback => Some((
                last.project.as_str(),
                last.artifact.as_str(),
                branch.as_str(),
                &last.build.id.counter,
                last.build.id.order.run,
            )),
            _ => None,
        });
    held.collect()
}

/// Returns the newest complete build of each branch and job. A line without any complete one keeps its newest.
fn newest(builds: &BTreeMap<Key, Decision>, policy: &Policy, now_ms: u64) -> HashSet<Key> {
    lines(builds, policy, true)
        .into_values()
        .filter_map(|line| line.newest_first(now_ms).next())
        .cloned()
        .collect()
}

/// Returns the last builds of each branch.
fn last(builds: &BTreeMap<Key, Decision>, policy: &Policy, now_ms: u64) -> HashSet<Key> {
    let count = policy.keep_last.unwrap_or_default() as usize;
    lines(builds, policy, false)
        .into_values()
        .flat_map(|line| line.newest_first(now_ms).take(count))
        .cloned()
        .collect()
}

/// The builds of a line.
#[derive(Default)]
struct Builds<'a> {
    /// Those of which every node is there.
    whole: Vec<(&'a Key, Placed)>,
    partial: Vec<(&'a Key, Placed)>,
}

impl<'a> Builds<'a> {
    /// Returns the builds, the newest first, those of which a node is missing last.
    fn newest_first(self, now_ms: u64) -> impl Iterator<Item = &'a Key> {
        let sorted = |builds| {
            newest_first(builds, Across::Ranks, now_ms, |(_, placed): &(_, Placed)| {
                placed.standing()
            })
        };
        sorted(self.whole)
            .into_iter()
            .chain(sorted(self.partial))
            .map(|(key, _)| key)
    }
}

/// Returns the builds of each line, in no order.
fn lines<'a>(
    builds: &'a BTreeMap<Key, Decision>,
    policy: &Policy,
    by_job: bool,
) -> HashMap<Line, Builds<'a>> {
    let mut lines: HashMap<Line, Builds<'_>> = HashMap::new();
    for (key, decision) in builds {
        if let (Some((line, is_whole)), Some(placed)) = (line(decision, policy, by_job), placed(decision)) {
            let builds = lines.entry(line).or_default();
            let kind = if is_whole {
                &mut builds.whole
            } else {
                &mut builds.partial
            };
            kind.push((key, placed));
        }
    }
    lines
}

fn placed(decision: &Decision) -> Option<Placed> {
    let created_ms = decision.found.iter().map(|found| found.record.created_ms).max()?;
    Some(Placed {
        id: decision.record()?.build_id(),
        created_ms,
    })
}

/// Returns the line that a build belongs to, if any, and whether all of its nodes are there.
fn line(decision: &Decision, policy: &Policy, by_job: bool) -> Option<(Line, bool)> {
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
            .is_some_and(|own| found.keys.iter().any(|key| keys::stem(key) == keys::stem(own)))
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
    Some((
        (record.project.clone(), record.artifact.clone(), branch, job),
        is_whole,
    ))
}

/// How old builds are. A date that is ahead of the clock says nothing of that, but the neighbours within the counter do.
struct Ages {
    /// By counter and order: the dates that are believed.
    dates: BTreeMap<(Counter, Order), u64>,
}

impl Ages {
    fn of_all(builds: impl Iterator<Item = Placed>, now_ms: u64) -> Ages {
        let mut dates = BTreeMap::new();
        for build in builds.filter(|build| !build.standing().is_ahead(now_ms)) {
            let date = dates
                .entry((build.id.counter, build.id.order))
                .or_insert(build.created_ms);
            *date = build.created_ms.min(*date);
        }
        Ages { dates }
    }

    /// Returns the age of a build in milliseconds, or `None` where its date is ahead of the clock and its counter has no
    /// other build. A build is as old as the next newer one, else as the next older one.
    fn of(&self, decision: &Decision, now_ms: u64) -> Option<u64> {
        let build = placed(decision)?;
        if !build.standing().is_ahead(now_ms) {
            return Some(now_ms.saturating_sub(build.created_ms));
        }
        let at = (build.id.counter, build.id.order);
        let is_own = |(other, _): &(&(Counter, Order), &u64)| other.0 == at.0;
        let newer = self.dates.range(&at..).next().filter(is_own);
        let date = newer.or_else(|| self.dates.range(..&at).next_back().filter(is_own));
        date.map(|(_, created_ms)| now_ms.saturating_sub(*created_ms))
    }
}

//! Decides which builds are kept, and why, from records alone. Changes nothing.

use std::collections::{HashMap, HashSet};

use super::pointers::{HeldRun, Key, held_runs, key, pointed_builds};
use super::ranking::{Dates, Ranking, dated, is_gone};
use super::request::Policy;
use crate::error::Result;
use crate::id::TreeId;
use crate::inventory::{CurrentPointer, StoredRecord, by_build};
use crate::ports::Scratch;
use crate::record::Record;
use crate::scratch_list::ScratchList;

/// Records of one build, and what becomes of them.
#[derive(Debug)]
pub(super) struct Decision {
    /// A record for each node, with its keys.
    pub found: Vec<StoredRecord>,
    /// Why it is kept. Empty: it is removed.
    pub reasons: Vec<String>,
}

impl Decision {
    /// Returns the record of the first node.
    pub(super) fn record(&self) -> Option<&Record> {
        self.found.first().map(|found| &found.record)
    }
}

/// The inputs of a decision, in addition to the records.
pub(super) struct PolicyInput<'a> {
    /// Only its builds are judged, all others are kept.
    pub project: &'a str,
    pub policy: &'a Policy,
    pub present: &'a [CurrentPointer],
    pub now_ms: u64,
    pub grace_ms: u64,
    /// Trees whose builds are dropped.
    pub damaged: &'a HashSet<TreeId>,
}

/// Decides on each build of a store, in the order of a survey. Looks at all of them first, and remembers only what it
/// takes to compare them: some 100 bytes a build.
pub(super) fn decide<'s>(
    records: &ScratchList<StoredRecord>,
    scratch: &'s dyn Scratch,
    input: &PolicyInput<'s>,
) -> Result<impl Iterator<Item = Result<Decision>> + use<'s>> {
    let PolicyInput {
        project,
        policy,
        present,
        now_ms,
        grace_ms,
        damaged,
    } = *input;
    let mut ranking = Ranking::default();
    for (number, group) in groups(records, scratch, damaged).enumerate() {
        let group = group?;
        let is_judged = group.record().is_some_and(|record| record.project == project);
        if is_judged && !group.is_damaged {
            ranking.add(number, &group.found, policy);
        }
    }
    let judge = Judge {
        project,
        policy,
        now_ms,
        grace_ms,
        pointed: pointed_builds(present),
        held: held_runs(present),
        newest: ranking.newest(now_ms),
        last: ranking.last(policy.keep_last.unwrap_or_default() as usize, now_ms),
        dates: ranking.dates(now_ms),
    };
    Ok(groups(records, scratch, damaged)
        .enumerate()
        .map(move |(number, group)| {
            let group = group?;
            let reasons = match group.is_damaged {
                // What something points to is not dropped: it stops the prune, and a person decides.
                true => judge.pointers(&group).to_vec(),
                false => judge.reasons(number, &group),
            };
            Ok(Decision {
                found: group.found,
                reasons,
            })
        }))
}

/// The records of one build that are damaged, or those that are not.
struct Group {
    found: Vec<StoredRecord>,
    is_damaged: bool,
}

impl Group {
    fn record(&self) -> Option<&Record> {
        self.found.first().map(|found| &found.record)
    }
}

fn groups<'s>(
    records: &ScratchList<StoredRecord>,
    scratch: &'s dyn Scratch,
    damaged: &'s HashSet<TreeId>,
) -> impl Iterator<Item = Result<Group>> + use<'s> {
    by_build(records, scratch).flat_map(move |build| {
        let (broken, ignore_damage) = match build {
            Ok(build) => build
                .into_iter()
                .partition(|found| damaged.contains(&found.record.tree)),
            Err(error) => return vec![Err(error)],
        };
        let group = |found, is_damaged| Group { found, is_damaged };
        [group(ignore_damage, false), group(broken, true)]
            .into_iter()
            .filter(|group| !group.found.is_empty())
            .map(Ok)
            .collect()
    })
}

/// Says why builds are kept.
struct Judge<'a> {
    project: &'a str,
    policy: &'a Policy,
    now_ms: u64,
    grace_ms: u64,
    /// The pointers to each build.
    pointed: HashMap<Key, Vec<String>>,
    held: HashSet<HeldRun<'a>>,
    /// The numbers of the newest build of each branch and job.
    newest: HashSet<usize>,
    /// The numbers of the last builds of each branch.
    last: HashSet<usize>,
    dates: Dates,
}

impl Judge<'_> {
    fn pointers(&self, group: &Group) -> &[String] {
        let pointers = group.record().and_then(|record| self.pointed.get(&key(record)));
        pointers.map_or(&[], Vec::as_slice)
    }

    fn reasons(&self, number: usize, group: &Group) -> Vec<String> {
        let (Some(record), Some(dated)) = (group.record(), dated(&group.found)) else {
            return Vec::new();
        };
        let policy = self.policy;
        if record.project != self.project {
            return vec!["of another project".to_owned()];
        }
        let mut reasons = Vec::new();
        let judges = policy.keep_last.is_some() || policy.keep_within_ms.is_some() || policy.keep_tags;
        if !judges && !is_gone(record, policy) {
            reasons.push("no rule says otherwise".to_owned());
        }
        let age = self.dates.age(&dated, self.now_ms);
        let age_ms = age.unwrap_or_default();
        if age.is_none() {
            reasons.push("its date is ahead of the clock, and no other build tells its age".to_owned());
        } else if age_ms < self.grace_ms {
            reasons.push("younger than the grace period".to_owned());
        }
        reasons.extend_from_slice(self.pointers(group));
        let branch = record.branch.as_deref().unwrap_or_default();
        let run = (
            record.project.as_str(),
            record.artifact.as_str(),
            branch,
            &record.counter,
            record.order.run,
        );
        if self.held.contains(&run) {
            reasons.push(format!("of the run that branch {branch} was rolled back to"));
        }
        if self.newest.contains(&number) {
            reasons.push(format!("newest of branch {branch}"));
        }
        if self.last.contains(&number) {
            let count = policy.keep_last.unwrap_or_default();
            reasons.push(format!("among the last {count} of branch {branch}"));
        }
        if age.is_some() && policy.keep_within_ms.is_some_and(|within_ms| age_ms < within_ms) {
            reasons.push("young enough".to_owned());
        }
        if let (Some(tag), true) = (&record.tag, policy.keep_tags) {
            reasons.push(format!("tag {tag}"));
        }
        reasons
    }
}

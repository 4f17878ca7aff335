//! The builds of a project, ranking with each other.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;
use std::rc::Rc;

use super::request::Policy;
use crate::build_id::DatedBuild;
use crate::counter::Counter;
use crate::inventory::StoredRecord;
use crate::keys;
use crate::order::Order;
use crate::recency::{Across, Recency, newest_first};
use crate::record::Record;

/// The builds of a project, with the values that compare them.
#[derive(Default)]
pub(super) struct Ranking {
    counters: Interned<Counter>,
    branches: Interned<Branch>,
    jobs: Interned<Option<String>>,
    builds: Vec<BuildSummary>,
}

/// An artifact's name and a branch.
pub(super) type Branch = (String, String);

/// One build, with the number under which it comes.
pub(super) struct BuildSummary {
    number: usize,
    counter: Rc<Counter>,
    order: Order,
    created_ms: u64,
    line: Option<Lineage>,
}

/// The line of builds that a build can be the latest of.
pub(super) struct Lineage {
    branch: Rc<Branch>,
    job: Rc<Option<String>>,
    /// Whether all nodes of the build have persisted.
    is_whole: bool,
}

impl BuildSummary {
    fn recency(&self) -> Recency<'_> {
        Recency {
            // A line has no others.
            trusted: true,
            counter: &self.counter,
            order: self.order,
            created_ms: self.created_ms,
        }
    }
}

impl Ranking {
    pub(super) fn add(&mut self, number: usize, found: &[StoredRecord], policy: &Policy) {
        let (Some(StoredRecord { record, .. }), Some(dated)) = (found.first(), dated(found)) else {
            return;
        };
        let line = branch_of(found, policy).map(|(branch, is_whole)| Lineage {
            branch: self.branches.intern((record.artifact.clone(), branch)),
            job: self.jobs.intern(record.job.clone()),
            is_whole,
        });
        self.builds.push(BuildSummary {
            number,
            counter: self.counters.intern(dated.id.counter),
            order: dated.id.order,
            created_ms: dated.created_ms,
            line,
        });
    }

    /// Returns the newest complete build of each branch and job. A line without any complete one keeps its newest.
    pub(super) fn newest(&self, now_ms: u64) -> HashSet<usize> {
        self.first_of_lines(1, now_ms, |line| (&line.branch, Some(&line.job)))
    }

    /// Returns the last builds of each branch.
    pub(super) fn last(&self, count: usize, now_ms: u64) -> HashSet<usize> {
        self.first_of_lines(count, now_ms, |line| (&line.branch, None::<()>))
    }

    /// Returns the newest builds of each line, so many, those of which a node is missing after all others.
    fn first_of_lines<'c, Name: Eq + Hash>(
        &'c self,
        count: usize,
        now_ms: u64,
        name: impl Fn(&'c Lineage) -> Name,
    ) -> HashSet<usize> {
        if count == 0 {
            return HashSet::new();
        }
        let mut lines: HashMap<Name, [Vec<&BuildSummary>; 2]> = HashMap::new();
        for build in &self.builds {
            if let Some(line) = &build.line {
                let [whole, partial] = lines.entry(name(line)).or_default();
                let builds = if line.is_whole { whole } else { partial };
                builds.push(build);
            }
        }
        let sorted = |builds| {
            newest_first(builds, Across::Ranks, now_ms, |build: &&BuildSummary| {
                build.recency()
            })
        };
        lines
            .into_values()
            .flat_map(|builds| builds.into_iter().flat_map(sorted).take(count))
            .map(|build| build.number)
            .collect()
    }

    /// Returns the dates that are believed.
    pub(super) fn dates(&self, now_ms: u64) -> Dates {
        let mut dates = BTreeMap::new();
        for build in &self.builds {
            if !build.recency().is_ahead(now_ms) {
                let at = (Rc::clone(&build.counter), build.order);
                let date = dates.entry(at).or_insert(build.created_ms);
                *date = build.created_ms.min(*date);
            }
        }
        Dates(dates)
    }
}

/// Returns the branch that a build can be the latest of, if any, and whether all of its nodes have persisted.
pub(super) fn branch_of(found: &[StoredRecord], policy: &Policy) -> Option<(String, bool)> {
    let record = &found.first()?.record;
    let branch = record.branch.clone()?;
    if !record.eligible() || is_gone(record, policy) {
        return None;
    }
    // What a killed persist left under other keys is not on the branch, and displaces nothing there.
    let on_branch = |found: &&StoredRecord| {
        found
            .record
            .keys()
            .last()
            .is_some_and(|own| found.keys.iter().any(|key| keys::stem(key) == keys::stem(own)))
    };
    let nodes: HashSet<u32> = found
        .iter()
        .filter(on_branch)
        .map(|found| found.record.node.index)
        .collect();
    (!nodes.is_empty()).then_some((branch, nodes.len() >= record.node.total as usize))
}

/// Keeps each value once: builds have few counters, branches and jobs.
pub(super) struct Interned<T>(HashSet<Rc<T>>);

impl<T> Default for Interned<T> {
    fn default() -> Interned<T> {
        Interned(HashSet::new())
    }
}

impl<T: Eq + Hash> Interned<T> {
    fn intern(&mut self, value: T) -> Rc<T> {
        if let Some(known) = self.0.get(&value) {
            return Rc::clone(known);
        }
        let value = Rc::new(value);
        self.0.insert(Rc::clone(&value));
        value
    }
}

/// How old builds are, by counter and order. A date that is ahead of the clock says nothing of that, but the neighbours
/// within the counter do.
pub(super) struct Dates(BTreeMap<(Rc<Counter>, Order), u64>);

impl Dates {
    /// Returns the age of a build in milliseconds, or `None` where its date is ahead of the clock and its counter has no
    /// other build. A build is as old as the next newer one, else as the next older one.
    pub(super) fn age(&self, build: &DatedBuild, now_ms: u64) -> Option<u64> {
        if !build.recency().is_ahead(now_ms) {
            return Some(now_ms.saturating_sub(build.created_ms));
        }
        let at = (Rc::new(build.id.counter.clone()), build.id.order);
        let is_own = |(other, _): &(&(Rc<Counter>, Order), &u64)| other.0 == at.0;
        let newer = self.0.range(&at..).next().filter(is_own);
        let date = newer.or_else(|| self.0.range(..&at).next_back().filter(is_own));
        date.map(|(_, created_ms)| now_ms.saturating_sub(*created_ms))
    }
}

/// Returns what places a build: its nodes were persisted one by one, and the last counts.
pub(super) fn dated(found: &[StoredRecord]) -> Option<DatedBuild> {
    let records: Vec<&Record> = found.iter().map(|found| &found.record).collect();
    DatedBuild::of(&records)
}

pub(super) fn is_gone(record: &Record, policy: &Policy) -> bool {
    record
        .branch
        .as_ref()
        .is_some_and(|branch| policy.branches_gone.contains(branch))
}

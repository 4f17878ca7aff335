//! Decides which builds are kept, and why, from records alone. Changes nothing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;
use std::rc::Rc;

use crate::counter::{Across, Counter, Standing, newest_first};
use crate::error::Result;
use crate::event::{Action, Event, Pointer};
use crate::id::TreeId;
use crate::keys;
use crate::order::Order;
use crate::ports::Scratch;
use crate::record::{BuildId, Placed, Record};
use crate::spool::Spooled;
use crate::survey::{Found, Present, by_build};

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
pub(super) const CHANNEL_STEPS: u32 = 3;

/// Records of one build, and what becomes of them.
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

/// Names a build among all: project, artifact, job run with all attempts of its nodes.
type Key = (String, String, BuildId);

/// What else a decision depends on.
pub(super) struct Circumstances<'a> {
    /// Only its builds are judged, all others are kept.
    pub project: &'a str,
    pub policy: &'a Policy,
    pub present: &'a [Present],
    pub now_ms: u64,
    pub grace_ms: u64,
    /// Trees whose builds are dropped.
    pub damaged: &'a HashSet<TreeId>,
}

/// Decides on each build of a store, in the order of a survey. Looks at all of them first, and remembers only what it
/// takes to compare them: some 100 bytes a build.
pub(super) fn decide<'s>(
    records: &Spooled<Found>,
    scratch: &'s dyn Scratch,
    circumstances: &Circumstances<'s>,
) -> Result<impl Iterator<Item = Result<Decision>> + use<'s>> {
    let Circumstances {
        project,
        policy,
        present,
        now_ms,
        grace_ms,
        damaged,
    } = *circumstances;
    let mut compared = Compared::default();
    for (number, group) in groups(records, scratch, damaged).enumerate() {
        let group = group?;
        let is_judged = group.record().is_some_and(|record| record.project == project);
        if is_judged && !group.is_damaged {
            compared.add(number, &group.found, policy);
        }
    }
    let judge = Judge {
        project,
        policy,
        now_ms,
        grace_ms,
        pointed: pointed_to(present),
        held: held_runs(present),
        newest: compared.newest(now_ms),
        last: compared.last(policy.keep_last.unwrap_or_default() as usize, now_ms),
        dates: compared.dates(now_ms),
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
    found: Vec<Found>,
    is_damaged: bool,
}

impl Group {
    fn record(&self) -> Option<&Record> {
        self.found.first().map(|found| &found.record)
    }
}

fn groups<'s>(
    records: &Spooled<Found>,
    scratch: &'s dyn Scratch,
    damaged: &'s HashSet<TreeId>,
) -> impl Iterator<Item = Result<Group>> + use<'s> {
    by_build(records, scratch).flat_map(move |build| {
        let (broken, sound) = match build {
            Ok(build) => build
                .into_iter()
                .partition(|found| damaged.contains(&found.record.tree)),
            Err(error) => return vec![Err(error)],
        };
        let group = |found, is_damaged| Group { found, is_damaged };
        [group(sound, false), group(broken, true)]
            .into_iter()
            .filter(|group| !group.found.is_empty())
            .map(Ok)
            .collect()
    })
}

fn key(record: &Record) -> Key {
    let id = record.build_id().all_attempts();
    (record.project.clone(), record.artifact.clone(), id)
}

/// Says why builds are kept.
struct Judge<'a> {
    project: &'a str,
    policy: &'a Policy,
    now_ms: u64,
    grace_ms: u64,
    /// What points to builds.
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
        let (Some(record), Some(placed)) = (group.record(), placed(&group.found)) else {
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
        let age = self.dates.age(&placed, self.now_ms);
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
            event.build.id.clone().all_attempts(),
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

/// Project, artifact, branch, counter, and the run's number.
type HeldRun<'a> = (&'a str, &'a str, &'a str, &'a Counter, u64);

/// Returns the runs that branches are held at: `latest` answers every job's build of such a run.
fn held_runs(present: &[Present]) -> HashSet<HeldRun<'_>> {
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

/// Returns what places a build: its nodes were persisted one by one, and the last counts.
fn placed(found: &[Found]) -> Option<Placed> {
    let records: Vec<&Record> = found.iter().map(|found| &found.record).collect();
    Placed::of(&records)
}

/// What it takes to compare the builds of a project with each other.
#[derive(Default)]
struct Compared {
    counters: Interned<Counter>,
    branches: Interned<Branch>,
    jobs: Interned<Option<String>>,
    builds: Vec<Brief>,
}

/// An artifact's name and a branch.
type Branch = (String, String);

/// One build, with the number under which it comes.
struct Brief {
    number: usize,
    counter: Rc<Counter>,
    order: Order,
    created_ms: u64,
    line: Option<Line>,
}

/// The line of builds that a build can be the latest of.
struct Line {
    branch: Rc<Branch>,
    job: Rc<Option<String>>,
    /// Whether all nodes of the build are there.
    is_whole: bool,
}

impl Brief {
    fn standing(&self) -> Standing<'_> {
        Standing {
            // A line has no others.
            trusted: true,
            counter: &self.counter,
            order: self.order,
            created_ms: self.created_ms,
        }
    }
}

impl Compared {
    fn add(&mut self, number: usize, found: &[Found], policy: &Policy) {
        let (Some(Found { record, .. }), Some(placed)) = (found.first(), placed(found)) else {
            return;
        };
        let line = branch_of(found, policy).map(|(branch, is_whole)| Line {
            branch: self.branches.intern((record.artifact.clone(), branch)),
            job: self.jobs.intern(record.job.clone()),
            is_whole,
        });
        self.builds.push(Brief {
            number,
            counter: self.counters.intern(placed.id.counter),
            order: placed.id.order,
            created_ms: placed.created_ms,
            line,
        });
    }

    /// Returns the newest complete build of each branch and job. A line without any complete one keeps its newest.
    fn newest(&self, now_ms: u64) -> HashSet<usize> {
        self.first_of_lines(1, now_ms, |line| (&line.branch, Some(&line.job)))
    }

    /// Returns the last builds of each branch.
    fn last(&self, count: usize, now_ms: u64) -> HashSet<usize> {
        self.first_of_lines(count, now_ms, |line| (&line.branch, None::<()>))
    }

    /// Returns the newest builds of each line, so many, those of which a node is missing after all others.
    fn first_of_lines<'c, Name: Eq + Hash>(
        &'c self,
        count: usize,
        now_ms: u64,
        name: impl Fn(&'c Line) -> Name,
    ) -> HashSet<usize> {
        if count == 0 {
            return HashSet::new();
        }
        let mut lines: HashMap<Name, [Vec<&Brief>; 2]> = HashMap::new();
        for build in &self.builds {
            if let Some(line) = &build.line {
                let [whole, partial] = lines.entry(name(line)).or_default();
                let builds = if line.is_whole { whole } else { partial };
                builds.push(build);
            }
        }
        let sorted = |builds| newest_first(builds, Across::Ranks, now_ms, |build: &&Brief| build.standing());
        lines
            .into_values()
            .flat_map(|builds| builds.into_iter().flat_map(sorted).take(count))
            .map(|build| build.number)
            .collect()
    }

    /// Returns the dates that are believed.
    fn dates(&self, now_ms: u64) -> Dates {
        let mut dates = BTreeMap::new();
        for build in &self.builds {
            if !build.standing().is_ahead(now_ms) {
                let at = (Rc::clone(&build.counter), build.order);
                let date = dates.entry(at).or_insert(build.created_ms);
                *date = build.created_ms.min(*date);
            }
        }
        Dates(dates)
    }
}

/// Returns the branch that a build can be the latest of, if any, and whether all of its nodes are there.
fn branch_of(found: &[Found], policy: &Policy) -> Option<(String, bool)> {
    let record = &found.first()?.record;
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
    let nodes: HashSet<u32> = found
        .iter()
        .filter(on_branch)
        .map(|found| found.record.node.index)
        .collect();
    (!nodes.is_empty()).then_some((branch, nodes.len() >= record.node.total as usize))
}

/// Keeps each value once: builds have few counters, branches and jobs.
struct Interned<T>(HashSet<Rc<T>>);

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
struct Dates(BTreeMap<(Rc<Counter>, Order), u64>);

impl Dates {
    /// Returns the age of a build in milliseconds, or `None` where its date is ahead of the clock and its counter has no
    /// other build. A build is as old as the next newer one, else as the next older one.
    fn age(&self, build: &Placed, now_ms: u64) -> Option<u64> {
        if !build.standing().is_ahead(now_ms) {
            return Some(now_ms.saturating_sub(build.created_ms));
        }
        let at = (Rc::new(build.id.counter.clone()), build.id.order);
        let is_own = |(other, _): &(&(Rc<Counter>, Order), &u64)| other.0 == at.0;
        let newer = self.0.range(&at..).next().filter(is_own);
        let date = newer.or_else(|| self.0.range(..&at).next_back().filter(is_own));
        date.map(|(_, created_ms)| now_ms.saturating_sub(*created_ms))
    }
}

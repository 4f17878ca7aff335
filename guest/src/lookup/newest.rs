//! The newest build below a prefix: of each counter the newest complete one, and of these the one that comes first.

use super::candidate::{Candidate, Incomplete};
use super::counters::{CounterKeys, Form, counters};
use super::groups::Groups;
use super::list::before;
use super::read::{SEARCHED_MAX, ignore_damage, read};
use super::scope::Scope;
use super::warnings;
use crate::build_id::{BuildId, DatedBuild};
use crate::error::{Error, Problem, Result, warning};
use crate::order::{Leaf, inverted, newest_first};
use crate::ports::Store;
use crate::recency::{Recency, first};
use crate::record::Record;

/// The keys to search.
pub(super) struct Search<'a> {
    /// Below it lie the counters.
    pub prefix: &'a str,
    /// The form of the keys after the counter.
    pub form: Form,
    /// Whether the keys are those of several branches.
    pub by_name: bool,
    /// Only builds of this number: a part of the key, after the counter.
    pub number: Option<u64>,
    /// Only builds that are not newer than another one.
    pub until: Option<Until<'a>>,
    /// About how many keys of a counter are looked at.
    pub most: usize,
    /// Whether a damaged build is passed over.
    pub lenient: bool,
}

/// The start of a search in the middle of a history.
pub(super) struct Until<'a> {
    /// The build.
    pub build: &'a DatedBuild,
    /// The start in the counter of that build.
    pub begin: Begin,
}

/// The start of a search in the counter of a build.
#[derive(Clone, Copy)]
pub(super) enum Begin {
    /// With its run.
    Run,
    /// With its attempt.
    Attempt,
    /// After the build.
    After,
}

impl<'a> Search<'a> {
    /// Returns the search for the newest build of a branch.
    pub(super) fn branch(prefix: &'a str, scope: &Scope) -> Search<'a> {
        Search {
            prefix,
            form: Form::Spread,
            by_name: false,
            number: None,
            until: None,
            most: SEARCHED_MAX,
            lenient: !scope.strict,
        }
    }
}

impl Until<'_> {
    /// Leaves out what is newer. Within the build's own counter its key says where that ends.
    fn narrow(
        &self,
        store: &impl Store,
        counters: Vec<CounterKeys>,
        now_ms: u64,
    ) -> Result<Vec<CounterKeys>> {
        let id = &self.build.id;
        let passed = match counters.len() {
            1 => vec![None],
            _ => before(store, &counters, self.build, now_ms)?,
        };
        let narrowed = counters.into_iter().zip(passed).map(|(keys, passed)| {
            if !keys.are_of(id) {
                return match passed {
                    Some(key) => keys.after(key),
                    None => keys,
                };
            }
            keys.begin(id, self.begin)
        });
        Ok(narrowed.collect())
    }
}

impl CounterKeys {
    /// Narrows the keys of a build's own counter to those from the build on.
    fn begin(self, id: &BuildId, begin: Begin) -> CounterKeys {
        let run = format!("{}{}/", self.prefix, newest_first(id.order.run));
        self.after(match begin {
            Begin::Run => run,
            Begin::Attempt => format!("{run}{}", inverted(id.order.attempt)),
            Begin::After => format!("{run}{}-{}-~", inverted(id.order.attempt), id.job),
        })
    }

    /// Returns whether these are the keys of a build's counter.
    fn are_of(&self, id: &BuildId) -> bool {
        self.prefix.ends_with(&format!("/{}/", id.counter.name()))
    }
}

/// Returns the records of the newest complete build: one, or one for each parallel node. Warns of what was passed over;
/// where there is nothing else, the first damage is the error.
pub(super) fn newest(
    store: &impl Store,
    search: &Search<'_>,
    scope: &Scope,
    warnings: &mut Vec<Problem>,
) -> Result<Vec<Record>> {
    let now_ms = scope.context.now_ms;
    let mut counters = counters(store, search.prefix, search.form, now_ms)?;
    if let Some(until) = &search.until {
        counters = until.narrow(store, counters, now_ms)?;
    }
    newest_among(store, counters, search, scope, warnings)
}

/// Returns the build that is so many steps before another one, or how many steps there are. What is newer than that build is
/// read once, where several counters feed the branch; each step then costs the same.
pub(super) fn steps_before(
    store: &impl Store,
    search: &Search<'_>,
    scope: &Scope,
    build: &DatedBuild,
    steps: u32,
) -> Result<std::result::Result<Vec<Record>, u32>> {
    let now_ms = scope.context.now_ms;
    let begin = Begin::After;
    let counters = counters(store, search.prefix, search.form, now_ms)?;
    let mut counters = Until { build, begin }.narrow(store, counters, now_ms)?;
    let mut found = Vec::new();
    for step in 0..steps {
        found = newest_among(store, counters.clone(), search, scope, &mut Vec::new())?;
        let Some(DatedBuild { id, .. }) = DatedBuild::of(&found) else {
            return Ok(Err(step));
        };
        let after = |keys: CounterKeys| match keys.are_of(&id) {
            true => keys.begin(&id, begin),
            false => keys,
        };
        counters = counters.into_iter().map(after).collect();
    }
    Ok(Ok(found))
}

fn newest_among(
    store: &impl Store,
    counters: Vec<CounterKeys>,
    search: &Search<'_>,
    scope: &Scope,
    warnings: &mut Vec<Problem>,
) -> Result<Vec<Record>> {
    let now_ms = scope.context.now_ms;
    let mut candidates = Vec::new();
    for keys in counters {
        candidates.extend(of_counter(store, keys, search, scope)?);
    }
    let dated: Vec<Option<DatedBuild>> = candidates.iter().map(Candidate::dated).collect();
    let there: Vec<(usize, Recency<'_>)> = dated
        .iter()
        .enumerate()
        .filter_map(|(at, dated)| Some((at, dated.as_ref()?.recency())))
        .collect();
    let heads: Vec<Recency<'_>> = there.iter().map(|(_, head)| *head).collect();
    let winner = first(&heads, now_ms)
        .and_then(|at| there.get(at))
        .map(|(at, _)| *at);
    let rank = winner.and_then(|at| candidates.get(at)).map(|it| it.rank);
    // What is damaged in a counter that ranks below the answer's would not have been the answer.
    let counts = |candidate: &&mut Candidate| rank.is_none_or(|rank| candidate.rank <= rank);
    let mut damage = None;
    for candidate in candidates.iter_mut().filter(counts) {
        warnings.append(&mut candidate.skipped);
        damage = damage.or(candidate.damage.take());
    }
    match (winner, damage) {
        (_, Some(damage)) if !search.lenient => Err(damage),
        (None, Some(damage)) => Err(damage),
        (None, None) => warnings::only_incomplete(&candidates, scope),
        (Some(winner), _) => {
            warnings::warn(&candidates, winner, scope, warnings);
            let Candidate {
                mut records,
                ambiguous,
                ..
            } = candidates.swap_remove(winner);
            if let Some(error) = ambiguous {
                return Err(error);
            }
            records.sort_by_key(|record| record.node);
            Ok(records)
        }
    }
}

/// Returns the newest complete build of a counter; of each branch that the runner counts by itself, where the keys are
/// those of several.
fn of_counter(
    store: &impl Store,
    mut keys: CounterKeys,
    search: &Search<'_>,
    scope: &Scope,
) -> Result<Vec<Candidate>> {
    if let Some(number) = search.number {
        keys = keys.of_number(number);
    }
    let rank = keys.rank;
    let empty = || Candidate {
        rank,
        records: Vec::new(),
        ambiguous: None,
        incomplete: None,
        damage: None,
        skipped: Vec::new(),
    };
    let mut groups = Groups::new(store, keys, search.most);
    let (mut found, mut candidate) = (Vec::new(), empty());
    while let Some(group) = groups.next()? {
        if !candidate.judge(store, &mut groups, &group, search, scope)? {
            continue;
        }
        let part = candidate.part();
        let is_known = found.iter().any(|other: &Candidate| other.part() == part);
        let is_last = candidate.damage.is_some() || !search.by_name || part.is_none() || groups.is_long();
        if !is_known {
            found.push(candidate);
        }
        if is_last {
            return Ok(found);
        }
        candidate = empty();
    }
    found.push(candidate);
    Ok(found)
}

impl Candidate {
    /// Returns the branch that is counted by itself.
    fn part(&self) -> Option<String> {
        self.records
            .first()
            .and_then(|record| record.counter.part.clone())
    }

    /// Looks at the next build of the counter. Returns whether the search ends with it.
    fn judge(
        &mut self,
        store: &impl Store,
        groups: &mut Groups<'_, impl Store>,
        group: &[(String, Leaf)],
        search: &Search<'_>,
        scope: &Scope,
    ) -> Result<bool> {
        let Some((first, leaf)) = group.first() else {
            return Ok(false);
        };
        let records = match open_group(store, scope, group) {
            Err(error @ Error::Damaged(_)) => {
                if search.lenient {
                    self.skipped.push(skipped(store, first, &error));
                }
                self.damage.get_or_insert(error);
                return Ok(!search.lenient);
            }
            other => other?,
        };
        if records.is_empty() {
            return Ok(false);
        }
        if records.len() < leaf.node.total as usize {
            self.incomplete.get_or_insert_with(|| Incomplete::new(records));
            return Ok(false);
        }
        // Two jobs of one run that share a number (GitHub's and GitLab's do) leave nothing to prefer one by, whichever was
        // run again last.
        if scope.jobs.is_empty()
            && let (Some(record), Some(key)) = (records.first(), groups.other_job(first, leaf)?)
            && let Some(other) = ignore_damage(read(store, &key).map(Some))?
            && other.number == record.number
        {
            self.ambiguous = Some(ambiguous_jobs(scope, record, &other));
        }
        self.records = records;
        Ok(true)
    }
}

/// Reads the records of a group. None where it is not of a job that is wanted.
fn open_group(store: &impl Store, scope: &Scope, group: &[(String, Leaf)]) -> Result<Vec<Record>> {
    let mut records: Vec<Record> = Vec::with_capacity(group.len());
    for (key, _) in group {
        let record = read(store, key)?;
        if !scope.wants(&record) {
            return Ok(Vec::new());
        }
        // A build has one number: an attempt that got another one is a build of its own.
        if records.first().is_none_or(|first| first.number == record.number) {
            records.push(record);
        }
    }
    scope.check_undamaged(records)
}

/// Says that a newer build was passed over, by its selector if its record can be read.
fn skipped(store: &impl Store, key: &str, damage: &Error) -> Problem {
    let subject = match read(store, key) {
        Ok(record) => record.build_id().to_string(),
        Err(_) => key.to_owned(),
    };
    let message = format!("a newer build is damaged and was passed over: {damage}");
    warning("damaged-skipped", message, &subject)
}

fn ambiguous_jobs(scope: &Scope, record: &Record, other: &Record) -> Error {
    let job = |record: &Record| record.job.clone().unwrap_or_else(|| "(no job)".to_owned());
    let message = format!(
        "several jobs of build {} persisted {}: {} and {}",
        record.number,
        record.artifact,
        job(record),
        job(other)
    );
    Error::conflict("ambiguous-job", message, &scope.selector)
}

//! The newest build below a prefix, found by a listing of a few keys.

use std::collections::VecDeque;

use super::{Scope, read};
use crate::error::{Error, Problem, Result, warning};
use crate::keys;
use crate::order::Leaf;
use crate::ports::Store;
use crate::record::Record;

/// Keys asked for at a time. One build has as many as it has parallel nodes, mostly one.
pub(super) const PAGE: u32 = 32;

/// Where to look.
pub(super) struct Search<'a> {
    pub prefix: &'a str,
    /// Only behind this key.
    pub after: Option<String>,
    /// About how many keys are looked at.
    pub most: usize,
    /// Whether a damaged build gives way to the next one.
    pub lenient: bool,
}

/// Returns the records of the newest complete build: one, or one for each parallel node. Warns of those that are damaged
/// and were passed over; where there is nothing else, the first one's damage is the error.
pub(super) fn newest(
    store: &impl Store,
    search: &Search<'_>,
    scope: &Scope,
    warnings: &mut Vec<Problem>,
) -> Result<Vec<Record>> {
    let mut incomplete = None;
    let mut damage = None;
    let mut groups = Groups::new(store, search);
    while let Some(group) = groups.next()? {
        let Some((first, leaf)) = group.first() else {
            continue;
        };
        let mut records = match open_group(store, scope, &group) {
            Err(error @ Error::Damaged(_)) if search.lenient => {
                warnings.push(skipped(store, first, &error));
                damage.get_or_insert(error);
                continue;
            }
            other => other?,
        };
        let Some(record) = records.first() else {
            continue;
        };
        if group.len() < leaf.node.total as usize {
            incomplete.get_or_insert((record.clone(), group.len()));
            continue;
        }
        // Two jobs of one run that share a number (GitHub's do) leave nothing to prefer one by.
        if scope.jobs.is_empty()
            && let Some(next) = groups.peek()?
            && next
                .first()
                .is_some_and(|(key, other)| same_run(first, key) && other.attempt == leaf.attempt)
        {
            let other = next.first().map(|(key, _)| read(store, key)).transpose()?;
            return Err(ambiguous_jobs(scope, record, other.as_ref()));
        }
        records.sort_by_key(|record| record.node);
        return Ok(records);
    }
    match (damage, incomplete) {
        (Some(damage), _) => Err(damage),
        (None, None) => Ok(Vec::new()),
        (None, Some((record, there))) => {
            let total = record.node.total;
            let message = format!(
                "only {there} of {total} parallel nodes of {} have persisted",
                record.job_name()
            );
            Err(Error::nothing_matched(
                "incomplete-build",
                message,
                &scope.selector,
            ))
        }
    }
}

/// Reads the records of a group. None where it is not of a job that is wanted.
fn open_group(store: &impl Store, scope: &Scope, group: &[(String, Leaf)]) -> Result<Vec<Record>> {
    let mut records = Vec::with_capacity(group.len());
    for (key, _) in group {
        let record = read(store, key)?;
        if !scope.wants(&record) {
            return Ok(Vec::new());
        }
        records.push(record);
    }
    scope.check_fit(records)
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

/// Whether two keys of builds lie in the same run: all but the leaf is equal.
fn same_run(a: &str, b: &str) -> bool {
    let run = |key: &str| {
        let (dir, last) = key.rsplit_once('/')?;
        // A look-up key has the run in its last name, a branch's in the names before.
        let run = if Leaf::parse(last).is_some() {
            ""
        } else {
            last.split_once('-')?.0
        };
        Some((dir.to_owned(), run.to_owned()))
    };
    run(a).is_some() && run(a) == run(b)
}

fn ambiguous_jobs(scope: &Scope, record: &Record, other: Option<&Record>) -> Error {
    let job = |record: &Record| record.job.clone().unwrap_or_else(|| "(no job)".to_owned());
    let message = format!(
        "several jobs of build {} persisted {}: {} and {}",
        record.number,
        record.artifact,
        job(record),
        other.map_or_else(|| "another".to_owned(), job)
    );
    Error::conflict("ambiguous-job", message, &scope.selector)
}

/// Groups the keys below a prefix by job run, in order.
struct Groups<'a, S> {
    store: &'a S,
    prefix: &'a str,
    keys: VecDeque<(String, Leaf)>,
    last: Option<String>,
    ended: bool,
    /// How many more keys are asked for.
    left: usize,
    peeked: Option<Vec<(String, Leaf)>>,
}

impl<'a, S: Store> Groups<'a, S> {
    fn new(store: &'a S, search: &Search<'a>) -> Self {
        Groups {
            store,
            prefix: search.prefix,
            keys: VecDeque::new(),
            last: search.after.clone(),
            ended: false,
            left: search.most,
            peeked: None,
        }
    }

    fn key(&mut self) -> Result<Option<&(String, Leaf)>> {
        if self.keys.is_empty() && !self.ended && self.left > 0 {
            let page = self.store.list(self.prefix, self.last.as_deref(), PAGE)?;
            self.ended = page.len() < PAGE as usize;
            self.left = self.left.saturating_sub(page.len());
            self.last = page.last().cloned().or(self.last.take());
            for key in page {
                // A key that no baton wrote is nobody's build.
                if let Some(leaf) = keys::leaf(&key) {
                    self.keys.push_back((key, leaf));
                }
            }
        }
        Ok(self.keys.front())
    }

    fn next(&mut self) -> Result<Option<Vec<(String, Leaf)>>> {
        if let Some(peeked) = self.peeked.take() {
            return Ok(Some(peeked));
        }
        self.key()?;
        let Some(first) = self.keys.pop_front() else {
            return Ok(None);
        };
        let mut group = vec![first];
        loop {
            let same = match (self.key()?, group.first()) {
                (Some((key, leaf)), Some((first, of))) => same_run(first, key) && leaf.same_job(of),
                _ => false,
            };
            if !same {
                return Ok(Some(group));
            }
            group.extend(self.keys.pop_front());
        }
    }

    fn peek(&mut self) -> Result<Option<&Vec<(String, Leaf)>>> {
        if self.peeked.is_none() {
            self.peeked = self.next()?;
        }
        Ok(self.peeked.as_ref())
    }
}

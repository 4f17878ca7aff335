//! Everything that is below the projects of a store: what a verify looks at, and what a prune decides on.

use std::collections::BTreeMap;

use crate::error::{Damage, Error, Result};
use crate::event::Event;
use crate::keys;
use crate::lookup;
use crate::ports::{Store, get_intact};
use crate::record::Record;

/// What records lie under.
const RECORDS: [&str; 5] = ["builds", "numbers", "commits", "tags", "workspaces"];

/// What was found.
#[derive(Debug, Default)]
pub struct Survey {
    /// Each record once, with the keys under which it lies, and what it replaced.
    pub records: Vec<Found>,
    /// All events, where `Depth::Objects` was asked for.
    pub events: Vec<Event>,
    /// What cannot be read, or lies where it does not belong.
    pub damages: Vec<Damage>,
    /// How many objects were read.
    pub objects: u64,
}

/// A record and its keys.
#[derive(Debug)]
pub struct Found {
    /// What it says.
    pub record: Record,
    /// Where it lies, the first one by which it was read.
    pub keys: Vec<String>,
}

/// How thorough a survey is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Each record is read under one of its keys.
    Keys,
    /// Every object is read.
    Objects,
}

/// Looks at all projects of a store.
pub fn survey(store: &impl Store, depth: Depth) -> Result<Survey> {
    let mut survey = Survey::default();
    // By the key of the first record that has it among its own.
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = store.list(keys::PROJECTS, after.as_deref(), 1000)?;
        let last = page.len() < 1000;
        after = page.last().cloned();
        for key in page {
            match kind(&key) {
                kind if RECORDS.contains(&kind) => survey.record(store, depth, key, &mut known)?,
                _ if is_event(&key) && depth == Depth::Objects => {
                    survey.objects += 1;
                    let event = Event::read(store, &key);
                    survey.events.extend(survey.damages.keep(event)?);
                }
                "workflows" if depth == Depth::Objects => {
                    survey.objects += 1;
                    let name = lookup::workspace_of(store, &key);
                    survey.damages.keep(name)?;
                }
                // Signatures are checked by whoever has a key.
                _ => {}
            }
        }
        if last {
            break;
        }
    }
    survey.keep_newest();
    Ok(survey)
}

/// What a history says now.
#[derive(Debug)]
pub struct Present {
    /// Its last event.
    pub last: Event,
    /// The events that steps back lead to, one step first.
    pub before: Vec<Event>,
}

/// Returns what every history of every project says now, and so many steps before.
pub fn present(store: &impl Store, steps: u32) -> Result<Vec<Present>> {
    let mut all = Vec::new();
    for project in firsts(store, keys::PROJECTS, 1)? {
        for kind in ["channels", "moves"] {
            let prefix = format!("{project}/{kind}/");
            // An artifact and a name, and behind them the newest event first.
            for history in firsts(store, &prefix, 2)? {
                let Some(key) = store.list(&format!("{history}/"), None, 1)?.pop() else {
                    continue;
                };
                let last = Event::read(store, &key)?;
                let mut before: Vec<Event> = Vec::new();
                for _ in 0..steps {
                    match before.last().unwrap_or(&last).before(store)? {
                        Some(event) => before.push(event),
                        None => break,
                    }
                }
                all.push(Present { last, before });
            }
        }
    }
    Ok(all)
}

/// Returns the different beginnings of keys below a prefix: the prefix and so many names. One request each.
fn firsts(store: &impl Store, prefix: &str, names: usize) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut after = None;
    while let Some(key) = store.list(prefix, after.as_deref(), 1)?.pop() {
        let rest = key.get(prefix.len()..).unwrap_or_default();
        let end = rest
            .match_indices('/')
            .nth(names - 1)
            .map_or(rest.len(), |(at, _)| at);
        let first = format!("{prefix}{}", rest.get(..end).unwrap_or(rest));
        after = Some(keys::behind(&first, &key));
        if found.last() != Some(&first) {
            found.push(first);
        }
    }
    Ok(found)
}

impl Survey {
    fn record(
        &mut self,
        store: &impl Store,
        depth: Depth,
        key: String,
        known: &mut BTreeMap<String, usize>,
    ) -> Result<()> {
        let seen = known.get(&key).copied();
        if let (Some(found), Depth::Keys) = (seen.and_then(|at| self.records.get_mut(at)), depth) {
            found.keys.push(key);
            return Ok(());
        }
        self.objects += 1;
        let record = get_intact(store, &key, None, |bytes| Record::open(&key, &bytes))
            .and_then(|found| found.ok_or_else(|| gone(&key)));
        // One that was deleted since it was listed is none.
        if record.is_err() && store.head(&key)?.is_none() {
            return Ok(());
        }
        let Some(record) = self.damages.keep(record)? else {
            return Ok(());
        };
        match seen.and_then(|at| self.records.get_mut(at)) {
            Some(found) if found.record == record => found.keys.push(key),
            Some(found) => {
                let message = format!("it is not the record that lies under {}", found.first_key());
                self.damages.extend(damage(Error::damaged(&key, message)));
            }
            None => {
                let at = self.records.len();
                for own in record.keys().into_iter().chain(record.layer_key()) {
                    known.insert(own, at);
                }
                self.records.push(Found {
                    record,
                    keys: vec![key],
                });
            }
        }
        Ok(())
    }
}

impl Survey {
    /// Leaves out what a newer revision replaced under every key: nothing answers it any more, and its files may go. Its
    /// keys are the newer one's.
    fn keep_newest(&mut self) {
        let mut newest: BTreeMap<String, u8> = BTreeMap::new();
        for found in self.records.iter().filter(|found| found.is_complete()) {
            let revision = newest.entry(found.stem()).or_default();
            *revision = found.record.revision.max(*revision);
        }
        let mut replaced: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut kept = Vec::new();
        for found in std::mem::take(&mut self.records) {
            match newest.get(&found.stem()) {
                Some(newest) if found.record.revision < *newest => {
                    replaced.entry(found.stem()).or_default().extend(found.keys);
                }
                _ => kept.push(found),
            }
        }
        for found in &mut kept {
            found
                .keys
                .extend(replaced.remove(&found.stem()).unwrap_or_default());
        }
        self.records = kept;
    }
}

impl Found {
    /// Whether it lies under the key that is written last.
    fn is_complete(&self) -> bool {
        self.record
            .keys()
            .last()
            .is_some_and(|last| self.keys.contains(last))
    }

    /// Returns what the first keys of all revisions begin with.
    fn stem(&self) -> String {
        let first = self.record.keys().into_iter().next().unwrap_or_default();
        keys::stem(&first).to_owned()
    }

    fn first_key(&self) -> &str {
        self.keys.first().map_or("", String::as_str)
    }
}

/// Collects damages, where anything else is a failure.
pub(crate) trait Damages {
    /// Returns what is whole, and remembers what is damaged.
    fn keep<T>(&mut self, found: Result<T>) -> Result<Option<T>>;
}

impl Damages for Vec<Damage> {
    fn keep<T>(&mut self, found: Result<T>) -> Result<Option<T>> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(error) => {
                self.push(error.into_damage()?);
                Ok(None)
            }
        }
    }
}

fn damage(error: Error) -> Option<Damage> {
    match error {
        Error::Damaged(damage) => Some(damage),
        _ => None,
    }
}

fn gone(key: &str) -> Error {
    Error::damaged(key, "the record is missing")
}

/// Whether a record lies under a key, or should.
pub(crate) fn is_record(key: &str) -> bool {
    RECORDS.contains(&kind(key))
}

/// Whether an event lies under a key, or should.
pub(crate) fn is_event(key: &str) -> bool {
    matches!(kind(key), "channels" | "moves")
}

/// Returns the name behind the project: what a key is of.
fn kind(key: &str) -> &str {
    key.strip_prefix(keys::PROJECTS)
        .and_then(|rest| rest.split('/').nth(1))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart() {
        assert_eq!(kind("v1/projects/p/numbers/dist/7/fe/x"), "numbers");
        assert_eq!(kind("v1/projects/p"), "");
    }
}

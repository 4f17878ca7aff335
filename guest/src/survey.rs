//! Everything that is below the projects of a store: what a verify looks at, and what a prune decides on.

use std::collections::{BTreeMap, HashMap};
use std::iter::Peekable;

use serde::{Deserialize, Serialize};

use crate::error::{Damage, Error, Result};
use crate::event::Event;
use crate::id::Digest;
use crate::keys;
use crate::lookup;
use crate::order::newest_first;
use crate::ports::{Scratch, Store, get_intact};
use crate::record::{BuildId, Record};
use crate::spool::{Items, Sorter, Spool, Spooled};

/// The kinds of keys under which records lie.
const RECORDS: [&str; 5] = ["builds", "numbers", "commits", "tags", "workspaces"];

/// What was found.
#[derive(Debug, Default)]
pub struct Survey {
    /// Each record once, in the order of projects, artifacts, builds and nodes.
    pub records: Spooled<Found>,
    /// The last event of each history, where `Depth::Objects` was asked for.
    pub last_events: Vec<Event>,
    /// What cannot be read, or lies where it does not belong.
    pub damages: Vec<Damage>,
}

/// A record and its keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Found {
    /// The record.
    pub record: Record,
    /// The keys under which it lies, and those of the revisions that it resited. First the key by which it was read.
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

/// Looks at all projects of a store. Memory holds some 250 bytes a record; the records are in the scratch space.
pub fn survey(store: &impl Store, scratch: &dyn Scratch, depth: Depth) -> Result<Survey> {
    let mut reading = Reading::new(scratch, depth);
    let mut after = None;
    loop {
        let page = store.list(keys::PROJECTS, after.as_deref(), 1000)?;
        let last = page.len() < 1000;
        after = page.last().cloned();
        for key in page {
            reading.object(store, key)?;
        }
        if last {
            break;
        }
    }
    reading.finish(scratch)
}

/// A survey that is under way.
struct Reading<'s> {
    depth: Depth,
    records: Spool<'s, Record>,
    /// The digest of each record.
    digests: Vec<Digest>,
    /// By the digest of each key that a record names: the number of the record.
    owners: HashMap<Digest, u64>,
    /// The keys that were found: the number of their record, their place in the listing, the key.
    keys: Sorter<'s, (u64, u64, String)>,
    key_count: u64,
    last_events: BTreeMap<(String, String, String), Event>,
    /// The last key of an event that was listed: of which history, and its number.
    listed_event: Option<(String, u64)>,
    damages: Vec<Damage>,
}

impl<'s> Reading<'s> {
    fn new(scratch: &'s dyn Scratch, depth: Depth) -> Reading<'s> {
        Reading {
            depth,
            records: Spool::new(scratch),
            digests: Vec::new(),
            owners: HashMap::new(),
            keys: Sorter::new(scratch),
            key_count: 0,
            last_events: BTreeMap::new(),
            listed_event: None,
            damages: Vec::new(),
        }
    }

    fn object(&mut self, store: &impl Store, key: String) -> Result<()> {
        match kind(&key) {
            kind if RECORDS.contains(&kind) => self.record(store, key)?,
            _ if is_event(&key) && self.depth == Depth::Objects => {
                self.gap(&key);
                let event = Event::read(store, &key);
                if let Some(event) = self.damages.keep(event)? {
                    self.event(event);
                }
            }
            "workflows" if self.depth == Depth::Objects => {
                let name = lookup::workspace_of(store, &key);
                self.damages.keep(name)?;
            }
            // Signatures are checked by whoever has a key.
            _ => {}
        }
        Ok(())
    }

    /// Notices events that are missing between two of one history. The newest comes first.
    fn gap(&mut self, key: &str) {
        let Some((history, sequence)) = event_of(key) else {
            return;
        };
        if let Some((_, before)) = self.listed_event.as_ref().filter(|(before, _)| before == history)
            && let Some(missing) = before.checked_sub(1).filter(|missing| *missing > sequence)
        {
            let key = format!("{history}{}", newest_first(missing));
            let message = match missing - sequence {
                1 => "the event is missing".to_owned(),
                count => format!("the event and {} before it are missing", count - 1),
            };
            self.damages.extend(damage(Error::damaged(&key, message)));
        }
        self.listed_event = Some((history.to_owned(), sequence));
    }

    fn event(&mut self, event: Event) {
        let history = (
            event.project.clone(),
            event.artifact.clone(),
            event.pointer.selector(),
        );
        let last = self.last_events.get(&history);
        if last.is_none_or(|last| last.sequence < event.sequence) {
            self.last_events.insert(history, event);
        }
    }

    fn record(&mut self, store: &impl Store, key: String) -> Result<()> {
        let owner = self.owners.get(&digest(&key)).copied();
        if let (Some(owner), Depth::Keys) = (owner, self.depth) {
            return self.found(owner, key);
        }
        let record = get_intact(store, &key, None, |bytes| Record::open(&key, &bytes))
            .and_then(|found| found.ok_or_else(|| gone(&key)));
        // One that was deleted since it was listed is none.
        if record.is_err() && store.head(&key)?.is_none() {
            return Ok(());
        }
        let Some(record) = self.damages.keep(record)? else {
            return Ok(());
        };
        let own = Digest::of(&crate::wire::write(&record)?);
        match owner {
            Some(owner) if self.digests.get(owner as usize) == Some(&own) => self.found(owner, key),
            Some(_) => {
                let message = "it is not the record that lies under the other keys of its build";
                self.damages.extend(damage(Error::damaged(&key, message)));
                Ok(())
            }
            None => {
                let number = self.digests.len() as u64;
                for own in record.keys().into_iter().chain(record.layer_key()) {
                    self.owners.insert(digest(&own), number);
                }
                self.digests.push(own);
                self.records.push(&record)?;
                self.found(number, key)
            }
        }
    }

    fn found(&mut self, record: u64, key: String) -> Result<()> {
        let bytes = key.len() + 64;
        self.key_count += 1;
        self.keys.push((record, self.key_count, key), bytes)
    }

    /// Gives each record its keys, and leaves out what a newer revision resited.
    fn finish(self, scratch: &'s dyn Scratch) -> Result<Survey> {
        let records = self.records.close()?;
        let mut keys = self.keys.sorted()?.peekable();
        let mut by_build = Sorter::new(scratch);
        for (number, record) in (0..).zip(records.items(scratch)) {
            let record = record?;
            let mut own = Vec::new();
            while let Some(key) = keys.next_if(|key| key.as_ref().map_or(true, |(of, ..)| *of == number)) {
                own.push(key?.2);
            }
            let bytes = 1000 + own.iter().map(String::len).sum::<usize>();
            by_build.push(Sited::new(number, Found { record, keys: own }), bytes)?;
        }
        let mut kept = Spool::new(scratch);
        let mut revisions: Vec<Sited> = Vec::new();
        for sited in by_build.sorted()? {
            let sited = sited?;
            if revisions.first().is_some_and(|first| !first.is_same_node(&sited)) {
                keep_newest(&mut revisions, &mut kept)?;
            }
            revisions.push(sited);
        }
        keep_newest(&mut revisions, &mut kept)?;
        Ok(Survey {
            records: kept.close()?,
            last_events: self.last_events.into_values().collect(),
            damages: self.damages,
        })
    }
}

fn digest(key: &str) -> Digest {
    Digest::of(key.as_bytes())
}

/// A record and its place among all. Compared by that alone.
#[derive(Serialize, Deserialize)]
struct Sited {
    project: String,
    artifact: String,
    build: BuildId,
    number: u64,
    found: Found,
}

impl Sited {
    fn new(number: u64, found: Found) -> Sited {
        Sited {
            project: found.record.project.clone(),
            artifact: found.record.artifact.clone(),
            build: found.record.build_id().all_attempts(),
            number,
            found,
        }
    }

    fn build(&self) -> (&str, &str, &BuildId) {
        (&self.project, &self.artifact, &self.build)
    }

    fn is_same_node(&self, other: &Sited) -> bool {
        let node = |sited: &Sited| (sited.found.record.node, sited.found.record.order);
        self.build() == other.build() && node(self) == node(other)
    }
}

impl Ord for Sited {
    fn cmp(&self, other: &Sited) -> std::cmp::Ordering {
        let place = |sited: &Sited| {
            let record = &sited.found.record;
            (record.node, record.order, record.revision, sited.number)
        };
        let build = self.build().cmp(&other.build());
        build.then_with(|| place(self).cmp(&place(other)))
    }
}

impl PartialOrd for Sited {
    fn partial_cmp(&self, other: &Sited) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Sited {
    fn eq(&self, other: &Sited) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Sited {}

/// Passes on the records of one node, but those that a newer revision resited under every key: nothing answers them any
/// more, and their files may go. Their keys are the newer one's.
fn keep_newest(revisions: &mut Vec<Sited>, kept: &mut Spool<'_, Found>) -> Result<()> {
    let complete = revisions.iter().filter(|sited| sited.found.is_complete());
    let newest = complete.map(|sited| sited.found.record.revision).max();
    let is_resited = |sited: &Sited| newest.is_some_and(|newest| sited.found.record.revision < newest);
    let (resited, newest): (Vec<Sited>, Vec<Sited>) = revisions.drain(..).partition(is_resited);
    let mut more: Vec<String> = resited.into_iter().flat_map(|sited| sited.found.keys).collect();
    for Sited { mut found, .. } in newest {
        found.keys.append(&mut more);
        kept.push(&found)?;
    }
    Ok(())
}

/// Returns the records of each build, in the order of a survey.
pub fn by_build<'s>(records: &Spooled<Found>, scratch: &'s dyn Scratch) -> ByBuild<'s> {
    ByBuild(records.items(scratch).peekable())
}

/// The records of one build after the other.
pub struct ByBuild<'s>(Peekable<Items<'s, Found>>);

impl Iterator for ByBuild<'_> {
    type Item = Result<Vec<Found>>;

    fn next(&mut self) -> Option<Result<Vec<Found>>> {
        let first = match self.0.next()? {
            Ok(first) => first,
            Err(error) => return Some(Err(error)),
        };
        let build = first.record.build_id().all_attempts();
        let is_of_it = |found: &Found| {
            (&found.record.project, &found.record.artifact) == (&first.record.project, &first.record.artifact)
                && found.record.build_id().all_attempts() == build
        };
        let mut nodes = Vec::new();
        while let Some(next) = self.0.next_if(|next| next.as_ref().map_or(true, is_of_it)) {
            match next {
                Ok(found) => nodes.push(found),
                Err(error) => return Some(Err(error)),
            }
        }
        nodes.insert(0, first);
        Some(Ok(nodes))
    }
}

/// What a history says now.
#[derive(Debug)]
pub struct Present {
    /// Its last event.
    pub last: Event,
    /// The events that steps back lead to, one step first.
    pub before: Vec<Event>,
}

/// Returns what every history of every project says now, and so many steps before. With `over_damage` an event that cannot
/// be read, and is not the last, ends the steps.
pub fn present(store: &impl Store, steps: u32, over_damage: bool) -> Result<Vec<Present>> {
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
                    match before.last().unwrap_or(&last).before(store) {
                        Ok(Some(event)) => before.push(event),
                        Ok(None) => break,
                        Err(Error::Damaged(_)) if over_damage => break,
                        Err(error) => return Err(error),
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

impl Found {
    /// Returns the keys under which the record does not lie, though it lies under the one that is written last.
    pub(crate) fn missing(&self) -> Vec<String> {
        let own = self.record.keys().into_iter().chain(self.record.layer_key());
        let missing = own.filter(|own| !self.keys.contains(own) && self.is_complete());
        missing.collect()
    }

    /// Whether it lies under the key that is written last.
    fn is_complete(&self) -> bool {
        self.record
            .keys()
            .last()
            .is_some_and(|last| self.keys.contains(last))
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

/// Returns what the keys of a history begin with, and the number of an event in it.
pub(crate) fn event_of(key: &str) -> Option<(&str, u64)> {
    // v1/projects/PROJECT/KIND/ARTIFACT/NAME/
    let (end, _) = key.match_indices('/').nth(5)?;
    let (history, names) = key.split_at_checked(end + 1)?;
    Some((history, crate::order::number(names)?))
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
        let event = format!("v1/projects/p/channels/dist/production/{}", newest_first(300));
        assert_eq!(
            event_of(&event),
            Some(("v1/projects/p/channels/dist/production/", 300))
        );
        assert_eq!(event_of("v1/projects/p/channels/dist/production/x"), None);
    }
}

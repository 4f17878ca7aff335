//! The scan of all projects of a store.

use std::collections::{BTreeMap, HashMap};

use super::damages::Damages;
use super::found::StoredRecord;
use super::revisions::{RankedRecord, keep_newest};
use crate::error::{Damage, Error, Result};
use crate::event::Event;
use crate::external_sort::Sorter;
use crate::id::Digest;
use crate::keys::{self, RECORDS, event_of, is_event, kind};
use crate::lookup;
use crate::order::newest_first;
use crate::ports::{Scratch, Store, get_intact};
use crate::record::Record;
use crate::scratch_list::{ScratchList, ScratchWriter};

/// The result of a scan.
#[derive(Debug, Default)]
pub struct Inventory {
    /// Each record once, in the order of projects, artifacts, builds and nodes.
    pub records: ScratchList<StoredRecord>,
    /// The last event of each history, where `Depth::Objects` was asked for.
    pub last_events: Vec<Event>,
    /// Objects that cannot be read, or have a key that is not theirs.
    pub damages: Vec<Damage>,
}

/// The thoroughness of a survey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Each record is read under one of its keys.
    Keys,
    /// Every object is read.
    Objects,
}

/// Looks at all projects of a store. Memory holds some 250 bytes a record; the records are in the scratch space.
pub fn take(store: &impl Store, scratch: &dyn Scratch, depth: Depth) -> Result<Inventory> {
    let mut scan = Scan::new(scratch, depth);
    let mut after = None;
    loop {
        let page = store.list(keys::PROJECTS, after.as_deref(), 1000)?;
        let last = page.len() < 1000;
        after = page.last().cloned();
        for key in page {
            scan.object(store, key)?;
        }
        if last {
            break;
        }
    }
    scan.finish(scratch)
}

/// A survey that is under way.
struct Scan<'s> {
    depth: Depth,
    records: ScratchWriter<'s, Record>,
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

impl<'s> Scan<'s> {
    fn new(scratch: &'s dyn Scratch, depth: Depth) -> Scan<'s> {
        Scan {
            depth,
            records: ScratchWriter::new(scratch),
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
                let message = "it differs from the record under the other keys of its build";
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

    /// Gives each record its keys, and leaves out what a newer revision superseded.
    fn finish(self, scratch: &'s dyn Scratch) -> Result<Inventory> {
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
            by_build.push(
                RankedRecord::new(number, StoredRecord { record, keys: own }),
                bytes,
            )?;
        }
        let mut kept = ScratchWriter::new(scratch);
        let mut revisions: Vec<RankedRecord> = Vec::new();
        for ranked in by_build.sorted()? {
            let ranked = ranked?;
            if revisions
                .first()
                .is_some_and(|first| !first.is_same_node(&ranked))
            {
                keep_newest(&mut revisions, &mut kept)?;
            }
            revisions.push(ranked);
        }
        keep_newest(&mut revisions, &mut kept)?;
        Ok(Inventory {
            records: kept.close()?,
            last_events: self.last_events.into_values().collect(),
            damages: self.damages,
        })
    }
}

fn digest(key: &str) -> Digest {
    Digest::of(key.as_bytes())
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

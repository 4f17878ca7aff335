//! Doing what was planned.

use std::collections::BTreeMap;

use super::pointers;
use super::rest::{Amount, NextMark, Rest};
use crate::condemned::{Condemned, Mark, Phase, Removed};
use crate::error::{Error, Result};
use crate::inventory::current_pointers;
use crate::keys;
use crate::ports::{Clock, PutMode, PutOutcome, Scratch, Store};

/// How many keys are deleted at a time.
const DELETED_AT_ONCE: usize = 1000;

fn marks<Id: Ord>(
    fates: impl Iterator<Item = Result<(Id, NextMark)>>,
    mark: impl Fn(NextMark) -> Mark,
) -> Result<BTreeMap<Id, Mark>> {
    fates
        .map(|fate| fate.map(|(id, fate)| (id, mark(fate))))
        .collect()
}

/// Deletes what a list says, as long as it is the last one.
struct Deletion<'a, S> {
    store: &'a S,
    sequence: u64,
    batch: Vec<String>,
    overtaken: bool,
}

impl<S: Store> Deletion<'_, S> {
    fn push(&mut self, key: String) -> Result<()> {
        self.batch.push(key);
        if self.batch.len() >= DELETED_AT_ONCE {
            self.delete()?;
        }
        Ok(())
    }

    fn delete(&mut self) -> Result<()> {
        // What a later prune thinks is not known here.
        self.overtaken = self.overtaken || Condemned::last_sequence(self.store)? != self.sequence;
        if !self.overtaken {
            self.store.delete(&self.batch)?;
        }
        self.batch.clear();
        Ok(())
    }

    /// Returns whether another prune began meanwhile, so that not all was deleted.
    fn finish(mut self) -> Result<bool> {
        if !self.batch.is_empty() {
            self.delete()?;
        }
        Ok(self.overtaken)
    }
}

/// Does what was planned, unless another prune did something since.
pub fn run(store: &impl Store, clock: &impl Clock, scratch: &dyn Scratch, rest: &[u8]) -> Result<Pruned> {
    let Rest {
        removed,
        broken,
        restored,
        note,
        even_if_pointed_to,
        keep_channel_steps,
        over_damage,
        next,
        deleted,
        condemned,
    } = crate::wire::read(rest)?;
    let was_empty = next.last == 0;
    let is_whole = broken.is_empty() && restored.is_empty();
    if removed.is_empty() && is_whole && next.packs.is_empty() && next.trees.is_empty() && was_empty {
        return Ok(Pruned::default());
    }
    let now_ms = clock.now_ms();
    let mark = |fate: NextMark| Mark {
        phase: fate.phase,
        since_ms: fate.since_ms.unwrap_or(now_ms),
    };
    let until_ms = now_ms.saturating_add(next.grace_ms);
    let mut builds: BTreeMap<Removed, u64> = next.builds.items(scratch).collect::<Result<_>>()?;
    for removal in removed.items(scratch) {
        builds.insert(removal?.0, until_ms);
    }
    let list = Condemned {
        sequence: next
            .last
            .checked_add(1)
            .ok_or_else(|| Error::limit("history-full", "the lists have no more numbers", keys::CONDEMNED))?,
        packs: marks(next.packs.items(scratch), mark)?,
        trees: marks(next.trees.items(scratch), mark)?,
        builds,
        unknown_until_ms: match next.unknown_until_ms {
            Some(u64::MAX) => until_ms,
            known => known.unwrap_or_default(),
        },
    };
    if list.create(store)? == PutOutcome::AlreadyExists {
        return Ok(Pruned {
            overtaken: true,
            ..Pruned::default()
        });
    }
    if let Some((key, bytes)) = note {
        store.put(&key, &bytes, PutMode::Create)?;
    }
    // From here on nobody points to what is removed without noticing, so what is pointed to now is all there is.
    let pointed = pointers::pointed_builds(&current_pointers(store, keep_channel_steps, over_damage)?);
    let mut pruned = Pruned {
        deleted,
        condemned,
        ..Pruned::default()
    };
    let mut deletion = Deletion {
        store,
        sequence: list.sequence,
        batch: Vec::new(),
        overtaken: false,
    };
    // First what is useless: the sooner it is gone, the less can come between.
    let is_deleted = |mark: &Mark| mark.phase == Phase::Deleting;
    let trees = list.trees.iter().filter(|(_, mark)| is_deleted(mark));
    let packs = list.packs.iter().filter(|(_, mark)| is_deleted(mark));
    let useless = trees
        .map(|(id, _)| keys::tree(id))
        .chain(packs.map(|(id, _)| keys::pack(id)));
    for key in useless.map(Ok).chain(broken.items(scratch)) {
        deletion.push(key?)?;
    }
    for removal in removed.items(scratch) {
        let (build, keys) = removal?;
        if even_if_pointed_to || !pointed.contains_key(&(build.project, build.artifact, build.build)) {
            pruned.removed += 1;
            for key in keys {
                deletion.push(key)?;
            }
        }
    }
    let own = Condemned::key(list.sequence);
    for key in store.list(keys::CONDEMNED, None, 1000)? {
        if key > own {
            deletion.push(key)?;
        }
    }
    pruned.overtaken = deletion.finish()?;
    // What lay there is gone: the build is found again by all of its names.
    for restored in restored.items(scratch).filter(|_| !pruned.overtaken) {
        let (key, bytes) = restored?;
        store.put(&key, &bytes, PutMode::Create)?;
    }
    Ok(pruned)
}

/// What a prune did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Builds whose records were removed.
    pub removed: u64,
    /// What was deleted.
    pub deleted: Amount,
    /// What a later prune will delete.
    pub condemned: Amount,
    /// Whether another prune came first, so that nothing was done, or began meanwhile, so that not all was.
    pub overtaken: bool,
}

//! Executes a plan.

use std::collections::BTreeMap;

use super::pointers;
use super::rest::{Amount, Next, NextMark, Rest};
use crate::condemned::{Condemned, Mark, Phase, Removed};
use crate::error::{Error, Result};
use crate::inventory::current_pointers;
use crate::keys;
use crate::ports::{Clock, PutMode, PutOutcome, Scratch, Store};
use crate::scratch_list::ScratchList;

/// The number of keys in one delete.
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

impl<'a, S: Store> Deletion<'a, S> {
    fn of(store: &'a S, sequence: u64) -> Self {
        Deletion {
            store,
            sequence,
            batch: Vec::new(),
            overtaken: false,
        }
    }

    /// Adds the objects that a list says are deleted now, and damaged ones. They come first: the sooner they are
    /// deleted, the less can happen in between.
    fn push_useless(&mut self, list: &Condemned, broken: impl Iterator<Item = Result<String>>) -> Result<()> {
        let is_deleted = |mark: &Mark| mark.phase == Phase::Deleting;
        let trees = list.trees.iter().filter(|(_, mark)| is_deleted(mark));
        let packs = list.packs.iter().filter(|(_, mark)| is_deleted(mark));
        let useless = trees
            .map(|(id, _)| keys::tree(id))
            .chain(packs.map(|(id, _)| keys::pack(id)));
        useless.map(Ok).chain(broken).try_for_each(|key| self.push(key?))
    }

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

/// Executes a plan, unless another prune was executed since.
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
    let list = next_list(&next, &removed, scratch, clock.now_ms())?;
    if list.create(store)? == PutOutcome::AlreadyExists {
        return Ok(Pruned {
            overtaken: true,
            ..Pruned::default()
        });
    }
    if let Some((key, bytes)) = note {
        store.put(&key, &bytes, PutMode::Create)?;
    }
    // Since the list exists, a move to a build of it fails, so these are all pointers.
    let pointed = pointers::pointed_builds(&current_pointers(store, keep_channel_steps, over_damage)?);
    let mut deletion = Deletion::of(store, list.sequence);
    deletion.push_useless(&list, broken.items(scratch))?;
    let mut removed_builds = 0;
    for removal in removed.items(scratch) {
        let (build, keys) = removal?;
        if even_if_pointed_to || !pointed.contains_key(&(build.project, build.artifact, build.build)) {
            removed_builds += 1;
            keys.into_iter().try_for_each(|key| deletion.push(key))?;
        }
    }
    let own = Condemned::key(list.sequence);
    let earlier = store.list(keys::CONDEMNED, None, 1000)?.into_iter();
    earlier
        .filter(|key| *key > own)
        .try_for_each(|key| deletion.push(key))?;
    let overtaken = deletion.finish()?;
    // The damaged objects under these keys are deleted: the build is found again under all of its keys.
    for restored in restored.items(scratch).filter(|_| !overtaken) {
        let (key, bytes) = restored?;
        store.put(&key, &bytes, PutMode::Create)?;
    }
    Ok(Pruned {
        removed: removed_builds,
        deleted,
        condemned,
        overtaken,
    })
}

/// Returns the next list of condemned objects and removed builds.
fn next_list(
    next: &Next,
    removed: &ScratchList<(Removed, Vec<String>)>,
    scratch: &dyn Scratch,
    now_ms: u64,
) -> Result<Condemned> {
    let mark = |mark: NextMark| Mark {
        phase: mark.phase,
        since_ms: mark.since_ms.unwrap_or(now_ms),
    };
    let until_ms = now_ms.saturating_add(next.grace_ms);
    let mut builds: BTreeMap<Removed, u64> = next.builds.items(scratch).collect::<Result<_>>()?;
    for removal in removed.items(scratch) {
        builds.insert(removal?.0, until_ms);
    }
    let sequence = next.last.checked_add(1);
    Ok(Condemned {
        sequence: sequence
            .ok_or_else(|| Error::limit("history-full", "the lists have no more numbers", keys::CONDEMNED))?,
        packs: marks(next.packs.items(scratch), mark)?,
        trees: marks(next.trees.items(scratch), mark)?,
        builds,
        unknown_until_ms: match next.unknown_until_ms {
            Some(u64::MAX) => until_ms,
            known => known.unwrap_or_default(),
        },
    })
}

/// The report of a prune.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Builds whose records were removed.
    pub removed: u64,
    /// Objects that were deleted.
    pub deleted: Amount,
    /// Objects that a later prune will delete.
    pub condemned: Amount,
    /// Whether another prune came first, so that nothing was done, or began meanwhile, so that not all was.
    pub overtaken: bool,
}

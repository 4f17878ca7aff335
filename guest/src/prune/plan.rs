//! Decides what a prune removes, condemns and deletes. Changes nothing.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::damaged::{broken_events, broken_records, damaged_trees, unsafe_to_prune};
use super::marking::Marking;
use super::policy::{self, Decision};
use super::request::Prune;
use super::rest::{Amount, Next, NextMark, Rest, removable};
use crate::condemned::{Condemned, Phase, Removed};
use crate::error::{Error, Result};
use crate::id::{PackId, TreeId};
use crate::inventory::{self, Depth, current_pointers};
use crate::lookup::ignore_damage;
use crate::ports::{Clock, Scratch, Store};
use crate::record::Record;
use crate::scratch_list::{ScratchList, ScratchWriter};
use crate::tree::{References, references};
use crate::{keys, name, store_format};

/// A shorter grace period protects nobody: one call of a persist may take this long between its look at what is condemned
/// and its record.
pub const GRACE_MS_MIN: u64 = 15 * 60 * 1000;

/// The plan of a prune. Sizes in bytes.
#[derive(Debug, Default)]
pub struct PrunePlan {
    /// Each build of the project, and why it is kept if it is.
    pub decisions: ScratchList<Decided>,
    /// The number of removed builds.
    pub removed: u64,
    /// Packs and trees that are deleted now, and the size of the packs.
    pub deleted: Amount,
    /// Packs and trees that nothing leads to any more, and that a later prune deletes.
    pub condemned: Amount,
    /// For `run`.
    pub rest: Vec<u8>,
}

/// A build, and what becomes of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Decided {
    /// The first of its records.
    pub record: Record,
    /// Why it is kept. Empty: it is removed.
    pub reasons: Vec<String>,
}

/// Decides what is kept, and what nothing leads to.
pub fn plan(
    store: &impl Store,
    clock: &impl Clock,
    scratch: &dyn Scratch,
    request: &Prune,
) -> Result<PrunePlan> {
    for branch in &request.policy.branches_gone {
        name::check_foreign("a branch", branch)?;
    }
    // Before anything is read: what is condemned counts as old only if that was so when this look began.
    let now_ms = clock.now_ms();
    check_grace(request)?;
    store_format::check_used(store)?;
    // The contents of a damaged list are unknown, so marking starts over: nothing is deleted this time.
    let condemned = Condemned::last_or_unknown(store)?;
    let depth = match request.policy.drop_damaged {
        true => Depth::Objects,
        false => Depth::Keys,
    };
    let inventory = inventory::take(store, scratch, depth)?;
    let project = request.context.project()?;
    let mut broken = broken_events(store, &inventory.damages, &request.policy, project)?;
    broken.extend(broken_records(inventory.damages, &request.policy, project)?);
    let damaged = match request.policy.drop_damaged {
        true => damaged_trees(store, inventory.records.items(scratch), project)?,
        false => HashSet::new(),
    };
    let over_damage = request.policy.drop_damaged;
    let present = match current_pointers(store, request.policy.keep_channel_steps, over_damage) {
        Ok(present) => present,
        Err(error) => return Err(unsafe_to_prune(error.into_damage()?)),
    };
    let decisions = policy::decide(
        &inventory.records,
        scratch,
        &policy::PolicyInput {
            project,
            policy: &request.policy,
            present: &present,
            now_ms,
            grace_ms: request.grace_ms,
            damaged: &damaged,
        },
    )?;
    let mut builds = Builds::new(scratch);
    for decision in decisions {
        builds.add(store, decision?, project, over_damage)?;
    }
    let marking = Marking {
        live: &builds.live,
        dropped: &builds.dropped,
        now_ms,
        grace_ms: request.grace_ms,
    };
    let packs = marking.marks::<PackId>(store, keys::PACKS, &condemned.packs, |live| &live.packs)?;
    let trees = marking.marks::<TreeId>(store, keys::TREES, &condemned.trees, |live| &live.trees)?;
    let (deleted, doomed) = amounts(store, &packs, &trees)?;
    let still_removed = condemned
        .builds
        .into_iter()
        .filter(|(_, until_ms)| *until_ms > now_ms);
    let next = Next {
        last: condemned.sequence,
        packs: ScratchList::of(scratch, packs)?,
        trees: ScratchList::of(scratch, trees)?,
        builds: ScratchList::of(scratch, still_removed)?,
        grace_ms: request.grace_ms,
        unknown_until_ms: Some(condemned.unknown_until_ms).filter(|until_ms| *until_ms > now_ms),
    };
    let rest = Rest {
        removed: builds.removed.close()?,
        broken: ScratchList::of(scratch, broken)?,
        restored: builds.restored.close()?,
        keep_channel_steps: request.policy.keep_channel_steps,
        over_damage,
        next,
        deleted,
        condemned: doomed,
        ..Rest::default()
    };
    Ok(PrunePlan {
        decisions: builds.decided.close()?,
        removed: builds.removed_count,
        deleted,
        condemned: doomed,
        rest: crate::wire::write(&rest)?,
    })
}

/// The builds of a prune, sorted by whether they are kept.
struct Builds<'a> {
    /// The objects that kept builds refer to.
    live: References,
    /// The objects that removed builds refer to.
    dropped: References,
    removed: ScratchWriter<'a, (Removed, Vec<String>)>,
    removed_count: u64,
    decided: ScratchWriter<'a, Decided>,
    restored: ScratchWriter<'a, (String, Vec<u8>)>,
}

impl<'a> Builds<'a> {
    fn new(scratch: &'a dyn Scratch) -> Builds<'a> {
        Builds {
            live: References::default(),
            dropped: References::default(),
            removed: ScratchWriter::new(scratch),
            removed_count: 0,
            decided: ScratchWriter::new(scratch),
            restored: ScratchWriter::new(scratch),
        }
    }

    fn add(
        &mut self,
        store: &impl Store,
        decision: Decision,
        project: &str,
        over_damage: bool,
    ) -> Result<()> {
        let is_kept = !decision.reasons.is_empty();
        for found in &decision.found {
            let record = &found.record;
            if is_kept {
                add(store, &record.tree, &mut self.live)?;
                if over_damage && record.project == project {
                    for key in found.missing() {
                        self.restored.push(&(key, record.seal()?))?;
                    }
                }
            } else {
                // The references of a removed tree matter only if they are known.
                ignore_damage(references(store, &record.tree, &mut self.dropped))?;
            }
        }
        if !is_kept && let Some(removal) = removal(store, &decision)? {
            self.removed.push(&removal)?;
        }
        // Builds of other projects are all kept, and not listed.
        let Decision { found, reasons } = decision;
        let first = found.into_iter().next().map(|found| found.record);
        if let Some(record) = first.filter(|record| record.project == project) {
            self.removed_count += u64::from(reasons.is_empty());
            self.decided.push(&Decided { record, reasons })?;
        }
        Ok(())
    }
}

/// Returns how much is deleted now, and how much a later prune deletes.
fn amounts(
    store: &impl Store,
    packs: &[(PackId, NextMark)],
    trees: &[(TreeId, NextMark)],
) -> Result<(Amount, Amount)> {
    let (mut deleted, mut condemned) = (Amount::default(), Amount::default());
    let mut count = |mark: NextMark, bytes: u64| {
        let amount = match mark.phase {
            Phase::Deleting => &mut deleted,
            Phase::Seen | Phase::Condemned => &mut condemned,
        };
        amount.objects += u64::from(mark.is_there);
        // The store says how large an object is.
        amount.bytes = amount.bytes.saturating_add(bytes);
    };
    for (id, mark) in packs {
        count(*mark, store.head(&keys::pack(id))?.unwrap_or_default());
    }
    for (_, mark) in trees {
        count(*mark, 0);
    }
    Ok((deleted, condemned))
}

/// Adds a tree. What a damaged one leads to is unknown, so that nothing may be deleted.
fn add(store: &impl Store, id: &TreeId, to: &mut References) -> Result<()> {
    match references(store, id, to) {
        Err(error) => Err(unsafe_to_prune(error.into_damage()?)),
        added => added,
    }
}

/// Checks that the grace period protects those who may be writing, or that there are none.
fn check_grace(request: &Prune) -> Result<()> {
    if request.grace_ms >= GRACE_MS_MIN || request.no_other_writers {
        return Ok(());
    }
    let message = format!(
        "a grace period of less than {} minutes protects no one: a persist that runs meanwhile could succeed and lose its \
         packs, and an attach could miss its files",
        GRACE_MS_MIN / 60_000
    );
    Err(Error::invalid("grace-too-short", message, ""))
}

/// Returns the keys of a build in the order of removal: first what makes it the latest, last its number.
fn removal(store: &impl Store, decision: &Decision) -> Result<Option<(Removed, Vec<String>)>> {
    let Some(record) = decision.record() else {
        return Ok(None);
    };
    let build = Removed::new(&record.project, &record.artifact, record.build_id());
    let mut keys = Vec::new();
    for found in &decision.found {
        keys.extend(removable(store, &found.record, &found.keys)?);
    }
    Ok(Some((build, keys)))
}

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
use crate::ports::{Clock, Scratch, Store};
use crate::record::Record;
use crate::scratch_list::{ScratchList, ScratchWriter};
use crate::tree::{References, references};
use crate::{keys, name, store_format};

/// A shorter grace period protects nobody: one call of a persist may take this long between its look at what is condemned
/// and its record.
pub const GRACE_MS_MIN: u64 = 15 * 60 * 1000;

/// What a prune will do. Sizes in bytes.
#[derive(Debug, Default)]
pub struct PrunePlan {
    /// Each build of the project, and why it is kept if it is.
    pub decisions: ScratchList<Decided>,
    /// How many of them are removed.
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
    // What a list said that is damaged now is unknown, so everything begins anew: nothing is deleted this time.
    let condemned = Condemned::last_or_unknown(store)?;
    let depth = match request.policy.drop_damaged {
        true => Depth::Objects,
        false => Depth::Keys,
    };
    let survey = inventory::take(store, scratch, depth)?;
    let project = request.context.project()?;
    let mut broken = broken_events(store, &survey.damages, &request.policy, project)?;
    broken.extend(broken_records(survey.damages, &request.policy, project)?);
    let damaged = match request.policy.drop_damaged {
        true => damaged_trees(store, survey.records.items(scratch), project)?,
        false => HashSet::new(),
    };
    let over_damage = request.policy.drop_damaged;
    let present = match current_pointers(store, request.policy.keep_channel_steps, over_damage) {
        Ok(present) => present,
        Err(error) => return Err(unsafe_to_prune(error.into_damage()?)),
    };
    let decisions = policy::decide(
        &survey.records,
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
    let mut live = References::default();
    let mut dropped = References::default();
    let (mut removed, mut removed_count) = (ScratchWriter::new(scratch), 0);
    let mut decided = ScratchWriter::new(scratch);
    let mut restored = ScratchWriter::new(scratch);
    for decision in decisions {
        let decision = decision?;
        let is_kept = !decision.reasons.is_empty();
        for found in &decision.found {
            let record = &found.record;
            if is_kept {
                add(store, &record.tree, &mut live)?;
                if over_damage && record.project == project {
                    for key in found.missing() {
                        restored.push(&(key, record.seal()?))?;
                    }
                }
            } else {
                // What a tree that is given up leads to matters only if it can be known.
                crate::lookup::ignore_damage(references(store, &record.tree, &mut dropped))?;
            }
        }
        if !is_kept && let Some(removal) = removal(store, &decision)? {
            removed.push(&removal)?;
        }
        // Of other projects all is kept, and nobody asked.
        let Decision { found, reasons } = decision;
        let first = found.into_iter().next().map(|found| found.record);
        if let Some(record) = first.filter(|record| record.project == project) {
            removed_count += u64::from(reasons.is_empty());
            decided.push(&Decided { record, reasons })?;
        }
    }
    let marking = Marking {
        live: &live,
        dropped: &dropped,
        now_ms,
        grace_ms: request.grace_ms,
    };
    let packs = marking.marks::<PackId>(store, "v1/packs/", &condemned.packs, |live| &live.packs)?;
    let trees = marking.marks::<TreeId>(store, "v1/trees/", &condemned.trees, |live| &live.trees)?;
    let (mut deleted, mut doomed) = (Amount::default(), Amount::default());
    let mut count = |next: NextMark, bytes: u64| {
        let amount = match next.phase {
            Phase::Deleting => &mut deleted,
            Phase::Seen | Phase::Condemned => &mut doomed,
        };
        amount.objects += u64::from(next.is_there);
        // The store says how large an object is.
        amount.bytes = amount.bytes.saturating_add(bytes);
    };
    for (id, fate) in &packs {
        count(*fate, store.head(&keys::pack(id))?.unwrap_or_default());
    }
    for (_, fate) in &trees {
        count(*fate, 0);
    }
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
        removed: removed.close()?,
        broken: ScratchList::of(scratch, broken)?,
        restored: restored.close()?,
        keep_channel_steps: request.policy.keep_channel_steps,
        over_damage,
        next,
        deleted,
        condemned: doomed,
        ..Rest::default()
    };
    Ok(PrunePlan {
        decisions: decided.close()?,
        removed: removed_count,
        deleted,
        condemned: doomed,
        rest: crate::wire::write(&rest)?,
    })
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
        "a grace period of less than {} minutes protects nobody: a persist that runs meanwhile could end well and lose its \
         packs, an attach could find its files gone",
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

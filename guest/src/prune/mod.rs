//! Removing what nobody wants any more, beside any number of persists and attaches.
//!
//! `plan` decides, `run` does it: it removes the records of builds that are not kept, and condemns what only they led to.
//! What an earlier prune condemned, and nothing has led to since, it deletes once the grace period is over.
//! docs/reference/format.md, "Deleting", has why nothing is lost.

mod marking;
mod policy;
mod remove;
mod run;

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use marking::Marking;
use policy::Decision;
pub use policy::Policy;
pub use remove::{Note, Removal, Remove, plan as plan_removal};
pub use run::run;

use crate::condemned::{Condemned, Phase, Removed};
use crate::context::Context;
use crate::error::{Damage, Error, Result};
use crate::id::{PackId, TreeId};
use crate::keys::{self, Project};
use crate::name;
use crate::order::newest_first;
use crate::ports::{Clock, Scratch, Store};
use crate::record::Record;
use crate::spool::{Spool, Spooled};
use crate::store_format;
use crate::survey::{Depth, Found, event_of, is_event, is_record, present, survey};
use crate::tree::{References, references, tables};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Prune {
    /// Whose builds are judged.
    pub context: Context,
    /// What is kept.
    pub policy: Policy,
    /// How long what nobody uses stays, in milliseconds: longer than any persist takes to commit, or an attach to end.
    pub grace_ms: u64,
    /// Whether nobody writes to the store or attaches from it until the prune is done: then the grace period may be as
    /// short as one likes.
    pub no_other_writers: bool,
}

/// A shorter grace period protects nobody: one call of a persist may take this long between its look at what is condemned
/// and its record.
pub const GRACE_MS_MIN: u64 = 15 * 60 * 1000;

/// What a prune will do. Sizes in bytes.
#[derive(Debug, Default)]
pub struct Plan {
    /// Each build of the project, and why it is kept if it is.
    pub decisions: Spooled<Decided>,
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

/// How many objects, and how large their packs are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Packs and trees.
    pub objects: u64,
    /// Of the packs.
    pub bytes: u64,
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

#[derive(Debug, Default, Serialize, Deserialize)]
struct Rest {
    /// Builds to remove, each with its keys in the order of removal.
    removed: Spooled<(Removed, Vec<String>)>,
    /// Keys of what is damaged, and is dropped.
    broken: Spooled<String>,
    /// Records of builds that are kept, for those of their keys that are missing or dropped.
    restored: Spooled<(String, Vec<u8>)>,
    /// What is put beside the list: its key, and the object.
    note: Option<(String, Vec<u8>)>,
    /// Whether a build goes that something points to.
    even_if_pointed_to: bool,
    keep_channel_steps: u32,
    /// Whether what is before an event that cannot be read is given up.
    over_damage: bool,
    /// What the list will say.
    next: Next,
    deleted: Amount,
    condemned: Amount,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Next {
    last: u64,
    packs: Spooled<(PackId, Fate)>,
    trees: Spooled<(TreeId, Fate)>,
    /// Builds that an earlier prune removes, and until when nothing may point to them.
    builds: Spooled<(Removed, u64)>,
    grace_ms: u64,
    /// Until when a list that was lost may still count. The end of time where this prune takes its place.
    unknown_until_ms: Option<u64>,
}

/// What the list will say of an object.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Fate {
    phase: Phase,
    /// In milliseconds since 1970; `None` is the moment in which the list is made.
    since_ms: Option<u64>,
    is_there: bool,
}

/// Decides what is kept, and what nothing leads to.
pub fn plan(store: &impl Store, clock: &impl Clock, scratch: &dyn Scratch, request: &Prune) -> Result<Plan> {
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
    let survey = survey(store, scratch, depth)?;
    let project = request.context.project()?;
    let mut broken = broken_events(store, &survey.damages, &request.policy, project)?;
    broken.extend(broken_records(survey.damages, &request.policy, project)?);
    let damaged = match request.policy.drop_damaged {
        true => damaged_trees(store, survey.records.items(scratch), project)?,
        false => HashSet::new(),
    };
    let over_damage = request.policy.drop_damaged;
    let present = match present(store, request.policy.keep_channel_steps, over_damage) {
        Ok(present) => present,
        Err(error) => return Err(unsafe_to_prune(error.into_damage()?)),
    };
    let decisions = policy::decide(
        &survey.records,
        scratch,
        &policy::Circumstances {
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
    let (mut removed, mut removed_count) = (Spool::new(scratch), 0);
    let mut decided = Spool::new(scratch);
    let mut restored = Spool::new(scratch);
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
                crate::lookup::sound(references(store, &record.tree, &mut dropped))?;
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
    let mut count = |next: Fate, bytes: u64| {
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
        packs: Spooled::of(scratch, packs)?,
        trees: Spooled::of(scratch, trees)?,
        builds: Spooled::of(scratch, still_removed)?,
        grace_ms: request.grace_ms,
        unknown_until_ms: Some(condemned.unknown_until_ms).filter(|until_ms| *until_ms > now_ms),
    };
    let rest = Rest {
        removed: removed.close()?,
        broken: Spooled::of(scratch, broken)?,
        restored: restored.close()?,
        keep_channel_steps: request.policy.keep_channel_steps,
        over_damage,
        next,
        deleted,
        condemned: doomed,
        ..Rest::default()
    };
    Ok(Plan {
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

/// Returns the keys of records of the project that cannot be read, if those are to be dropped. What any other unreadable
/// record leads to is unknown. An event is read when it counts.
fn broken_records(damages: Vec<Damage>, policy: &Policy, project: &str) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for damage in damages.into_iter().filter(|damage| is_record(&damage.key)) {
        if !policy.drop_damaged || !Project::new(project).owns(&damage.key) {
            return Err(unsafe_to_prune(damage));
        }
        broken.push(damage.key);
    }
    Ok(broken)
}

/// Returns the keys of events of the project that are given up, if those are to be dropped that cannot be read: all from the
/// newest of them on. The last event of a history is none of them: where it points is decided by a move.
fn broken_events(
    store: &impl Store,
    damages: &[Damage],
    policy: &Policy,
    project: &str,
) -> Result<Vec<String>> {
    let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
    let own = |damage: &&Damage| is_event(&damage.key) && Project::new(project).owns(&damage.key);
    for damage in damages.iter().filter(own).filter(|_| policy.drop_damaged) {
        if let Some((history, sequence)) = event_of(&damage.key) {
            let newest = newest.entry(history).or_default();
            *newest = sequence.max(*newest);
        }
    }
    let mut given_up = Vec::new();
    for (history, sequence) in newest {
        let last = store.list(history, None, 1)?.pop();
        let last = last.and_then(|key| Some(event_of(&key)?.1)).unwrap_or_default();
        let mut after = format!("{history}{}", newest_first(sequence.saturating_add(1)));
        if sequence >= last {
            continue;
        }
        loop {
            let page = store.list(history, Some(&after), 1000)?;
            let Some(end) = page.last().cloned() else { break };
            given_up.extend(page);
            after = end;
        }
    }
    Ok(given_up)
}

/// Returns the trees of the project's builds that are missing or damaged, or of which a pack is missing or too short.
fn damaged_trees(
    store: &impl Store,
    records: impl Iterator<Item = Result<Found>>,
    project: &str,
) -> Result<HashSet<TreeId>> {
    let mut trees = HashSet::new();
    for found in records {
        let Found { record, .. } = found?;
        if record.project == project {
            trees.insert(record.tree);
        }
    }
    let mut damaged = HashSet::new();
    let mut sizes: HashMap<PackId, u64> = HashMap::new();
    for id in trees {
        let mut packs = Vec::new();
        let read = tables(store, &id, &mut |table| packs.extend(table.pack_ends()));
        if let Err(error) = read {
            error.into_damage()?;
            damaged.insert(id);
            continue;
        }
        for (pack, end) in packs {
            let size = match sizes.get(&pack) {
                Some(size) => *size,
                None => {
                    let size = store.head(&keys::pack(&pack))?.unwrap_or_default();
                    sizes.insert(pack, size);
                    size
                }
            };
            if size < end {
                damaged.insert(id);
            }
        }
    }
    Ok(damaged)
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

fn unsafe_to_prune(damage: Damage) -> Error {
    let remedy = match is_event(&damage.key) {
        true => "; if it is the last of its channel, `baton rollback CHANNEL --to SELECTOR` takes its place",
        false => "",
    };
    let message = format!(
        "what a damaged object leads to is unknown, so nothing may be deleted: {}{remedy}",
        damage.message
    );
    Error::conflict("unsafe-to-prune", message, &damage.key)
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

fn removable(store: &impl Store, record: &Record, found: &[String]) -> Result<Vec<String>> {
    let mut keys = record.keys_of_all_revisions();
    // Layers, and whatever else it was found under.
    let own: HashSet<String> = keys.iter().cloned().collect();
    keys.extend(found.iter().filter(|key| !own.contains(*key)).cloned());
    keys.extend(store.list(&Project::new(&record.project).all_signatures(record), None, 1000)?);
    Ok(keys)
}

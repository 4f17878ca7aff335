//! Removing what nobody wants any more, beside any number of persists and attaches.
//!
//! `plan` decides, `run` does it: it removes the records of builds that are not kept, and condemns what only they led to.
//! What an earlier prune condemned, and nothing has led to since, it deletes once the grace period is over.
//! docs/format.md, "Deleting", has why nothing is lost.

mod policy;

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

pub use policy::{Decision, Policy};

use crate::condemned::{Condemned, Mark, Phase, Removed};
use crate::context::Context;
use crate::error::{Damage, Error, Result};
use crate::id::{Digest, PackId, TreeId};
use crate::keys::{self, Project};
use crate::ports::{Clock, PutOutcome, Store};
use crate::record::Record;
use crate::survey::{Depth, present, survey};
use crate::tree::Tree;

/// How many keys are deleted at a time.
const DELETED_AT_ONCE: usize = 1000;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Prune {
    /// Whose builds are judged.
    pub context: Context,
    /// What is kept.
    pub policy: Policy,
    /// How long what nobody uses stays, in milliseconds: longer than any persist takes to commit, or an attach to end.
    pub grace_ms: u64,
}

/// What a prune will do. Sizes in bytes.
#[derive(Debug, Default)]
pub struct Plan {
    /// Each build, and why it is kept if it is.
    pub decisions: Vec<Decision>,
    /// Packs and trees that are deleted now, and the size of the packs.
    pub deleted: Amount,
    /// Packs and trees that nothing leads to any more, and that a later prune deletes.
    pub condemned: Amount,
    /// For `run`.
    pub rest: Vec<u8>,
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
    /// Whether another prune came first, so that nothing was done.
    pub overtaken: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Rest {
    /// Builds to remove, each with its keys in the order of removal.
    removed: Vec<(Removed, Vec<String>)>,
    /// Keys of what is damaged, and is dropped.
    broken: Vec<String>,
    /// What the list will say.
    next: Next,
    deleted: Amount,
    condemned: Amount,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Next {
    last: u64,
    packs: Vec<(PackId, Phase, Since)>,
    trees: Vec<(TreeId, Phase, Since)>,
}

/// In milliseconds since 1970; `None` is the moment in which the list is made.
type Since = Option<u64>;

/// Decides what is kept, and what nothing leads to.
pub fn plan(store: &impl Store, clock: &impl Clock, request: &Prune) -> Result<Plan> {
    // Before anything is read: what is condemned counts as old only if that was so when this look began.
    let now_ms = clock.now_ms();
    let condemned = Condemned::last(store)?;
    let depth = match request.policy.drop_damaged {
        true => Depth::Objects,
        false => Depth::Keys,
    };
    let survey = survey(store, depth)?;
    let mut broken = Vec::new();
    for damage in survey.damages {
        match request.policy.drop_damaged {
            true => broken.push(damage.key),
            false => return Err(unsafe_to_prune(damage)),
        }
    }
    let project = request.context.project()?;
    let mut decisions = policy::decide(
        survey.records,
        &present(store)?,
        &request.policy,
        project,
        now_ms,
        request.grace_ms,
    );
    let mut live = Live::default();
    let mut dropped = Live::default();
    let mut removed = Vec::new();
    for decision in &mut decisions {
        for found in &decision.found {
            match live.of(store, &found.record.tree) {
                Err(Error::Damaged(_)) if request.policy.drop_damaged => decision.reasons.clear(),
                // What a damaged tree leads to is unknown, so that nothing may be deleted.
                Err(Error::Damaged(damage)) if !decision.reasons.is_empty() => {
                    return Err(unsafe_to_prune(damage));
                }
                Err(Error::Damaged(_)) => {}
                packs => {
                    let kind = if decision.reasons.is_empty() {
                        &mut dropped
                    } else {
                        &mut live
                    };
                    kind.trees.insert(found.record.tree);
                    kind.packs.extend(packs?);
                }
            }
        }
        if decision.reasons.is_empty() {
            removed.extend(removal(store, decision)?);
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
    let mut count = |phase: Phase, bytes: u64| {
        let amount = match phase {
            Phase::Deleting => &mut deleted,
            Phase::Seen | Phase::Condemned => &mut doomed,
        };
        amount.objects += 1;
        amount.bytes += bytes;
    };
    for (id, phase, _) in &packs {
        count(*phase, store.head(&keys::pack(id))?.unwrap_or_default());
    }
    for (_, phase, _) in &trees {
        count(*phase, 0);
    }
    let next = Next {
        last: condemned.sequence,
        packs,
        trees,
    };
    // Of other projects all is kept, and nobody asked.
    decisions.retain(|decision| decision.record().is_some_and(|record| record.project == project));
    let rest = Rest {
        removed,
        broken,
        next,
        deleted,
        condemned: doomed,
    };
    Ok(Plan {
        decisions,
        deleted,
        condemned: doomed,
        rest: crate::wire::write(&rest)?,
    })
}

/// Trees and packs that something leads to.
#[derive(Debug, Default)]
struct Live {
    trees: HashSet<TreeId>,
    packs: HashSet<PackId>,
}

impl Live {
    /// Returns the packs of a tree; none where it is among these already.
    fn of(&self, store: &impl Store, id: &TreeId) -> Result<Vec<PackId>> {
        match self.trees.contains(id) {
            true => Ok(Vec::new()),
            false => Tree::packs_of(store, id),
        }
    }
}

fn unsafe_to_prune(damage: Damage) -> Error {
    let message = format!(
        "what a damaged object leads to is unknown, so nothing may be deleted: {}",
        damage.message
    );
    Error::conflict("unsafe-to-prune", message, &damage.key)
}

/// Decides on objects of one kind.
struct Marking<'a> {
    live: &'a Live,
    dropped: &'a Live,
    now_ms: u64,
    grace_ms: u64,
}

impl Marking<'_> {
    /// Returns the marks of all objects below `prefix` that nothing leads to.
    fn marks<Id: From<Digest> + Ord + std::hash::Hash + Copy>(
        &self,
        store: &impl Store,
        prefix: &str,
        before: &BTreeMap<Id, Mark>,
        ids: impl Fn(&Live) -> &HashSet<Id>,
    ) -> Result<Vec<(Id, Phase, Since)>> {
        let mut marks = Vec::new();
        let mut after = None;
        loop {
            let page = store.list(prefix, after.as_deref(), 1000)?;
            after = page.last().cloned();
            for key in &page {
                // What has another name was put there by somebody else.
                let id = key
                    .rsplit('/')
                    .next()
                    .and_then(|name| name.parse::<Digest>().ok());
                let Some(id) = id.map(Id::from) else {
                    continue;
                };
                if !ids(self.live).contains(&id) {
                    let was_used = ids(self.dropped).contains(&id);
                    let (phase, since) = self.mark(before.get(&id), was_used);
                    marks.push((id, phase, since));
                }
            }
            if page.len() < 1000 {
                return Ok(marks);
            }
        }
    }

    fn mark(&self, before: Option<&Mark>, was_used: bool) -> (Phase, Since) {
        let Some(Mark { phase, since_ms }) = before.copied() else {
            let phase = if was_used { Phase::Condemned } else { Phase::Seen };
            return (phase, None);
        };
        let is_old = self.now_ms.saturating_sub(since_ms) >= self.grace_ms;
        match phase {
            Phase::Seen if was_used || is_old => (Phase::Condemned, None),
            Phase::Condemned if is_old => (Phase::Deleting, None),
            _ => (phase, Some(since_ms)),
        }
    }
}

/// Returns the keys of a build in the order of removal: first what makes it the latest, last its number.
fn removal(store: &impl Store, decision: &Decision) -> Result<Option<(Removed, Vec<String>)>> {
    let Some(record) = decision.record() else {
        return Ok(None);
    };
    let build = Removed {
        project: record.project.clone(),
        artifact: record.artifact.clone(),
        build: record.build_id(),
    };
    let mut keys = Vec::new();
    for found in &decision.found {
        keys.extend(removable(store, &found.record, &found.keys)?);
    }
    Ok(Some((build, keys)))
}

fn removable(store: &impl Store, record: &Record, found: &[String]) -> Result<Vec<String>> {
    let mut keys: Vec<String> = record.keys().into_iter().rev().collect();
    // Layers, and whatever else it was found under.
    keys.extend(found.iter().filter(|key| !record.keys().contains(key)).cloned());
    keys.extend(store.list(&Project::new(&record.project).signatures(record), None, 1000)?);
    Ok(keys)
}

/// Does what was planned, unless another prune did something since.
pub fn run(store: &impl Store, clock: &impl Clock, rest: &[u8]) -> Result<Pruned> {
    let Rest {
        removed,
        broken,
        next,
        deleted,
        condemned,
    } = crate::wire::read(rest)?;
    let was_empty = next.last == 0;
    if removed.is_empty() && broken.is_empty() && next.packs.is_empty() && next.trees.is_empty() && was_empty
    {
        return Ok(Pruned::default());
    }
    let now_ms = clock.now_ms();
    let mark = |phase, since: Since| Mark {
        phase,
        since_ms: since.unwrap_or(now_ms),
    };
    let list = Condemned {
        sequence: next
            .last
            .checked_add(1)
            .ok_or_else(|| Error::limit("history-full", "the lists have no more numbers", keys::CONDEMNED))?,
        packs: next
            .packs
            .into_iter()
            .map(|(id, phase, since)| (id, mark(phase, since)))
            .collect(),
        trees: next
            .trees
            .into_iter()
            .map(|(id, phase, since)| (id, mark(phase, since)))
            .collect(),
        builds: removed.iter().map(|(build, _)| build.clone()).collect(),
    };
    if list.create(store)? == PutOutcome::AlreadyExists {
        return Ok(Pruned {
            overtaken: true,
            ..Pruned::default()
        });
    }
    // From here on nobody points to what is removed without noticing, so what is pointed to now is all there is.
    let pointed = policy::pointed_to(&present(store)?);
    let mut pruned = Pruned {
        deleted,
        condemned,
        ..Pruned::default()
    };
    let mut gone = broken;
    for (build, keys) in removed {
        if !pointed.contains_key(&(build.project, build.artifact, build.build)) {
            pruned.removed += 1;
            gone.extend(keys);
        }
    }
    delete(store, &gone)?;
    let is_deleted = |mark: &Mark| mark.phase == Phase::Deleting;
    let trees = list.trees.iter().filter(|(_, mark)| is_deleted(mark));
    let packs = list.packs.iter().filter(|(_, mark)| is_deleted(mark));
    let mut useless: Vec<String> = trees.map(|(id, _)| keys::tree(id)).collect();
    useless.extend(packs.map(|(id, _)| keys::pack(id)));
    delete(store, &useless)?;
    if !was_empty {
        delete(store, &[Condemned::key(next.last)])?;
    }
    Ok(pruned)
}

/// Deletes in the order given, as far as a batch goes.
fn delete(store: &impl Store, keys: &[String]) -> Result<()> {
    for batch in keys.chunks(DELETED_AT_ONCE) {
        store.delete(batch)?;
    }
    Ok(())
}

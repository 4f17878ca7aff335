//! Damaged records, events and trees, where a prune is asked to drop them, and where it must stop at them.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::request::Policy;
use crate::error::{Damage, Error, Result};
use crate::id::{PackId, TreeId};
use crate::inventory::StoredRecord;
use crate::keys::{self, Project, event_of, is_event, is_record};
use crate::order::newest_first;
use crate::ports::Store;
use crate::tree::tables;

/// Returns the keys of records of the project that cannot be read, if those are to be dropped. What any other unreadable
/// record leads to is unknown. An event is read when it counts.
pub(super) fn broken_records(damages: Vec<Damage>, policy: &Policy, project: &str) -> Result<Vec<String>> {
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
pub(super) fn broken_events(
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
pub(super) fn damaged_trees(
    store: &impl Store,
    records: impl Iterator<Item = Result<StoredRecord>>,
    project: &str,
) -> Result<HashSet<TreeId>> {
    let mut trees = HashSet::new();
    for found in records {
        let StoredRecord { record, .. } = found?;
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

pub(super) fn unsafe_to_prune(damage: Damage) -> Error {
    let remedy = match is_event(&damage.key) {
        true => "; if it is the last of its channel, `baton rollback CHANNEL --to SELECTOR` replaces it",
        false => "",
    };
    let message = format!(
        "the references of a damaged object are unknown, so nothing may be deleted: {}{remedy}",
        damage.message
    );
    Error::conflict("unsafe-to-prune", message, &damage.key)
}

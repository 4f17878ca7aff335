//! Whether a store holds what it says: records, trees, references, and, if asked, every byte. Changes nothing.
//!
//! `plan` reads what is small: records, events and trees. The packs are left to the workers, each pack once, whichever
//! trees point to it. `finish` says which builds each damage affects.

mod expectations;
mod packs;

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::build_id::BuildId;
use crate::condemned::Condemned;
use crate::error::{Damage, Result};
use crate::event::Event;
use crate::id::{Digest, PackId, TreeId};
use crate::inventory::{self, Damages, Depth, Inventory, StoredRecord};
use crate::keys::{self, is_event};
use crate::lookup::{self, Scope};
use crate::pointer::Pointer;
use crate::ports::{Scratch, Store};
use crate::record::Record;
use crate::scratch_list::{Items, ScratchList, ScratchWriter};
use crate::store_format;
use crate::transfer_plan::Planned;
use expectations::Expectations;
use packs::{Extent, Outcome, affects};

pub use packs::run;

/// Of so many of the builds that a damage affects the records are given: there may be very many.
const NAMED_MAX: usize = 20;
/// The request of a verify.
#[derive(Debug, Clone)]
pub struct Verify {
    /// The builds to verify, or the whole store.
    pub scope: Option<Scope>,
    /// Whether to read every byte.
    pub data: bool,
    /// Whether the plan names the builds, of all that the store has as well: their signatures are checked.
    pub names_builds: bool,
}

/// The report of a verify.
#[derive(Debug, Default)]
pub struct Verified {
    /// Records that were read.
    pub records: u64,
    /// Trees that were read.
    pub trees: u64,
    /// Packs that were looked at.
    pub packs: u64,
    /// Bytes of packs that were read.
    pub bytes: u64,
    /// The damages.
    pub findings: Vec<Finding>,
}

/// The action that repairs a damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The files of each build that it affects, persisted again as the same build.
    PersistAgain,
    /// A prune: it writes a new list of what is condemned.
    Prune,
    /// A move of the channel or the branch to a build that is named.
    MoveAgain,
}

impl Remedy {
    /// Returns the remedy for damage of an object.
    fn of(key: &str) -> Remedy {
        match key {
            key if key.starts_with(keys::CONDEMNED) => Remedy::Prune,
            key if is_event(key) => Remedy::MoveAgain,
            _ => Remedy::PersistAgain,
        }
    }
}

/// One damage.
#[derive(Debug)]
pub struct Finding {
    /// The damages.
    pub damage: Damage,
    /// The action that repairs it.
    pub remedy: Remedy,
    /// The number of affected records.
    pub affects: u64,
    /// The first of them.
    pub builds: Vec<Record>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Rest {
    records: ScratchList<StoredRecord>,
    packs: u64,
    /// The packs of each tree.
    trees: ScratchList<(TreeId, Vec<PackId>)>,
    /// Damages, each with its tree if it is of one.
    damages: Vec<(Option<TreeId>, Damage)>,
}

/// Reads what is small, and cuts the packs into tasks.
pub fn plan(store: &impl Store, scratch: &dyn Scratch, request: &Verify) -> Result<Planned> {
    let mut rest = Rest::default();
    let mut damages = Vec::new();
    let mut warnings = Vec::new();
    let mut ids = Vec::new();
    match &request.scope {
        Some(scope) => {
            store_format::check(store)?;
            let resolved = damages.keep(lookup::resolve(store, scope))?.unwrap_or_default();
            warnings = resolved.warnings;
            ids.extend(resolved.layers.iter().map(|layer| layer.tree));
            let records = resolved.layers.into_iter().filter_map(|layer| layer.record);
            let found = records.map(|record| StoredRecord {
                record,
                keys: Vec::new(),
            });
            rest.records = ScratchList::of(scratch, found)?;
        }
        None => {
            store_format::check_used(store)?;
            let mut survey = inventory::take(store, scratch, Depth::Objects)?;
            damages = std::mem::take(&mut survey.damages);
            check_events(&survey, scratch, &mut damages)?;
            check_keys(store, &survey, scratch, &mut damages)?;
            rest.records = survey.records;
            damages.keep(Condemned::last(store))?;
        }
    }
    rest.damages
        .extend(damages.into_iter().map(|damage| (None, damage)));
    let mut builds = Vec::new();
    for found in rest.records.items(scratch) {
        let record = found?.record;
        ids.push(record.tree);
        if request.scope.is_some() || request.names_builds {
            builds.push(record);
        }
    }
    let mut expectations = Expectations::new(scratch, request.data);
    let mut trees = ScratchWriter::new(scratch);
    let mut seen = HashSet::new();
    for id in ids.into_iter().filter(|id| seen.insert(*id)) {
        let mut damages = Vec::new();
        if let Some(used) = damages.keep(expectations.add(store, &id))? {
            trees.push(&(id, used))?;
        }
        rest.damages
            .extend(damages.into_iter().map(|damage| (Some(id), damage)));
    }
    rest.trees = trees.close()?;
    let (tasks, packs) = expectations.tasks(scratch)?;
    rest.packs = packs;
    Ok(Planned {
        files: tasks.iter().map(|task| task.files).sum(),
        bytes: tasks.iter().map(|task| task.bytes).sum(),
        builds,
        warnings,
        rest: crate::wire::write(&rest)?,
        tasks,
        ..Planned::default()
    })
}

/// Checks that the builds exist that the last events point to.
fn check_events(survey: &Inventory, scratch: &dyn Scratch, damages: &mut Vec<Damage>) -> Result<()> {
    let mut missing: BTreeMap<(String, String, BuildId), Vec<&Event>> = BTreeMap::new();
    for event in &survey.last_events {
        if event.held || matches!(event.pointer, Pointer::Channel(_)) {
            let to = (
                event.project.clone(),
                event.artifact.clone(),
                event.build.id.clone(),
            );
            missing.entry(to).or_default().push(event);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    for found in survey.records.items(scratch) {
        let record = found?.record;
        let build = record.build_id();
        missing.remove(&(record.project, record.artifact, build));
    }
    let damage = |event: &Event| Damage {
        key: event.key(),
        message: format!("it points to {}, which is not in the store", event.build.id),
        expected: String::new(),
        found: String::new(),
    };
    damages.extend(missing.into_values().flatten().map(damage));
    Ok(())
}

/// Checks that each record lies under all of its keys, if it does under the last: the others are written before. One that
/// does not was never finished, which is no damage.
fn check_keys(
    store: &impl Store,
    survey: &Inventory,
    scratch: &dyn Scratch,
    damages: &mut Vec<Damage>,
) -> Result<()> {
    let mut workflows: HashSet<Digest> = HashSet::new();
    for found in survey.records.items(scratch) {
        let found = found?;
        let record = &found.record;
        let Some(last) = record.keys().pop().filter(|last| found.keys.contains(last)) else {
            continue;
        };
        let mut missing = found.missing();
        let workflow = lookup::workflow_key(record);
        missing.extend(workflow.filter(|key| workflows.insert(Digest::of(key.as_bytes()))));
        for key in missing {
            // Not where it was removed since it was listed, or the other keys were.
            if store.head(&key)?.is_none() && store.head(&last)?.is_some() {
                damages.push(Damage {
                    key,
                    message: format!(
                        "a key of {} of {} is missing, though its record exists under other keys",
                        record.build_id(),
                        record.artifact
                    ),
                    expected: String::new(),
                    found: String::new(),
                });
            }
        }
    }
    Ok(())
}

/// Puts together what was found, with the builds that each damage affects: those whose trees say what is not so, which are
/// read again for it.
pub fn finish(
    store: &impl Store,
    scratch: &dyn Scratch,
    rest: &[u8],
    outcomes: &[Vec<u8>],
) -> Result<Verified> {
    let rest: Rest = crate::wire::read(rest)?;
    let mut verified = Verified {
        records: rest.records.len(),
        trees: rest.trees.len(),
        packs: rest.packs,
        ..Verified::default()
    };
    let mut damaged: BTreeMap<PackId, Vec<(PackId, Extent, Damage)>> = BTreeMap::new();
    for outcome in outcomes.iter().filter(|outcome| !outcome.is_empty()) {
        let Outcome { bytes, damages } = crate::wire::read(outcome)?;
        verified.bytes += bytes;
        for damage in damages {
            damaged.entry(damage.0).or_default().push(damage);
        }
    }
    // Each damage, with the trees that it affects.
    let mut found: Vec<(Damage, Vec<TreeId>)> = rest
        .damages
        .into_iter()
        .map(|(tree, damage)| (damage, tree.into_iter().collect()))
        .collect();
    let mut users: HashMap<PackId, Vec<TreeId>> = HashMap::new();
    if !damaged.is_empty() {
        for tree in rest.trees.items(scratch) {
            let (tree, packs) = tree?;
            for pack in packs.into_iter().filter(|pack| damaged.contains_key(pack)) {
                users.entry(pack).or_default().push(tree);
            }
        }
    }
    for (pack, damages) in damaged {
        let mut affected: Vec<Vec<TreeId>> = vec![Vec::new(); damages.len()];
        for tree in users.get(&pack).into_iter().flatten() {
            for (is_affected, affected) in affects(store, tree, &pack, &damages)?
                .into_iter()
                .zip(&mut affected)
            {
                if is_affected {
                    affected.push(*tree);
                }
            }
        }
        found.extend(damages.into_iter().map(|(.., damage)| damage).zip(affected));
    }
    verified.findings = findings(found, rest.records.items(scratch))?;
    Ok(verified)
}

/// Names the builds that damages affected.
fn findings(found: Vec<(Damage, Vec<TreeId>)>, records: Items<'_, StoredRecord>) -> Result<Vec<Finding>> {
    let mut by_tree: HashMap<TreeId, Vec<usize>> = HashMap::new();
    let mut findings = Vec::new();
    for (number, (damage, trees)) in found.into_iter().enumerate() {
        for tree in trees {
            by_tree.entry(tree).or_default().push(number);
        }
        findings.push(Finding {
            remedy: Remedy::of(&damage.key),
            damage,
            affects: 0,
            builds: Vec::new(),
        });
    }
    if by_tree.is_empty() {
        return Ok(findings);
    }
    for found in records {
        let record = found?.record;
        for number in by_tree.get(&record.tree).into_iter().flatten() {
            if let Some(finding) = findings.get_mut(*number) {
                finding.affects += 1;
                if finding.builds.len() < NAMED_MAX {
                    finding.builds.push(record.clone());
                }
            }
        }
    }
    Ok(findings)
}

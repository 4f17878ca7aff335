//! Whether a store holds what it says: records, trees, references, and, if asked, every byte. Changes nothing.
//!
//! `plan` reads what is small: records, events and trees. The packs are left to the workers, each pack once, whichever
//! trees point to it. `finish` says which builds each damage hurts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::condemned::Condemned;
use crate::error::{Damage, Error, Result};
use crate::event::{Event, Pointer};
use crate::frame::Decompressor;
use crate::id::{Digest, PackId, TreeId};
use crate::keys;
use crate::lookup::{self, Scope};
use crate::plan::{Planned, Task};
use crate::ports::{Store, get_intact};
use crate::record::Record;
use crate::survey::{Damages, Depth, survey};
use crate::tree::{Content, Place, Tree};

/// Of so many of the builds that a damage hurts the records are given: there may be very many.
const NAMED_MAX: usize = 20;
/// A task is closed by the pack that gives it this many. A pack without its data takes one request.
const TASK_PACKS: usize = 64;

/// What is verified.
#[derive(Debug, Clone)]
pub struct Verify {
    /// What a selector means, or all that the store has.
    pub scope: Option<Scope>,
    /// Whether to read every byte.
    pub data: bool,
}

/// What was found.
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
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// One damage.
#[derive(Debug)]
pub struct Finding {
    /// What is wrong.
    pub damage: Damage,
    /// How many records it hurts.
    pub hurts: u64,
    /// The first of them.
    pub builds: Vec<Record>,
}

/// What a tree says of one chunk: offset, length, raw length, and the digest of a slice.
type ChunkIn = (u64, u32, u32, Option<Digest>);
/// What files say of a part of a chunk: its start, length and digest.
type Pieces = BTreeSet<(u32, u32, Digest)>;

/// One pack, and all that trees say of it.
#[derive(Debug, Serialize, Deserialize)]
struct PackIn {
    id: PackId,
    data: bool,
    chunks: BTreeMap<ChunkIn, Pieces>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Outcome {
    bytes: u64,
    damages: Vec<(PackId, Damage)>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Rest {
    records: Vec<Record>,
    packs: u64,
    /// The packs of each tree.
    trees: Vec<(TreeId, Vec<PackId>)>,
    /// What is wrong with no tree, or with one.
    damages: Vec<(Option<TreeId>, Damage)>,
}

/// Reads what is small, and cuts the packs into tasks.
pub fn plan(store: &impl Store, request: &Verify) -> Result<Planned> {
    let mut rest = Rest::default();
    let mut damages = Vec::new();
    let mut trees = Vec::new();
    let mut warnings = Vec::new();
    match &request.scope {
        Some(scope) => {
            let resolved = damages.keep(lookup::resolve(store, scope))?.unwrap_or_default();
            warnings = resolved.warnings;
            for layer in resolved.layers {
                trees.push(layer.tree);
                rest.records.extend(layer.record);
            }
        }
        None => {
            let survey = survey(store, Depth::Objects)?;
            damages = survey.damages;
            rest.records = survey.records.into_iter().map(|found| found.record).collect();
            check_events(&survey.events, &rest.records, &mut damages);
            damages.keep(Condemned::last(store))?;
            trees.extend(rest.records.iter().map(|record| record.tree));
        }
    }
    rest.damages
        .extend(damages.into_iter().map(|damage| (None, damage)));
    let mut packs: BTreeMap<PackId, BTreeMap<ChunkIn, Pieces>> = BTreeMap::new();
    let mut seen = HashSet::new();
    for id in trees.into_iter().filter(|id| seen.insert(*id)) {
        let mut damages = Vec::new();
        if let Some(tree) = damages.keep(Tree::load(store, &id))? {
            add(&tree, request.data, &mut packs);
            rest.trees.push((id, tree.packs));
        }
        rest.damages
            .extend(damages.into_iter().map(|damage| (Some(id), damage)));
    }
    rest.packs = packs.len() as u64;
    let mut planned = Planned {
        builds: rest.records.clone(),
        warnings,
        rest: crate::wire::write(&rest)?,
        tasks: tasks(packs, request.data)?,
        ..Planned::default()
    };
    planned.files = planned.tasks.iter().map(|task| task.files).sum();
    planned.bytes = planned.tasks.iter().map(|task| task.bytes).sum();
    Ok(planned)
}

/// Checks that what the last event of each history points to is there.
fn check_events(events: &[Event], records: &[Record], damages: &mut Vec<Damage>) {
    let there: HashSet<_> = records
        .iter()
        .map(|record| (&record.project, &record.artifact, record.build_id()))
        .collect();
    let mut last: HashMap<(&str, &str, String), &Event> = HashMap::new();
    for event in events {
        let of = (
            event.project.as_str(),
            event.artifact.as_str(),
            event.pointer.selector(),
        );
        let entry = last.entry(of).or_insert(event);
        if entry.sequence < event.sequence {
            *entry = event;
        }
    }
    for event in last.into_values() {
        let points = event.held || matches!(event.pointer, Pointer::Channel(_));
        if points && !there.contains(&(&event.project, &event.artifact, event.build.clone())) {
            damages.push(Damage {
                key: event.key(),
                message: format!("it points to {}, which is not in the store", event.build),
                expected: String::new(),
                found: String::new(),
            });
        }
    }
}

/// Adds what a tree says of its packs.
fn add(tree: &Tree, data: bool, packs: &mut BTreeMap<PackId, BTreeMap<ChunkIn, Pieces>>) {
    let mut pieces: HashMap<u32, Pieces> = HashMap::new();
    for entry in &tree.entries {
        if let Content::File {
            size,
            digest,
            place: Place::Bundle { chunk, offset },
        } = &entry.content
            && data
        {
            let piece = (*offset, *size as u32, *digest);
            pieces.entry(*chunk).or_default().insert(piece);
        }
    }
    for (number, chunk) in tree.chunks.iter().enumerate() {
        let Some(id) = tree.packs.get(chunk.pack as usize) else {
            continue;
        };
        let chunks = packs.entry(*id).or_default();
        if !data {
            // Only how long the pack must be is looked at.
            let end = |chunk: &ChunkIn| chunk.0 + u64::from(chunk.1);
            let this = (chunk.offset, chunk.length, chunk.raw_length, None);
            if chunks.keys().all(|other| end(other) < end(&this)) {
                chunks.clear();
                chunks.insert(this, Pieces::new());
            }
            continue;
        }
        chunks
            .entry((chunk.offset, chunk.length, chunk.raw_length, chunk.digest))
            .or_default()
            .extend(pieces.remove(&(number as u32)).unwrap_or_default());
    }
}

fn tasks(packs: BTreeMap<PackId, BTreeMap<ChunkIn, Pieces>>, data: bool) -> Result<Vec<Task>> {
    let most = if data { 1 } else { TASK_PACKS };
    let mut tasks = Vec::new();
    let mut packs = packs.into_iter().peekable();
    while packs.peek().is_some() {
        let part: Vec<PackIn> = packs
            .by_ref()
            .take(most)
            .map(|(id, chunks)| PackIn { id, data, chunks })
            .collect();
        let stored = part.iter().flat_map(|pack| pack.chunks.keys());
        tasks.push(Task {
            files: part.len() as u64,
            bytes: stored.map(|(_, length, ..)| u64::from(*length)).sum(),
            payload: crate::wire::write(&part)?,
        });
    }
    Ok(tasks)
}

/// Looks at the packs of one task.
pub fn run(store: &impl Store, task: &[u8]) -> Result<Vec<u8>> {
    let packs: Vec<PackIn> = crate::wire::read(task)?;
    let mut outcome = Outcome::default();
    for pack in packs {
        let mut damages = Vec::new();
        let checked = if pack.data {
            check_data(store, &pack, &mut outcome.bytes)
        } else {
            check_length(store, &pack)
        };
        damages.keep(checked)?;
        outcome
            .damages
            .extend(damages.into_iter().map(|damage| (pack.id, damage)));
    }
    crate::wire::write(&outcome)
}

fn check_length(store: &impl Store, pack: &PackIn) -> Result<()> {
    let key = keys::pack(&pack.id);
    let ends = pack
        .chunks
        .keys()
        .map(|(offset, length, ..)| offset + u64::from(*length));
    let needed = ends.max().unwrap_or_default();
    match store.head(&key)? {
        None => Err(missing(&pack.id)),
        Some(there) if there < needed => {
            let message = format!("the pack has {there} bytes, and trees point to {needed}");
            Err(Error::damaged(&key, message))
        }
        Some(_) => Ok(()),
    }
}

fn check_data(store: &impl Store, pack: &PackIn, read: &mut u64) -> Result<()> {
    let key = keys::pack(&pack.id);
    let checked = get_intact(store, &key, None, |bytes| {
        *read += bytes.len() as u64;
        let found = PackId::of(&bytes);
        if found == pack.id {
            return Ok(bytes);
        }
        let message = "the pack was altered";
        Err(Error::damaged_digest(
            &key,
            message,
            pack.id.to_string(),
            found.to_string(),
        ))
    });
    let bytes = checked?.ok_or_else(|| missing(&pack.id))?;
    // The pack is what it was. What is wrong from here on, a tree says of it.
    let (mut decompressor, mut content) = (Decompressor::default(), Vec::new());
    for ((offset, length, raw_length, digest), pieces) in &pack.chunks {
        let end = offset.saturating_add(u64::from(*length));
        bytes
            .get(*offset as usize..end as usize)
            .ok_or_else(|| "it is cut short".to_owned())
            .and_then(|frame| decompressor.open(frame, *raw_length as usize, &mut content))
            .map_err(|why| Error::damaged(&key, format!("the chunk at {offset} cannot be opened: {why}")))?;
        let whole = digest.map(|digest| (0, *raw_length, digest));
        for (start, length, digest) in pieces.iter().copied().chain(whole) {
            let piece = content.get(start as usize..start as usize + length as usize);
            let found = Digest::of(piece.unwrap_or_default());
            if found != digest {
                let message = "a tree points to bytes of another file, though the pack is whole";
                return Err(Error::damaged_digest(
                    &key,
                    message,
                    digest.to_string(),
                    found.to_string(),
                ));
            }
        }
    }
    Ok(())
}

fn missing(id: &PackId) -> Error {
    Error::damaged_digest(
        &keys::pack(id),
        "the pack is missing",
        id.to_string(),
        String::new(),
    )
}

/// Puts together what was found, with the builds that each damage hurts.
pub fn finish(rest: &[u8], outcomes: &[Vec<u8>]) -> Result<Verified> {
    let rest: Rest = crate::wire::read(rest)?;
    let mut verified = Verified {
        records: rest.records.len() as u64,
        trees: rest.trees.len() as u64,
        packs: rest.packs,
        ..Verified::default()
    };
    let mut records: HashMap<TreeId, Vec<&Record>> = HashMap::new();
    for record in &rest.records {
        records.entry(record.tree).or_default().push(record);
    }
    let mut trees: HashMap<PackId, Vec<TreeId>> = HashMap::new();
    for (tree, packs) in &rest.trees {
        for pack in packs {
            trees.entry(*pack).or_default().push(*tree);
        }
    }
    let finding = |damage: Damage, trees: &[TreeId]| {
        let hurt = || trees.iter().filter_map(|tree| records.get(tree)).flatten();
        Finding {
            damage,
            hurts: hurt().count() as u64,
            builds: hurt().take(NAMED_MAX).map(|record| (*record).clone()).collect(),
        }
    };
    for (tree, damage) in &rest.damages {
        let tree: Vec<TreeId> = tree.iter().copied().collect();
        verified.findings.push(finding(damage.clone(), &tree));
    }
    for outcome in outcomes.iter().filter(|outcome| !outcome.is_empty()) {
        let Outcome { bytes, damages } = crate::wire::read(outcome)?;
        verified.bytes += bytes;
        for (pack, damage) in damages {
            let trees = trees.get(&pack).map_or(&[][..], Vec::as_slice);
            verified.findings.push(finding(damage, trees));
        }
    }
    Ok(verified)
}

//! Whether a store holds what it says: records, trees, references, and, if asked, every byte. Changes nothing.
//!
//! `plan` reads what is small: records, events and trees. The packs are left to the workers, each pack once, whichever
//! trees point to it. `finish` says which builds each damage hurts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

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
use crate::store_format;
use crate::survey::{Damages, Depth, is_event, survey};
use crate::tree::{Content, Entries, Entry, Located, Place, Table};

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

/// What mends a damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The files of each build that it hurts, persisted again as the same build.
    PersistAgain,
    /// A prune: it writes a new list of what is condemned.
    Prune,
    /// A move of the channel or the branch to a build that is named.
    MoveAgain,
}

impl Remedy {
    /// Returns what mends a damage of an object.
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
    /// What is wrong.
    pub damage: Damage,
    /// What mends it.
    pub remedy: Remedy,
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

/// What a damage of a pack is about, and so which trees it hurts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum About {
    /// All of it.
    Pack,
    /// What lies beyond so many bytes.
    Beyond(u64),
    /// Chunks, or pieces of them, that are not what a tree says.
    Claims(Vec<Claim>),
}

/// What a tree says of a chunk, or of one piece of it.
type Claim = (ChunkIn, Option<(u32, u32, Digest)>);

/// More wrong claims of one pack are not told apart: a hostile tree may have millions.
const CLAIMS_MAX: usize = 1000;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Outcome {
    bytes: u64,
    damages: Vec<(PackId, About, Damage)>,
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
            store_format::check(store)?;
            let resolved = damages.keep(lookup::resolve(store, scope))?.unwrap_or_default();
            warnings = resolved.warnings;
            for layer in resolved.layers {
                trees.push(layer.tree);
                rest.records.extend(layer.record);
            }
        }
        None => {
            store_format::check_used(store)?;
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
        if let Some(used) = damages.keep(add(store, &id, request.data, &mut packs))? {
            rest.trees.push((id, used));
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
        if points && !there.contains(&(&event.project, &event.artifact, event.build.id.clone())) {
            damages.push(Damage {
                key: event.key(),
                message: format!("it points to {}, which is not in the store", event.build.id),
                expected: String::new(),
                found: String::new(),
            });
        }
    }
}

/// Adds what a tree says of its packs. Returns them.
fn add(
    store: &impl Store,
    id: &TreeId,
    data: bool,
    packs: &mut BTreeMap<PackId, BTreeMap<ChunkIn, Pieces>>,
) -> Result<Vec<PackId>> {
    let mut used = HashSet::new();
    let mut entries = Entries::open(store, id)?;
    let mut last: Option<Rc<Table>> = None;
    while let Some(Located { entry, table }) = entries.next_entry()? {
        if !last.as_ref().is_some_and(|last| Rc::ptr_eq(last, &table)) {
            add_table(&table, data, packs);
            used.extend(&table.packs);
            last = Some(Rc::clone(&table));
        }
        if let Content::File {
            size,
            digest,
            place: Place::Bundle { chunk, offset },
        } = &entry.content
            && data
        {
            let chunk = table.chunk(*chunk)?;
            packs
                .entry(*table.pack(chunk)?)
                .or_default()
                .entry((chunk.offset, chunk.length, chunk.raw_length, chunk.digest))
                .or_default()
                .insert((*offset, *size as u32, *digest));
        }
    }
    Ok(used.into_iter().collect())
}

fn add_table(table: &Table, data: bool, packs: &mut BTreeMap<PackId, BTreeMap<ChunkIn, Pieces>>) {
    for chunk in &table.chunks {
        let Some(id) = table.packs.get(chunk.pack as usize) else {
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
            .or_default();
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
        let damages = if pack.data {
            check_data(store, &pack, &mut outcome.bytes)?
        } else {
            check_length(store, &pack)?
        };
        let damages = damages.into_iter();
        outcome
            .damages
            .extend(damages.map(|(about, damage)| (pack.id, about, damage)));
    }
    crate::wire::write(&outcome)
}

/// What is wrong with a pack.
type Wrong = Vec<(About, Damage)>;

fn check_length(store: &impl Store, pack: &PackIn) -> Result<Wrong> {
    let key = keys::pack(&pack.id);
    let ends = pack
        .chunks
        .keys()
        .map(|(offset, length, ..)| offset + u64::from(*length));
    let needed = ends.max().unwrap_or_default();
    Ok(match store.head(&key)? {
        None => vec![(About::Pack, missing(&pack.id).into_damage()?)],
        Some(there) if there < needed => {
            let message = format!("the pack has {there} bytes, and trees point to {needed}");
            vec![(About::Beyond(there), Error::damaged(&key, message).into_damage()?)]
        }
        Some(_) => Vec::new(),
    })
}

fn check_data(store: &impl Store, pack: &PackIn, read: &mut u64) -> Result<Wrong> {
    let key = keys::pack(&pack.id);
    let mut altered = Vec::new();
    let checked = get_intact(store, &key, None, |bytes| {
        *read += bytes.len() as u64;
        let found = PackId::of(&bytes);
        if found == pack.id {
            return Ok(bytes);
        }
        // Whom it hurts depends on where it was altered.
        altered = bytes;
        let message = "the pack was altered";
        Err(Error::damaged_digest(
            &key,
            message,
            pack.id.to_string(),
            found.to_string(),
        ))
    });
    match checked {
        Ok(None) => Ok(vec![(About::Pack, missing(&pack.id).into_damage()?)]),
        // The pack is what it was. What is wrong with it, a tree says of it.
        Ok(Some(bytes)) => {
            let mut wrong = Wrong::new();
            for (claim, damage) in wrong_claims(&key, &bytes, &pack.chunks)? {
                let about = match wrong.len() < CLAIMS_MAX {
                    true => About::Claims(vec![claim]),
                    false => About::Pack,
                };
                wrong.push((about, damage));
            }
            Ok(wrong)
        }
        Err(error) => {
            let damage = error.into_damage()?;
            let claims: Vec<Claim> = wrong_claims(&key, &altered, &pack.chunks)?
                .into_iter()
                .map(|(claim, _)| claim)
                .collect();
            let about = match claims.len() <= CLAIMS_MAX {
                true => About::Claims(claims),
                false => About::Pack,
            };
            Ok(vec![(about, damage)])
        }
    }
}

/// Returns what trees say of a pack that is not so: at most a few more than can be told apart.
fn wrong_claims(key: &str, bytes: &[u8], chunks: &BTreeMap<ChunkIn, Pieces>) -> Result<Vec<(Claim, Damage)>> {
    let (mut decompressor, mut content) = (Decompressor::default(), Vec::new());
    let mut wrong = Vec::new();
    for (chunk, pieces) in chunks {
        let (offset, length, raw_length, digest) = *chunk;
        let end = offset.saturating_add(u64::from(length));
        let opened = bytes
            .get(offset as usize..end as usize)
            .ok_or_else(|| "it is cut short".to_owned())
            .and_then(|frame| decompressor.open(frame, raw_length as usize, &mut content));
        if let Err(why) = opened {
            let message = format!("the chunk at {offset} cannot be opened: {why}");
            wrong.push(((*chunk, None), Error::damaged(key, message).into_damage()?));
            continue;
        }
        let whole = digest.map(|digest| (None, (0, raw_length, digest)));
        let pieces = pieces.iter().map(|piece| (Some(*piece), *piece));
        for (claim, (start, length, digest)) in whole.into_iter().chain(pieces) {
            if wrong.len() > CLAIMS_MAX {
                return Ok(wrong);
            }
            let end = (start as usize).saturating_add(length as usize);
            let found = Digest::of(content.get(start as usize..end).unwrap_or_default());
            if found != digest {
                let message = format!(
                    "a tree points to bytes of another file in the chunk at {offset}, though the pack is whole"
                );
                let damage = Error::damaged_digest(key, message, digest.to_string(), found.to_string())
                    .into_damage()?;
                wrong.push(((*chunk, claim), damage));
            }
        }
    }
    Ok(wrong)
}

/// Returns which damages of a pack are about something that a tree says.
fn hurts(
    store: &impl Store,
    id: &TreeId,
    pack: &PackId,
    damages: &[(PackId, About, Damage)],
) -> Result<Vec<bool>> {
    let mut hurt: Vec<bool> = damages
        .iter()
        .map(|(_, about, _)| *about == About::Pack)
        .collect();
    if !hurt.contains(&false) {
        return Ok(hurt);
    }
    let Some(mut entries) = lookup::sound(Entries::open(store, id).map(Some))? else {
        return Ok(hurt);
    };
    let claims: Vec<HashSet<&Claim>> = damages
        .iter()
        .map(|(_, about, _)| match about {
            About::Claims(claims) => claims.iter().collect(),
            _ => HashSet::new(),
        })
        .collect();
    let mut last: Option<Rc<Table>> = None;
    while let Some(Located { entry, table }) = lookup::sound(entries.next_entry())? {
        let is_new = !last.as_ref().is_some_and(|last| Rc::ptr_eq(last, &table));
        let piece = piece_of(&entry, &table, pack);
        let each = damages.iter().zip(&claims).zip(&mut hurt);
        for (((_, about, _), claims), hurt) in each.filter(|(_, hurt)| !**hurt) {
            *hurt = piece.is_some_and(|piece| claims.contains(&piece))
                || (is_new && says_chunk(&table, pack, about, claims));
        }
        last = Some(table);
    }
    Ok(hurt)
}

/// Returns what a table says of a chunk, if that is in a pack.
fn in_pack(table: &Table, number: usize, pack: &PackId) -> Option<ChunkIn> {
    let chunk = table.chunks.get(number)?;
    let is_in = table.packs.get(chunk.pack as usize) == Some(pack);
    is_in.then_some((chunk.offset, chunk.length, chunk.raw_length, chunk.digest))
}

fn says_chunk(table: &Table, pack: &PackId, about: &About, claims: &HashSet<&Claim>) -> bool {
    let mut chunks = (0..table.chunks.len()).filter_map(|number| in_pack(table, number, pack));
    match about {
        About::Pack => true,
        About::Beyond(length) => chunks.any(|chunk| chunk.0 + u64::from(chunk.1) > *length),
        About::Claims(_) => chunks.any(|chunk| claims.contains(&(chunk, None))),
    }
}

/// Returns what an entry says of a piece of a chunk of a pack.
fn piece_of(entry: &Entry, table: &Table, pack: &PackId) -> Option<Claim> {
    match &entry.content {
        Content::File {
            size,
            digest,
            place: Place::Bundle { chunk, offset },
        } => {
            let chunk = in_pack(table, *chunk as usize, pack)?;
            Some((chunk, Some((*offset, *size as u32, *digest))))
        }
        _ => None,
    }
}

fn missing(id: &PackId) -> Error {
    Error::damaged_digest(
        &keys::pack(id),
        "the pack is missing",
        id.to_string(),
        String::new(),
    )
}

/// Puts together what was found, with the builds that each damage hurts: those whose trees say what is not so, which are
/// read again for it.
pub fn finish(store: &impl Store, rest: &[u8], outcomes: &[Vec<u8>]) -> Result<Verified> {
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
            remedy: Remedy::of(&damage.key),
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
        // Those of one pack follow each other.
        for damages in damages.chunk_by(|a, b| a.0 == b.0) {
            let Some((pack, ..)) = damages.first() else {
                continue;
            };
            let users = trees.get(pack).map_or(&[][..], Vec::as_slice);
            let mut hurt: Vec<Vec<TreeId>> = vec![Vec::new(); damages.len()];
            for id in users {
                for (is_hurt, hurt) in hurts(store, id, pack, damages)?.into_iter().zip(&mut hurt) {
                    if is_hurt {
                        hurt.push(*id);
                    }
                }
            }
            for ((.., damage), hurt) in damages.iter().zip(hurt) {
                verified.findings.push(finding(damage.clone(), &hurt));
            }
        }
    }
    Ok(verified)
}

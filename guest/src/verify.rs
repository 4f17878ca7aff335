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
use crate::ports::{Scratch, Store, get_intact};
use crate::record::{BuildId, Record};
use crate::spool::{Items, Sorter, Spool, Spooled};
use crate::store_format;
use crate::survey::{Damages, Depth, Found, Survey, is_event, survey};
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
    /// Whether the plan names the builds, of all that the store has as well: their signatures are checked.
    pub names_builds: bool,
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
/// What a file says of a part of a chunk: its start, length and digest.
type Piece = (u32, u32, Digest);
/// All that trees say of one pack.
type Chunks = BTreeMap<ChunkIn, BTreeSet<Piece>>;

/// What a worker does.
#[derive(Debug, Serialize, Deserialize)]
enum TaskIn {
    /// Looks how long packs are. Each with the length that trees need.
    Lengths(Vec<(PackId, u64)>),
    /// Reads a pack.
    Data(PackId, Spooled<(ChunkIn, Option<Piece>)>),
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
type Claim = (ChunkIn, Option<Piece>);

/// More wrong claims of one pack are not told apart: a hostile tree may have millions.
const CLAIMS_MAX: usize = 1000;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Outcome {
    bytes: u64,
    damages: Vec<(PackId, About, Damage)>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Rest {
    records: Spooled<Found>,
    packs: u64,
    /// The packs of each tree.
    trees: Spooled<(TreeId, Vec<PackId>)>,
    /// What is wrong with no tree, or with one.
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
            let found = records.map(|record| Found {
                record,
                keys: Vec::new(),
            });
            rest.records = Spooled::of(scratch, found)?;
        }
        None => {
            store_format::check_used(store)?;
            let mut survey = survey(store, scratch, Depth::Objects)?;
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
    let mut claims = Claims::new(scratch, request.data);
    let mut trees = Spool::new(scratch);
    let mut seen = HashSet::new();
    for id in ids.into_iter().filter(|id| seen.insert(*id)) {
        let mut damages = Vec::new();
        if let Some(used) = damages.keep(claims.add(store, &id))? {
            trees.push(&(id, used))?;
        }
        rest.damages
            .extend(damages.into_iter().map(|damage| (Some(id), damage)));
    }
    rest.trees = trees.close()?;
    let (tasks, packs) = claims.tasks(scratch)?;
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

/// Checks that what the last event of each history points to is there.
fn check_events(survey: &Survey, scratch: &dyn Scratch, damages: &mut Vec<Damage>) -> Result<()> {
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
    survey: &Survey,
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
                        "a key of {} of {} is missing, which lies under its other keys",
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

/// What trees say of packs.
struct Claims<'s> {
    of: ClaimsOf<'s>,
    /// Parts that were seen: the trees of one branch share most of them.
    parts: HashSet<TreeId>,
}

enum ClaimsOf<'s> {
    /// How long each must be.
    Lengths(BTreeMap<PackId, u64>),
    Data(Sorter<'s, (PackId, Claim)>),
}

impl<'s> Claims<'s> {
    fn new(scratch: &'s dyn Scratch, data: bool) -> Claims<'s> {
        Claims {
            of: match data {
                true => ClaimsOf::Data(Sorter::new(scratch)),
                false => ClaimsOf::Lengths(BTreeMap::new()),
            },
            parts: HashSet::new(),
        }
    }

    /// Adds what a tree says. Returns its packs.
    fn add(&mut self, store: &impl Store, id: &TreeId) -> Result<Vec<PackId>> {
        let mut used = HashSet::new();
        let mut entries = Entries::open(store, id)?;
        let mut last: Option<Rc<Table>> = None;
        let mut is_new = false;
        while let Some(Located { entry, table }) = entries.next_entry()? {
            if !last.as_ref().is_some_and(|last| Rc::ptr_eq(last, &table)) {
                is_new = entries
                    .objects()
                    .last()
                    .is_some_and(|part| self.parts.insert(*part));
                used.extend(&table.packs);
                if is_new {
                    self.add_table(&table)?;
                }
                last = Some(Rc::clone(&table));
            }
            if is_new {
                self.add_piece(&entry, &table)?;
            }
        }
        Ok(used.into_iter().collect())
    }

    fn add_table(&mut self, table: &Table) -> Result<()> {
        for chunk in &table.chunks {
            let Some(pack) = table.packs.get(chunk.pack as usize) else {
                continue;
            };
            match &mut self.of {
                ClaimsOf::Lengths(lengths) => {
                    let length = lengths.entry(*pack).or_default();
                    *length = chunk.offset.saturating_add(u64::from(chunk.length)).max(*length);
                }
                ClaimsOf::Data(claims) => {
                    let chunk = (chunk.offset, chunk.length, chunk.raw_length, chunk.digest);
                    claims.push((*pack, (chunk, None)), CLAIM_BYTES)?;
                }
            }
        }
        Ok(())
    }

    fn add_piece(&mut self, entry: &Entry, table: &Table) -> Result<()> {
        if let ClaimsOf::Data(claims) = &mut self.of
            && let Content::File {
                size,
                digest,
                place: Place::Bundle { chunk, offset },
            } = &entry.content
        {
            let chunk = table.chunk(*chunk)?;
            let claim = (
                (chunk.offset, chunk.length, chunk.raw_length, chunk.digest),
                Some((*offset, *size as u32, *digest)),
            );
            claims.push((*table.pack(chunk)?, claim), CLAIM_BYTES)?;
        }
        Ok(())
    }

    /// Returns the tasks, and how many packs they are about.
    fn tasks(self, scratch: &dyn Scratch) -> Result<(Vec<Task>, u64)> {
        match self.of {
            ClaimsOf::Lengths(lengths) => {
                let all: Vec<(PackId, u64)> = lengths.into_iter().collect();
                let task = |packs: &[(PackId, u64)]| {
                    Ok(Task {
                        files: packs.len() as u64,
                        bytes: packs.iter().map(|(_, length)| *length).sum(),
                        payload: crate::wire::write(&TaskIn::Lengths(packs.to_vec()))?,
                    })
                };
                let tasks = all.chunks(TASK_PACKS).map(task).collect::<Result<_>>()?;
                Ok((tasks, all.len() as u64))
            }
            ClaimsOf::Data(claims) => {
                let mut tasks = Vec::new();
                let mut claims = claims.sorted()?.peekable();
                while let Some(claim) = claims.next() {
                    let (pack, mut claim) = claim?;
                    let (mut own, mut bytes) = (Spool::new(scratch), 0);
                    loop {
                        own.push(&claim)?;
                        bytes += claim.1.map_or(u64::from(claim.0.1), |_| 0);
                        // Of trees that say the same, once.
                        let is_same = |next: &Result<(PackId, Claim)>| {
                            next.as_ref().is_ok_and(|next| *next == (pack, claim))
                        };
                        while claims.next_if(is_same).is_some() {}
                        match claims.next_if(|next| next.as_ref().map_or(true, |next| next.0 == pack)) {
                            Some(next) => claim = next?.1,
                            None => break,
                        }
                    }
                    tasks.push(Task {
                        files: 1,
                        bytes,
                        payload: crate::wire::write(&TaskIn::Data(pack, own.close()?))?,
                    });
                }
                let packs = tasks.len() as u64;
                Ok((tasks, packs))
            }
        }
    }
}

/// What a claim takes in memory.
const CLAIM_BYTES: usize = size_of::<(PackId, Claim)>();

/// Looks at the packs of one task.
pub fn run(store: &impl Store, scratch: &dyn Scratch, task: &[u8]) -> Result<Vec<u8>> {
    let mut outcome = Outcome::default();
    match crate::wire::read(task)? {
        TaskIn::Lengths(packs) => {
            for (id, needed) in packs {
                let damages = check_length(store, &id, needed)?;
                outcome
                    .damages
                    .extend(damages.into_iter().map(|(about, damage)| (id, about, damage)));
            }
        }
        TaskIn::Data(id, claims) => {
            let damages = check_data(store, &id, &chunks(claims.items(scratch))?, &mut outcome.bytes)?;
            outcome
                .damages
                .extend(damages.into_iter().map(|(about, damage)| (id, about, damage)));
        }
    }
    crate::wire::write(&outcome)
}

fn chunks(claims: Items<'_, Claim>) -> Result<Chunks> {
    let mut chunks = Chunks::new();
    for claim in claims {
        let (chunk, piece) = claim?;
        chunks.entry(chunk).or_default().extend(piece);
    }
    Ok(chunks)
}

/// What is wrong with a pack.
type Wrong = Vec<(About, Damage)>;

fn check_length(store: &impl Store, id: &PackId, needed: u64) -> Result<Wrong> {
    let key = keys::pack(id);
    Ok(match store.head(&key)? {
        None => vec![(About::Pack, missing(id).into_damage()?)],
        Some(there) if there < needed => {
            let message = format!("the pack has {there} bytes, and trees point to {needed}");
            vec![(About::Beyond(there), Error::damaged(&key, message).into_damage()?)]
        }
        Some(_) => Vec::new(),
    })
}

fn check_data(store: &impl Store, id: &PackId, chunks: &Chunks, read: &mut u64) -> Result<Wrong> {
    let key = keys::pack(id);
    let mut altered = Vec::new();
    let checked = get_intact(store, &key, None, |bytes| {
        *read += bytes.len() as u64;
        let found = PackId::of(&bytes);
        if found == *id {
            return Ok(bytes);
        }
        // Whom it hurts depends on where it was altered.
        altered = bytes;
        let message = "the pack was altered";
        Err(Error::damaged_digest(
            &key,
            message,
            id.to_string(),
            found.to_string(),
        ))
    });
    match checked {
        Ok(None) => Ok(vec![(About::Pack, missing(id).into_damage()?)]),
        // The pack is what it was. What is wrong with it, a tree says of it.
        Ok(Some(bytes)) => {
            let mut wrong = Wrong::new();
            for (claim, damage) in wrong_claims(&key, &bytes, chunks)? {
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
            let claims: Vec<Claim> = wrong_claims(&key, &altered, chunks)?
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
fn wrong_claims(key: &str, bytes: &[u8], chunks: &Chunks) -> Result<Vec<(Claim, Damage)>> {
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
    let mut damaged: BTreeMap<PackId, Vec<(PackId, About, Damage)>> = BTreeMap::new();
    for outcome in outcomes.iter().filter(|outcome| !outcome.is_empty()) {
        let Outcome { bytes, damages } = crate::wire::read(outcome)?;
        verified.bytes += bytes;
        for damage in damages {
            damaged.entry(damage.0).or_default().push(damage);
        }
    }
    // Each damage, with the trees that it hurts.
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
        let mut hurt: Vec<Vec<TreeId>> = vec![Vec::new(); damages.len()];
        for tree in users.get(&pack).into_iter().flatten() {
            for (is_hurt, hurt) in hurts(store, tree, &pack, &damages)?.into_iter().zip(&mut hurt) {
                if is_hurt {
                    hurt.push(*tree);
                }
            }
        }
        found.extend(damages.into_iter().map(|(.., damage)| damage).zip(hurt));
    }
    verified.findings = findings(found, rest.records.items(scratch))?;
    Ok(verified)
}

/// Names the builds that damages hurt.
fn findings(found: Vec<(Damage, Vec<TreeId>)>, records: Items<'_, Found>) -> Result<Vec<Finding>> {
    let mut by_tree: HashMap<TreeId, Vec<usize>> = HashMap::new();
    let mut findings = Vec::new();
    for (number, (damage, trees)) in found.into_iter().enumerate() {
        for tree in trees {
            by_tree.entry(tree).or_default().push(number);
        }
        findings.push(Finding {
            remedy: Remedy::of(&damage.key),
            damage,
            hurts: 0,
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
                finding.hurts += 1;
                if finding.builds.len() < NAMED_MAX {
                    finding.builds.push(record.clone());
                }
            }
        }
    }
    Ok(findings)
}

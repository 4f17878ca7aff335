//! Checks whether packs meet the expectations of trees, and which trees a damage affects.

use std::collections::HashSet;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::expectations::{ChunkIn, Chunks, Expectation, TaskIn};
use crate::error::{Damage, Error, Result};
use crate::frame::Decompressor;
use crate::id::{Digest, PackId, TreeId};
use crate::ports::{Scratch, Store, get_intact};
use crate::scratch_list::Items;
use crate::tree::{Content, Entries, Entry, Located, Location, Table};
use crate::{keys, lookup};

/// The extent of a damage of a pack, which decides which trees it affects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Extent {
    /// All of it.
    Pack,
    /// Everything after this many bytes.
    Beyond(u64),
    /// Chunks, or pieces of them, that are not what a tree says.
    Expectations(Vec<Expectation>),
}

/// More unmet expectations of one pack are not distinguished: a hostile tree may have millions.
const EXPECTATIONS_MAX: usize = 1000;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Outcome {
    pub(super) bytes: u64,
    pub(super) damages: Vec<(PackId, Extent, Damage)>,
}
/// Looks at the packs of one task.
pub fn run(store: &impl Store, scratch: &dyn Scratch, task: &[u8]) -> Result<Vec<u8>> {
    let mut outcome = Outcome::default();
    match crate::wire::read(task)? {
        TaskIn::Lengths(packs) => {
            for (id, needed) in packs {
                let damages = check_length(store, &id, needed)?;
                outcome
                    .damages
                    .extend(damages.into_iter().map(|(extent, damage)| (id, extent, damage)));
            }
        }
        TaskIn::Data(id, expectations) => {
            let damages = check_data(
                store,
                &id,
                &chunks(expectations.items(scratch))?,
                &mut outcome.bytes,
            )?;
            outcome
                .damages
                .extend(damages.into_iter().map(|(extent, damage)| (id, extent, damage)));
        }
    }
    crate::wire::write(&outcome)
}

fn chunks(expectations: Items<'_, Expectation>) -> Result<Chunks> {
    let mut chunks = Chunks::new();
    for expectation in expectations {
        let (chunk, piece) = expectation?;
        chunks.entry(chunk).or_default().extend(piece);
    }
    Ok(chunks)
}

/// The damages of a pack.
type Wrong = Vec<(Extent, Damage)>;

fn check_length(store: &impl Store, id: &PackId, needed: u64) -> Result<Wrong> {
    let key = keys::pack(id);
    Ok(match store.head(&key)? {
        None => vec![(Extent::Pack, missing(id).into_damage()?)],
        Some(there) if there < needed => {
            let message = format!("the pack has {there} bytes, and trees point to {needed}");
            vec![(
                Extent::Beyond(there),
                Error::damaged(&key, message).into_damage()?,
            )]
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
        // Which builds it affects depends on where it was altered.
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
        Ok(None) => Ok(vec![(Extent::Pack, missing(id).into_damage()?)]),
        // The pack is unchanged. So an unmet expectation is the fault of a tree.
        Ok(Some(bytes)) => {
            let mut wrong = Wrong::new();
            for (expectation, damage) in unmet_expectations(&key, &bytes, chunks)? {
                let extent = match wrong.len() < EXPECTATIONS_MAX {
                    true => Extent::Expectations(vec![expectation]),
                    false => Extent::Pack,
                };
                wrong.push((extent, damage));
            }
            Ok(wrong)
        }
        Err(error) => {
            let damage = error.into_damage()?;
            let expectations: Vec<Expectation> = unmet_expectations(&key, &altered, chunks)?
                .into_iter()
                .map(|(expectation, _)| expectation)
                .collect();
            let extent = match expectations.len() <= EXPECTATIONS_MAX {
                true => Extent::Expectations(expectations),
                false => Extent::Pack,
            };
            Ok(vec![(extent, damage)])
        }
    }
}

/// Returns the expectations that a pack does not meet: at most a few more than can be distinguished.
fn unmet_expectations(key: &str, bytes: &[u8], chunks: &Chunks) -> Result<Vec<(Expectation, Damage)>> {
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
        for (expectation, (start, length, digest)) in whole.into_iter().chain(pieces) {
            if wrong.len() > EXPECTATIONS_MAX {
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
                wrong.push(((*chunk, expectation), damage));
            }
        }
    }
    Ok(wrong)
}

/// Returns which damages of a pack are extent something that a tree says.
pub(super) fn affects(
    store: &impl Store,
    id: &TreeId,
    pack: &PackId,
    damages: &[(PackId, Extent, Damage)],
) -> Result<Vec<bool>> {
    let mut affected: Vec<bool> = damages
        .iter()
        .map(|(_, extent, _)| *extent == Extent::Pack)
        .collect();
    if !affected.contains(&false) {
        return Ok(affected);
    }
    let Some(mut entries) = lookup::ignore_damage(Entries::open(store, id).map(Some))? else {
        return Ok(affected);
    };
    let expectations: Vec<HashSet<&Expectation>> = damages
        .iter()
        .map(|(_, extent, _)| match extent {
            Extent::Expectations(expectations) => expectations.iter().collect(),
            _ => HashSet::new(),
        })
        .collect();
    let mut last: Option<Rc<Table>> = None;
    while let Some(Located { entry, table }) = lookup::ignore_damage(entries.next_entry())? {
        let is_new = !last.as_ref().is_some_and(|last| Rc::ptr_eq(last, &table));
        let piece = piece_of(&entry, &table, pack);
        let each = damages.iter().zip(&expectations).zip(&mut affected);
        for (((_, extent, _), expectations), affected) in each.filter(|(_, affected)| !**affected) {
            *affected = piece.is_some_and(|piece| expectations.contains(&piece))
                || (is_new && says_chunk(&table, pack, extent, expectations));
        }
        last = Some(table);
    }
    Ok(affected)
}

/// Returns a chunk of a table, if it is in a pack.
fn in_pack(table: &Table, number: usize, pack: &PackId) -> Option<ChunkIn> {
    let chunk = table.chunks.get(number)?;
    let is_in = table.packs.get(chunk.pack as usize) == Some(pack);
    is_in.then_some((chunk.offset, chunk.length, chunk.raw_length, chunk.digest))
}

fn says_chunk(table: &Table, pack: &PackId, extent: &Extent, expectations: &HashSet<&Expectation>) -> bool {
    let mut chunks = (0..table.chunks.len()).filter_map(|number| in_pack(table, number, pack));
    match extent {
        Extent::Pack => true,
        Extent::Beyond(length) => chunks.any(|chunk| chunk.0 + u64::from(chunk.1) > *length),
        Extent::Expectations(_) => chunks.any(|chunk| expectations.contains(&(chunk, None))),
    }
}

/// Returns the expectation of an entry about a piece of a chunk of a pack.
fn piece_of(entry: &Entry, table: &Table, pack: &PackId) -> Option<Expectation> {
    match &entry.content {
        Content::File {
            size,
            digest,
            location: Location::Bundle { chunk, offset },
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

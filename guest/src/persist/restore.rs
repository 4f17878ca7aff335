//! Stores files of the previous revision again that were lost since, from the directory, if they are unchanged.

use super::assemble::Assembled;
use super::base::Chunks;
use super::item::{ChunkRef, Item, ItemKind, StoredAs};
use super::overlay::Overlay;
use super::pack_check::{PackCheck, lost_pack};
use super::previous::{Previous, Restored};
use super::worker::Worker;
use crate::error::{Error, Result};
use crate::id::Digest;
use crate::keys;
use crate::ports::{Files, Kind, Open, Store, read_fully};
use crate::tree::{Content, Located, Location};

/// More files are not stored again one by one: they are persisted again.
const FILES_MAX: usize = 10_000;
/// An error names so many paths.
const NAMED_MAX: usize = 20;

/// Stores again, with `worker`, what the build had before in packs that are missing or damaged, and what `new` does not
/// replace. Fails with the paths that are not below the root any more, or have other bytes.
pub(super) fn restore(
    store: &impl Store,
    files: &impl Files,
    previous: &Previous,
    base: &Chunks,
    packs: &mut PackCheck,
    new: impl Iterator<Item = Result<Assembled>>,
    worker: &mut Worker,
) -> Result<Restored> {
    let mut restored = Restored::new();
    if !previous.has_lost(store, base, packs)? {
        return Ok(restored);
    }
    let mut overlay = Overlay::open(store, Some(previous), base, packs, new)?.collecting();
    while overlay.next().transpose()?.is_some() {}
    let lost = overlay.into_lost();
    let mut small: Vec<(Item, Digest)> = Vec::new();
    let mut gone: Vec<String> = Vec::new();
    for located in lost.iter().take(FILES_MAX) {
        let Content::File {
            size,
            digest,
            location,
        } = &located.entry.content
        else {
            continue;
        };
        let path = &located.entry.path;
        let there = files
            .entry(path)?
            .filter(|there| there.kind == Kind::File && there.size == *size);
        match (there, location) {
            (Some(there), Location::Bundle { .. }) => small.push((
                Item {
                    path: path.clone(),
                    bits: there.bits,
                    modified: there.modified,
                    listed: *size,
                    kind: ItemKind::Small { size: *size },
                    base: None,
                },
                *digest,
            )),
            (Some(_), Location::Slices(runs)) => {
                match slices(store, files, located, runs, previous, base, packs, worker)? {
                    Some(at) => drop(restored.insert(path.clone(), at)),
                    None => gone.push(path.clone()),
                }
            }
            _ => gone.push(path.clone()),
        }
    }
    let (mut items, digests): (Vec<Item>, Vec<Digest>) = small.into_iter().unzip();
    let stored = worker.store_items(store, files, &mut items)?;
    for ((item, wanted), done) in items.into_iter().zip(digests).zip(stored) {
        match (done, item.kind) {
            (StoredAs::Small { digest, at, .. }, ItemKind::Small { size }) if digest == wanted => {
                restored.insert(item.path, vec![(at, size)]);
            }
            _ => gone.push(item.path),
        }
    }
    gone.extend(
        lost.iter()
            .skip(FILES_MAX)
            .map(|located| located.entry.path.clone()),
    );
    match lost.first() {
        Some(first) if !gone.is_empty() => Err(lost_files(first, gone, previous, base, packs, store)?),
        _ => Ok(restored),
    }
}

/// Stores the slices of a large file again that are lost. Returns where all are, or nothing if the file has other bytes.
#[expect(clippy::too_many_arguments, reason = "a step of one function")]
fn slices(
    store: &impl Store,
    files: &impl Files,
    located: &Located,
    runs: &[(u32, u32)],
    previous: &Previous,
    base: &Chunks,
    packs: &mut PackCheck,
    worker: &mut Worker,
) -> Result<Option<Vec<(ChunkRef, u64)>>> {
    let file = files.open(&located.entry.path, Open::Read)?;
    let (mut offset, mut all) = (0, Vec::new());
    for number in Location::slices(runs) {
        let chunk = located.table.chunk(number)?;
        let length = u64::from(chunk.raw_length);
        let at = previous.there(&located.table, number, 0)?;
        let at = match lost_pack(store, base, packs, &at)? {
            None => at,
            Some(_) => {
                let mut content = Vec::new();
                read_fully(&file, offset, chunk.raw_length as usize, &mut content)?;
                match chunk.digest {
                    Some(digest) if Digest::of(&content) == digest => {
                        worker.store_slice(store, &content, digest)?
                    }
                    _ => return Ok(None),
                }
            }
        };
        all.push((at, length));
        offset += length;
    }
    Ok(Some(all))
}

/// Returns the error for files that the build had before, whose bytes are lost.
fn lost_files(
    first: &Located,
    mut paths: Vec<String>,
    previous: &Previous,
    base: &Chunks,
    packs: &mut PackCheck,
    store: &impl Store,
) -> Result<Error> {
    let mut key = String::new();
    for (at, _) in previous.assembled(first.clone())?.at {
        if let Some(id) = lost_pack(store, base, packs, &at)? {
            key = keys::pack(&id);
        }
    }
    paths.sort();
    let more = match paths.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    paths.truncate(NAMED_MAX);
    let message = format!(
        "a pack with files of this build's previous revision is missing or damaged, and below --root these do not exist or have \
         other content: {}{more}",
        paths.join(", ")
    );
    Ok(Error::damaged(&key, message))
}

//! The end of a persist: what the workers did becomes a tree, and the tree becomes a build.

use std::collections::{HashMap, HashSet};

use super::base::Chunks;
use super::worker::{Worker, changed};
use super::{At, Done, Item, ItemKind, Outcome, Rest, Slice};
use crate::error::{Error, Result};
use crate::id::{Digest, PackId};
use crate::keys;
use crate::pack::Packs;
use crate::ports::{File, Files, Open, PutMode, PutOutcome, Store};
use crate::record::Record;
use crate::tree::{Chunk, Content, Entry, Place, Tree};
use crate::{lookup, workspace};

/// The number of the writer that stores again what must not be pointed to.
const REPAIR: u32 = u32::MAX;

/// What a persist did. Sizes in bytes.
#[derive(Debug, Default)]
pub struct Persisted {
    /// The build's record.
    pub record: Option<Record>,
    /// Directories in the tree.
    pub directories: u64,
    /// Symlinks in the tree.
    pub symlinks: u64,
    /// Files of which something was stored.
    pub new_files: u64,
    /// Their bytes that were stored.
    pub new_bytes: u64,
    /// What was written to the store.
    pub stored_bytes: u64,
    /// The build that served as base.
    pub base: Option<Record>,
    /// Whether the same build had persisted the same tree before.
    pub repeated: bool,
}

/// Puts the tree together and commits the build.
pub fn finish(
    store: &impl Store,
    files: &impl Files,
    rest: &[u8],
    outcomes: &[Vec<u8>],
) -> Result<Persisted> {
    let Rest {
        mut record,
        base,
        base_record,
        check_conflicts,
    } = crate::wire::read(rest)?;
    let mut items = Vec::new();
    let mut packs: HashMap<u32, Packs> = HashMap::new();
    let mut report = Persisted {
        base: base_record,
        ..Persisted::default()
    };
    for outcome in outcomes {
        match crate::wire::read(outcome)? {
            Outcome::Task(done) => items.extend(done),
            Outcome::Closed {
                writer,
                packs: written,
                stored_bytes,
            } => {
                packs.insert(writer, written);
                report.stored_bytes += stored_bytes;
            }
        }
    }
    let (repaired, stored_bytes) = repair(store, files, &base, &mut items)?;
    packs.insert(REPAIR, repaired);
    report.stored_bytes += stored_bytes;

    let tree = assemble(&base, &packs, items, &mut report)?;
    record.files = tree
        .entries
        .iter()
        .filter(|entry| matches!(entry.content, Content::File { .. }))
        .count() as u64;
    record.bytes = tree.entries.iter().map(Entry::size).sum();
    if check_conflicts {
        check_other_jobs(store, &record, &tree)?;
    }
    let (id, tree_bytes) = tree.save(store)?;
    record.tree = id;
    report.stored_bytes += tree_bytes;
    let (record, repeated, record_bytes) = commit(store, record, &tree)?;
    report.stored_bytes += record_bytes;
    (report.record, report.repeated) = (Some(record), repeated);
    Ok(report)
}

/// Stores again, from the files, what the base cannot give: what lies in a pack that is gone since the plan was made,
/// and what lies in a bundle of which this tree would use less than half, so that attach never reads much more than it
/// needs however long the history. Few files are concerned, so one writer does it.
fn repair(
    store: &impl Store,
    files: &impl Files,
    base: &Chunks,
    items: &mut [(Item, Done)],
) -> Result<(Packs, u64)> {
    let unfit = unfit_chunks(store, base, items)?;
    let mut worker = Worker::without_base(REPAIR);
    let again = |at: &At| matches!(at, At::Base { chunk, .. } if unfit.contains(chunk));
    let mut small = Vec::new();
    for (number, (item, done)) in items.iter_mut().enumerate() {
        match done {
            Done::Small { at, .. } if again(at) => small.push(number),
            Done::Segment { slices } if slices.iter().any(|slice| again(&slice.at)) => {
                let ItemKind::Segment { offset, .. } = item.kind else {
                    continue;
                };
                let file = files.open(&item.path, Open::Read)?;
                let mut start = offset;
                for slice in slices {
                    if again(&slice.at) {
                        slice.at = store_slice_again(store, &file, &item.path, start, slice, &mut worker)?;
                    }
                    start += u64::from(slice.length);
                }
            }
            _ => {}
        }
    }
    let wanted: Vec<Item> = small
        .iter()
        .filter_map(|number| items.get(*number))
        .map(|(item, _)| item.clone())
        .collect();
    let stored = worker.store_items(store, files, &wanted)?;
    for (number, new) in small.into_iter().zip(stored) {
        if let Some((item, old)) = items.get_mut(number) {
            let digest = |done: &Done| {
                if let Done::Small { digest, .. } = done {
                    Some(*digest)
                } else {
                    None
                }
            };
            if digest(old) != digest(&new) {
                return Err(changed(&item.path));
            }
            *old = new;
        }
    }
    worker.into_packs(store)
}

fn store_slice_again(
    store: &impl Store,
    file: &impl File,
    path: &str,
    start: u64,
    slice: &Slice,
    worker: &mut Worker,
) -> Result<At> {
    let mut content = Vec::new();
    file.read(start, slice.length as usize, &mut content)?;
    if Digest::of(&content) != slice.digest {
        return Err(changed(path));
    }
    worker.store_slice(store, &content, slice.digest)
}

/// Returns the base's chunks that the tree must not point to.
fn unfit_chunks(store: &impl Store, base: &Chunks, items: &[(Item, Done)]) -> Result<HashSet<u32>> {
    // Used bytes of each bundle. Two files with the same bytes use them once.
    let mut places = HashSet::new();
    let mut used: HashMap<u32, u64> = HashMap::new();
    for (item, done) in items {
        match (done, &item.kind) {
            (
                Done::Small {
                    at: At::Base { chunk, offset },
                    ..
                },
                ItemKind::Small { size },
            ) if places.insert((*chunk, *offset)) => {
                *used.entry(*chunk).or_default() += size;
            }
            (Done::Segment { slices }, _) => {
                for slice in slices {
                    if let At::Base { chunk, .. } = slice.at {
                        *used.entry(chunk).or_default() += u64::from(slice.length);
                    }
                }
            }
            _ => {}
        }
    }
    let mut sizes: HashMap<u32, u64> = HashMap::new();
    let mut unfit = HashSet::new();
    for (number, used) in used {
        let chunk = base_chunk(base, number)?;
        let size = match sizes.get(&chunk.pack) {
            Some(size) => *size,
            None => {
                let id = base.packs.get(chunk.pack as usize).ok_or_else(no_chunk)?;
                let size = store.head(&keys::pack(id))?.unwrap_or_default();
                sizes.insert(chunk.pack, size);
                size
            }
        };
        let gone = size < chunk.offset + u64::from(chunk.length);
        if gone || used * 2 < u64::from(chunk.raw_length) {
            unfit.insert(number);
        }
    }
    Ok(unfit)
}

fn base_chunk(base: &Chunks, number: u32) -> Result<&Chunk> {
    base.chunks.get(number as usize).ok_or_else(no_chunk)
}

fn no_chunk() -> Error {
    Error::internal("a worker named a chunk that does not exist")
}

/// Numbers the chunks of the new tree: those that its entries use, by pack.
struct Numbering<'a> {
    base: &'a Chunks,
    written: &'a HashMap<u32, Packs>,
    /// Where a writer's packs begin in its numbering of chunks.
    starts: HashMap<u32, Vec<u32>>,
    chunks: Vec<(PackId, Chunk)>,
    numbers: HashMap<(Option<u32>, u32), u32>,
}

impl<'a> Numbering<'a> {
    fn new(base: &'a Chunks, written: &'a HashMap<u32, Packs>) -> Self {
        let starts = written
            .iter()
            .map(|(writer, packs)| {
                let mut next = 0;
                let mut start = |(_, chunks): &(PackId, Vec<_>)| {
                    let start = next;
                    next += chunks.len() as u32;
                    start
                };
                (*writer, packs.iter().map(&mut start).collect())
            })
            .collect();
        Numbering {
            base,
            written,
            starts,
            chunks: Vec::new(),
            numbers: HashMap::new(),
        }
    }

    /// Returns the preliminary number of a chunk.
    fn number(&mut self, at: At) -> Result<u32> {
        let key = match at {
            At::Base { chunk, .. } => (None, chunk),
            At::New { writer, chunk, .. } => (Some(writer), chunk),
        };
        if let Some(number) = self.numbers.get(&key) {
            return Ok(*number);
        }
        let chunk = match key {
            (None, number) => {
                let chunk = base_chunk(self.base, number)?;
                let pack = self.base.packs.get(chunk.pack as usize).ok_or_else(no_chunk)?;
                (*pack, chunk.clone())
            }
            (Some(writer), number) => self.written(writer, number)?,
        };
        let number = self.chunks.len() as u32;
        self.chunks.push(chunk);
        self.numbers.insert(key, number);
        Ok(number)
    }

    fn written(&self, writer: u32, number: u32) -> Result<(PackId, Chunk)> {
        let starts = self.starts.get(&writer).ok_or_else(no_chunk)?;
        let pack = starts
            .partition_point(|start| *start <= number)
            .checked_sub(1)
            .ok_or_else(no_chunk)?;
        let start = starts.get(pack).ok_or_else(no_chunk)?;
        let (id, chunks) = self
            .written
            .get(&writer)
            .and_then(|packs| packs.get(pack))
            .ok_or_else(no_chunk)?;
        let chunk = chunks.get((number - start) as usize).ok_or_else(no_chunk)?;
        let (offset, length) = (u64::from(chunk.offset), chunk.length);
        Ok((
            *id,
            Chunk {
                pack: 0,
                offset,
                length,
                raw_length: chunk.raw_length,
                digest: chunk.digest,
            },
        ))
    }

    /// Sorts the chunks by pack and offset. Returns the packs, the chunks, and the final number of each.
    fn finish(self) -> (Vec<PackId>, Vec<Chunk>, Vec<u32>) {
        let mut order: Vec<(usize, PackId, Chunk)> = self
            .chunks
            .into_iter()
            .enumerate()
            .map(|(number, (id, chunk))| (number, id, chunk))
            .collect();
        // Packs in the order in which the entries first use them: that is the order in which attach wants them.
        let mut packs: Vec<PackId> = Vec::new();
        let mut pack_numbers = HashMap::new();
        for (_, id, _) in &order {
            pack_numbers.entry(*id).or_insert_with(|| {
                packs.push(*id);
                packs.len() as u32 - 1
            });
        }
        for (_, id, chunk) in &mut order {
            chunk.pack = pack_numbers.get(id).copied().unwrap_or_default();
        }
        order.sort_by_key(|(_, _, chunk)| (chunk.pack, chunk.offset));
        let mut finals = vec![0; order.len()];
        for (now, (before, ..)) in order.iter().enumerate() {
            if let Some(number) = finals.get_mut(*before) {
                *number = now as u32;
            }
        }
        (
            packs,
            order.into_iter().map(|(.., chunk)| chunk).collect(),
            finals,
        )
    }
}

/// Makes the tree of what became of the items.
fn assemble(
    base: &Chunks,
    written: &HashMap<u32, Packs>,
    items: Vec<(Item, Done)>,
    report: &mut Persisted,
) -> Result<Tree> {
    let mut numbering = Numbering::new(base, written);
    let mut entries = Vec::with_capacity(items.len());
    let mut items = items.into_iter().peekable();
    // Bytes count as new where they were stored, so a second file with the same bytes does not.
    let mut counted = HashSet::new();
    let mut new_bytes_at = |at: At, length: u64| {
        if matches!(at, At::New { .. }) && counted.insert(at) {
            length
        } else {
            0
        }
    };
    while let Some((item, done)) = items.next() {
        let Item {
            path,
            bits,
            modified,
            kind,
        } = item;
        let mut new_bytes = 0;
        let content = match (kind, done) {
            (ItemKind::Directory, _) => {
                report.directories += 1;
                Content::Directory
            }
            (ItemKind::Symlink(target), _) => {
                report.symlinks += 1;
                Content::Symlink(target)
            }
            (ItemKind::Small { .. }, Done::Plain) => Content::File {
                size: 0,
                digest: Digest::of(b""),
                place: Place::Empty,
            },
            (ItemKind::Small { size }, Done::Small { digest, at }) => {
                new_bytes += new_bytes_at(at, size);
                let (At::Base { offset, .. } | At::New { offset, .. }) = at;
                let place = Place::Bundle {
                    chunk: numbering.number(at)?,
                    offset,
                };
                Content::File { size, digest, place }
            }
            (ItemKind::Segment { size, .. }, Done::Segment { mut slices }) => {
                let same_file = |(next, _): &(Item, Done)| {
                    matches!(next.kind, ItemKind::Segment { offset, .. } if offset > 0) && next.path == path
                };
                while let Some((_, done)) = items.next_if(same_file) {
                    let Done::Segment { slices: more } = done else {
                        return Err(no_chunk());
                    };
                    slices.extend(more);
                }
                let digest = Digest::of_slices(
                    slices
                        .iter()
                        .map(|slice| (&slice.digest, u64::from(slice.length))),
                );
                let mut numbers = Vec::with_capacity(slices.len());
                for slice in &slices {
                    new_bytes += new_bytes_at(slice.at, u64::from(slice.length));
                    numbers.push((numbering.number(slice.at)?, 1));
                }
                Content::File {
                    size,
                    digest,
                    place: Place::Slices(numbers),
                }
            }
            _ => return Err(Error::internal("a worker's outcome does not fit its task")),
        };
        report.new_files += u64::from(new_bytes > 0);
        report.new_bytes += new_bytes;
        entries.push(Entry {
            path,
            bits,
            modified,
            content,
        });
    }
    let (packs, chunks, finals) = numbering.finish();
    let last = |number: u32| finals.get(number as usize).copied().ok_or_else(no_chunk);
    for entry in &mut entries {
        match &mut entry.content {
            Content::File {
                place: Place::Bundle { chunk, .. },
                ..
            } => *chunk = last(*chunk)?,
            Content::File {
                place: Place::Slices(runs),
                ..
            } => {
                let mut merged: Vec<(u32, u32)> = Vec::new();
                for (number, _) in runs.iter() {
                    let number = last(*number)?;
                    match merged.last_mut() {
                        Some((first, count)) if *first + *count == number => *count += 1,
                        _ => merged.push((number, 1)),
                    }
                }
                *runs = merged;
            }
            _ => {}
        }
    }
    Ok(Tree {
        entries,
        chunks,
        packs,
    })
}

/// Finds, before anything becomes visible, a path that another job of the workspace persisted with other bytes. What is
/// damaged there is for attach to report: it must not keep a job from replacing its own layer.
fn check_other_jobs(store: &impl Store, record: &Record, tree: &Tree) -> Result<()> {
    let Some(workspace) = &record.workspace else {
        return Ok(());
    };
    for layer in lookup::sound(lookup::layers(
        store,
        &keys::Project::new(&record.project),
        workspace,
    ))? {
        // Of the same job, layers with another number of nodes are replaced, and so are those of an earlier run of it, by
        // nodes that have not ended yet.
        let is_replaced =
            layer.node == record.node || layer.node.total != record.node.total || layer.order < record.order;
        if layer.job != record.job || !is_replaced {
            let other = lookup::sound(Tree::load(store, &layer.tree))?;
            workspace::check_pair((&layer, &other), (record, tree))?;
        }
    }
    Ok(())
}

/// Makes the build visible: the layer, then the keys by which it is found, the branch's last. Returns the record that
/// stands, whether it stood before, and the bytes written.
fn commit(store: &impl Store, record: Record, tree: &Tree) -> Result<(Record, bool, u64)> {
    let first = record
        .keys()
        .into_iter()
        .next()
        .ok_or_else(|| Error::internal("a record has no key"))?;
    let (record, repeated) = match store.get(&first, None)? {
        None => (record, false),
        // A build has one tree. The same step run again completes what an earlier run may have left incomplete.
        Some(found) => (
            same_build(store, Record::open(&first, &found)?, &record, tree)?,
            true,
        ),
    };
    let bytes = record.seal()?;
    let mut written = 0;
    if let Some(key) = record.layer_key() {
        if store.put(&key, &bytes, PutMode::Create)? == PutOutcome::Stored {
            written += bytes.len() as u64;
        }
        written += lookup::remember_workflow(store, &record)?;
    }
    for key in record.keys() {
        if store.put(&key, &bytes, PutMode::Create)? == PutOutcome::AlreadyExists {
            let found = store.get(&key, None)?.unwrap_or_default();
            same_build(store, Record::open(&key, &found)?, &record, tree)?;
        } else {
            written += bytes.len() as u64;
        }
    }
    Ok((record, repeated, written))
}

/// Returns `stands` if it has the same files as `record`. The trees need not be one: which worker stored what differs
/// from run to run, and an earlier run that was killed is no base.
fn same_build(store: &impl Store, stands: Record, record: &Record, tree: &Tree) -> Result<Record> {
    if stands.tree == record.tree
        || workspace::same_files(&lookup::sound(Tree::load(store, &stands.tree))?, tree)
    {
        return Ok(stands);
    }
    let message = format!(
        "{} has already persisted other files as {}, and a build never changes",
        record.job_name(),
        record.artifact
    );
    Err(Error::conflict(
        "build-exists",
        message,
        &format!("build:{}", record.number),
    ))
}

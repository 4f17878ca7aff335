//! The part of a persist that runs on many threads: read, hash, deduplicate, compress, pack.

use std::collections::HashMap;

use fastcdc::v2020::FastCDC;

use super::base::{Index, ScratchIndex};
use super::item::{
    BaseFile, ChunkRef, Item, ItemKind, Items, Outcome, Slice, StoredAs, StoredItems, changed,
};
use crate::chunk::{BUNDLE_BYTES, SLICE_BYTES, SLICE_BYTES_MAX, SLICE_BYTES_MIN, SMALL_BYTES_MAX};
use crate::error::{Error, Result};
use crate::id::Digest;
use crate::pack::PackWriter;
use crate::ports::{ExistingCheck, File, Files, Open, Scratch, Store, Time, read_fully};
use crate::scratch_list::ScratchList;
use crate::tree::CHUNKS_MAX;

/// The size of the part of a segment in memory: a few slices.
const WINDOW_BYTES: usize = 4 << 20;
/// The most stored files and slices that a worker remembers, at some 50 bytes each.
const REMEMBERED_MAX: usize = 100_000;

/// One of the workers of a persist.
#[derive(Default)]
pub struct Worker {
    writer: u32,
    /// Whether anything may be taken from the base.
    has_base: bool,
    base: Index,
    packs: PackWriter,
    /// The bundle that is being filled. Its files wait in `waiting` until it has a number.
    bundle: Vec<u8>,
    waiting: Vec<Waiting>,
    /// The offsets of the files in the open bundle, so that each is in it once.
    bundled_files: HashMap<Digest, u32>,
    stored_files: HashMap<Digest, ChunkRef>,
    stored_slices: HashMap<Digest, ChunkRef>,
}

/// A file of the open bundle: where it begins, and which item of the task it is.
struct Waiting {
    item: usize,
    digest: Digest,
    offset: u32,
    is_new: bool,
}

impl Worker {
    /// Creates the worker number `writer`, for the plan that `shared` is from.
    pub fn new(writer: u32, shared: &[u8], scratch: &dyn Scratch) -> Result<Worker> {
        let index: ScratchIndex = crate::wire::read(shared)?;
        Ok(Worker {
            writer,
            has_base: true,
            base: index.read(scratch)?,
            ..Worker::default()
        })
    }

    /// Returns a worker that finds nothing in the base, for data that must be stored again: under new names, where
    /// there is a salt. It replaces a pack that exists and is not whole.
    pub(super) fn without_base(writer: u32, salt: Option<Digest>) -> Worker {
        Worker {
            writer,
            packs: PackWriter::new(salt, ExistingCheck::Bytes),
            ..Worker::default()
        }
    }

    /// Executes one task.
    pub fn run(
        &mut self,
        store: &impl Store,
        files: &impl Files,
        scratch: &dyn Scratch,
        task: &[u8],
    ) -> Result<Vec<u8>> {
        let task: Items = crate::wire::read(task)?;
        let mut items: Vec<Item> = task.items(scratch).collect::<Result<_>>()?;
        let done = self.store_items(store, files, &mut items)?;
        let stored = StoredItems::of(scratch, items.into_iter().zip(done))?;
        crate::wire::write(&Outcome::Task(stored))
    }

    /// Ends the worker: what it still holds goes to the store.
    pub fn close(self, store: &impl Store, scratch: &dyn Scratch) -> Result<Vec<u8>> {
        let writer = self.writer;
        let (packs, stored_bytes) = self.packs.finish(store)?;
        crate::wire::write(&Outcome::Closed {
            writer,
            packs: ScratchList::of(scratch, packs)?,
            stored_bytes,
        })
    }

    /// Ends the worker like [`Worker::close`], and returns the packs themselves.
    pub(super) fn into_packs(self, store: &impl Store) -> Result<(crate::pack::Packs, u64)> {
        self.packs.finish(store)
    }

    /// Stores what is not stored yet of the items. Returns what became of each, and corrects an item whose size is not
    /// the one that was listed.
    pub(super) fn store_items(
        &mut self,
        store: &impl Store,
        files: &impl Files,
        items: &mut [Item],
    ) -> Result<Vec<StoredAs>> {
        let mut done = vec![StoredAs::Plain; items.len()];
        for (number, item) in items.iter_mut().enumerate() {
            match item.kind {
                ItemKind::Directory | ItemKind::Symlink(_) => {}
                ItemKind::Small { size } => self.small(store, files, number, item, size, &mut done)?,
                ItemKind::Segment { size, offset, length } => {
                    let file = files.open(&item.path, Open::Read)?;
                    let end = (offset + length < size).then_some(offset + length);
                    let slices = self.slices(store, files, &file, &item.path, (offset, end))?;
                    if state(&file, item)? != item.listed {
                        return Err(changed(&item.path));
                    }
                    set(&mut done, number, StoredAs::Segment { slices });
                }
            }
        }
        // A task's outcome must name chunks that have a number.
        self.close_bundle(store, &mut done)?;
        Ok(done)
    }

    /// Reads a small file to the end of the open bundle, and takes it off again if its bytes are stored already.
    fn small(
        &mut self,
        store: &impl Store,
        files: &impl Files,
        number: usize,
        item: &mut Item,
        size: u64,
        done: &mut [StoredAs],
    ) -> Result<()> {
        let start = self.bundle.len();
        // One byte more than there should be shows a file that has more.
        let wanted = size as usize + 1;
        let file = files.open(&item.path, Open::Read)?;
        let read = file.read(0, wanted, &mut self.bundle)?;
        if read as u64 != size {
            self.bundle.truncate(start);
            return self.of_another_size(store, files, &file, number, item, done);
        }
        if state(&file, item)? != item.listed {
            return Err(changed(&item.path));
        }
        self.bundled(store, (number, item.base), start, done)
    }

    /// Stores a file that has another size than the one that is listed: all that can be read of it. So it is in `/proc` and
    /// `/sys`, and on some network file systems. It must hold still meanwhile, as any file.
    fn of_another_size(
        &mut self,
        store: &impl Store,
        files: &impl Files,
        file: &impl File,
        number: usize,
        item: &mut Item,
        done: &mut [StoredAs],
    ) -> Result<()> {
        let listed = state(file, item)?;
        // A file system that lists nothing may know better once the file is open.
        if listed != item.listed && item.listed != 0 {
            return Err(changed(&item.path));
        }
        item.listed = listed;
        let start = self.bundle.len();
        let read = read_fully(file, 0, SMALL_BYTES_MAX as usize + 1, &mut self.bundle)? as u64;
        if read <= SMALL_BYTES_MAX {
            item.kind = ItemKind::Small { size: read };
            self.bundled(store, (number, item.base), start, done)?;
        } else {
            self.bundle.truncate(start);
            let slices = self.slices(store, files, file, &item.path, (0, None))?;
            let size = slices.iter().map(|slice| u64::from(slice.length)).sum();
            item.kind = ItemKind::Segment {
                size,
                offset: 0,
                length: size,
            };
            set(done, number, StoredAs::Segment { slices });
        }
        if state(file, item)? != listed {
            return Err(changed(&item.path));
        }
        Ok(())
    }

    /// Takes what lies in the open bundle from `start` on as the file of the item `number`.
    fn bundled(
        &mut self,
        store: &impl Store,
        (number, base): (usize, Option<BaseFile>),
        start: usize,
        done: &mut [StoredAs],
    ) -> Result<()> {
        let content = self.bundle.get(start..).unwrap_or_default();
        if content.is_empty() {
            return Ok(());
        }
        let digest = Digest::of(content);
        // Under its own path first, so that what did not change stays where it is.
        let same = base.filter(|known| known.digest == digest && self.has_base);
        let known = same
            .map(|BaseFile { chunk, offset, .. }| ChunkRef::Base { chunk, offset })
            .or_else(|| self.base.file(&digest))
            .or_else(|| self.stored_files.get(&digest).copied());
        if let Some(at) = known {
            self.bundle.truncate(start);
            let is_new = false;
            set(done, number, StoredAs::Small { digest, at, is_new });
            return Ok(());
        }
        let offset = *self.bundled_files.entry(digest).or_insert(start as u32);
        let is_new = offset == start as u32;
        if !is_new {
            self.bundle.truncate(start);
        }
        self.waiting.push(Waiting {
            item: number,
            digest,
            offset,
            is_new,
        });
        if self.bundle.len() >= BUNDLE_BYTES {
            self.close_bundle(store, done)?;
        }
        Ok(())
    }

    fn close_bundle(&mut self, store: &impl Store, done: &mut [StoredAs]) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let chunk = self.packs.add(store, &self.bundle, None)?;
        self.bundle.clear();
        self.bundled_files.clear();
        for waiting in self.waiting.drain(..) {
            let Waiting {
                item,
                digest,
                offset,
                is_new,
            } = waiting;
            let at = ChunkRef::New {
                writer: self.writer,
                chunk,
                offset,
            };
            if self.stored_files.len() < REMEMBERED_MAX {
                self.stored_files.insert(digest, at);
            }
            set(done, item, StoredAs::Small { digest, at, is_new });
        }
        Ok(())
    }

    /// Cuts a part of a file into slices, and stores those that are new: from an offset to an end, or to the end of the
    /// file. Fewer where the file is shorter.
    fn slices(
        &mut self,
        store: &impl Store,
        files: &impl Files,
        file: &impl File,
        path: &str,
        (start, end): (u64, Option<u64>),
    ) -> Result<Vec<Slice>> {
        let mut holes = match end {
            Some(end) => files.holes(path, start, end - start, SLICE_BYTES_MAX as u64)?,
            None => files.holes(path, start, u64::MAX - start, SLICE_BYTES_MAX as u64)?,
        }
        .into_iter()
        .peekable();
        let mut slices = Vec::new();
        let mut window = Vec::new();
        // Where the next slice begins; the window holds what was read from there on.
        let mut at = start;
        loop {
            let before = at;
            at = self.zeros(store, at, &mut holes, &mut slices)?;
            window.drain(..window.len().min((at - before) as usize));
            let read = at + window.len() as u64;
            // A cut needs a whole largest slice to look at.
            let room = (WINDOW_BYTES - window.len()) as u64;
            let wanted = end.map_or(room, |end| room.min(end.saturating_sub(read)));
            let got = read_fully(file, read, wanted as usize, &mut window)? as u64;
            let is_last = got < wanted || end == Some(read + got);
            let mut cut = 0;
            for slice in FastCDC::new(&window, SLICE_BYTES_MIN, SLICE_BYTES, SLICE_BYTES_MAX) {
                if !is_last && window.len() - slice.offset < SLICE_BYTES_MAX {
                    break;
                }
                cut = slice.offset + slice.length;
                slices.push(self.slice(store, window.get(slice.offset..cut).unwrap_or_default())?);
            }
            if slices.len() > CHUNKS_MAX {
                let message = format!("a file has more than {CHUNKS_MAX} slices");
                return Err(Error::limit("tree-too-large", message, path));
            }
            if is_last {
                return Ok(slices);
            }
            window.drain(..cut);
            at += cut as u64;
        }
    }

    /// Adds the slices of a hole at `at`, without reading it. Returns where the next slice begins.
    fn zeros(
        &mut self,
        store: &impl Store,
        mut at: u64,
        holes: &mut std::iter::Peekable<impl Iterator<Item = (u64, u64)>>,
        slices: &mut Vec<Slice>,
    ) -> Result<u64> {
        while holes.next_if(|(start, length)| start + length <= at).is_some() {}
        let Some((start, length)) = holes.peek().copied().filter(|(start, _)| *start <= at) else {
            return Ok(at);
        };
        // As many as the content would be cut into: nothing in zeros ends a slice before it has its largest size.
        let count = (start + length - at) / SLICE_BYTES_MAX as u64;
        if count > 0 {
            let slice = self.slice(store, &vec![0; SLICE_BYTES_MAX])?;
            slices.extend(std::iter::repeat_n(slice, count as usize));
            at += count * SLICE_BYTES_MAX as u64;
        }
        Ok(at)
    }

    fn slice(&mut self, store: &impl Store, content: &[u8]) -> Result<Slice> {
        let digest = Digest::of(content);
        let known = self
            .base
            .slice(&digest)
            .or_else(|| self.stored_slices.get(&digest).copied());
        let is_new = known.is_none();
        let at = match known {
            Some(at) => at,
            None => self.store_slice(store, content, digest)?,
        };
        Ok(Slice {
            digest,
            length: content.len() as u32,
            at,
            is_new,
        })
    }

    /// Stores a slice, known or not.
    pub(super) fn store_slice(
        &mut self,
        store: &impl Store,
        content: &[u8],
        digest: Digest,
    ) -> Result<ChunkRef> {
        let chunk = self.packs.add(store, content, Some(digest))?;
        let at = ChunkRef::New {
            writer: self.writer,
            chunk,
            offset: 0,
        };
        if self.stored_slices.len() < REMEMBERED_MAX {
            self.stored_slices.insert(digest, at);
        }
        Ok(at)
    }
}

fn set(done: &mut [StoredAs], item: usize, value: StoredAs) {
    if let Some(place) = done.get_mut(item) {
        *place = value;
    }
}

/// Returns the size that the file system says an open file has. It must be the file that was listed.
fn state(file: &impl File, item: &Item) -> Result<u64> {
    let (size, seen): (u64, Time) = file.seen()?;
    // WASI 0.2 has no times before 1970: a host leaves one out, or gives the last second's without its sign.
    let same_time = seen == item.modified || (item.modified.seconds < 0 && seen.seconds == 0);
    if same_time {
        Ok(size)
    } else {
        Err(changed(&item.path))
    }
}

//! The part of a persist that runs on many threads: read, hash, deduplicate, compress, pack.

use std::collections::HashMap;

use fastcdc::v2020::FastCDC;

use super::base::Index;
use super::{At, BUNDLE_BYTES, Done, Item, ItemKind, Outcome, Slice};
use crate::error::{Error, Result};
use crate::id::Digest;
use crate::pack::PackWriter;
use crate::ports::{File, Files, Open, Store};

/// FastCDC's limits for slices, in bytes.
const SLICE_BYTES_MIN: usize = 64 << 10;
const SLICE_BYTES: usize = 256 << 10;
const SLICE_BYTES_MAX: usize = 1 << 20;
/// How much of a segment is in memory at a time: a few slices.
const WINDOW_BYTES: usize = 4 << 20;
/// What a worker remembers of what it stored: some 50 bytes each, and more would not pay.
const REMEMBERED_MAX: usize = 200_000;

/// One of the workers of a persist.
#[derive(Default)]
pub struct Worker {
    writer: u32,
    base: Index,
    packs: PackWriter,
    /// The bundle that is being filled. Its files wait in `waiting` until it has a number.
    bundle: Vec<u8>,
    waiting: Vec<Waiting>,
    /// Where in the open bundle its files begin, so that each is in it once.
    bundled_files: HashMap<Digest, u32>,
    stored_files: HashMap<Digest, At>,
    stored_slices: HashMap<Digest, At>,
}

/// A file of the open bundle: where it begins, and which item of the task it is.
struct Waiting {
    item: usize,
    digest: Digest,
    offset: u32,
}

impl Worker {
    /// Makes the worker number `writer`, for the plan that `shared` is from.
    pub fn new(writer: u32, shared: &[u8]) -> Result<Worker> {
        Ok(Worker {
            base: crate::wire::read(shared)?,
            ..Worker::without_base(writer, None)
        })
    }

    /// Makes a worker that finds nothing in the base, for what must be stored anew: under names that never were, where
    /// there is a salt.
    pub(super) fn without_base(writer: u32, salt: Option<Digest>) -> Worker {
        Worker {
            writer,
            packs: PackWriter::new(salt),
            ..Worker::default()
        }
    }

    /// Does one task.
    pub fn run(&mut self, store: &impl Store, files: &impl Files, task: &[u8]) -> Result<Vec<u8>> {
        let items: Vec<Item> = crate::wire::read(task)?;
        let done = self.store_items(store, files, &items)?;
        crate::wire::write(&Outcome::Task(items.into_iter().zip(done).collect()))
    }

    /// Ends the worker: what it still holds goes to the store.
    pub fn close(self, store: &impl Store) -> Result<Vec<u8>> {
        let writer = self.writer;
        let (packs, stored_bytes) = self.packs.finish(store)?;
        crate::wire::write(&Outcome::Closed {
            writer,
            packs,
            stored_bytes,
        })
    }

    /// As [`Worker::close`], for the packs themselves.
    pub(super) fn into_packs(self, store: &impl Store) -> Result<(crate::pack::Packs, u64)> {
        self.packs.finish(store)
    }

    /// Stores what is not stored yet of the items. Returns what became of each.
    pub(super) fn store_items(
        &mut self,
        store: &impl Store,
        files: &impl Files,
        items: &[Item],
    ) -> Result<Vec<Done>> {
        let mut done = vec![Done::Plain; items.len()];
        for (number, item) in items.iter().enumerate() {
            match &item.kind {
                ItemKind::Directory | ItemKind::Symlink(_) => {}
                ItemKind::Small { size: 0 } => {}
                ItemKind::Small { size } => self.small(store, files, number, item, *size, &mut done)?,
                ItemKind::Segment { size, offset, length } => {
                    let file = files.open(&item.path, Open::Read)?;
                    let slices = self.segment(store, &file, &item.path, *offset, *length)?;
                    check_unchanged(&file, item, *size)?;
                    set(&mut done, number, Done::Segment { slices });
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
        item: &Item,
        size: u64,
        done: &mut [Done],
    ) -> Result<()> {
        let start = self.bundle.len();
        // One byte more than there should be shows a file that grows.
        let wanted = size as usize + 1;
        let file = files.open(&item.path, Open::Read)?;
        let read = file.read(0, wanted, &mut self.bundle)?;
        if read as u64 != size {
            return Err(changed(&item.path));
        }
        check_unchanged(&file, item, size)?;
        let digest = Digest::of(self.bundle.get(start..).unwrap_or_default());
        let known = self
            .base
            .file(&digest)
            .or_else(|| self.stored_files.get(&digest).copied());
        if let Some(at) = known {
            self.bundle.truncate(start);
            set(done, number, Done::Small { digest, at });
            return Ok(());
        }
        let offset = *self.bundled_files.entry(digest).or_insert(start as u32);
        if offset != start as u32 {
            self.bundle.truncate(start);
        }
        self.waiting.push(Waiting {
            item: number,
            digest,
            offset,
        });
        if self.bundle.len() >= BUNDLE_BYTES {
            self.close_bundle(store, done)?;
        }
        Ok(())
    }

    fn close_bundle(&mut self, store: &impl Store, done: &mut [Done]) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let chunk = self.packs.add(store, &self.bundle, None)?;
        self.bundle.clear();
        self.bundled_files.clear();
        for Waiting { item, digest, offset } in self.waiting.drain(..) {
            let at = At::New {
                writer: self.writer,
                chunk,
                offset,
            };
            if self.stored_files.len() < REMEMBERED_MAX {
                self.stored_files.insert(digest, at);
            }
            set(done, item, Done::Small { digest, at });
        }
        Ok(())
    }

    /// Cuts `length` bytes from `offset` of a file into slices, and stores those that are new.
    fn segment(
        &mut self,
        store: &impl Store,
        file: &impl File,
        path: &str,
        offset: u64,
        length: u64,
    ) -> Result<Vec<Slice>> {
        let mut slices = Vec::new();
        let mut window = Vec::new();
        let (mut read, mut cut) = (0, 0);
        loop {
            // What was cut off goes, and the window is filled up again. A cut needs a whole largest slice to look at.
            window.drain(..cut);
            let wanted = (length - read).min((WINDOW_BYTES - window.len()) as u64) as usize;
            let got = file.read(offset + read, wanted, &mut window)?;
            if got != wanted {
                return Err(changed(path));
            }
            read += got as u64;
            let last = read == length;
            cut = 0;
            for slice in FastCDC::new(&window, SLICE_BYTES_MIN, SLICE_BYTES, SLICE_BYTES_MAX) {
                if !last && window.len() - slice.offset < SLICE_BYTES_MAX {
                    break;
                }
                cut = slice.offset + slice.length;
                slices.push(self.slice(store, window.get(slice.offset..cut).unwrap_or_default())?);
            }
            if last {
                return Ok(slices);
            }
        }
    }

    fn slice(&mut self, store: &impl Store, content: &[u8]) -> Result<Slice> {
        let digest = Digest::of(content);
        let known = self
            .base
            .slice(&digest)
            .or_else(|| self.stored_slices.get(&digest).copied());
        let at = match known {
            Some(at) => at,
            None => self.store_slice(store, content, digest)?,
        };
        Ok(Slice {
            digest,
            length: content.len() as u32,
            at,
        })
    }

    /// Stores a slice, known or not.
    pub(super) fn store_slice(&mut self, store: &impl Store, content: &[u8], digest: Digest) -> Result<At> {
        let chunk = self.packs.add(store, content, Some(digest))?;
        let at = At::New {
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

fn set(done: &mut [Done], item: usize, value: Done) {
    if let Some(place) = done.get_mut(item) {
        *place = value;
    }
}

/// The error for a file that did not hold still. Also used where `finish` reads a file a second time.
pub(super) fn changed(path: &str) -> Error {
    Error::invalid("file-changed", "a file changed while it was read", path)
}

/// Compares a file that was read with what it was when it was planned.
fn check_unchanged(file: &impl File, item: &Item, size: u64) -> Result<()> {
    let (seen_size, seen) = file.seen()?;
    // WASI 0.2 has no times before 1970: a host leaves one out, or gives the last second's without its sign.
    let same_time = seen == item.modified || (item.modified.seconds < 0 && seen.seconds == 0);
    if seen_size == size && same_time {
        Ok(())
    } else {
        Err(changed(&item.path))
    }
}

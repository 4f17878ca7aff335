//! The pieces that an attach needs, cut into tasks by pack.

use super::compared::{Compared, PieceIn};
use super::task::{ChunkIn, PieceTarget, TaskIn};
use crate::error::{Error, Result};
use crate::external_sort::Sorter;
use crate::id::PackId;
use crate::ports::Scratch;
use crate::scratch_list::ScratchList;
use crate::transfer_plan::Task;

/// A task is closed by the chunk that gives it this much to write.
const TASK_BYTES: u64 = 16 << 20;
/// Nor does it grow beyond this many files.
const TASK_FILES: u64 = 2048;
/// Nor beyond this many bytes of paths, so that a task is one page.
const TASK_PAYLOAD_BYTES: usize = 900 << 10;

/// Cuts the pieces, sorted by chunk, into tasks: each of one pack, each of some MiB.
pub(super) fn tasks<'s>(
    scratch: &'s dyn Scratch,
    compared: Compared<'s>,
) -> Result<(Compared<'s>, Vec<Task>)> {
    let Compared { pieces, packs, .. } = compared;
    let mut cutting = Cutting {
        scratch,
        packs: &packs,
        pack: None,
        open: Vec::new(),
        payload_bytes: 0,
        task: Task::default(),
        tasks: Vec::new(),
    };
    for piece in pieces.sorted()? {
        cutting.push(piece?)?;
    }
    cutting.end()?;
    let tasks = cutting.tasks;
    let compared = Compared {
        pieces: Sorter::new(scratch),
        packs,
        ..compared
    };
    Ok((compared, tasks))
}

struct Cutting<'a> {
    scratch: &'a dyn Scratch,
    packs: &'a [PackId],
    pack: Option<PackId>,
    open: Vec<ChunkIn>,
    payload_bytes: usize,
    task: Task,
    tasks: Vec<Task>,
}

impl Cutting<'_> {
    fn push(&mut self, next: PieceIn) -> Result<()> {
        let PieceIn {
            pack,
            offset,
            length,
            raw_length,
            piece,
            ..
        } = next;
        let pack = pack.and_then(|pack| self.packs.get(pack as usize)).copied();
        let joins = |chunk: &ChunkIn| chunk.offset == offset;
        if pack != self.pack || (self.task.bytes >= TASK_BYTES && !self.open.last().is_some_and(joins)) {
            self.end()?;
        }
        self.pack = pack;
        // The first part counts the file.
        let counts = !matches!(piece.target, PieceTarget::Part { at } if at > 0);
        self.task.files += u64::from(counts);
        self.task.bytes += u64::from(piece.length);
        self.payload_bytes += piece.bytes();
        match self.open.last_mut().filter(|chunk| joins(chunk)) {
            // Two trees may speak of one pack; an honest one never gives two lengths for one place.
            Some(chunk) if (chunk.length, chunk.raw_length) != (length, raw_length) => {
                let message = format!("two trees give different lengths for the chunk at {offset}");
                let key = pack.map(|pack| crate::keys::pack(&pack)).unwrap_or_default();
                return Err(Error::damaged(&key, message));
            }
            Some(chunk) => chunk.pieces.push(piece),
            None => self.open.push(ChunkIn {
                offset,
                length,
                raw_length,
                pieces: vec![piece],
            }),
        }
        // A chunk of very many files is cut as well, and fetched again by each task that has some of them.
        if self.task.files >= TASK_FILES || self.payload_bytes >= TASK_PAYLOAD_BYTES {
            self.end()?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if self.open.is_empty() {
            return Ok(());
        }
        self.payload_bytes = 0;
        let payload = crate::wire::write(&TaskIn {
            pack: self.pack,
            chunks: ScratchList::of(self.scratch, self.open.drain(..))?,
        })?;
        self.tasks.push(Task {
            payload,
            ..std::mem::take(&mut self.task)
        });
        Ok(())
    }
}

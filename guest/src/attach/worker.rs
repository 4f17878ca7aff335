//! The part of an attach that runs on many threads: compare, fetch, open, verify, write.

use super::sparse;
use super::task::{ChunkIn, Kept, Outcome, Piece, PieceTarget, TaskIn};
use crate::error::{Error, Result};
use crate::frame::Decompressor;
use crate::id::{Digest, PackId};
use crate::keys;
use crate::ports::{AttributeChange, File, Files, Open, Scratch, Store, WrongAnswer, read_fully};
use crate::scratch_list::ScratchList;

/// Two ranges of a pack with less than this between them are fetched as one: a request costs as much.
const GAP_BYTES_MAX: u64 = 128 << 10;
/// Nothing longer is fetched at once, so that memory stays bounded.
const FETCH_BYTES_MAX: u64 = 8 << 20;

/// One of the workers of an attach.
#[derive(Default)]
pub struct Worker {
    decompressor: Decompressor,
    content: Vec<u8>,
    existing: Vec<u8>,
}

impl Worker {
    /// Executes one task.
    pub fn run(
        &mut self,
        store: &impl Store,
        files: &impl Files,
        scratch: &dyn Scratch,
        task: &[u8],
    ) -> Result<Vec<u8>> {
        let TaskIn { pack, chunks } = crate::wire::read(task)?;
        let mut chunks: Vec<ChunkIn> = chunks.items(scratch).collect::<Result<_>>()?;
        let mut outcome = Outcome::default();
        for chunk in &mut chunks {
            self.drop_equal(files, chunk, &mut outcome)?;
        }
        chunks.retain(|chunk| !chunk.pieces.is_empty());
        let mut changes = Vec::new();
        match pack {
            Some(pack) => {
                for run in runs(&chunks) {
                    self.fetch(store, files, &pack, run, &mut changes, &mut outcome)?;
                }
            }
            // Empty files need no bytes.
            None => {
                for piece in chunks.iter().flat_map(|chunk| &chunk.pieces) {
                    write(files, piece, &[], &mut changes, &mut outcome)?;
                }
            }
        }
        files.apply(&changes)?;
        crate::wire::write(&ScratchList::of(scratch, [outcome])?)
    }

    /// Takes from a chunk the pieces that stand under their final name already.
    fn drop_equal(&mut self, files: &impl Files, chunk: &mut ChunkIn, outcome: &mut Outcome) -> Result<()> {
        let mut failed = None;
        chunk.pieces.retain(|piece| {
            let Some(compare) = &piece.compare else {
                return true;
            };
            let part = match piece.target {
                PieceTarget::Part { at } => Some(at),
                PieceTarget::Whole { .. } => None,
            };
            match self.stands(files, &compare.path, part.unwrap_or_default(), piece) {
                Ok(true) => {
                    outcome.kept.extend(part.map(|at| Kept {
                        commit: compare.commit,
                        path: compare.path.clone(),
                        staged: piece.staged.clone(),
                        at,
                        length: piece.length,
                        digest: piece.digest,
                    }));
                    false
                }
                Ok(false) => true,
                Err(error) => {
                    failed.get_or_insert(error);
                    true
                }
            }
        });
        failed.map_or(Ok(()), Err)
    }

    /// Returns whether an existing file has a piece's bytes. One that cannot be read counts as different: it is replaced.
    fn stands(&mut self, files: &impl Files, path: &str, at: u64, piece: &Piece) -> Result<bool> {
        if sparse::is_hole(files, path, at, piece.length, &piece.digest) {
            return Ok(true);
        }
        let Ok(file) = files.open(path, Open::Read) else {
            return Ok(false);
        };
        self.existing.clear();
        let read = read_fully(&file, at, piece.length as usize, &mut self.existing)?;
        Ok(read == piece.length as usize && Digest::of(&self.existing) == piece.digest)
    }

    /// Fetches neighbouring chunks with one request, and writes what they hold.
    fn fetch(
        &mut self,
        store: &impl Store,
        files: &impl Files,
        pack: &PackId,
        run: &[ChunkIn],
        changes: &mut Vec<AttributeChange>,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            return Ok(());
        };
        let key = keys::pack(pack);
        let length = last.offset + u64::from(last.length) - first.offset;
        let Some(bytes) = store.get(&key, Some((first.offset, length)))? else {
            return Err(Error::damaged_digest(
                &key,
                "the pack is missing",
                pack.to_string(),
                String::new(),
            ));
        };
        outcome.fetched_bytes += bytes.len() as u64;
        for chunk in run {
            let start = (chunk.offset - first.offset) as usize;
            let frame = bytes.get(start..start + chunk.length as usize);
            if self.open(frame, chunk).is_err() {
                // Bytes can be altered on their way, too: what lies there decides.
                let range = Some((chunk.offset, u64::from(chunk.length)));
                let again = store.get(&key, range)?;
                outcome.fetched_bytes += again.as_ref().map_or(0, |again| again.len() as u64);
                if let Err(wrong) = self.open(again.as_deref(), chunk) {
                    let read = again.map(|again| WrongAnswer::of(&again));
                    let judged = read.map(|read| read.judge(store, &key, range)).transpose()?;
                    return Err(match (judged.flatten(), wrong) {
                        (Some(error), _) => error,
                        (None, ChunkFault::Chunk(why)) => damaged_pack(store, pack, chunk, &why),
                        (None, ChunkFault::Piece { wanted, found }) => {
                            wrong_piece(store, pack, wanted, found)
                        }
                    });
                }
            }
            for piece in &chunk.pieces {
                let content = part(&self.content, piece);
                write(files, piece, content, changes, outcome)?;
            }
        }
        Ok(())
    }

    /// Opens a chunk into `content`, and checks all pieces of it that are wanted.
    fn open(&mut self, frame: Option<&[u8]>, chunk: &ChunkIn) -> std::result::Result<(), ChunkFault> {
        let frame = frame
            .filter(|frame| frame.len() == chunk.length as usize)
            .ok_or_else(|| ChunkFault::Chunk("it is cut short".to_owned()))?;
        self.decompressor
            .open(frame, chunk.raw_length as usize, &mut self.content)
            .map_err(ChunkFault::Chunk)?;
        // A hole is the same piece over and over.
        let mut last = None;
        for piece in &chunk.pieces {
            let this = Some((piece.start, piece.length, piece.digest));
            if this == last {
                continue;
            }
            let found = Digest::of(part(&self.content, piece));
            if found != piece.digest {
                let wanted = piece.digest;
                return Err(ChunkFault::Piece { wanted, found });
            }
            last = this;
        }
        Ok(())
    }
}

/// The fault of a chunk.
enum ChunkFault {
    /// It does not open.
    Chunk(String),
    /// It holds other bytes.
    Piece { wanted: Digest, found: Digest },
}

/// Returns a piece of an opened chunk, or nothing if the chunk is too short: then its digest differs from every wanted one.
fn part<'a>(content: &'a [u8], piece: &Piece) -> &'a [u8] {
    let end = piece.start as usize + piece.length as usize;
    content.get(piece.start as usize..end).unwrap_or_default()
}

/// Splits chunks, sorted by offset, into runs that one request fetches.
fn runs(chunks: &[ChunkIn]) -> impl Iterator<Item = &[ChunkIn]> {
    let mut start = None;
    chunks.chunk_by(move |a, b| {
        let begin = *start.get_or_insert(a.offset);
        let end = b.offset + u64::from(b.length);
        let near = b.offset.saturating_sub(a.offset + u64::from(a.length)) <= GAP_BYTES_MAX;
        let joins = near && end - begin <= FETCH_BYTES_MAX;
        if !joins {
            start = None;
        }
        joins
    })
}

fn write(
    files: &impl Files,
    piece: &Piece,
    content: &[u8],
    changes: &mut Vec<AttributeChange>,
    outcome: &mut Outcome,
) -> Result<()> {
    match piece.target {
        PieceTarget::Whole { bits, modified } => {
            let file = files.open(&piece.staged, Open::Create)?;
            if sparse::write(&file, 0, content)? {
                file.set_size(content.len() as u64)?;
            }
            changes.push(AttributeChange {
                path: piece.staged.clone(),
                bits: Some(bits),
                modified,
            });
            outcome.new_files += 1;
        }
        PieceTarget::Part { .. } if sparse::is_zeros(piece.length, &piece.digest) => {}
        PieceTarget::Part { at } => {
            sparse::write(&files.open(&piece.staged, Open::Write)?, at, content)?;
        }
    }
    outcome.new_bytes += content.len() as u64;
    if let Some(compare) = &piece.compare {
        outcome.changed.push(compare.commit);
    }
    Ok(())
}

/// Returns the error for a chunk that does not open: with the pack's own digest, which says whether the pack was altered
/// or the tree refers to bytes that the pack never had.
fn damaged_pack(store: &impl Store, pack: &PackId, chunk: &ChunkIn, why: &str) -> Error {
    let message = format!("the chunk at {} cannot be opened: {why}", chunk.offset);
    with_pack_digest(store, pack, message)
}

fn wrong_piece(store: &impl Store, pack: &PackId, wanted: Digest, found: Digest) -> Error {
    let error = with_pack_digest(store, pack, "the pack was altered".to_owned());
    match &error {
        Error::Damaged(damage) if damage.expected == damage.found => {
            let message = "a tree points to bytes of another file, though the pack is whole".to_owned();
            Error::damaged_digest(&keys::pack(pack), message, wanted.to_string(), found.to_string())
        }
        _ => error,
    }
}

fn with_pack_digest(store: &impl Store, pack: &PackId, message: String) -> Error {
    let key = keys::pack(pack);
    match store.get(&key, None) {
        Ok(Some(bytes)) => {
            let found = PackId::of(&bytes).to_string();
            Error::damaged_digest(&key, message, pack.to_string(), found)
        }
        Ok(None) => Error::damaged_digest(&key, "the pack is missing", pack.to_string(), String::new()),
        Err(error) => error,
    }
}

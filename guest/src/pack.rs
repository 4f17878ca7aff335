//! Packs on their way to the store: frames back to back, about 8 MiB, named by the digest of their bytes.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::frame::Compressor;
use crate::id::{Digest, PackId};
use crate::keys;
use crate::ports::{ExistingCheck, Store, put_named};

/// A pack is closed by the chunk that makes it this large.
const PACK_BYTES: usize = 8 << 20;
/// Nor does it hold more chunks than this, so that its line of the tree stays below 8 MiB.
const PACK_CHUNKS_MAX: usize = 1 << 16;

/// One chunk of a pack that was written. Lengths in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// From the start of the pack.
    pub offset: u32,
    /// Of the frame.
    pub length: u32,
    /// Of its content.
    pub raw_length: u32,
    /// Of its content, where the chunk is a slice.
    pub digest: Option<Digest>,
}

/// A pack that was written.
pub type Pack = (PackId, Vec<Written>);

/// The packs of one writer, in order. Its chunks are numbered through all of them.
pub type Packs = Vec<Pack>;

/// Collects chunks into packs, and stores each pack when it is full.
#[derive(Default)]
pub struct PackWriter {
    compressor: Compressor,
    pack: Vec<u8>,
    chunks: Vec<Written>,
    packs: Packs,
    next: u32,
    stored_bytes: u64,
    salt: Option<Digest>,
    check: ExistingCheck,
}

impl PackWriter {
    /// Begins with no pack. A salt is put in front of each pack, so that its name differs from that of the same chunks
    /// without. `check` says how a pack is looked at that exists.
    pub fn new(salt: Option<Digest>, check: ExistingCheck) -> PackWriter {
        PackWriter {
            salt,
            check,
            ..PackWriter::default()
        }
    }

    /// Adds a chunk: a slice where `digest` is given, else a bundle. Returns its number.
    pub fn add(&mut self, store: &impl Store, content: &[u8], digest: Option<Digest>) -> Result<u32> {
        if let Some(salt) = self.salt.filter(|_| self.pack.is_empty()) {
            crate::frame::append_skippable(salt.as_bytes(), &mut self.pack);
        }
        let offset = self.pack.len();
        self.compressor.append(content, &mut self.pack);
        let short =
            |length: usize| u32::try_from(length).map_err(|_| Error::internal("a pack outgrew its limit"));
        self.chunks.push(Written {
            offset: short(offset)?,
            length: short(self.pack.len() - offset)?,
            raw_length: short(content.len())?,
            digest,
        });
        let number = self.next;
        self.next += 1;
        if self.pack.len() >= PACK_BYTES || self.chunks.len() >= PACK_CHUNKS_MAX {
            self.flush(store)?;
        }
        Ok(number)
    }

    fn flush(&mut self, store: &impl Store) -> Result<()> {
        if self.chunks.is_empty() {
            return Ok(());
        }
        let id = PackId::of(&self.pack);
        self.stored_bytes += put_named(store, &keys::pack(&id), &self.pack, self.check)?;
        self.packs.push((id, std::mem::take(&mut self.chunks)));
        self.pack.clear();
        Ok(())
    }

    /// Stores what is left. Returns all packs, and the bytes stored.
    pub fn finish(mut self, store: &impl Store) -> Result<(Packs, u64)> {
        self.flush(store)?;
        Ok((self.packs, self.stored_bytes))
    }
}

//! Writing a tree, a part at a time.

use std::collections::HashSet;

use super::form::{EntryLine, Header, PackLine, PartLine};
use super::{Content, Entry, Location, Table, check_size};
use crate::error::Result;
use crate::id::{Digest, PackId, TreeId};
use crate::json_lines::Writer as Lines;
use crate::ports::{ExistingCheck, Store, put_named};
use crate::sealed::VERSION;

/// A part ends after this much, where a path says so.
const PART_BYTES_MIN: usize = 512 << 10;
/// One path in so many says so. With lines of 200 bytes, a part has some 900 KiB, a quarter of that stored.
const PART_BORDER: u32 = 2048;
/// It ends here whatever the paths say.
const PART_BYTES_MAX: usize = 4 << 20;

/// Finds where a part ends. That depends on the entries of the part alone, and not on where their bytes are, so the parts of
/// two trees are equal wherever their entries are.
#[derive(Default)]
pub struct Border {
    bytes: usize,
}

impl Border {
    /// Takes the next entry of a part: its path, and how many slices it has. Returns whether the part ends with it.
    pub fn ends(&mut self, path: &str, slices: usize) -> bool {
        self.bytes += 180 + path.len() + 100 * slices;
        let says_so = || {
            let digest = Digest::of(path.as_bytes());
            let low = digest.as_bytes().first_chunk().copied().map(u32::from_le_bytes);
            low.unwrap_or_default() % PART_BORDER == 0
        };
        let ends = self.bytes >= PART_BYTES_MAX || (self.bytes >= PART_BYTES_MIN && says_so());
        if ends {
            self.bytes = 0;
        }
        ends
    }
}

/// A tree on its way into the store.
pub struct Writer<'a, S> {
    store: &'a S,
    covers: &'a [String],
    /// The last part, which is not stored yet.
    open: Option<(Vec<Entry>, Table)>,
    /// Changes the ids from those of equal trees, if these are condemned.
    salt: Option<Digest>,
    /// Objects that were just read, so that they need not be looked at again.
    sound: &'a HashSet<TreeId>,
    /// The check of existing objects.
    check: ExistingCheck,
    parts: Vec<PartLine>,
    saved: Saved,
    slices: u64,
}

/// A tree that is in the store.
#[derive(Debug, Default)]
pub struct Saved {
    /// Its name. Absent until it is complete.
    pub id: Option<TreeId>,
    /// Its objects: itself, and its parts.
    pub objects: HashSet<TreeId>,
    /// The packs that it uses.
    pub packs: HashSet<PackId>,
    /// Bytes that were written.
    pub stored_bytes: u64,
}

impl<'a, S: Store> Writer<'a, S> {
    /// Begins a tree that was persisted with the patterns `covers`. What is `sound` is not stored again, and other
    /// objects that exist are looked at with `check`.
    pub fn new(
        store: &'a S,
        covers: &'a [String],
        salt: Option<Digest>,
        sound: &'a HashSet<TreeId>,
        check: ExistingCheck,
    ) -> Writer<'a, S> {
        Writer {
            store,
            covers,
            open: None,
            salt,
            sound,
            check,
            parts: Vec::new(),
            saved: Saved::default(),
            slices: 0,
        }
    }

    /// Takes the next part. Its entries follow those of the part before in path order.
    pub fn part(&mut self, entries: Vec<Entry>, table: Table) -> Result<()> {
        // Whether it is the only one, and so the tree, shows when the next comes.
        match self.open.replace((entries, table)) {
            Some((entries, table)) => self.store_part(&entries, &table, &[]),
            None => Ok(()),
        }
    }

    fn store_part(&mut self, entries: &[Entry], table: &Table, covers: &[String]) -> Result<()> {
        let slices = entries.iter().map(|entry| match &entry.content {
            Content::File {
                location: Location::Slices(runs),
                ..
            } => runs.iter().map(|(_, count)| u64::from(*count)).sum(),
            _ => 0,
        });
        self.slices += slices.sum::<u64>();
        let before: u64 = self.parts.iter().map(|part| part.entries).sum();
        let chunks = self.slices.max(table.chunks.len() as u64);
        check_size(before + entries.len() as u64, chunks, "")?;
        let mut lines = Lines::new();
        lines.line(&Header {
            baton: "tree".to_owned(),
            version: VERSION,
            entries: entries.len() as u64,
            packs: table.packs.len() as u64,
            parts: None,
            covers: covers.to_vec(),
            salt: self.salt,
        })?;
        let mut chunks = table.chunks.iter().peekable();
        for (index, pack) in table.packs.iter().enumerate() {
            let mut line = PackLine {
                pack: *pack,
                chunks: Vec::new(),
            };
            while let Some(chunk) = chunks.next_if(|chunk| chunk.pack as usize == index) {
                line.chunks.push(chunk.into());
            }
            lines.line(&line)?;
        }
        for entry in entries {
            lines.line(&EntryLine::from(entry))?;
        }
        self.saved.packs.extend(&table.packs);
        let part = self.put(&lines.finish()?)?;
        self.parts.push(PartLine {
            part,
            entries: entries.len() as u64,
        });
        Ok(())
    }

    /// Completes the tree.
    pub fn finish(mut self) -> Result<Saved> {
        let (entries, table) = self.open.take().unwrap_or_default();
        let covers = match self.parts.is_empty() {
            true => self.covers,
            false => &[],
        };
        self.store_part(&entries, &table, covers)?;
        let id = match self.parts.as_slice() {
            [only] => only.part,
            parts => {
                let mut lines = Lines::new();
                lines.line(&Header {
                    baton: "tree".to_owned(),
                    version: VERSION,
                    entries: parts.iter().map(|part| part.entries).sum(),
                    packs: 0,
                    parts: Some(parts.len() as u64),
                    covers: self.covers.to_vec(),
                    salt: self.salt,
                })?;
                for part in parts {
                    lines.line(part)?;
                }
                let bytes = lines.finish()?;
                self.put(&bytes)?
            }
        };
        self.saved.id = Some(id);
        Ok(self.saved)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<TreeId> {
        let id = TreeId::of(bytes);
        if !self.saved.objects.insert(id) || self.sound.contains(&id) {
            return Ok(id);
        }
        let key = crate::keys::tree(&id);
        let mut written = put_named(self.store, &key, bytes, self.check)?;
        // A tree is small compared with its packs: a damaged one must not prevent its own repair.
        if written == 0 && self.check == ExistingCheck::Size {
            written = put_named(self.store, &key, bytes, ExistingCheck::Bytes)?;
        }
        self.saved.stored_bytes += written;
        Ok(id)
    }
}

//! What a build had before a further persist: it stays below what is persisted now.

use std::collections::{HashMap, HashSet};

use super::At;
use super::assemble::{Assembled, base_chunk, no_chunk};
use super::base::Chunks;
use super::repair::PackCheck;
use crate::diff::same_content;
use crate::error::{Error, Result};
use crate::id::{PackId, TreeId};
use crate::keys;
use crate::path;
use crate::ports::Store;
use crate::record::Record;
use crate::tree::{Chunk, Content, Entries, Located, Place, Table, tables};

/// What the build had before: it stays, except for what is persisted now.
pub(super) struct Carried {
    tree: TreeId,
    /// The numbers of its chunks in the base, by pack and offset.
    numbers: HashMap<(PackId, u64), u32>,
    /// The packs that its tree uses.
    pub packs: HashSet<PackId>,
    /// The patterns that it was persisted with.
    pub covers: Vec<String>,
}

impl Carried {
    /// Adds the chunks of the tree of `record` to the base.
    pub(super) fn of(store: &impl Store, record: &Record, base: &mut Chunks) -> Result<Carried> {
        let mut packs: HashMap<PackId, u32> = (0..).zip(&base.packs).map(|(at, id)| (*id, at)).collect();
        let mut numbers = HashMap::new();
        for (number, chunk) in (0..).zip(&base.chunks) {
            let id = base.packs.get(chunk.pack as usize).ok_or_else(no_chunk)?;
            numbers.insert((*id, chunk.offset), number);
        }
        let mut used = HashSet::new();
        let mut add = |table: &Table| {
            for chunk in &table.chunks {
                let Ok(id) = table.pack(chunk) else { continue };
                used.insert(*id);
                let pack = *packs.entry(*id).or_insert_with(|| {
                    base.packs.push(*id);
                    base.packs.len() as u32 - 1
                });
                numbers.entry((*id, chunk.offset)).or_insert_with(|| {
                    base.chunks.push(Chunk {
                        pack,
                        ..chunk.clone()
                    });
                    base.chunks.len() as u32 - 1
                });
            }
        };
        tables(store, &record.tree, &mut add)?;
        Ok(Carried {
            tree: record.tree,
            numbers,
            packs: used,
            covers: Entries::open(store, &record.tree)?.covers().to_vec(),
        })
    }

    fn assembled(&self, Located { mut entry, table }: Located) -> Result<Assembled> {
        let there = |number: u32, offset: u32| {
            let chunk = table.chunks.get(number as usize).ok_or_else(no_chunk)?;
            let known = self.numbers.get(&(*table.pack(chunk)?, chunk.offset));
            let at = At::Base {
                chunk: *known.ok_or_else(no_chunk)?,
                offset,
            };
            Ok::<_, Error>((at, u64::from(chunk.raw_length)))
        };
        let mut at = Vec::new();
        if let Content::File { size, place, .. } = &mut entry.content {
            match place {
                Place::Empty => {}
                Place::Bundle { chunk, offset } => at.push((there(*chunk, *offset)?.0, *size)),
                Place::Slices(runs) => {
                    for number in Place::slices(runs) {
                        at.push(there(number, 0)?);
                    }
                    runs.clear();
                }
            }
        }
        Ok(Assembled {
            entry,
            at,
            new_bytes: 0,
        })
    }
}

/// New entries over carried ones, in path order. As with layers, what is new takes the place of what has its path, and of
/// all below where it is no directory.
pub(super) struct Overlaid<'a, S, I: Iterator> {
    store: &'a S,
    carried: Option<(&'a Carried, Entries<'a, S>)>,
    base: &'a Chunks,
    packs: &'a mut PackCheck,
    new: std::iter::Peekable<I>,
    /// The next carried entry.
    head: Option<Located>,
    /// The last new entry that is no directory.
    hiding: Option<String>,
}

impl<'a, S: Store, I: Iterator<Item = Result<Assembled>>> Overlaid<'a, S, I> {
    pub(super) fn open(
        store: &'a S,
        carried: Option<&'a Carried>,
        base: &'a Chunks,
        packs: &'a mut PackCheck,
        new: I,
    ) -> Result<Overlaid<'a, S, I>> {
        let open = |carried: &'a Carried| Ok::<_, Error>((carried, Entries::open(store, &carried.tree)?));
        let mut overlaid = Overlaid {
            store,
            carried: carried.map(open).transpose()?,
            base,
            packs,
            new: new.peekable(),
            head: None,
            hiding: None,
        };
        overlaid.advance()?;
        Ok(overlaid)
    }

    fn advance(&mut self) -> Result<()> {
        self.head = match &mut self.carried {
            Some((_, entries)) => entries.next_entry()?,
            None => None,
        };
        Ok(())
    }

    /// Returns the next carried entry, which stays.
    fn stays(&mut self, located: Located) -> Result<Assembled> {
        let (carried, _) = self.carried.as_ref().ok_or_else(no_chunk)?;
        let assembled = carried.assembled(located)?;
        for (at, _) in &assembled.at {
            let At::Base { chunk, .. } = at else { continue };
            let chunk = base_chunk(self.base, *chunk)?;
            let id = self.base.packs.get(chunk.pack as usize).ok_or_else(no_chunk)?;
            if self.packs.length(self.store, id)? < chunk.offset + u64::from(chunk.length) {
                let message = format!(
                    "the pack is missing or damaged that has {}, which this build had before: persist that in the same run",
                    assembled.entry.path
                );
                return Err(Error::damaged(&keys::pack(id), message));
            }
        }
        Ok(assembled)
    }

    fn next_entry(&mut self) -> Result<Option<Assembled>> {
        while let Some(head) = self.head.take() {
            let path = &head.entry.path;
            let order = match self.new.peek() {
                Some(Ok(new)) => path::compare(path, &new.entry.path),
                Some(Err(_)) => std::cmp::Ordering::Greater,
                None => std::cmp::Ordering::Less,
            };
            if order.is_gt() {
                self.head = Some(head);
                break;
            }
            let is_hidden = self
                .hiding
                .as_ref()
                .is_some_and(|above| path::is_below(path, above));
            self.advance()?;
            if order.is_lt() && !is_hidden {
                return self.stays(head).map(Some);
            }
        }
        let new = self.new.next().transpose()?;
        if let Some(Assembled { entry, .. }) = &new
            && entry.content != Content::Directory
        {
            self.hiding = Some(entry.path.clone());
        }
        Ok(new)
    }
}

impl<S: Store, I: Iterator<Item = Result<Assembled>>> Iterator for Overlaid<'_, S, I> {
    type Item = Result<Assembled>;

    fn next(&mut self) -> Option<Result<Assembled>> {
        self.next_entry().transpose()
    }
}

/// Whether a tree has all of these entries as they are.
pub(super) fn has_all(
    store: &impl Store,
    tree: &TreeId,
    entries: impl Iterator<Item = Result<Assembled>>,
) -> Result<bool> {
    let mut there = Entries::open(store, tree)?;
    let mut head = there.next_entry()?;
    for wanted in entries {
        let wanted = wanted?.entry;
        while let Some(located) = &head
            && path::compare(&located.entry.path, &wanted.path).is_lt()
        {
            head = there.next_entry()?;
        }
        let same = head.as_ref().is_some_and(|Located { entry, .. }| {
            (&entry.path, entry.bits, entry.modified) == (&wanted.path, wanted.bits, wanted.modified)
                && same_content(&entry.content, &wanted.content)
        });
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

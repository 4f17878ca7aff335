//! What a build had before a further persist: it stays below what is persisted now.

use std::collections::{HashMap, HashSet};

use super::At;
use super::assemble::{Assembled, no_chunk};
use super::base::Chunks;
use super::repair::PackCheck;
use super::rescue::{Rescued, lost_pack};
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
    /// What was lost and is stored again.
    pub rescued: Rescued,
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
            rescued: Rescued::new(),
        })
    }

    /// Whether a pack that the tree uses cannot be relied on.
    pub(super) fn has_lost(&self, store: &impl Store, base: &Chunks, packs: &mut PackCheck) -> Result<bool> {
        for ((id, _), chunk) in &self.numbers {
            let at = At::Base {
                chunk: *chunk,
                offset: 0,
            };
            if self.packs.contains(id) && lost_pack(store, base, packs, &at)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns where a chunk of the tree is in the base.
    pub(super) fn there(&self, table: &Table, number: u32, offset: u32) -> Result<At> {
        let chunk = table.chunks.get(number as usize).ok_or_else(no_chunk)?;
        let known = self.numbers.get(&(*table.pack(chunk)?, chunk.offset));
        Ok(At::Base {
            chunk: *known.ok_or_else(no_chunk)?,
            offset,
        })
    }

    /// Returns an entry of the tree, and where its bytes are.
    pub(super) fn assembled(&self, Located { mut entry, table }: Located) -> Result<Assembled> {
        let there = |number: u32, offset: u32| {
            let chunk = table.chunks.get(number as usize).ok_or_else(no_chunk)?;
            let at = self.there(&table, number, offset)?;
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
        if let Some(rescued) = self.rescued.get(&entry.path) {
            at.clone_from(rescued);
            if let (Content::File { place, .. }, Some((At::New { offset: start, .. }, _))) =
                (&mut entry.content, rescued.first())
                && let Place::Bundle { offset, .. } = place
            {
                *offset = *start;
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
    /// Entries that stay and have lost bytes, where they are collected.
    lost: Option<Vec<Located>>,
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
            lost: None,
        };
        overlaid.advance()?;
        Ok(overlaid)
    }

    /// Collects entries that have lost bytes, instead of failing at the first.
    pub(super) fn collecting(mut self) -> Self {
        self.lost = Some(Vec::new());
        self
    }

    /// Returns what was collected.
    pub(super) fn into_lost(self) -> Vec<Located> {
        self.lost.unwrap_or_default()
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
        let assembled = carried.assembled(located.clone())?;
        for (at, _) in &assembled.at {
            let Some(id) = lost_pack(self.store, self.base, self.packs, at)? else {
                continue;
            };
            let Some(lost) = &mut self.lost else {
                let message = format!(
                    "the pack is missing or damaged that has {}, which this build had before",
                    assembled.entry.path
                );
                return Err(Error::damaged(&keys::pack(&id), message));
            };
            lost.push(located);
            break;
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

/// What a tree has in common with what is persisted now.
pub(super) struct Common {
    /// It has all of these entries as they are.
    pub all: bool,
    /// It has the content of one of the files under its path.
    pub any: bool,
}

/// Compares a tree with what is persisted now.
pub(super) fn compare(
    store: &impl Store,
    tree: &TreeId,
    entries: impl Iterator<Item = Result<Assembled>>,
) -> Result<Common> {
    let mut common = Common {
        all: true,
        any: false,
    };
    let mut there = Entries::open(store, tree)?;
    let mut head = there.next_entry()?;
    for wanted in entries {
        let wanted = wanted?.entry;
        while let Some(located) = &head
            && path::compare(&located.entry.path, &wanted.path).is_lt()
        {
            head = there.next_entry()?;
        }
        let same = head.as_ref().map(|located| &located.entry);
        let same =
            same.filter(|entry| entry.path == wanted.path && same_content(&entry.content, &wanted.content));
        common.any |= same.is_some() && matches!(wanted.content, Content::File { .. });
        common.all &=
            same.is_some_and(|entry| (entry.bits, entry.modified) == (wanted.bits, wanted.modified));
        if common.any && !common.all {
            break;
        }
    }
    Ok(common)
}

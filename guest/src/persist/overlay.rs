//! New entries over those of the previous revision.

use super::assemble::Assembled;
use super::base::{Chunks, no_chunk};
use super::pack_check::{PackCheck, lost_pack};
use super::previous::Carried;
use crate::error::{Error, Result};
use crate::ports::Store;
use crate::tree::{Content, Entries, Located};
use crate::{keys, path};

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

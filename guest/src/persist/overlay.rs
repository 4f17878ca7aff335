//! New entries over those of the previous revision.

use super::assemble::Assembled;
use super::base::{Chunks, no_chunk};
use super::pack_check::{PackCheck, lost_pack};
use super::previous::Previous;
use crate::error::{Error, Result};
use crate::ports::Store;
use crate::tree::{Content, Entries, Located};
use crate::{keys, path};

/// New entries over previous ones, in path order. As with layers, what is new replaces what has its path, and of
/// all below where it is no directory.
pub(super) struct Overlay<'a, S, I: Iterator> {
    store: &'a S,
    previous: Option<(&'a Previous, Entries<'a, S>)>,
    base: &'a Chunks,
    packs: &'a mut PackCheck,
    new: std::iter::Peekable<I>,
    /// The next previous entry.
    head: Option<Located>,
    /// The last new entry that is no directory.
    hiding: Option<String>,
    /// Entries that stay and have lost bytes, where they are collected.
    lost: Option<Vec<Located>>,
}

impl<'a, S: Store, I: Iterator<Item = Result<Assembled>>> Overlay<'a, S, I> {
    pub(super) fn open(
        store: &'a S,
        previous: Option<&'a Previous>,
        base: &'a Chunks,
        packs: &'a mut PackCheck,
        new: I,
    ) -> Result<Overlay<'a, S, I>> {
        let open = |previous: &'a Previous| Ok::<_, Error>((previous, Entries::open(store, &previous.tree)?));
        let mut overlay = Overlay {
            store,
            previous: previous.map(open).transpose()?,
            base,
            packs,
            new: new.peekable(),
            head: None,
            hiding: None,
            lost: None,
        };
        overlay.advance()?;
        Ok(overlay)
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
        self.head = match &mut self.previous {
            Some((_, entries)) => entries.next_entry()?,
            None => None,
        };
        Ok(())
    }

    /// Returns the next previous entry, which stays.
    fn stays(&mut self, located: Located) -> Result<Assembled> {
        let (previous, _) = self.previous.as_ref().ok_or_else(no_chunk)?;
        let assembled = previous.assembled(located.clone())?;
        for (at, _) in &assembled.at {
            let Some(id) = lost_pack(self.store, self.base, self.packs, at)? else {
                continue;
            };
            let Some(lost) = &mut self.lost else {
                let message = format!(
                    "the pack of {}, a file of this build's previous revision, is missing or damaged",
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

impl<S: Store, I: Iterator<Item = Result<Assembled>>> Iterator for Overlay<'_, S, I> {
    type Item = Result<Assembled>;

    fn next(&mut self) -> Option<Result<Assembled>> {
        self.next_entry().transpose()
    }
}

//! Lists that do not fit into memory: written item by item, read in order as often as needed, from pages of the scratch
//! space. And a sort of such a list.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::ports::Scratch;

/// A page is written by the item that makes it this large.
const PAGE_BYTES: usize = 1 << 20;
/// The end of a list is kept outside of the scratch space if it is this short: most lists are.
const INLINE_BYTES_MAX: usize = 1 << 10;

/// A list that is being written.
pub struct ScratchWriter<'a, T> {
    scratch: &'a dyn Scratch,
    page_bytes: usize,
    open: Vec<u8>,
    pages: Vec<u32>,
    count: u64,
    items: PhantomData<fn(&T)>,
}

/// A list that was written. Small, and can itself be handed on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScratchList<T> {
    pages: Vec<u32>,
    rest: Vec<u8>,
    count: u64,
    items: PhantomData<fn() -> T>,
}

impl<T> Default for ScratchList<T> {
    fn default() -> Self {
        ScratchList {
            pages: Vec::new(),
            rest: Vec::new(),
            count: 0,
            items: PhantomData,
        }
    }
}

impl<'a, T: Serialize> ScratchWriter<'a, T> {
    /// Begins an empty list.
    pub fn new(scratch: &'a dyn Scratch) -> ScratchWriter<'a, T> {
        ScratchWriter::with_pages(scratch, PAGE_BYTES)
    }

    pub(super) fn with_pages(scratch: &'a dyn Scratch, page_bytes: usize) -> ScratchWriter<'a, T> {
        ScratchWriter {
            scratch,
            page_bytes,
            open: Vec::new(),
            pages: Vec::new(),
            count: 0,
            items: PhantomData,
        }
    }

    /// Appends an item.
    pub fn push(&mut self, item: &T) -> Result<()> {
        crate::wire::append(item, &mut self.open)?;
        self.count += 1;
        if self.open.len() >= self.page_bytes {
            self.pages.push(self.scratch.write(&self.open)?);
            self.open.clear();
        }
        Ok(())
    }

    /// Returns how many items there are.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the bytes of items that are in no page yet.
    pub fn open_bytes(&self) -> usize {
        self.open.len()
    }

    /// Ends the list.
    pub fn close(mut self) -> Result<ScratchList<T>> {
        if self.open.len() > INLINE_BYTES_MAX {
            self.pages.push(self.scratch.write(&self.open)?);
            self.open.clear();
        }
        Ok(ScratchList {
            pages: self.pages,
            rest: self.open,
            count: self.count,
            items: PhantomData,
        })
    }
}

impl<T: DeserializeOwned> ScratchList<T> {
    /// Writes all items of a list.
    pub fn of(scratch: &dyn Scratch, items: impl IntoIterator<Item = T>) -> Result<ScratchList<T>>
    where
        T: Serialize,
    {
        let mut spool = ScratchWriter::new(scratch);
        for item in items {
            spool.push(&item)?;
        }
        spool.close()
    }

    /// Returns how many items there are.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the items in their order, with one page in memory.
    pub fn items<'a>(&self, scratch: &'a dyn Scratch) -> Items<'a, T> {
        Items {
            scratch,
            pages: self.pages.clone().into_iter(),
            rest: Some(self.rest.clone()),
            page: Vec::new(),
            at: 0,
            items: PhantomData,
        }
    }

    /// Returns the items in a page each: the parts in which a host reads a list.
    pub fn pages(self) -> Result<Vec<Vec<u8>>>
    where
        T: Serialize,
    {
        let page = |page| ScratchList::<T> {
            pages: vec![page],
            ..ScratchList::default()
        };
        let rest = (!self.rest.is_empty()).then(|| ScratchList::<T> {
            rest: self.rest,
            ..ScratchList::default()
        });
        self.pages
            .into_iter()
            .map(page)
            .chain(rest)
            .map(|part| crate::wire::write(&part))
            .collect()
    }

    /// Returns the items of one of the parts that [`ScratchList::pages`] gave.
    pub fn read_page(scratch: &dyn Scratch, page: &[u8]) -> Result<Vec<T>> {
        let part: ScratchList<T> = crate::wire::read(page)?;
        part.items(scratch).collect()
    }

    /// Returns the items in the opposite order, with one page in memory.
    pub fn reversed<'a>(&self, scratch: &'a dyn Scratch) -> impl Iterator<Item = Result<T>> + use<'a, T> {
        let pages = self.pages.clone().into_iter().rev().map(Ok);
        std::iter::once(Err(self.rest.clone()))
            .chain(pages)
            .flat_map(move |page| {
                let items: Items<'_, T> = Items {
                    scratch,
                    pages: page
                        .as_ref()
                        .ok()
                        .copied()
                        .into_iter()
                        .collect::<Vec<_>>()
                        .into_iter(),
                    rest: page.err(),
                    page: Vec::new(),
                    at: 0,
                    items: PhantomData,
                };
                let mut items: Vec<Result<T>> = items.collect();
                items.reverse();
                items
            })
    }
}

/// The items of a list. After an error there are no more.
pub struct Items<'a, T> {
    scratch: &'a dyn Scratch,
    pages: std::vec::IntoIter<u32>,
    rest: Option<Vec<u8>>,
    page: Vec<u8>,
    at: usize,
    items: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Items<'_, T> {
    fn read(&mut self) -> Result<Option<T>> {
        while self.at >= self.page.len() {
            self.at = 0;
            self.page = match self.pages.next() {
                Some(page) => self.scratch.read(page)?,
                None => match self.rest.take() {
                    Some(rest) => rest,
                    None => {
                        self.page = Vec::new();
                        return Ok(None);
                    }
                },
            };
        }
        let bytes = self.page.get(self.at..).unwrap_or_default();
        let (item, left) = crate::wire::take(bytes)?;
        self.at = self.page.len() - left;
        Ok(Some(item))
    }
}

impl<T: DeserializeOwned> Iterator for Items<'_, T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        let item = self.read();
        if item.is_err() {
            (self.pages, self.rest, self.page) = (Vec::new().into_iter(), None, Vec::new());
        }
        item.transpose()
    }
}

/// Gives items to `each` in batches, so that one call carries many of them and never too many.
pub(crate) fn batched<T>(
    items: impl Iterator<Item = Result<T>>,
    mut each: impl FnMut(&[T]) -> Result<()>,
) -> Result<()> {
    const BATCH: usize = 1024;
    let mut batch = Vec::new();
    for item in items {
        batch.push(item?);
        if batch.len() >= BATCH {
            each(&batch)?;
            batch.clear();
        }
    }
    if batch.is_empty() { Ok(()) } else { each(&batch) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::testing::MemoryScratch;

    fn long(number: u32) -> (u32, String) {
        (number, "x".repeat(number as usize % 5000))
    }

    #[test]
    fn a_list_is_read_as_often_as_needed_from_both_ends() {
        for count in [0, 1, 3, 2000] {
            let all: Vec<_> = (0..count).map(long).collect();
            let list = ScratchList::of(&MemoryScratch, all.clone()).unwrap();
            assert_eq!(list.len(), u64::from(count));
            for _ in 0..2 {
                let read: Vec<_> = list.items(&MemoryScratch).map(Result::unwrap).collect();
                assert_eq!(read, all);
            }
            let mut back: Vec<_> = list.reversed(&MemoryScratch).map(Result::unwrap).collect();
            back.reverse();
            assert_eq!(back, all);
            let pages = list.pages().unwrap();
            assert!(count < 2000 || pages.len() > 1, "{} pages", pages.len());
            let read: Vec<_> = pages
                .iter()
                .flat_map(|page| ScratchList::<(u32, String)>::read_page(&MemoryScratch, page).unwrap())
                .collect();
            assert_eq!(read, all);
        }
    }
}

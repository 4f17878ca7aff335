//! The keys of a counter, grouped by build.

use std::collections::VecDeque;

use super::counters::{CounterKeys, PAGE};
use crate::error::Result;
use crate::order::Leaf;
use crate::ports::Store;

/// Groups the keys of a counter by build, in order.
pub(super) struct Groups<'a, S> {
    store: &'a S,
    keys: CounterKeys,
    read: VecDeque<(String, Leaf)>,
    /// The number of keys that were checked.
    searched: usize,
    most: usize,
}

impl<'a, S: Store> Groups<'a, S> {
    pub(super) fn new(store: &'a S, keys: CounterKeys, most: usize) -> Self {
        Groups {
            store,
            keys,
            read: VecDeque::new(),
            searched: 0,
            most,
        }
    }

    /// Returns whether so much was looked at that only the newest builds matter.
    pub(super) fn is_long(&self) -> bool {
        self.searched > PAGE as usize
    }

    /// Returns the key that comes so many keys after the next one, which is not taken by that.
    fn key(&mut self, ahead: usize) -> Result<Option<&(String, Leaf)>> {
        while self.read.len() <= ahead && self.searched < self.most {
            let Some(page) = self.keys.page(self.store)? else {
                break;
            };
            self.searched += page.len();
            self.read.extend(page);
        }
        Ok(self.read.get(ahead))
    }

    pub(super) fn next(&mut self) -> Result<Option<Vec<(String, Leaf)>>> {
        self.key(0)?;
        let Some((first, of)) = self.read.pop_front() else {
            return Ok(None);
        };
        let mut group = vec![(first.clone(), of.clone())];
        while let Some((key, leaf)) = self.key(0)?
            && same_run(&first, key)
            && leaf.same_attempt(&of)
        {
            group.extend(self.read.pop_front());
        }
        self.add_earlier_attempts(&first, &of, &mut group)?;
        Ok(Some(group))
    }

    /// Adds the nodes that were not run again: of each the last attempt before. Their keys stay, for the build that there
    /// was without this attempt.
    fn add_earlier_attempts(
        &mut self,
        first: &str,
        of: &Leaf,
        group: &mut Vec<(String, Leaf)>,
    ) -> Result<()> {
        let mut ahead = 0;
        while group.len() < of.node.total as usize
            && let Some((key, leaf)) = self.key(ahead)?
            && same_run(first, key)
        {
            let is_missing = |(_, other): &(String, Leaf)| other.node.index != leaf.node.index;
            if leaf.same_job(of) && group.iter().all(is_missing) {
                group.push((key.clone(), leaf.clone()));
            }
            ahead += 1;
        }
        Ok(())
    }

    /// Returns the key of another job of the run that this key is of.
    pub(super) fn other_job(&mut self, first: &str, of: &Leaf) -> Result<Option<String>> {
        let mut ahead = 0;
        while let Some((key, leaf)) = self.key(ahead)?
            && same_run(first, key)
        {
            if leaf.job != of.job {
                return Ok(Some(key.clone()));
            }
            ahead += 1;
        }
        Ok(None)
    }
}

/// Returns whether two keys of builds lie in the same run: all but the leaf is equal.
pub(super) fn same_run(a: &str, b: &str) -> bool {
    let run = |key: &str| {
        let (dir, last) = key.rsplit_once('/')?;
        // A look-up key has the run in its last name, a branch's in the names before.
        let run = if Leaf::parse(last).is_some() {
            ""
        } else {
            last.split_once('-')?.0
        };
        Some((dir.to_owned(), run.to_owned()))
    };
    run(a).is_some() && run(a) == run(b)
}

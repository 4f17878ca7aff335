//! Marks the packs and trees that no record refers to.

use std::collections::{BTreeMap, HashSet};

use super::rest::NextMark;
use crate::condemned::{Mark, Phase};
use crate::error::Result;
use crate::id::Digest;
use crate::ports::Store;
use crate::tree::References;

/// Decides on objects of one kind.
pub(super) struct Marking<'a> {
    pub(super) live: &'a References,
    pub(super) dropped: &'a References,
    pub(super) now_ms: u64,
    pub(super) grace_ms: u64,
}

impl Marking<'_> {
    /// Returns the marks of all objects below `prefix` that nothing leads to.
    pub(super) fn marks<Id: From<Digest> + Ord + std::hash::Hash + Copy>(
        &self,
        store: &impl Store,
        prefix: &str,
        before: &BTreeMap<Id, Mark>,
        ids: impl Fn(&References) -> &HashSet<Id>,
    ) -> Result<Vec<(Id, NextMark)>> {
        let mut marks = Vec::new();
        let mut there = HashSet::new();
        let mut after = None;
        loop {
            let page = store.list(prefix, after.as_deref(), 1000)?;
            after = page.last().cloned();
            for key in &page {
                // What has another name was put there by somebody else.
                let id = key
                    .rsplit('/')
                    .next()
                    .and_then(|name| name.parse::<Digest>().ok());
                let Some(id) = id.map(Id::from) else {
                    continue;
                };
                if !ids(self.live).contains(&id) {
                    there.insert(id);
                    let was_used = ids(self.dropped).contains(&id);
                    marks.push((id, self.fate(before.get(&id), was_used)));
                }
            }
            if page.len() < 1000 {
                break;
            }
        }
        // A prune that is slow may still be deleting what is gone already, so its name stays unused for a while.
        for (id, mark) in before {
            let is_new = self.now_ms.saturating_sub(mark.since_ms) < self.grace_ms;
            let is_kept = there.contains(id) || ids(self.live).contains(id);
            if mark.phase == Phase::Deleting && is_new && !is_kept {
                let fate = NextMark {
                    phase: Phase::Deleting,
                    since_ms: Some(mark.since_ms),
                    is_there: false,
                };
                marks.push((*id, fate));
            }
        }
        Ok(marks)
    }

    fn fate(&self, before: Option<&Mark>, was_used: bool) -> NextMark {
        let new = |phase| NextMark {
            phase,
            since_ms: None,
            is_there: true,
        };
        let Some(Mark { phase, since_ms }) = before.copied() else {
            return new(if was_used { Phase::Condemned } else { Phase::Seen });
        };
        let is_old = self.now_ms.saturating_sub(since_ms) >= self.grace_ms;
        match phase {
            Phase::Seen if was_used || is_old => new(Phase::Condemned),
            Phase::Condemned if is_old => new(Phase::Deleting),
            _ => NextMark {
                since_ms: Some(since_ms),
                ..new(phase)
            },
        }
    }
}

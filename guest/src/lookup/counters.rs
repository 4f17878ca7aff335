//! The counters below a prefix, each with its first keys.
//!
//! One request finds a counter and its newest builds, and the last one that there is no other: so a look-up costs the same
//! however long the history of each counter is.

use std::collections::VecDeque;

use crate::counter::{Counter, Rank};
use crate::error::{Error, Result};
use crate::keys;
use crate::order::{Leaf, inverted, newest_first};
use crate::ports::Store;
use crate::recency::AHEAD_MS_MAX;

/// Keys asked for at a time. One build has as many as it has parallel nodes, mostly one.
pub(super) const PAGE: u32 = 32;
/// The most counters that feed one artifact. Each costs a look-up two requests.
const COUNTERS_MAX: usize = 256;

/// The keys below one counter, the newest build's first.
#[derive(Clone)]
pub(super) struct CounterKeys {
    /// The reliability of the counter.
    pub rank: Rank,
    /// The prefix of all of its keys. Ends in a `/`.
    pub prefix: String,
    /// The first of them, read ahead.
    keys: VecDeque<String>,
    /// Only keys after this one were not read yet.
    after: Option<String>,
    /// Only keys before this one count.
    before: Option<String>,
    /// Whether all were read.
    ended: bool,
    /// The last one that was taken.
    taken: Option<String>,
}

/// The form of a key after the counter.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// A run or a number, over several names.
    Spread,
    /// The order, in one name.
    Flat,
}

/// Returns the counters below a prefix. Builds without a number whose date is ahead of the clock are a counter of their own,
/// so that they do not come before those whose date is believed.
pub(super) fn counters(
    store: &impl Store,
    prefix: &str,
    form: Form,
    now_ms: u64,
) -> Result<Vec<CounterKeys>> {
    let latest_ms = now_ms.saturating_add(AHEAD_MS_MAX);
    let mut counters = Vec::new();
    for keys in all_counters(store, prefix)? {
        let border = match form {
            Form::Spread => format!("{}{}/", keys.prefix, newest_first(latest_ms)),
            Form::Flat => format!("{}{}-", keys.prefix, inverted(latest_ms)),
        };
        if keys.rank != Rank::Time || keys.keys.front().is_none_or(|first| *first > border) {
            counters.push(keys);
            continue;
        }
        let (ahead, believed): (VecDeque<_>, VecDeque<_>) =
            keys.keys.iter().cloned().partition(|key| *key < border);
        let all_ahead = believed.is_empty() && !keys.ended;
        counters.push(CounterKeys {
            prefix: keys.prefix.clone(),
            keys: believed,
            taken: None,
            after: all_ahead.then(|| border.clone()),
            ..keys
        });
        counters.push(CounterKeys {
            keys: ahead,
            ended: !all_ahead,
            before: Some(border),
            after: None,
            ..keys
        });
    }
    Ok(counters)
}

/// Returns the counters below a prefix. What has another name is none of baton's, and is left out.
fn all_counters(store: &impl Store, prefix: &str) -> Result<Vec<CounterKeys>> {
    let mut counters: Vec<CounterKeys> = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.list(prefix, after.as_deref(), PAGE)?;
        let is_last = page.len() < PAGE as usize;
        let Some(last_key) = page.last().cloned() else {
            return Ok(counters);
        };
        let last = first_name(prefix, &last_key).to_owned();
        for key in page {
            let name = first_name(prefix, &key);
            let Some(rank) = Counter::rank_of(name) else {
                continue;
            };
            let own = format!("{prefix}{name}/");
            if counters.last().is_none_or(|counter| counter.prefix != own) {
                counters.push(CounterKeys {
                    rank,
                    ended: is_last || name != last,
                    prefix: own,
                    keys: VecDeque::new(),
                    after: None,
                    before: None,
                    taken: None,
                });
            }
            if let Some(counter) = counters.last_mut() {
                counter.keys.push_back(key);
            }
        }
        if counters.len() > COUNTERS_MAX {
            let message = format!("more than {COUNTERS_MAX} counters feed this artifact");
            return Err(Error::limit("too-many-counters", message, prefix));
        }
        after = Some(keys::behind(&format!("{prefix}{last}"), &last_key));
    }
}

fn first_name<'a>(prefix: &str, key: &'a str) -> &'a str {
    key.strip_prefix(prefix)
        .and_then(|rest| rest.split('/').next())
        .unwrap_or_default()
}

impl CounterKeys {
    /// Narrows to the builds of a number.
    pub(super) fn of_number(mut self, number: u64) -> CounterKeys {
        self.prefix = format!("{}{}/", self.prefix, newest_first(number));
        // What was read ahead are the highest numbers.
        self.keys.clear();
        self.ended = false;
        self
    }

    /// Narrows to what comes after a key that begins with the prefix.
    pub(super) fn after(mut self, key: String) -> CounterKeys {
        match self.ended {
            true => self.keys.retain(|other| *other > key),
            false => self.keys.clear(),
        }
        self.after = self.after.max(Some(key));
        self
    }

    /// Returns the next keys that are a build's, or `None` after the last one.
    pub(super) fn page(&mut self, store: &impl Store) -> Result<Option<Vec<(String, Leaf)>>> {
        match self.keys.is_empty() {
            false => Ok(Some(self.take())),
            true => self.window(store, PAGE),
        }
    }

    /// Returns at least so many of the next keys that are a build's, if there are, or `None` after the last one.
    pub(super) fn window(&mut self, store: &impl Store, size: u32) -> Result<Option<Vec<(String, Leaf)>>> {
        if self.keys.len() < size as usize && !self.ended {
            let after = self.keys.back().or(self.after.as_ref());
            let page = store.list(&self.prefix, after.map(String::as_str), size)?;
            self.ended = page.len() < size as usize;
            for key in page {
                if self.before.as_ref().is_some_and(|before| key >= *before) {
                    self.ended = true;
                    break;
                }
                self.keys.push_back(key);
            }
        }
        match self.keys.is_empty() {
            true => Ok(None),
            false => Ok(Some(self.take())),
        }
    }

    /// Returns the keys that were read ahead. Of a node's revisions only the newest counts, which comes first.
    fn take(&mut self) -> Vec<(String, Leaf)> {
        self.after = self.keys.back().cloned();
        let mut taken = self.taken.take();
        let mut all = Vec::new();
        for key in self.keys.drain(..) {
            // A key that no baton wrote is nobody's build.
            let Some(leaf) = keys::leaf(&key) else {
                continue;
            };
            if taken.as_deref().map(keys::stem) != Some(keys::stem(&key)) {
                taken = Some(key.clone());
                all.push((key, leaf));
            }
        }
        self.taken = taken;
        all
    }
}

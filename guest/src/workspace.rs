//! Layers become one tree: in their order, a later one over an earlier one, and two jobs that disagree are told so.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use crate::diff::same_content;
use crate::error::{Error, Problem, Result, warning};
use crate::glob::{Selection, Verdict};
use crate::lookup::Layer;
use crate::path;
use crate::patterns::{shadow_problem, unused_problem};
use crate::ports::Store;
use crate::record::Record;
use crate::tree::{Content, Entries, Entry, Located};

/// The treatment of different bytes that two jobs persisted under one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnConflict {
    /// Fail.
    Fail,
    /// Take the later layer's.
    Newest,
}

/// The entries of layers, merged: a later layer over an earlier one, in path order.
pub struct Merge<'a, S> {
    on_conflict: OnConflict,
    layers: &'a [Layer],
    streams: Vec<Entries<'a, S>>,
    /// The next entry of each layer that has one. Of equal paths the earlier layer's comes first.
    heads: BinaryHeap<Head>,
    /// Directories that a file or symlink of a later layer replaced, and the number of that layer: what earlier layers have
    /// below goes with the directory.
    hidden: Vec<(String, usize)>,
}

/// An entry, and the number of its layer.
struct Head {
    located: Located,
    layer: usize,
}

impl<'a, S: Store> Merge<'a, S> {
    /// Opens the trees of layers, the oldest first.
    pub fn open(store: &'a S, layers: &'a [Layer], on_conflict: OnConflict) -> Result<Merge<'a, S>> {
        let mut merge = Merge {
            on_conflict,
            layers,
            streams: Vec::new(),
            heads: BinaryHeap::new(),
            hidden: Vec::new(),
        };
        for (number, layer) in layers.iter().enumerate() {
            merge.streams.push(Entries::open(store, &layer.tree)?);
            merge.advance(number)?;
        }
        Ok(merge)
    }

    fn advance(&mut self, layer: usize) -> Result<()> {
        let stream = self
            .streams
            .get_mut(layer)
            .ok_or_else(|| Error::internal("an entry of no layer"))?;
        let head = |located| Head { located, layer };
        self.heads.extend(stream.next_entry()?.map(head));
        Ok(())
    }

    /// Takes the next entry of all layers if it has this path, or any where there is none.
    fn take(&mut self, path: Option<&str>) -> Result<Option<Head>> {
        let wanted = |head: &Head| path.is_none_or(|path| head.located.entry.path == path);
        if !self.heads.peek().is_some_and(wanted) {
            return Ok(None);
        }
        let Some(head) = self.heads.pop() else {
            return Ok(None);
        };
        self.advance(head.layer)?;
        Ok(Some(head))
    }

    /// Returns the next entry.
    pub fn next_entry(&mut self) -> Result<Option<Located>> {
        while let Some(first) = self.take(None)? {
            let path = first.located.entry.path.clone();
            while self
                .hidden
                .pop_if(|(dir, _)| !path::is_below(&path, dir))
                .is_some()
            {}
            let mut hidden_by = (first.located.entry.content != Content::Directory).then_some(first.layer);
            let mut winner = (!self.is_hidden(first.layer)).then_some(first);
            // The latest of another job than the winner's. All jobs agree so far, so no more need be remembered.
            let mut other: Option<Head> = None;
            while let Some(next) = self.take(Some(&path))? {
                if self.is_hidden(next.layer) {
                    continue;
                }
                if let Some(before) = winner.take()
                    && let (Some(a), Some(b)) = (self.record(before.layer), self.record(next.layer))
                {
                    if (&a.job, a.node) != (&b.job, b.node) {
                        other = Some(before);
                    }
                    if let (OnConflict::Fail, Some(other)) = (self.on_conflict, &other)
                        && let Some(record) = self.record(other.layer)
                    {
                        check_entry((record, &other.located.entry), (b, &next.located.entry))?;
                    }
                }
                if next.located.entry.content != Content::Directory {
                    hidden_by = Some(next.layer);
                }
                winner = Some(next);
            }
            if let Some(by) = hidden_by {
                self.hidden.push((path, by));
            }
            if let Some(winner) = winner {
                return Ok(Some(winner.located));
            }
        }
        Ok(None)
    }

    fn is_hidden(&self, layer: usize) -> bool {
        self.hidden.iter().any(|(_, by)| layer < *by)
    }

    fn record(&self, layer: usize) -> Option<&'a Record> {
        self.layers.get(layer).and_then(|layer| layer.record.as_ref())
    }
}

impl Ord for Head {
    /// Compares such that the first in path order is the greatest: a heap gives the greatest first.
    fn cmp(&self, other: &Head) -> Ordering {
        let (own, others) = (&self.located.entry.path, &other.located.entry.path);
        path::compare(others, own).then(other.layer.cmp(&self.layer))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Head) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Head) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

/// Checks that the layers of two jobs agree wherever both have a path.
pub fn check_pair<S: Store>(
    a: (&Record, &mut Entries<'_, S>),
    b: (&Record, &mut dyn Iterator<Item = Result<Entry>>),
) -> Result<()> {
    let (mut left, mut right) = (a.1.next_entry()?, b.1.next().transpose()?);
    while let (Some(one), Some(other)) = (&left, &right) {
        let order = path::compare(&one.entry.path, &other.path);
        if order.is_eq() {
            check_entry((a.0, &one.entry), (b.0, other))?;
        }
        if order.is_le() {
            left = a.1.next_entry()?;
        }
        if order.is_ge() {
            right = b.1.next().transpose()?;
        }
    }
    Ok(())
}

fn check_entry(a: (&Record, &Entry), b: (&Record, &Entry)) -> Result<()> {
    if same_content(&a.1.content, &b.1.content) {
        return Ok(());
    }
    let message = format!(
        "two jobs persisted different {} under one path: {} and {}",
        if matches!(
            (&a.1.content, &b.1.content),
            (Content::File { .. }, Content::File { .. })
        ) {
            "bytes"
        } else {
            "things"
        },
        a.0.job_name(),
        b.0.job_name()
    );
    Err(Error::conflict("path-conflict", message, &a.1.path))
}

/// Returns whether two trees hold the same files with the same attributes, wherever their bytes are stored.
/// `each` sees every entry of the first.
pub(crate) fn same_files<S: Store>(
    a: &mut Entries<'_, S>,
    b: &mut Entries<'_, S>,
    each: &mut dyn FnMut(&Located) -> Result<()>,
) -> Result<bool> {
    loop {
        match (a.next_entry()?, b.next_entry()?) {
            (None, None) => return Ok(true),
            (Some(located), Some(Located { entry: b, .. })) => {
                each(&located)?;
                let a = &located.entry;
                let same = (&a.path, a.bits, a.modified) == (&b.path, b.bits, b.modified);
                if !same || !same_content(&a.content, &b.content) {
                    return Ok(false);
                }
            }
            _ => return Ok(false),
        }
    }
}

/// Keeps the entries that are wanted, and the directories on the way to them.
pub struct Only<'a, T> {
    /// Absent: everything is wanted.
    wanted: Option<Selection>,
    patterns: &'a [String],
    /// The directories above, each with its verdict; and itself, if nothing wanted was found in it yet.
    above: Vec<(String, Verdict, Option<T>)>,
    /// Symlinks that a pattern may expect to be followed, with their targets.
    links: HashMap<String, String>,
    found: bool,
}

impl<'a, T> Only<'a, T> {
    /// Wants what `patterns` say, or everything where there are none. `exists` is asked about paths that are written like
    /// patterns.
    pub fn new(patterns: &'a [String], exists: impl Fn(&str) -> bool) -> Result<Only<'a, T>> {
        let wanted = match patterns {
            [] => None,
            patterns => Some(Selection::parse(patterns, |path| Ok::<_, Error>(exists(path)))?),
        };
        Ok(Only {
            found: wanted.is_none(),
            wanted,
            patterns,
            above: Vec::new(),
            links: HashMap::new(),
        })
    }

    /// Returns what is wanted: nothing where that is everything.
    pub fn selection(&self) -> Option<&Selection> {
        self.wanted.as_ref()
    }

    /// Takes the next entry, in path order. Gives those that are wanted because of it to `each`, in path order. `item` is
    /// what stands for the entry.
    pub fn take(
        &mut self,
        (path, content): (&str, &Content),
        item: T,
        each: &mut dyn FnMut(T) -> Result<()>,
    ) -> Result<()> {
        let Some(wanted) = &mut self.wanted else {
            return each(item);
        };
        let parent = path::parent(path);
        while self.above.pop_if(|(dir, ..)| dir != parent).is_some() {}
        let verdict = self
            .above
            .last()
            .map_or(Verdict::Descend, |(_, verdict, _)| *verdict);
        let is_directory = *content == Content::Directory;
        let verdict = wanted.check(path, is_directory, verdict);
        let is_wanted = verdict == Verdict::Selected;
        if let Content::Symlink(target) = content
            && !is_wanted
            && wanted.note_barrier(path)
        {
            self.links.insert(path.to_owned(), target.clone());
        }
        let mut waiting = Some(item);
        if is_wanted {
            self.found = true;
            let above = self.above.iter_mut().filter_map(|(.., above)| above.take());
            for item in above.chain(waiting.take()) {
                each(item)?;
            }
        }
        if is_directory {
            self.above.push((path.to_owned(), verdict, waiting));
        }
        Ok(())
    }

    /// Ends the entries. Returns what a user should hear of the patterns. Fails where nothing was wanted.
    pub fn end(self) -> Result<Vec<Problem>> {
        let Some(wanted) = &self.wanted else {
            return Ok(Vec::new());
        };
        let mut warnings = Vec::new();
        for (pattern, closed) in wanted.unmatched() {
            let link = closed.and_then(|path| Some((path, self.links.get(path)?)));
            let (code, message) = match link {
                None => (
                    "nothing-selected",
                    "no path of the artifact matches --only".to_owned(),
                ),
                Some((path, target)) => (
                    "through-symlink",
                    format!(
                        "no path of the artifact matches --only: {path} is a symlink to {target}, and symlinks are not followed"
                    ),
                ),
            };
            warnings.push(warning(code, message, pattern));
        }
        if !self.found {
            return Err(match warnings.pop() {
                Some(only) if warnings.is_empty() => Error::NothingMatched(only),
                _ => Error::nothing_matched(
                    "nothing-selected",
                    "no path of the artifact matches --only",
                    &self.patterns.join(" "),
                ),
            });
        }
        warnings.extend(wanted.unused().map(unused_problem));
        for shadowed in wanted.shadowed() {
            warnings.push(shadow_problem(&shadowed)?);
        }
        Ok(warnings)
    }
}

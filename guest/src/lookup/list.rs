//! Lists of builds.

use std::collections::VecDeque;

use super::counters::{CounterKeys, Form, counters};
use super::read::{SEARCHED_MAX, read};
use super::scope::Scope;
use crate::build_id::DatedBuild;
use crate::error::{Error, Result};
use crate::ports::Store;
use crate::recency::{Across, Recency, first, newest_first};
use crate::record::Record;
use crate::{keys, name, store_format};

/// The conditions for the builds of a list.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// The artifact, the project and the jobs. The selector has no meaning here.
    pub scope: Scope,
    /// Only of this branch.
    pub branch: Option<String>,
    /// Only of commits that begin with this.
    pub commit: Option<String>,
    /// Only of this tag.
    pub tag: Option<String>,
    /// At most this many.
    pub limit: usize,
}

/// Of so many keys of a counter the order is exact. They are in the order of their numbers, and on some runners a slow build
/// of an older run has the higher one.
const WINDOW: u32 = 1_000;

/// Returns builds, the newest first. Narrows by the most selective look-up, then filters.
pub fn list(store: &impl Store, query: &Query) -> Result<Vec<Record>> {
    query.scope.check_names()?;
    for (what, wanted) in [("a branch", &query.branch), ("a tag", &query.tag)] {
        if let Some(wanted) = wanted {
            name::check_foreign(what, wanted)?;
        }
    }
    store_format::check(store)?;
    let keys = query.scope.context.keys()?;
    let artifact = query.scope.artifact();
    let commit = query.commit.as_ref().map(|commit| commit.to_lowercase());
    let found = match (&commit, &query.tag, &query.branch) {
        (Some(commit), ..) if commit.len() < 4 || commit.bytes().any(|byte| !byte.is_ascii_hexdigit()) => {
            return Err(Error::invalid(
                "wrong-commit",
                "a commit is named by 4 to 64 hex digits",
                commit,
            ));
        }
        (Some(commit), ..) => of_commits(store, query, |trusted| keys.commits(artifact, trusted, commit))?,
        (None, Some(tag), _) => {
            let prefixes = [true, false].map(|trusted| keys.tag(artifact, trusted, tag));
            merged(store, query, &prefixes, By::Order(Form::Flat))?
        }
        (None, None, Some(branch)) => merged(
            store,
            query,
            &[keys.branch(artifact, branch)],
            By::Order(Form::Spread),
        )?,
        (None, None, None) => {
            let prefixes = [true, false].map(|trusted| keys.numbers(artifact, trusted));
            merged(store, query, &prefixes, By::Number)?
        }
    };
    if found.is_empty() {
        store_format::explain_absence(store)?;
    }
    Ok(found)
}

impl Query {
    fn wants(&self, record: &Record) -> bool {
        let fits = |wanted: &Option<String>, has: &Option<String>| wanted.is_none() || wanted == has;
        fits(&self.branch, &record.branch) && fits(&self.tag, &record.tag) && self.scope.wants(record)
    }
}

/// Returns the builds of all commits that begin with some digits. Their keys come by commit: the newest are known when all
/// are read.
fn of_commits(store: &impl Store, query: &Query, prefix: impl Fn(bool) -> String) -> Result<Vec<Record>> {
    let mut found = Vec::new();
    for trusted in [true, false] {
        let mut searched = 0;
        let (mut after, mut last): (Option<String>, Option<String>) = (None, None);
        while searched < SEARCHED_MAX {
            let page = store.list(&prefix(trusted), after.as_deref(), 100)?;
            searched += page.len();
            after = page.last().cloned();
            let is_last = page.len() < 100;
            for key in page.iter().filter(|key| keys::leaf(key).is_some()) {
                if last.as_deref().map(keys::stem) != Some(keys::stem(key)) {
                    found.push(read(store, key)?);
                }
                last = Some(key.clone());
            }
            if is_last {
                break;
            }
        }
    }
    found.retain(|record| query.wants(record));
    let mut found = newest_first(found, Across::Ranks, query.scope.context.now_ms, Record::recency);
    found.truncate(query.limit);
    Ok(found)
}

/// In which order the keys of a counter come.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Order(Form),
    /// The order is in the last name.
    Number,
}

/// Merges the builds of the counters below some prefixes, the newest first.
fn merged(store: &impl Store, query: &Query, prefixes: &[String], by: By) -> Result<Vec<Record>> {
    let now_ms = query.scope.context.now_ms;
    let form = match by {
        By::Order(form) => form,
        By::Number => Form::Spread,
    };
    let mut streams = Vec::new();
    for prefix in prefixes {
        for keys in counters(store, prefix, form, now_ms)? {
            streams.push(Stream::new(keys, by));
        }
    }
    let mut found = Vec::new();
    while found.len() < query.limit {
        for stream in &mut streams {
            stream.advance(store, |record| query.wants(record))?;
        }
        streams.retain(|stream| stream.next.is_some());
        // Over all branches people look for what ran last, and it is shown who built it.
        let heads: Vec<Recency<'_>> = streams
            .iter()
            .filter_map(|stream| stream.next.as_ref())
            .map(|(_, record)| Recency {
                trusted: record.trusted() || by == By::Number,
                ..record.recency()
            })
            .collect();
        let Some(newest) = first(&heads, now_ms) else {
            break;
        };
        let next = streams.get_mut(newest).and_then(|stream| stream.next.take());
        found.extend(next.map(|(_, record)| record));
    }
    Ok(found)
}

/// Returns, for each counter, the last of its keys that comes before a build in the order of all: the builds that are newer.
/// If the order changes between counters, only the earlier builds say which these are, so they are read.
pub(super) fn before(
    store: &impl Store,
    counters: &[CounterKeys],
    build: &DatedBuild,
    now_ms: u64,
) -> Result<Vec<Option<String>>> {
    let mut streams: Vec<Stream> = counters
        .iter()
        .map(|keys| Stream::new(keys.clone(), By::Order(Form::Spread)))
        .collect();
    let mut passed = vec![None; streams.len()];
    loop {
        let mut heads = Vec::new();
        for (at, stream) in streams.iter_mut().enumerate() {
            stream.advance(store, |_| true)?;
            if let Some((_, record)) = &stream.next {
                heads.push((at, record));
            }
        }
        let recencies: Vec<Recency<'_>> = heads.iter().map(|(_, record)| record.recency()).collect();
        let newest = first(&recencies, now_ms).and_then(|newest| heads.get(newest));
        let Some((at, record)) = newest else {
            return Ok(passed);
        };
        if record.counter == build.id.counter && record.order <= build.id.order {
            return Ok(passed);
        }
        let at = *at;
        let next = streams.get_mut(at).and_then(|stream| stream.next.take());
        if let (Some(passed), Some((key, _))) = (passed.get_mut(at), next) {
            *passed = Some(key);
        }
    }
}

/// The builds of one counter, the newest first.
struct Stream {
    keys: CounterKeys,
    by: By,
    read: VecDeque<String>,
    next: Option<(String, Record)>,
    searched: usize,
}

impl Stream {
    fn new(keys: CounterKeys, by: By) -> Stream {
        Stream {
            keys,
            by,
            read: VecDeque::new(),
            next: None,
            searched: 0,
        }
    }

    /// Reads the next build that is wanted, unless it was read before. A filter that hardly matches must not read the whole
    /// history.
    fn advance(&mut self, store: &impl Store, wants: impl Fn(&Record) -> bool) -> Result<()> {
        while self.next.is_none() && self.searched < SEARCHED_MAX {
            if self.read.is_empty() {
                let page = match self.by {
                    By::Order(_) => self.keys.page(store)?,
                    By::Number => self.keys.window(store, WINDOW)?,
                };
                let Some(mut page) = page else {
                    return Ok(());
                };
                if self.by == By::Number {
                    page.sort_by(|(a, _), (b, _)| last_name(a).cmp(last_name(b)));
                }
                self.read.extend(page.into_iter().map(|(key, _)| key));
            }
            if let Some(key) = self.read.pop_front() {
                self.searched += 1;
                let record = read(store, &key)?;
                self.next = Some((key, record)).filter(|(_, record)| wants(record));
            }
        }
        Ok(())
    }
}

fn last_name(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or_default()
}

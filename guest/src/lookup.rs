//! From a selector to the builds that it means.
//!
//! Each look-up is a listing with a fixed prefix and a small limit, so its cost does not grow with the history.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::context::{ARTIFACT, Context};
use crate::error::{Error, Result};
use crate::id::TreeId;
use crate::keys::{self, Project};
use crate::order::Leaf;
use crate::ports::{PutMode, PutOutcome, Store};
use crate::record::{Record, open, seal};
use crate::selector::{Selector, nearest};
use crate::store_format;

/// Keys asked for at a time. One build has as many as it has parallel nodes, mostly one.
const PAGE: u32 = 32;
/// A branch on which this many builds in a row are incomplete, or of other jobs, is searched no further.
const SEARCHED_MAX: usize = 2_000;
/// How many names an error suggests.
const SUGGESTED: usize = 5;
/// The most layers of one workspace.
const LAYERS_MAX: usize = 10_000;

/// Which jobs' layers and which files of an artifact are wanted.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// As the user wrote it.
    pub selector: String,
    /// The artifact, or every one of a workspace.
    pub name: Option<String>,
    /// Only of these jobs, or of all.
    pub jobs: Vec<String>,
    /// Who asks.
    pub context: Context,
}

/// One part of what a selector means: a tree, and the record that named it, if one did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Absent where the tree itself was named.
    pub record: Option<Record>,
    /// The files.
    pub tree: TreeId,
}

impl From<Record> for Layer {
    fn from(record: Record) -> Layer {
        Layer {
            tree: record.tree,
            record: Some(record),
        }
    }
}

impl Scope {
    fn artifact(&self) -> &str {
        self.name.as_deref().unwrap_or(ARTIFACT)
    }

    fn wants(&self, record: &Record) -> bool {
        self.jobs.is_empty() || record.job.as_ref().is_some_and(|job| self.jobs.contains(job))
    }
}

/// Returns what the selector of a scope means, in the order in which layers apply: oldest first.
pub fn resolve(store: &impl Store, scope: &Scope) -> Result<Vec<Layer>> {
    let selector: Selector = scope
        .selector
        .parse()
        .map_err(|error: crate::selector::SelectorError| {
            Error::invalid("wrong-selector", error.to_string(), "")
        })?;
    let found = match &selector {
        Selector::Tree(id) => {
            let tree = id
                .parse()
                .map_err(|error| Error::internal("a checked id").because(error))?;
            return Ok(vec![Layer { record: None, tree }]);
        }
        Selector::Workspace => {
            let workspace = scope.context.workspace()?;
            layers(store, &scope.context.keys()?, workspace)?
        }
        Selector::Workflow(workflow) => workflow_layers(store, &scope.context.keys()?, workflow)?,
        Selector::Latest { branch } => {
            let branch = branch.as_deref().map_or_else(|| scope.context.branch(), Ok)?;
            let prefix = scope.context.keys()?.branch(scope.artifact(), branch);
            newest(store, &prefix, scope, SEARCHED_MAX)?
        }
        Selector::Build(number) => newest(
            store,
            &scope.context.keys()?.number(scope.artifact(), *number),
            scope,
            SEARCHED_MAX,
        )?,
        Selector::Tag(tag) => newest(
            store,
            &scope.context.keys()?.tag(scope.artifact(), tag),
            scope,
            SEARCHED_MAX,
        )?,
        Selector::Commit(prefix) => {
            let keys = scope.context.keys()?;
            match only_commit(store, &keys, scope.artifact(), prefix)? {
                Some(commit) => {
                    let prefix = format!("{}/", keys.commits(scope.artifact(), &commit));
                    newest(store, &prefix, scope, SEARCHED_MAX)?
                }
                None => Vec::new(),
            }
        }
    };
    let several = matches!(selector, Selector::Workspace | Selector::Workflow(_));
    let wanted: Vec<Layer> = found
        .into_iter()
        .filter(|record| scope.wants(record))
        .filter(|record| !several || scope.name.as_ref().is_none_or(|name| *name == record.artifact))
        .map(Layer::from)
        .collect();
    if wanted.is_empty() {
        Err(nothing(store, scope, &selector)?)
    } else {
        Ok(wanted)
    }
}

/// Returns the builds that could save a persist of `record` from storing again: the latest of the branch, else of the
/// default branch, and the workspace's layers of the same artifact. Where several jobs persist one artifact, a job's own
/// build comes first. A damaged record is no base, and no obstacle.
pub fn bases(store: &impl Store, record: &Record, default_branch: Option<&str>) -> Result<Vec<Record>> {
    let keys = Project::new(&record.project);
    let own = Scope {
        jobs: record.job.iter().cloned().collect(),
        ..Scope::default()
    };
    let mut branches: Vec<&str> = [record.branch.as_deref(), default_branch, Some("main")]
        .into_iter()
        .flatten()
        .collect();
    branches.dedup();
    let mut found = Vec::new();
    for (scope, branch) in [&own, &Scope::default()]
        .iter()
        .flat_map(|scope| branches.iter().map(move |b| (scope, b)))
    {
        if found.is_empty() {
            let prefix = keys.branch(&record.artifact, branch);
            found = sound(newest(store, &prefix, scope, PAGE as usize))?;
        }
    }
    if let Some(workspace) = &record.workspace {
        let layers = sound(layers(store, &keys, workspace))?;
        found.extend(
            layers
                .into_iter()
                .filter(|layer| layer.artifact == record.artifact),
        );
    }
    Ok(found)
}

/// Takes what is not there, damaged or larger than it may be for nothing: where it would only help.
pub(crate) fn sound<T: Default>(found: Result<T>) -> Result<T> {
    match found {
        Err(Error::Damaged(_) | Error::NothingMatched(_) | Error::Conflict(_) | Error::Limit(_)) => {
            Ok(T::default())
        }
        other => other,
    }
}

/// Returns the records of the newest complete build below a prefix: one, or one for each parallel node. Looks at about
/// `most` keys.
fn newest(store: &impl Store, prefix: &str, scope: &Scope, most: usize) -> Result<Vec<Record>> {
    let mut incomplete = None;
    let mut groups = Groups::new(store, prefix, most);
    while let Some(group) = groups.next()? {
        let Some((first, leaf)) = group.first() else {
            continue;
        };
        let record = read(store, first)?;
        if !scope.wants(&record) {
            continue;
        }
        if group.len() < leaf.node.total as usize {
            incomplete.get_or_insert((record, group.len()));
            continue;
        }
        // Two jobs of one run that share a number (GitHub's do) leave nothing to prefer one by.
        if scope.jobs.is_empty()
            && let Some(next) = groups.peek()?
            && next
                .first()
                .is_some_and(|(key, other)| same_run(first, key) && other.attempt == leaf.attempt)
        {
            let other = next.first().map(|(key, _)| read(store, key)).transpose()?;
            return Err(ambiguous_jobs(scope, &record, other.as_ref()));
        }
        let mut records = vec![record];
        for (key, _) in group.iter().skip(1) {
            records.push(read(store, key)?);
        }
        records.sort_by_key(|record| record.node);
        return Ok(records);
    }
    match incomplete {
        None => Ok(Vec::new()),
        Some((record, there)) => {
            let total = record.node.total;
            let message = format!(
                "only {there} of {total} parallel nodes of {} have persisted",
                record.job_name()
            );
            Err(Error::nothing_matched(
                "incomplete-build",
                message,
                &scope.selector,
            ))
        }
    }
}

/// Whether two keys of builds lie in the same run: all but the leaf is equal.
fn same_run(a: &str, b: &str) -> bool {
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

fn ambiguous_jobs(scope: &Scope, record: &Record, other: Option<&Record>) -> Error {
    let job = |record: &Record| record.job.clone().unwrap_or_else(|| "(no job)".to_owned());
    let message = format!(
        "several jobs of build {} persisted {}: {} and {}",
        record.number,
        record.artifact,
        job(record),
        other.map_or_else(|| "another".to_owned(), job)
    );
    Error::conflict("ambiguous-job", message, &scope.selector)
}

/// Groups the keys below a prefix by job run, in order.
struct Groups<'a, S> {
    store: &'a S,
    prefix: &'a str,
    keys: std::collections::VecDeque<(String, Leaf)>,
    last: Option<String>,
    ended: bool,
    /// How many more keys are asked for.
    left: usize,
    peeked: Option<Vec<(String, Leaf)>>,
}

impl<'a, S: Store> Groups<'a, S> {
    fn new(store: &'a S, prefix: &'a str, left: usize) -> Self {
        let keys = std::collections::VecDeque::new();
        Groups {
            store,
            prefix,
            keys,
            last: None,
            ended: false,
            left,
            peeked: None,
        }
    }

    fn key(&mut self) -> Result<Option<&(String, Leaf)>> {
        if self.keys.is_empty() && !self.ended && self.left > 0 {
            let page = self.store.list(self.prefix, self.last.as_deref(), PAGE)?;
            self.ended = page.len() < PAGE as usize;
            self.left = self.left.saturating_sub(page.len());
            self.last = page.last().cloned();
            for key in page {
                // A key that no baton wrote is nobody's build.
                if let Some(leaf) = keys::leaf(&key) {
                    self.keys.push_back((key, leaf));
                }
            }
        }
        Ok(self.keys.front())
    }

    fn next(&mut self) -> Result<Option<Vec<(String, Leaf)>>> {
        if let Some(peeked) = self.peeked.take() {
            return Ok(Some(peeked));
        }
        self.key()?;
        let Some(first) = self.keys.pop_front() else {
            return Ok(None);
        };
        let mut group = vec![first];
        loop {
            let same = match (self.key()?, group.first()) {
                (Some((key, leaf)), Some((first, of))) => same_run(first, key) && leaf.same_job(of),
                _ => false,
            };
            if !same {
                return Ok(Some(group));
            }
            group.extend(self.keys.pop_front());
        }
    }

    fn peek(&mut self) -> Result<Option<&Vec<(String, Leaf)>>> {
        if self.peeked.is_none() {
            self.peeked = self.next()?;
        }
        Ok(self.peeked.as_ref())
    }
}

/// Reads the record under a key that a listing gave.
pub fn read(store: &impl Store, key: &str) -> Result<Record> {
    let bytes = store
        .get(key, None)?
        .ok_or_else(|| Error::damaged(key, "the record is missing"))?;
    Record::open(key, &bytes)
}

/// Returns the one commit that begins with `prefix`, in full.
fn only_commit(store: &impl Store, keys: &Project, artifact: &str, prefix: &str) -> Result<Option<String>> {
    let start = keys.commits(artifact, prefix);
    let mut found: Vec<String> = Vec::new();
    let mut after = None;
    while found.len() <= SUGGESTED {
        let Some(key) = store.list(&start, after.as_deref(), 1)?.pop() else {
            break;
        };
        let rest = key
            .strip_prefix(&start)
            .and_then(|rest| rest.split('/').next())
            .unwrap_or_default();
        after = Some(format!("{start}{rest}/~~"));
        found.push(format!("{prefix}{rest}"));
    }
    match found.as_slice() {
        [] => Ok(None),
        [commit] => Ok(Some(commit.clone())),
        several => {
            let more = if several.len() > SUGGESTED {
                " and more"
            } else {
                ""
            };
            let shown: Vec<&str> = several.iter().take(SUGGESTED).map(String::as_str).collect();
            let message = format!("several commits begin with {prefix}: {}{more}", shown.join(", "));
            Err(Error::invalid(
                "ambiguous-commit",
                message,
                &format!("sha:{prefix}"),
            ))
        }
    }
}

/// Returns the layers of a workspace, oldest first: of each artifact, job and node the newest.
pub fn layers(store: &impl Store, keys: &Project, workspace: &str) -> Result<Vec<Record>> {
    let prefix = keys.workspace(workspace);
    let mut newest: Vec<String> = Vec::new();
    for key in all_keys(store, &prefix)? {
        let dir = |key: &str| key.rsplit_once('/').map(|(dir, _)| dir.to_owned());
        // Keys of one directory follow each other, newest first.
        if newest.last().is_none_or(|last| dir(last) != dir(&key)) {
            newest.push(key);
        }
    }
    let mut records = newest
        .iter()
        .map(|key| read(store, key))
        .collect::<Result<Vec<_>>>()?;
    records.sort_by_key(|record| (record.order, record.created_ms, record.node));
    // A rerun with another number of nodes replaces them all.
    let totals: HashMap<_, _> = records
        .iter()
        .map(|r| ((r.artifact.clone(), r.job.clone()), r.node.total))
        .collect();
    records.retain(|r| totals.get(&(r.artifact.clone(), r.job.clone())) == Some(&r.node.total));
    Ok(records)
}

fn all_keys(store: &impl Store, prefix: &str) -> Result<Vec<String>> {
    let mut keys: Vec<String> = Vec::new();
    loop {
        let page = store.list(prefix, keys.last().map(String::as_str), 1000)?;
        let last = page.len() < 1000;
        keys.extend(page);
        if last {
            return Ok(keys);
        }
        if keys.len() > LAYERS_MAX {
            let message = format!("a workspace has more than {LAYERS_MAX} layers");
            return Err(Error::limit("too-many-layers", message, prefix));
        }
    }
}

/// What a rerun leaves under its own name: where its layers are.
#[derive(Serialize, Deserialize)]
struct WorkflowName {
    workspace: String,
}

/// Lets `workflow:ID` find the workspace of a rerun, whose own ID is not the workspace's. Returns the bytes written.
pub fn remember_workflow(store: &impl Store, record: &Record) -> Result<u64> {
    if let (Some(workflow), Some(workspace)) = (&record.workflow, &record.workspace)
        && workflow != workspace
    {
        let key = format!(
            "{}{}",
            Project::new(&record.project).workflow(workflow),
            keys::name(workspace)
        );
        let bytes = seal(
            "workflow",
            &WorkflowName {
                workspace: workspace.clone(),
            },
        )?;
        if store.put(&key, &bytes, PutMode::Create)? == PutOutcome::Stored {
            return Ok(bytes.len() as u64);
        }
    }
    Ok(0)
}

fn workflow_layers(store: &impl Store, keys: &Project, workflow: &str) -> Result<Vec<Record>> {
    let Some(key) = store.list(&keys.workflow(workflow), None, 1)?.pop() else {
        return layers(store, keys, workflow);
    };
    let bytes = store
        .get(&key, None)?
        .ok_or_else(|| Error::damaged(&key, "the workflow's name is missing"))?;
    let WorkflowName { workspace } = open("workflow", &key, &bytes)?;
    layers(store, keys, &workspace)
}

/// Returns the names right below a prefix, decoded, at most `most` of them: one request a name.
fn names_below(store: &impl Store, prefix: &str, most: usize) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let mut after = None;
    while names.len() < most {
        let Some(key) = store.list(prefix, after.as_deref(), 1)?.pop() else {
            break;
        };
        let name = key
            .strip_prefix(prefix)
            .and_then(|rest| rest.split('/').next())
            .unwrap_or_default();
        after = Some(format!("{prefix}{name}/~~"));
        names.extend(keys::text(name));
    }
    Ok(names)
}

/// Returns the error for a selector that means nothing, with what is near it.
fn nothing(store: &impl Store, scope: &Scope, selector: &Selector) -> Result<Error> {
    store_format::explain_absence(store)?;
    let artifact = scope.artifact();
    let keys = scope.context.keys()?;
    let of_jobs = match scope.jobs.as_slice() {
        [] => String::new(),
        jobs => format!(" by {}", jobs.join(", ")),
    };
    let message = match selector {
        Selector::Latest { branch } => {
            let branch = branch
                .as_deref()
                .or(scope.context.branch.as_deref())
                .unwrap_or_default();
            let known = names_below(store, &keys.branches(artifact), 50)?;
            let near = nearest(branch, known.iter().map(String::as_str), SUGGESTED);
            let near = if near.is_empty() {
                known.iter().map(String::as_str).take(SUGGESTED).collect()
            } else {
                near
            };
            let hint = if near.is_empty() {
                String::new()
            } else {
                format!("; it is on {}", near.join(", "))
            };
            format!("no build of {artifact}{of_jobs} is on branch {branch}{hint}")
        }
        Selector::Workspace | Selector::Workflow(_) => {
            let named = scope
                .name
                .as_ref()
                .map(|name| format!(" of {name}"))
                .unwrap_or_default();
            format!("nothing{named} was persisted to this workspace{of_jobs} yet")
        }
        _ => {
            let known = recent(store, &keys, artifact)?;
            let hint = if known.is_empty() {
                String::new()
            } else {
                format!("; the newest are {}", known.join(", "))
            };
            format!("no build of {artifact}{of_jobs} matches{hint}")
        }
    };
    Ok(Error::nothing_matched("no-build", message, &scope.selector))
}

/// Returns how the newest builds are named: number, and commit where there is one.
fn recent(store: &impl Store, keys: &Project, artifact: &str) -> Result<Vec<String>> {
    let found = store.list(&keys.numbers(artifact), None, SUGGESTED as u32)?;
    let records = found
        .iter()
        .map(|key| read(store, key))
        .collect::<Result<Vec<_>>>()?;
    let shown = |record: Record| match record.commit {
        Some(commit) => format!(
            "build:{} (sha:{})",
            record.number,
            commit.get(..7).unwrap_or(&commit)
        ),
        None => format!("build:{}", record.number),
    };
    Ok(records.into_iter().map(shown).collect())
}

/// Which builds a list shows.
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

/// Returns builds, newest first: by order on one branch, by number over all. Narrows by the most selective look-up, then
/// filters.
pub fn list(store: &impl Store, query: &Query) -> Result<Vec<Record>> {
    let keys = query.scope.context.keys()?;
    let artifact = query.scope.artifact();
    let commit = query.commit.as_ref().map(|commit| commit.to_lowercase());
    let prefix = match (&commit, &query.tag, &query.branch) {
        (Some(commit), ..) if commit.len() < 4 || commit.bytes().any(|byte| !byte.is_ascii_hexdigit()) => {
            return Err(Error::invalid(
                "wrong-commit",
                "a commit is named by 4 to 64 hex digits",
                commit,
            ));
        }
        (Some(commit), ..) => keys.commits(artifact, commit),
        (None, Some(tag), _) => keys.tag(artifact, tag),
        (None, None, Some(branch)) => keys.branch(artifact, branch),
        (None, None, None) => keys.numbers(artifact),
    };
    // The keys of several commits come by commit: the newest are known when all are read.
    let enough = if commit.is_some() { usize::MAX } else { query.limit };
    let mut found = Vec::new();
    let mut searched = 0;
    let mut after: Option<String> = None;
    // A filter that hardly matches must not read the whole history.
    while found.len() < enough && searched < SEARCHED_MAX {
        let page = store.list(&prefix, after.as_deref(), 100)?;
        let last = page.len() < 100;
        searched += page.len();
        for key in &page {
            if keys::leaf(key).is_none() {
                continue;
            }
            let record = read(store, key)?;
            let fits = |wanted: &Option<String>, has: &Option<String>| wanted.is_none() || wanted == has;
            if fits(&query.branch, &record.branch)
                && fits(&query.tag, &record.tag)
                && query.scope.wants(&record)
            {
                found.push(record);
            }
            if found.len() == enough {
                break;
            }
        }
        after = page.last().cloned();
        if last {
            break;
        }
    }
    if commit.is_some() {
        found.sort_by_key(|record| std::cmp::Reverse((record.number, record.order)));
        found.truncate(query.limit);
    }
    if found.is_empty() {
        store_format::explain_absence(store)?;
    }
    Ok(found)
}

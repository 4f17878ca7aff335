//! From a selector to the builds that it means.
//!
//! Each look-up is a listing with a fixed prefix and a small limit, so its cost does not grow with the history.

mod absent;
mod counters;
mod having;
mod layers;
mod list;
mod names;
mod newest;
mod passed_over;
mod pointed;

pub use layers::{layers_of, remember_workflow};
pub use list::{Query, list};
pub use names::{Page, artifacts, channels};
use passed_over::missing_layers;
pub use passed_over::ranks_low;
pub(crate) use pointed::nodes_of;
pub use pointed::{before, by_id, newest_of_branch};

use absent::{SUGGESTED, nothing};
pub(crate) use absent::{no_earlier, no_history};
use counters::Form;
use having::newest_having;
use layers::{layers, workflow_layers};
pub(crate) use layers::{revisions, workflow_key, workspace_of};
use newest::{Search, newest};
use pointed::{latest, on_channel};

use crate::circleci::Source;
use crate::context::{ARTIFACT, Context};
use crate::error::{Damage, Error, Problem, Result, warning};
use crate::id::TreeId;
use crate::keys::{self, Project};
use crate::name;
use crate::ports::{Store, get_intact};
use crate::record::Record;
use crate::selector::{Selector, SelectorError};
use crate::store_format;

/// A branch on which this many builds in a row are incomplete, or of other jobs, is searched no further.
const SEARCHED_MAX: usize = 2_000;
/// A base only saves work, so that few builds are looked at.
const BASES_SEARCHED_MAX: usize = 32;

/// Which jobs' layers and which files of an artifact are wanted.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// As the user wrote it.
    pub selector: String,
    /// The artifact, or every one of a workspace.
    pub name: Option<String>,
    /// Only of these jobs, or of all.
    pub jobs: Vec<String>,
    /// Only a build of which each of these patterns matches a file. For the latest of a branch.
    pub having: Vec<String>,
    /// Who asks.
    pub context: Context,
    /// Whether a damaged latest build is an error. Otherwise the newest intact one takes its place.
    pub strict: bool,
    /// What turned out to be damaged, so that `latest` does not take it.
    pub without: Vec<Unfit>,
    /// Among what CircleCI's jobs stored, and not in the store.
    pub circleci: Option<Source>,
}

/// A tree that cannot be attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// Which.
    pub tree: TreeId,
    /// What is wrong with it, or with a pack of its.
    pub damage: Damage,
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
    /// Checks the names of the artifact and of the jobs, as a persist does.
    pub fn check_names(&self) -> Result<()> {
        if let Some(artifact) = &self.name {
            name::check_artifact(artifact)?;
        }
        self.jobs
            .iter()
            .try_for_each(|job| name::check_foreign("a job", job))
    }

    pub(crate) fn parsed(&self) -> Result<Selector> {
        self.check_names()?;
        self.selector
            .parse()
            .map_err(|error: SelectorError| Error::invalid("wrong-selector", error.to_string(), ""))
    }

    /// Whether another build may take the place of one that is damaged.
    pub fn may_fall_back(&self) -> bool {
        !self.strict && matches!(self.parsed(), Ok(Selector::Latest { .. }))
    }

    pub(crate) fn artifact(&self) -> &str {
        self.name.as_deref().unwrap_or(ARTIFACT)
    }

    fn wants(&self, record: &Record) -> bool {
        self.jobs.is_empty() || record.job.as_ref().is_some_and(|job| self.jobs.contains(job))
    }

    /// Returns the records unless one's tree is known to be damaged.
    fn check_fit(&self, records: Vec<Record>) -> Result<Vec<Record>> {
        let unfit = |record: &Record| self.without.iter().find(|unfit| unfit.tree == record.tree);
        match records.iter().find_map(unfit) {
            None => Ok(records),
            Some(unfit) => Err(Error::Damaged(unfit.damage.clone())),
        }
    }
}

/// A branch on which this many builds in a row are damaged is searched no further.
const UNFIT_MAX: usize = 32;

/// What a selector means.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    /// In the order in which they apply: oldest first.
    pub layers: Vec<Layer>,
    /// That a hold decided, or that newer builds were passed over.
    pub warnings: Vec<Problem>,
}

/// Returns what the selector of a scope means. Reads records only.
pub fn resolve(store: &impl Store, scope: &Scope) -> Result<Resolved> {
    let selector = scope.parsed()?;
    if !scope.having.is_empty() && !matches!(selector, Selector::Latest { .. }) {
        let message = "only the latest build of a branch is looked up by the files that it has";
        return Err(Error::invalid("wrong-having", message, &scope.selector));
    }
    let mut warnings = Vec::new();
    let found = match &selector {
        Selector::Tree(id) => {
            let tree = id
                .parse()
                .map_err(|error| Error::internal("a checked id").because(error))?;
            return Ok(Resolved {
                layers: vec![Layer { record: None, tree }],
                warnings,
            });
        }
        Selector::Workspace => {
            let workspace = scope.context.workspace()?;
            layers(store, &scope.context.keys()?, workspace, scope, &mut warnings)?
        }
        Selector::Workflow(workflow) => workflow_layers(store, workflow, scope, &mut warnings)?,
        Selector::Latest { branch } => {
            let branch = branch.as_deref().map_or_else(|| scope.context.branch(), Ok)?;
            match scope.having.is_empty() {
                true => latest(store, scope, branch, &mut warnings)?,
                false => newest_having(store, scope, branch, &mut warnings)?,
            }
        }
        Selector::Channel(channel) => on_channel(store, scope, channel, &mut warnings)?,
        Selector::Build(number) => by_name(store, scope, &mut warnings, |keys, trusted| {
            Ok(Some((keys.numbers(scope.artifact(), trusted), Some(*number))))
        })?,
        Selector::Tag(tag) => by_name(store, scope, &mut warnings, |keys, trusted| {
            Ok(Some((keys.tag(scope.artifact(), trusted, tag), None)))
        })?,
        Selector::Commit(prefix) => by_name(store, scope, &mut warnings, |keys, trusted| {
            let commit = only_commit(store, keys, scope.artifact(), trusted, prefix)?;
            Ok(commit.map(|commit| {
                let prefix = keys.commits(scope.artifact(), trusted, &commit);
                (format!("{prefix}/"), None)
            }))
        })?,
    };
    let several = matches!(selector, Selector::Workspace | Selector::Workflow(_));
    let wanted: Vec<Record> = found
        .into_iter()
        .filter(|record| scope.wants(record))
        .filter(|record| !several || scope.name.as_ref().is_none_or(|name| *name == record.artifact))
        .collect();
    if wanted.is_empty() {
        return Err(nothing(store, scope, &selector)?);
    }
    if several {
        warnings.extend(missing_layers(&wanted));
    }
    Ok(Resolved {
        layers: wanted.into_iter().map(Layer::from).collect(),
        warnings,
    })
}

/// Does `with` what the selector of a scope means. A latest build whose tree turns out to be missing or damaged gives way to
/// the newest one before it, with a warning, unless the scope is strict: then `with` begins again.
pub fn intact<T>(
    store: &impl Store,
    scope: &Scope,
    mut with: impl FnMut(&Resolved) -> Result<T>,
) -> Result<(T, Resolved)> {
    store_format::check(store)?;
    let mut scope = scope.clone();
    let mut first_damage = None;
    loop {
        let resolved = match (resolve(store, &scope), first_damage.take()) {
            // That nothing is left is less to know than what is wrong with the newest.
            (Err(Error::NothingMatched(_) | Error::Damaged(_)), Some(damage)) => return Err(damage),
            (resolved, damage) => {
                first_damage = damage;
                resolved?
            }
        };
        let damage = match with(&resolved) {
            Err(Error::Damaged(damage)) if scope.may_fall_back() => damage,
            done => return Ok((done?, resolved)),
        };
        let first = first_damage.get_or_insert(Error::Damaged(damage.clone()));
        // Whichever of its trees it is, the build is passed over.
        let unfit = |layer: &Layer| Unfit {
            tree: layer.tree,
            damage: damage.clone(),
        };
        scope.without.extend(resolved.layers.first().map(unfit));
        if scope.without.len() > UNFIT_MAX || resolved.layers.is_empty() {
            return Err(first.clone());
        }
    }
}

/// Returns the newest build below a prefix of look-up keys, whatever its state: who names a build wants that one. What a fork
/// or a pull request built answers only where nothing else does, with a warning.
fn by_name(
    store: &impl Store,
    scope: &Scope,
    warnings: &mut Vec<Problem>,
    prefix: impl Fn(&Project, bool) -> Result<Option<(String, Option<u64>)>>,
) -> Result<Vec<Record>> {
    let keys = scope.context.keys()?;
    for trusted in [true, false] {
        let Some((prefix, number)) = prefix(&keys, trusted)? else {
            continue;
        };
        let search = Search {
            form: match number {
                Some(_) => Form::Spread,
                None => Form::Flat,
            },
            by_name: true,
            number,
            lenient: false,
            ..Search::branch(&prefix, scope)
        };
        let found = newest(store, &search, scope, warnings)?;
        if !found.is_empty() {
            warn_of_trust(&found, scope, warnings);
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// Says that a fork or a pull request built what was found, unless one asks.
fn warn_of_trust(found: &[Record], scope: &Scope, warnings: &mut Vec<Problem>) {
    if let Some(record) = found.iter().find(|record| !record.trusted())
        && scope.context.trusted()
    {
        let message = format!(
            "only {} built what matches: trust it as you trust whoever opened that",
            record.origin()
        );
        warnings.push(warning("untrusted", message, &record.build_id().to_string()));
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
            let search = Search {
                most: BASES_SEARCHED_MAX,
                lenient: false,
                ..Search::branch(&prefix, scope)
            };
            found = sound(newest(store, &search, scope, &mut Vec::new()))?;
        }
    }
    if let Some(workspace) = &record.workspace {
        let layers = sound(layers_of(
            store,
            &keys,
            workspace,
            record.trusted(),
            record.created_ms,
        ))?;
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
        Err(Error::NothingMatched(_) | Error::Conflict(_) | Error::Limit(_)) => Ok(T::default()),
        Err(error) => error.into_damage().map(|_| T::default()),
        found => found,
    }
}

/// Reads the record under a key that a listing gave.
pub fn read(store: &impl Store, key: &str) -> Result<Record> {
    get_intact(store, key, None, |bytes| Record::open(key, &bytes))?
        .ok_or_else(|| Error::damaged(key, "the record is missing"))
}

/// Returns the one commit that begins with `prefix`, in full.
fn only_commit(
    store: &impl Store,
    keys: &Project,
    artifact: &str,
    trusted: bool,
    prefix: &str,
) -> Result<Option<String>> {
    let start = keys.commits(artifact, trusted, prefix);
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
        let commit = format!("{prefix}{rest}");
        after = Some(keys::behind(&format!("{start}{rest}"), &key));
        if found.last() != Some(&commit) {
            found.push(commit);
        }
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

/// Returns all keys below a prefix, of which there may be about `most`.
fn all_keys(store: &impl Store, prefix: &str, most: usize) -> Result<Vec<String>> {
    let mut keys: Vec<String> = Vec::new();
    loop {
        let page = store.list(prefix, keys.last().map(String::as_str), 1000)?;
        let last = page.len() < 1000;
        keys.extend(page);
        if last {
            return Ok(keys);
        }
        if keys.len() > most {
            let message = format!("there are more than {most} layers here");
            return Err(Error::limit("too-many-layers", message, prefix));
        }
    }
}

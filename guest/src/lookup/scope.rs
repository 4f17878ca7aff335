//! The scope of a look-up, and what it resolves to.

use crate::circleci::Source;
use crate::context::{ARTIFACT, Context};
use crate::error::{Damage, Error, Problem, Result};
use crate::id::TreeId;
use crate::name;
use crate::record::Record;
use crate::selector::{Selector, SelectorError};

/// The builds that a request is about.
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
    /// The build that asks.
    pub context: Context,
    /// Whether a damaged latest build is an error. Otherwise the newest intact one replaces it.
    pub strict: bool,
    /// Trees that turned out to be damaged: `latest` passes them over.
    pub damaged: Vec<DamagedTree>,
    /// Among what CircleCI's jobs stored, and not in the store.
    pub circleci: Option<Source>,
}

/// A tree that cannot be attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedTree {
    /// The tree.
    pub tree: TreeId,
    /// The damage of the tree, or of one of its packs.
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

    /// Returns whether another build may replace one that is damaged.
    pub fn may_fall_back(&self) -> bool {
        !self.strict && matches!(self.parsed(), Ok(Selector::Latest { .. }))
    }

    pub(crate) fn artifact(&self) -> &str {
        self.name.as_deref().unwrap_or(ARTIFACT)
    }

    pub(super) fn wants(&self, record: &Record) -> bool {
        self.jobs.is_empty() || record.job.as_ref().is_some_and(|job| self.jobs.contains(job))
    }

    /// Returns the records unless one's tree is known to be damaged.
    pub(super) fn check_undamaged(&self, records: Vec<Record>) -> Result<Vec<Record>> {
        let damaged = |record: &Record| self.damaged.iter().find(|damaged| damaged.tree == record.tree);
        match records.iter().find_map(damaged) {
            None => Ok(records),
            Some(damaged) => Err(Error::Damaged(damaged.damage.clone())),
        }
    }
}

/// The meaning of a selector.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    /// In the order in which they apply: oldest first.
    pub layers: Vec<Layer>,
    /// Warnings that a hold decided, or that newer builds were passed over.
    pub warnings: Vec<Problem>,
}

//! The builds that may save a persist from storing again.

use super::layers::layers_of;
use super::newest::{Search, newest};
use super::read::ignore_damage;
use super::scope::Scope;
use crate::error::Result;
use crate::keys::Project;
use crate::ports::Store;
use crate::record::Record;

/// A base only saves work, so that few builds are looked at.
const BASES_SEARCHED_MAX: usize = 32;

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
            found = ignore_damage(newest(store, &search, scope, &mut Vec::new()))?;
        }
    }
    if let Some(workspace) = &record.workspace {
        let layers = ignore_damage(layers_of(
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

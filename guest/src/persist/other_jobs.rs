//! Conflicts with what other jobs of the workspace persisted.

use std::collections::HashMap;

use super::assemble::Assembling;
use super::gathered::Gathered;
use crate::error::{Error, Result};
use crate::ports::Store;
use crate::recency::Across;
use crate::record::Record;
use crate::tree::Entries;
use crate::{keys, lookup, workspace};

/// Finds, before anything becomes visible, a path that another job of the workspace persisted with other bytes. What is
/// damaged there is for attach to report: it must not keep a job from replacing its own layer.
pub(super) fn check_other_jobs(store: &impl Store, record: &Record, gathered: &Gathered<'_>) -> Result<()> {
    let Some(workspace) = &record.workspace else {
        return Ok(());
    };
    for layer in lookup::ignore_damage(lookup::layers_of(
        store,
        &keys::Project::new(&record.project),
        workspace,
        record.trusted(),
        record.created_ms,
    ))? {
        // Of the same job, layers with another number of nodes are replaced, and so are those of an earlier run of it, by
        // nodes that have not ended yet.
        let is_earlier = || {
            let (new, old) = (record.recency(), layer.recency());
            new.is_newer_across(&old, Across::Dates, record.created_ms)
        };
        let is_replaced = layer.node == record.node || layer.node.total != record.node.total || is_earlier();
        if layer.job == record.job && is_replaced {
            continue;
        }
        let Some(mut other) = lookup::ignore_damage(Entries::open(store, &layer.tree).map(Some))? else {
            continue;
        };
        let mut slices = HashMap::new();
        let mut own = Assembling::new(gathered.items(), &mut slices).map(|own| Ok(own?.entry));
        match workspace::check_pair((&layer, &mut other), (record, &mut own)) {
            Err(conflict @ Error::Conflict(_)) => return Err(conflict),
            checked => lookup::ignore_damage(checked)?,
        }
    }
    Ok(())
}

//! Removing one build that must go: what is planned here, `run` of prune does.

use std::collections::BTreeMap;

use super::pointers::{self, CHANNEL_STEPS};
use super::rest::{Next, NextMark, Rest, removable};
use crate::condemned::{Condemned, Mark, Phase, Removed};
use crate::error::{Error, Result};
use crate::inventory::current_pointers;
use crate::keys::{self, Project};
use crate::lookup::{self, Scope, ignore_damage};
use crate::ports::{Clock, Scratch, Store};
use crate::record::Record;
use crate::removal_note::Note;
use crate::scratch_list::ScratchList;
use crate::sealed::seal;
use crate::store_format;
use crate::tree::{References, references};

/// For so long nothing may begin to point to a build that was removed, in milliseconds: a mover may have looked before.
const REMOVED_MS: u64 = 24 * 3_600_000;

/// The request to remove a build.
#[derive(Debug, Clone)]
pub struct Remove {
    /// The build, and who asks.
    pub scope: Scope,
    /// Why.
    pub reason: Option<String>,
    /// Whether it goes even if a channel or a rollback points to it.
    pub even_if_pointed_to: bool,
}

/// The plan of a removal.
#[derive(Debug, Default)]
pub struct Removal {
    /// The build: a record for each node.
    pub records: Vec<Record>,
    /// The channels and rollbacks that point to it.
    pub pointed: Vec<String>,
    /// For [`super::run()`].
    pub rest: Vec<u8>,
}

/// Decides what goes. Changes nothing.
pub fn plan(
    store: &impl Store,
    clock: &impl Clock,
    scratch: &dyn Scratch,
    request: &Remove,
) -> Result<Removal> {
    let now_ms = clock.now_ms();
    store_format::check(store)?;
    let condemned = Condemned::last_or_unknown(store)?;
    let scope = &request.scope;
    let (found, _) = lookup::one_build(store, scope)?;
    let first = found
        .first()
        .ok_or_else(|| Error::internal("a build of no record"))?;
    let build = Removed::new(&first.project, &first.artifact, first.build_id());
    let records = lookup::nodes_of(store, first)?;
    let mut pointed = pointers::pointed_builds(&current_pointers(store, CHANNEL_STEPS, false)?);
    let key = (build.project.clone(), build.artifact.clone(), build.build.clone());
    let pointed = pointed.remove(&key).unwrap_or_default();
    if !pointed.is_empty() && !request.even_if_pointed_to {
        let message = format!("{} is in use: {}", build.build, pointed.join(", "));
        return Err(Error::conflict("build-pointed-to", message, &scope.selector));
    }
    let mut removed = Vec::new();
    let mut used = References::default();
    for record in &records {
        let layers = match record.layer_key() {
            Some(key) => lookup::revisions(store, &key)?,
            None => Vec::new(),
        };
        removed.extend(removable(store, record, &layers)?);
        ignore_damage(references(store, &record.tree, &mut used))?;
    }
    let packs = with_seen(&condemned.packs, used.packs);
    let trees = with_seen(&condemned.trees, used.trees);
    let rest = Rest {
        removed: ScratchList::of(scratch, [(build, removed)])?,
        note: Some(note(first, request, now_ms)?),
        even_if_pointed_to: request.even_if_pointed_to,
        keep_channel_steps: CHANNEL_STEPS,
        next: Next {
            last: condemned.sequence,
            packs: ScratchList::of(scratch, packs)?,
            trees: ScratchList::of(scratch, trees)?,
            builds: ScratchList::of(
                scratch,
                condemned
                    .builds
                    .into_iter()
                    .filter(|(_, until_ms)| *until_ms > now_ms),
            )?,
            grace_ms: REMOVED_MS,
            unknown_until_ms: Some(condemned.unknown_until_ms).filter(|until_ms| *until_ms > now_ms),
        },
        ..Rest::default()
    };
    Ok(Removal {
        records,
        pointed,
        rest: crate::wire::write(&rest)?,
    })
}

/// Returns the marks of the last list unchanged, and `Seen` for further objects. Other builds may refer to these: a prune
/// finds out, and its grace period counts from now.
fn with_seen<Id: Copy + Ord>(
    marks: &BTreeMap<Id, Mark>,
    used: impl IntoIterator<Item = Id>,
) -> Vec<(Id, NextMark)> {
    let unchanged = marks.iter().map(|(id, mark)| {
        let mark = NextMark {
            phase: mark.phase,
            since_ms: Some(mark.since_ms),
            is_there: true,
        };
        (*id, mark)
    });
    let seen = NextMark {
        phase: Phase::Seen,
        since_ms: None,
        is_there: true,
    };
    let new = used.into_iter().filter(|id| !marks.contains_key(id));
    unchanged.chain(new.map(|id| (id, seen))).collect()
}

fn note(record: &Record, request: &Remove, now_ms: u64) -> Result<(String, Vec<u8>)> {
    let context = &request.scope.context;
    let note = Note {
        artifact: record.artifact.clone(),
        number: record.number,
        reason: request.reason.clone(),
        actor: context.actor.clone(),
        runner: context.runner.clone(),
        url: context.url.clone(),
        created_ms: now_ms,
    };
    let prefix = Project::new(&record.project).removals(&record.artifact, record.number);
    let look_up = keys::look_up(record.order, &record.leaf());
    Ok((
        format!("{prefix}{look_up}-{:016x}", !now_ms),
        seal("removal", &note)?,
    ))
}

//! The end of a persist: what the workers did becomes a tree, and the tree becomes a build.

use std::collections::HashMap;

use super::assemble::{Counted, assemble};
use super::repair::{condemned_chunks, repair, unfit_in_base};
use super::worker::Worker;
use super::{Outcome, Rest};
use crate::condemned::{Condemned, Removed};
use crate::error::{Error, Result};
use crate::id::{Digest, PackId};
use crate::keys;
use crate::pack::Packs;
use crate::ports::{Files, PutMode, PutOutcome, Store, get_intact};
use crate::record::Record;
use crate::tree::{Content, Entry, Tree};
use crate::{lookup, workspace};

/// A persist that is overtaken by this many prunes in a row gives up.
const ROUNDS_MAX: u32 = 100;

/// What a persist did. Sizes in bytes.
#[derive(Debug, Default)]
pub struct Persisted {
    /// The build's record.
    pub record: Option<Record>,
    /// Directories in the tree.
    pub directories: u64,
    /// Symlinks in the tree.
    pub symlinks: u64,
    /// Files of which something was stored.
    pub new_files: u64,
    /// Their bytes that were stored.
    pub new_bytes: u64,
    /// What was written to the store.
    pub stored_bytes: u64,
    /// The build that served as base.
    pub base: Option<Record>,
    /// Whether the same build had persisted the same tree before.
    pub repeated: bool,
}

/// Puts the tree together and commits the build.
///
/// Right before the commit it looks whether a prune has condemned or deleted what the tree would use: then that is stored
/// again. So between this look and the record there is nothing but the writing of the record, and a prune waits longer
/// than that (docs/format.md, "Deleting").
pub fn finish(
    store: &impl Store,
    files: &impl Files,
    rest: &[u8],
    outcomes: &[Vec<u8>],
) -> Result<Persisted> {
    let Rest {
        mut record,
        base,
        base_record,
        check_conflicts,
        mut prunes,
    } = crate::wire::read(rest)?;
    let mut items = Vec::new();
    let mut packs: HashMap<u32, Packs> = HashMap::new();
    let mut stored_bytes = 0;
    for outcome in outcomes {
        match crate::wire::read(outcome)? {
            Outcome::Task(done) => items.extend(done),
            Outcome::Closed {
                writer,
                packs: written,
                stored_bytes: bytes,
            } => {
                packs.insert(writer, written);
                stored_bytes += bytes;
            }
        }
    }
    let mut unfit = unfit_in_base(store, &base, &items)?;
    for round in 0..ROUNDS_MAX {
        // The writers of a run count from 0, and there are never so many.
        let writer = u32::MAX - round;
        // What is condemned must not come back under its name.
        let salt = (round > 0).then(|| salt(&record, writer));
        let worker = Worker::without_base(writer, salt);
        let (repaired, bytes) = repair(store, files, &unfit, worker, &mut items)?;
        packs.insert(writer, repaired);
        stored_bytes += bytes;
        let (mut tree, counted) = assemble(&base, &packs, &items)?;
        if check_conflicts && round == 0 {
            check_other_jobs(store, &record, &tree)?;
        }
        tree.salt = salt;
        record.files = tree
            .entries
            .iter()
            .filter(|entry| matches!(entry.content, Content::File { .. }))
            .count() as u64;
        record.bytes = tree.entries.iter().map(Entry::size).sum();
        let (id, bytes) = tree.save(store)?;
        stored_bytes += bytes;
        record.tree = id;
        let condemned = Condemned::last(store)?;
        let mut gone = condemned.packs();
        let mut is_unfit = condemned.has_tree(&id);
        if condemned.sequence != prunes {
            // A prune that came between may have deleted and forgotten what was there when it was put.
            is_unfit |= store.head(&keys::tree(&id))?.is_none();
            gone.extend(missing(store, &tree.packs)?);
            prunes = condemned.sequence;
        }
        if is_unfit || tree.packs.iter().any(|pack| gone.contains(pack)) {
            unfit = condemned_chunks(&gone, &base, &packs);
            continue;
        }
        let build = Removed {
            project: record.project.clone(),
            artifact: record.artifact.clone(),
            build: record.build_id(),
        };
        condemned.check_build(&build, record.created_ms)?;
        let (record, repeated, bytes) = commit(store, record, &tree)?;
        let Counted {
            directories,
            symlinks,
            new_files,
            new_bytes,
        } = counted;
        return Ok(Persisted {
            record: Some(record),
            directories,
            symlinks,
            new_files,
            new_bytes,
            stored_bytes: stored_bytes + bytes,
            base: base_record,
            repeated,
        });
    }
    let message = format!("{ROUNDS_MAX} prunes in a row took what this persist had stored");
    Err(Error::stale("pruned-meanwhile", message, &record.project))
}

fn missing(store: &impl Store, packs: &[PackId]) -> Result<Vec<PackId>> {
    let mut missing = Vec::new();
    for id in packs {
        if store.head(&keys::pack(id))?.is_none() {
            missing.push(*id);
        }
    }
    Ok(missing)
}

/// Returns what makes the names of this run's packs and trees differ from any before.
fn salt(record: &Record, round: u32) -> Digest {
    let run = format!(
        "{:?} {round}",
        (record.build_id(), record.node, record.created_ms)
    );
    Digest::of(run.as_bytes())
}

/// Finds, before anything becomes visible, a path that another job of the workspace persisted with other bytes. What is
/// damaged there is for attach to report: it must not keep a job from replacing its own layer.
fn check_other_jobs(store: &impl Store, record: &Record, tree: &Tree) -> Result<()> {
    let Some(workspace) = &record.workspace else {
        return Ok(());
    };
    for layer in lookup::sound(lookup::layers(
        store,
        &keys::Project::new(&record.project),
        workspace,
    ))? {
        // Of the same job, layers with another number of nodes are replaced, and so are those of an earlier run of it, by
        // nodes that have not ended yet.
        let is_replaced =
            layer.node == record.node || layer.node.total != record.node.total || layer.order < record.order;
        if layer.job != record.job || !is_replaced {
            let other = lookup::sound(Tree::load(store, &layer.tree))?;
            workspace::check_pair((&layer, &other), (record, tree))?;
        }
    }
    Ok(())
}

/// Makes the build visible: the layer, then the keys by which it is found, the branch's last. Returns the record that
/// stands, whether it stood before, and the bytes written.
fn commit(store: &impl Store, record: Record, tree: &Tree) -> Result<(Record, bool, u64)> {
    let first = record
        .keys()
        .into_iter()
        .next()
        .ok_or_else(|| Error::internal("a record has no key"))?;
    let stands = get_intact(store, &first, None, |bytes| Record::open(&first, &bytes));
    let (record, repeated) = match stands? {
        None => (record, false),
        // A build has one tree. The same step run again completes what an earlier run may have left incomplete.
        Some(stands) => (same_build(store, stands, &record, tree)?, true),
    };
    let bytes = record.seal()?;
    let mut written = 0;
    if let Some(key) = record.layer_key() {
        if store.put(&key, &bytes, PutMode::Create)? == PutOutcome::Stored {
            written += bytes.len() as u64;
        }
        written += lookup::remember_workflow(store, &record)?;
    }
    for key in record.keys() {
        if store.put(&key, &bytes, PutMode::Create)? == PutOutcome::AlreadyExists {
            same_build(store, lookup::read(store, &key)?, &record, tree)?;
        } else {
            written += bytes.len() as u64;
        }
    }
    Ok((record, repeated, written))
}

/// Returns `stands` if it has the same files as `record`. The trees need not be one: which worker stored what differs
/// from run to run, and an earlier run that was killed is no base.
fn same_build(store: &impl Store, stands: Record, record: &Record, tree: &Tree) -> Result<Record> {
    // Who and where may differ when a step is run again by hand, and so may what ran. All else is what the build is.
    let own = Record {
        tree: stands.tree,
        created_ms: stands.created_ms,
        baton: stands.baton.clone(),
        component: stands.component.clone(),
        files: stands.files,
        bytes: stands.bytes,
        actor: stands.actor.clone(),
        url: stands.url.clone(),
        ..record.clone()
    };
    if own != stands {
        let message = format!(
            "{} is there already, of another branch, commit or workflow, and a build never changes",
            record.job_name()
        );
        return Err(build_exists(message, record));
    }
    // A tree that is missing or damaged leaves nothing to compare with. The same tree again has just repaired it.
    if stands.tree == record.tree || workspace::same_files(&Tree::load(store, &stands.tree)?, tree) {
        return Ok(stands);
    }
    let message = format!(
        "{} has already persisted other files as {}, and a build never changes",
        record.job_name(),
        record.artifact
    );
    Err(build_exists(message, record))
}

fn build_exists(message: String, record: &Record) -> Error {
    Error::conflict("build-exists", message, &format!("build:{}", record.number))
}

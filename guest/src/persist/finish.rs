//! The end of a persist: what the workers did becomes a tree, and the tree becomes a build.

use std::collections::{HashMap, HashSet};

use super::assemble::{Assembling, Counted, assemble};
use super::commit::{Committed, commit};
use super::existing::ExistingBuild;
use super::gathered::Gathered;
use super::other_jobs::check_other_jobs;
use super::overlay::Overlay;
use super::pack_check::PackCheck;
use super::repair::{Unusable, chunks_in, unusable_in_base};
use super::rest::Rest;
use crate::condemned::{Condemned, Removed};
use crate::error::{Error, Result};
use crate::id::{Digest, PackId};
use crate::keys;
use crate::ports::{ExistingCheck, Files, Scratch, Store};
use crate::record::Record;
use crate::tree::Writer;

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
    /// What of that the store had already, and why it was stored again.
    pub stored_again: StoredAgain,
    /// The build that served as base.
    pub base: Option<Record>,
    /// Whether the same build had persisted the same files before.
    pub repeated: bool,
    /// Whether what the same build had persisted before was damaged, so that its record was written again.
    pub repaired: bool,
}

/// What was stored although the store had it, by the reason. Sizes in bytes, compressed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct StoredAgain {
    /// It lay where it is missing or damaged.
    pub lost_bytes: u64,
    /// It lay in chunks of which the build uses less than half.
    pub sparse_bytes: u64,
    /// It lay where a prune is about to delete, or may be.
    pub condemned_bytes: u64,
}

/// Puts the tree together and commits the build.
///
/// Right before the commit it looks whether a prune has condemned or deleted what the tree would use: then that is stored
/// again. So between this look and the record there is nothing but the writing of the record, and a prune waits longer
/// than that (docs/reference/format.md, "Deleting").
///
/// Where the build had a file of these before, all that it will point to is read back first: a persist that is repeated ends
/// well only if the build attaches.
pub fn finish(
    store: &impl Store,
    files: &impl Files,
    scratch: &dyn Scratch,
    rest: &[u8],
    outcomes: &[Vec<u8>],
) -> Result<Persisted> {
    let Rest {
        mut record,
        base: found,
        base_record,
        check_conflicts,
        read_back,
        covers,
        mut prunes,
    } = crate::wire::read(rest)?;
    let now_ms = record.created_ms;
    let mut gathered = Gathered::read(scratch, outcomes)?;
    let mut base = found.chunks(scratch)?;
    let mut before = ExistingBuild::find(store, &mut record, &gathered, &mut base)?;
    let read_back = read_back || before.repeats || before.again;
    let check = if read_back {
        ExistingCheck::Bytes
    } else {
        ExistingCheck::Size
    };
    let ignore_damage = found.trees(scratch)?;
    if check_conflicts {
        check_other_jobs(store, &record, &gathered)?;
    }
    let mut checked = PackCheck::new(read_back);
    let Unusable { mut lost, sparse } =
        unusable_in_base(store, scratch, &base, &gathered.tasks, &mut checked, now_ms)?;
    let written = checked.unusable_written(store, &gathered.packs)?;
    lost.extend(chunks_in(
        &written,
        &super::base::Chunks::default(),
        &gathered.packs,
    ));
    // The writers of a run count from 0, and there are never so many.
    let mut writers = (0..u32::MAX).rev();
    let mut writer = || writers.next().ok_or_else(|| Error::internal("too many writers"));
    let mut again = StoredAgain {
        lost_bytes: gathered.store_again(store, files, &lost, writer()?, None)?,
        sparse_bytes: gathered.store_again(store, files, &sparse, writer()?, None)?,
        condemned_bytes: 0,
    };
    checked.forget(gathered.packs.values());
    again.lost_bytes += before.restore(store, files, &base, &mut checked, &mut gathered, writer()?)?;
    let mut salt_now = None;
    let nothing = HashSet::new();
    for _ in 0..ROUNDS_MAX {
        let mut slices = HashMap::new();
        let trusted = if salt_now.is_none() {
            &ignore_damage
        } else {
            &nothing
        };
        let all_covered = before.covers(&covers);
        let new = Assembling::new(gathered.items(), &mut slices);
        let (tree, counted) = assemble(
            &base,
            &gathered.packs,
            Overlay::open(store, before.previous.as_ref(), &base, &mut checked, new)?,
            Writer::new(store, &all_covered, salt_now, trusted, check),
        )?;
        gathered.stored_bytes += tree.stored_bytes;
        record.tree = tree.id.ok_or_else(|| Error::internal("a tree without an id"))?;
        (record.files, record.bytes) = (counted.files, counted.bytes);
        let condemned = Condemned::last_or_unknown(store)?;
        let mut gone = condemned.packs();
        let mut is_unusable = tree.objects.iter().any(|id| condemned.has_tree(id));
        let is_new = condemned.sequence != prunes;
        if condemned.is_unknown(now_ms) {
            // Only what a record led to when the list was there already, and names that never were, are surely in no
            // earlier list.
            gone.extend(gathered.unsalted());
            gone.extend(base.packs.iter().filter(|_| is_new));
            is_unusable |= salt_now.is_none();
        }
        if is_new {
            // A prune that came between may have deleted and forgotten what was there when it was put.
            for id in &tree.objects {
                is_unusable |= store.head(&keys::tree(id))?.is_none();
            }
            gone.extend(missing(store, &tree.packs)?);
            prunes = condemned.sequence;
        }
        if is_unusable || tree.packs.iter().any(|pack| gone.contains(pack)) {
            let previous = before.previous.iter().flat_map(|previous| &previous.packs);
            if salt_now.is_some()
                && previous
                    .clone()
                    .any(|pack| gone.contains(pack) && tree.packs.contains(pack))
            {
                let message = "a prune takes what this build had before";
                return Err(Error::stale("pruned-meanwhile", message, &record.project));
            }
            // What is condemned must not come back under its name.
            let (writer, unusable) = (writer()?, chunks_in(&gone, &base, &gathered.packs));
            salt_now = Some(salt(&record, writer));
            again.condemned_bytes += gathered.store_again(store, files, &unusable, writer, salt_now)?;
            continue;
        }
        let build = Removed::new(&record.project, &record.artifact, record.build_id());
        condemned.check_build(&build, now_ms)?;
        let stands = before.stands.clone();
        let Some(Committed {
            record,
            repeated,
            repaired,
            bytes,
        }) = commit(store, record.clone(), stands, before.repeats, &mut checked)?
        else {
            before = ExistingBuild::find(store, &mut record, &gathered, &mut base)?;
            again.lost_bytes +=
                before.restore(store, files, &base, &mut checked, &mut gathered, writer()?)?;
            continue;
        };
        let Counted {
            directories,
            symlinks,
            new_files,
            new_bytes,
            ..
        } = counted;
        return Ok(Persisted {
            record: Some(record),
            directories,
            symlinks,
            new_files,
            new_bytes,
            stored_bytes: gathered.stored_bytes + bytes,
            stored_again: again,
            base: base_record,
            repeated,
            repaired,
        });
    }
    let message = format!("{ROUNDS_MAX} prunes in a row took what this persist had stored");
    Err(Error::stale("pruned-meanwhile", message, &record.project))
}

fn missing(store: &impl Store, packs: &HashSet<PackId>) -> Result<Vec<PackId>> {
    let mut missing = Vec::new();
    for id in packs {
        if store.head(&keys::pack(id))?.is_none() {
            missing.push(*id);
        }
    }
    Ok(missing)
}

/// Returns what makes the names of this run's packs and trees differ from any before.
pub(super) fn salt(record: &Record, round: u32) -> Digest {
    let run = format!(
        "{:?} {round}",
        (record.build_id(), record.node, record.created_ms)
    );
    Digest::of(run.as_bytes())
}

//! The end of a persist: what the workers did becomes a tree, and the tree becomes a build.

use std::collections::{HashMap, HashSet};

use super::assemble::{Assembling, Counted, assemble};
use super::base::Chunks;
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
use crate::id::{Digest, PackId, TreeId};
use crate::keys;
use crate::ports::{ExistingCheck, Files, Scratch, Store};
use crate::record::Record;
use crate::tree::{Saved, Writer};

/// A persist that is overtaken by this many consecutive prunes fails.
const ROUNDS_MAX: u32 = 100;

/// The report of a persist. Sizes in bytes.
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
    /// Bytes that were written to the store.
    pub stored_bytes: u64,
    /// The part of these that the store had already, by the reason for storing it again.
    pub stored_again: StoredAgain,
    /// The build that served as base.
    pub base: Option<Record>,
    /// Whether the same build had persisted the same files before.
    pub repeated: bool,
    /// Whether what the same build had persisted before was damaged, so that its record was written again.
    pub repaired: bool,
}

/// Bytes that were stored although the store had them, by the reason. Compressed sizes.
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
/// If the build had one of these files before, everything that it will point to is read back first: a repeated persist
/// succeeds only if the build can be attached.
pub fn finish(
    store: &impl Store,
    files: &impl Files,
    scratch: &dyn Scratch,
    rest: &[u8],
    outcomes: &[Vec<u8>],
) -> Result<Persisted> {
    let rest: Rest = crate::wire::read(rest)?;
    let mut finishing = Finishing::begin(store, files, scratch, &rest, outcomes)?;
    let intact = rest.base.trees(scratch)?;
    if rest.check_conflicts {
        check_other_jobs(store, &finishing.record, &finishing.gathered)?;
    }
    finishing.store_lost_again(scratch)?;
    for _ in 0..ROUNDS_MAX {
        let (tree, counted) = finishing.assemble(&rest.covers, &intact)?;
        let condemned = Condemned::last_or_unknown(store)?;
        if finishing.avoid_condemned(&tree, &condemned)? {
            continue;
        }
        let record = &finishing.record;
        let build = Removed::new(&record.project, &record.artifact, record.build_id());
        condemned.check_build(&build, finishing.now_ms)?;
        if let Some(committed) = finishing.commit()? {
            return Ok(finishing.report(committed, counted, rest.base_record));
        }
    }
    let message = format!("{ROUNDS_MAX} consecutive prunes condemned objects that this persist had stored");
    Err(Error::stale(
        "pruned-meanwhile",
        message,
        &finishing.record.project,
    ))
}

/// The end of a persist, while it is repeated because of prunes and other runs of the build.
struct Finishing<'a, S, F> {
    store: &'a S,
    files: &'a F,
    record: Record,
    now_ms: u64,
    base: Chunks,
    gathered: Gathered<'a>,
    before: ExistingBuild,
    checked: PackCheck,
    /// The check of existing objects.
    check: ExistingCheck,
    /// Numbers for further writers. The workers of a run count from 0, and there are never so many.
    writers: std::iter::Rev<std::ops::Range<u32>>,
    again: StoredAgain,
    /// The sequence of the last list of condemned objects that was looked at.
    prunes: u64,
    /// Set once something was stored again because it is condemned.
    salt: Option<Digest>,
}

impl<'a, S: Store, F: Files> Finishing<'a, S, F> {
    fn begin(
        store: &'a S,
        files: &'a F,
        scratch: &'a dyn Scratch,
        rest: &Rest,
        outcomes: &[Vec<u8>],
    ) -> Result<Self> {
        let mut record = rest.record.clone();
        let gathered = Gathered::read(scratch, outcomes)?;
        let mut base = rest.base.chunks(scratch)?;
        let before = ExistingBuild::find(store, &mut record, &gathered, &mut base)?;
        let read_back = rest.read_back || before.repeats || before.again;
        Ok(Finishing {
            store,
            files,
            now_ms: record.created_ms,
            record,
            base,
            gathered,
            before,
            checked: PackCheck::new(read_back),
            check: match read_back {
                true => ExistingCheck::Bytes,
                false => ExistingCheck::Size,
            },
            writers: (0..u32::MAX).rev(),
            again: StoredAgain::default(),
            prunes: rest.prunes,
            salt: None,
        })
    }

    fn writer(&mut self) -> Result<u32> {
        let writer = self.writers.next();
        writer.ok_or_else(|| Error::internal("too many writers"))
    }

    /// Stores again what the tree must not point to where it is: lost chunks, sparse bundles, and lost files of the
    /// previous revision.
    fn store_lost_again(&mut self, scratch: &dyn Scratch) -> Result<()> {
        let (store, files) = (self.store, self.files);
        let (tasks, checked) = (&self.gathered.tasks, &mut self.checked);
        let Unusable { mut lost, sparse } =
            unusable_in_base(store, scratch, &self.base, tasks, checked, self.now_ms)?;
        let written = checked.unusable_written(store, &self.gathered.packs)?;
        lost.extend(chunks_in(&written, &Chunks::default(), &self.gathered.packs));
        let (for_lost, for_sparse) = (self.writer()?, self.writer()?);
        let gathered = &mut self.gathered;
        self.again.lost_bytes = gathered.store_again(store, files, &lost, for_lost, None)?;
        self.again.sparse_bytes = gathered.store_again(store, files, &sparse, for_sparse, None)?;
        self.checked.forget(self.gathered.packs.values());
        self.restore_previous()
    }

    fn restore_previous(&mut self) -> Result<()> {
        let writer = self.writer()?;
        let (packs, gathered) = (&mut self.checked, &mut self.gathered);
        self.again.lost_bytes += self
            .before
            .restore(self.store, self.files, &self.base, packs, gathered, writer)?;
        Ok(())
    }

    /// Assembles and stores the tree. Parts that are `intact` need not be stored again, unless something is condemned.
    fn assemble(&mut self, covers: &[String], intact: &HashSet<TreeId>) -> Result<(Saved, Counted)> {
        let nothing = HashSet::new();
        let mut slices = HashMap::new();
        let intact = if self.salt.is_none() { intact } else { &nothing };
        let all_covered = self.before.covers(covers);
        let new = Assembling::new(self.gathered.items(), &mut slices);
        let previous = self.before.previous.as_ref();
        let (tree, counted) = assemble(
            &self.base,
            &self.gathered.packs,
            Overlay::open(self.store, previous, &self.base, &mut self.checked, new)?,
            Writer::new(self.store, &all_covered, self.salt, intact, self.check),
        )?;
        self.gathered.stored_bytes += tree.stored_bytes;
        self.record.tree = tree.id.ok_or_else(|| Error::internal("a tree without an id"))?;
        (self.record.files, self.record.bytes) = (counted.files, counted.bytes);
        Ok((tree, counted))
    }

    /// Stores again, under new names, the objects of the tree that a prune condemned or deleted. Returns whether there
    /// are any, so that the tree has to be assembled again.
    fn avoid_condemned(&mut self, tree: &Saved, condemned: &Condemned) -> Result<bool> {
        let mut gone = condemned.packs();
        let mut is_unusable = tree.objects.iter().any(|id| condemned.has_tree(id));
        let is_new = condemned.sequence != self.prunes;
        if condemned.is_unknown(self.now_ms) {
            // Only objects that a record referred to when the list existed already, and new names, are surely in no
            // earlier list.
            gone.extend(self.gathered.unsalted());
            gone.extend(self.base.packs.iter().filter(|_| is_new));
            is_unusable |= self.salt.is_none();
        }
        if is_new {
            // A prune in the meantime may have deleted and forgotten objects that existed when they were put.
            for id in &tree.objects {
                is_unusable |= self.store.head(&keys::tree(id))?.is_none();
            }
            gone.extend(missing(self.store, &tree.packs)?);
            self.prunes = condemned.sequence;
        }
        if !is_unusable && tree.packs.is_disjoint(&gone) {
            return Ok(false);
        }
        let mut previous = self.before.previous.iter().flat_map(|previous| &previous.packs);
        if self.salt.is_some() && previous.any(|pack| gone.contains(pack) && tree.packs.contains(pack)) {
            let message = "a prune condemned files of this build's previous revision";
            return Err(Error::stale("pruned-meanwhile", message, &self.record.project));
        }
        // A condemned object must not come back under its name.
        let unusable = chunks_in(&gone, &self.base, &self.gathered.packs);
        let writer = self.writer()?;
        self.salt = Some(salt(&self.record, writer));
        let (store, files) = (self.store, self.files);
        let gathered = &mut self.gathered;
        self.again.condemned_bytes += gathered.store_again(store, files, &unusable, writer, self.salt)?;
        Ok(true)
    }

    /// Commits the build. Returns `None` if another run of the build committed this revision first: then this run adds to
    /// that one.
    fn commit(&mut self) -> Result<Option<Committed>> {
        let stands = self.before.stands.clone();
        let (record, repeats) = (self.record.clone(), self.before.repeats);
        let committed = commit(self.store, record, stands, repeats, &mut self.checked)?;
        if committed.is_none() {
            self.before = ExistingBuild::find(self.store, &mut self.record, &self.gathered, &mut self.base)?;
            self.restore_previous()?;
        }
        Ok(committed)
    }

    fn report(self, committed: Committed, counted: Counted, base: Option<Record>) -> Persisted {
        Persisted {
            record: Some(committed.record),
            directories: counted.directories,
            symlinks: counted.symlinks,
            new_files: counted.new_files,
            new_bytes: counted.new_bytes,
            stored_bytes: self.gathered.stored_bytes + committed.bytes,
            stored_again: self.again,
            base,
            repeated: committed.repeated,
            repaired: committed.repaired,
        }
    }
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

//! The end of a persist: what the workers did becomes a tree, and the tree becomes a build.

use std::collections::{HashMap, HashSet};

use super::assemble::{Assembling, Counted, assemble};
use super::base::Chunks;
use super::carried::{Carried, Overlaid, compare};
use super::commit::{Committed, Standing, check_same_build, commit, standing};
use super::repair::{PackCheck, Unfit, chunks_in, repair, unfit_in_base};
use super::rescue::rescue;
use super::worker::Worker;
use super::{Done, Item, Outcome, Rest, Stored};
use crate::condemned::{Condemned, Removed};
use crate::counter::Across;
use crate::error::{Error, Result};
use crate::id::{Digest, PackId};
use crate::keys;
use crate::pack::Packs;
use crate::ports::{Care, Files, Scratch, Store};
use crate::record::Record;
use crate::tree::{Entries, Writer};
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

/// What the workers left, and what has been done with it since.
struct Gathered<'a> {
    scratch: &'a dyn Scratch,
    /// In path order.
    tasks: Vec<Stored>,
    /// By the number of the writer.
    packs: HashMap<u32, Packs>,
    /// Writers whose packs have names that never were.
    salted: HashSet<u32>,
    stored_bytes: u64,
}

impl<'a> Gathered<'a> {
    fn read(scratch: &'a dyn Scratch, outcomes: &[Vec<u8>]) -> Result<Gathered<'a>> {
        let mut gathered = Gathered {
            scratch,
            tasks: Vec::new(),
            packs: HashMap::new(),
            salted: HashSet::new(),
            stored_bytes: 0,
        };
        for outcome in outcomes {
            match crate::wire::read(outcome)? {
                Outcome::Task(stored) => gathered.tasks.push(stored),
                Outcome::Closed {
                    writer,
                    packs,
                    stored_bytes,
                } => {
                    let packs = packs.items(scratch).collect::<Result<_>>()?;
                    gathered.packs.insert(writer, packs);
                    gathered.stored_bytes += stored_bytes;
                }
            }
        }
        Ok(gathered)
    }

    /// Returns what became of each item, in path order.
    fn items(&self) -> impl Iterator<Item = Result<(Item, Done)>> {
        self.tasks.iter().flat_map(|task| task.items(self.scratch))
    }

    /// Stores some chunks again, as the writer of this number. Returns the bytes stored.
    fn store_again(
        &mut self,
        store: &impl Store,
        files: &impl Files,
        unfit: &HashSet<super::repair::ChunkName>,
        writer: u32,
        salt: Option<Digest>,
    ) -> Result<u64> {
        if unfit.is_empty() {
            return Ok(0);
        }
        let mut worker = Worker::without_base(writer, salt);
        self.tasks = repair(store, files, self.scratch, unfit, &mut worker, &self.tasks)?;
        let (packs, bytes) = worker.into_packs(store)?;
        self.packs.insert(writer, packs);
        if salt.is_some() {
            self.salted.insert(writer);
        }
        self.stored_bytes += bytes;
        Ok(bytes)
    }

    /// Returns the packs that may have names of packs that were there before.
    fn unsalted(&self) -> impl Iterator<Item = PackId> {
        let unsalted = self
            .packs
            .iter()
            .filter(|(writer, _)| !self.salted.contains(writer));
        unsalted.flat_map(|(_, packs)| packs).map(|(id, _)| *id)
    }
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
    let mut before = Before::find(store, &mut record, &gathered, &mut base)?;
    let read_back = read_back || before.repeats || before.again;
    let care = if read_back { Care::Bytes } else { Care::Size };
    let sound = found.trees(scratch)?;
    if check_conflicts {
        check_other_jobs(store, &record, &gathered)?;
    }
    let mut checked = PackCheck::new(read_back);
    let Unfit { mut lost, sparse } =
        unfit_in_base(store, scratch, &base, &gathered.tasks, &mut checked, now_ms)?;
    let written = checked.unfit_written(store, &gathered.packs)?;
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
    again.lost_bytes += before.rescue(store, files, &base, &mut checked, &mut gathered, writer()?)?;
    let mut salt_now = None;
    let nothing = HashSet::new();
    for _ in 0..ROUNDS_MAX {
        let mut slices = HashMap::new();
        let trusted = if salt_now.is_none() { &sound } else { &nothing };
        let all_covered = before.covers(&covers);
        let new = Assembling::new(gathered.items(), &mut slices);
        let (tree, counted) = assemble(
            &base,
            &gathered.packs,
            Overlaid::open(store, before.carried.as_ref(), &base, &mut checked, new)?,
            Writer::new(store, &all_covered, salt_now, trusted, care),
        )?;
        gathered.stored_bytes += tree.stored_bytes;
        record.tree = tree.id.ok_or_else(|| Error::internal("a tree without an id"))?;
        (record.files, record.bytes) = (counted.files, counted.bytes);
        let condemned = Condemned::last_or_unknown(store)?;
        let mut gone = condemned.packs();
        let mut is_unfit = tree.objects.iter().any(|id| condemned.has_tree(id));
        let is_new = condemned.sequence != prunes;
        if condemned.is_unknown(now_ms) {
            // Only what a record led to when the list was there already, and names that never were, are surely in no
            // earlier list.
            gone.extend(gathered.unsalted());
            gone.extend(base.packs.iter().filter(|_| is_new));
            is_unfit |= salt_now.is_none();
        }
        if is_new {
            // A prune that came between may have deleted and forgotten what was there when it was put.
            for id in &tree.objects {
                is_unfit |= store.head(&keys::tree(id))?.is_none();
            }
            gone.extend(missing(store, &tree.packs)?);
            prunes = condemned.sequence;
        }
        if is_unfit || tree.packs.iter().any(|pack| gone.contains(pack)) {
            let carried = before.carried.iter().flat_map(|carried| &carried.packs);
            if salt_now.is_some()
                && carried
                    .clone()
                    .any(|pack| gone.contains(pack) && tree.packs.contains(pack))
            {
                let message = "a prune takes what this build had before";
                return Err(Error::stale("pruned-meanwhile", message, &record.project));
            }
            // What is condemned must not come back under its name.
            let (writer, unfit) = (writer()?, chunks_in(&gone, &base, &gathered.packs));
            salt_now = Some(salt(&record, writer));
            again.condemned_bytes += gathered.store_again(store, files, &unfit, writer, salt_now)?;
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
            before = Before::find(store, &mut record, &gathered, &mut base)?;
            again.lost_bytes += before.rescue(store, files, &base, &mut checked, &mut gathered, writer()?)?;
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

/// What the build was before.
struct Before {
    stands: Option<Record>,
    /// Whether it has all that is persisted now.
    repeats: bool,
    /// Whether it has a file of those with the same content: the step is run again.
    again: bool,
    carried: Option<Carried>,
}

impl Before {
    /// Returns the patterns of all persists, where this one has those of `new`.
    fn covers(&self, new: &[String]) -> Vec<String> {
        let Some(carried) = &self.carried else {
            return new.to_vec();
        };
        let mut all = carried.covers.clone();
        if !self.repeats {
            all.extend(new.iter().filter(|new| !carried.covers.contains(new)).cloned());
        }
        all
    }

    /// Stores again, as the writer of this number, what the build had before and lost since. Returns the bytes stored.
    fn rescue(
        &mut self,
        store: &impl Store,
        files: &impl Files,
        base: &Chunks,
        packs: &mut PackCheck,
        gathered: &mut Gathered<'_>,
        writer: u32,
    ) -> Result<u64> {
        let Some(carried) = &mut self.carried else {
            return Ok(0);
        };
        let mut worker = Worker::without_base(writer, None);
        let mut slices = HashMap::new();
        let new = Assembling::new(gathered.items(), &mut slices);
        carried.rescued = rescue(store, files, carried, base, packs, new, &mut worker)?;
        let (written, bytes) = worker.into_packs(store)?;
        packs.forget([&written]);
        gathered.packs.insert(writer, written);
        gathered.stored_bytes += bytes;
        Ok(bytes)
    }

    /// Looks at the newest revision, and decides which one this persist makes.
    fn find(
        store: &impl Store,
        record: &mut Record,
        gathered: &Gathered<'_>,
        base: &mut Chunks,
    ) -> Result<Before> {
        let standing: Standing = standing(store, record)?;
        let mut before = Before {
            stands: None,
            // A damaged record is replaced.
            repeats: standing.is_found(),
            again: false,
            carried: None,
        };
        if let Some(stands) = &standing.record {
            check_same_build(stands, record)?;
            let mut slices = HashMap::new();
            let own = Assembling::new(gathered.items(), &mut slices);
            match compare(store, &stands.tree, own).and_then(|common| {
                before.repeats &= common.all || !standing.is_whole();
                before.again = common.any;
                Carried::of(store, stands, base)
            }) {
                Ok(carried) => before.carried = Some(carried),
                // Its files are lost. The same ones may take their place.
                Err(error) => drop(error.into_damage()?),
            }
        }
        record.revision = standing.revision(before.repeats)?;
        before.stands = standing
            .record
            .filter(|stands| stands.revision == record.revision);
        Ok(before)
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
fn salt(record: &Record, round: u32) -> Digest {
    let run = format!(
        "{:?} {round}",
        (record.build_id(), record.node, record.created_ms)
    );
    Digest::of(run.as_bytes())
}

/// Finds, before anything becomes visible, a path that another job of the workspace persisted with other bytes. What is
/// damaged there is for attach to report: it must not keep a job from replacing its own layer.
fn check_other_jobs(store: &impl Store, record: &Record, gathered: &Gathered<'_>) -> Result<()> {
    let Some(workspace) = &record.workspace else {
        return Ok(());
    };
    for layer in lookup::sound(lookup::layers_of(
        store,
        &keys::Project::new(&record.project),
        workspace,
        record.trusted(),
        record.created_ms,
    ))? {
        // Of the same job, layers with another number of nodes are replaced, and so are those of an earlier run of it, by
        // nodes that have not ended yet.
        let is_earlier = || {
            let (new, old) = (record.standing(), layer.standing());
            new.is_newer_across(&old, Across::Dates, record.created_ms)
        };
        let is_replaced = layer.node == record.node || layer.node.total != record.node.total || is_earlier();
        if layer.job == record.job && is_replaced {
            continue;
        }
        let Some(mut other) = lookup::sound(Entries::open(store, &layer.tree).map(Some))? else {
            continue;
        };
        let mut slices = HashMap::new();
        let mut own = Assembling::new(gathered.items(), &mut slices).map(|own| Ok(own?.entry));
        match workspace::check_pair((&layer, &mut other), (record, &mut own)) {
            Err(conflict @ Error::Conflict(_)) => return Err(conflict),
            checked => lookup::sound(checked)?,
        }
    }
    Ok(())
}

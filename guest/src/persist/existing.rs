//! The state of the build before this persist.

use std::collections::HashMap;

use super::assemble::Assembling;
use super::base::Chunks;
use super::commit::{ExistingRevisions, check_same_build, existing};
use super::gathered::Gathered;
use super::pack_check::PackCheck;
use super::previous::{Previous, compare};
use super::restore::restore;
use super::worker::Worker;
use crate::error::Result;
use crate::ports::{Files, Store};
use crate::record::Record;

/// The state of the build before this persist.
pub(super) struct ExistingBuild {
    pub(super) stands: Option<Record>,
    /// Whether it has all that is persisted now.
    pub(super) repeats: bool,
    /// Whether it has a file of those with the same content: the step is run again.
    pub(super) again: bool,
    pub(super) previous: Option<Previous>,
}

impl ExistingBuild {
    /// Returns the patterns of all persists, where this one has those of `new`.
    pub(super) fn covers(&self, new: &[String]) -> Vec<String> {
        let Some(previous) = &self.previous else {
            return new.to_vec();
        };
        let mut all = previous.covers.clone();
        if !self.repeats {
            all.extend(new.iter().filter(|new| !previous.covers.contains(new)).cloned());
        }
        all
    }

    /// Stores again, as the writer of this number, what the build had before and lost since. Returns the bytes stored.
    pub(super) fn restore(
        &mut self,
        store: &impl Store,
        files: &impl Files,
        base: &Chunks,
        packs: &mut PackCheck,
        gathered: &mut Gathered<'_>,
        writer: u32,
    ) -> Result<u64> {
        let Some(previous) = &mut self.previous else {
            return Ok(0);
        };
        let mut worker = Worker::without_base(writer, None);
        let mut slices = HashMap::new();
        let new = Assembling::new(gathered.items(), &mut slices);
        previous.restored = restore(store, files, previous, base, packs, new, &mut worker)?;
        let (written, bytes) = worker.into_packs(store)?;
        packs.forget([&written]);
        gathered.packs.insert(writer, written);
        gathered.stored_bytes += bytes;
        Ok(bytes)
    }

    /// Looks at the newest revision, and decides which one this persist makes.
    pub(super) fn find(
        store: &impl Store,
        record: &mut Record,
        gathered: &Gathered<'_>,
        base: &mut Chunks,
    ) -> Result<ExistingBuild> {
        let existing: ExistingRevisions = existing(store, record)?;
        let mut before = ExistingBuild {
            stands: None,
            // A damaged record is replaced.
            repeats: existing.is_found(),
            again: false,
            previous: None,
        };
        if let Some(stands) = &existing.record {
            check_same_build(stands, record)?;
            let mut slices = HashMap::new();
            let own = Assembling::new(gathered.items(), &mut slices);
            match compare(store, &stands.tree, own).and_then(|common| {
                before.repeats &= common.all || !existing.is_whole();
                before.again = common.any;
                Previous::of(store, stands, base)
            }) {
                Ok(previous) => before.previous = Some(previous),
                // Its files are lost. The same files may replace them.
                Err(error) => drop(error.into_damage()?),
            }
        }
        record.revision = existing.revision(before.repeats)?;
        before.stands = existing
            .record
            .filter(|stands| stands.revision == record.revision);
        Ok(before)
    }
}

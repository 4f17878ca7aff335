//! The record of a build: written under each of its keys, completed where an earlier run left it incomplete, and repaired
//! where what it leads to is damaged.
//!
//! A build never changes. The one exception is bounded: the same build, the same files, and a standing record, or a
//! standing tree or pack of it, that was read and is not whole. Then the record is written again, and points to what this
//! run has stored.

use std::rc::Rc;

use super::repair::PackCheck;
use crate::error::{Error, Result};
use crate::ports::{PutMode, PutOutcome, Store, get_intact};
use crate::record::Record;
use crate::tree::{Entries, Table};
use crate::{lookup, workspace};

/// Two repairs of one build at once settle on one record within so many rounds.
const ROUNDS_MAX: u32 = 16;

/// What an earlier run of the build left.
pub(super) enum Standing {
    /// Nothing.
    None,
    /// Its record.
    Record(Box<Record>),
    /// Something that cannot be read: and the time of its layer, where there is one.
    Damaged(Option<u64>),
}

impl Standing {
    /// Whether the build was persisted before.
    pub(super) fn is_found(&self) -> bool {
        !matches!(self, Standing::None)
    }
}

/// What was committed.
pub(super) struct Committed {
    /// The record that stands.
    pub record: Record,
    /// Whether the build was persisted before.
    pub repeated: bool,
    /// Whether a record that stood was replaced.
    pub repaired: bool,
    /// Of records, written.
    pub bytes: u64,
}

/// Looks whether the build was persisted before: under the key that is written first, and under the one that is written
/// last. Where either is damaged, under all.
pub(super) fn standing(store: &impl Store, record: &Record) -> Result<Standing> {
    let keys = record.keys();
    let mut is_damaged = false;
    let ends = keys
        .first()
        .into_iter()
        .chain(keys.last().filter(|_| keys.len() > 1));
    for key in ends.chain(&keys) {
        match get_intact(store, key, None, |bytes| Record::open(key, &bytes)) {
            Ok(Some(stands)) => return Ok(Standing::Record(Box::new(stands))),
            Ok(None) => {}
            Err(error) => {
                error.into_damage()?;
                is_damaged = true;
            }
        }
        let is_last = keys.last() == Some(key);
        if is_last && !is_damaged {
            return Ok(Standing::None);
        }
    }
    if !is_damaged {
        return Ok(Standing::None);
    }
    Ok(match lookup::layer_of(store, record)? {
        Some(Ok(stands)) => Standing::Record(Box::new(stands)),
        Some(Err(created_ms)) => Standing::Damaged(created_ms),
        None => Standing::Damaged(None),
    })
}

/// Makes the build visible: the layer, then the keys by which it is found, the branch's last.
pub(super) fn commit(
    store: &impl Store,
    record: Record,
    standing: Standing,
    packs: &mut PackCheck,
) -> Result<Committed> {
    let repeated = standing.is_found();
    let mut committed = Committed {
        record,
        repeated,
        repaired: false,
        bytes: 0,
    };
    match standing {
        Standing::None => {}
        Standing::Record(stands) => settle(store, &mut committed, *stands, packs)?,
        // The layer's key has the time: with the same one, the record takes the damaged layer's place.
        Standing::Damaged(created_ms) => {
            committed.record.created_ms = created_ms.unwrap_or(committed.record.created_ms);
        }
    }
    for _ in 0..ROUNDS_MAX {
        if write(store, &mut committed, packs)? {
            return Ok(committed);
        }
    }
    let message = "other runs of this build repair it at the same time";
    Err(Error::stale(
        "pruned-meanwhile",
        message,
        &committed.record.project,
    ))
}

/// Writes the record under each of its keys. Returns whether it stands under all of them; if not, another record of the
/// build was found, and it is to be written again.
fn write(store: &impl Store, committed: &mut Committed, packs: &mut PackCheck) -> Result<bool> {
    let bytes = committed.record.seal()?;
    let length = bytes.len() as u64;
    let layer = committed.record.layer_key();
    let has_layer = layer.is_some();
    for (number, key) in layer.into_iter().chain(committed.record.keys()).enumerate() {
        // Right after the layer.
        if has_layer && number == 1 {
            committed.bytes += lookup::remember_workflow(store, &committed.record)?;
        }
        if store.put(&key, &bytes, PutMode::Create)? == PutOutcome::Stored {
            committed.bytes += length;
            continue;
        }
        let is_damaged = match lookup::read(store, &key) {
            Ok(there) => {
                check_same_build(&there, &committed.record)?;
                if !committed.repeated {
                    settle(store, committed, there, packs)?;
                    return Ok(false);
                }
                // What a repair replaces was judged. Otherwise two runs at once may have left two records that serve.
                there != committed.record
                    && (committed.repaired || !is_whole(store, &there, &committed.record, packs)?)
            }
            Err(error) => error.into_damage().map(|_| true)?,
        };
        if is_damaged {
            store.put(&key, &bytes, PutMode::Repair)?;
            committed.bytes += length;
        }
    }
    if !committed.repaired {
        return Ok(true);
    }
    // Of two repairs at once the one that wrote the first key last has its record under all.
    let first = committed.record.keys().into_iter().next();
    let first = first.ok_or_else(|| Error::internal("a record has no key"))?;
    let stands = lookup::read(store, &first)?;
    let is_own = stands == committed.record;
    committed.record = stands;
    Ok(is_own)
}

/// Decides between the record that stands and the new one. What stands stays, if it has the same files and all of them can
/// be read; else the new one takes its place, at the time of the other.
fn settle(
    store: &impl Store,
    committed: &mut Committed,
    stands: Record,
    packs: &mut PackCheck,
) -> Result<()> {
    check_same_build(&stands, &committed.record)?;
    let is_whole = is_whole(store, &stands, &committed.record, packs)?;
    committed.repeated = true;
    committed.record = match is_whole {
        true => stands,
        false => Record {
            created_ms: stands.created_ms,
            ..committed.record.clone()
        },
    };
    committed.repaired |= !is_whole;
    Ok(())
}

/// Whether all that a record of the build leads to can be read. Fails where it has other files than `record`.
fn is_whole(store: &impl Store, stands: &Record, record: &Record, packs: &mut PackCheck) -> Result<bool> {
    if stands.tree == record.tree {
        return Ok(true);
    }
    let mut own = Entries::open(store, &record.tree)?;
    let mut has_all = true;
    let mut last: Option<Rc<Table>> = None;
    let same = Entries::open(store, &stands.tree).and_then(|mut there| {
        workspace::same_files(&mut there, &mut own, &mut |located| {
            if !last.as_ref().is_some_and(|last| Rc::ptr_eq(last, &located.table)) {
                has_all = has_all && packs.has_all(store, &located.table)?;
                last = Some(Rc::clone(&located.table));
            }
            Ok(())
        })
    });
    match same {
        Ok(true) => Ok(has_all),
        Ok(false) => Err(other_files(record)),
        Err(error) => {
            error.into_damage()?;
            // What the files were is lost with the tree: their number and size are all that can be compared.
            match (stands.files, stands.bytes) == (record.files, record.bytes) {
                true => Ok(false),
                false => Err(other_files(record)),
            }
        }
    }
}

/// Checks that two records are of the same build. The trees need not be one: which worker stored what differs from run to
/// run, and an earlier run that was killed is no base.
fn check_same_build(stands: &Record, record: &Record) -> Result<()> {
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
    if own == *stands {
        return Ok(());
    }
    let message = format!(
        "{} is there already, of another branch, commit or workflow, and a build never changes",
        record.job_name()
    );
    Err(build_exists(message, record))
}

fn other_files(record: &Record) -> Error {
    let message = format!(
        "{} has already persisted other files as {}, and a build never changes",
        record.job_name(),
        record.artifact
    );
    build_exists(message, record)
}

fn build_exists(message: String, record: &Record) -> Error {
    Error::conflict("build-exists", message, &format!("build:{}", record.number))
}

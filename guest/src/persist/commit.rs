//! The record of a build: written under each of its keys, completed where an earlier run left it incomplete, and repaired
//! where what it leads to is damaged.
//!
//! A build only grows: a further persist by the same job run creates a new revision, and the earlier one stays as it
//! was. The one exception is bounded: the same build, the same files, and an existing record, or an existing tree or pack of
//! it, that was read and is not whole. Then the record is written again, and points to what this run has stored.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::pack_check::PackCheck;
use crate::error::{Error, Result};
use crate::ports::{PutMode, PutOutcome, Store, get_intact};
use crate::record::Record;
use crate::tree::{Entries, Table};
use crate::{keys, lookup, workspace};

/// Two repairs of one build at once settle on one record within so many rounds.
const ROUNDS_MAX: u32 = 16;

/// The revisions that earlier runs of the build left.
#[derive(Default)]
pub(super) struct ExistingRevisions {
    /// The newest revision of which the record can be read.
    pub record: Option<Record>,
    /// A newer one of which it cannot: the last.
    damaged: Option<u8>,
}

impl ExistingRevisions {
    /// Returns whether the build was persisted before.
    pub(super) fn is_found(&self) -> bool {
        self.record.is_some() || self.damaged.is_some()
    }

    /// Returns whether the record of the last revision can be read.
    pub(super) fn is_whole(&self) -> bool {
        self.damaged.is_none()
    }

    /// Returns the number of the revision that a persist makes, which repeats what stands or not.
    pub(super) fn revision(&self, repeats: bool) -> Result<u8> {
        match (self.damaged, &self.record) {
            (Some(damaged), _) => Ok(damaged),
            (None, None) => Ok(1),
            (None, Some(record)) if repeats => Ok(record.revision),
            (None, Some(record)) => record.revision.checked_add(1).ok_or_else(|| {
                let message = format!(
                    "{} has persisted {} {} times, which is the maximum",
                    record.job_name(),
                    record.artifact,
                    u8::MAX
                );
                Error::limit("too-many-revisions", message, &record.build_id().to_string())
            }),
        }
    }
}

/// The result of a commit.
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

/// Looks whether the build was persisted before: under its layer, under the key that is written first, and under the one
/// that is written last. Where a record is damaged, under all.
pub(super) fn existing(store: &impl Store, record: &Record) -> Result<ExistingRevisions> {
    let keys = record.keys();
    let ends = keys.first().into_iter().chain(keys.last());
    let mut there: BTreeSet<u8> = BTreeSet::new();
    for key in record.layer_key().iter().chain(ends) {
        for key in lookup::revisions(store, key)? {
            there.extend(keys::leaf(&key).map(|leaf| leaf.revision));
        }
    }
    let mut existing = ExistingRevisions::default();
    for revision in there.into_iter().rev() {
        let of = Record {
            revision,
            ..record.clone()
        };
        let mut is_damaged = false;
        for key in of.keys().into_iter().chain(of.layer_key()) {
            match get_intact(store, &key, None, |bytes| Record::open(&key, &bytes)) {
                Ok(Some(stands)) => {
                    existing.record = Some(stands);
                    return Ok(existing);
                }
                Ok(None) => {}
                Err(error) => {
                    error.into_damage()?;
                    is_damaged = true;
                }
            }
        }
        if is_damaged {
            existing.damaged.get_or_insert(revision);
        }
    }
    Ok(existing)
}

/// Commits the build: writes the layer, then the keys by which it is found, the branch's last.
/// Returns `None` where another run of the build made this revision meanwhile.
pub(super) fn commit(
    store: &impl Store,
    record: Record,
    stands: Option<Record>,
    repeated: bool,
    packs: &mut PackCheck,
) -> Result<Option<Committed>> {
    let mut committed = Committed {
        record,
        repeated,
        repaired: false,
        bytes: 0,
    };
    if let (Some(stands), true) = (stands, repeated) {
        settle(store, &mut committed, stands, packs)?;
    }
    for _ in 0..ROUNDS_MAX {
        match write(store, &mut committed, packs)? {
            Written::Stands => return Ok(Some(committed)),
            Written::Overtaken => return Ok(None),
            Written::OtherRepair => {}
        }
    }
    let message = "other runs of this build repair it at the same time";
    Err(Error::stale(
        "pruned-meanwhile",
        message,
        &committed.record.project,
    ))
}

/// The result of writing a record.
enum Written {
    /// It stands under all of its keys.
    Stands,
    /// Another run of the build made the same revision first.
    Overtaken,
    /// Another run repaired the build, too, and its record is to be written.
    OtherRepair,
}

/// Writes the record under each of its keys. The first decides which of two runs at once makes the revision.
fn write(store: &impl Store, committed: &mut Committed, packs: &mut PackCheck) -> Result<Written> {
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
                if !committed.repeated && there != committed.record {
                    return Ok(Written::Overtaken);
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
        return Ok(Written::Stands);
    }
    // Of two repairs at once the one that wrote the first key last has its record under all.
    let first = committed.record.keys().into_iter().next();
    let first = first.ok_or_else(|| Error::internal("a record has no key"))?;
    let stands = lookup::read(store, &first)?;
    let is_own = stands == committed.record;
    committed.record = stands;
    Ok(match is_own {
        true => Written::Stands,
        false => Written::OtherRepair,
    })
}

/// Decides between the record that stands and the new one of the same files. What stands stays, if all of them can be
/// read; otherwise the new one replaces it, with the time of the other.
fn settle(
    store: &impl Store,
    committed: &mut Committed,
    stands: Record,
    packs: &mut PackCheck,
) -> Result<()> {
    check_same_build(&stands, &committed.record)?;
    let is_whole = is_whole(store, &stands, &committed.record, packs)?;
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

/// Returns whether all that a record of the build leads to can be read. Fails where it has other files than `record`.
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

/// Checks that two records are of the same build. The trees need not be one.
pub(super) fn check_same_build(stands: &Record, record: &Record) -> Result<()> {
    // Who and where may differ when a step is run again by hand, and so may what ran. All else is what the build is.
    let own = Record {
        revision: stands.revision,
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
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let all = [
        ("number", stands.number.to_string(), record.number.to_string()),
        ("branch", text(&stands.branch), text(&record.branch)),
        ("tag", text(&stands.tag), text(&record.tag)),
        ("commit", text(&stands.commit), text(&record.commit)),
        ("workflow", text(&stands.workflow), text(&record.workflow)),
        ("workspace", text(&stands.workspace), text(&record.workspace)),
        (
            "pull request",
            text(&stands.pull_request),
            text(&record.pull_request),
        ),
    ];
    let other = all.into_iter().find(|(_, there, here)| there != here);
    let what = other.map_or_else(String::new, |(what, there, here)| {
        format!(", with another {what}: {there}, not {here}")
    });
    let message = format!("{} exists already{what}", record.job_name());
    Err(build_exists(message, record))
}

fn other_files(record: &Record) -> Error {
    let message = format!(
        "the list of the files that {} persisted as {} before cannot be read, and they were different",
        record.job_name(),
        record.artifact
    );
    build_exists(message, record)
}

fn build_exists(message: String, record: &Record) -> Error {
    Error::conflict("build-exists", message, &format!("build:{}", record.number))
}

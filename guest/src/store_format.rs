//! Whether a store is one of baton's, and of a version that this code knows.

use serde::{Deserialize, Serialize};

use crate::error::{Damage, Error, Result};
use crate::event::Event;
use crate::keys::{self, is_event, is_record};
use crate::ports::{PutMode, Store, get_intact};
use crate::record::Record;
use crate::sealed::{open, seal};

/// Of so many objects below the projects one must be whole, for a store without a marker to be believed to be one.
const EVIDENCE_MAX: u32 = 20;

/// The object [`keys::STORE`]. The version is in its header.
#[derive(Serialize, Deserialize)]
struct Marker {
    made_by: String,
}

/// The state of the marker.
enum MarkerState {
    Whole,
    Missing,
    /// Something else lies under its key.
    Unreadable(Damage),
}

/// Initializes an empty store, except in a dry run, and refuses any other that is not a baton store. A store that has
/// lost its marker, and has builds, gets it back.
pub fn prepare(store: &impl Store, dry_run: bool) -> Result<()> {
    let mode = match marker(store)? {
        MarkerState::Whole => return Ok(()),
        MarkerState::Unreadable(_) if has_builds(store)? => PutMode::Repair,
        MarkerState::Missing if is_empty(store)? || has_builds(store)? => PutMode::Create,
        // Of two first runs the other one may have made it a store since.
        MarkerState::Unreadable(_) | MarkerState::Missing => return check(store),
    };
    if dry_run {
        return Ok(());
    }
    // Whoever wins this race wrote the same format.
    store.put(keys::STORE, &marker_bytes()?, mode)?;
    Ok(())
}

/// Returns the stored form of the marker.
pub fn marker_bytes() -> Result<Vec<u8>> {
    let marker = Marker {
        made_by: concat!("baton ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    seal("store", &marker)
}

/// Refuses what is not a store of baton's: for commands that look at all of it, or change it.
pub fn check(store: &impl Store) -> Result<()> {
    match marker(store)? {
        MarkerState::Whole => Ok(()),
        MarkerState::Unreadable(damage) if has_builds(store)? => Err(Error::Damaged(damage)),
        MarkerState::Unreadable(_) => {
            let message = "this is not a baton store: baton did not write its v1/store";
            Err(Error::invalid("not-a-store", message, keys::STORE))
        }
        MarkerState::Missing if has_builds(store)? => {
            let message = "the marker of the store is missing, though it has builds";
            Err(Error::invalid("not-a-store", message, keys::STORE))
        }
        MarkerState::Missing => match store.list("", None, 1)?.first() {
            Some(key) => {
                let message = "this is not a baton store: it has other objects, and no v1/store";
                Err(Error::invalid("not-a-store", message, key))
            }
            None => Err(empty()),
        },
    }
}

/// Refuses a store like [`check`], and also one that never had a build: a prune or a verify would check nothing.
pub fn check_used(store: &impl Store) -> Result<()> {
    check(store)?;
    let never = |prefix: &str| Ok::<_, Error>(store.list(prefix, None, 1)?.is_empty());
    // Where everything was removed, a list says so.
    match never(keys::PROJECTS)? && never(keys::CONDEMNED)? {
        true => Err(empty()),
        false => Ok(()),
    }
}

/// Says why a look-up found nothing, if it is the store's fault. Asked only then: a look-up that succeeds need not pay
/// for it, and what it found was checked.
pub fn explain_absence(store: &impl Store) -> Result<()> {
    check_used(store)
}

fn marker(store: &impl Store) -> Result<MarkerState> {
    let marker = get_intact(store, keys::STORE, None, |bytes| {
        open::<Marker>("store", keys::STORE, &bytes)
    });
    match marker {
        Ok(Some(_)) => Ok(MarkerState::Whole),
        Ok(None) => Ok(MarkerState::Missing),
        Err(error) => Ok(MarkerState::Unreadable(error.into_damage()?)),
    }
}

fn is_empty(store: &impl Store) -> Result<bool> {
    Ok(store.list("", None, 1)?.is_empty())
}

/// Returns whether a record or an event below the projects is whole: then this is a store, whatever became of its marker.
fn has_builds(store: &impl Store) -> Result<bool> {
    for key in store.list(keys::PROJECTS, None, EVIDENCE_MAX)? {
        let found = if is_record(&key) {
            get_intact(store, &key, None, |bytes| Record::open(&key, &bytes)).map(|found| found.is_some())
        } else if is_event(&key) {
            Event::read(store, &key).map(|_| true)
        } else {
            Ok(false)
        };
        match found {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(error) => drop(error.into_damage()?),
        }
    }
    Ok(false)
}

fn empty() -> Error {
    let message = "the store is empty: no build was ever persisted to it";
    Error::nothing_matched("empty-store", message, "")
}

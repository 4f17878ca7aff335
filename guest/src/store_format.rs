//! Whether a store is one of baton's, and of a version that this code knows.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::keys;
use crate::ports::{PutMode, Store, get_intact};
use crate::record::{open, seal};

/// The object [`keys::STORE`]. The version is in its header.
#[derive(Serialize, Deserialize)]
struct Marker {
    made_by: String,
}

/// Makes an empty store one of baton's, unless this is to look only, and refuses any other that is not.
pub fn prepare(store: &impl Store, dry_run: bool) -> Result<()> {
    if check_marker(store)? {
        return Ok(());
    }
    if let Some(key) = store.list("", None, 1)?.first() {
        // Of two first runs the other one may have made it a store since.
        return if check_marker(store)? {
            Ok(())
        } else {
            Err(foreign(key))
        };
    }
    if dry_run {
        return Ok(());
    }
    let marker = Marker {
        made_by: concat!("baton ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    // Whoever wins this race wrote the same format.
    store.put(keys::STORE, &seal("store", &marker)?, PutMode::Create)?;
    Ok(())
}

/// Says why a look-up found nothing, if it is the store's fault. Asked only then: a look-up that succeeds need not pay
/// for it.
pub fn explain_absence(store: &impl Store) -> Result<()> {
    if check_marker(store)? {
        return Ok(());
    }
    match store.list("", None, 1)?.first() {
        Some(key) => Err(foreign(key)),
        None => Err(Error::nothing_matched(
            "empty-store",
            "the store is empty: nothing was ever persisted to it",
            "",
        )),
    }
}

fn check_marker(store: &impl Store) -> Result<bool> {
    let marker = get_intact(store, keys::STORE, None, |bytes| {
        open::<Marker>("store", keys::STORE, &bytes)
    });
    Ok(marker?.is_some())
}

fn foreign(key: &str) -> Error {
    let message = "this is not a baton store: it has other things in it, and no v1/store";
    Error::invalid("not-a-store", message, key)
}

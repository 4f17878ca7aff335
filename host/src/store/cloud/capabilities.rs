//! Tests what a server supports, and remembers the result. No server is trusted to create atomically, or to list in order,
//! without a test.
//!
//! The result is stored next to the store, under a name that no key can have, with the server that was tested.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::calls::Calls;
use super::failure::RemoteKind;
use super::listing::Listing;
use super::options::StoreUse;
use crate::store::atomic_create::{ProbedStore, create_is_atomic, new_prefix};
use crate::store::{PutMode, PutOutcome, StoreError};

const REMEMBERED: &str = ".probe/found.json";
/// Names that the two orders sort differently, in the order of their bytes.
const IN_BYTES: [&str; 4] = ["k-x", "k.x", "k/x", "m"];
const IN_NAMES: [&str; 4] = ["k/x", "k-x", "k.x", "m"];

/// The result of the tests of a server.
#[derive(Serialize, Deserialize)]
struct Capabilities {
    server: String,
    /// The word of a `Listing`.
    listing: String,
}

/// Returns the order in which the server lists. For a write, the server must also create atomically: the result of an earlier test is
/// used, or the server is tested.
pub(super) fn learn(calls: &Calls, usage: StoreUse) -> Result<Listing, StoreError> {
    if calls.is_known() && usage == StoreUse::Read {
        return Ok(Listing::Bytes);
    }
    if let Some(listing) = remembered(calls)? {
        return Ok(listing);
    }
    match usage {
        // A reader cannot test the server. This is slower, and always correct.
        StoreUse::Read => Ok(Listing::Unordered),
        StoreUse::Write => probe(calls),
    }
}

fn remembered(calls: &Calls) -> Result<Option<Listing>, StoreError> {
    let Some(bytes) = calls.get(REMEMBERED, None)? else {
        return Ok(None);
    };
    // An unreadable result is ignored, and the server is tested again.
    let found: Option<Capabilities> = serde_json::from_slice(&bytes).ok();
    Ok(found
        .filter(|found| found.server == calls.server())
        .and_then(|found| Listing::from_word(&found.listing)))
}

fn remember(calls: &Calls, listing: Listing) -> Result<(), StoreError> {
    let found = Capabilities {
        server: calls.server().to_owned(),
        listing: listing.word().to_owned(),
    };
    let bytes = serde_json::to_vec(&found).map_err(|error| StoreError::Thread(error.into()))?;
    calls
        .put(REMEMBERED, Bytes::from(bytes), PutMode::Overwrite)
        .map(drop)
}

/// Tests a server, removes the objects of the test, and remembers the result.
pub(super) fn probe(calls: &Calls) -> Result<Listing, StoreError> {
    let prefix = new_prefix()?;
    let found = create_is_atomic(&ProbePrefix(calls, &prefix)).and_then(|()| listing(calls, &prefix));
    let mut keys: Vec<String> = IN_BYTES
        .iter()
        .map(|name| format!("{prefix}/list/{name}"))
        .collect();
    keys.extend(["first", "race"].map(|name| format!("{prefix}/{name}")));
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let removed = calls.delete(&keys);
    // The failure of the probe matters more than its remaining objects.
    let found = found?;
    match removed {
        // The permission to delete is not needed for writes.
        Err(StoreError::Remote { source, .. }) if source.kind == RemoteKind::Denied => {}
        other => other?,
    }
    remember(calls, found)?;
    Ok(found)
}

/// The prefix of a probe's objects.
struct ProbePrefix<'a>(&'a Calls, &'a str);

impl ProbedStore for ProbePrefix<'_> {
    fn create(&self, name: &str, text: &str) -> Result<PutOutcome, StoreError> {
        let (key, bytes) = (format!("{}/{name}", self.1), Bytes::from(text.to_owned()));
        self.0.put_beyond(&key, bytes, PutMode::Create, true)
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(&format!("{}/{name}", self.1), None)
    }

    fn location(&self) -> String {
        self.0.location().to_owned()
    }
}

/// Tests in which order the server lists, and whether it respects the start and the limit of a listing.
fn listing(calls: &Calls, probe: &str) -> Result<Listing, StoreError> {
    let prefix = format!("{probe}/list/");
    for name in IN_BYTES {
        calls.put(&format!("{prefix}{name}"), Bytes::new(), PutMode::Overwrite)?;
    }
    let names = |start_after: Option<&str>, limit| -> Result<Vec<String>, StoreError> {
        let start_after = start_after.map(|name| format!("{prefix}{name}"));
        let page = calls.page(&prefix, start_after.as_deref(), limit, None)?;
        let name = |key: String| key.strip_prefix(&prefix).map(str::to_owned);
        Ok(page.keys.into_iter().filter_map(name).collect())
    };
    let all = names(None, 1000)?;
    for (listing, order) in [(Listing::Bytes, IN_BYTES), (Listing::Names, IN_NAMES)] {
        if all != order {
            continue;
        }
        let [first, second, rest @ ..] = order;
        let starts = names(Some(second), 1000)? == rest;
        let stops = names(None, 1)? == [first];
        return Ok(if starts && stops {
            listing
        } else {
            Listing::Unordered
        });
    }
    Ok(Listing::Unordered)
}

//! The source of a worker's bytes: the store that the host grants, or one among CircleCI's artifacts.

use super::http::Granted as GrantedHttp;
use super::store::Granted as GrantedStore;
use crate::circleci::{ArtifactStore, Index};
use crate::error::Result;
use crate::keys;
use crate::ports::{PutMode, PutOutcome, Store};

/// One of the two.
pub(super) enum Origin {
    Granted,
    Artifacts(ArtifactStore<GrantedHttp>),
}

impl Origin {
    /// Reads what [`Origin::shared`] wrote.
    pub(super) fn from_shared(shared: &[u8]) -> Result<Origin> {
        if shared.is_empty() {
            return Ok(Origin::Granted);
        }
        let index = crate::wire::read(shared)?;
        Ok(Origin::Artifacts(ArtifactStore::new(GrantedHttp::new(), index)))
    }

    /// Returns what a worker needs to know of artifacts: where the packs are. Nothing says: the granted store.
    pub(super) fn shared(index: &Index) -> Result<Vec<u8>> {
        crate::wire::write(&index.below(keys::PACKS))
    }

    /// Returns the location of all artifacts, for calls that read more than packs.
    pub(super) fn all(index: &Index) -> Result<Vec<u8>> {
        crate::wire::write(index)
    }
}

impl Store for Origin {
    fn get(&self, key: &str, range: Option<(u64, u64)>) -> Result<Option<Vec<u8>>> {
        match self {
            Origin::Granted => GrantedStore.get(key, range),
            Origin::Artifacts(store) => store.get(key, range),
        }
    }

    fn head(&self, key: &str) -> Result<Option<u64>> {
        match self {
            Origin::Granted => GrantedStore.head(key),
            Origin::Artifacts(store) => store.head(key),
        }
    }

    fn put(&self, key: &str, bytes: &[u8], mode: PutMode) -> Result<PutOutcome> {
        match self {
            Origin::Granted => GrantedStore.put(key, bytes, mode),
            Origin::Artifacts(store) => store.put(key, bytes, mode),
        }
    }

    fn delete(&self, keys: &[String]) -> Result<()> {
        match self {
            Origin::Granted => GrantedStore.delete(keys),
            Origin::Artifacts(store) => store.delete(keys),
        }
    }

    fn list(&self, prefix: &str, start_after: Option<&str>, limit: u32) -> Result<Vec<String>> {
        match self {
            Origin::Granted => GrantedStore.list(prefix, start_after, limit),
            Origin::Artifacts(store) => store.list(prefix, start_after, limit),
        }
    }
}

//! A baton store that lies among a job's artifacts, as a store to read.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use super::download::{Received, Wanted, download, size};
use super::send::Client;
use super::source::Source;
use crate::error::{Error, Result};
use crate::ports::{Http, PutMode, PutOutcome, Store};

/// As the WIT's `store` has it.
const OBJECT_BYTES_MAX: usize = 256 << 20;

/// The URLs of the objects of a store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// The client, with its retries.
    pub source: Source,
    /// URLs, by key.
    pub objects: BTreeMap<String, String>,
}

impl Index {
    /// Returns the part that holds the objects below a prefix: what a worker needs.
    #[must_use]
    pub fn below(&self, prefix: &str) -> Index {
        let wanted = self.objects.iter().filter(|(key, _)| key.starts_with(prefix));
        Index {
            source: self.source.clone(),
            objects: wanted.map(|(key, url)| (key.clone(), url.clone())).collect(),
        }
    }
}

/// A store whose objects are artifacts. A listing costs nothing, since all artifacts are known from the start; a read is
/// one download.
#[derive(Debug)]
pub struct ArtifactStore<H> {
    http: H,
    index: Index,
}

impl<H: Http> ArtifactStore<H> {
    /// Returns the store of an index.
    pub fn new(http: H, index: Index) -> ArtifactStore<H> {
        ArtifactStore { http, index }
    }

    /// Returns where its objects are.
    pub fn index(&self) -> &Index {
        &self.index
    }

    fn client(&self) -> Client<'_, H> {
        Client {
            http: &self.http,
            source: &self.index.source,
        }
    }
}

impl<H: Http> Store for ArtifactStore<H> {
    fn get(&self, key: &str, range: Option<(u64, u64)>) -> Result<Option<Vec<u8>>> {
        let Some(url) = self.index.objects.get(key) else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        let wanted = Wanted {
            what: key,
            url,
            range,
        };
        download(&self.client(), wanted, &mut |step| {
            let Received::Piece(_, piece) = step else {
                bytes.clear();
                return Ok(());
            };
            bytes.extend_from_slice(piece);
            if bytes.len() > OBJECT_BYTES_MAX {
                let message = format!("baton never writes an object of more than {OBJECT_BYTES_MAX} bytes");
                return Err(Error::limit("object-too-large", message, key));
            }
            Ok(())
        })?;
        Ok(Some(bytes))
    }

    fn head(&self, key: &str) -> Result<Option<u64>> {
        let url = self.index.objects.get(key);
        url.map(|url| size(&self.client(), key, url)).transpose()
    }

    fn put(&self, _: &str, _: &[u8], _: PutMode) -> Result<PutOutcome> {
        Err(super::read_only())
    }

    fn delete(&self, _: &[String]) -> Result<()> {
        Err(super::read_only())
    }

    fn list(&self, prefix: &str, start_after: Option<&str>, limit: u32) -> Result<Vec<String>> {
        let start = match start_after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let behind = self.index.objects.range::<str, _>((start, Bound::Unbounded));
        let found = behind
            .map(|(key, _)| key)
            .take_while(|key| key.starts_with(prefix));
        Ok(found.take(limit as usize).cloned().collect())
    }
}

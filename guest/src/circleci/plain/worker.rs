//! The part of a download that runs on many threads: one artifact at a time, in pieces of at most 1 MiB.

use super::super::download::{Wanted, download};
use super::super::send::Client;
use super::{Outcome, Shared, TaskIn};
use crate::error::Result;
use crate::id::Hashing;
use crate::ports::{File, Files, Http, Open};

/// Does one task.
pub fn run(http: &impl Http, files: &impl Files, shared: &[u8], task: &[u8]) -> Result<Vec<u8>> {
    let Shared { source } = crate::wire::read(shared)?;
    let TaskIn {
        part,
        path,
        url,
        staged,
    } = crate::wire::read(task)?;
    let client = Client {
        http,
        source: &source,
    };
    let file = files.open(&staged, Open::Create)?;
    let mut hashing = Hashing::default();
    let wanted = Wanted {
        what: &path,
        url: &url,
        range: None,
    };
    let bytes = download(&client, wanted, &mut |offset, piece| {
        if offset == 0 {
            hashing = Hashing::default();
        }
        hashing.add(piece);
        file.write(offset, piece)
    })?;
    crate::wire::write(&Outcome {
        part,
        bytes,
        digest: hashing.digest(),
    })
}

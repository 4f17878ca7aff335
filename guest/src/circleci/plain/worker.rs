//! The part of a download that runs on many threads: one artifact at a time, in pieces of at most 1 MiB.

use super::super::download::{Received, Wanted, download};
use super::super::send::Client;
use super::task::{Outcome, Shared, TaskIn};
use crate::error::{Error, Result};
use crate::id::Hashing;
use crate::ports::{Edit, File, Files, Http, Open};

/// Executes one task.
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
    let mut file = files.open(&staged, Open::Create)?;
    let mut hashing = Hashing::default();
    let wanted = Wanted {
        what: &path,
        url: &url,
        range: None,
    };
    let bytes = download(&client, wanted, &mut |step| match step {
        // A file can only become longer here: the first attempt must not leave an end after the second.
        Received::Anew => {
            files.edit(Edit::RemoveFile(&staged))?;
            file = files.open(&staged, Open::Create)?;
            hashing = Hashing::default();
            Ok(())
        }
        Received::Piece(offset, piece) => {
            hashing.add(piece);
            file.write(offset, piece)
        }
    })?;
    let (staged_bytes, _) = file.seen()?;
    if staged_bytes != bytes {
        let message = format!("{bytes} bytes were read, and {staged_bytes} are in the file");
        return Err(Error::invalid("file-changed", message, &path));
    }
    crate::wire::write(&Outcome {
        part,
        bytes,
        digest: hashing.digest(),
    })
}

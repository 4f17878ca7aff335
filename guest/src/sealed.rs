//! The two-line form of small objects: a header with the digest of the second line, and a value as JSON. So a flipped bit
//! shows, and a person can read the object.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::id::Digest;
use crate::text::shown;

/// The version of the format that this code writes, and the latest that it reads.
pub const VERSION: u32 = 1;

/// Objects with a header are small; a larger one is not one of ours.
const RECORD_BYTES_MAX: usize = 1 << 20;

#[derive(Serialize, Deserialize)]
struct Header {
    baton: String,
    version: u32,
    digest: Digest,
}

/// The fields that the first line of every object has, in any version.
#[derive(Deserialize)]
struct Head {
    baton: String,
    version: u64,
}

/// Returns a value as two lines: a header with the digest of the second, and the value as JSON.
pub fn seal<T: Serialize>(what: &str, value: &T) -> Result<Vec<u8>> {
    let failed =
        |error: serde_json::Error| Error::internal(format!("a {what} could not be written")).because(error);
    let mut body = serde_json::to_vec(value).map_err(failed)?;
    body.push(b'\n');
    let header = Header {
        baton: what.to_owned(),
        version: VERSION,
        digest: Digest::of(&body),
    };
    let mut bytes = serde_json::to_vec(&header).map_err(failed)?;
    bytes.push(b'\n');
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

/// Reads the first line of an object: its kind and its version first, for a later version may say the rest in another way.
pub(crate) fn header<T: for<'de> Deserialize<'de>>(what: &str, key: &str, line: &[u8]) -> Result<T> {
    let damaged = |error: serde_json::Error| {
        let error = shown(&error.to_string());
        Error::damaged(
            key,
            format!("its first line is not the header of a {what}: {error}"),
        )
    };
    let head: Head = serde_json::from_slice(line).map_err(damaged)?;
    if head.baton != what {
        let message = format!("it is a {}, not a {what}", shown(&head.baton));
        return Err(Error::damaged(key, message));
    }
    if head.version > u64::from(VERSION) {
        let message = format!(
            "this {what} has format version {}, and this baton reads up to {VERSION}",
            head.version
        );
        return Err(Error::unsupported(message, key));
    }
    if head.version == 0 {
        return Err(Error::damaged(key, "its first line has no format version"));
    }
    serde_json::from_slice(line).map_err(damaged)
}

/// Reads what [`seal`] wrote under `key`.
pub fn open<T: for<'de> Deserialize<'de>>(what: &str, key: &str, bytes: &[u8]) -> Result<T> {
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(Error::damaged(
            key,
            format!("{} bytes are too many for a {what}", bytes.len()),
        ));
    }
    let border = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(bytes.len(), |at| at + 1);
    let (head, body) = bytes.split_at(border);
    let header: Header = header(what, key, head)?;
    let found = Digest::of(body);
    if found != header.digest {
        let message = format!("the {what} was altered or cut short");
        return Err(Error::damaged_digest(
            key,
            message,
            header.digest.to_string(),
            found.to_string(),
        ));
    }
    serde_json::from_slice(body).map_err(|error| Error::damaged(key, format!("it is not a {what}: {error}")))
}

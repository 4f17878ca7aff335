//! The differences between two builds: their trees are compared entry by entry. No file contents are fetched.

use crate::error::Result;
use crate::path;
use crate::ports::Scratch;
use crate::scratch_list::{ScratchList, ScratchWriter};
use crate::tree::{Content, Entry, Location};

/// A path that differs. Never both absent, and never equal.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Change {
    /// As the first build has it.
    pub before: Option<Entry>,
    /// As the second build has it.
    pub after: Option<Entry>,
}

/// Lists the entries of what a scope means: all that `next` gives, without the places of their bytes.
pub fn list(
    scratch: &dyn Scratch,
    mut next: impl FnMut() -> Result<Option<Entry>>,
) -> Result<ScratchList<Entry>> {
    let mut entries = ScratchWriter::new(scratch);
    while let Some(mut entry) = next()? {
        if let Content::File { location, .. } = &mut entry.content {
            *location = Location::Empty;
        }
        entries.push(&entry)?;
    }
    entries.close()
}

/// Returns what differs between two lists of entries, each in path order. Times do not count: who builds the same files
/// again has other times.
pub fn changes(
    scratch: &dyn Scratch,
    before: &ScratchList<Entry>,
    after: &ScratchList<Entry>,
) -> Result<ScratchList<Change>> {
    let (mut before, mut after) = (before.items(scratch).peekable(), after.items(scratch).peekable());
    let mut changes = ScratchWriter::new(scratch);
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return changes.close(),
            (Some(Ok(a)), Some(Ok(b))) => path::compare(&a.path, &b.path),
            // An error is taken as the next entry, and ends this.
            (Some(_), None) | (Some(Err(_)), _) => std::cmp::Ordering::Less,
            (None, Some(_)) | (_, Some(Err(_))) => std::cmp::Ordering::Greater,
        };
        let change = Change {
            before: if order.is_le() {
                before.next().transpose()?
            } else {
                None
            },
            after: if order.is_ge() {
                after.next().transpose()?
            } else {
                None
            },
        };
        if !is_equal(&change) {
            changes.push(&change)?;
        }
    }
}

fn is_equal(change: &Change) -> bool {
    match (&change.before, &change.after) {
        (Some(a), Some(b)) => a.bits == b.bits && same_content(&a.content, &b.content),
        _ => false,
    }
}

/// Returns whether two entries are the same thing with the same bytes, wherever those are stored.
pub(crate) fn same_content(a: &Content, b: &Content) -> bool {
    match (a, b) {
        (Content::Directory, Content::Directory) => true,
        (Content::Symlink(a), Content::Symlink(b)) => a == b,
        (
            Content::File { size, digest, .. },
            Content::File {
                size: other_size,
                digest: other,
                ..
            },
        ) => (size, digest) == (other_size, other),
        _ => false,
    }
}

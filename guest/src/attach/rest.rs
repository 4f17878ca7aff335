//! The part of a plan that `finish` needs in addition to the outcomes of the tasks.

use serde::{Deserialize, Serialize};

use crate::ports::{EntryFlags, Time};
use crate::record::Record;
use crate::scratch_list::ScratchList;

/// The part of a plan that `finish` needs in addition to the outcomes.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Rest {
    pub builds: Vec<Record>,
    pub files: u64,
    pub directories: u64,
    pub symlinks: u64,
    pub bytes: u64,
    /// Staging directories.
    pub staging_dirs: Vec<String>,
    pub commits: ScratchList<Commit>,
    /// Symlinks, under their staged names.
    pub links: ScratchList<(String, String, Time)>,
    /// Directories that exist and may not be written, with their bits and times.
    pub closed: Vec<(String, u16, Time)>,
    /// Directories that this user cannot write to, and cannot open either: another user's, the granted one itself,
    /// those on a read-only file system, and immutable ones.
    pub sealed: Vec<(String, Sealed)>,
    /// Entries that are removed because the tree has another kind of entry at their path.
    pub in_the_way: Vec<Removal>,
    /// New directories and symlinks: from their staged names to their own.
    pub moves: ScratchList<(String, String)>,
    /// Entries that `--clean` removes.
    pub clean: Vec<Removal>,
    /// Directories, with their bits and times, parents first.
    pub directories_apply: ScratchList<(String, u16, Time)>,
}

/// The last step of a file, after its bytes are written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Commit {
    pub staged: String,
    /// The path that it is moved to. Absent in a new directory, which is moved as a whole.
    pub path: Option<String>,
    pub bits: u16,
    pub modified: Time,
    /// In bytes.
    pub size: u64,
    /// Whether it is written in parts, so that nobody has set its attributes yet.
    pub large: bool,
    /// Whether a file of the same size stands under the final name.
    pub compared: bool,
    /// Whether that file's attributes differ.
    pub attributes_differ: bool,
    /// Why nothing can be renamed over that file, if that is so.
    pub fixed: Option<Fixed>,
}

/// Why nothing can be renamed over an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fixed {
    Mounted,
    Immutable,
    /// Another user's.
    Foreign,
}

impl Fixed {
    pub(super) fn of(flags: &EntryFlags) -> Option<Fixed> {
        match flags {
            EntryFlags { fixed: false, .. } => None,
            EntryFlags { mounted: true, .. } => Some(Fixed::Mounted),
            EntryFlags { foreign: true, .. } => Some(Fixed::Foreign),
            _ => Some(Fixed::Immutable),
        }
    }
}

/// Why nothing can be changed in a directory, whatever its permission bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Sealed {
    Denied,
    ReadOnly,
    Immutable,
}

/// A file, a symlink, or a directory with all that is in it, that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Removal {
    pub path: String,
    pub is_directory: bool,
    /// Files and symlinks that go with it.
    pub files: u64,
    /// The sum of their sizes.
    pub bytes: u64,
}

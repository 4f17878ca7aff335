//! The files of a store directory, so that the bytes that a command wrote can be counted.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

#[derive(PartialEq)]
pub(crate) struct StoredFile {
    pub(crate) bytes: u64,
    inode: u64,
    modified: SystemTime,
}

/// Lists the files of a store. A file that is replaced counts as written, so more than the name is kept.
pub(crate) fn listing(store: &Path) -> Result<HashMap<PathBuf, StoredFile>, Box<dyn Error>> {
    let mut files = HashMap::new();
    let mut left = vec![store.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).map_err(|error| format!("{}: {error}", directory.display()))? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                left.push(entry.path());
            } else {
                let (bytes, inode, modified) = (metadata.len(), metadata.ino(), metadata.modified()?);
                files.insert(
                    entry.path(),
                    StoredFile {
                        bytes,
                        inode,
                        modified,
                    },
                );
            }
        }
    }
    Ok(files)
}

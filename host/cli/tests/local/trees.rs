//! Directories as they are: every entry with its kind, its permission bits and its contents.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Returns what is below a directory.
pub(crate) fn tree(directory: &Path) -> BTreeMap<String, String> {
    let mut entries = BTreeMap::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(current) = directories.pop() {
        for entry in fs::read_dir(&current).unwrap_or_else(|error| panic!("{}: {error}", current.display())) {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let bits = metadata.permissions().mode() & 0o777;
            let shown = if metadata.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else if metadata.is_dir() {
                directories.push(path.clone());
                format!("{bits:o} directory")
            } else {
                format!(
                    "{bits:o} {}",
                    String::from_utf8(fs::read(&path).unwrap()).unwrap()
                )
            };
            let name = path.strip_prefix(directory).unwrap().to_str().unwrap();
            entries.insert(name.to_owned(), shown);
        }
    }
    entries
}

/// Checks that two directories are the same in all but their times, and that there is something in them.
#[track_caller]
pub(crate) fn assert_same(one: &Path, other: &Path) {
    let (one, other) = (tree(one), tree(other));
    assert!(one.len() >= 4, "{one:?}");
    assert_eq!(one, other);
}

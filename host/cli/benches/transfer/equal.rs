//! Compares two trees, entry by entry: names, kinds, contents, permission bits, times, link targets.
//!
//! The two roots themselves are not compared, only what is beneath them: the directory to attach to is the
//! user's. Nor are owners, and the times of symlinks. What `diff -r` does not see (bits, times) is why this
//! module exists; what it might get wrong itself is why `diff -r` runs as well.

use std::error::Error;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

const DIFFERENCES_MAX: usize = 10;
const BLOCK_SIZE: usize = 256 << 10;

/// Compares what is beneath two directories.
///
/// # Errors
///
/// They differ; the error lists the first ten differences.
pub(crate) fn check(expected: &Path, found: &Path) -> Result<(), Box<dyn Error>> {
    let mut comparison = Comparison {
        differences: Vec::new(),
        count: 0,
        left: Vec::new(),
        right: Vec::new(),
    };
    comparison.directory(expected, found)?;
    if comparison.count == 0 {
        return Ok(());
    }
    let shown = comparison.differences.join("\n  ");
    let (expected, found) = (expected.display(), found.display());
    Err(format!(
        "{expected} and {found} differ in {} places:\n  {shown}",
        comparison.count
    )
    .into())
}

/// Has `diff` compare the same, as a second opinion.
pub(crate) fn check_with_diff(expected: &Path, found: &Path) -> Result<(), Box<dyn Error>> {
    let mut command = Command::new("diff");
    let output = command
        .args(["-r", "--no-dereference"])
        .args([expected, found])
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().take(DIFFERENCES_MAX).collect();
    Err(format!("diff -r: {}\n  {}", output.status, lines.join("\n  ")).into())
}

struct Comparison {
    differences: Vec<String>,
    count: usize,
    left: Vec<u8>,
    right: Vec<u8>,
}

impl Comparison {
    fn differ(&mut self, path: &Path, what: &str) {
        self.count += 1;
        if self.differences.len() < DIFFERENCES_MAX {
            // Debug, because some names hold newlines.
            self.differences.push(format!("{path:?}: {what}"));
        }
    }

    fn directory(&mut self, expected: &Path, found: &Path) -> Result<(), Box<dyn Error>> {
        let (expected_names, found_names) = (names(expected)?, names(found)?);
        for name in found_names
            .iter()
            .filter(|name| expected_names.binary_search(name).is_err())
        {
            self.differ(&found.join(name), "should not be there");
        }
        for name in &expected_names {
            if found_names.binary_search(name).is_err() {
                self.differ(&found.join(name), "is missing");
                continue;
            }
            self.entry(&expected.join(name), &found.join(name))
                .map_err(|error| format!("{:?}: {error}", found.join(name)))?;
        }
        Ok(())
    }

    fn entry(&mut self, expected: &Path, found: &Path) -> Result<(), Box<dyn Error>> {
        let (old, new) = (fs::symlink_metadata(expected)?, fs::symlink_metadata(found)?);
        if old.file_type() != new.file_type() {
            self.differ(
                found,
                &format!("{:?} instead of {:?}", new.file_type(), old.file_type()),
            );
            return Ok(());
        }
        if old.is_symlink() {
            let (old, new) = (fs::read_link(expected)?, fs::read_link(found)?);
            if old != new {
                self.differ(found, &format!("links to {new:?} instead of {old:?}"));
            }
            return Ok(());
        }
        self.attributes(&old, &new, found);
        if old.is_dir() {
            return self.directory(expected, found);
        }
        if old.len() != new.len() {
            self.differ(found, &format!("{} bytes instead of {}", new.len(), old.len()));
        } else if let Some(offset) = self.first_difference(expected, found)? {
            self.differ(found, &format!("other bytes from {offset} on"));
        }
        Ok(())
    }

    fn attributes(&mut self, old: &Metadata, new: &Metadata, found: &Path) {
        let bits = |metadata: &Metadata| metadata.mode() & 0o777;
        if bits(old) != bits(new) {
            self.differ(found, &format!("bits {:o} instead of {:o}", bits(new), bits(old)));
        }
        let time = |metadata: &Metadata| format!("{}.{:09}", metadata.mtime(), metadata.mtime_nsec());
        if time(old) != time(new) {
            self.differ(found, &format!("modified {} instead of {}", time(new), time(old)));
        }
    }

    /// Returns the start of the first block that differs, in bytes.
    fn first_difference(&mut self, expected: &Path, found: &Path) -> Result<Option<u64>, Box<dyn Error>> {
        let (mut expected, mut found) = (File::open(expected)?, File::open(found)?);
        let mut offset = 0;
        loop {
            read_block(&mut expected, &mut self.left)?;
            read_block(&mut found, &mut self.right)?;
            if self.left != self.right {
                return Ok(Some(offset));
            }
            if self.left.is_empty() {
                return Ok(None);
            }
            offset += self.left.len() as u64;
        }
    }
}

fn names(directory: &Path) -> Result<Vec<OsString>, Box<dyn Error>> {
    let entries = fs::read_dir(directory).map_err(|error| format!("{directory:?}: {error}"))?;
    let mut names = entries
        .map(|entry| Ok(entry?.file_name()))
        .collect::<Result<Vec<_>, std::io::Error>>()?;
    names.sort_unstable();
    Ok(names)
}

fn read_block(file: &mut File, block: &mut Vec<u8>) -> Result<(), std::io::Error> {
    block.clear();
    file.take(BLOCK_SIZE as u64).read_to_end(block)?;
    Ok(())
}

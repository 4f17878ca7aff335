//! The end of an attach: every byte is verified, and everything gets its name.

use super::rest::{Commit, Rest};
use super::task::{Kept, Outcome};
use super::unwritable::{cannot_replace, changed_dirs, check_sealed, open_closed};
use super::{sparse, staging};
use crate::error::{Error, Result};
use crate::id::Digest;
use crate::ports::{AttributeChange, Edit, Files, Link, Open, Scratch, read_fully};
use crate::record::Record;
use crate::scratch_list::{ScratchList, batched};

/// The report of an attach. Sizes in bytes.
#[derive(Debug, Default)]
pub struct Attached {
    /// The builds, in the order in which their layers were merged.
    pub builds: Vec<Record>,
    /// Files of the tree.
    pub files: u64,
    /// Directories of the tree.
    pub directories: u64,
    /// Symlinks of the tree.
    pub symlinks: u64,
    /// The sum of its files' sizes.
    pub bytes: u64,
    /// Files that did not exist or were different.
    pub new_files: u64,
    /// Bytes that were written.
    pub new_bytes: u64,
    /// Bytes that were read from the store.
    pub fetched_bytes: u64,
    /// Entries that `clean` removed, and those that stood in the way.
    pub removed: u64,
}

/// Gives everything its name.
pub fn finish(
    files: &impl Files,
    scratch: &dyn Scratch,
    rest: &[u8],
    outcomes: &[Vec<u8>],
) -> Result<Attached> {
    let rest: Rest = crate::wire::read(rest)?;
    let mut report = Attached {
        files: rest.files,
        directories: rest.directories,
        symlinks: rest.symlinks,
        bytes: rest.bytes,
        ..Attached::default()
    };
    let outcomes = read(outcomes)?;
    let mut changed = BitSet::default();
    for outcome in each(scratch, &outcomes) {
        let outcome = outcome?;
        report.fetched_bytes += outcome.fetched_bytes;
        report.new_files += outcome.new_files;
        report.new_bytes += outcome.new_bytes;
        outcome.changed.iter().for_each(|number| changed.add(*number));
    }
    let finishing = Finishing {
        files,
        scratch,
        rest: &rest,
        changed,
    };
    finishing.fill(&outcomes)?;
    report.new_files += finishing.complete_large()?;
    finishing.create_symlinks()?;
    // The last look before the first change.
    for commit in finishing.commits() {
        let (commit, stays) = commit?;
        if let (Some(path), Some(fixed), false) = (commit.path, commit.fixed, stays) {
            return Err(cannot_replace(&path, fixed));
        }
    }
    let stays = |number, commit: &Commit| commit.compared && !finishing.changed.has(number);
    let changed = changed_dirs(scratch, &rest, &|number, commit| !stays(number, commit))?;
    check_sealed(&rest, &changed)?;
    files.begin_changes()?;
    open_closed(files, &rest, &changed)?;
    for removal in &rest.in_the_way {
        report.removed += staging::remove(files, removal)?;
    }
    finishing.rename()?;
    for removal in &rest.clean {
        report.removed += staging::remove(files, removal)?;
    }
    finishing.correct_attributes()?;
    staging::clear(files, &rest.staging_dirs)?;
    // Last, and from the inside out: every change inside a directory changes its time, and one without write permission
    // would refuse it.
    let change = |(path, bits, modified): &(String, u16, _)| AttributeChange {
        path: path.clone(),
        bits: Some(*bits),
        modified: *modified,
    };
    batched(rest.directories_apply.reversed(scratch), |directories| {
        files.apply(&directories.iter().map(change).collect::<Vec<_>>())
    })?;
    report.builds = rest.builds;
    Ok(report)
}

/// Reads where the outcomes are. A worker's last one, of `close`, is empty: it holds nothing back.
fn read(outcomes: &[Vec<u8>]) -> Result<Vec<ScratchList<Outcome>>> {
    let written = outcomes.iter().filter(|outcome| !outcome.is_empty());
    written.map(|outcome| crate::wire::read(outcome)).collect()
}

fn each<'a>(
    scratch: &'a dyn Scratch,
    outcomes: &'a [ScratchList<Outcome>],
) -> impl Iterator<Item = Result<Outcome>> + use<'a> {
    outcomes.iter().flat_map(move |outcome| outcome.items(scratch))
}

/// A set of numbers from 0 on, a bit each.
#[derive(Default)]
struct BitSet(Vec<u64>);

impl BitSet {
    fn add(&mut self, number: u32) {
        let word = number as usize / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(bits) = self.0.get_mut(word) {
            *bits |= 1 << (number % 64);
        }
    }

    fn has(&self, number: u32) -> bool {
        let bits = self.0.get(number as usize / 64);
        bits.is_some_and(|bits| bits >> (number % 64) & 1 == 1)
    }
}

struct Finishing<'a, F> {
    files: &'a F,
    scratch: &'a dyn Scratch,
    rest: &'a Rest,
    /// The commits of which some piece was written.
    changed: BitSet,
}

impl<F: Files> Finishing<'_, F> {
    /// Returns each commit, and whether the file that stands under its name stays.
    fn commits(&self) -> impl Iterator<Item = Result<(Commit, bool)>> + '_ {
        (0..)
            .zip(self.rest.commits.items(self.scratch))
            .map(|(number, commit)| {
                let commit = commit?;
                let stays = commit.compared && !self.changed.has(number);
                Ok((commit, stays))
            })
    }

    /// Copies what a large file's predecessor has already, and nobody fetched.
    fn fill(&self, outcomes: &[ScratchList<Outcome>]) -> Result<()> {
        let mut content = Vec::new();
        for outcome in each(self.scratch, outcomes) {
            for piece in outcome?.kept {
                let Kept {
                    commit,
                    path,
                    staged,
                    at,
                    length,
                    digest,
                } = piece;
                if !self.changed.has(commit) || sparse::is_zeros(length, &digest) {
                    continue;
                }
                content.clear();
                let from = self.files.open(&path, Open::Read)?;
                read_fully(&from, at, length as usize, &mut content)?;
                if Digest::of(&content) != digest {
                    let message = "a file changed while it was compared";
                    return Err(Error::invalid("file-changed", message, &path));
                }
                sparse::write(&self.files.open(&staged, Open::Write)?, at, &content)?;
            }
        }
        Ok(())
    }

    /// Gives large files that were written their attributes. Returns how many there are.
    fn complete_large(&self) -> Result<u64> {
        let mut count = 0;
        let written = self.commits().filter_map(|commit| match commit {
            Ok((commit, stays)) => (commit.large && !stays).then_some(Ok(commit)),
            Err(error) => Some(Err(error)),
        });
        batched(written, |commits| {
            count += commits.len() as u64;
            let change = |commit: &Commit| AttributeChange {
                path: commit.staged.clone(),
                bits: Some(commit.bits),
                modified: commit.modified,
            };
            self.files.apply(&commits.iter().map(change).collect::<Vec<_>>())
        })?;
        Ok(count)
    }

    /// Creates the symlinks in the staging directory.
    fn create_symlinks(&self) -> Result<()> {
        let link = |link: &(String, String, _)| {
            let (path, target, modified) = link.clone();
            Link {
                path,
                target,
                modified,
            }
        };
        batched(self.rest.links.items(self.scratch), |links| {
            self.files.link(&links.iter().map(link).collect::<Vec<_>>())
        })
    }

    /// Renames everything that is staged into place.
    fn rename(&self) -> Result<()> {
        let commits = self.commits().filter_map(|commit| match commit {
            Ok((commit, stays)) => commit
                .path
                .filter(|_| !stays)
                .map(|path| Ok((commit.staged, path))),
            Err(error) => Some(Err(error)),
        });
        batched(commits.chain(self.rest.moves.items(self.scratch)), |renames| {
            let edits: Vec<_> = renames
                .iter()
                .map(|(staged, path)| Edit::Rename(staged, path))
                .collect();
            self.files.edits(&edits)
        })
    }

    /// Corrects the attributes of files that stay.
    fn correct_attributes(&self) -> Result<()> {
        let corrected = self.commits().filter_map(|commit| match commit {
            Ok((commit, stays)) if stays && commit.attributes_differ => {
                let Commit {
                    path, bits, modified, ..
                } = commit;
                Some(Ok(AttributeChange {
                    path: path?,
                    bits: Some(bits),
                    modified,
                }))
            }
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        });
        batched(corrected, |changes| self.files.apply(changes))
    }
}

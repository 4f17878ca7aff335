//! The part of a comparison that is about directories: gone into, left, replaced, and where what is new is staged.

use super::clean::{Cleaner, KeepReason, cleanable};
use super::compare::Comparing;
use super::open_directories::{Dir, DirState, Remaining};
use super::rest::{Fixed, Removal, Sealed};
use super::staging;
use super::unwritable::{cannot_replace, immutable};
use crate::error::{Error, Result, warning};
use crate::path;
use crate::ports::{DirEntry, Files, Kind, Reserved};
use crate::tree::{Content, Entry};

impl<F: Files> Comparing<'_, '_, F> {
    /// Goes into a directory that exists.
    pub(super) fn enter(&mut self, path: String, entry: &DirEntry) -> Result<()> {
        let entries = self.files.entries(&path)?;
        let own = staging::staging_dir_in(&path);
        let own_name = path::file_name(&own).as_bytes();
        let left_over = entries.iter().any(|entry| entry.name == own_name);
        if left_over && !self.request.dry_run {
            staging::clear(self.files, &[own])?;
        }
        let keep = self.open.last().and_then(|above| above.keep);
        // What the artifact has in a home directory is the artifact's.
        let keep = keep.filter(|keep| !matches!(keep, KeepReason::Reserved(Reserved::Home | Reserved::Top)));
        let flags = entry.flags;
        let closed = flags.closed || flags.immutable() || entry.bits & 0o300 != 0o300;
        if closed {
            let sealed = match flags.read_only {
                true => Some(Sealed::ReadOnly),
                false if flags.immutable() => Some(Sealed::Immutable),
                false => (path.is_empty() || flags.foreign).then_some(Sealed::Denied),
            };
            match sealed {
                Some(why) => self.rest.sealed.push((path.clone(), why)),
                None => self
                    .rest
                    .closed
                    .push((path.clone(), entry.bits & 0o777, entry.modified)),
            }
        }
        self.open.push(Dir {
            boundary: !path.is_empty() && entry.flags.mounted,
            keep: keep.or_else(|| KeepReason::of(path::file_name(&path).as_bytes(), entry)),
            state: DirState::Existing(Remaining::new(entries)),
            closed,
            path,
        });
        Ok(())
    }

    /// Leaves the innermost directory: what the tree did not name there and the artifact covers goes with `clean`.
    pub(super) fn leave(&mut self) -> Result<()> {
        let Some(Dir {
            path: dir,
            state: DirState::Existing(left),
            keep,
            ..
        }) = self.open.pop()
        else {
            return Ok(());
        };
        let Some(coverage) = self.coverage.filter(|coverage| coverage.may_cover_below(&dir)) else {
            return Ok(());
        };
        let left = cleanable(left.into_entries());
        let Some(keep) = keep else {
            return self.cleaner.entries(&dir, left);
        };
        let covered = left.iter().find_map(|entry| {
            let path = path::join(&dir, &String::from_utf8_lossy(&entry.name));
            coverage.covers(&path).then_some(path)
        });
        match (covered, dir.is_empty()) {
            (Some(path), true) => {
                let message = format!("--clean would empty the directory of --at, and {}", keep.shown());
                Err(Error::invalid("clean-refused", message, &path))
            }
            (Some(_), false) => {
                self.cleaner.kept.push((keep, dir));
                Ok(())
            }
            (None, _) => Ok(()),
        }
    }

    /// Returns a name in the staging directory for something that will be renamed into the innermost directory. It lies as
    /// far up in its file system as this user can write, so that few are needed.
    pub(super) fn stage(&mut self, part: &str) -> String {
        self.staged += 1;
        let begins = self.open.iter().rposition(|dir| dir.boundary).unwrap_or_default();
        let mut candidates = self.open.iter().skip(begins);
        // Where none can be written, making it fails before anything is changed, and says why.
        let dir = candidates.find(|dir| !dir.closed).or(self.open.last());
        let staging_dir = staging::staging_dir_in(dir.map_or("", |dir| dir.path.as_str()));
        let staged = format!("{staging_dir}/{part}/{}", self.staged);
        if !self.rest.staging_dirs.contains(&staging_dir) {
            self.rest.staging_dirs.push(staging_dir);
        }
        staged
    }

    pub(super) fn directory(
        &mut self,
        entry: &Entry,
        known: bool,
        there: Option<DirEntry>,
        inside: Option<String>,
    ) -> Result<()> {
        self.rest.directories += 1;
        let existing = there.as_ref().filter(|there| there.kind == Kind::Directory);
        // One of which nothing is known keeps what it has.
        let attributes = match (known, existing) {
            (true, _) => Some((entry.bits, entry.modified)),
            (false, Some(there)) => Some((there.bits & 0o777, there.modified)),
            (false, None) => None,
        };
        let fixed = existing.filter(|there| there.flags.foreign || there.flags.immutable());
        match (attributes, fixed) {
            (Some(attributes), Some(there)) if attributes != (there.bits & 0o777, there.modified) => {
                if there.flags.immutable() {
                    return Err(immutable(&entry.path));
                }
                let message = "the directory keeps its permission bits and time: another user owns it";
                self.warnings
                    .push(warning("attributes-kept", message, &entry.path));
            }
            (Some((bits, modified)), None) => {
                self.directories_apply
                    .push(&(entry.path.clone(), bits, modified))?;
            }
            _ => {}
        }
        if let Some(there) = existing {
            return self.enter(entry.path.clone(), there);
        }
        if let Some(there) = &there {
            // A directory cannot be renamed over a file.
            self.replaceable(entry, there)?;
            self.rest.in_the_way.push(Removal {
                path: entry.path.clone(),
                is_directory: false,
                files: 1,
                bytes: there.size,
            });
        }
        let staged = self.made_at(&entry.path, there.as_ref(), inside, staging::TREES)?;
        self.make.push(&staged)?;
        self.open.push(Dir {
            path: entry.path.clone(),
            state: DirState::New(staged),
            boundary: false,
            closed: false,
            keep: None,
        });
        Ok(())
    }

    /// Checks that an existing entry can be replaced.
    pub(super) fn replaceable(&self, entry: &Entry, there: &DirEntry) -> Result<()> {
        if let Some(reserved) = there.flags.reserved {
            let message = format!(
                "it cannot be replaced: {}",
                KeepReason::Reserved(reserved).shown()
            );
            return Err(Error::invalid("in-the-way", message, &entry.path));
        }
        if let Some(fixed) = Fixed::of(&there.flags) {
            return Err(cannot_replace(&entry.path, fixed));
        }
        let kind = match entry.content {
            Content::Directory => Kind::Directory,
            Content::Symlink(_) => Kind::Symlink,
            Content::File { .. } => Kind::File,
        };
        if kind != there.kind && KeepReason::of(&there.name, there) == Some(KeepReason::Git) {
            let message = format!("it cannot be replaced: {}", KeepReason::Git.shown());
            return Err(Error::invalid("in-the-way", message, &entry.path));
        }
        Ok(())
    }

    /// Removes a directory that is where the tree has a file, if the request allows that.
    pub(super) fn make_way(&mut self, entry: &Entry, there: Option<&DirEntry>) -> Result<()> {
        let Some(there) = there.filter(|there| there.kind == Kind::Directory) else {
            return Ok(());
        };
        if !self.request.clean {
            let message = "the tree has a file or a symlink where a directory exists, and attach keeps existing directories";
            return Err(Error::invalid("directory-in-the-way", message, &entry.path));
        }
        self.replaceable(entry, there)?;
        let mut cleaner = Cleaner::new(self.files, None);
        cleaner.entries(path::parent(&entry.path), vec![there.clone()])?;
        cleaner.check_names()?;
        if let Some((keep, path)) = cleaner.kept.first() {
            let message = format!(
                "a directory cannot be removed where the tree has a file: {}",
                keep.shown()
            );
            return Err(Error::invalid("in-the-way", message, path));
        }
        self.rest.in_the_way.append(&mut cleaner.found);
        Ok(())
    }
}

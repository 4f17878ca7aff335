//! Attaching: writing the files of an artifact, or the layers of a workspace, into a directory.

use std::path::Path;
use std::sync::Arc;

use crate::baton::{Baton, wrong_report};
use crate::bindings as wit;
use crate::build::{Build, OnConflict, Scope};
use crate::error::Error;
use crate::grants::Directory;
use crate::mirror::{Convert, mirror};
use crate::plugin_error::PluginError;
use crate::statement;
use crate::transfer::{Plan, Progress};

/// An attach that met this many damaged builds gives up.
const FALLBACKS_MAX: usize = 32;
/// So does one that met this many damaged trees: a workspace has one for each job.
const UNFIT_MAX: usize = 10_000;

mirror! {
    /// The result of an attach.
    #[derive(Default)]
    pub struct Attached = transfer::Attached {
        /// The layers, in the order in which they were merged. More than one for a workspace or a parallel job.
        builds: Vec<Build>,
        /// The number of files.
        files: u64,
        /// The number of directories.
        directories: u64,
        /// The number of symlinks.
        symlinks: u64,
        /// The sum of the sizes of all files, in bytes.
        bytes: u64,
        /// The number of files that were absent or different before.
        new_files: u64,
        /// The sum of their sizes in bytes.
        new_bytes: u64,
        /// The bytes that were read from the store.
        fetched_bytes: u64,
        /// The number of files and symlinks that a clean removed.
        removed: u64,
    }
}

/// A request to write the files of an artifact, or of a workspace's layers, into a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttachRequest {
    /// The build.
    pub scope: Scope,
    /// Only files that match one of these globs, and the directories that hold them. Empty: all.
    pub only: Vec<String>,
    /// Whether to remove what the artifact covers and does not have. Other file systems, the store, the home directory and
    /// `.git` are never touched.
    pub clean: bool,
    /// The number of names to remove from the front of each path, after `only` has selected. A path with no more names than
    /// that is left out.
    pub strip: u32,
    /// Whether every file and symlink goes into the target itself, under the last name of its path.
    pub flatten: bool,
    /// The reaction to two jobs that persisted different bytes under one path.
    pub on_conflict: OnConflict,
}

impl AttachRequest {
    /// Returns the request to attach all files of the build of this scope.
    pub fn new(scope: Scope) -> AttachRequest {
        AttachRequest {
            scope,
            only: Vec::new(),
            clean: false,
            strip: 0,
            flatten: false,
            on_conflict: OnConflict::Fail,
        }
    }

    /// Limits the attach to files that match this glob, besides those of earlier calls.
    pub fn only(mut self, glob: impl Into<String>) -> AttachRequest {
        self.only.push(glob.into());
        self
    }

    /// Removes what the artifact covers and does not have.
    pub fn clean(mut self) -> AttachRequest {
        self.clean = true;
        self
    }

    /// Removes this many names from the front of each path.
    pub fn strip(mut self, names: u32) -> AttachRequest {
        self.strip = names;
        self
    }

    /// Puts every file and symlink into the target itself.
    pub fn flatten(mut self) -> AttachRequest {
        self.flatten = true;
        self
    }

    /// Sets the reaction to two jobs that persisted different bytes under one path.
    pub fn on_conflict(mut self, reaction: OnConflict) -> AttachRequest {
        self.on_conflict = reaction;
        self
    }

    fn to_wit(&self, dry_run: bool) -> wit::transfer::AttachRequest {
        wit::transfer::AttachRequest {
            scope: self.scope.clone().convert(),
            only: self.only.clone(),
            clean: self.clean,
            strip: self.strip,
            flatten: self.flatten,
            on_conflict: self.on_conflict.convert(),
            dry_run,
        }
    }
}

impl Baton {
    /// Writes the files of an artifact into `target`, which is created if it does not exist. The component can change what is
    /// below `target`, and read the store. If the latest build turns out to be damaged, the one before is attached,
    /// unless the scope is strict.
    pub fn attach(
        &self,
        target: &Path,
        request: &AttachRequest,
        progress: &mut dyn Progress,
    ) -> Result<Attached, Error> {
        let is_new = !target.exists();
        let interrupt = &self.options().interrupt;
        let directory = Directory::write(target, interrupt, &mut || progress.waiting())?;
        let directory = Arc::new(directory.reserving(self.reserved()));
        let attached = self.attach_intact(&directory, request, progress);
        directory.release();
        if attached.is_err() && is_new {
            // It is only removed if it is empty.
            let _ = std::fs::remove_dir(target);
        }
        attached
    }

    /// Plans an attach, and changes nothing: a dry run. `target` need not exist.
    pub fn plan_attach(&self, target: &Path, request: &AttachRequest) -> Result<Plan, Error> {
        // A dangling symlink exists, and cannot be used.
        let directory = match target.symlink_metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Directory::empty("target", &self.options().scratch_dir)?
            }
            _ => Directory::read("target", target)?,
        };
        let directory = Arc::new(directory.reserving(self.reserved()));
        self.plan(
            &wit::transfer::Request::Attach(request.to_wit(true)),
            Some(&directory),
        )
    }

    /// Attaches, and if the bytes of a build turn out to be damaged, attaches the build that the component then chooses.
    fn attach_intact(
        &self,
        directory: &Arc<Directory>,
        request: &AttachRequest,
        progress: &mut dyn Progress,
    ) -> Result<Attached, Error> {
        let mut asked = request.to_wit(false);
        let mut first_damage = None;
        let mut fallbacks = 0;
        loop {
            let (mut fallback, mut checked) = (Vec::new(), Vec::new());
            let attached = self.transfer(
                &wit::transfer::Request::Attach(asked.clone()),
                Some(directory),
                &mut |plan| {
                    let builds: Vec<Build> = plan.builds.clone().convert();
                    self.check_signatures(&builds, &request.scope)?;
                    if plan.may_fall_back {
                        fallback = builds.iter().map(|build| build.tree.clone()).collect();
                    }
                    checked = builds;
                    Ok(())
                },
                progress,
            );
            match attached {
                Err(Error::Plugin(PluginError::Damaged(damage)))
                    if !fallback.is_empty()
                        && fallbacks < FALLBACKS_MAX
                        && asked.scope.without.len() < UNFIT_MAX =>
                {
                    fallbacks += 1;
                    progress.fell_back(&damage);
                    let unfit = |tree| wit::types::Unfit {
                        tree,
                        damage: damage.clone().convert(),
                    };
                    asked.scope.without.extend(fallback.into_iter().map(unfit));
                    first_damage.get_or_insert(damage);
                }
                // The first damage says more than that no other build is left.
                Err(Error::Plugin(PluginError::NothingMatched(_) | PluginError::Damaged(_)))
                    if first_damage.is_some() =>
                {
                    let damage = first_damage.ok_or_else(wrong_report)?;
                    return Err(Error::Plugin(PluginError::Damaged(damage)));
                }
                Err(error) => return Err(error),
                Ok(wit::transfer::Report::Attached(report)) => {
                    let attached: Attached = report.convert();
                    // The builds that were checked are those that it must have attached.
                    let trees = |builds: &[Build]| builds.iter().map(statement::of).collect::<Vec<_>>();
                    let is_checked =
                        self.options().require_signed.is_none() || trees(&attached.builds) == trees(&checked);
                    return if is_checked {
                        Ok(attached)
                    } else {
                        Err(wrong_report())
                    };
                }
                Ok(_) => return Err(wrong_report()),
            }
        }
    }
}

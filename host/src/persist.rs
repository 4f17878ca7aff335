//! Persisting: storing files of a directory as an artifact of this build.

use std::path::Path;
use std::sync::Arc;

use crate::baton::{Baton, wrong_report};
use crate::bindings as wit;
use crate::build::{Build, BuildContext, OnConflict};
use crate::error::Error;
use crate::grants::{Directory, Operation, Repairs, Resources};
use crate::mirror::{Convert, mirror};
use crate::signing::VerifyingKey;
use crate::statement;
use crate::transfer::{Plan, Progress};

mirror! {
    /// The reaction to paths that match nothing.
    pub enum IfNoFiles = transfer::IfNoFiles {
        /// Fail.
        Fail,
        /// Warn, and persist an artifact without files.
        Warn,
        /// Persist an artifact without files.
        Ignore,
    }
}

mirror! {
    /// The reaction to devices, sockets and FIFOs among the files.
    pub enum SpecialFiles = transfer::SpecialFiles {
        /// Fail.
        Fail,
        /// Leave them out with a warning.
        Skip,
    }
}

mirror! {
    /// Bytes that were stored although the store had them, by the reason. Sizes in bytes, as stored.
    pub struct StoredAgain = transfer::StoredAgain {
        /// The stored copy is missing or damaged.
        lost_bytes: u64,
        /// The stored copy is in chunks of which the build uses less than half.
        sparse_bytes: u64,
        /// A prune is about to delete the stored copy, or may be.
        condemned_bytes: u64,
    }
}

mirror! {
    /// The result of a persist.
    pub struct Persisted = transfer::Persisted {
        /// The build that was stored.
        build: Build,
        /// The number of files.
        files: u64,
        /// The number of directories.
        directories: u64,
        /// The number of symlinks.
        symlinks: u64,
        /// The sum of the sizes of all files, in bytes.
        bytes: u64,
        /// The number of files whose bytes were not in the store, in part or whole.
        new_files: u64,
        /// Their bytes that were not in the store.
        new_bytes: u64,
        /// The bytes that were written to the store, tree and records included.
        stored_bytes: u64,
        /// The part of those that the store had before.
        stored_again: StoredAgain,
        /// The build whose tree was the base for finding known bytes.
        base: Option<Build>,
        /// Whether this build had persisted the same files before.
        repeated: bool,
        /// Whether the earlier persist of this build was damaged, so that its record was replaced.
        repaired: bool,
    }
}

/// A request to store files as an artifact of this build.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PersistRequest {
    /// The artifact's name, 1 to 100 bytes.
    pub name: String,
    /// Paths and globs relative to the root. A leading `!` excludes. A path that exists as it is written is that path.
    pub paths: Vec<String>,
    /// The reaction to paths that match nothing.
    pub if_no_files: IfNoFiles,
    /// The reaction to devices, sockets and FIFOs.
    pub special_files: SpecialFiles,
    /// The reaction to another job of this workflow that persisted different bytes under the same path.
    pub on_conflict: OnConflict,
    /// The job that persists.
    pub context: BuildContext,
    /// Whether to read back everything that the build will refer to, and to store again what is missing or damaged. A build
    /// that was persisted before is always checked like this.
    pub repair: bool,
}

impl PersistRequest {
    /// Returns the request to persist these paths as the artifact `default`.
    pub fn new<S: AsRef<str>>(paths: impl IntoIterator<Item = S>, context: BuildContext) -> PersistRequest {
        PersistRequest {
            name: "default".to_owned(),
            paths: paths.into_iter().map(|path| path.as_ref().to_owned()).collect(),
            if_no_files: IfNoFiles::Fail,
            special_files: SpecialFiles::Fail,
            on_conflict: OnConflict::Fail,
            context,
            repair: false,
        }
    }

    /// Sets the artifact's name.
    pub fn name(mut self, name: impl Into<String>) -> PersistRequest {
        self.name = name.into();
        self
    }

    /// Sets the reaction to paths that match nothing.
    pub fn if_no_files(mut self, reaction: IfNoFiles) -> PersistRequest {
        self.if_no_files = reaction;
        self
    }

    /// Sets the reaction to devices, sockets and FIFOs.
    pub fn special_files(mut self, reaction: SpecialFiles) -> PersistRequest {
        self.special_files = reaction;
        self
    }

    /// Sets the reaction to another job that persisted different bytes under the same path.
    pub fn on_conflict(mut self, reaction: OnConflict) -> PersistRequest {
        self.on_conflict = reaction;
        self
    }

    /// Reads back everything that the build will refer to, and stores again what is missing or damaged.
    pub fn repair(mut self) -> PersistRequest {
        self.repair = true;
        self
    }

    fn to_wit(&self, component: String, dry_run: bool) -> wit::transfer::PersistRequest {
        let mut context: wit::types::BuildContext = self.context.clone().convert();
        context.component = Some(component);
        wit::transfer::PersistRequest {
            name: self.name.clone(),
            paths: self.paths.clone(),
            if_no_files: self.if_no_files.convert(),
            special_files: self.special_files.convert(),
            on_conflict: self.on_conflict.convert(),
            context,
            dry_run,
            repair: self.repair,
        }
    }
}

impl Baton {
    /// Stores files of `root` as an artifact, and signs the build if [`Options::sign`](crate::Options::sign) has a key. The
    /// component can read below `root`, and write to the store.
    pub fn persist(
        &self,
        root: &Path,
        request: &PersistRequest,
        progress: &mut dyn Progress,
    ) -> Result<Persisted, Error> {
        let directory = Arc::new(self.root(root)?);
        let request = request.to_wit(self.options().component.digest(), false);
        let asked = wit::transfer::Request::Persist(request.clone());
        let report = self.transfer(&asked, Some(&directory), &mut |_| Ok(()), progress)?;
        let wit::transfer::Report::Persisted(report) = report else {
            return Err(wrong_report());
        };
        let persisted: Persisted = report.convert();
        if let Some(key) = &self.options().sign {
            statement::check(&persisted.build, &request, persisted.repeated).map_err(|reason| {
                Error::Unsigned {
                    build: persisted.build.selector.clone(),
                    reason,
                }
            })?;
            let envelope = key.sign(&statement::of(&persisted.build));
            self.add_signature(&persisted.build, &key.verifying_key(), envelope)?;
        }
        Ok(persisted)
    }

    /// Plans a persist, and stores nothing: a dry run.
    pub fn plan_persist(&self, root: &Path, request: &PersistRequest) -> Result<Plan, Error> {
        let directory = Arc::new(self.root(root)?);
        let request = request.to_wit(self.options().component.digest(), true);
        self.plan(&wit::transfer::Request::Persist(request), Some(&directory))
    }

    /// Opens the directory to persist from. What baton keeps for itself in it is left out.
    fn root(&self, root: &Path) -> Result<Directory, Error> {
        let directory = Directory::read("root", root)?.reserving(self.reserved());
        match directory.lies_in_reserved() {
            false => Ok(directory),
            true => Err(Error::Directory {
                what: "root",
                path: root.to_owned(),
                source: std::io::Error::other(
                    "it is, or lies in, the store of baton, which is never persisted",
                ),
            }),
        }
    }

    /// Stores a signed statement of a build, in place of one of the same build before it was repaired.
    fn add_signature(&self, build: &Build, key: &VerifyingKey, envelope: Vec<u8>) -> Result<(), Error> {
        let resources = Resources {
            repairs: Repairs::of(Some(&build.project)),
            ..self.resources()
        };
        let build: wit::types::Build = build.clone().convert();
        let key_id = key.id();
        self.start(Operation::Sign, resources)?
            .call("add", move |store, plugin| {
                plugin
                    .baton_plugin_signatures()
                    .call_add(store, &build, &key_id, &envelope)
            })
    }
}

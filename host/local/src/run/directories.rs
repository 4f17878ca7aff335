//! The directories of a node.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::events::NodeName;
use super::inside::Inside;
use crate::command;
use crate::error::LocalError;

/// The directories of one node.
#[derive(Debug)]
pub(super) struct NodeDirectories {
    pub(super) directory: PathBuf,
    pub(super) home: PathBuf,
    pub(super) temporary: PathBuf,
    pub(super) programs: PathBuf,
    pub(super) bash_env: PathBuf,
    /// Exists once a step has ended the job.
    pub(super) halted: PathBuf,
}

impl NodeDirectories {
    /// Creates the directories of a node. Without `binary`, the command `baton` is an empty file, over which a sandbox mounts
    /// the real one.
    pub(super) fn create(
        jobs: &Path,
        number: u64,
        node: &NodeName,
        binary: Option<&Path>,
    ) -> Result<NodeDirectories, LocalError> {
        let safe = |c: char| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '_'
            }
        };
        let mut called = format!("{number}-{}", node.job.chars().map(safe).collect::<String>());
        if node.total > 1 {
            called.push_str(&format!(".{}", node.index));
        }
        let directory = jobs.join(called);
        let directories = NodeDirectories {
            home: directory.join("home"),
            temporary: directory.join("tmp"),
            programs: directory.join("bin"),
            bash_env: directory.join("bash_env"),
            halted: directory.join(command::HALTED),
            directory,
        };
        for dir in [&directories.home, &directories.temporary, &directories.programs] {
            fs::create_dir_all(dir)
                .map_err(LocalError::files("cannot create a directory of the job", dir))?;
        }
        let failed = |path: &Path| LocalError::files("cannot create a file of the job", path.to_owned());
        fs::write(&directories.bash_env, "").map_err(failed(&directories.bash_env))?;
        let baton = directories.programs.join("baton");
        match binary {
            Some(binary) => symlink(binary, &baton).map_err(failed(&baton))?,
            None => fs::write(&baton, "").map_err(failed(&baton))?,
        }
        for name in command::NAMES {
            let link = directories.programs.join(name);
            symlink("baton", &link).map_err(failed(&link))?;
        }
        Ok(directories)
    }

    /// Returns the files that a job without a sandbox may reach: all of this machine's.
    pub(super) fn inside(&self) -> Inside {
        Inside {
            directory: self.directory.clone(),
            home: self.home.clone(),
            temporary: self.temporary.clone(),
            own_root: None,
        }
    }
}

/// Removes a directory with its content, whatever its permission bits.
pub(super) fn remove(directory: &Path) -> Result<(), LocalError> {
    let failed =
        |path: &Path| LocalError::files("cannot remove the files of an earlier job from", path.to_owned());
    let entries = fs::read_dir(directory).map_err(failed(directory))?;
    for entry in entries {
        let entry = entry.map_err(failed(directory))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(failed(&path))?;
        if kind.is_dir() {
            // A job may have made it read-only.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).map_err(failed(&path))?;
            remove(&path)?;
        } else {
            fs::remove_file(&path).map_err(failed(&path))?;
        }
    }
    fs::remove_dir(directory).map_err(failed(directory))
}

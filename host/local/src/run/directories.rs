//! The directories of a node, and the meaning of paths in its steps.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::events::NodeName;
use crate::error::LocalError;

/// The command `circleci` of the jobs, instead of CircleCI's own.
const COMMAND: &str = include_str!("circleci.sh");

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
    /// Creates the directories of a node.
    pub(super) fn create(
        jobs: &Path,
        number: u64,
        node: &NodeName,
        binary: &Path,
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
        let place = NodeDirectories {
            home: directory.join("home"),
            temporary: directory.join("tmp"),
            programs: directory.join("bin"),
            bash_env: directory.join("bash_env"),
            halted: directory.join("halted"),
            directory,
        };
        for dir in [&place.home, &place.temporary, &place.programs] {
            fs::create_dir_all(dir)
                .map_err(LocalError::files("cannot create a directory of the job", dir))?;
        }
        let failed = |path: &Path| LocalError::files("cannot create a file of the job", path.to_owned());
        fs::write(&place.bash_env, "").map_err(failed(&place.bash_env))?;
        let command = place.programs.join("circleci");
        fs::write(&command, COMMAND).map_err(failed(&command))?;
        fs::set_permissions(&command, fs::Permissions::from_mode(0o755)).map_err(failed(&command))?;
        for (name, target) in [("circleci-agent", Path::new("circleci")), ("baton", binary)] {
            let link = place.programs.join(name);
            symlink(target, &link).map_err(failed(&link))?;
        }
        Ok(place)
    }

    /// Returns the path that a path of a step means: `~` is the home of the job, and a relative path is below `base`.
    pub(super) fn resolve(&self, base: &Path, path: &str) -> PathBuf {
        match path.strip_prefix('~') {
            Some("") => self.home.clone(),
            Some(rest) if rest.starts_with('/') => self.home.join(rest.trim_start_matches('/')),
            _ => base.join(path),
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

//! Where one node of a job works, and what the paths of its steps mean there.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::error::LocalError;

/// What jobs find as `circleci`, in the place of CircleCI's own command.
const COMMAND: &str = include_str!("circleci.sh");

/// The directories of one node.
#[derive(Debug)]
pub(super) struct NodePlace {
    pub(super) directory: PathBuf,
    pub(super) home: PathBuf,
    pub(super) temporary: PathBuf,
    pub(super) programs: PathBuf,
    pub(super) bash_env: PathBuf,
    /// Is there when a step has said that the job is to end.
    pub(super) halted: PathBuf,
}

impl NodePlace {
    /// Makes the directories of a node.
    pub(super) fn make(
        jobs: &Path,
        number: u64,
        name: &str,
        node: (u32, u32),
        binary: &Path,
    ) -> Result<NodePlace, LocalError> {
        let safe = |c: char| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '_'
            }
        };
        let mut called = format!("{number}-{}", name.chars().map(safe).collect::<String>());
        if node.1 > 1 {
            called.push_str(&format!(".{}", node.0));
        }
        let directory = jobs.join(called);
        let place = NodePlace {
            home: directory.join("home"),
            temporary: directory.join("tmp"),
            programs: directory.join("bin"),
            bash_env: directory.join("bash_env"),
            halted: directory.join("halted"),
            directory,
        };
        for dir in [&place.home, &place.temporary, &place.programs] {
            fs::create_dir_all(dir)
                .map_err(LocalError::files("the directory of a job cannot be made", dir))?;
        }
        let unmade = |path: &Path| LocalError::files("a file of a job cannot be made", path.to_owned());
        fs::write(&place.bash_env, "").map_err(unmade(&place.bash_env))?;
        let command = place.programs.join("circleci");
        fs::write(&command, COMMAND).map_err(unmade(&command))?;
        fs::set_permissions(&command, fs::Permissions::from_mode(0o755)).map_err(unmade(&command))?;
        for (name, target) in [("circleci-agent", Path::new("circleci")), ("baton", binary)] {
            let link = place.programs.join(name);
            symlink(target, &link).map_err(unmade(&link))?;
        }
        Ok(place)
    }

    /// Returns what a path of a step means: `~` is the home of the job, and what is relative lies in `base`.
    pub(super) fn resolve(&self, base: &Path, path: &str) -> PathBuf {
        match path.strip_prefix('~') {
            Some("") => self.home.clone(),
            Some(rest) if rest.starts_with('/') => self.home.join(rest.trim_start_matches('/')),
            _ => base.join(path),
        }
    }
}

/// Removes a directory with all that is in it, whatever its permission bits.
pub(super) fn remove(directory: &Path) -> Result<(), LocalError> {
    let unremoved =
        |path: &Path| LocalError::files("what an earlier job left cannot be removed", path.to_owned());
    let entries = fs::read_dir(directory).map_err(unremoved(directory))?;
    for entry in entries {
        let entry = entry.map_err(unremoved(directory))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(unremoved(&path))?;
        if kind.is_dir() {
            // A job may have made it read-only.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).map_err(unremoved(&path))?;
            remove(&path)?;
        } else {
            fs::remove_file(&path).map_err(unremoved(&path))?;
        }
    }
    fs::remove_dir(directory).map_err(unremoved(directory))
}

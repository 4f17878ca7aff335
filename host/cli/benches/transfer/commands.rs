//! The command lines that are measured: all that the benchmark knows of baton's and the peer's options.

use std::path::{Path, PathBuf};
use std::process::Command;

const BRANCH: &str = "main";

/// The programs, and the directory that they run in.
pub(crate) struct Commands {
    pub(crate) baton: PathBuf,
    /// Working and home directory, so that no configuration of the user's is found.
    pub(crate) home: PathBuf,
}

impl Commands {
    pub(crate) fn persist(&self, store: &Path, project: &str, number: usize, root: &Path) -> Command {
        let mut command = self.baton("persist", store, project);
        command
            .arg("--number")
            .arg(number.to_string())
            .arg("--commit")
            .arg(format!("{number:040x}"))
            .arg("--root")
            .arg(root)
            .arg(".");
        command
    }

    pub(crate) fn attach(&self, store: &Path, project: &str, directory: &Path) -> Command {
        let mut command = self.baton("attach", store, project);
        command.arg("--at").arg(directory).arg("latest");
        command
    }

    pub(crate) fn latest(&self, store: &Path, project: &str) -> Command {
        self.baton("latest", store, project)
    }

    pub(crate) fn builds(&self, store: &Path, project: &str, limit: usize) -> Command {
        let mut command = self.baton("builds", store, project);
        command.arg("--limit").arg(limit.to_string());
        command
    }

    /// Its output is the archive.
    pub(crate) fn pack(&self, root: &Path) -> Vec<Command> {
        let (mut tar, mut zstd) = (self.program(Path::new("tar")), self.program(Path::new("zstd")));
        tar.args(["-cf", "-", "-C"]).arg(root).arg(".");
        zstd.args(["-1", "-T0", "-q"]);
        vec![tar, zstd]
    }

    pub(crate) fn unpack(&self, archive: &Path, directory: &Path) -> Vec<Command> {
        let (mut zstd, mut tar) = (self.program(Path::new("zstd")), self.program(Path::new("tar")));
        zstd.arg("-dc").arg(archive);
        tar.args(["-xf", "-", "-C"]).arg(directory);
        vec![zstd, tar]
    }

    fn baton(&self, verb: &str, store: &Path, project: &str) -> Command {
        let mut command = self.program(&self.baton);
        command
            .arg(verb)
            .arg("--store")
            .arg(store)
            .args(["--project", project, "--branch", BRANCH]);
        command
    }

    /// Clears the environment: baton would take its project and build from a CI runner's variables.
    fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", &self.home)
            .current_dir(&self.home);
        for name in ["PATH", "TMPDIR", "LD_LIBRARY_PATH"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }
}

//! Where a test works: a repository with a config, and the runs of it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;
use tempfile::TempDir;

/// The command under test.
pub(crate) const BATON: &str = env!("CARGO_BIN_EXE_baton");

/// The build of every test. It writes files, permission bits, links, an empty directory, and a name with a space.
const BUILD: &str = r#"#!/usr/bin/env bash
set -eu
sources=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-.}/build_artifacts/bin" "${1:-.}/build_artifacts/empty"
cd "${1:-.}/build_artifacts"
cat "$sources/version.txt" > app.txt
echo "job $CIRCLE_JOB" >> app.txt
printf '#!/bin/sh\necho this is %s\n' "$(cat app.txt | head -n 1)" > bin/app
chmod 755 bin/app
echo 'a b' > 'a name with spaces.txt'
chmod 640 'a name with spaces.txt'
ln -sf bin/app start
if [ -n "${BREAK-}" ]; then echo 'the build is broken' >&2; exit 7; fi
"#;

/// The deployment of every test. It runs the built program, and prints its target.
const DEPLOY: &str = r#"#!/usr/bin/env bash
set -eu
cd "${2:-.}"
test -x build_artifacts/bin/app
test -x build_artifacts/start
echo "deploying to $1: $(build_artifacts/start)" | tee deployed.txt
"#;

pub(crate) struct Laptop {
    dir: TempDir,
}

impl Laptop {
    /// Returns a repository on the branch `main` with the scripts that build and deploy.
    pub(crate) fn new() -> Laptop {
        let dir = tempfile::Builder::new().prefix("baton-local-").tempdir().unwrap();
        let laptop = Laptop { dir };
        fs::create_dir_all(laptop.path("shop")).unwrap();
        fs::create_dir_all(laptop.path("home")).unwrap();
        laptop.program("build.sh", BUILD);
        laptop.program("deploy.sh", DEPLOY);
        laptop.write("version.txt", "version 1\n");
        laptop.git("init --quiet --initial-branch main");
        laptop.git("remote add origin git@github.com:acme/shop.git");
        laptop.commit();
        laptop
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path("shop").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn program(&self, name: &str, text: &str) {
        self.write(name, text);
        let path = self.path("shop").join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn commit(&self) -> String {
        self.git("add --all");
        self.git("-c user.name=jane -c user.email=jane@example.com commit --quiet --message change");
        self.git("rev-parse HEAD").trim().to_owned()
    }

    pub(crate) fn git(&self, words: &str) -> String {
        let mut command = Command::new("git");
        command
            .args(words.split_whitespace())
            .current_dir(self.path("shop"));
        let output = self.prepared(command).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Nothing of who runs the tests is seen, but where programs are.
    fn prepared(&self, mut command: Command) -> Command {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("GIT_CEILING_DIRECTORIES", self.dir.path())
            .env("GIT_CONFIG_NOSYSTEM", "1");
        command
    }

    /// Runs a config.
    #[must_use]
    pub(crate) fn local(&self, config: &str, arguments: &[&str]) -> Ran {
        self.local_with(config, arguments, &[])
    }

    /// Runs a config with variables of the person's environment.
    #[must_use]
    pub(crate) fn local_with(&self, config: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        self.write(".circleci/config.yml", config);
        let mut command = Command::new(BATON);
        command
            .current_dir(self.path("shop"))
            .args(["local", "--format", "json"])
            .args(arguments);
        let bucket = self.path("bucket");
        let is_asked = arguments.contains(&"--no-sandbox");
        if !sandboxes() && !is_asked {
            command.arg("--no-sandbox");
        } else if bucket.exists() && !is_asked {
            command.arg("--writable").arg(bucket);
        }
        if !arguments.contains(&"--state") {
            command.arg("--state").arg(self.path("state"));
        }
        let mut command = self.prepared(command);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        Ran {
            code: output.status.code(),
            json: serde_json::from_str(&out).unwrap_or(Value::Null),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Returns a variable of the project, as CircleCI would keep it.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        let saved = fs::read_to_string(self.path("state/api.json")).unwrap();
        let saved: Value = serde_json::from_str(&saved).unwrap();
        let variables = saved["variables"].as_array().unwrap();
        let found = variables.iter().find(|it| it[0][1] == name)?;
        Some(found[1].as_str().unwrap().to_owned())
    }
}

/// Returns whether bubblewrap can create sandboxes here. Without it jobs run without one, and the tests of the sandbox are
/// skipped.
pub(crate) fn sandboxes() -> bool {
    static SANDBOXES: LazyLock<bool> = LazyLock::new(|| {
        let checked = Command::new("bwrap")
            .args(["--ro-bind", "/", "/", "--unshare-pid", "--proc", "/proc", "true"])
            .output();
        checked.is_ok_and(|output| output.status.success())
    });
    *SANDBOXES
}

/// How a run went.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) json: Value,
    pub(crate) err: String,
}

impl Ran {
    #[track_caller]
    pub(crate) fn succeeds(self) -> Ran {
        self.ends(0)
    }

    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "{}\n{}", self.err, self.json);
        self
    }

    #[track_caller]
    pub(crate) fn tells(self, text: &str) -> Ran {
        assert!(self.err.contains(text), "does not tell {text:?}:\n{}", self.err);
        self
    }

    /// Returns how each job ended.
    pub(crate) fn statuses(&self) -> BTreeMap<&str, &str> {
        let jobs = self.json["workflows"].as_array().unwrap().iter();
        jobs.flat_map(|workflow| workflow["jobs"].as_array().unwrap())
            .map(|job| (job["name"].as_str().unwrap(), job["status"].as_str().unwrap()))
            .collect()
    }

    fn job(&self, name: &str) -> &Value {
        let mut jobs = self.json["workflows"]
            .as_array()
            .unwrap_or_else(|| panic!("{}", self.err))
            .iter()
            .flat_map(|workflow| workflow["jobs"].as_array().unwrap());
        jobs.find(|job| job["name"] == name)
            .unwrap_or_else(|| panic!("no job {name}: {}", self.json))
    }

    pub(crate) fn number(&self, job: &str) -> u64 {
        self.job(job)["number"].as_u64().unwrap()
    }

    /// Returns a path in the home of a job's first node.
    pub(crate) fn home(&self, job: &str, name: &str) -> PathBuf {
        self.node(job, 0, name)
    }

    pub(crate) fn node(&self, job: &str, node: usize, name: &str) -> PathBuf {
        let directory = self.job(job)["directories"][node].as_str().unwrap();
        Path::new(directory).join("home").join(name)
    }

    pub(crate) fn read(&self, job: &str, name: &str) -> String {
        let path = self.home(job, name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}\n{}", path.display(), self.err))
    }
}

//! Where a test works: a directory with a store, a home, and the directories of any number of jobs.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read;
use std::marker::PhantomData;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::files;
use crate::objects::Objects;
use crate::stored::Stored;

/// The user `nobody` of Linux: what a test that runs as root becomes where root may do too much.
const NOBODY: u32 = 65534;

/// A directory of its own for each test, removed when the test ends.
pub struct Place<O> {
    dir: TempDir,
    objects: PhantomData<O>,
}

impl<O: Objects> Default for Place<O> {
    fn default() -> Place<O> {
        Place::new()
    }
}

impl<O: Objects> Place<O> {
    pub fn new() -> Place<O> {
        Place::within(&std::env::temp_dir())
    }

    /// Returns a place that is in memory where there is such a one: for much that a disk would take long to make durable.
    pub fn in_memory() -> Place<O> {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() {
            Place::within(memory)
        } else {
            Place::new()
        }
    }

    fn within(parent: &Path) -> Place<O> {
        let dir = tempfile::Builder::new()
            .prefix("baton-test-")
            .tempdir_in(parent)
            .unwrap();
        fs::create_dir(dir.path().join("home")).unwrap();
        Place {
            dir,
            objects: PhantomData,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn store(&self) -> Stored<O> {
        Stored::at(&self.path("store"))
    }

    /// Returns a job on no CI system that works in the directory `dir`, on the commit `c0ffee1` of `main`.
    pub fn job(&self, dir: &str) -> Job {
        let job = self.bare(dir);
        job.set("BATON_PROJECT", "gh/acme/shop")
            .set("BATON_BRANCH", "main")
            .set("BATON_COMMIT", "c0ffee1")
    }

    /// Returns the job `name` of the workflow `w1` on CircleCI: build `number` of `main`, in a directory of its own.
    pub fn circle(&self, name: &str, number: u64) -> Job {
        self.bare(&format!("{name}-{number}"))
            .set("CIRCLECI", "true")
            .set("CIRCLE_REPOSITORY_URL", "git@github.com:acme/shop.git")
            .set("CIRCLE_BRANCH", "main")
            .set("CIRCLE_SHA1", format!("{number:040x}"))
            .set("CIRCLE_BUILD_NUM", number.to_string())
            .set("CIRCLE_JOB", name)
            .set("CIRCLE_NODE_INDEX", "0")
            .set("CIRCLE_NODE_TOTAL", "1")
            .workflow("w1")
    }

    /// Returns a job of which nothing is known.
    pub fn bare(&self, dir: &str) -> Job {
        let dir = self.path(dir);
        fs::create_dir_all(&dir).unwrap();
        let beside = crate::cargo::profile_directory();
        let others = std::env::var_os("PATH").unwrap_or_default();
        let path =
            std::env::join_paths(std::iter::once(beside).chain(std::env::split_paths(&others))).unwrap();
        let job = Job {
            dir,
            variables: BTreeMap::new(),
            user: None,
        };
        let job = job
            .set("PATH", path)
            .set("HOME", self.path("home"))
            .set("XDG_DATA_HOME", self.path("home/data"))
            // No repository that happens to lie above the temporary directory is this job's.
            .set("GIT_CEILING_DIRECTORIES", self.path(""));
        let store = O::at(&self.path("store")).variables();
        store
            .into_iter()
            .fold(job, |job, (variable, value)| job.set(variable, value))
    }

    /// Lets jobs run as a user without root's privileges, so that permission bits apply, and gives the files to that user.
    /// Returns `None`, and prints it, if that is impossible.
    pub fn without_privileges(&self, job: Job) -> Option<Job> {
        if !rustix::process::geteuid().is_root() {
            return Some(job);
        }
        files::give(self.dir.path(), NOBODY);
        let job = Job {
            user: Some(NOBODY),
            ..job
        };
        match job.command(["--version"]).output() {
            Ok(output) if output.status.success() => Some(job),
            other => {
                println!("skipped: baton cannot be run as the user {NOBODY}: {other:?}");
                None
            }
        }
    }
}

impl<O> Drop for Place<O> {
    fn drop(&mut self) {
        // What a test without privileges made read-only could not be removed.
        files::open_up(self.dir.path());
    }
}

/// One job: a directory, and an environment with nothing in it but what a test puts there.
#[derive(Clone)]
pub struct Job {
    dir: PathBuf,
    variables: BTreeMap<&'static str, OsString>,
    user: Option<u32>,
}

impl Job {
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub fn set(mut self, variable: &'static str, value: impl Into<OsString>) -> Job {
        self.variables.insert(variable, value.into());
        self
    }

    pub fn without(mut self, variable: &str) -> Job {
        self.variables.remove(variable);
        self
    }

    pub fn variable(&self, variable: &str) -> String {
        self.variables[variable].clone().into_string().unwrap()
    }

    pub fn number(self, number: u64) -> Job {
        self.set("BATON_NUMBER", number.to_string())
    }

    pub fn branch(self, branch: &str) -> Job {
        self.set("BATON_BRANCH", branch)
    }

    /// Puts a job on CircleCI into another workflow.
    pub fn workflow(self, id: &str) -> Job {
        self.set("CIRCLE_WORKFLOW_ID", id)
            .set("CIRCLE_WORKFLOW_WORKSPACE_ID", id)
    }

    pub fn store(self, place: &Path) -> Job {
        self.set("BATON_STORE", place)
    }

    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        self.prepared(Command::new(crate::cargo::command()), arguments)
    }

    fn prepared<A: AsRef<OsStr>>(
        &self,
        mut command: Command,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        command
            .args(arguments)
            .current_dir(&self.dir)
            .env_clear()
            .envs(&self.variables)
            .stdin(Stdio::null());
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    /// Runs baton with these words as its arguments.
    #[must_use]
    pub fn baton(&self, words: &str) -> Ran {
        self.run(words.split_whitespace())
    }

    #[must_use]
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        Ran::of(self.command(arguments))
    }

    /// Runs a script, as a CI system would.
    #[must_use]
    pub fn bash(&self, script: &str) -> Ran {
        Ran::of(self.prepared(Command::new("bash"), ["-euo", "pipefail", "-c", script]))
    }

    /// Runs baton for its JSON, which must be all that it prints.
    #[track_caller]
    pub fn json(&self, words: &str) -> Value {
        let ran = self
            .run(words.split_whitespace().chain(["--format", "json"]))
            .succeeds();
        serde_json::from_str(&ran.out).unwrap()
    }

    /// Runs baton, which must end by itself within a minute. Returns the most memory that it had, in MiB, too.
    #[track_caller]
    pub fn observed(&self, words: &str) -> (Ran, u64) {
        let mut command = self.command(words.split_whitespace());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Read beside it, so that a full pipe does not stop it.
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (out, err) = (read_all(out), read_all(err));
        let status = format!("/proc/{}/status", child.id());
        let (started, mut peak_kib) = (Instant::now(), 0);
        let ended = loop {
            if let Some(ended) = child.try_wait().unwrap() {
                break ended;
            }
            if started.elapsed() > Duration::from_secs(60) {
                child.kill().unwrap();
                panic!("`{words}` does not end");
            }
            let status = fs::read_to_string(&status).unwrap_or_default();
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = peak.and_then(|peak| peak.split_whitespace().next()?.parse().ok());
            peak_kib = peak_kib.max(kib.unwrap_or_default());
            sleep(Duration::from_millis(1));
        };
        let text = |bytes: JoinHandle<Vec<u8>>| String::from_utf8(bytes.join().unwrap()).unwrap();
        let ran = Ran {
            code: ended.code(),
            out: text(out),
            err: text(err),
            what: words.to_owned(),
        };
        (ran, peak_kib >> 10)
    }

    /// Starts baton, and lets it run.
    pub fn start(&self, words: &str) -> Child {
        let mut command = self.command(words.split_whitespace());
        command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

fn read_all(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

/// Returns numbers of a report, by their keys.
#[track_caller]
pub fn figures(report: &Value, keys: &str) -> Vec<u64> {
    keys.split_whitespace()
        .map(|key| report[key].as_u64().unwrap())
        .collect()
}

/// Checks what baton printed against the schema, if it was asked for JSON. A list that ended early leaves none.
fn check_json(command: &Command, out: &str) {
    let words: Vec<String> = command
        .get_args()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let by_flag = words.windows(2).any(|pair| pair == ["--format", "json"]);
    let by_variable = command
        .get_envs()
        .any(|(name, value)| name == "BATON_FORMAT" && value.is_some_and(|value| value == "json"));
    if command.get_program() == crate::command().as_os_str()
        && (by_flag || by_variable)
        && let Ok(printed) = serde_json::from_str(out)
    {
        crate::schema::check(&words, &printed);
    }
}

/// How a command ended.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
    what: String,
}

impl Ran {
    fn of(mut command: Command) -> Ran {
        let output = command.output().unwrap();
        if let Some(signal) = output.status.signal() {
            panic!(
                "{command:?} was ended by signal {signal}:\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        let out = String::from_utf8(output.stdout).unwrap();
        check_json(&command, &out);
        Ran {
            code: output.status.code(),
            out,
            err: String::from_utf8(output.stderr).unwrap(),
            what: format!("{:?}", command.get_args().collect::<Vec<_>>()),
        }
    }

    #[track_caller]
    pub fn succeeds(self) -> Ran {
        self.ends(0)
    }

    #[track_caller]
    pub fn ends(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "{}\n{}{}", self.what, self.out, self.err);
        self
    }

    /// Checks that something is said.
    #[track_caller]
    pub fn tells(self, text: &str) -> Ran {
        assert!(
            self.err.contains(text),
            "{} does not tell {text:?}:\n{}",
            self.what,
            self.err
        );
        self
    }

    /// Checks that something is not said.
    #[track_caller]
    pub fn omits(self, text: &str) -> Ran {
        assert!(
            !self.err.contains(text),
            "{} tells {text:?}:\n{}",
            self.what,
            self.err
        );
        self
    }

    /// Checks what is printed, line by line.
    #[track_caller]
    pub fn prints<L: AsRef<str>>(self, lines: impl AsRef<[L]>) -> Ran {
        let wanted: Vec<&str> = lines.as_ref().iter().map(AsRef::as_ref).collect();
        assert_eq!(
            self.out.lines().collect::<Vec<_>>(),
            wanted,
            "{}\n{}",
            self.what,
            self.err
        );
        self
    }
}

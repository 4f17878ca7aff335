//! Git's answers about a working directory.

use std::borrow::Cow;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::field::Field;
use super::provenance::{Provenance, Sourced, Text};
use super::remote::Remote;
use super::variables::trimmed;

const BRANCH: &str = "git symbolic-ref HEAD";
const COMMIT: &str = "git rev-parse HEAD";
const DEFAULT_BRANCH: &str = "git symbolic-ref refs/remotes/origin/HEAD";
const REMOTE: &str = "git config remote.origin.url";
const TOP_LEVEL: &str = "git rev-parse --show-toplevel";
const USER: &str = "git config user.name";

/// Git's answers about a working directory. A value that git does not know is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Git {
    /// The branch that is checked out. Absent on a detached HEAD.
    pub branch: Option<String>,
    /// The commit that is checked out.
    pub commit: Option<String>,
    /// The branch that the remote `origin` checks out.
    pub default_branch: Option<String>,
    /// The repository of the remote `origin`.
    pub remote: Option<Remote>,
    /// The name of the top-level directory, without its parents.
    pub top_level: Option<String>,
    /// The name of the author of new commits.
    pub user: Option<String>,
    /// The commands whose answers are not UTF-8. The values have replacement characters.
    pub not_utf8: Vec<&'static str>,
    /// The reason why git does not answer, in git's words if it prints any: for example that another user owns the repository.
    pub refusal: Option<String>,
}

/// A longer refusal is cut.
const REFUSAL_CHARS_MAX: usize = 500;

impl Git {
    /// Returns the answers outside of a repository: none.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Returns the value of a field that git may give if the runner does not.
    ///
    /// Git does not give the actor: on a CI machine the name in its configuration is a robot's.
    pub(super) fn field(&self, field: Field) -> Text {
        match field {
            Field::Project => {
                let project = self.remote.as_ref().map(Remote::project);
                answered(REMOTE, project.as_deref())
            }
            Field::Branch => answered(BRANCH, self.branch.as_deref()),
            Field::DefaultBranch => answered(DEFAULT_BRANCH, self.default_branch.as_deref()),
            Field::Commit => answered(COMMIT, self.commit.as_deref()),
            _ => None,
        }
    }

    /// Returns the name of the top-level directory, and its provenance.
    pub(super) fn directory_name(&self) -> Text {
        answered(TOP_LEVEL, self.top_level.as_deref())
    }

    /// Returns the name of the author of new commits, and its provenance.
    pub(super) fn user_name(&self) -> Text {
        answered(USER, self.user.as_deref())
    }

    /// Asks git about a directory.
    ///
    /// This never fails: without git, without a repository, or in a repository that git does not trust (`safe.directory`) the
    /// values are absent, and `refusal` has the reason. The commands run in parallel, so that they take as long as one.
    #[must_use]
    pub fn read(directory: &Path) -> Self {
        let branch = ask(directory, &["symbolic-ref", "--quiet", "HEAD"]);
        let commit = ask(directory, &["rev-parse", "--verify", "--quiet", "HEAD"]);
        let default_branch = ask(
            directory,
            &["symbolic-ref", "--quiet", "refs/remotes/origin/HEAD"],
        );
        let remote = ask(directory, &["config", "--get", "remote.origin.url"]);
        let top_level = ask(directory, &["rev-parse", "--show-toplevel"]);
        let user = ask(directory, &["config", "--get", "user.name"]);
        let mut git = Self::none();
        let answer = git.answer(BRANCH, branch);
        // The full name of the reference: the short one changes if a tag has the same name.
        git.branch = below(answer, "refs/heads/");
        git.commit = git.answer(COMMIT, commit);
        let answer = git.answer(DEFAULT_BRANCH, default_branch);
        git.default_branch = below(answer, "refs/remotes/origin/");
        let answer = git.answer(REMOTE, remote);
        git.remote = answer.and_then(|url| Remote::parse(&url));
        let answer = git.answer(TOP_LEVEL, top_level);
        git.top_level = answer.and_then(|path| Some(Path::new(&path).file_name()?.to_str()?.to_owned()));
        git.user = git.answer(USER, user);
        git
    }

    /// Returns the reason why git does not name the branch, in git's words if it prints any. Returns `None` if it names one.
    #[must_use]
    pub fn why_no_branch(&self) -> Option<String> {
        match (&self.refusal, &self.branch, &self.commit) {
            (Some(refusal), _, _) => Some(refusal.clone()),
            (None, None, Some(commit)) => {
                let short = commit.get(..7).unwrap_or(commit);
                Some(format!("git says that HEAD is detached, at {short}"))
            }
            _ => None,
        }
    }

    /// Returns the first line of an answer, and records a refusal or an answer that is not UTF-8.
    fn answer(&mut self, command: &'static str, asked: io::Result<Child>) -> Option<String> {
        let output = match asked.and_then(Child::wait_with_output) {
            Ok(output) => output,
            Err(error) => {
                let why = format!("git cannot be run: {error}");
                self.refusal.get_or_insert(why);
                return None;
            }
        };
        if !output.status.success() {
            // A failure without a message means that the value does not exist.
            let message = String::from_utf8_lossy(&output.stderr);
            let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
            if !message.is_empty() {
                let cut: String = message.chars().take(REFUSAL_CHARS_MAX).collect();
                self.refusal.get_or_insert(format!("git says: {cut}"));
            }
            return None;
        }
        let text = String::from_utf8_lossy(&output.stdout);
        if matches!(text, Cow::Owned(_)) {
            self.not_utf8.push(command);
        }
        let line = text.lines().next()?.trim();
        (!line.is_empty()).then(|| line.to_owned())
    }
}

/// Returns the answer of a command, and the command as its provenance.
fn answered(command: &'static str, answer: Option<&str>) -> Text {
    Some(Sourced {
        value: trimmed(answer?)?.to_owned(),
        provenance: Provenance::Git(command),
    })
}

fn ask(directory: &Path, arguments: &[&str]) -> io::Result<Child> {
    Command::new("git")
        .current_dir(directory)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

fn below(reference: Option<String>, prefix: &str) -> Option<String> {
    reference?.strip_prefix(prefix).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// Runs git without the configuration of the user who runs the tests.
    fn git(directory: &Path, arguments: &[&str]) {
        let status = Command::new("git")
            .current_dir(directory)
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "git {arguments:?}");
    }

    fn repository(directory: &Path) {
        git(directory, &["init", "--quiet"]);
        git(directory, &["symbolic-ref", "HEAD", "refs/heads/feature/login"]);
        git(directory, &["config", "user.name", "Jane Doe"]);
        git(directory, &["config", "user.email", "jane@example.com"]);
        git(directory, &["config", "commit.gpgsign", "false"]);
    }

    #[test]
    fn outside_of_a_repository_nothing_is_known() {
        let directory = tempfile::tempdir().unwrap();
        let mut read = Git::read(directory.path());
        // The user who runs the tests may have a name.
        read.user = None;
        let refusal = read.refusal.take().unwrap();
        assert!(refusal.contains("not a git repository"), "{refusal}");
        assert_eq!(read, Git::none());
        let missing = Git::read(&directory.path().join("missing"));
        let why = missing.why_no_branch().unwrap();
        assert!(why.starts_with("git cannot be run: "), "{why}");
    }

    #[test]
    fn a_repository_answers_as_far_as_it_knows() {
        let directory = tempfile::tempdir().unwrap();
        let shop = directory.path().join("shop");
        std::fs::create_dir_all(shop.join("src")).unwrap();
        repository(&shop);

        let unborn = Git::read(&shop);
        assert_eq!(unborn.branch.as_deref(), Some("feature/login"));
        assert_eq!(unborn.commit, None);
        assert_eq!(unborn.top_level.as_deref(), Some("shop"));
        assert_eq!(unborn.user.as_deref(), Some("Jane Doe"));
        assert_eq!(unborn.remote, None);
        assert_eq!(unborn.refusal, None);

        git(
            &shop,
            &["commit", "--quiet", "--allow-empty", "--message", "first"],
        );
        // A tag of the branch's name must not change the branch's name.
        git(&shop, &["tag", "feature/login"]);
        git(
            &shop,
            &[
                "remote",
                "add",
                "origin",
                "https://jane:t0ken@github.com/acme/shop.git",
            ],
        );
        git(&shop, &["update-ref", "refs/remotes/origin/main", "HEAD"]);
        git(
            &shop,
            &[
                "symbolic-ref",
                "refs/remotes/origin/HEAD",
                "refs/remotes/origin/main",
            ],
        );

        let read = Git::read(&shop.join("src"));
        assert_eq!(read.branch.as_deref(), Some("feature/login"));
        assert_eq!(read.commit.as_deref().map(str::len), Some(40));
        assert_eq!(read.default_branch.as_deref(), Some("main"));
        assert_eq!(
            read.remote.as_ref().map(Remote::project).as_deref(),
            Some("gh/acme/shop")
        );
        assert_eq!(read.top_level.as_deref(), Some("shop"));
        assert!(!format!("{read:?}").contains("t0ken"));

        git(&shop, &["checkout", "--quiet", "--detach"]);
        let detached = Git::read(&shop);
        assert_eq!(detached.branch, None);
        assert_eq!(detached.commit, read.commit);
        let short = read.commit.unwrap().get(..7).unwrap().to_owned();
        assert_eq!(
            detached.why_no_branch(),
            Some(format!("git says that HEAD is detached, at {short}"))
        );
    }

    #[test]
    fn a_branch_that_is_not_utf8_is_noted() {
        use std::os::unix::ffi::OsStrExt;

        let directory = tempfile::tempdir().unwrap();
        repository(directory.path());
        let head = std::ffi::OsStr::from_bytes(b"refs/heads/gr\xfc\xdfe");
        let status = Command::new("git")
            .current_dir(directory.path())
            .args(["symbolic-ref", "HEAD"])
            .arg(head)
            .status()
            .unwrap();
        assert!(status.success());
        let read = Git::read(directory.path());
        assert_eq!(read.branch.as_deref(), Some("gr\u{fffd}\u{fffd}e"));
        assert_eq!(read.not_utf8, [BRANCH]);
    }

    #[test]
    fn a_broken_repository_says_what_git_says() {
        let directory = tempfile::tempdir().unwrap();
        repository(directory.path());
        std::fs::write(directory.path().join(".git/config"), "[core\n").unwrap();
        let read = Git::read(directory.path());
        assert_eq!(read.branch, None);
        let why = read.why_no_branch().unwrap();
        assert!(why.starts_with("git says: fatal: bad config line 1"), "{why}");
    }
}

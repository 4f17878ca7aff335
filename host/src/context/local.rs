//! A person's machine: everything comes from git.

use super::found::{Found, Source};
use super::git::{BRANCH, COMMIT, DEFAULT_BRANCH, Git, REMOTE, TOP_LEVEL, USER};
use super::reading::{Reading, Text, Variables, from_git};

/// Reads what is known where no CI system runs us: no number, no workflow and no workspace.
pub(super) fn read(variables: Variables<'_>, git: &Git) -> Reading {
    let known = fallback(git);
    Reading {
        project: known.project.or_else(|| directory(git)),
        job: Some(Found {
            value: "local".to_owned(),
            source: Source::Default,
        }),
        actor: variables
            .first(&["USER", "LOGNAME"])
            .or_else(|| from_git(USER, git.user.as_deref())),
        ..Reading {
            project: None,
            ..known
        }
    }
}

/// Returns what git may say where a runner does not. Not who started the build: on a CI machine the name in
/// git's configuration is a robot's. Not the directory's name either, which a CI machine makes up.
pub(super) fn fallback(git: &Git) -> Reading {
    let remote = git.remote.as_ref().map(|remote| remote.project());
    Reading {
        project: from_git(REMOTE, remote.as_deref()),
        branch: from_git(BRANCH, git.branch.as_deref()),
        default_branch: from_git(DEFAULT_BRANCH, git.default_branch.as_deref()),
        commit: from_git(COMMIT, git.commit.as_deref()),
        ..Reading::default()
    }
}

fn directory(git: &Git) -> Text {
    let name = from_git(TOP_LEVEL, git.top_level.as_deref())?;
    Some(name.map(|name| format!("local/{name}")))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::super::Git;
    use super::super::testing::{detect, detect_with, field, git, shown};

    const LAPTOP: &str = "HOME=/home/jane\nUSER=jane\nLOGNAME=jane\nSHELL=/bin/zsh";

    #[test]
    fn everything_comes_from_git() {
        assert_eq!(
            shown(&detect_with(&[LAPTOP], None, git()).unwrap()),
            [
                "runner: local (default)",
                "project: git.example.com/acme/shop (git config remote.origin.url)",
                "branch: git-branch (git symbolic-ref HEAD)",
                "default-branch: git-main (git symbolic-ref refs/remotes/origin/HEAD)",
                "commit: 1111111111111111111111111111111111111111 (git rev-parse HEAD)",
                "job: local (default)",
                "fork: false (default)",
                "actor: jane (USER)",
            ]
        );
    }

    #[test]
    fn a_repository_without_a_remote_is_named_by_its_directory() {
        let context = detect_with(
            &[LAPTOP],
            None,
            Git {
                remote: None,
                ..git()
            },
        )
        .unwrap();
        assert_eq!(
            field(&context, "project").unwrap(),
            "local/checkout (git rev-parse --show-toplevel)"
        );
    }

    #[test]
    fn a_detached_head_has_no_branch() {
        let context = detect_with(
            &[LAPTOP],
            None,
            Git {
                branch: None,
                ..git()
            },
        )
        .unwrap();
        assert_eq!(field(&context, "branch"), None);
    }

    #[test]
    fn the_actor_is_the_account_else_the_name_that_git_knows() {
        let actor =
            |environment: &str| field(&detect_with(&[environment], None, git()).unwrap(), "actor").unwrap();
        assert_eq!(actor("LOGNAME=jdoe"), "jdoe (LOGNAME)");
        assert_eq!(actor(""), "Jane Doe (git config user.name)");
    }

    #[test]
    fn outside_of_a_repository_little_is_known() {
        assert_eq!(
            shown(&detect(&[LAPTOP]).unwrap()),
            [
                "runner: local (default)",
                "job: local (default)",
                "fork: false (default)",
                "actor: jane (USER)"
            ]
        );
    }

    #[test]
    fn a_forced_local_runner_does_not_read_another_ones_variables() {
        let circle = "BATON_RUNNER=local\nCIRCLECI=true\nCIRCLE_BRANCH=main\nCIRCLE_BUILD_NUM=8812";
        let context = detect_with(&[LAPTOP, circle], None, git()).unwrap();
        assert_eq!(field(&context, "runner").unwrap(), "local (BATON_RUNNER)");
        assert_eq!(
            field(&context, "branch").unwrap(),
            "git-branch (git symbolic-ref HEAD)"
        );
        assert_eq!(field(&context, "number"), None);
    }
}

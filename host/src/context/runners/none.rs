//! No CI system, for example a person's machine: the values come from git.

use super::super::field::Field;
use super::super::origin::{Origin, RunnerInputs, constant, derived, not_applicable, unset};
use super::super::provenance::Text;

/// Returns where a field is without a CI system: there is no number, no workflow and no workspace.
pub(super) const fn origin(field: Field) -> Origin {
    match field {
        Field::Project => derived(
            project,
            "the URL of the remote `origin`; else `local/` + the name of the repository's top-level directory",
        )
        .with_hint("nothing can be stored without a project; run inside a git repository, or name one"),
        Field::Branch => unset("the branch that is checked out; none on a detached `HEAD`"),
        Field::DefaultBranch => {
            unset("`origin/HEAD`, which `git clone` sets, and `git remote set-head origin --auto` later")
        }
        Field::Commit => unset("`HEAD`"),
        Field::Workflow => unset("none").with_hint("without a CI system there is no workflow; name one to try a pipeline out"),
        Field::Workspace => unset("none").with_hint("without a CI system there is no workspace; name one to try a pipeline out"),
        Field::Job => constant("manual"),
        Field::PullRequest => unset("none, unless the branch has a name like `pull/N`"),
        Field::Fork => unset("false, except for a branch with such a name"),
        Field::Actor => derived(actor, "`USER`, else `LOGNAME`, else git's `user.name`"),
        Field::Tag
        | Field::Run
        | Field::Number
        | Field::Attempt
        | Field::Counter
        | Field::Node
        | Field::Url => not_applicable(),
    }
}

/// Returns the name of the repository, else of its directory. A CI machine gives its directories arbitrary names, so this
/// holds for no other runner.
fn project(inputs: RunnerInputs<'_>) -> Text {
    inputs.git.field(Field::Project).or_else(|| {
        let name = inputs.git.directory_name()?;
        Some(name.map(|name| format!("local/{name}")))
    })
}

fn actor(inputs: RunnerInputs<'_>) -> Text {
    let account = inputs.variables.first(&["USER", "LOGNAME"]);
    account.or_else(|| inputs.git.user_name())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::super::super::Git;
    use super::super::super::testing::{detect, detect_with, field, git, shown};

    const LAPTOP: &str = "HOME=/home/jane\nUSER=jane\nLOGNAME=jane\nSHELL=/bin/zsh";

    #[test]
    fn everything_comes_from_git() {
        assert_eq!(
            shown(&detect_with(&[LAPTOP], None, git()).unwrap()),
            [
                "runner: none (default)",
                "project: git.example.com/acme/shop (git config remote.origin.url)",
                "branch: git-branch (git symbolic-ref HEAD)",
                "default-branch: git-main (git symbolic-ref refs/remotes/origin/HEAD)",
                "commit: 1111111111111111111111111111111111111111 (git rev-parse HEAD)",
                "job: manual (default)",
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
                "runner: none (default)",
                "job: manual (default)",
                "fork: false (default)",
                "actor: jane (USER)"
            ]
        );
    }

    #[test]
    fn a_runner_of_none_does_not_read_another_ones_variables() {
        let circle = "BATON_RUNNER=none\nCIRCLECI=true\nCIRCLE_BRANCH=main\nCIRCLE_BUILD_NUM=8812";
        let context = detect_with(&[LAPTOP, circle], None, git()).unwrap();
        assert_eq!(field(&context, "runner").unwrap(), "none (BATON_RUNNER)");
        assert_eq!(
            field(&context, "branch").unwrap(),
            "git-branch (git symbolic-ref HEAD)"
        );
        assert_eq!(field(&context, "number"), None);
    }
}

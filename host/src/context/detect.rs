//! Finding the context: flags, then `BATON_*` variables, then the runner, then git.

use serde::Serialize;

use super::error::ContextError;
use super::field::Field;
use super::found::{Found, Node, Source};
use super::overrides::Overrides;
use super::reading::{Reading, Text, Variables};
use super::runner::Runner;
use super::surroundings::Surroundings;
use super::{buildkite, circleci, github_actions, gitlab_ci, jenkins, local, parse, pull_request};

/// Which build asks: the fields of the WIT record `build-context`, each with its source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Context {
    /// The CI system.
    pub runner: Found<Runner>,
    /// For example `gh/acme/shop`. Never holds credentials.
    pub project: Option<Found<String>>,
    /// The branch that is built. A runner gives none for a tag.
    pub branch: Option<Found<String>>,
    /// The branch that new branches start from.
    pub default_branch: Option<Found<String>>,
    /// The tag that is built.
    pub tag: Option<Found<String>>,
    /// The commit, in lower-case hex.
    pub commit: Option<Found<String>>,
    /// The pipeline or run number: the first part of the order of builds.
    pub run: Option<Found<u64>>,
    /// The number that `build:N` names. Stands in for an absent `run`.
    pub number: Option<Found<u64>>,
    /// The job number or attempt within the run: the second part of the order of builds.
    pub attempt: Option<Found<u64>>,
    /// What the runner counts by: its numbers do not compare with those of another counter.
    pub counter: Option<Found<String>>,
    /// Where the runner counts each branch by itself: which one. It is a part of `counter`.
    #[serde(skip)]
    pub counter_part: Option<Found<String>>,
    /// Whether a person named the counter and the run, so that other runners may share the count.
    #[serde(skip)]
    pub counter_shared: bool,
    /// Names this run of the workflow.
    pub workflow: Option<Found<String>>,
    /// Names the workspace: the same for a workflow and all of its reruns, where the runner allows.
    pub workspace: Option<Found<String>>,
    /// The job's name.
    pub job: Option<Found<String>>,
    /// Which node of a parallel job this is.
    pub node: Option<Found<Node>>,
    /// The pull or merge request that the build is for.
    pub pull_request: Option<Found<String>>,
    /// Whether the commit comes from a fork. Where a runner leaves it open for a pull request, it does.
    pub fork: Found<bool>,
    /// Where people see the job.
    pub url: Option<Found<String>>,
    /// Who started the build.
    pub actor: Option<Found<String>>,
}

impl Context {
    /// Finds the context.
    ///
    /// Each value is the first of: the flag, the `BATON_*` variable, `baton.toml`, the runner's variables, git. A value
    /// that is overridden is not looked at, so that a flag or a variable mends whatever the runner says. An
    /// empty value counts as none, and so does a commit of zeros.
    ///
    /// # Errors
    ///
    /// Fails where the value that is used has the wrong form or is not UTF-8, naming the flag or variable, the value and
    /// what is expected; and where the event file of GitHub Actions is not JSON.
    pub fn detect(surroundings: &Surroundings, overrides: &Overrides) -> Result<Self, ContextError> {
        let variables = Variables::new(&surroundings.variables);
        let runner = Runner::find(variables)?;
        let git = &surroundings.git;
        let said = match runner.value {
            Runner::CircleCi => circleci::read(variables),
            Runner::GithubActions => github_actions::read(variables, surroundings.event.as_deref())?,
            Runner::GitlabCi => gitlab_ci::read(variables),
            Runner::Buildkite => buildkite::read(variables),
            Runner::Jenkins => jenkins::read(variables),
            Runner::Local => local::read(variables, git),
        };
        let said = with_fallback(said, local::fallback(git));
        let given = Given {
            surroundings,
            overrides,
        };
        let branch = given.text(Field::Branch, said.branch)?;
        let (pull_request, fork) = given.change(branch.as_ref(), said.pull_request, said.fork)?;
        Ok(Self {
            runner,
            project: given
                .first(Field::Project, said.project)?
                .map(parse::project)
                .transpose()?,
            branch,
            default_branch: given.text(Field::DefaultBranch, said.default_branch)?,
            tag: given.text(Field::Tag, said.tag)?,
            commit: given
                .first(Field::Commit, said.commit)?
                .map(|found| parse::commit(&found))
                .transpose()?,
            run: given.whole(Field::Run, said.run)?,
            number: given.whole(Field::Number, said.number)?,
            attempt: given.whole(Field::Attempt, said.attempt)?,
            // Who names a counter says what shares it.
            counter_part: match given.set(Field::Counter) {
                Some(_) => None,
                None => said.counter_part.map(parse::text).transpose()?,
            },
            counter_shared: given.set(Field::Counter).is_some() && given.set(Field::Run).is_some(),
            counter: given.text(Field::Counter, said.counter)?,
            workflow: given.text(Field::Workflow, said.workflow)?,
            workspace: given.text(Field::Workspace, said.workspace)?,
            job: given.text(Field::Job, said.job)?,
            node: given
                .first(Field::Node, None)?
                .map(|found| parse::node(&found))
                .or(said.node)
                .transpose()?,
            pull_request,
            fork,
            url: given.text(Field::Url, said.url)?,
            actor: given.text(Field::Actor, said.actor)?,
        })
    }
}

/// What a person says, and where else it is looked for.
struct Given<'a> {
    surroundings: &'a Surroundings,
    overrides: &'a Overrides,
}

impl Given<'_> {
    /// Returns what a flag, a variable of baton's own or `baton.toml` says.
    fn set(&self, field: Field) -> Text {
        let variables = Variables::new(&self.surroundings.variables);
        let all_zeros = |found: &Found<String>| field == Field::Commit && parse::is_zeros(&found.value);
        self.overrides
            .flag(field)
            .or_else(|| variables.own(field.variable()))
            .or_else(|| self.surroundings.config.config(field))
            .filter(|found| !all_zeros(found))
    }

    /// Returns what is set, else what the runner says.
    fn first(&self, field: Field, said: Text) -> Result<Text, ContextError> {
        let found = self.set(field).or(said);
        match found {
            Some(found) if !self.surroundings.is_utf8(found.source) => Err(ContextError::NotUtf8 {
                origin: found.source,
                shown: found.value,
            }),
            found => Ok(found),
        }
    }

    fn text(&self, field: Field, said: Text) -> Result<Text, ContextError> {
        self.first(field, said)?.map(parse::text).transpose()
    }

    fn whole(&self, field: Field, said: Text) -> Result<Option<Found<u64>>, ContextError> {
        let found = self.first(field, said)?;
        found.map(|found| parse::whole(&found)).transpose()
    }

    /// Returns the pull request, and whether the commit comes from a fork.
    ///
    /// A branch that has the name of a pull request's reference is one, wherever it was built. Where it comes from is
    /// unknown, so it counts as a fork's.
    fn change(
        &self,
        branch: Option<&Found<String>>,
        said: Text,
        said_fork: Option<Found<bool>>,
    ) -> Result<(Text, Found<bool>), ContextError> {
        let by_name = branch.and_then(|branch| {
            let number = pull_request::in_reference(&branch.value)?;
            Some(Found {
                value: number,
                source: branch.source,
            })
        });
        let is_silent = self.set(Field::PullRequest).is_none() && said.is_none();
        let found = match self.first(Field::PullRequest, said)? {
            Some(found) => pull_request::parse(&found)?,
            None => by_name,
        };
        let unknown = found.as_ref().filter(|_| is_silent);
        let fork = match self.first(Field::Fork, None)? {
            Some(found) => parse::boolean(&found)?,
            None => said_fork
                .or_else(|| unknown.map(|found| found.clone().map(|_| true)))
                .unwrap_or(Found {
                    value: false,
                    source: Source::Default,
                }),
        };
        Ok((found, fork))
    }
}

/// Fills what the runner left open with what git says.
fn with_fallback(said: Reading, git: Reading) -> Reading {
    let branch = if said.lets_git_name_the_branch() {
        git.branch
    } else {
        None
    };
    // What has no commit before it is said with zeros.
    let commit = said.commit.filter(|commit| !parse::is_zeros(&commit.value));
    Reading {
        project: said.project.or(git.project),
        branch: said.branch.or(branch),
        default_branch: said.default_branch.or(git.default_branch),
        commit: commit.or(git.commit),
        ..said
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::super::testing::{detect, field, git, shown, variables};
    use super::*;

    const CIRCLE: &str = "
        CIRCLECI=true
        CIRCLE_BRANCH=circle-branch
        CIRCLE_BUILD_NUM=12
        CIRCLE_SHA1=2222222222222222222222222222222222222222";

    const EVERY_VARIABLE: &str = "
        BATON_PROJECT=acme/variable
        BATON_BRANCH=variable-branch
        BATON_DEFAULT_BRANCH=variable-main
        BATON_TAG=v2
        BATON_COMMIT=3333333
        BATON_RUN=20
        BATON_NUMBER=21
        BATON_ATTEMPT=22
        BATON_COUNTER=variable-counter
        BATON_WORKFLOW=variable-workflow
        BATON_WORKSPACE=variable-workspace
        BATON_JOB=variable-job
        BATON_NODE=2/8
        BATON_PULL_REQUEST=23
        BATON_FORK=1
        BATON_URL=https://ci.example.com/2
        BATON_ACTOR=variable-actor";

    fn every_flag() -> Overrides {
        let flag = |value: &str| Some(value.to_owned());
        Overrides {
            project: flag("acme/flag"),
            branch: flag("flag-branch"),
            default_branch: flag("flag-main"),
            tag: flag("v3"),
            commit: flag("4444444"),
            run: flag("30"),
            number: flag("31"),
            attempt: flag("32"),
            counter: flag("flag-counter"),
            workflow: flag("flag-workflow"),
            workspace: flag("flag-workspace"),
            job: flag("flag-job"),
            node: flag("3/9"),
            pull_request: flag("33"),
            fork: flag("false"),
            url: flag("https://ci.example.com/3"),
            actor: flag("flag-actor"),
        }
    }

    fn surroundings(environments: &[&str]) -> Surroundings {
        Surroundings {
            variables: variables(environments),
            git: git(),
            ..Surroundings::default()
        }
    }

    #[test]
    fn a_variable_wins_over_the_runner() {
        let context =
            Context::detect(&surroundings(&[CIRCLE, EVERY_VARIABLE]), &Overrides::default()).unwrap();
        assert_eq!(
            shown(&context),
            [
                "runner: circleci (CIRCLECI)",
                "project: acme/variable (BATON_PROJECT)",
                "branch: variable-branch (BATON_BRANCH)",
                "default-branch: variable-main (BATON_DEFAULT_BRANCH)",
                "tag: v2 (BATON_TAG)",
                "commit: 3333333 (BATON_COMMIT)",
                "run: 20 (BATON_RUN)",
                "number: 21 (BATON_NUMBER)",
                "attempt: 22 (BATON_ATTEMPT)",
                "counter: variable-counter (BATON_COUNTER)",
                "workflow: variable-workflow (BATON_WORKFLOW)",
                "workspace: variable-workspace (BATON_WORKSPACE)",
                "job: variable-job (BATON_JOB)",
                "node: 2/8 (BATON_NODE)",
                "pull-request: 23 (BATON_PULL_REQUEST)",
                "fork: true (BATON_FORK)",
                "url: https://ci.example.com/2 (BATON_URL)",
                "actor: variable-actor (BATON_ACTOR)",
            ]
        );
    }

    #[test]
    fn a_flag_wins_over_everything() {
        let context = Context::detect(&surroundings(&[CIRCLE, EVERY_VARIABLE]), &every_flag()).unwrap();
        assert_eq!(
            shown(&context),
            [
                "runner: circleci (CIRCLECI)",
                "project: acme/flag (--project)",
                "branch: flag-branch (--branch)",
                "default-branch: flag-main (--default-branch)",
                "tag: v3 (--tag)",
                "commit: 4444444 (--commit)",
                "run: 30 (--run)",
                "number: 31 (--number)",
                "attempt: 32 (--attempt)",
                "counter: flag-counter (--counter)",
                "workflow: flag-workflow (--workflow)",
                "workspace: flag-workspace (--workspace)",
                "job: flag-job (--job)",
                "node: 3/9 (--node)",
                "pull-request: 33 (--pull-request)",
                "fork: false (--fork)",
                "url: https://ci.example.com/3 (--url)",
                "actor: flag-actor (--actor)",
            ]
        );
        assert_eq!(context.node.unwrap().value, Node { index: 3, total: 9 });
        assert_eq!(
            context.attempt,
            Some(Found {
                value: 32,
                source: Source::Flag("--attempt")
            })
        );
    }

    #[test]
    fn the_runner_wins_over_git_and_git_comes_last() {
        let context = Context::detect(&surroundings(&[CIRCLE]), &Overrides::default()).unwrap();
        assert_eq!(
            field(&context, "branch").unwrap(),
            "circle-branch (CIRCLE_BRANCH)"
        );
        assert_eq!(
            field(&context, "commit").unwrap(),
            "2222222222222222222222222222222222222222 (CIRCLE_SHA1)"
        );
        let without = Context::detect(&surroundings(&[CIRCLE, "CIRCLE_BRANCH="]), &Overrides::default());
        assert_eq!(
            field(&without.unwrap(), "branch").unwrap(),
            "git-branch (git symbolic-ref HEAD)"
        );
    }

    #[test]
    fn an_empty_flag_or_variable_counts_as_none() {
        let overrides = Overrides {
            branch: Some(String::new()),
            node: Some(String::new()),
            ..Overrides::default()
        };
        let context =
            Context::detect(&surroundings(&[CIRCLE, "BATON_BRANCH=\nBATON_RUN="]), &overrides).unwrap();
        assert_eq!(
            field(&context, "branch").unwrap(),
            "circle-branch (CIRCLE_BRANCH)"
        );
        assert_eq!(field(&context, "run"), None);
        assert_eq!(field(&context, "node"), None);
    }

    #[test]
    fn a_tag_by_flag_keeps_the_runners_branch_and_a_branch_by_flag_its_tag() {
        let overrides = Overrides {
            tag: Some("v3".to_owned()),
            ..Overrides::default()
        };
        let context = Context::detect(&surroundings(&[CIRCLE]), &overrides).unwrap();
        assert_eq!(field(&context, "tag").unwrap(), "v3 (--tag)");
        assert_eq!(
            field(&context, "branch").unwrap(),
            "circle-branch (CIRCLE_BRANCH)"
        );

        let overrides = Overrides {
            branch: Some("main".to_owned()),
            ..Overrides::default()
        };
        let context = Context::detect(&surroundings(&[CIRCLE, "CIRCLE_TAG=v1"]), &overrides).unwrap();
        assert_eq!(field(&context, "tag").unwrap(), "v1 (CIRCLE_TAG)");
        assert_eq!(field(&context, "branch").unwrap(), "main (--branch)");
    }

    #[test]
    fn a_value_of_the_wrong_form_is_named_with_what_is_expected() {
        for (environment, message) in [
            (
                "BATON_NUMBER=abc",
                "BATON_NUMBER is \"abc\", but must be a whole number from 0 to 18446744073709551615",
            ),
            (
                "BATON_COMMIT=main",
                "BATON_COMMIT is \"main\", but must be a commit: 7 to 64 hexadecimal digits",
            ),
            (
                "BATON_FORK=maybe",
                "BATON_FORK is \"maybe\", but must be true, false, 1 or 0",
            ),
            (
                "BATON_NODE=8/8",
                "BATON_NODE is \"8/8\", but must be a node whose index is below its total: \
                 the first of eight is 0/8, the last 7/8",
            ),
            (
                "BATON_PROJECT=../other",
                "BATON_PROJECT is \"../other\", but must be a name like gh/acme/shop, \
                 or the URL of a repository",
            ),
        ] {
            assert_eq!(detect(&[CIRCLE, environment]).unwrap_err().to_string(), message);
        }
        let overrides = Overrides {
            run: Some("last".to_owned()),
            ..Overrides::default()
        };
        let error = Context::detect(&surroundings(&[CIRCLE]), &overrides).unwrap_err();
        assert_eq!(
            error.to_string(),
            "--run is \"last\", but must be a whole number from 0 to 18446744073709551615"
        );
    }

    #[test]
    fn what_is_overridden_may_be_broken() {
        let broken = "
            CIRCLE_BUILD_NUM=x
            CIRCLE_SHA1=x
            CIRCLE_NODE_INDEX=x
            CIRCLE_NODE_TOTAL=2";
        assert!(detect(&[CIRCLE, broken]).is_err());
        let context = Context::detect(&surroundings(&[CIRCLE, broken]), &every_flag()).unwrap();
        assert_eq!(field(&context, "number").unwrap(), "31 (--number)");
    }

    #[test]
    fn a_repository_url_as_the_project_loses_its_token() {
        let context = detect(&[
            CIRCLE,
            "BATON_PROJECT=https://jane:t0ken@github.com/acme/shop.git",
        ])
        .unwrap();
        assert_eq!(
            field(&context, "project").unwrap(),
            "gh/acme/shop (BATON_PROJECT)"
        );
    }

    #[test]
    fn as_json_the_names_are_those_of_the_wit_record() {
        let context = detect(&[CIRCLE, EVERY_VARIABLE]).unwrap();
        let json = serde_json::to_value(&context).unwrap();
        let mut keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let mut names: Vec<&str> = context.rows().iter().map(|(name, _, _)| *name).collect();
        keys.sort_unstable();
        names.sort_unstable();
        assert_eq!(keys, names);
        let expected = serde_json::json!({ "value": { "index": 2, "total": 8 }, "source": "BATON_NODE" });
        assert_eq!(json.get("node"), Some(&expected));
    }
}

//! The fields of a context that can be set, and how each is named.

/// One field that a flag or a `BATON_*` variable can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Project,
    Branch,
    DefaultBranch,
    Tag,
    Commit,
    Run,
    Number,
    Attempt,
    Counter,
    Workflow,
    Workspace,
    Job,
    Node,
    PullRequest,
    Fork,
    Url,
    Actor,
}

impl Field {
    /// Every field, in the order of the WIT record `build-context`.
    #[cfg(test)]
    pub(super) const ALL: [Self; 17] = [
        Self::Project,
        Self::Branch,
        Self::DefaultBranch,
        Self::Tag,
        Self::Commit,
        Self::Run,
        Self::Number,
        Self::Attempt,
        Self::Counter,
        Self::Workflow,
        Self::Workspace,
        Self::Job,
        Self::Node,
        Self::PullRequest,
        Self::Fork,
        Self::Url,
        Self::Actor,
    ];

    /// Returns the name, the flag and the variable.
    const fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Project => ("project", "--project", "BATON_PROJECT"),
            Self::Branch => ("branch", "--branch", "BATON_BRANCH"),
            Self::DefaultBranch => ("default-branch", "--default-branch", "BATON_DEFAULT_BRANCH"),
            Self::Tag => ("tag", "--tag", "BATON_TAG"),
            Self::Commit => ("commit", "--commit", "BATON_COMMIT"),
            Self::Run => ("run", "--run", "BATON_RUN"),
            Self::Number => ("number", "--number", "BATON_NUMBER"),
            Self::Attempt => ("attempt", "--attempt", "BATON_ATTEMPT"),
            Self::Counter => ("counter", "--counter", "BATON_COUNTER"),
            Self::Workflow => ("workflow", "--workflow", "BATON_WORKFLOW"),
            Self::Workspace => ("workspace", "--workspace", "BATON_WORKSPACE"),
            Self::Job => ("job", "--job", "BATON_JOB"),
            Self::Node => ("node", "--node", "BATON_NODE"),
            Self::PullRequest => ("pull-request", "--pull-request", "BATON_PULL_REQUEST"),
            Self::Fork => ("fork", "--fork", "BATON_FORK"),
            Self::Url => ("url", "--url", "BATON_URL"),
            Self::Actor => ("actor", "--actor", "BATON_ACTOR"),
        }
    }

    /// Returns the name as the WIT record has it.
    pub(super) const fn name(self) -> &'static str {
        self.names().0
    }

    /// Returns the flag of the command line.
    pub(super) const fn flag(self) -> &'static str {
        self.names().1
    }

    /// Returns the environment variable.
    pub(super) const fn variable(self) -> &'static str {
        self.names().2
    }
}

/// The variable that names the runner instead of finding it out.
pub(super) const RUNNER: &str = "BATON_RUNNER";

/// Every variable of baton's own that sets a part of the context, and what it means.
pub const VARIABLES: &[(&str, &str)] = &[
    (
        RUNNER,
        "the runner: `circleci`, `github-actions`, `gitlab-ci`, `buildkite`, `jenkins` or `local`; \
         no other runner's variables are read",
    ),
    (
        "BATON_PROJECT",
        "the project, for example `gh/acme/shop`; a repository URL is turned into such a name",
    ),
    ("BATON_BRANCH", "the branch that is built"),
    ("BATON_DEFAULT_BRANCH", "the branch that new branches start from"),
    ("BATON_TAG", "the tag that is built"),
    ("BATON_COMMIT", "the commit: 7 to 64 hexadecimal digits"),
    (
        "BATON_RUN",
        "the number of the pipeline or run: the first part of the order of builds",
    ),
    (
        "BATON_NUMBER",
        "the number that `build:N` names; replaces a missing run",
    ),
    (
        "BATON_ATTEMPT",
        "the number of the job or attempt within the run: the second part of the order of builds",
    ),
    (
        "BATON_COUNTER",
        "a name for what `BATON_RUN` counts, where several workflows or jobs share one count",
    ),
    ("BATON_WORKFLOW", "names this run of the workflow"),
    (
        "BATON_WORKSPACE",
        "names the workspace; the same for a workflow and its reruns",
    ),
    ("BATON_JOB", "the job's name"),
    (
        "BATON_NODE",
        "the parallel node as `INDEX/TOTAL`, counted from 0: `0/8` to `7/8`",
    ),
    (
        "BATON_PULL_REQUEST",
        "the number of the pull or merge request that is built; `false` for none",
    ),
    (
        "BATON_FORK",
        "whether the commit comes from a fork: `true`, `false`, `1` or `0`",
    ),
    ("BATON_URL", "the link to the job"),
    ("BATON_ACTOR", "who started the build"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_variables_is_the_runner_and_every_field_in_order() {
        let listed: Vec<&str> = VARIABLES.iter().map(|(name, _)| *name).collect();
        let mut expected = vec![RUNNER];
        expected.extend(Field::ALL.map(Field::variable));
        assert_eq!(listed, expected);
    }

    #[test]
    fn flag_and_variable_follow_from_the_name() {
        for field in Field::ALL {
            assert_eq!(field.flag(), format!("--{}", field.name()));
            assert_eq!(
                field.variable(),
                format!("BATON_{}", field.name().replace('-', "_").to_uppercase())
            );
        }
    }

    #[test]
    fn the_page_on_runners_lists_every_variable_with_its_meaning() {
        let page = include_str!("../../../docs/reference/runners.md");
        for (name, meaning) in VARIABLES {
            let row = page
                .lines()
                .find(|line| line.starts_with(&format!("| `{name}` |")));
            assert!(
                row.is_some_and(|row| row.contains(meaning)),
                "{name} in docs/reference/runners.md: {row:?}"
            );
        }
    }
}

//! The CI systems that baton knows, how each is recognised, and where each has the fields.

mod buildkite;
mod circleci;
mod github_actions;
mod gitlab_ci;
mod jenkins;
mod none;
#[cfg(test)]
mod odd_values;

use std::fmt;

use serde::Serialize;

use super::check::refused;
use super::error::ContextError;
use super::field::Field;
use super::origin::Origin;
use super::provenance::{Provenance, Sourced, Text};
use super::variables::Variables;

/// The variable that names the runner, which is then not detected.
pub(super) const VARIABLE: &str = "BATON_RUNNER";

/// The CI system that runs the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Runner {
    /// CircleCI, in the cloud or on a server.
    #[serde(rename = "circleci")]
    CircleCi,
    /// GitHub Actions, and compatible systems.
    GithubActions,
    /// GitLab CI.
    GitlabCi,
    /// Buildkite.
    Buildkite,
    /// Jenkins.
    Jenkins,
    /// No CI system, for example a person's machine.
    None,
}

const EXPECTED: &str = "circleci, github-actions, gitlab-ci, buildkite, jenkins or none";

impl Runner {
    /// Every runner, in the order of docs/reference/runners.md.
    pub const ALL: [Self; 6] = [
        Self::CircleCi,
        Self::GithubActions,
        Self::GitlabCi,
        Self::Buildkite,
        Self::Jenkins,
        Self::None,
    ];

    /// Returns the name that records and `BATON_RUNNER` use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CircleCi => "circleci",
            Self::GithubActions => "github-actions",
            Self::GitlabCi => "gitlab-ci",
            Self::Buildkite => "buildkite",
            Self::Jenkins => "jenkins",
            Self::None => "none",
        }
    }

    /// Returns the runner that `BATON_RUNNER` names, else the one whose documented variable is set.
    ///
    /// Jenkins comes last: its variables also reach a job that a Jenkins build starts elsewhere.
    pub(super) fn find(variables: Variables<'_>) -> Result<Sourced<Self>, ContextError> {
        if let Some(named) = variables.text(VARIABLE) {
            let runner = Self::ALL
                .into_iter()
                .find(|runner| runner.as_str() == named.value);
            return runner
                .map(|runner| Sourced::in_variable(VARIABLE, runner))
                .ok_or_else(|| refused(&named, EXPECTED));
        }
        let marks = [
            ("CIRCLECI", Self::CircleCi),
            ("GITHUB_ACTIONS", Self::GithubActions),
            ("GITLAB_CI", Self::GitlabCi),
            ("BUILDKITE", Self::Buildkite),
            ("JENKINS_URL", Self::Jenkins),
        ];
        if let Some((name, runner)) = marks.into_iter().find(|(name, _)| variables.is_yes(name)) {
            return Ok(Sourced::in_variable(name, runner));
        }
        // JENKINS_URL is unset until an administrator configures the address of Jenkins; BUILD_TAG is always set.
        if variables
            .value("BUILD_TAG")
            .is_some_and(|tag| tag.starts_with("jenkins-"))
        {
            return Ok(Sourced::in_variable("BUILD_TAG", Self::Jenkins));
        }
        Ok(Sourced {
            value: Self::None,
            provenance: Provenance::Default,
        })
    }

    /// Returns where this runner has a field.
    pub(super) const fn origin(self, field: Field) -> Origin {
        match self {
            Self::CircleCi => circleci::origin(field),
            Self::GithubActions => github_actions::origin(field),
            Self::GitlabCi => gitlab_ci::origin(field),
            Self::Buildkite => buildkite::origin(field),
            Self::Jenkins => jenkins::origin(field),
            Self::None => none::origin(field),
        }
    }

    /// Returns where this runner has a field, in Markdown: the cell of docs/reference/runners.md.
    #[must_use]
    pub fn documented_origin(self, field: Field) -> String {
        self.origin(field).documentation()
    }

    /// Returns the branch's part of the counter, on a runner that counts each branch separately.
    pub(super) fn counter_part(self, variables: Variables<'_>) -> Text {
        match self {
            Self::Jenkins => jenkins::counter_part(variables),
            _ => None,
        }
    }
}

impl fmt::Display for Runner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn find(pairs: &[(&str, &str)]) -> Result<Sourced<Runner>, ContextError> {
        let map: BTreeMap<String, String> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Runner::find(Variables::new(&map))
    }

    #[test]
    fn each_runner_is_recognised_by_its_own_variable() {
        for (name, value, runner) in [
            ("CIRCLECI", "true", Runner::CircleCi),
            ("GITHUB_ACTIONS", "true", Runner::GithubActions),
            ("GITLAB_CI", "true", Runner::GitlabCi),
            ("BUILDKITE", "true", Runner::Buildkite),
            ("JENKINS_URL", "https://jenkins.example.com/", Runner::Jenkins),
            ("BUILD_TAG", "jenkins-shop-12", Runner::Jenkins),
        ] {
            assert_eq!(
                find(&[(name, value)]).unwrap(),
                Sourced::in_variable(name, runner)
            );
        }
    }

    /// The documentation of a runner names the variables that its code reads, and no others.
    #[test]
    fn the_documented_variables_are_those_that_the_code_reads() {
        let sources = [
            (Runner::CircleCi, include_str!("circleci.rs")),
            (Runner::GithubActions, include_str!("github_actions.rs")),
            (Runner::GitlabCi, include_str!("gitlab_ci.rs")),
            (Runner::Buildkite, include_str!("buildkite.rs")),
            (Runner::Jenkins, include_str!("jenkins.rs")),
            (Runner::None, include_str!("none.rs")),
        ];
        for (runner, source) in sources {
            let source = source.split("#[cfg(test)]").next().unwrap();
            // A text that is a name alone is a variable that is read.
            let read: BTreeSet<&str> = source
                .split('"')
                .skip(1)
                .step_by(2)
                .filter(|text| is_variable(text))
                .collect();
            let documentation: String = Field::ALL
                .iter()
                .map(|field| runner.documented_origin(*field) + " ")
                .collect();
            let documented: BTreeSet<&str> = documentation
                .split('`')
                .filter(|text| is_variable(text) && !text.starts_with("BATON_"))
                .collect();
            assert_eq!(read, documented, "{runner}");
        }
    }

    fn is_variable(text: &str) -> bool {
        let of_plugins = ["ghprbPullId", "gitlabMergeRequestIid"];
        let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        // `HEAD` is a value.
        of_plugins.contains(&text)
            || text.len() >= 4
                && text != "HEAD"
                && text.bytes().all(is_name)
                && !text.starts_with(|c: char| c.is_ascii_digit())
    }

    #[test]
    fn without_a_sign_of_a_runner_it_is_none() {
        let none = Sourced {
            value: Runner::None,
            provenance: Provenance::Default,
        };
        assert_eq!(find(&[]).unwrap(), none);
        assert_eq!(
            find(&[("CIRCLECI", "false"), ("CI", "true"), ("BUILD_TAG", "nightly")]).unwrap(),
            none
        );
    }

    #[test]
    fn a_job_started_by_jenkins_elsewhere_belongs_to_its_own_runner() {
        let found = find(&[
            ("JENKINS_URL", "https://jenkins.example.com/"),
            ("BUILDKITE", "true"),
        ])
        .unwrap();
        assert_eq!(found.value, Runner::Buildkite);
    }

    #[test]
    fn baton_runner_wins() {
        let found = find(&[("CIRCLECI", "true"), ("BATON_RUNNER", "gitlab-ci")]).unwrap();
        assert_eq!(found, Sourced::in_variable("BATON_RUNNER", Runner::GitlabCi));
        let error = find(&[("BATON_RUNNER", "travis")]).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("BATON_RUNNER is \"travis\", but must be {EXPECTED}")
        );
    }

    #[test]
    fn the_serialized_name_is_the_displayed_one() {
        for runner in Runner::ALL {
            assert_eq!(serde_json::to_string(&runner).unwrap(), format!("\"{runner}\""));
        }
    }
}

//! The CI systems that baton knows, and how each is recognised.

use std::fmt;

use serde::Serialize;

use super::error::ContextError;
use super::field::RUNNER;
use super::found::{Found, Source};
use super::parse::refused;
use super::reading::Variables;

/// The CI system that runs the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Runner {
    /// CircleCI, in the cloud or on a server.
    #[serde(rename = "circleci")]
    CircleCi,
    /// GitHub Actions, and what behaves like it.
    GithubActions,
    /// GitLab CI.
    GitlabCi,
    /// Buildkite.
    Buildkite,
    /// Jenkins.
    Jenkins,
    /// No CI system: a person's machine.
    Local,
}

const EXPECTED: &str = "circleci, github-actions, gitlab-ci, buildkite, jenkins or local";

impl Runner {
    const ALL: [Self; 6] = [
        Self::CircleCi,
        Self::GithubActions,
        Self::GitlabCi,
        Self::Buildkite,
        Self::Jenkins,
        Self::Local,
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
            Self::Local => "local",
        }
    }

    /// Finds the runner by `BATON_RUNNER`, else by the variable that each CI system documents for the
    /// purpose.
    ///
    /// Jenkins comes last: its variables also reach a job that a Jenkins build starts elsewhere.
    pub(super) fn find(variables: Variables<'_>) -> Result<Found<Self>, ContextError> {
        if let Some(forced) = variables.text(RUNNER) {
            let runner = Self::ALL
                .into_iter()
                .find(|runner| runner.as_str() == forced.value);
            return runner
                .map(|runner| Found::in_variable(RUNNER, runner))
                .ok_or_else(|| refused(&forced, EXPECTED));
        }
        let marks = [
            ("CIRCLECI", Self::CircleCi),
            ("GITHUB_ACTIONS", Self::GithubActions),
            ("GITLAB_CI", Self::GitlabCi),
            ("BUILDKITE", Self::Buildkite),
            ("JENKINS_URL", Self::Jenkins),
        ];
        if let Some((name, runner)) = marks.into_iter().find(|(name, _)| variables.says_yes(name)) {
            return Ok(Found::in_variable(name, runner));
        }
        // JENKINS_URL is unset until an administrator has said where Jenkins is; BUILD_TAG is always there.
        if variables
            .value("BUILD_TAG")
            .is_some_and(|tag| tag.starts_with("jenkins-"))
        {
            return Ok(Found::in_variable("BUILD_TAG", Self::Jenkins));
        }
        Ok(Found {
            value: Self::Local,
            source: Source::Default,
        })
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

    use std::collections::BTreeMap;

    use super::*;

    fn find(pairs: &[(&str, &str)]) -> Result<Found<Runner>, ContextError> {
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
            assert_eq!(find(&[(name, value)]).unwrap(), Found::in_variable(name, runner));
        }
    }

    #[test]
    fn without_a_sign_of_a_runner_it_is_local() {
        let local = Found {
            value: Runner::Local,
            source: Source::Default,
        };
        assert_eq!(find(&[]).unwrap(), local);
        assert_eq!(
            find(&[("CIRCLECI", "false"), ("CI", "true"), ("BUILD_TAG", "nightly")]).unwrap(),
            local
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
        assert_eq!(found, Found::in_variable("BATON_RUNNER", Runner::GitlabCi));
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

//! The event file of GitHub Actions: <https://docs.github.com/webhooks/webhook-events-and-payloads>.

use serde_json::Value;

use super::error::ContextError;
use super::provenance::{Sourced, Text};
use super::variables::trimmed;

/// The provenance of values from the file that this variable names.
const FILE: &str = "GITHUB_EVENT_PATH";

/// The event that started the workflow. Null without an event file.
pub(super) struct GithubEvent(Value);

/// The pull request of a build, whose branch and commit `GITHUB_REF` and `GITHUB_SHA` may not name.
#[derive(Debug, Default)]
pub(super) struct PullRequest {
    pub(super) number: Text,
    pub(super) branch: Text,
    pub(super) commit: Text,
    pub(super) fork: Text,
}

impl GithubEvent {
    /// Returns the event of a runner without an event file.
    pub(super) const fn absent() -> Self {
        Self(Value::Null)
    }

    /// Parses the event file's text.
    ///
    /// # Errors
    ///
    /// Fails if the text is not JSON: then it is unknown whether a fork is built.
    pub(super) fn parse(text: Option<&str>) -> Result<Self, ContextError> {
        match text.and_then(trimmed) {
            Some(text) => serde_json::from_str(text).map(Self).map_err(ContextError::Event),
            None => Ok(Self(Value::Null)),
        }
    }

    /// Whether there is no event file.
    pub(super) fn is_absent(&self) -> bool {
        self.0.is_null()
    }

    /// Returns the default branch of the repository that the workflow runs in.
    pub(super) fn default_branch(&self) -> Text {
        self.text("/repository/default_branch")
    }

    /// Returns the pull request that the event is about, or the run of another workflow, which may be of one.
    ///
    /// For `pull_request_target`, `issue_comment` and `workflow_run`, GitHub's own variables name the base or
    /// default branch, although such workflows often build the pull request, and with secrets. The
    /// event's values prevent their builds from becoming the latest of that branch.
    pub(super) fn pull_request(&self, repository: Option<&str>) -> Option<PullRequest> {
        if self.has("/pull_request") {
            return Some(PullRequest {
                number: self.text("/pull_request/number").or_else(|| self.text("/number")),
                branch: self.text("/pull_request/head/ref"),
                commit: self.text("/pull_request/head/sha"),
                fork: Some(self.is_elsewhere("/pull_request/head/repo", repository)),
            });
        }
        if self.has("/issue/pull_request") {
            // The event has neither the branch nor the commit. Git knows the commit that was checked out.
            return Some(PullRequest {
                number: self.text("/issue/number"),
                ..PullRequest::default()
            });
        }
        if self.has("/workflow_run") {
            // A tag's run has the tag's name here. The list of pull requests is empty for a fork's.
            return Some(PullRequest {
                number: self
                    .text("/workflow_run/pull_requests/0/number")
                    .filter(|_| self.starts("/workflow_run/event", "pull_request")),
                branch: self.text("/workflow_run/head_branch"),
                commit: self.text("/workflow_run/head_sha"),
                fork: Some(self.is_elsewhere("/workflow_run/head_repository", repository)),
            });
        }
        None
    }

    /// Whether the head's repository is not the one that the workflow runs in.
    ///
    /// The names are compared because `fork` alone is true for every pull request within a repository that is
    /// itself a fork. A head without a repository comes from a fork that was deleted.
    fn is_elsewhere(&self, head: &str, repository: Option<&str>) -> Sourced<String> {
        let head = self.0.pointer(head);
        let name = head
            .and_then(|head| head.get("full_name"))
            .and_then(Value::as_str);
        let is_elsewhere = match (name, repository) {
            (Some(name), Some(repository)) => !name.eq_ignore_ascii_case(repository),
            _ => head
                .and_then(|head| head.get("fork"))
                .and_then(Value::as_bool)
                .unwrap_or(true),
        };
        Sourced::in_variable(FILE, is_elsewhere.to_string())
    }

    fn has(&self, pointer: &str) -> bool {
        self.0.pointer(pointer).is_some_and(Value::is_object)
    }

    fn starts(&self, pointer: &str, prefix: &str) -> bool {
        self.0
            .pointer(pointer)
            .and_then(Value::as_str)
            .is_some_and(|text| text.starts_with(prefix))
    }

    fn text(&self, pointer: &str) -> Text {
        let value = match self.0.pointer(pointer)? {
            Value::String(text) => trimmed(text)?.to_owned(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some(Sourced::in_variable(FILE, value))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::super::testing::{detect_with, field, git};
    use super::super::{Context, Git};

    /// GitHub's variables for an event that runs on the default branch.
    const ON_MAIN: &str = "
        GITHUB_ACTIONS=true
        GITHUB_REF=refs/heads/main
        GITHUB_REF_NAME=main
        GITHUB_REF_TYPE=branch
        GITHUB_REPOSITORY=acme/shop
        GITHUB_SHA=ffac537e6cbbf934b08745a378932722df287a53";

    fn detect(changes: &[&str], event: &str) -> Context {
        let environments: Vec<&str> = [ON_MAIN].iter().chain(changes).copied().collect();
        detect_with(&environments, Some(event), Git::none()).unwrap()
    }

    #[test]
    fn a_comment_on_a_pull_request_is_for_it_and_one_on_an_issue_is_not() {
        let comment = "GITHUB_EVENT_NAME=issue_comment";
        let event = r#"{ "issue": { "number": 41, "pull_request": { "url": "…" } } }"#;
        let context = detect_with(&[ON_MAIN, comment], Some(event), git()).unwrap();
        assert_eq!(field(&context, "pull-request").unwrap(), "41 (GITHUB_EVENT_PATH)");
        assert_eq!(field(&context, "branch"), None);
        let checked_out = "1111111111111111111111111111111111111111 (git rev-parse HEAD)";
        assert_eq!(field(&context, "commit").unwrap(), checked_out);

        let issue = detect(&[comment], r#"{ "issue": { "number": 7 } }"#);
        assert_eq!(field(&issue, "pull-request"), None);
        assert_eq!(field(&issue, "branch").unwrap(), "main (GITHUB_REF_NAME)");
    }

    #[test]
    fn a_workflow_run_continues_the_run_that_started_it() {
        let run = |event: &str, repository: &str, pull_requests: &str| {
            let event = format!(
                r#"{{ "workflow_run": {{ "event": "{event}", "head_branch": "feature/login",
                "head_sha": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "pull_requests": {pull_requests},
                "head_repository": {{ "full_name": "{repository}" }} }} }}"#
            );
            detect(&["GITHUB_EVENT_NAME=workflow_run"], &event)
        };
        let push = run("push", "acme/shop", r#"[{ "number": 41 }]"#);
        assert_eq!(
            field(&push, "branch").unwrap(),
            "feature/login (GITHUB_EVENT_PATH)"
        );
        let head = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb (GITHUB_EVENT_PATH)";
        assert_eq!(field(&push, "commit").unwrap(), head);
        assert_eq!(field(&push, "fork").unwrap(), "false (GITHUB_EVENT_PATH)");
        assert_eq!(field(&push, "pull-request"), None);

        let ours = run("pull_request", "acme/shop", r#"[{ "number": 41 }]"#);
        assert_eq!(field(&ours, "pull-request").unwrap(), "41 (GITHUB_EVENT_PATH)");
        let theirs = run("pull_request", "mallory/shop", "[]");
        assert_eq!(field(&theirs, "fork").unwrap(), "true (GITHUB_EVENT_PATH)");
    }

    #[test]
    fn an_event_file_that_is_not_json_is_an_error() {
        let error = detect_with(&[ON_MAIN], Some("{ \"ref\": "), Git::none()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the event file that GITHUB_EVENT_PATH names is not JSON"
        );
    }
}

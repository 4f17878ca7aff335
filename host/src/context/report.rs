//! The context as people see it: every value with its source, and what is missing.

use serde::Serialize;

use super::detect::Context;
use super::field::Field;
use super::found::Found;
use super::runner::Runner;

/// A field that was not found, and how to give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The field's name, as in the WIT record.
    pub field: &'static str,
    /// The variable that gives it.
    pub variable: &'static str,
    /// What is lost without it, or where to take it from: one sentence without a final period.
    pub hint: &'static str,
}

impl Context {
    /// Returns every field in the order of the WIT record: its name, its value and its source.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, Option<String>, Option<String>)> {
        let runner = (
            "runner",
            Some(self.runner.value.to_string()),
            Some(self.runner.source.to_string()),
        );
        let fork = Some(self.fork.clone());
        vec![
            runner,
            row(Field::Project, self.project.as_ref()),
            row(Field::Branch, self.branch.as_ref()),
            row(Field::DefaultBranch, self.default_branch.as_ref()),
            row(Field::Tag, self.tag.as_ref()),
            row(Field::Commit, self.commit.as_ref()),
            row(Field::Run, self.run.as_ref()),
            row(Field::Number, self.number.as_ref()),
            row(Field::Attempt, self.attempt.as_ref()),
            row(Field::Counter, self.counter.as_ref()),
            row(Field::Workflow, self.workflow.as_ref()),
            row(Field::Workspace, self.workspace.as_ref()),
            row(Field::Job, self.job.as_ref()),
            row(Field::Node, self.node.as_ref()),
            row(Field::PullRequest, self.pull_request.as_ref()),
            row(Field::Fork, fork.as_ref()),
            row(Field::Url, self.url.as_ref()),
            row(Field::Actor, self.actor.as_ref()),
        ]
    }

    /// Returns what was not found although this kind of build could have it, and which variable would give
    /// it.
    ///
    /// A tag, a node and a pull request are never missing: most builds have none. Nor is the branch of a
    /// build that is for a tag or a pull request, nor the numbers of a build on a person's machine, which is
    /// ordered by its time.
    #[must_use]
    pub fn missing(&self) -> Vec<Missing> {
        let local = self.runner.value == Runner::Local;
        let jenkins = self.runner.value == Runner::Jenkins;
        let named = self.tag.is_some() || self.pull_request.is_some();
        [
            (Field::Project, self.project.is_none()),
            (Field::Branch, self.branch.is_none() && !named),
            (Field::DefaultBranch, self.default_branch.is_none()),
            (Field::Commit, self.commit.is_none()),
            (Field::Run, self.run.is_none() && !local),
            (Field::Number, self.number.is_none() && !local),
            (Field::Attempt, self.attempt.is_none() && !local && !jenkins),
            (Field::Workflow, self.workflow.is_none()),
            (Field::Workspace, self.workspace.is_none()),
            (Field::Job, self.job.is_none()),
            (Field::Url, self.url.is_none() && !local),
            (Field::Actor, self.actor.is_none()),
        ]
        .into_iter()
        .filter(|(_, missing)| *missing)
        .map(|(field, _)| Missing {
            field: field.name(),
            variable: field.variable(),
            hint: hint(field, self.runner.value),
        })
        .collect()
    }
}

fn row<T: ToString>(
    field: Field,
    found: Option<&Found<T>>,
) -> (&'static str, Option<String>, Option<String>) {
    (
        field.name(),
        found.map(|found| found.value.to_string()),
        found.map(|found| found.source.to_string()),
    )
}

const fn hint(field: Field, runner: Runner) -> &'static str {
    match (field, runner) {
        (Field::Project, Runner::Local) => {
            "nothing can be stored without a project; run inside a git repository, or name one"
        }
        (Field::Project, _) => "nothing can be stored without a project",
        (Field::Branch, _) => "without a branch a build cannot become the latest of one",
        (Field::DefaultBranch, Runner::GithubActions) => {
            "the event file that GITHUB_EVENT_PATH names should say it; \
             without it a new branch shares no bytes with the default branch"
        }
        (Field::DefaultBranch, _) => {
            "without it the first build of a new branch shares no bytes with the default branch"
        }
        (Field::Commit, _) => "without a commit `sha:` does not find the build",
        (Field::Run, Runner::CircleCi) => {
            "no variable of CircleCI holds it: set it to << pipeline.number >>, as the orb does; \
             until then a rerun of an old pipeline counts as newer"
        }
        (Field::Run, _) => "without it builds are ordered by their number, or by their time",
        (Field::Number, _) => "without a number `build:N` does not find the build",
        (Field::Attempt, _) => "without it the first of two attempts of one run counts as the latest",
        (Field::Workflow, Runner::Local) => {
            "a person's machine has no workflow; name one to try a pipeline out"
        }
        (Field::Workflow, _) => "without it `workflow:ID` does not find the build",
        (Field::Workspace, Runner::Local) => {
            "a person's machine has no workspace; name one to try a pipeline out"
        }
        (Field::Workspace, _) => "without a workspace jobs cannot pass files within the workflow",
        (Field::Job, _) => "without a name the layers of two jobs cannot be told apart",
        (Field::Url, _) => "without it the record of the build does not link to the job",
        (Field::Actor, _) => "without it the record of the build does not say who started it",
        (Field::Tag | Field::Node | Field::PullRequest | Field::Fork | Field::Counter, _) => {
            "most builds have none"
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::super::Git;
    use super::super::testing::{detect, detect_with, git};
    use super::*;

    fn names(context: &Context) -> Vec<&'static str> {
        context.missing().iter().map(|missing| missing.field).collect()
    }

    #[test]
    fn rows_follow_the_wit_record_and_hold_gaps() {
        let context = detect(&["CIRCLECI=true\nCIRCLE_BRANCH=main"]).unwrap();
        let rows = context.rows();
        let names: Vec<&str> = rows.iter().map(|(name, _, _)| *name).collect();
        let record = [
            "runner",
            "project",
            "branch",
            "default-branch",
            "tag",
            "commit",
            "run",
            "number",
            "attempt",
            "counter",
            "workflow",
            "workspace",
            "job",
            "node",
            "pull-request",
            "fork",
            "url",
            "actor",
        ];
        assert_eq!(names, record);
        assert!(rows.contains(&(
            "branch",
            Some("main".to_owned()),
            Some("CIRCLE_BRANCH".to_owned())
        )));
        assert!(rows.contains(&("tag", None, None)));
    }

    #[test]
    fn a_bare_circleci_misses_everything_and_says_what_gives_it() {
        let context = detect(&["CIRCLECI=true"]).unwrap();
        assert_eq!(
            names(&context),
            [
                "project",
                "branch",
                "default-branch",
                "commit",
                "run",
                "number",
                "attempt",
                "workflow",
                "workspace",
                "job",
                "url",
                "actor"
            ]
        );
        let missing = context.missing();
        let run = missing.iter().find(|missing| missing.field == "run").unwrap();
        assert_eq!(run.variable, "BATON_RUN");
        assert!(run.hint.contains("<< pipeline.number >>"), "{}", run.hint);
        for missing in context.missing() {
            assert!(!missing.hint.ends_with('.'), "{}", missing.hint);
        }
    }

    #[test]
    fn a_tag_or_a_pull_request_does_not_miss_its_branch() {
        let tag = detect(&["CIRCLECI=true\nCIRCLE_TAG=v1"]).unwrap();
        assert!(!names(&tag).contains(&"branch"));
        let fork = detect(&["CIRCLECI=true\nCIRCLE_PR_NUMBER=4"]).unwrap();
        assert!(!names(&fork).contains(&"branch"));
    }

    #[test]
    fn a_laptop_misses_only_what_it_could_have() {
        let context = detect_with(&["USER=jane"], None, git()).unwrap();
        assert_eq!(names(&context), ["workflow", "workspace"]);
        let nowhere = detect_with(&["USER=jane"], None, Git::none()).unwrap();
        assert_eq!(
            names(&nowhere),
            [
                "project",
                "branch",
                "default-branch",
                "commit",
                "workflow",
                "workspace"
            ]
        );
    }

    #[test]
    fn jenkins_has_no_attempts_to_miss() {
        let context = detect(&["JENKINS_URL=https://jenkins.example.com/\nBUILD_NUMBER=3"]).unwrap();
        assert!(!names(&context).contains(&"attempt"));
        assert!(names(&context).contains(&"default-branch"));
    }
}

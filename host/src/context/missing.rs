//! The fields that a context lacks, and how to give them.

use serde::Serialize;

use super::build_context::Context;
use super::field::Field;

/// A field without a value, and how to give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The field's name, as in the WIT record.
    pub field: &'static str,
    /// The variable that gives it.
    pub variable: &'static str,
    /// The consequence, or where to take the value from: one sentence without a final period.
    pub hint: &'static str,
}

impl Context {
    /// Returns the fields that have no value although this kind of build could have one, and the variable that gives each.
    ///
    /// A tag, a node and a pull request are never missing: most builds have none. Nor is the branch of a build of a tag or a
    /// pull request, nor a field that the runner does not have.
    #[must_use]
    pub fn missing(&self) -> Vec<Missing> {
        let has_no_branch = self.has(Field::Tag) || self.has(Field::PullRequest);
        let missing = |field: Field| {
            let hint = field.if_missing()?;
            let origin = self.runner.value.origin(field);
            let is_missing =
                !self.has(field) && origin.is_applicable() && !(field == Field::Branch && has_no_branch);
            is_missing.then(|| Missing {
                field: field.name(),
                variable: field.variable(),
                hint: origin.hint().unwrap_or(hint),
            })
        };
        Field::ALL.iter().copied().filter_map(missing).collect()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::super::Git;
    use super::super::build_context::Row;
    use super::super::provenance::Provenance;
    use super::super::testing::{detect, detect_with, git};
    use super::*;

    fn names(context: &Context) -> Vec<&'static str> {
        context.missing().iter().map(|missing| missing.field).collect()
    }

    #[test]
    fn rows_are_the_runner_and_every_field_and_hold_gaps() {
        let context = detect(&["CIRCLECI=true\nCIRCLE_BRANCH=main"]).unwrap();
        let rows = context.rows();
        assert_eq!(rows.len(), 1 + Field::ALL.len());
        assert!(rows.contains(&Row {
            name: "branch",
            value: Some("main".to_owned()),
            provenance: Some(Provenance::Variable("CIRCLE_BRANCH")),
        }));
        assert!(rows.contains(&Row {
            name: "tag",
            value: None,
            provenance: None,
        }));
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

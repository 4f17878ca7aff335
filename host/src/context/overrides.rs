//! What the flags of the command line say.

use super::field::Field;
use super::found::{Found, Source};
use super::reading::{Text, given};

/// The values that set a part of the context, as text: those of the flags, or of `baton.toml`.
///
/// An empty text counts as none, so that an orb can always pass `--branch "<< parameters.branch >>"`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--project`: a name like `gh/acme/shop`, or the URL of a repository.
    pub project: Option<String>,
    /// `--branch`
    pub branch: Option<String>,
    /// `--default-branch`
    pub default_branch: Option<String>,
    /// `--tag`
    pub tag: Option<String>,
    /// `--commit`: 7 to 64 hexadecimal digits.
    pub commit: Option<String>,
    /// `--run`: a whole number.
    pub run: Option<String>,
    /// `--number`: a whole number.
    pub number: Option<String>,
    /// `--attempt`: a whole number.
    pub attempt: Option<String>,
    /// `--counter`
    pub counter: Option<String>,
    /// `--workflow`
    pub workflow: Option<String>,
    /// `--workspace`
    pub workspace: Option<String>,
    /// `--job`
    pub job: Option<String>,
    /// `--node`: `INDEX/TOTAL`, counted from 0.
    pub node: Option<String>,
    /// `--pull-request`: a positive number, or `false` for none.
    pub pull_request: Option<String>,
    /// `--fork`: `true`, `false`, `1` or `0`.
    pub fork: Option<String>,
    /// `--url`
    pub url: Option<String>,
    /// `--actor`
    pub actor: Option<String>,
}

impl Overrides {
    /// Returns what the flag of this field says.
    pub(super) fn flag(&self, field: Field) -> Text {
        self.text(field, Source::Flag(field.flag()))
    }

    /// Returns what `baton.toml` says of this field, where these values come from there.
    pub(super) fn config(&self, field: Field) -> Text {
        self.text(field, Source::Config(field.name()))
    }

    fn text(&self, field: Field, source: Source) -> Text {
        let text = match field {
            Field::Project => &self.project,
            Field::Branch => &self.branch,
            Field::DefaultBranch => &self.default_branch,
            Field::Tag => &self.tag,
            Field::Commit => &self.commit,
            Field::Run => &self.run,
            Field::Number => &self.number,
            Field::Attempt => &self.attempt,
            Field::Counter => &self.counter,
            Field::Workflow => &self.workflow,
            Field::Workspace => &self.workspace,
            Field::Job => &self.job,
            Field::Node => &self.node,
            Field::PullRequest => &self.pull_request,
            Field::Fork => &self.fork,
            Field::Url => &self.url,
            Field::Actor => &self.actor,
        };
        let value = given(text.as_deref()?)?.to_owned();
        Some(Found { value, source })
    }
}

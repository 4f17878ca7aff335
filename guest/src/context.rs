//! Which build asks: what the host found on the runner, and what this crate makes of it.

use crate::error::{Error, Result};
use crate::keys;
use crate::order::{Node, Order};
use crate::record::Record;

/// As the WIT `build-context`. An absent value is one that the runner did not give.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// The CI system.
    pub runner: String,
    /// For example `gh/acme/shop`.
    pub project: Option<String>,
    /// The branch that is built.
    pub branch: Option<String>,
    /// The branch that new branches start from.
    pub default_branch: Option<String>,
    /// The tag that is built.
    pub tag: Option<String>,
    /// Lower-case hex.
    pub commit: Option<String>,
    /// The pipeline or run number.
    pub run: Option<u64>,
    /// The build's number.
    pub number: Option<u64>,
    /// The job number or attempt.
    pub attempt: Option<u64>,
    /// This run of the workflow.
    pub workflow: Option<String>,
    /// The same for a workflow and its reruns.
    pub workspace: Option<String>,
    /// The job's name.
    pub job: Option<String>,
    /// Which of its parallel nodes.
    pub node: Option<Node>,
    /// The pull request's number.
    pub pull_request: Option<String>,
    /// Whether the commit comes from a fork.
    pub fork: bool,
    /// Where people see the job.
    pub url: Option<String>,
    /// Who started it.
    pub actor: Option<String>,
    /// The digest of the component that runs.
    pub component: Option<String>,
    /// The time in milliseconds since 1970.
    pub now_ms: u64,
}

/// What an artifact is called when nobody said.
pub const ARTIFACT: &str = "default";

impl Context {
    /// Returns the keys of the project.
    pub fn keys(&self) -> Result<keys::Project> {
        Ok(keys::Project::new(self.project()?))
    }

    /// Returns the project's name.
    pub fn project(&self) -> Result<&str> {
        self.project
            .as_deref()
            .ok_or_else(|| Error::missing("project", "BATON_PROJECT"))
    }

    /// Returns the branch.
    pub fn branch(&self) -> Result<&str> {
        self.branch
            .as_deref()
            .ok_or_else(|| Error::missing("branch", "BATON_BRANCH"))
    }

    /// Returns the workspace's name.
    pub fn workspace(&self) -> Result<&str> {
        self.workspace
            .as_deref()
            .ok_or_else(|| Error::missing("workspace", "BATON_WORKSPACE"))
    }

    /// Returns where this build stands among the others. Without any number, the start time orders it.
    pub fn order(&self) -> Order {
        Order {
            run: self.run.unwrap_or_else(|| self.number()),
            attempt: self.attempt.unwrap_or(0),
        }
    }

    /// Returns the number that people use.
    pub fn number(&self) -> u64 {
        self.number.or(self.run).unwrap_or(self.now_ms)
    }

    /// Returns the record of this build for an artifact, its tree still unknown.
    pub fn record(&self, artifact: &str) -> Result<Record> {
        check_name("an artifact", artifact)?;
        let node = self.node.unwrap_or(Node::ONLY);
        if node.index >= node.total || node.total > u32::from(u16::MAX) {
            let shown = format!("{}/{}", node.index, node.total);
            return Err(Error::invalid(
                "wrong-node",
                "a parallel node's index must be below the total",
                &shown,
            ));
        }
        if let Some(commit) = &self.commit
            && (!(7..=64).contains(&commit.len()) || commit.bytes().any(|byte| !byte.is_ascii_hexdigit()))
        {
            return Err(Error::invalid(
                "wrong-commit",
                "a commit has 7 to 64 hex digits",
                commit,
            ));
        }
        Ok(Record {
            artifact: artifact.to_owned(),
            project: self.project()?.to_owned(),
            branch: self.branch.clone(),
            tag: self.tag.clone(),
            // As `sha:` looks for it.
            commit: self.commit.as_ref().map(|commit| commit.to_ascii_lowercase()),
            number: self.number(),
            order: self.order(),
            workflow: self.workflow.clone(),
            workspace: self.workspace.clone(),
            job: self.job.clone(),
            node,
            pull_request: self.pull_request.clone(),
            fork: self.fork,
            runner: self.runner.clone(),
            url: self.url.clone(),
            actor: self.actor.clone(),
            created_ms: self.now_ms,
            baton: env!("CARGO_PKG_VERSION").to_owned(),
            component: self.component.clone(),
            tree: crate::id::TreeId::of(b""),
            files: 0,
            bytes: 0,
        })
    }
}

/// Checks a name that somebody chose.
pub fn check_name(what: &str, name: &str) -> Result<()> {
    if name.is_empty() || name.len() > 100 || name.chars().any(char::is_control) {
        let message = format!("the name of {what} has 1 to 100 bytes, and no control characters");
        return Err(Error::invalid("wrong-name", message, name));
    }
    Ok(())
}

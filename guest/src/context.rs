//! The build that asks: the values that the host found on the runner, and the record that follows from them.

use crate::build_id::NODES_MAX;
use crate::counter::{Counter, Rank};
use crate::error::{Error, Result};
use crate::order::{Node, Order};
use crate::record::{COMMIT_DIGITS, Record};
use crate::{keys, name};

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
    /// The unit that the runner counts by, for example a workflow file.
    pub counter: Option<String>,
    /// The branch, if the runner counts each branch separately.
    pub counter_part: Option<String>,
    /// Whether a person named the counter and the run, so that other runners may share the count.
    pub counter_shared: bool,
    /// The job number or attempt.
    pub attempt: Option<u64>,
    /// This run of the workflow.
    pub workflow: Option<String>,
    /// The same for a workflow and its reruns.
    pub workspace: Option<String>,
    /// The job's name.
    pub job: Option<String>,
    /// The parallel node of the job.
    pub node: Option<Node>,
    /// The pull request's number.
    pub pull_request: Option<String>,
    /// Whether the commit comes from a fork.
    pub fork: bool,
    /// The link to the job.
    pub url: Option<String>,
    /// The person who started it.
    pub actor: Option<String>,
    /// The digest of the component that runs.
    pub component: Option<String>,
    /// The time in milliseconds since 1970.
    pub now_ms: u64,
}

/// A job of Jenkins in folders has a long name; nothing has a longer one.
const COUNTER_BYTES_MAX: usize = 1_000;
/// The name of the runner without a CI system.
const NO_RUNNER: &str = "none";

/// The name of an artifact if the request has none.
pub const ARTIFACT: &str = "default";

impl Context {
    /// Returns the keys of the project.
    pub fn keys(&self) -> Result<keys::Project> {
        Ok(keys::Project::new(self.project()?))
    }

    /// Returns the project's name.
    pub fn project(&self) -> Result<&str> {
        let project = self
            .project
            .as_deref()
            .ok_or_else(|| Error::missing("project", "BATON_PROJECT"))?;
        name::check_foreign("a project", project)?;
        Ok(project)
    }

    /// Returns the branch.
    pub fn branch(&self) -> Result<&str> {
        match (&self.branch, &self.tag) {
            (Some(branch), _) => {
                name::check_foreign("a branch", branch)?;
                Ok(branch)
            }
            (None, Some(tag)) => Err(Error::tag_build(tag)),
            (None, None) => Err(Error::missing("branch", "BATON_BRANCH")),
        }
    }

    /// Returns the workspace's name.
    pub fn workspace(&self) -> Result<&str> {
        match &self.workspace {
            Some(workspace) => {
                name::check_foreign("a workspace", workspace)?;
                Ok(workspace)
            }
            None if self.runner == NO_RUNNER => Err(Error::no_workspace()),
            None => Err(Error::missing("workspace", "BATON_WORKSPACE")),
        }
    }

    /// Returns whether the build is neither of a fork nor of a pull request.
    pub fn trusted(&self) -> bool {
        !self.fork && self.pull_request.is_none()
    }

    /// Returns what the order of this build counts by.
    pub fn counter(&self) -> Counter {
        let rank = match (self.run, self.number) {
            (Some(_), _) => Rank::Run,
            (None, Some(_)) => Rank::Number,
            (None, None) => return Counter::none(),
        };
        Counter {
            rank,
            runner: match self.counter_shared && rank == Rank::Run {
                true => String::new(),
                false => self.runner.clone(),
            },
            by: self.counter.clone().unwrap_or_default(),
            part: self.counter_part.clone(),
        }
    }

    /// Returns the position of this build in its counter. Without any number, the start time orders it.
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

    /// Checks the names that a record is found by, and the number of the pull request.
    fn check_names(&self) -> Result<()> {
        for (what, name) in [
            ("a branch", &self.branch),
            ("a tag", &self.tag),
            ("a job", &self.job),
            ("a workflow", &self.workflow),
            ("a workspace", &self.workspace),
        ] {
            if let Some(name) = name {
                name::check_foreign(what, name)?;
            }
        }
        let number = self.pull_request.as_deref();
        if number.is_some_and(|number| !number.parse::<u64>().is_ok_and(|number| number > 0)) {
            let message = "a pull request has a positive number";
            return Err(Error::invalid("wrong-name", message, number.unwrap_or_default()));
        }
        Ok(())
    }

    /// Returns the record of this build for an artifact, its tree still unknown.
    pub fn record(&self, artifact: &str) -> Result<Record> {
        name::check_artifact(artifact)?;
        self.check_names()?;
        let node = self.node.unwrap_or(Node::ONLY);
        check_node(node)?;
        if let Some(commit) = &self.commit
            && (!COMMIT_DIGITS.contains(&commit.len())
                || commit.bytes().any(|byte| !byte.is_ascii_hexdigit()))
        {
            return Err(Error::invalid(
                "wrong-commit",
                "a commit has 7 to 64 hex digits",
                commit,
            ));
        }
        for counted in self.counter.iter().chain(&self.counter_part) {
            check_counter(counted)?;
        }
        Ok(Record {
            artifact: artifact.to_owned(),
            project: self.project()?.to_owned(),
            branch: self.branch.clone(),
            tag: self.tag.clone(),
            // As `sha:` looks for it.
            commit: self.commit.as_ref().map(|commit| commit.to_ascii_lowercase()),
            number: self.number(),
            counter: self.counter(),
            order: self.order(),
            workflow: self.workflow.clone(),
            workspace: self.workspace.clone(),
            job: self.job.clone(),
            node,
            revision: 1,
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

/// Checks what a runner counts by.
fn check_counter(counter: &str) -> Result<()> {
    if counter.len() > COUNTER_BYTES_MAX || counter.chars().any(char::is_control) {
        let message =
            format!("the name of a counter has at most {COUNTER_BYTES_MAX} bytes, and no control characters");
        return Err(Error::invalid("wrong-counter", message, counter));
    }
    Ok(())
}

fn check_node(node: Node) -> Result<()> {
    let message = match node {
        Node { total, .. } if total > NODES_MAX => format!("a job has at most {NODES_MAX} parallel nodes"),
        Node { index, total } if index >= total => {
            "a parallel node's index must be below the total".to_owned()
        }
        _ => return Ok(()),
    };
    let shown = format!("{}/{}", node.index, node.total);
    Err(Error::invalid("wrong-node", message, &shown))
}

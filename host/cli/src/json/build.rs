//! The record of a build.

#[cfg(test)]
use schemars::JsonSchema;
use serde::Serialize;

use baton_host::builds::Rank;

/// The record of a build.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Build {
    actor: Option<String>,
    artifact: String,
    /// The version of baton that persisted it.
    baton: String,
    branch: Option<String>,
    /// The sum of the sizes of its files.
    bytes: u64,
    /// Lower-case hex.
    commit: Option<String>,
    /// The digest of the component that persisted it, 64 hex digits.
    component: Option<String>,
    counter: Counter,
    /// When it was persisted, in milliseconds since 1970.
    created_ms: u64,
    /// Whether it can be the latest of its branch.
    eligible: bool,
    files: u64,
    /// Whether the commit comes from a fork.
    fork: bool,
    job: Option<String>,
    /// Null if the job is not parallel.
    node: Option<Node>,
    /// The N of `build:N`.
    number: u64,
    order: Order,
    project: String,
    pull_request: Option<String>,
    /// The revision of the build of this node, from 1.
    revision: u64,
    runner: String,
    /// How people name it: `build:1234`.
    selector: String,
    tag: Option<String>,
    /// The id of the tree, 64 hex digits. Empty for a job of CircleCI with plain artifacts.
    tree: String,
    url: Option<String>,
    workflow: Option<String>,
    workspace: Option<String>,
}

/// The counter that the order of a build belongs to. Builds of different counters are not compared by their order.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
struct Counter {
    by: String,
    part: Option<String>,
    rank: RankName,
    runner: String,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
enum RankName {
    Run,
    Number,
    Time,
}

/// The place of a build among those of its counter: compared by `run`, then by `attempt`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Order {
    pub(crate) attempt: u64,
    pub(crate) run: u64,
}

/// A parallel node.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
struct Node {
    /// From 0.
    index: u64,
    total: u64,
}

impl From<&baton_host::builds::Build> for Build {
    fn from(build: &baton_host::builds::Build) -> Build {
        let build = build.clone();
        let counter = build.counter;
        Build {
            actor: build.actor,
            artifact: build.artifact,
            baton: build.baton,
            branch: build.branch,
            bytes: build.bytes,
            commit: build.commit,
            component: build.component,
            counter: Counter {
                by: counter.by,
                part: counter.part,
                rank: match counter.rank {
                    Rank::Run => RankName::Run,
                    Rank::Number => RankName::Number,
                    Rank::Time => RankName::Time,
                },
                runner: counter.runner,
            },
            created_ms: build.created_ms,
            eligible: build.eligible,
            files: build.files,
            fork: build.fork,
            job: build.job,
            node: build.node.map(|node| Node {
                index: node.index.into(),
                total: node.total.into(),
            }),
            number: build.number,
            order: Order {
                attempt: build.attempt,
                run: build.run,
            },
            project: build.project,
            pull_request: build.pull_request,
            revision: build.revision.into(),
            runner: build.runner,
            selector: build.selector,
            tag: build.tag,
            tree: build.tree,
            url: build.url,
            workflow: build.workflow,
            workspace: build.workspace,
        }
    }
}

pub(crate) fn builds(builds: &[baton_host::builds::Build]) -> Vec<Build> {
    builds.iter().map(Build::from).collect()
}

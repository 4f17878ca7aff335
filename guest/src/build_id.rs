//! Names of builds: one job run that persisted an artifact, with all of its nodes.

use serde::{Deserialize, Serialize};

use crate::counter::Counter;
use crate::order::Order;
use crate::recency::Recency;

/// The most parallel nodes of a job: a key has four hex digits for them.
pub(crate) const NODES_MAX: u32 = 65_535;

/// Names one job run that persisted an artifact, with all of its nodes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BuildId {
    /// The number that people and `build:N` use.
    pub number: u64,
    /// Whether it is neither of a fork nor of a pull request.
    pub trusted: bool,
    /// The counter of its order.
    pub counter: Counter,
    /// Its position among the builds of its counter. For a parallel job, whose nodes some runners run again one by one: the
    /// highest attempt of a node that counts. Nodes that ran again later are another build.
    pub order: Order,
    /// As [`crate::order::Leaf::job`].
    pub job: String,
    /// The number of parallel nodes.
    pub nodes: u32,
}

impl BuildId {
    /// Returns the name of all attempts of the nodes of a parallel job. They share nodes, so they are removed together.
    pub fn all_attempts(mut self) -> BuildId {
        if self.nodes > 1 {
            self.order.attempt = 0;
        }
        self
    }
}

impl BuildId {
    /// Returns whether a job can have persisted it: its keys are none otherwise.
    pub(crate) fn is_possible(&self) -> bool {
        let is_job = self.job.len() == 8 && self.job.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_job && (1..=NODES_MAX).contains(&self.nodes)
    }
}

/// A build and what else it takes to compare it with others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatedBuild {
    /// The build.
    #[serde(flatten)]
    pub id: BuildId,
    /// When its last node was persisted, in milliseconds since 1970.
    pub created_ms: u64,
}

impl DatedBuild {
    /// Returns what it takes to compare it.
    pub fn recency(&self) -> Recency<'_> {
        Recency {
            trusted: self.id.trusted,
            counter: &self.id.counter,
            order: self.id.order,
            created_ms: self.created_ms,
        }
    }
}

impl std::fmt::Display for BuildId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "build:{}", self.number)
    }
}

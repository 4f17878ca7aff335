//! The assignment of a node: which job of which workflow it runs, and what it may use.

use std::collections::BTreeMap;

use super::events::{Event, NodeName, Reporter};
use super::options::RunOptions;
use super::services::Services;
use super::upstream::Upstream;
use crate::api::{JobRecord, WorkflowRecord};
use crate::pipeline::Pipeline;
use crate::plan::{Build, Job};

/// All that a node is given before its first step.
pub(super) struct Assignment<'a> {
    pub(super) services: &'a Services,
    pub(super) options: &'a RunOptions,
    pub(super) pipeline: &'a Pipeline,
    pub(super) workflow: &'a WorkflowRecord,
    pub(super) job: &'a Job,
    pub(super) build: &'a Build,
    pub(super) record: &'a JobRecord,
    pub(super) name: NodeName,
    /// The variables of the project when the job started.
    pub(super) variables: &'a BTreeMap<String, String>,
    pub(super) upstream: &'a Upstream,
    pub(super) report: Reporter<'a>,
}

impl Assignment<'_> {
    /// Reports a message about this node.
    pub(super) fn note(&self, text: &str) {
        let node = Some(&self.name);
        (self.report)(Event::Note { node, text });
    }
}

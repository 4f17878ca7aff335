//! Retention: removing old builds, and deleting the bytes that no build uses any more.
//!
//! Both a prune and the removal of one build first plan, then delete: [`Baton::plan_prune`](crate::Baton::plan_prune) and
//! [`Baton::prune`](crate::Baton::prune), [`Baton::plan_removal`](crate::Baton::plan_removal) and
//! [`Baton::remove`](crate::Baton::remove). Bytes are condemned in one prune and deleted in a later one, after a grace period.

use std::fmt;
use std::sync::Arc;

use crate::baton::Baton;
use crate::bindings as wit;
use crate::build::{Build, BuildContext, Scope};
use crate::error::Error;
use crate::grants::{Operation, Resources, Scratch};
use crate::instance::Paged;
use crate::mirror::{Convert, mirror};

mirror! {
    /// The builds that a prune keeps. It always keeps the newest build of each branch, builds that a channel or a rollback points
    /// to, and builds younger than the grace period. If the first three fields keep nothing, only builds of `branches_gone` are
    /// removed.
    #[derive(Default)]
    pub struct Retention = retention::Policy {
        /// Keep this many of the newest builds of each branch.
        keep_last: Option<u32>,
        /// Keep builds younger than this, in milliseconds.
        keep_within_ms: Option<u64>,
        /// Keep builds of tags.
        keep_tags: bool,
        /// Branches that no longer exist: their builds are removed.
        branches_gone: Vec<String>,
        /// Remove builds whose record, tree or packs are missing or damaged. Otherwise one such build stops the prune, because it is
        /// unknown what it refers to.
        drop_damaged: bool,
        /// Keep the builds that this many steps back on a channel lead to.
        keep_channel_steps: u32,
    }
}

mirror! {
    /// One build, and whether it is kept.
    pub struct Decision = retention::Decision {
        /// The build.
        build: Build,
        /// The reasons to keep it. Empty: it is removed.
        reasons: Vec<String>,
    }
}

mirror! {
    /// A number of objects, and their size.
    #[derive(Copy, Default)]
    pub struct Amount = retention::Amount {
        /// Packs and trees.
        objects: u64,
        /// The size of the packs in bytes.
        bytes: u64,
    }
}

mirror! {
    /// The result of a prune or a removal.
    pub struct Pruned = retention::Pruned {
        /// The number of removed builds. A build that a channel was pointed at meanwhile is not removed.
        removed: u64,
        /// Deleted now.
        deleted: Amount,
        /// No longer referred to, and deleted by a later prune.
        condemned: Amount,
        /// Whether another prune was faster: then nothing was done.
        overtaken: bool,
    }
}

/// A request to remove old builds of a project, and the bytes that no build of any project uses.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PruneRequest {
    /// The job that asks. Its project is pruned.
    pub context: BuildContext,
    /// The builds to keep.
    pub retention: Retention,
    /// How long unused bytes stay, in milliseconds. It must be longer than a persist or an attach takes; less than 15 minutes
    /// fails unless `no_other_writers` is set.
    pub grace_ms: u64,
    /// Whether you know that nobody else persists to the store or attaches from it until the prune ends.
    pub no_other_writers: bool,
}

/// A request to remove one build, whatever a retention keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoveRequest {
    /// The build: the selector must mean exactly one.
    pub scope: Scope,
    /// A reason for the record, at most 10,000 bytes.
    pub reason: Option<String>,
    /// Whether to remove it even if a channel or a rollback points to it.
    pub even_if_pointed_to: bool,
}

impl PruneRequest {
    /// Returns the request to prune the project of the context, with a grace period of 24 hours.
    pub fn new(context: BuildContext, retention: Retention) -> PruneRequest {
        PruneRequest {
            context,
            retention,
            grace_ms: 24 * 60 * 60 * 1000,
            no_other_writers: false,
        }
    }
}

impl RemoveRequest {
    /// Returns the request to remove the build of this scope, unless something points to it.
    pub fn new(scope: Scope) -> RemoveRequest {
        RemoveRequest {
            scope,
            reason: None,
            even_if_pointed_to: false,
        }
    }
}

impl Convert<wit::retention::Request> for PruneRequest {
    fn convert(self) -> wit::retention::Request {
        wit::retention::Request {
            context: self.context.convert(),
            policy: self.retention.convert(),
            grace_ms: self.grace_ms,
            no_other_writers: self.no_other_writers,
        }
    }
}

impl Convert<wit::retention::RemoveRequest> for RemoveRequest {
    fn convert(self) -> wit::retention::RemoveRequest {
        wit::retention::RemoveRequest {
            scope: self.scope.convert(),
            reason: self.reason,
            even_if_pointed_to: self.even_if_pointed_to,
        }
    }
}

/// The plan of a prune.
#[derive(Debug)]
#[non_exhaustive]
pub struct PrunePlan {
    /// The number of builds of the project.
    pub builds: u64,
    /// The number of builds that are removed.
    pub removed: u64,
    /// The decision for each build.
    pub decisions: Paged<Decision>,
    /// Deleted now.
    pub deleted: Amount,
    /// No longer referred to, and deleted by a later prune.
    pub condemned: Amount,
    planned: PlannedRemoval,
}

/// The plan for the removal of one build.
#[derive(Debug)]
#[non_exhaustive]
pub struct Removal {
    /// The build: one for each node.
    pub builds: Vec<Build>,
    /// The channels and branches that point to it.
    pub pointed: Vec<String>,
    planned: PlannedRemoval,
}

/// The plan as the component wrote it.
struct PlannedRemoval {
    rest: Vec<u8>,
    scratch: Arc<Scratch>,
}

impl fmt::Debug for PlannedRemoval {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PlannedRemoval")
    }
}

impl Baton {
    /// Decides what a prune removes. Changes nothing.
    pub fn plan_prune(&self, request: &PruneRequest) -> Result<PrunePlan, Error> {
        let resources = self.resources();
        let scratch = Arc::clone(&resources.scratch);
        let mut instance = self.start(Operation::PlanRemoval, resources)?;
        let request: wit::retention::Request = request.clone().convert();
        let plan = instance.call("decide", move |store, plugin| {
            plugin.baton_plugin_retention().call_decide(store, &request)
        })?;
        Ok(PrunePlan {
            builds: plan.builds,
            removed: plan.removed,
            deleted: plan.deleted.convert(),
            condemned: plan.condemned.convert(),
            decisions: Paged::new(instance, plan.decisions, |instance, page| {
                let decisions = instance.call("decisions", move |store, plugin| {
                    plugin.baton_plugin_retention().call_decisions(store, &page)
                });
                decisions.map(Convert::convert)
            }),
            planned: PlannedRemoval {
                rest: plan.rest,
                scratch,
            },
        })
    }

    /// Removes builds and deletes bytes as planned.
    pub fn prune(&self, plan: &PrunePlan) -> Result<Pruned, Error> {
        self.delete("prune", &plan.planned)
    }

    /// Decides what the removal of one build removes. Changes nothing.
    pub fn plan_removal(&self, request: &RemoveRequest) -> Result<Removal, Error> {
        let resources = self.resources();
        let scratch = Arc::clone(&resources.scratch);
        let mut instance = self.start(Operation::PlanRemoval, resources)?;
        let request: wit::retention::RemoveRequest = request.clone().convert();
        let removal = instance.call("decide-removal", move |store, plugin| {
            plugin
                .baton_plugin_retention()
                .call_decide_removal(store, &request)
        })?;
        Ok(Removal {
            builds: removal.builds.convert(),
            pointed: removal.pointed,
            planned: PlannedRemoval {
                rest: removal.rest,
                scratch,
            },
        })
    }

    /// Removes the build as planned.
    pub fn remove(&self, plan: &Removal) -> Result<Pruned, Error> {
        self.delete("remove", &plan.planned)
    }

    fn delete(&self, call: &'static str, planned: &PlannedRemoval) -> Result<Pruned, Error> {
        let rest = planned.rest.clone();
        let resources = Resources {
            scratch: Arc::clone(&planned.scratch),
            ..self.resources()
        };
        self.start(Operation::Remove, resources)?
            .call(call, move |store, plugin| {
                plugin.baton_plugin_retention().call_run(store, &rest)
            })
            .map(Convert::convert)
    }
}

//! Removing what nobody wants any more, beside any number of persists and attaches.
//!
//! `plan` decides, `run` does it: it removes the records of builds that are not kept, and condemns what only they led to.
//! It deletes objects that an earlier prune condemned and that are still unreferenced, once the grace period is over.
//! docs/reference/format.md, "Deleting", has why nothing is lost.

mod damaged;
mod marking;
mod plan;
mod pointers;
mod policy;
mod ranking;
mod remove;
mod request;
mod rest;
mod run;

pub use plan::{Decided, GRACE_MS_MIN, PrunePlan, plan};
pub use remove::{Removal, Remove, plan as plan_removal};
pub use request::{Policy, Prune};
pub use rest::Amount;
pub use run::{Pruned, run};

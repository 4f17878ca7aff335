//! Everything that is below the projects of a store: what a verify looks at, and what a prune decides on.

mod damages;
mod found;
mod pointers;
mod revisions;
mod scan;

pub(crate) use damages::Damages;
pub use found::{ByBuild, StoredRecord, by_build};
pub use pointers::{CurrentPointer, current_pointers};
pub use scan::{Depth, Inventory, take};

//! Everything that is below the projects of a store: what a verify looks at, and what a prune decides on.

mod damages;
mod found;
mod present;
mod revisions;
mod scan;

pub(crate) use damages::Damages;
pub use found::{ByBuild, Found, by_build};
pub use present::{Present, present};
pub use scan::{Depth, Survey, survey};

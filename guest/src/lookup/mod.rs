//! From a selector to the builds that it means.
//!
//! Each look-up is a listing with a fixed prefix and a small limit, so its cost does not grow with the history.

mod bases;
mod by_files;
mod by_id;
mod candidate;
mod counters;
mod groups;
mod latest;
mod layers;
mod list;
mod names;
mod newest;
mod not_found;
mod read;
mod resolve;
mod scope;
mod warnings;

pub use bases::bases;
pub use by_id::by_id;
pub(crate) use by_id::nodes_of;
pub use latest::{before, newest_of_branch};
pub use layers::{layers_of, remember_workflow};
pub(crate) use layers::{revisions, workflow_key, workspace_of};
pub use list::{Query, list};
pub use names::{Page, artifacts, channels};
pub(crate) use not_found::{no_earlier, no_history};
pub(crate) use read::ignore_damage;
pub use read::read;
pub(crate) use resolve::one_build;
pub use resolve::{intact, resolve};
pub use scope::{DamagedTree, Layer, Resolved, Scope};
pub use warnings::ranks_low;

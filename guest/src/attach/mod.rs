//! Attach: a build's tree, or the merged layers of a workspace, becomes files in a directory.
//!
//! `plan` compares with the directory and cuts the work into tasks by pack, `worker` fetches, verifies and writes into a
//! staging directory, `finish` gives everything its name. Until then nothing that the user can see has changed, so a
//! damaged store or a full disk leaves the directory as it was.

mod case;
mod clean;
mod compare;
mod compared;
mod coverage;
mod cut;
mod directories;
mod finish;
mod layout;
mod open_directories;
mod plan;
mod request;
mod rest;
mod sparse;
mod staging;
mod task;
mod unwritable;
mod worker;

pub use finish::{Attached, finish};
pub use layout::Layout;
pub use plan::plan;
pub(crate) use plan::plan_downloads;
pub use request::Attach;
pub(crate) use rest::Rest;
pub use staging::{abandon, abandon_plan};
pub use worker::Worker;

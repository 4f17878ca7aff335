//! Plain artifacts become files: each is downloaded whole, under its path.
//!
//! CircleCI says neither size nor digest, so what is there cannot be compared, and every file is written anew. What holds
//! for a tree holds here as well: paths cannot leave the directory, nothing is seen before all of it is there.

mod finish;
mod plan;
mod task;
mod worker;

pub use finish::{Downloaded, abandon, finish};
pub use plan::{PlannedDownload, entries, plan};
pub use worker::run;

//! Plain artifacts become files: each is downloaded whole, under its path.
//!
//! CircleCI says neither size nor digest, so existing files cannot be compared, and every file is written. The rules of a
//! tree hold here as well: paths cannot leave the directory, and nothing becomes visible before all bytes have arrived.

mod finish;
mod plan;
mod task;
mod worker;

pub use finish::{Downloaded, abandon, finish};
pub use plan::{PlannedDownload, entries, plan};
pub use worker::run;

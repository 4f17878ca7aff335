//! Persist: files of a directory become packs, a tree, and the record of a build.
//!
//! `plan` walks and cuts the work into tasks, `worker` reads, hashes, deduplicates and compresses, `finish` puts the
//! tree together, with `repair` and `assemble`, and `commit` makes it a build. The base, what the store already has of
//! this artifact, is in `base`.

mod assemble;
mod base;
mod commit;
mod existing;
mod finish;
mod gathered;
mod item;
mod other_jobs;
mod overlay;
mod pack_check;
mod plan;
mod previous;
mod repair;
mod request;
mod rest;
mod restore;
mod tasks;
mod walk;
mod walk_report;
mod worker;

pub use finish::{Persisted, StoredAgain, finish};
pub use plan::plan;
pub use request::{IfNoFiles, Persist, SpecialFiles};
pub use worker::Worker;

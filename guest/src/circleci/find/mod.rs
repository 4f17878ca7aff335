//! The jobs that a selector means, as the API answers now.
//!
//! | selector | requests until the job is known |
//! |---|---|
//! | `latest` | 2 or 3 where v1.1 serves, and more where an old pipeline was run again (`by_branch.rs`); else 1 + 2 for each pipeline that is looked into (`by_pipeline.rs`) |
//! | `build:N` | 1 |
//! | `sha:…`, `tag:…` | 1 for each 20 pipelines or so, all of the newest 100 for fewer than 40 digits, and 2 for the one that fits |
//! | `workflow:ID`, `workspace` | 1 |
//!
//! Jobs are ordered by pipeline, then by number: a rerun of an old pipeline has a high number, and is old all the same.

mod by_branch;
mod by_pipeline;
mod scope;
mod searched;

pub(super) use scope::{Candidates, Matches, find};

//! CircleCI: what its API says, and what its jobs stored as artifacts.
//!
//! A job's artifacts are one of two things, which `open.rs` distinguishes: a baton store that was persisted to a
//! directory and stored as it is, which is read as any store is (`store.rs`); or plain files, which are attached under
//! their paths (`plain/`). Which job is meant is decided from what the API says at that moment (`find/`), not from a
//! variable that somebody has set.
//!
//! Nothing here has a token, or could tell one: the host adds it to the requests that it belongs to. Nor does anything
//! here decide which servers may be asked: the host does, and refuses the others.

mod api;
mod artifacts;
mod content_range;
mod download;
mod find;
mod job;
mod open;
pub mod plain;
mod retry;
mod send;
mod set_latest;
mod slug;
mod source;
mod store;
mod url;

pub use artifacts::Artifact;
pub use job::Job;
pub use open::{Artifacts, open, resolve, store_of};
pub use set_latest::{LatestSet, SetLatest, set_latest};
pub use slug::Slug;
pub use source::{PinnedBuild, Source, not_listed, only_plain, read_only};
pub use store::{ArtifactStore, Index};

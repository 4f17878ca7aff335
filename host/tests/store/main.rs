//! Object stores: what a store must do, and what becomes of a run when a network or a server does wrong. Against SeaweedFS,
//! which these tests install and start, and through a proxy that does the wrong.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod clouds;
mod conformance;
mod proxies;
#[path = "../servers/mod.rs"]
mod servers;

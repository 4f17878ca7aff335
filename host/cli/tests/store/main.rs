//! Object stores: what a store must do, and what becomes of a run when a network or a server does wrong. Against SeaweedFS,
//! which these tests install and start, and through a proxy that does the wrong.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use baton_testkit::{files, on_bucket as place, servers};

mod clouds;
mod conformance;
mod credentials;
mod faults;
mod outages;
mod proxies;
mod refusals;
mod requests;
mod scene;
mod secrets;
mod unusual;
